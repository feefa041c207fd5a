/* Listeners and the depth of their two queues. A listener is known by its socket cookie: several can share an address
 * (SO_REUSEPORT), and the address can be used again by another one. */
#include "conn_private.h"

#include <stdlib.h>
#include <string.h>

static struct listener **bucket_of(struct conn_table *t, uint64_t cookie)
{
    return &t->listeners[(cookie * 0x9e3779b97f4a7c15ull) >> 54];
}
_Static_assert(LISTENER_BUCKETS == 1 << 10, "bucket_of takes ten bits");

struct listener *listener_find(struct conn_table *t, uint64_t cookie)
{
    for (struct listener *l = *bucket_of(t, cookie); l; l = l->hash_next)
        if (l->cookie == cookie)
            return l;
    return NULL;
}

struct listener *listener_at(struct conn_table *t, const struct endpoint *local, uint32_t netns)
{
    for (unsigned i = 0; i < LISTENER_BUCKETS; i++) {
        for (struct listener *l = t->listeners[i]; l; l = l->hash_next) {
            if (l->netns == netns && l->addr.port == local->port && addr_fit(&l->addr.addr, &local->addr))
                return l;
        }
    }
    return NULL;
}

static struct listener *listener_new(struct conn_table *t, uint64_t cookie)
{
    struct listener **bucket = bucket_of(t, cookie), *l;

    if (t->listener_count == CONN_LISTENER_MAX)
        return NULL;
    l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->cookie = cookie;
    l->number = ++t->listener_number;
    l->hash_next = *bucket;
    *bucket = l;
    t->listener_count++;
    return l;
}

static void listener_emit(struct conn_table *t, const struct event *e, const struct listener *l, bool before_trace,
                          bool closed)
{
    struct change change;

    change_begin(&change, t, e, CHANGE_LISTENER);
    change.listener = l->number;
    change.listening.addr = l->addr;
    change.listening.backlog = l->backlog;
    change.listening.netns = l->netns;
    change.listening.owner = l->owner;
    change.listening.before_trace = before_trace;
    change.listening.closed = closed;
    change_emit(t, &change);
}

static void queue_emit(struct conn_table *t, const struct event *e, const struct listener *l,
                       const struct queue_depth *depth, uint32_t conn, enum queue_why why)
{
    struct change change;

    change_begin(&change, t, e, CHANGE_QUEUE);
    change.listener = l->number;
    change.conn = conn;
    change.queue.syn = depth->syn;
    change.queue.accept = depth->accept;
    change.queue.limit = l->backlog + 1;
    change.queue.drops = depth->drops - l->drops_start;
    change.queue.why = why;
    change_emit(t, &change);
}

void listener_opened(struct conn_table *t, const struct event *e)
{
    struct listener *l = listener_find(t, e->cookie);

    if (!l)
        l = listener_new(t, e->cookie);
    if (!l)
        return;
    l->addr = e->local;
    l->netns = e->netns;
    l->backlog = e->sock.depth.backlog;
    l->drops_start = e->sock.depth.drops;
    l->owner = e->sock.task;
    listener_emit(t, e, l, false, false);
}

void listener_existed(struct conn_table *t, const struct event *e)
{
    struct listener *l = listener_find(t, e->cookie);

    if (l)
        return;
    l = listener_new(t, e->cookie);
    if (!l)
        return;
    l->addr = e->local;
    l->netns = e->netns;
    l->backlog = e->snapshot.depth.backlog;
    l->drops_start = e->snapshot.depth.drops;
    l->owner = e->snapshot.owner;
    listener_emit(t, e, l, true, false);
}

void listener_sampled(struct conn_table *t, const struct event *e)
{
    const struct queue_depth *depth = &e->snapshot.depth;
    const bool fresh = e->snapshot.fresh;
    struct listener *l = listener_find(t, e->cookie);
    bool known = l;

    if (!l) {
        l = listener_new(t, e->cookie);
        if (!l)
            return;
        l->addr = e->local;
        l->netns = e->netns;
        l->drops_start = fresh ? 0 : depth->drops; /* it began since: all of them count */
    }
    if (!known || l->backlog != depth->backlog) {
        l->backlog = depth->backlog;
        listener_emit(t, e, l, !known && !fresh, false);
    }
    if (known || depth->syn || depth->accept || depth->drops != l->drops_start)
        queue_emit(t, e, l, depth, 0, QUEUE_SAMPLE);
}

void listener_closed(struct conn_table *t, const struct event *e)
{
    struct listener **p = bucket_of(t, e->cookie), *l;

    while (*p && (*p)->cookie != e->cookie)
        p = &(*p)->hash_next;
    l = *p;
    if (!l)
        return;
    /* who waits in its accept queue is reset; its requests end in silence */
    if (e->sock.depth.syn || e->sock.depth.accept)
        queue_emit(t, e, l, &e->sock.depth, 0, QUEUE_CLOSED);
    listener_emit(t, e, l, false, true);
    socket_closed(t, &(struct closed_socket){ .cookie = e->cookie, .listener = l->number });
    *p = l->hash_next;
    t->listener_count--;
    free(l);
}

struct listener *listener_of_queue(struct conn_table *t, const struct event *e, const struct conn *c)
{
    const struct queue_depth *depth = &e->queue.depth;
    struct listener *l = listener_find(t, depth->listener);
    bool known = l;

    if (!l && c && c->kernel->listener)
        return NULL; /* it was closed meanwhile: its SYN queue empties later */
    if (!l) {
        l = listener_new(t, depth->listener);
        if (!l)
            return NULL;
        l->addr = depth->addr;
        l->netns = e->netns;
        l->drops_start = depth->drops;
    }
    /* A second listen() changes the backlog without any event of its own. */
    if (!known || l->backlog != depth->backlog) {
        l->backlog = depth->backlog;
        listener_emit(t, e, l, !known, false);
    }
    return l;
}

void listener_queue(struct conn_table *t, const struct event *e, const struct conn *c, enum queue_why why)
{
    const struct listener *l = listener_of_queue(t, e, c);

    if (l)
        queue_emit(t, e, l, &e->queue.depth, c ? c->number : 0, why);
}

void listener_free_all(struct conn_table *t)
{
    for (unsigned i = 0; i < LISTENER_BUCKETS; i++) {
        for (struct listener *l = t->listeners[i], *next; l; l = next) {
            next = l->hash_next;
            free(l);
        }
    }
}
