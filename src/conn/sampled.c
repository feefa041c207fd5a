/* The kernel's lane as samples tell it (WITNESS_DIAG): they show where an end has got to, not which way it went, nor
 * what made it go. States that were passed between two samples are not claimed; a cause or an edge of the RFC's diagram
 * is named only where there can be no other. */
#include "conn_private.h"

/* A kernel counts deadlines in ticks, and a sample is not taken at once. */
#define DEADLINE_SLACK_NS 20000000ull

static uint64_t cause_of(const struct conn *c, enum end end, enum tcp_state from, enum tcp_state to)
{
    const struct kernel_lane *x = &c->kernel->end[end], *peer = &c->kernel->end[!end];

    switch (to) {
    case TCP_STATE_SYN_RECEIVED: return peer->last_syn;
    case TCP_STATE_ESTABLISHED: return from == TCP_STATE_SYN_SENT ? peer->last_syn : 0;
    case TCP_STATE_CLOSE_WAIT:
    case TCP_STATE_CLOSING: return peer->last_fin;
    case TCP_STATE_TIME_WAIT: return from == TCP_STATE_FIN_WAIT_2 ? peer->last_fin : 0;
    case TCP_STATE_CLOSED: return c->reset_by == end ? x->last_rst : peer->last_rst;
    default: return 0;
    }
}

/* Many ways lead to CLOSED: what remains after LAST-ACK, and after TIME-WAIT when its time is up, is one. And on Linux
 * an end that closes in SYN-RECEIVED has always been ESTABLISHED in between. */
static bool edge_is_sure(const struct event *e, const struct conn *c, const struct kernel_lane *k, enum tcp_state from,
                         enum tcp_state to)
{
    if (to != TCP_STATE_CLOSED)
        return !(from == TCP_STATE_SYN_RECEIVED && to == TCP_STATE_FIN_WAIT_1);
    if (c->reset_by != END_UNKNOWN)
        return false;
    return from == TCP_STATE_LAST_ACK ||
           (from == TCP_STATE_TIME_WAIT && e->ts_ns + DEADLINE_SLACK_NS >= k->deadline_ns);
}

/* What a state says of those before it, seen or not. */
static void note(struct conn *c, enum end end, enum tcp_state state)
{
    bool first = state == TCP_STATE_FIN_WAIT_1 || state == TCP_STATE_FIN_WAIT_2 || state == TCP_STATE_TIME_WAIT;
    bool second = state == TCP_STATE_CLOSE_WAIT || state == TCP_STATE_LAST_ACK;

    if (state == TCP_STATE_CLOSING)
        c->closing = true;
    if (state == TCP_STATE_ESTABLISHED || state == TCP_STATE_CLOSING || first || second)
        c->established = true;
    if ((first || second) && c->closed_by == END_UNKNOWN)
        c->closed_by = first ? end : !end;
}

static void follow(struct conn_table *t, const struct event *e, struct conn *c, enum end end, enum tcp_state to,
                   enum object object)
{
    struct kernel_lane *k = &c->kernel->end[end];
    enum tcp_state from = k->state;
    const struct tcp_edge *edge;
    struct change change;

    /* until now the packets' lane was the better witness of this end */
    conn_account(c, end, e->ts_ns);
    k->seen = true;
    k->cookie = e->cookie;
    if (from == to) {
        kernel_hand_over(t, e, c, end, object);
        return;
    }
    k->object = object;
    k->previous = from;
    edge = tcp_fsm_follow(&k->state, to);
    note(c, end, to);
    change_begin(&change, t, e, CHANGE_STATE);
    change.conn = c->number;
    change.end = end;
    change.because = cause_of(c, end, from, to);
    change.state.from = from;
    change.state.to = to;
    change.state.how = HOW_SAMPLED;
    change.state.source = e->source;
    change.state.kernel_state = kernel_state_name(to, object);
    change.state.object = object;
    change.state.rfc = edge && edge_is_sure(e, c, k, from, to) ? edge->label : NULL;
    change_emit(t, &change);
    k->moved = change.n;
}

/* The connection a sample is about. One that was not seen to begin is older than the trace where the first sample shows
 * it, and else came up since the last one. */
static struct conn *conn_of(struct conn_table *t, const struct event *e)
{
    struct conn *c = conn_find(t, e);
    bool serves, connects;

    if (c) {
        uint64_t cookie = c->kernel->end[conn_end_of(c, &e->local)].cookie;

        if (!cookie || cookie == e->cookie)
            return c;
        conn_supersede(t, c, e->ts_ns); /* request sock, socket and minisock have the same one: it is another use */
    }
    serves = e->snapshot.request || listener_at(t, &e->local, e->netns);
    connects = e->snapshot.state == TCP_STATE_SYN_SENT;
    return conn_new(t, e, !serves, !e->snapshot.fresh, !serves && !connects);
}

void sampled_socket(struct conn_table *t, const struct event *e)
{
    enum tcp_state state = e->snapshot.state;
    struct kernel_lane *k;
    struct conn *c;
    enum end end;

    if (state == TCP_STATE_LISTEN) {
        listener_sampled(t, e);
        return;
    }
    if (state == TCP_STATE_CLOSED || state == TCP_STATE_UNKNOWN)
        return;
    c = conn_of(t, e);
    if (!c)
        return;
    end = conn_end_of(c, &e->local);
    k = &c->kernel->end[end];
    if (k->state != state)
        k->deadline_ns = 0;
    follow(t, e, c, end, state,
           e->snapshot.minisock  ? OBJECT_TIMEWAIT
           : e->snapshot.request ? OBJECT_REQUEST
                                 : OBJECT_SOCK);
    if (e->snapshot.minisock && e->snapshot.expires_ns != k->deadline_ns) {
        k->deadline_ns = e->snapshot.expires_ns;
        kernel_timer(t, e, c, end, state == TCP_STATE_FIN_WAIT_2 ? TIMER_FIN_WAIT_2 : TIMER_TIME_WAIT, TIMER_SET,
                     k->deadline_ns, 0);
    }
}

void sampled_end(struct conn_table *t, const struct event *e, struct conn *c)
{
    enum end end = conn_end_of(c, &e->local);
    struct kernel_lane *k = &c->kernel->end[end];
    bool never_sampled = e->sock.from == TCP_STATE_UNKNOWN && !k->seen;

    if (!never_sampled && k->cookie != e->cookie)
        return; /* an earlier use of these endpoints */
    if (never_sampled)
        k->state = TCP_STATE_UNKNOWN;
    follow(t, e, c, end, TCP_STATE_CLOSED, OBJECT_NONE);
}
