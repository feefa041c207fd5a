/* The kernel's lane as hooks tell it, while things happen. */
#include "kernel.h"

#include <string.h>

#include "tcplens/trace/sentence.h"

static struct kernel_end *end_of(const struct kernel_step *s)
{
    return &s->lane->end[s->end];
}

/* The record that made an end enter a state: the timer that the event is about, a segment of its peer, or what it did
 * itself. 0 where none was seen. */
static uint64_t cause_of(const struct kernel_step *s, enum tcp_state to)
{
    const struct kernel_end *peer = &s->lane->end[!s->end];
    const enum tcp_state from = kernel_state(s);
    const enum event_kind kind = s->event->kind;

    if (kind == EVENT_TIMEWAIT_EXPIRED || kind == EVENT_TIMEWAIT_KILLED || kind == EVENT_REQUEST_EXPIRED)
        return s->lane->timer;
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
        return s->conn->ends.reset_by == s->end ? end_of(s)->last_rst : peer->last_rst;
    default: return 0;
    }
}

/* Of the socket that is closed. An ICMP error that came in the middle of connect() is there until SO_ERROR takes it, which
 * leaves none for close() to show (tcp_v4_err(), sk_getsockopt()). */
static uint16_t error_of(const struct kernel_step *s)
{
    const struct event *e = s->event;

    if (e->kind != EVENT_SOCK_STATE || !e->sock.ending.known || e->sock.ending.error ||
        e->sock.from != TCP_STATE_SYN_SENT || s->lane->held_reset.is)
        return e->kind == EVENT_SOCK_STATE ? e->sock.ending.error : 0;
    return end_of(s)->icmp_error;
}

static void enter(struct kernel_step *s, enum tcp_state to, enum object object)
{
    const bool is_sock = s->event->kind == EVENT_SOCK_STATE;
    /* figure 5 draws no edge for a reset or for a TIME-WAIT cut short; those it draws to CLOSED tell of other causes */
    const bool other_cause =
        to == TCP_STATE_CLOSED && (s->conn->ends.reset_by != END_UNKNOWN || s->lane->held_reset.is ||
                                   s->event->kind == EVENT_TIMEWAIT_KILLED || error_of(s));
    const struct kernel_claim claim = {
        .from = is_sock ? s->event->sock.from : TCP_STATE_UNKNOWN,
        .to = to,
        .object = object,
        .because = cause_of(s, to),
        .edge_sure = !other_cause,
        .call = is_sock ? s->event->sock.call : NULL,
        .error = error_of(s),
    };

    kernel_enter(s, &claim);
}

struct kernel_introduction kernel_events_introduce(const struct event *e)
{
    static const struct kernel_introduction nothing,
        client = { .is_one = true, .role = ROLE_CLIENT }, server = { .is_one = true, .role = ROLE_SERVER },
        older = { .is_one = true, .older = true },
        older_server = { .is_one = true, .older = true, .role = ROLE_SERVER };

    switch (e->kind) {
    case EVENT_SOCK_STATE:
        if (e->sock.to == TCP_STATE_SYN_SENT)
            return client;
        /* bound and nothing more; the last breath of something that was never followed */
        if (e->sock.to == TCP_STATE_UNKNOWN || e->sock.to == TCP_STATE_CLOSED || e->sock.from == TCP_STATE_UNKNOWN)
            return nothing;
        return e->sock.from == TCP_STATE_LISTEN ? server : older;
    case EVENT_REQUEST_START: return server;
    case EVENT_ACCEPT: return older_server;
    case EVENT_TIMEWAIT_START: return older;
    case EVENT_SNAPSHOT:
        /* bound, or not even that: no connection */
        return e->snapshot.state == TCP_STATE_CLOSED || e->snapshot.state == TCP_STATE_UNKNOWN ? nothing : older;
    default: return nothing;
    }
}

bool kernel_events_begins_anew(const struct conn *c, enum end end, const struct event *e)
{
    if (e->kind == EVENT_SOCK_STATE && e->sock.to == TCP_STATE_SYN_SENT)
        return ends_kernel_tells(&c->ends, end) || ends_over(&c->ends);
    return e->kind == EVENT_REQUEST_START && ends_over(&c->ends) && ends_kernel_tells(&c->ends, end);
}

/* The first end that ended for a reason of its own: what befell the other follows from it. */
static void note_ending(const struct kernel_step *s, enum cause cause, uint32_t unread)
{
    if (cause == CAUSE_NONE || s->lane->ending.cause != CAUSE_NONE)
        return;
    s->lane->ending.cause = cause;
    s->lane->ending.end = s->end;
    s->lane->ending.unread = unread;
}

static void note_closed(const struct kernel_step *s)
{
    struct sock_ending ending = s->event->sock.ending;
    const bool got_reset = s->conn->ends.reset_by == (unsigned)!s->end || s->lane->held_reset.is;
    const enum tcp_state from = s->event->sock.from;
    enum cause cause = CAUSE_NONE;

    if (!ending.known)
        return;
    ending.error = error_of(s);
    end_of(s)->error = ending.error;
    if (end_of(s)->fin_wait_2_over)
        cause = CAUSE_ORPHAN_TIMEOUT;
    else if (s->lane->accepted || s->end == END_CLIENT || s->conn->ends.midstream || ending.error)
        cause = kernel_ending_cause(from, &ending, got_reset);
    note_ending(s, cause, cause == CAUSE_UNREAD_DATA ? ending.unread - (from == TCP_STATE_CLOSE_WAIT) : 0);
}

static void on_connect(struct kernel_step *s)
{
    end_of(s)->owner = s->event->sock.task;
    end_of(s)->cookie = s->event->cookie;
    /* in a simultaneous open nobody listened */
    ends_begin_as(&s->conn->ends, s->end, LANE_KERNEL, TCP_STATE_CLOSED);
    enter(s, TCP_STATE_SYN_SENT, OBJECT_SOCK);
}

static void on_sock_state(struct kernel_step *s)
{
    const struct event *e = s->event;
    struct kernel_end *k = end_of(s);

    switch (e->sock.to) {
    case TCP_STATE_SYN_SENT: on_connect(s); break;
    case TCP_STATE_UNKNOWN: break; /* a state the RFC does not know */
    case TCP_STATE_CLOSED:
        /* a minisock took over: the socket is gone, the connection is not */
        if (k->object != OBJECT_TIMEWAIT && (!k->cookie || k->cookie == e->cookie)) {
            note_closed(s);
            enter(s, TCP_STATE_CLOSED, OBJECT_NONE);
        }
        break;
    default:
        k->cookie = e->cookie;
        if (e->sock.from == TCP_STATE_LISTEN && kernel_state(s) == TCP_STATE_SYN_RECEIVED)
            kernel_hand_over(s, OBJECT_SOCK);
        else
            enter(s, e->sock.to, OBJECT_SOCK);
    }
}

/* A queue of its listener holds it, or held it. */
static void listened_by(const struct kernel_step *s)
{
    if (!s->listener)
        return;
    s->lane->listener = s->listener->number;
    s->lane->listener_cookie = s->listener->cookie;
}

static void on_overflow(const struct kernel_step *s)
{
    if (!s->conn)
        return;
    s->lane->cause = queue_drop_cause(&s->event->queue.depth, s->event->queue.of_ack);
    end_of(s)->overflowed = s->lane->cause != CAUSE_DEFERRED;
    s->lane->drops++;
    listened_by(s);
}

bool kernel_events_concern(const struct conn *c, enum end end, const struct event *e)
{
    /* any segment of a connection shows that the listener's drops went up; but what is connected it cannot drop */
    return !(e->kind == EVENT_OVERFLOW && ends_kernel_tells(&c->ends, end) &&
             ends_state(&c->ends, end, LANE_KERNEL) >= TCP_STATE_ESTABLISHED);
}

/* Its SYN came through. */
static void forget_drops(const struct kernel_step *s)
{
    s->lane->drops = 0;
    s->lane->cause = CAUSE_NONE;
}

/* The child took over from the request, and what a timer of that still tells comes late. */
static bool is_past_request(const struct kernel_step *s)
{
    return end_of(s)->object == OBJECT_SOCK || end_of(s)->object == OBJECT_TIMEWAIT;
}

static enum queue_why on_request(struct kernel_step *s)
{
    if (is_past_request(s) && s->event->kind != EVENT_REQUEST_END)
        return QUEUE_WHY_N;
    listened_by(s);
    switch (s->event->kind) {
    case EVENT_REQUEST_START:
        forget_drops(s);
        enter(s, TCP_STATE_SYN_RECEIVED, OBJECT_REQUEST);
        return QUEUE_SYN;
    case EVENT_REQUEST_RETRY:
        end_of(s)->retried = true;
        s->lane->timer = kernel_tell_timer(s, TIMER_SYN_ACK, TIMER_FIRED, 0);
        return QUEUE_WHY_N;
    case EVENT_REQUEST_EXPIRED:
        end_of(s)->expired = true;
        s->lane->timer = kernel_tell_timer(s, TIMER_SYN_ACK, TIMER_FIRED, 0);
        enter(s, TCP_STATE_CLOSED, OBJECT_NONE);
        return QUEUE_EXPIRED;
    default: /* EVENT_REQUEST_END: the child, where there is one, has just been made */
        if (end_of(s)->object != OBJECT_REQUEST)
            return QUEUE_ESTABLISHED;
        enter(s, TCP_STATE_CLOSED, OBJECT_NONE);
        return QUEUE_DROPPED;
    }
}

static void on_accept(const struct kernel_step *s)
{
    struct change change NO_ZEROS;

    s->lane->accepted = true;
    end_of(s)->owner = s->event->queue.call.task;
    change_init(&change, CHANGE_CALL);
    change.conn = s->conn->number;
    change.listener = s->listener ? s->listener->number : 0;
    change.end = s->end;
    change.call.call = s->event->queue.call;
    change.call.has_end = true;
    emit(s->out, s->event->ts_ns, &change);
}

/* A kernel counts deadlines in ticks: the same one read twice differs by less than this. */
#define TICK_NS 20000000ull

/* The record of the RST, after the peer's FIN or data, that ends a minisock: the peer's, or its own answer to data that nobody
 * can read any more. 0: none was seen. */
static uint64_t ends_rst(const struct kernel_step *s)
{
    const struct kernel_end *own = end_of(s), *peer = &s->lane->end[!s->end];

    if (peer->last_rst > peer->last_fin)
        return peer->last_rst;
    return own->last_rst > own->last_fin ? own->last_rst : 0;
}

/* Its own timer, a new use of the same endpoints, a RST from the peer, or somebody who removed it. */
static uint64_t tell_minisock_over(const struct kernel_step *s)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_TIMER);
    change.conn = s->conn->number;
    change.end = s->end;
    change.timer.name = kernel_timer_of(s->event->timewait.substate);
    change.timer.phase = s->event->kind == EVENT_TIMEWAIT_EXPIRED ? TIMER_FIRED : TIMER_CANCELLED;
    change.timer.source = s->event->source;
    if (change.timer.phase == TIMER_CANCELLED) {
        const uint64_t rst = ends_rst(s);

        change.timer.why = s->conn->superseded                            ? TIMER_WHY_REUSED
                           : rst || s->conn->ends.reset_by != END_UNKNOWN ? TIMER_WHY_RESET
                                                                          : TIMER_WHY_REMOVED;
        if (change.timer.why == TIMER_WHY_RESET)
            change.because = rst;
    }
    return emit(s->out, s->event->ts_ns, &change);
}

static void on_minisock_over(struct kernel_step *s)
{
    if (end_of(s)->object != OBJECT_TIMEWAIT)
        return;
    s->lane->timer = tell_minisock_over(s);
    if (s->event->timewait.substate == TCP_STATE_FIN_WAIT_2 && s->event->kind == EVENT_TIMEWAIT_EXPIRED)
        note_ending(s, CAUSE_ORPHAN_TIMEOUT, 0);
    else if (s->event->timewait.substate == TCP_STATE_FIN_WAIT_2 &&
             end_of(s)->last_rst > s->lane->end[!s->end].last_rst)
        note_ending(s, CAUSE_DATA_AFTER_CLOSE, 0);
    enter(s, TCP_STATE_CLOSED, OBJECT_NONE);
}

static void on_minisock(struct kernel_step *s)
{
    const enum tcp_state substate = s->event->timewait.substate;
    const uint64_t expires_ns = s->event->timewait.expires_ns;
    struct kernel_end *k = end_of(s);

    /* FIN-WAIT-2 passes into the minisock as it is; otherwise the minisock is made because TIME-WAIT begins */
    if (kernel_state(s) == substate) {
        kernel_hand_over(s, OBJECT_TIMEWAIT);
    } else {
        enter(s, substate, OBJECT_TIMEWAIT);
        k->deadline_ns = 0;
    }
    if (expires_ns > k->deadline_ns + TICK_NS || expires_ns + TICK_NS < k->deadline_ns) {
        k->deadline_ns = expires_ns;
        kernel_tell_timer(s, kernel_timer_of(substate), TIMER_SET, expires_ns);
    }
}

static void on_timewait(struct kernel_step *s)
{
    const struct kernel_end *k = end_of(s);

    if (k->cookie && s->event->cookie && k->cookie != s->event->cookie)
        return; /* the minisock of an earlier use of these endpoints */
    if (s->event->kind == EVENT_TIMEWAIT_EXPIRED || s->event->kind == EVENT_TIMEWAIT_KILLED)
        on_minisock_over(s);
    else
        on_minisock(s);
}

static enum object object_of(const struct event *snapshot)
{
    return snapshot->snapshot.minisock ? OBJECT_TIMEWAIT : snapshot->snapshot.request ? OBJECT_REQUEST : OBJECT_SOCK;
}

/* An object that was there before the hooks. What a hook has told of it meanwhile is newer. */
static void on_snapshot(struct kernel_step *s)
{
    const struct event *e = s->event;
    struct kernel_end *k = end_of(s);

    if (ends_kernel_tells(&s->conn->ends, s->end))
        return;
    k->cookie = e->cookie;
    k->deadline_ns = e->snapshot.expires_ns;
    k->owner = e->snapshot.owner;
    enter(s, e->snapshot.state, object_of(e));
    if (e->snapshot.minisock)
        kernel_tell_timer(s, kernel_timer_of(e->snapshot.state), TIMER_SET, k->deadline_ns);
}

/* For so long nothing was told of it: no change of state is under way that the listing has met halfway. */
#define QUIET_NS 1000000000ull

void kernel_present(struct kernel_step *s)
{
    const struct event *e = s->event;
    struct kernel_end *k = end_of(s);
    const bool quiet = e->ts_ns > k->told_ns + QUIET_NS;
    const struct kernel_claim claim = { .to = e->snapshot.state, .object = object_of(e) };

    if (!ends_kernel_tells(&s->conn->ends, s->end) || (k->cookie && k->cookie != e->cookie))
        return;
    k->shown_ns = e->ts_ns;
    if (!quiet)
        return;
    kernel_enter(s, &claim);
    if (e->snapshot.minisock && s->moved) {
        k->deadline_ns = e->snapshot.expires_ns;
        kernel_tell_timer(s, kernel_timer_of(e->snapshot.state), TIMER_SET, k->deadline_ns);
    }
}

/* Its process has ended, or handed it on: another one holds it. */
static void on_owner(const struct kernel_step *s)
{
    struct kernel_end *k = end_of(s);
    const struct task *owner = &s->event->snapshot.owner;

    if (!owner->pid || k->cookie != s->event->cookie || k->owner.pid == owner->pid)
        return;
    if (k->owner.pid && !k->opened_by.pid)
        k->opened_by = k->owner;
    k->owner = *owner;
}

/* The server's kernel sends a RST. Whether somebody listens it knew at that moment, and so does the registry. */
static void note_missing_listener(const struct kernel_step *s)
{
    if (!ends_kernel_tells(&s->conn->ends, END_SERVER)) { /* it was never in a queue */
        if (!s->conn->ends.established && !registry_at(s->listeners, &s->event->local, s->event->netns))
            s->lane->cause = CAUSE_NO_LISTENER;
    } else if (s->lane->listener && !s->lane->accepted && !s->lane->end[END_SERVER].expired &&
               !registry_find(s->listeners, s->lane->listener_cookie)) {
        s->lane->cause = CAUSE_LISTENER_CLOSED;
    }
}

static void tell_reset(struct emitter *out, struct conn *c, enum end end, const struct event *e)
{
    struct change change NO_ZEROS;

    /* in SYN-SENT it answers what belongs to an earlier connection, and goes on */
    if (!e->reset.sent || ends_state(&c->ends, end, LANE_KERNEL) != TCP_STATE_SYN_SENT)
        ends_reset_by(&c->ends, e->reset.sent ? end : !end);
    change_init(&change, CHANGE_RESET);
    change.conn = c->number;
    change.end = end;
    change.reset.sent = e->reset.sent;
    memcpy(change.reset.reason, e->reset.reason, sizeof(change.reset.reason));
    emit(out, emit_time(out, e->ts_ns), &change);
}

void kernel_events_flush(struct emitter *out, struct conn *c, struct kernel_lane *lane)
{
    const struct event received = { .ts_ns = lane->held_reset.ts_ns };

    if (!lane->held_reset.is)
        return;
    lane->held_reset.is = false;
    tell_reset(out, c, lane->held_reset.end, &received);
}

/* Still open for its peer, but nobody reads: data that comes is answered with a RST. */
static bool reads_no_more(const struct kernel_step *s)
{
    const enum tcp_state state = kernel_state(s);

    return s->event->reset.of_orphan || state == TCP_STATE_FIN_WAIT_1 || state == TCP_STATE_FIN_WAIT_2;
}

static void on_reset(const struct kernel_step *s)
{
    const bool sent = s->event->reset.sent, own = s->lane->held_reset.is && s->lane->held_reset.end == s->end;

    s->lane->reset = true;
    s->lane->aborted |= sent && s->end == END_SERVER && end_of(s)->object == OBJECT_REQUEST;
    if (!sent && s->event->reset.of_orphan) {
        s->lane->held_reset.is = true;
        s->lane->held_reset.end = s->end;
        s->lane->held_reset.ts_ns = s->event->ts_ns;
        return;
    }
    /* of some it tells when they are on the wire (tcp_send_active_reset()) */
    if (sent && s->lane->cause == CAUSE_FILTER_RESET && s->conn->ends.reset_by == s->end)
        s->lane->cause = CAUSE_NONE;
    if (sent && s->end == END_SERVER && !s->conn->ends.midstream)
        note_missing_listener(s);
    if (sent && (own || reads_no_more(s)))
        note_ending(s, CAUSE_DATA_AFTER_CLOSE, 0);
    s->lane->held_reset.is = false;
    tell_reset(s->out, s->conn, s->end, s->event);
}

/* What follows a RST that was received is that the socket is closed; what follows one that is told before it is sent, that it
 * is sent, by the same end. */
static bool shows_held(const struct kernel_step *s)
{
    const struct event *e = s->event;

    if (!s->lane->held_reset.is || s->end != s->lane->held_reset.end)
        return s->lane->held_reset.is;
    return !(e->kind == EVENT_RESET && e->reset.sent) &&
           !(e->kind == EVENT_SOCK_STATE && e->sock.to == TCP_STATE_CLOSED);
}

/* Of what was sent, or of a probe of a window of zero. The timeout alone does not say how long that was: an ACK sets it back, and
 * one that a SYN-SENT end refuses cuts it short (tcp_rcv_synsent_state_process()). */
static void on_retransmit(const struct kernel_step *s)
{
    const uint64_t sent_ns = end_of(s)->sent_ns;
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_TIMER);
    change.conn = s->conn->number;
    change.end = s->end;
    change.timer.name = s->event->kind == EVENT_PERSIST ? TIMER_PERSIST : TIMER_RETRANSMIT;
    change.timer.phase = TIMER_FIRED;
    change.timer.count = s->event->retransmit.count;
    change.timer.rto_ns = s->event->retransmit.rto_ns;
    if (s->event->kind == EVENT_RETRANSMIT && sent_ns && s->event->ts_ns > sent_ns)
        change.timer.waited_ns = s->event->ts_ns - sent_ns;
    change.timer.source = s->event->source;
    s->lane->timer = emit(s->out, s->event->ts_ns, &change);
    end_of(s)->retried = true;
}

/* Of a full socket. */
static void on_sock_timer(const struct kernel_step *s, enum timer_name name)
{
    s->lane->timer = kernel_tell_timer(s, name, TIMER_FIRED, 0);
    end_of(s)->retried = true;
}

/* Data that is unacknowledged is sent again instead (tcp_keepalive_timer()). */
static void on_keepalive(const struct kernel_step *s)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_TIMER);
    change.conn = s->conn->number;
    change.end = s->end;
    change.timer.name = TIMER_KEEPALIVE;
    change.timer.phase = TIMER_FIRED;
    change.timer.source = s->event->source;
    if (s->event->keepalive.not_idle)
        change.timer.why = TIMER_WHY_NOT_IDLE;
    else
        end_of(s)->retried = true;
    s->lane->timer = emit(s->out, s->event->ts_ns, &change);
}

/* Events of which some are about a queue alone: there may be no connection. */
static enum queue_why on_queue(const struct kernel_step *s)
{
    switch (s->event->kind) {
    case EVENT_OVERFLOW:
        on_overflow(s);
        return queue_drop_cause(&s->event->queue.depth, s->event->queue.of_ack) == CAUSE_DEFERRED ? QUEUE_DEFERRED
                                                                                                  : QUEUE_OVERFLOW;
    case EVENT_COOKIE:
        if (s->conn)
            forget_drops(s);
        return QUEUE_COOKIE;
    case EVENT_ACCEPT_QUEUED:
        if (s->conn)
            listened_by(s);
        return QUEUE_JOINED;
    default: return QUEUE_WHY_N; /* EVENT_LISTENED: the listener's record says it */
    }
}

enum queue_why kernel_event(struct kernel_step *s)
{
    const enum event_kind kind = s->event->kind;

    if (kind == EVENT_OVERFLOW || kind == EVENT_COOKIE || kind == EVENT_ACCEPT_QUEUED || kind == EVENT_LISTENED)
        return on_queue(s);
    if (!s->conn)
        return QUEUE_WHY_N;
    if (end_of(s)->told_ns < s->event->ts_ns)
        end_of(s)->told_ns = s->event->ts_ns;
    if (shows_held(s))
        kernel_events_flush(s->out, s->conn, s->lane);
    switch (kind) {
    case EVENT_SOCK_STATE: on_sock_state(s); break;
    case EVENT_REQUEST_START:
    case EVENT_REQUEST_RETRY:
    case EVENT_REQUEST_END:
    case EVENT_REQUEST_EXPIRED: return on_request(s);
    case EVENT_ACCEPT: on_accept(s); return QUEUE_ACCEPT;
    case EVENT_TIMEWAIT_START:
    case EVENT_TIMEWAIT_CHANGE:
    case EVENT_TIMEWAIT_EXPIRED:
    case EVENT_TIMEWAIT_KILLED: on_timewait(s); break;
    case EVENT_KEEPALIVE: on_keepalive(s); break;
    case EVENT_FIN_WAIT_2:
        end_of(s)->fin_wait_2_over = true;
        on_sock_timer(s, TIMER_FIN_WAIT_2);
        break;
    case EVENT_PERSIST:
    case EVENT_RETRANSMIT: on_retransmit(s); break;
    case EVENT_RESET: on_reset(s); break;
    case EVENT_SNAPSHOT: on_snapshot(s); break;
    case EVENT_OWNER: on_owner(s); break;
    case EVENT_UNSIGNED: end_of(s)->unsigned_n += end_of(s)->unsigned_n < UINT16_MAX; break;
    default: break;
    }
    return QUEUE_WHY_N;
}
