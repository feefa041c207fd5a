#include "tcplens/base/slab.h"

#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <sys/mman.h>
#endif

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif

#define ALIGNMENT 16
#define CHUNK_OBJECTS (1u << SLAB_CHUNK_BITS)

void slab_init(struct slab *s, size_t size)
{
    *s = (struct slab){ .size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, .used = 1 };
}

static size_t chunk_bytes(const struct slab *s)
{
    return CHUNK_OBJECTS * s->size;
}

#ifdef __linux__
/* Where a slab has come to need more than one, huge pages save a fault for each of its pages. */
static char *map_chunk(const struct slab *s)
{
    char *chunk = mmap(NULL, chunk_bytes(s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (chunk == MAP_FAILED)
        return NULL;
    if (s->chunk_count)
        (void)madvise(chunk, chunk_bytes(s), MADV_HUGEPAGE); /* where there is no such thing it goes without */
    return chunk;
}

static void unmap_chunk(const struct slab *s, char *chunk)
{
    munmap(chunk, chunk_bytes(s));
}
#else
static char *map_chunk(const struct slab *s)
{
    return calloc(1, chunk_bytes(s));
}

static void unmap_chunk(const struct slab *s, char *chunk)
{
    (void)s;
    free(chunk);
}
#endif

static int add_chunk(struct slab *s)
{
    char **chunks = realloc(s->chunks, (s->chunk_count + 1) * sizeof(*chunks)), *chunk;

    if (!chunks)
        return -1;
    s->chunks = chunks;
    chunk = map_chunk(s);
    if (!chunk)
        return -1;
    s->chunks[s->chunk_count++] = chunk;
    return 0;
}

uint32_t slab_take(struct slab *s)
{
    uint32_t place = s->given_back;

    if (place) {
        void *object = slab_at(s, place);

        ASAN_UNPOISON_MEMORY_REGION(object, s->size);
        memcpy(&s->given_back, object, sizeof(s->given_back));
        memset(object, 0, s->size);
        return place;
    }
    if (s->used == UINT32_MAX || (s->used >> SLAB_CHUNK_BITS == s->chunk_count && add_chunk(s) < 0))
        return 0;
    return s->used++;
}

void slab_give(struct slab *s, uint32_t place)
{
    void *object = slab_at(s, place);

    memcpy(object, &s->given_back, sizeof(s->given_back));
    s->given_back = place;
    ASAN_POISON_MEMORY_REGION(object, s->size);
}

void slab_free(struct slab *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        ASAN_UNPOISON_MEMORY_REGION(s->chunks[i], chunk_bytes(s));
        unmap_chunk(s, s->chunks[i]);
    }
    free(s->chunks);
    slab_init(s, s->size);
}
