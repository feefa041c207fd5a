/* The connections that are followed: found by their endpoints, and kept in lists in the order of their last event. */
#ifndef TCPLENS_CONN_TABLE_H
#define TCPLENS_CONN_TABLE_H

#include "ends.h"
#include "hash.h"
#include "stream.h"

#include "tcplens/event/event.h"

/* A connection is in one of these. */
enum table_list {
    LIST_LIVE,
    LIST_UNSETTLED, /* live, and its witnesses differ: perhaps for a moment */
    LIST_WAITING,   /* over but for TIME-WAIT, of which only packets tell */
    LIST_CLOSED,    /* over: stragglers may come */
    LIST_N
};

/* What every part of the engine may know of a connection. */
struct conn {
    struct endpoint endpoint[END_N];
    uint32_t number, netns;
    uint32_t place;      /* its own, in the table */
    uint32_t prev, next; /* in its list */
    uint32_t rare;       /* place in table.rare, as struct stream_room has it */
    uint8_t list;        /* enum table_list */
    bool superseded : 1; /* a newer connection has the same endpoints */
    bool forgotten  : 1; /* it made way for another: there were too many */
    /* A socket that connected to itself is both ends: what it sends, each of them sends, and each of them gets. */
    bool self : 1;
    uint16_t tunnel; /* number of what carries it; 0: nothing */
    struct ends ends;
    struct streams streams;
};

struct table {
    struct slab conns, rare; /* objects that begin with a struct conn; struct stream_rare[END_N] */
    struct hash hash;
    uint64_t seed;
    bool any_netns; /* endpoints alone tell connections apart */
    struct {
        uint32_t first, last; /* places */
    } lists[LIST_N];
    uint32_t number; /* of the newest connection */
};

/* conn_size: bytes of an object that begins with a struct conn. 0 or -ENOMEM. */
int table_init(struct table *t, size_t conn_size, uint64_t seed) __attribute__((warn_unused_result));
void table_free(struct table *t);
static inline size_t table_count(const struct table *t)
{
    return t->hash.count;
}

/* Endpoints are those of a network namespace and, where packets are carried by others, of a tunnel. */
static inline uint64_t table_network(uint32_t netns, uint16_t tunnel)
{
    return (uint64_t)tunnel << 32 | netns;
}

static inline uint16_t table_tunnel(const struct event *e)
{
    return e->tunnel ? e->tunnel->number : 0;
}

/* The hash of the endpoints of an event, whichever end sees it. */
static inline uint32_t table_hash(const struct table *t, const struct event *e)
{
    return hash_of(t->seed, &e->local, &e->remote, table_network(t->any_netns ? 0 : e->netns, table_tunnel(e)));
}

/* A new one, between the endpoints of an event, in no list; all else is zeros. hash: that of the event. NULL: out of
 * memory. */
struct conn *table_add(struct table *t, uint32_t hash, const struct event *e, bool local_is_client);
void table_remove(struct table *t, struct conn *c);

/* A walk over the connections that have the endpoints of an event, in this role or the other. */
struct table_walk {
    uint32_t hash, slot;
};
static inline struct table_walk table_walk(const struct table *t, uint32_t hash)
{
    return (struct table_walk){ .hash = hash, .slot = hash & (t->hash.slot_count - 1) };
}
/* NULL: no more. */
struct conn *table_next(const struct table *t, const struct event *e, struct table_walk *walk);

/* Puts it at the end of a list, from whichever it was in; takes it out of that. */
void table_put(struct table *t, struct conn *c, enum table_list list);
void table_take_out(struct table *t, struct conn *c);
/* The one whose last event is oldest; NULL: the list is empty. */
struct conn *table_first(const struct table *t, enum table_list list);
/* The one behind it in its list; NULL: it is the last. */
struct conn *table_behind(const struct table *t, const struct conn *c);
/* Of all lists. */
struct conn *table_oldest(const struct table *t);

static inline enum end conn_end_of(const struct conn *c, const struct endpoint *local)
{
    return endpoint_equal(&c->endpoint[END_CLIENT], local) ? END_CLIENT : END_SERVER;
}

#endif
