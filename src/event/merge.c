/* A queue per witness, kept sorted by inserting from the back: a source is nearly sorted, so that the place is found in
 * a step or two. What a source kept back comes a batch later: it goes into a second queue, for in the first it would push all
 * of the batch along. Letting go takes the earliest of the heads. Equal times keep the order of the witnesses in the enum
 * (kernel first) and, inside one, the order of arrival. */
#include "tcplens/event/merge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_START 1024
#define STEPS_MAX 32

enum { PROMPT, KEPT_BACK, QUEUES_PER_WITNESS };

struct queue {
    struct event *items; /* ring of size entries, a power of two */
    size_t size, head, count;
};

struct merge {
    struct queue queues[WITNESS_N][QUEUES_PER_WITNESS];
    size_t count, max;
    uint64_t released_ns; /* the latest that was let go */
    uint64_t early;       /* let go before their time */
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

    for (unsigned i = 0; i < WITNESS_N * QUEUES_PER_WITNESS; i++) {
        struct queue *q = &m->queues[i / QUEUES_PER_WITNESS][i % QUEUES_PER_WITNESS];

        if (q->count && (!best || at(q, 0)->ts_ns < at(best, 0)->ts_ns))
            best = q;
    }
    return best;
}

/* Its place is further from the back than a few steps. */
static bool was_kept_back(struct queue *q, const struct event *event)
{
    return q->count > STEPS_MAX && at(q, q->count - 1 - STEPS_MAX)->ts_ns > event->ts_ns;
}

void merge_put(struct merge *m, const struct event *event)
{
    struct queue *queues = m->queues[event->source];
    struct queue *q = &queues[was_kept_back(&queues[PROMPT], event) ? KEPT_BACK : PROMPT];
    size_t i;

    if (q->count == q->size && grow(q) < 0) {
        /* no memory to wait with: out of order is better than lost */
        m->early++;
        if (!q->count) {
            struct event e = *event;

            e.late = e.ts_ns < m->released_ns;
            m->emit(m->arg, &e);
            return;
        }
        release_one(m, q);
    }
    // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all of q->count are set
    for (i = q->count; i > 0 && at(q, i - 1)->ts_ns > event->ts_ns; i--)
        *at(q, i) = *at(q, i - 1);
    *at(q, i) = *event;
    q->count++;
    m->count++;
    if (m->count > m->max) {
        m->early++;
        release_one(m, earliest(m));
    }
}

uint64_t merge_early(const struct merge *m)
{
    return m->early;
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
        for (unsigned k = 0; k < QUEUES_PER_WITNESS; k++)
            free(m->queues[i][k].items);
    free(m);
    return NULL;
}
