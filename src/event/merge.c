/* A queue per witness, kept sorted by inserting from the back: a source is nearly sorted, so that the place is found in
 * a step or two. Letting go takes the earliest of the heads. Equal times keep the order of the witnesses in the enum
 * (kernel first) and, inside one, the order of arrival.
 *
 * One time is put right: tcp_send_active_reset() tells of its RST after it is sent, and over loopback the peer has got
 * it, and told so, by then. It is given the place before that. */
#include "tcplens/event/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_START 1024
#define RESET_LOOK_BACK 64 /* events between the two, at the most: other processors go on meanwhile */

struct queue {
    struct event *items; /* ring of size entries, a power of two */
    size_t size, head, count;
};

struct merge {
    struct queue queues[WITNESS_N];
    size_t count, max;
    uint64_t released_ns; /* the latest that was let go */
    event_fn emit;
    void *arg;
};

static struct event *at(struct queue *q, size_t i)
{
    return &q->items[(q->head + i) & (q->size - 1)];
}

static int grow(struct queue *q)
{
    size_t size = q->size ? q->size * 2 : QUEUE_START;
    struct event *items = malloc(size * sizeof(*items));

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < q->count; i++)
        items[i] = *at(q, i);
    free(q->items);
    q->items = items;
    q->size = size;
    q->head = 0;
    return 0;
}

int merge_new(size_t max, event_fn emit, void *arg, struct merge **ret_merge)
{
    struct merge *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    m->max = max;
    m->emit = emit;
    m->arg = arg;
    *ret_merge = m;
    return 0;
}

static void release_one(struct merge *m, struct queue *q)
{
    struct event *e = at(q, 0);

    e->late = e->ts_ns < m->released_ns;
    if (!e->late)
        m->released_ns = e->ts_ns;
    m->emit(m->arg, e);
    q->head = (q->head + 1) & (q->size - 1);
    q->count--;
    m->count--;
}

static struct queue *earliest(struct merge *m)
{
    struct queue *best = NULL;

    for (unsigned i = 0; i < WITNESS_N; i++) {
        struct queue *q = &m->queues[i];

        if (q->count && (!best || at(q, 0)->ts_ns < at(best, 0)->ts_ns))
            best = q;
    }
    return best;
}

static bool got_reset_of(const struct event *received, const struct event *sent)
{
    return received->kind == EVENT_RESET && !received->reset.sent && received->netns == sent->netns &&
           endpoint_equal(&received->local, &sent->remote) && endpoint_equal(&received->remote, &sent->local);
}

/* Not later than its effect, where that is held. */
static uint64_t time_of_reset(struct queue *q, const struct event *sent)
{
    const size_t stop = q->count > RESET_LOOK_BACK ? q->count - RESET_LOOK_BACK : 0;

    for (size_t i = q->count; i > stop; i--)
        if (got_reset_of(at(q, i - 1), sent) && at(q, i - 1)->ts_ns <= sent->ts_ns)
            return at(q, i - 1)->ts_ns - 1;
    return sent->ts_ns;
}

void merge_put(struct merge *m, const struct event *event)
{
    struct queue *q = &m->queues[event->source];
    uint64_t ts_ns = event->ts_ns;
    size_t i;

    if (event->kind == EVENT_RESET && event->reset.sent)
        ts_ns = time_of_reset(q, event);

    if (q->count == q->size && grow(q) < 0) {
        /* no memory to wait with: out of order is better than lost */
        if (!q->count) {
            struct event e = *event;

            e.late = e.ts_ns < m->released_ns;
            m->emit(m->arg, &e);
            return;
        }
        release_one(m, q);
    }
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all of q->count are set
    for (i = q->count; i > 0 && at(q, i - 1)->ts_ns > ts_ns; i--)
        *at(q, i) = *at(q, i - 1);
    *at(q, i) = *event;
    at(q, i)->ts_ns = ts_ns;
    q->count++;
    m->count++;
    if (m->count > m->max)
        release_one(m, earliest(m));
}

void merge_release(struct merge *m, uint64_t ts_ns)
{
    struct queue *q;

    while ((q = earliest(m)) && (at(q, 0)->ts_ns < ts_ns || ts_ns == UINT64_MAX))
        release_one(m, q);
}

struct merge *merge_free(struct merge *m)
{
    if (!m)
        return NULL;
    for (unsigned i = 0; i < WITNESS_N; i++)
        free(m->queues[i].items);
    free(m);
    return NULL;
}
