#include "tcplens/base/slab.h"

#include <stdlib.h>
#include <string.h>

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(p, size) ((void)(p), (void)(size))
#endif

/* Large enough for malloc() to map it: it comes as zeros, and takes memory only where it is written to. */
#define CHUNK_BYTES (512u << 10)
#define ALIGNMENT 16

struct slab_chunk {
    struct slab_chunk *next;
    _Alignas(ALIGNMENT) char objects[];
};

void slab_init(struct slab *s, size_t size)
{
    *s = (struct slab){ .size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT };
}

static size_t chunk_room(const struct slab *s)
{
    return s->size > CHUNK_BYTES ? s->size : CHUNK_BYTES;
}

void *slab_take(struct slab *s)
{
    void *object = s->given_back;

    if (object) {
        ASAN_UNPOISON_MEMORY_REGION(object, s->size);
        memcpy(&s->given_back, object, sizeof(s->given_back));
        return memset(object, 0, s->size);
    }
    if (!s->chunks || chunk_room(s) - s->used < s->size) {
        struct slab_chunk *chunk = calloc(1, sizeof(*chunk) + chunk_room(s));

        if (!chunk)
            return NULL;
        chunk->next = s->chunks;
        s->chunks = chunk;
        s->used = 0;
    }
    object = s->chunks->objects + s->used;
    s->used += s->size;
    return object;
}

void slab_give(struct slab *s, void *object)
{
    memcpy(object, &s->given_back, sizeof(s->given_back));
    s->given_back = object;
    ASAN_POISON_MEMORY_REGION(object, s->size);
}

void slab_free(struct slab *s)
{
    for (struct slab_chunk *chunk = s->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        ASAN_UNPOISON_MEMORY_REGION(chunk->objects, chunk_room(s));
        free(chunk);
    }
    slab_init(s, s->size);
}
