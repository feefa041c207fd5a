#include "listener.h"

static void tell_listener(const struct listener_step *s, const struct listener *l, bool before_trace, bool closed)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_LISTENER);
    change.listener = l->number;
    change.listening.addr = l->addr;
    change.listening.backlog = l->backlog;
    change.listening.netns = l->netns;
    change.listening.owner = l->owner;
    change.listening.opened_by = l->opened_by;
    change.listening.handed_on = l->handed_on;
    change.listening.before_trace = before_trace;
    change.listening.closed = closed;
    emit(s->out, s->event->ts_ns, &change);
}

static void tell_queue(const struct listener_step *s, const struct listener *l, const struct queue_depth *depth,
                       uint32_t conn, enum queue_why why)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_QUEUE);
    if (why == QUEUE_OVERFLOW)
        change.queue.cause = queue_drop_cause(&s->event->queue.depth, s->event->queue.of_ack);
    if (change.queue.cause == CAUSE_SYN_BACKLOG_FULL)
        change.queue.max_syn_backlog = depth->max_syn_backlog;
    change.listener = l->number;
    change.conn = conn;
    change.queue.syn = depth->syn;
    change.queue.accept = depth->accept;
    change.queue.limit = l->backlog + 1;
    /* the socket counts an ACK that it drops twice (tcp_v4_rcv(), tcp_v4_syn_recv_sock()); but a sample has nothing else */
    change.queue.drops = why == QUEUE_SAMPLE ? depth->drops - l->drops_start : l->dropped;
    change.queue.why = why;
    change.queue.waited_ns = why == QUEUE_ACCEPT ? s->waited_ns : 0;
    emit(s->out, s->event->ts_ns, &change);
}

static struct listener *add(const struct listener_step *s, uint64_t cookie, const struct endpoint *addr)
{
    struct listener *l = registry_add(s->registry, cookie);

    if (l) {
        l->addr = *addr;
        l->netns = s->event->netns;
    }
    return l;
}

void listener_opened(const struct listener_step *s)
{
    const struct event *e = s->event;
    struct listener *l = registry_find(s->registry, e->cookie);

    if (!l)
        l = add(s, e->cookie, &e->local);
    if (!l)
        return;
    l->addr = e->local;
    l->netns = e->netns;
    l->backlog = e->sock.depth.backlog;
    l->drops_start = e->sock.depth.drops;
    l->owner = e->sock.task;
    tell_listener(s, l, false, false);
}

void listener_existed(const struct listener_step *s)
{
    const struct event *e = s->event;
    struct listener *l;

    if (registry_find(s->registry, e->cookie))
        return;
    l = add(s, e->cookie, &e->local);
    if (!l)
        return;
    l->backlog = e->snapshot.depth.backlog;
    l->drops_start = e->snapshot.depth.drops;
    l->owner = e->snapshot.owner;
    tell_listener(s, l, true, false);
}

void listener_sampled(const struct listener_step *s)
{
    const struct event *e = s->event;
    const struct queue_depth *depth = &e->snapshot.depth;
    struct listener *l = registry_find(s->registry, e->cookie);
    const bool known = l, fresh = e->snapshot.fresh;

    if (!l) {
        l = add(s, e->cookie, &e->local);
        if (!l)
            return;
        l->drops_start = fresh ? 0 : depth->drops; /* it began since: all of them count */
    }
    if (!known || l->backlog != depth->backlog) {
        l->backlog = depth->backlog;
        tell_listener(s, l, !known && !fresh, false);
    }
    if (known || depth->syn || depth->accept || depth->drops != l->drops_start)
        tell_queue(s, l, depth, 0, QUEUE_SAMPLE);
}

uint32_t listener_closed(const struct listener_step *s)
{
    const struct queue_depth *depth = &s->event->sock.depth;
    struct listener *l = registry_find(s->registry, s->event->cookie);
    uint32_t number;

    if (!l)
        return 0;
    number = l->number;
    /* who waits in its accept queue is reset; its requests end in silence */
    if (depth->syn || depth->accept)
        tell_queue(s, l, depth, 0, QUEUE_CLOSED);
    tell_listener(s, l, false, true);
    registry_remove(s->registry, l);
    return number;
}

const struct listener *listener_of_queue(const struct listener_step *s, bool had_one)
{
    const struct queue_depth *depth = &s->event->queue.depth;
    struct listener *l = registry_find(s->registry, depth->listener);
    const bool known = l;

    if (!l && had_one)
        return NULL;
    if (!l) {
        l = add(s, depth->listener, &depth->addr);
        if (!l)
            return NULL;
        l->drops_start = depth->drops;
    }
    /* A second listen() changes the backlog without any event of its own. */
    if (!known || l->backlog != depth->backlog) {
        l->backlog = depth->backlog;
        tell_listener(s, l, !known, false);
    }
    return l;
}

void listener_owned(const struct listener_step *s, const struct task *owner)
{
    struct listener *l = registry_find(s->registry, s->event->cookie);

    if (!l || !owner->pid || (owner->pid == l->owner.pid && (l->handed_on || !l->opened_by.pid)))
        return;
    if (l->owner.pid && !l->opened_by.pid)
        l->opened_by = l->owner;
    l->owner = *owner;
    l->handed_on = true;
    tell_listener(s, l, false, false);
}

/* Of several processes that take connections (prefork) the first is as good as any. */
static void taken_by(const struct listener_step *s, struct listener *l)
{
    const struct task *task = &s->event->queue.call.task;

    if (!task->pid || !l->owner.pid || task->pid == l->owner.pid || l->opened_by.pid)
        return;
    l->opened_by = l->owner;
    l->owner = *task;
    tell_listener(s, l, false, false);
}

void listener_queue(const struct listener_step *s, uint64_t cookie, uint32_t conn, enum queue_why why)
{
    struct listener *l = registry_find(s->registry, cookie);

    if (!l)
        return;
    if (why == QUEUE_ACCEPT)
        taken_by(s, l);
    l->dropped += why == QUEUE_OVERFLOW;
    tell_queue(s, l, &s->event->queue.depth, conn, why);
}
