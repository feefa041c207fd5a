#include "registry.h"

#include <stdlib.h>

#include "tcplens/base/limits.h"

static unsigned bucket_of(uint64_t cookie)
{
    return (unsigned)((cookie * 0x9e3779b97f4a7c15ull) >> 54);
}
_Static_assert(REGISTRY_BUCKETS == 1 << 10, "bucket_of takes ten bits");

struct listener *registry_find(const struct registry *r, uint64_t cookie)
{
    for (struct listener *l = r->buckets[bucket_of(cookie)]; l; l = l->hash_next)
        if (l->cookie == cookie)
            return l;
    return NULL;
}

const struct listener *registry_at(const struct registry *r, const struct endpoint *local, uint32_t netns)
{
    for (unsigned i = 0; i < REGISTRY_BUCKETS; i++)
        for (const struct listener *l = r->buckets[i]; l; l = l->hash_next)
            if (l->netns == netns && l->addr.port == local->port && addr_fit(&l->addr.addr, &local->addr))
                return l;
    return NULL;
}

struct listener *registry_add(struct registry *r, uint64_t cookie)
{
    struct listener **bucket = &r->buckets[bucket_of(cookie)];
    struct listener *l = r->count < LIMIT_LISTENERS ? calloc(1, sizeof(*l)) : NULL;

    if (!l) {
        r->refused++;
        return NULL;
    }
    l->cookie = cookie;
    l->number = ++r->number;
    l->hash_next = *bucket;
    *bucket = l;
    r->count++;
    return l;
}

void registry_remove(struct registry *r, struct listener *l)
{
    struct listener **p = &r->buckets[bucket_of(l->cookie)];

    while (*p != l)
        p = &(*p)->hash_next;
    *p = l->hash_next;
    r->count--;
    free(l);
}

void registry_free(struct registry *r)
{
    for (unsigned i = 0; i < REGISTRY_BUCKETS; i++) {
        for (struct listener *l = r->buckets[i], *next; l; l = next) {
            next = l->hash_next;
            free(l);
        }
    }
}

enum cause queue_drop_cause(const struct queue_depth *d, bool of_ack)
{
    const uint32_t limit = d->backlog + 1;

    if (d->signature)
        return CAUSE_SIGNATURE_REFUSED;
    if (d->accept >= limit)
        return CAUSE_ACCEPT_QUEUE_FULL;
    if (of_ack && d->deferred)
        return CAUSE_DEFERRED;
    if (d->syn + 1 >= limit)
        return CAUSE_SYN_QUEUE_FULL;
    /* without cookies the last quarter is kept for peers that have shown before that they are there */
    if (!of_ack && !d->cookies && d->max_syn_backlog && d->max_syn_backlog < d->syn + (d->max_syn_backlog >> 2))
        return CAUSE_SYN_BACKLOG_FULL;
    return CAUSE_LISTENER_DROPPED;
}
