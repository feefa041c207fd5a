#include "listeners.h"

#include <string.h>

void listeners_init(struct listeners *l)
{
    strcpy(l->at[LISTENERS_OTHER].address, "other");
}

/* The first socket whose number is not below. */
static unsigned lower_bound(const struct listeners *l, uint32_t number)
{
    unsigned low = 0, high = l->socket_count;

    while (low < high) {
        const unsigned middle = (low + high) / 2;

        if (l->sockets[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct listener_socket *find(struct listeners *l, uint32_t number)
{
    const unsigned i = lower_bound(l, number);

    return i < l->socket_count && l->sockets[i].number == number ? &l->sockets[i] : NULL;
}

static void fold(struct listeners *l, struct listener_figures *f)
{
    struct listener_figures *other = &l->at[LISTENERS_OTHER];

    for (unsigned i = 0; i < QUEUE_WHY_N; i++)
        other->events[i] += f->events[i];
    for (unsigned i = 0; i < CAUSE_N; i++)
        other->drops[i] += f->drops[i];
    histogram_add(&other->waited, &f->waited);
    memset(f, 0, sizeof(*f));
    l->folded++;
}

/* The place of an address; where there is no room, that of one where nobody listens, for the longest time. */
static unsigned place_of(struct listeners *l, const struct endpoint *at)
{
    char address[ENDPOINT_TEXT_MAX];
    unsigned unused = LISTENERS_OTHER, place = LISTENERS_OTHER;

    endpoint_format(at, address);
    for (unsigned i = 1; i <= LIMIT_METRICS_ADDRESSES; i++) {
        const struct listener_figures *f = &l->at[i];

        if (strcmp(f->address, address) == 0)
            return i;
        if (!f->address[0] && !place)
            place = i;
        if (f->address[0] && !f->sockets && (!unused || f->ended < l->at[unused].ended))
            unused = i;
    }
    if (!place && unused) {
        fold(l, &l->at[unused]);
        place = unused;
    }
    if (place)
        strcpy(l->at[place].address, address);
    return place;
}

static struct listener_socket *add(struct listeners *l, const struct change *c)
{
    const unsigned i = lower_bound(l, c->listener);
    struct listener_socket *s = &l->sockets[i];

    if (l->socket_count == LIMIT_METRICS_LISTENERS)
        return NULL;
    memmove(s + 1, s, (l->socket_count - i) * sizeof(*s));
    l->socket_count++;
    *s = (struct listener_socket){ .number = c->listener, .place = place_of(l, &c->listening.addr) };
    l->at[s->place].sockets++;
    return s;
}

static void close_socket(struct listeners *l, struct listener_socket *s)
{
    struct listener_figures *f = &l->at[s->place];

    f->ended = ++l->closed;
    f->sockets--;
    memmove(s, s + 1, (size_t)(l->sockets + l->socket_count - (s + 1)) * sizeof(*s));
    l->socket_count--;
}

static void take_listener(struct listeners *l, const struct change *c)
{
    struct listener_socket *s = find(l, c->listener);

    if (c->listening.closed) {
        if (s)
            close_socket(l, s);
        return;
    }
    if (!s) {
        s = add(l, c);
        l->beyond += !s || s->place == LISTENERS_OTHER;
    }
    if (s)
        s->limit = c->listening.backlog + 1;
}

static void take_queue(struct listeners *l, const struct change *c)
{
    struct listener_socket *s = find(l, c->listener);
    struct listener_figures *f = &l->at[s ? s->place : LISTENERS_OTHER];

    f->events[c->queue.why]++;
    if (c->queue.why == QUEUE_OVERFLOW)
        f->drops[c->queue.cause]++;
    if (c->queue.waited_ns)
        histogram_observe(&f->waited, histogram_short_ns, c->queue.waited_ns);
    if (!s)
        return;
    if (c->queue.why == QUEUE_SAMPLE) {
        f->drops[CAUSE_NONE] += c->queue.drops - s->sampled_drops;
        s->sampled_drops = c->queue.drops;
    }
    s->syn = c->queue.syn;
    s->accept = c->queue.accept;
    s->limit = c->queue.limit;
}

void listeners_take(struct listeners *l, const struct change *change)
{
    if (change->kind == CHANGE_LISTENER)
        take_listener(l, change);
    else
        take_queue(l, change);
}

void listeners_sum(struct listeners *l)
{
    for (unsigned i = 0; i <= LIMIT_METRICS_ADDRESSES; i++)
        l->at[i].syn = l->at[i].accept = l->at[i].limit = 0;
    for (unsigned i = 0; i < l->socket_count; i++) {
        struct listener_figures *f = &l->at[l->sockets[i].place];

        f->syn += l->sockets[i].syn;
        f->accept += l->sockets[i].accept;
        f->limit += l->sockets[i].limit;
    }
}
