#include "hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_START 1024

int hash_init(struct hash *h)
{
    *h = (struct hash){ .slots = calloc(SLOTS_START, sizeof(*h->slots)), .slot_count = SLOTS_START };
    return h->slots ? 0 : -ENOMEM;
}

void hash_free(struct hash *h)
{
    free(h->slots);
}

/* All bits of the product count for all bits of the result. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_endpoint(uint64_t seed, const struct endpoint *e)
{
    uint64_t words[2];

    memcpy(words, e->addr.bytes, sizeof(words));
    return mix(mix(words[0] ^ seed, words[1] ^ 0x9e3779b97f4a7c15) ^ e->port, seed | 1);
}

uint32_t hash_of(uint64_t seed, const struct endpoint *a, const struct endpoint *b, uint64_t network)
{
    uint64_t sum;

    seed ^= 0xa0761d6478bd642f; /* a factor must not be 0 */
    sum = hash_endpoint(seed, a) + hash_endpoint(seed, b);

    return (uint32_t)mix(sum ^ network, 0xd6e8feb86659fd93);
}

/* There is room. */
static void put(struct hash *h, uint32_t hash, uint32_t place)
{
    const uint32_t mask = h->slot_count - 1;
    uint32_t i = hash & mask;

    while (h->slots[i].place)
        i = (i + 1) & mask;
    h->slots[i] = (struct hash_slot){ .hash = hash, .place = place };
}

static void grow(struct hash *h)
{
    struct hash grown = { .slot_count = h->slot_count * 2, .count = h->count };

    grown.slots = calloc(grown.slot_count, sizeof(*grown.slots));
    if (!grown.slots)
        return;
    for (uint32_t i = 0; i < h->slot_count; i++)
        if (h->slots[i].place)
            put(&grown, h->slots[i].hash, h->slots[i].place);
    hash_free(h);
    *h = grown;
}

bool hash_add(struct hash *h, uint32_t hash, uint32_t place)
{
    if (h->count >= h->slot_count / 4 * 3)
        grow(h);
    if (h->count + 1 >= h->slot_count) /* one is always empty: there a search ends */
        return false;
    put(h, hash, place);
    h->count++;
    return true;
}

void hash_remove(struct hash *h, uint32_t hash, uint32_t place)
{
    const uint32_t mask = h->slot_count - 1;
    uint32_t hole = hash & mask;

    while (h->slots[hole].place != place)
        hole = (hole + 1) & mask;
    /* what stands behind moves up where a search would otherwise end before it */
    for (uint32_t i = (hole + 1) & mask; h->slots[i].place; i = (i + 1) & mask) {
        if (((i - h->slots[i].hash) & mask) < ((i - hole) & mask))
            continue;
        h->slots[hole] = h->slots[i];
        hole = i;
    }
    h->slots[hole].place = 0;
    h->count--;
}
