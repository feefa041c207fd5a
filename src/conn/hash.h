/* Finding a connection. A slot holds the hash and half a pointer, so that eight of them share a cache line and a lookup
 * that finds nothing, as that of each new connection, touches none of the others. */
#ifndef TCPLENS_CONN_HASH_H
#define TCPLENS_CONN_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"

/* Open addressing, linear probing. A slot is empty where place is 0; it is looked for from the low bits of its hash on. */
struct hash_slot {
    uint32_t hash, place;
};

struct hash {
    struct hash_slot *slots;
    uint32_t slot_count, count; /* slot_count is a power of two */
};

/* 0 or -ENOMEM. */
int hash_init(struct hash *h) __attribute__((warn_unused_result));
void hash_free(struct hash *h);
/* Symmetric: both directions, and both ends' view, give the same value. network: what the endpoints belong to. */
uint32_t hash_of(uint64_t seed, const struct endpoint *a, const struct endpoint *b, uint64_t network);
/* False: out of memory. */
bool hash_add(struct hash *h, uint32_t hash, uint32_t place);
/* It is there. */
void hash_remove(struct hash *h, uint32_t hash, uint32_t place);

#endif
