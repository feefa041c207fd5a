/* Many objects of one size, each known by its place, a number from 1: half a pointer. No header each; what was given
 * back is used again first; an object never moves. */
#ifndef TCPLENS_BASE_SLAB_H
#define TCPLENS_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_CHUNK_BITS 12 /* objects in a chunk, as a power of two */

struct slab {
    size_t size; /* of an object, in bytes, alignment included */
    char **chunks;
    uint32_t chunk_count, used; /* used: places ever taken, with 0, which is none */
    uint32_t given_back;        /* the place of one, which begins with that of the next; 0: none */
};

/* size: > 0. */
void slab_init(struct slab *slab, size_t size);
/* The place of an object that is all zeros; 0: out of memory. */
uint32_t slab_take(struct slab *slab) __attribute__((warn_unused_result));
/* place: from slab_take() of the same slab. */
void slab_give(struct slab *slab, uint32_t place);
/* All objects cease to exist. */
void slab_free(struct slab *slab);

/* place: from slab_take(). */
static inline void *slab_at(const struct slab *slab, uint32_t place)
{
    return slab->chunks[place >> SLAB_CHUNK_BITS] + (place & ((1u << SLAB_CHUNK_BITS) - 1)) * slab->size;
}

#endif
