#include "table.h"

static struct conn *at(const struct table *t, uint32_t place)
{
    return slab_at(&t->conns, place);
}

int table_init(struct table *t, size_t conn_size, uint64_t seed)
{
    *t = (struct table){ .seed = seed };
    slab_init(&t->conns, conn_size);
    slab_init(&t->rare, END_N * sizeof(struct stream_rare));
    return hash_init(&t->hash);
}

void table_free(struct table *t)
{
    slab_free(&t->conns);
    slab_free(&t->rare);
    hash_free(&t->hash);
}

struct conn *table_add(struct table *t, uint32_t hash, const struct event *e, bool local_is_client)
{
    const uint32_t place = slab_take(&t->conns);
    struct conn *c;

    if (!place)
        return NULL;
    if (!hash_add(&t->hash, hash, place)) {
        slab_give(&t->conns, place);
        return NULL;
    }
    c = at(t, place);
    c->place = place;
    c->number = ++t->number;
    c->netns = e->netns;
    c->tunnel = table_tunnel(e);
    c->endpoint[END_CLIENT] = local_is_client ? e->local : e->remote;
    c->endpoint[END_SERVER] = local_is_client ? e->remote : e->local;
    c->self = endpoint_equal(&e->local, &e->remote);
    c->list = LIST_N;
    return c;
}

void table_take_out(struct table *t, struct conn *c)
{
    if (c->list == LIST_N)
        return;
    *(c->prev ? &at(t, c->prev)->next : &t->lists[c->list].first) = c->next;
    *(c->next ? &at(t, c->next)->prev : &t->lists[c->list].last) = c->prev;
    c->list = LIST_N;
}

void table_remove(struct table *t, struct conn *c)
{
    const uint64_t network = table_network(t->any_netns ? 0 : c->netns, c->tunnel);

    hash_remove(&t->hash, hash_of(t->seed, &c->endpoint[END_CLIENT], &c->endpoint[END_SERVER], network), c->place);
    table_take_out(t, c);
    if (c->rare)
        slab_give(&t->rare, c->rare);
    slab_give(&t->conns, c->place);
}

void table_put(struct table *t, struct conn *c, enum table_list list)
{
    if (c->list == list && t->lists[list].last == c->place)
        return;
    table_take_out(t, c);
    c->list = list;
    c->prev = t->lists[list].last;
    c->next = 0;
    *(c->prev ? &at(t, c->prev)->next : &t->lists[list].first) = c->place;
    t->lists[list].last = c->place;
}

struct conn *table_first(const struct table *t, enum table_list list)
{
    return t->lists[list].first ? at(t, t->lists[list].first) : NULL;
}

struct conn *table_behind(const struct table *t, const struct conn *c)
{
    return c->next ? at(t, c->next) : NULL;
}

struct conn *table_oldest(const struct table *t)
{
    struct conn *found = NULL;

    for (unsigned i = 0; i < LIST_N; i++) {
        struct conn *c = table_first(t, i);

        if (c && (!found || c->ends.last_ns < found->ends.last_ns))
            found = c;
    }
    return found;
}

static bool is_about(const struct table *t, const struct conn *c, const struct event *e)
{
    if ((c->netns != e->netns && !t->any_netns) || c->tunnel != table_tunnel(e))
        return false;
    return (endpoint_equal(&c->endpoint[END_CLIENT], &e->local) &&
            endpoint_equal(&c->endpoint[END_SERVER], &e->remote)) ||
           (endpoint_equal(&c->endpoint[END_SERVER], &e->local) &&
            endpoint_equal(&c->endpoint[END_CLIENT], &e->remote));
}

struct conn *table_next(const struct table *t, const struct event *e, struct table_walk *walk)
{
    const uint32_t mask = t->hash.slot_count - 1;

    while (t->hash.slots[walk->slot].place) {
        const struct hash_slot *slot = &t->hash.slots[walk->slot];

        walk->slot = (walk->slot + 1) & mask;
        if (slot->hash == walk->hash && is_about(t, at(t, slot->place), e))
            return at(t, slot->place);
    }
    return NULL;
}
