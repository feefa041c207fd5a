/* The kernel's lane as samples tell it (WITNESS_DIAG): they show where an end has got to, not which way it went, nor
 * what made it go. States that were passed between two samples are not claimed; a cause or an edge of the RFC's diagram
 * is named only where there can be no other. */
#include "kernel.h"

/* A kernel counts deadlines in ticks, and a sample is not taken at once. */
#define DEADLINE_SLACK_NS 20000000ull

static uint64_t cause_of(const struct kernel_step *s, enum tcp_state to)
{
    const struct kernel_end *k = &s->lane->end[s->end], *peer = &s->lane->end[!s->end];
    const enum tcp_state from = kernel_state(s);

    switch (to) {
    case TCP_STATE_SYN_RECEIVED: return peer->last_syn;
    case TCP_STATE_ESTABLISHED: return from == TCP_STATE_SYN_SENT ? peer->last_syn : 0;
    case TCP_STATE_CLOSE_WAIT:
    case TCP_STATE_CLOSING: return peer->last_fin;
    case TCP_STATE_TIME_WAIT: return from == TCP_STATE_FIN_WAIT_2 ? peer->last_fin : 0;
    case TCP_STATE_CLOSED: return s->conn->ends.reset_by == s->end ? k->last_rst : peer->last_rst;
    default: return 0;
    }
}

/* Many ways lead to CLOSED: what remains after LAST-ACK, and after TIME-WAIT when its time is up, is one. And on Linux
 * an end that closes in SYN-RECEIVED has always been ESTABLISHED in between. */
static bool edge_is_sure(const struct kernel_step *s, enum tcp_state to)
{
    const enum tcp_state from = kernel_state(s);

    if (to != TCP_STATE_CLOSED)
        return !(from == TCP_STATE_SYN_RECEIVED && to == TCP_STATE_FIN_WAIT_1);
    if (s->conn->ends.reset_by != END_UNKNOWN)
        return false;
    return from == TCP_STATE_LAST_ACK ||
           (from == TCP_STATE_TIME_WAIT && s->event->ts_ns + DEADLINE_SLACK_NS >= s->lane->end[s->end].deadline_ns);
}

static void enter(struct kernel_step *s, enum tcp_state to, enum object object)
{
    const struct kernel_claim claim = {
        .to = to, .object = object, .because = cause_of(s, to), .edge_sure = edge_is_sure(s, to)
    };

    s->lane->end[s->end].cookie = s->event->cookie;
    kernel_enter(s, &claim);
}

struct kernel_introduction kernel_samples_introduce(const struct event *e)
{
    const enum tcp_state state = e->snapshot.state;

    if (e->kind != EVENT_SNAPSHOT || state == TCP_STATE_CLOSED || state == TCP_STATE_UNKNOWN)
        return (struct kernel_introduction){ 0 };
    return (struct kernel_introduction){
        .is_one = true,
        .older = !e->snapshot.fresh, /* what the first sample shows; else it came up since the last one */
        .role = e->snapshot.request           ? ROLE_SERVER
                : state == TCP_STATE_SYN_SENT ? ROLE_CLIENT
                                              : ROLE_UNTOLD,
    };
}

bool kernel_samples_begins_anew(const struct kernel_lane *lane, enum end end, const struct event *e)
{
    const uint64_t cookie = lane->end[end].cookie;

    /* request sock, socket and minisock have the same one */
    return e->kind == EVENT_SNAPSHOT && cookie && cookie != e->cookie;
}

/* A socket that one sample showed is in the next one no more. */
static void on_gone(struct kernel_step *s)
{
    const struct kernel_end *k = &s->lane->end[s->end];
    const bool never_sampled = s->event->sock.from == TCP_STATE_UNKNOWN && !ends_kernel_tells(&s->conn->ends, s->end);

    if (!never_sampled && k->cookie != s->event->cookie)
        return; /* an earlier use of these endpoints */
    if (never_sampled)
        ends_begin_as(&s->conn->ends, s->end, LANE_KERNEL, TCP_STATE_UNKNOWN);
    enter(s, TCP_STATE_CLOSED, OBJECT_NONE);
}

void kernel_sample(struct kernel_step *s)
{
    const struct event *e = s->event;
    struct kernel_end *k = &s->lane->end[s->end];

    if (e->kind == EVENT_SOCK_STATE) {
        on_gone(s);
        return;
    }
    if (kernel_state(s) != e->snapshot.state)
        k->deadline_ns = 0;
    enter(s, e->snapshot.state,
          e->snapshot.minisock  ? OBJECT_TIMEWAIT
          : e->snapshot.request ? OBJECT_REQUEST
                                : OBJECT_SOCK);
    if (e->snapshot.minisock && e->snapshot.expires_ns != k->deadline_ns) {
        k->deadline_ns = e->snapshot.expires_ns;
        kernel_tell_timer(s, kernel_timer_of(e->snapshot.state), TIMER_SET, k->deadline_ns);
    }
}
