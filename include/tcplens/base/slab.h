/* Many objects of one size: no header each, memory that was given back is used again first. */
#ifndef TCPLENS_BASE_SLAB_H
#define TCPLENS_BASE_SLAB_H

#include <stddef.h>

struct slab_chunk;

struct slab {
    size_t size;               /* of an object, in bytes, alignment included */
    struct slab_chunk *chunks; /* newest first; objects are cut from that one */
    size_t used;               /* bytes of it */
    void *given_back;          /* objects, each beginning with a pointer to the next */
};

/* size: > 0. */
void slab_init(struct slab *slab, size_t size);
/* One object, all zeros; NULL: out of memory. */
void *slab_take(struct slab *slab) __attribute__((warn_unused_result));
/* object: from slab_take() of the same slab. */
void slab_give(struct slab *slab, void *object);
/* All objects cease to exist. */
void slab_free(struct slab *slab);

#endif
