/* The kernel's lane: events already name old and new state, so this follows them, ties the three kernel objects of an
 * end into one life, and finds what caused each step. */
#include "conn_private.h"

#include <string.h>

/* include/net/tcp_states.h */
const char *kernel_state_name(enum tcp_state state, enum object object)
{
    static const char *const names[TCP_STATE_N] = {
        [TCP_STATE_CLOSED] = "CLOSE",
        [TCP_STATE_LISTEN] = "LISTEN",
        [TCP_STATE_SYN_SENT] = "SYN_SENT",
        [TCP_STATE_SYN_RECEIVED] = "SYN_RECV",
        [TCP_STATE_ESTABLISHED] = "ESTABLISHED",
        [TCP_STATE_FIN_WAIT_1] = "FIN_WAIT1",
        [TCP_STATE_FIN_WAIT_2] = "FIN_WAIT2",
        [TCP_STATE_CLOSE_WAIT] = "CLOSE_WAIT",
        [TCP_STATE_CLOSING] = "CLOSING",
        [TCP_STATE_LAST_ACK] = "LAST_ACK",
        [TCP_STATE_TIME_WAIT] = "TIME_WAIT",
    };

    if (object == OBJECT_REQUEST)
        return "NEW_SYN_RECV";
    return names[state];
}

/* The record that made an end enter a state: the timer that e is about, a segment of its peer, or what it did itself.
 * 0 where none was seen. */
static uint64_t cause_of(const struct event *e, const struct conn *c, enum end end, enum tcp_state from,
                         enum tcp_state to)
{
    const struct kernel_lane *peer = &c->kernel->end[!end];

    if (e->kind == EVENT_TIMEWAIT_EXPIRED || e->kind == EVENT_TIMEWAIT_KILLED || e->kind == EVENT_REQUEST_EXPIRED)
        return c->kernel->timer;
    switch (to) {
    case TCP_STATE_SYN_RECEIVED: return peer->last_syn;
    case TCP_STATE_ESTABLISHED: return from == TCP_STATE_SYN_RECEIVED ? peer->ack_of_syn : peer->last_syn;
    case TCP_STATE_FIN_WAIT_2: return peer->ack_of_fin;
    case TCP_STATE_CLOSE_WAIT:
    case TCP_STATE_CLOSING: return peer->last_fin;
    case TCP_STATE_TIME_WAIT: return from == TCP_STATE_CLOSING ? peer->ack_of_fin : peer->last_fin;
    case TCP_STATE_CLOSED:
        if (from == TCP_STATE_LAST_ACK && peer->ack_of_fin > peer->last_rst)
            return peer->ack_of_fin;
        return c->reset_by == end ? c->kernel->end[end].last_rst : peer->last_rst;
    default: return 0;
    }
}

static void follow(struct conn_table *t, const struct event *e, struct conn *c, enum end end, enum tcp_state to,
                   enum object object)
{
    struct kernel_lane *k = &c->kernel->end[end];
    const struct tcp_edge *edge;
    struct change change;
    enum tcp_state from;

    /* until now the packets' lane was the better witness of this end */
    conn_account(c, end, e->ts_ns);
    k->seen = true;
    k->object = object;
    from = k->state;
    if (from == to)
        return;
    edge = tcp_fsm_follow(&k->state, to);
    k->previous = from;
    k->retried = k->retried && to == TCP_STATE_CLOSED; /* what went before is no reason */
    if (to == TCP_STATE_ESTABLISHED)
        c->established = true;
    if (to != TCP_STATE_SYN_SENT && to != TCP_STATE_SYN_RECEIVED && to != TCP_STATE_CLOSED)
        k->established = true;
    if (to == TCP_STATE_CLOSING)
        c->closing = true;
    /* of a peer on another host only the effect of its FIN is seen */
    if ((to == TCP_STATE_FIN_WAIT_1 || to == TCP_STATE_CLOSE_WAIT) && c->closed_by == END_UNKNOWN)
        c->closed_by = to == TCP_STATE_FIN_WAIT_1 ? end : !end;
    if (to == TCP_STATE_CLOSED)
        socket_closed(t, &(struct closed_socket){ .cookie = e->cookie, .conn = c->number, .end = end });
    change_begin(&change, t, e, CHANGE_STATE);
    change.conn = c->number;
    change.end = end;
    change.because = cause_of(e, c, end, from, to);
    change.state.from = from;
    change.state.to = to;
    change.state.how = e->source == WITNESS_DIAG ? HOW_SAMPLED : HOW_OBSERVED;
    change.state.source = e->source;
    change.state.kernel_state = kernel_state_name(to, object);
    change.state.object = object;
    change.state.owner = k->owner;
    if (e->kind == EVENT_SOCK_STATE)
        change.state.call = e->sock.call;
    /* figure 5 draws no edge for a reset or for a TIME-WAIT cut short; those it draws to CLOSED tell of other causes */
    if (edge && !(to == TCP_STATE_CLOSED && (c->reset_by != END_UNKNOWN || e->kind == EVENT_TIMEWAIT_KILLED)))
        change.state.rfc = edge->label;
    change_emit(t, &change);
    k->moved = change.n;
}

/* The end lives on in another object, its state unchanged. */
void kernel_hand_over(struct conn_table *t, const struct event *e, struct conn *c, enum end end, enum object to)
{
    struct kernel_lane *k = &c->kernel->end[end];
    struct change change;

    if (k->object == to)
        return;
    if (k->object != OBJECT_NONE) {
        change_begin(&change, t, e, CHANGE_OBJECT);
        change.conn = c->number;
        change.end = end;
        change.object.from = k->object;
        change.object.to = to;
        change.object.state = k->state;
        change.object.kernel_state = kernel_state_name(k->state, to);
        change_emit(t, &change);
    }
    k->object = to;
}

/* The connection an event is about; one that was not seen to begin is introduced as older than the trace. */
static struct conn *conn_of(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);
    bool serves;

    if (c)
        return c;
    serves = listener_at(t, &e->local, e->netns) != NULL;
    return conn_new(t, e, !serves, true, !serves);
}

static void on_connect(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);
    struct kernel_lane *k;

    if (c && (c->kernel->end[conn_end_of(c, &e->local)].seen || conn_over(c)))
        c = conn_supersede(t, c, e->ts_ns);
    if (!c)
        c = conn_new(t, e, true, false, false);
    if (!c)
        return;
    k = &c->kernel->end[conn_end_of(c, &e->local)];
    k->owner = e->sock.task;
    k->cookie = e->cookie;
    k->state = TCP_STATE_CLOSED; /* in a simultaneous open nobody listened */
    follow(t, e, c, conn_end_of(c, &e->local), TCP_STATE_SYN_SENT, OBJECT_SOCK);
}

static void on_sock_state(struct conn_table *t, const struct event *e)
{
    enum tcp_state from = e->sock.from, to = e->sock.to;
    struct kernel_lane *k;
    struct conn *c;
    enum end end;

    if (to == TCP_STATE_LISTEN) {
        listener_opened(t, e);
        return;
    }
    if (from == TCP_STATE_LISTEN && to == TCP_STATE_CLOSED) {
        listener_closed(t, e);
        return;
    }
    if (to == TCP_STATE_SYN_SENT) {
        on_connect(t, e);
        return;
    }
    if (to == TCP_STATE_UNKNOWN)
        return; /* a state the RFC does not know: bound and nothing more */
    c = conn_find(t, e);
    if (!c && (to == TCP_STATE_CLOSED || from == TCP_STATE_UNKNOWN))
        return; /* the last breath of something that was never followed */
    if (!c)
        c = from == TCP_STATE_LISTEN ? conn_new(t, e, false, false, false) : conn_of(t, e);
    if (!c)
        return;
    end = conn_end_of(c, &e->local);
    k = &c->kernel->end[end];
    if (to == TCP_STATE_CLOSED) {
        if (e->source == WITNESS_DIAG) {
            sampled_end(t, e, c);
            return;
        }
        /* a minisock took over: the socket is gone, the connection is not */
        if (k->object == OBJECT_TIMEWAIT || (k->cookie && k->cookie != e->cookie))
            return;
        follow(t, e, c, end, to, OBJECT_NONE);
        return;
    }
    k->cookie = e->cookie;
    if (from == TCP_STATE_LISTEN && k->state == TCP_STATE_SYN_RECEIVED) {
        kernel_hand_over(t, e, c, end, OBJECT_SOCK);
        return;
    }
    follow(t, e, c, end, to, OBJECT_SOCK);
}

uint64_t kernel_timer(struct conn_table *t, const struct event *e, struct conn *c, enum end end, enum timer_name name,
                      enum timer_phase phase, uint64_t expires_ns, uint32_t count)
{
    struct change change;

    change_begin(&change, t, e, CHANGE_TIMER);
    change.conn = c->number;
    change.end = end;
    change.timer.name = name;
    change.timer.phase = phase;
    change.timer.expires_ns = expires_ns;
    change.timer.count = count;
    change.timer.source = e->source;
    change_emit(t, &change);
    return change.n;
}

static void listened_by(struct conn *c, const struct listener *l)
{
    if (!l)
        return;
    c->kernel->listener = l->number;
    c->kernel->listener_cookie = l->cookie;
}

static void on_overflow(struct conn_table *t, const struct event *e)
{
    const struct queue_depth *depth = &e->queue.depth;
    struct conn *c = conn_find(t, e);
    const struct kernel_lane *k = c ? &c->kernel->end[conn_end_of(c, &e->local)] : NULL;

    /* Any segment of its shows that the listener's drops went up; but what is connected the listener cannot drop. */
    if (k && k->seen && k->state >= TCP_STATE_ESTABLISHED)
        c = NULL;
    if (c) {
        c->kernel->end[conn_end_of(c, &e->local)].overflowed = true;
        c->kernel->cause = queue_drop_cause(depth->syn, depth->accept, depth->backlog + 1);
        c->kernel->drops++;
        listened_by(c, listener_of_queue(t, e, c));
    }
    listener_queue(t, e, c, QUEUE_OVERFLOW);
}

static void on_queued(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);

    if (c)
        listened_by(c, listener_of_queue(t, e, c));
    listener_queue(t, e, c, QUEUE_JOINED);
}

/* Its SYN came through. */
static void forget_drops(struct conn *c)
{
    c->kernel->drops = 0;
    c->kernel->cause = CAUSE_NONE;
}

static void on_cookie(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);

    if (c)
        forget_drops(c);
    listener_queue(t, e, c, QUEUE_COOKIE);
}

static void on_request(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);
    struct listener *l;
    enum end end;

    if (e->kind == EVENT_REQUEST_START) {
        if (c && conn_over(c) && c->kernel->end[conn_end_of(c, &e->local)].seen)
            c = conn_supersede(t, c, e->ts_ns);
        if (!c)
            c = conn_new(t, e, false, false, false);
    }
    if (!c)
        return;
    end = conn_end_of(c, &e->local);
    l = listener_of_queue(t, e, c);
    listened_by(c, l);
    switch (e->kind) {
    case EVENT_REQUEST_START:
        forget_drops(c);
        follow(t, e, c, end, TCP_STATE_SYN_RECEIVED, OBJECT_REQUEST);
        listener_queue(t, e, c, QUEUE_SYN);
        break;
    case EVENT_REQUEST_RETRY: c->kernel->timer = kernel_timer(t, e, c, end, TIMER_SYN_ACK, TIMER_FIRED, 0, 0); break;
    case EVENT_REQUEST_EXPIRED:
        c->kernel->end[end].expired = true;
        c->kernel->timer = kernel_timer(t, e, c, end, TIMER_SYN_ACK, TIMER_FIRED, 0, 0);
        follow(t, e, c, end, TCP_STATE_CLOSED, OBJECT_NONE);
        listener_queue(t, e, c, QUEUE_EXPIRED);
        break;
    default: /* EVENT_REQUEST_END: the child, where there is one, has just been made */
        if (c->kernel->end[end].object == OBJECT_REQUEST) {
            follow(t, e, c, end, TCP_STATE_CLOSED, OBJECT_NONE);
            listener_queue(t, e, c, QUEUE_DROPPED);
        } else {
            listener_queue(t, e, c, QUEUE_ESTABLISHED);
        }
    }
}

static void on_accept(struct conn_table *t, const struct event *e)
{
    struct listener *l = listener_of_queue(t, e, NULL);
    struct conn *c = conn_of(t, e);
    struct change change;

    if (!c)
        return;
    c->kernel->accepted = true;
    c->kernel->end[conn_end_of(c, &e->local)].owner = e->queue.call.task;
    change_begin(&change, t, e, CHANGE_CALL);
    change.conn = c->number;
    change.listener = l ? l->number : 0;
    change.end = conn_end_of(c, &e->local);
    change.call.call = e->queue.call;
    change.call.has_end = true;
    change_emit(t, &change);
    listener_queue(t, e, c, QUEUE_ACCEPT);
}

/* A kernel counts deadlines in ticks: the same one read twice differs by less than this. */
#define TICK_NS 20000000ull

/* Its own timer, a new use of the same endpoints, a RST from the peer, or somebody who removed it. */
static uint64_t timewait_over(struct conn_table *t, const struct event *e, const struct conn *c, enum end end,
                              enum timer_name name)
{
    const struct kernel_lane *peer = &c->kernel->end[!end];
    struct change change;

    change_begin(&change, t, e, CHANGE_TIMER);
    change.conn = c->number;
    change.end = end;
    change.timer.name = name;
    change.timer.phase = e->kind == EVENT_TIMEWAIT_EXPIRED ? TIMER_FIRED : TIMER_CANCELLED;
    change.timer.source = e->source;
    if (change.timer.phase == TIMER_CANCELLED) {
        change.timer.why = c->superseded                     ? TIMER_WHY_REUSED
                           : peer->last_rst > peer->last_fin ? TIMER_WHY_RESET
                                                             : TIMER_WHY_REMOVED;
        if (change.timer.why == TIMER_WHY_RESET)
            change.because = peer->last_rst;
    }
    change_emit(t, &change);
    return change.n;
}

static void on_timewait(struct conn_table *t, const struct event *e)
{
    struct conn *c = e->kind == EVENT_TIMEWAIT_START ? conn_of(t, e) : conn_find(t, e);
    enum timer_name name;
    struct kernel_lane *k;
    enum end end;

    if (!c)
        return;
    end = conn_end_of(c, &e->local);
    k = &c->kernel->end[end];
    if (k->cookie && e->cookie && k->cookie != e->cookie)
        return; /* the minisock of an earlier use of these endpoints */
    name = e->timewait.substate == TCP_STATE_FIN_WAIT_2 ? TIMER_FIN_WAIT_2 : TIMER_TIME_WAIT;
    if (e->kind == EVENT_TIMEWAIT_EXPIRED || e->kind == EVENT_TIMEWAIT_KILLED) {
        if (k->object != OBJECT_TIMEWAIT)
            return;
        c->kernel->timer = timewait_over(t, e, c, end, name);
        follow(t, e, c, end, TCP_STATE_CLOSED, OBJECT_NONE);
        return;
    }
    /* FIN-WAIT-2 passes into the minisock as it is; otherwise the minisock is made because TIME-WAIT begins */
    if (k->state == e->timewait.substate) {
        kernel_hand_over(t, e, c, end, OBJECT_TIMEWAIT);
    } else {
        follow(t, e, c, end, e->timewait.substate, OBJECT_TIMEWAIT);
        k->deadline_ns = 0;
    }
    if (e->timewait.expires_ns > k->deadline_ns + TICK_NS || e->timewait.expires_ns + TICK_NS < k->deadline_ns) {
        k->deadline_ns = e->timewait.expires_ns;
        kernel_timer(t, e, c, end, name, TIMER_SET, k->deadline_ns, 0);
    }
}

/* An object that was there before the hooks. What a hook has told of it meanwhile is newer. */
static void on_snapshot(struct conn_table *t, const struct event *e)
{
    struct kernel_lane *k;
    struct conn *c;
    enum object object;
    enum end end;

    if (e->snapshot.state == TCP_STATE_LISTEN) {
        listener_existed(t, e);
        return;
    }
    if (e->snapshot.state == TCP_STATE_CLOSED || e->snapshot.state == TCP_STATE_UNKNOWN)
        return; /* bound, or not even that: no connection */
    c = conn_of(t, e);
    if (!c)
        return;
    end = conn_end_of(c, &e->local);
    k = &c->kernel->end[end];
    if (k->seen)
        return;
    object = e->snapshot.minisock ? OBJECT_TIMEWAIT : e->snapshot.request ? OBJECT_REQUEST : OBJECT_SOCK;
    k->cookie = e->cookie;
    k->deadline_ns = e->snapshot.expires_ns;
    k->owner = e->snapshot.owner;
    follow(t, e, c, end, e->snapshot.state, object);
    if (e->snapshot.minisock)
        kernel_timer(t, e, c, end, e->snapshot.state == TCP_STATE_FIN_WAIT_2 ? TIMER_FIN_WAIT_2 : TIMER_TIME_WAIT,
                     TIMER_SET, k->deadline_ns, 0);
}

/* A call belongs to the connection or the listener of its socket; before there is either, to the socket alone. */
static void on_call(struct conn_table *t, const struct event *e)
{
    struct conn *c = e->remote.port ? conn_find(t, e) : NULL;
    const struct listener *l = e->call.state == TCP_STATE_LISTEN ? listener_find(t, e->cookie) : NULL;
    const struct closed_socket *closed = c || l ? NULL : socket_that_closed(t, e->cookie);
    struct change change;

    change_begin(&change, t, e, CHANGE_CALL);
    change.call.socket = socket_number(t, e->call.socket, e->call.call.name);
    change.conn = c ? c->number : 0;
    change.listener = l ? l->number : 0;
    change.call.call = e->call.call;
    if (c) {
        change.call.has_end = true;
        change.end = conn_end_of(c, &e->local);
    } else if (closed) {
        change.conn = closed->conn;
        change.listener = closed->listener;
        change.call.has_end = closed->conn != 0;
        change.end = closed->end;
    }
    change_emit(t, &change);
}

/* The server's kernel sends a RST. Whether somebody listens it knew at that moment, and so does the table. */
static void note_missing_listener(struct conn_table *t, const struct event *e, struct conn *c)
{
    const struct kernel_lane *server = &c->kernel->end[END_SERVER];

    if (!server->seen) { /* it was never in a queue */
        if (!c->established && !listener_at(t, &e->local, e->netns))
            c->kernel->cause = CAUSE_NO_LISTENER;
    } else if (c->kernel->listener && !c->kernel->accepted && !server->expired &&
               !listener_find(t, c->kernel->listener_cookie)) {
        c->kernel->cause = CAUSE_LISTENER_CLOSED;
    }
}

static void on_reset(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);
    struct change change;

    if (!c)
        return;
    change_begin(&change, t, e, CHANGE_RESET);
    change.conn = c->number;
    change.end = conn_end_of(c, &e->local);
    change.reset.sent = e->reset.sent;
    memcpy(change.reset.reason, e->reset.reason, sizeof(change.reset.reason));
    c->kernel->reset = true;
    if (e->reset.sent && change.end == END_SERVER && !c->midstream)
        note_missing_listener(t, e, c);
    if (c->reset_by == END_UNKNOWN)
        c->reset_by = e->reset.sent ? change.end : !change.end;
    change_emit(t, &change);
}

static void on_retransmit(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);
    struct change change;

    if (!c)
        return;
    change_begin(&change, t, e, CHANGE_TIMER);
    change.conn = c->number;
    change.end = conn_end_of(c, &e->local);
    change.timer.name = TIMER_RETRANSMIT;
    change.timer.phase = TIMER_FIRED;
    change.timer.count = e->retransmit.count;
    change.timer.rto_ns = e->retransmit.rto_ns;
    change.timer.source = e->source;
    change_emit(t, &change);
    c->kernel->timer = change.n;
    c->kernel->end[change.end].retried = true;
}

/* Of a full socket. */
static void on_sock_timer(struct conn_table *t, const struct event *e, enum timer_name name)
{
    struct conn *c = conn_find(t, e);
    enum end end;

    if (!c)
        return;
    end = conn_end_of(c, &e->local);
    c->kernel->timer = kernel_timer(t, e, c, end, name, TIMER_FIRED, 0, 0);
    c->kernel->end[end].retried = true;
}

static void on_gap(struct conn_table *t, const struct event *e)
{
    struct change change;

    t->events_lost = true;
    change_begin(&change, t, e, CHANGE_GAP);
    change.gap.source = e->source;
    memcpy(change.gap.hook, e->gap.hook, sizeof(change.gap.hook));
    change.gap.lost = e->gap.lost;
    change.gap.from_ns = e->gap.from_ns;
    change.gap.to_ns = e->gap.to_ns;
    change_emit(t, &change);
}

void conn_kernel_event(struct conn_table *t, const struct event *e)
{
    switch (e->kind) {
    case EVENT_SOCK_STATE: on_sock_state(t, e); break;
    case EVENT_REQUEST_START:
    case EVENT_REQUEST_RETRY:
    case EVENT_REQUEST_END:
    case EVENT_REQUEST_EXPIRED: on_request(t, e); break;
    case EVENT_OVERFLOW: on_overflow(t, e); break;
    case EVENT_COOKIE: on_cookie(t, e); break;
    case EVENT_ACCEPT_QUEUED: on_queued(t, e); break;
    case EVENT_LISTENED: listener_of_queue(t, e, NULL); break;
    case EVENT_ACCEPT: on_accept(t, e); break;
    case EVENT_TIMEWAIT_START:
    case EVENT_TIMEWAIT_CHANGE:
    case EVENT_TIMEWAIT_EXPIRED:
    case EVENT_TIMEWAIT_KILLED: on_timewait(t, e); break;
    case EVENT_KEEPALIVE: on_sock_timer(t, e, TIMER_KEEPALIVE); break;
    case EVENT_FIN_WAIT_2: on_sock_timer(t, e, TIMER_FIN_WAIT_2); break;
    case EVENT_RETRANSMIT: on_retransmit(t, e); break;
    case EVENT_CALL: on_call(t, e); break;
    case EVENT_RESET: on_reset(t, e); break;
    case EVENT_SNAPSHOT:
        if (e->source == WITNESS_DIAG)
            sampled_socket(t, e);
        else
            on_snapshot(t, e);
        break;
    case EVENT_GAP: on_gap(t, e); break;
    default: break;
    }
}
