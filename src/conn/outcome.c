/* What became of a connection: figures, and a verdict that names the thing a person would look for first. */
#include "conn_private.h"

#include <string.h>

/* It has not sent its FIN, or was not seen to. */
static bool open_ended(enum tcp_state state)
{
    return state == TCP_STATE_ESTABLISHED || state == TCP_STATE_CLOSE_WAIT || state == TCP_STATE_SYN_RECEIVED ||
           state == TCP_STATE_SYN_SENT || state == TCP_STATE_UNKNOWN || state == TCP_STATE_LISTEN;
}

static bool gone(enum tcp_state state)
{
    return state == TCP_STATE_CLOSED || state == TCP_STATE_TIME_WAIT;
}

/* Got past the exchange of FINs: then so did its peer, seen or not. */
static bool saw_both_fins(enum tcp_state final, const uint64_t state_ns[TCP_STATE_N])
{
    return final == TCP_STATE_TIME_WAIT || state_ns[TCP_STATE_TIME_WAIT] ||
           (final == TCP_STATE_CLOSED && state_ns[TCP_STATE_LAST_ACK]);
}

/* It sent its FIN, or is in a state that only its own, or a peer that got it, leads to. What a kernel calls FIN-WAIT-1 is
 * not enough where packets show its FIN still unsent. */
static bool has_closed(const struct conn *c, enum end end, const enum tcp_state final[END_N],
                       const uint64_t state_ns[END_N][TCP_STATE_N])
{
    static const enum tcp_state own[] = { TCP_STATE_FIN_WAIT_2, TCP_STATE_CLOSING, TCP_STATE_LAST_ACK,
                                          TCP_STATE_TIME_WAIT },
                                peers[] = { TCP_STATE_CLOSE_WAIT, TCP_STATE_CLOSING, TCP_STATE_LAST_ACK,
                                            TCP_STATE_TIME_WAIT };

    if (c->end[end].wire.fin_sent)
        return true;
    if (!c->end[end].wire.segments && (final[end] == TCP_STATE_FIN_WAIT_1 || state_ns[end][TCP_STATE_FIN_WAIT_1]))
        return true;
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (final[end] == own[i] || state_ns[end][own[i]] || final[!end] == peers[i] || state_ns[!end][peers[i]])
            return true;
    return false;
}

/* The kernel forgot the end in silence: nothing answered what was sent again (tcp_write_err), nor its keep-alives. */
static bool gave_up(const struct conn *c, enum end end)
{
    const struct kernel_lane *k = conn_kernel_of(c, end);
    const enum tcp_state wire = c->end[end].wire.state;

    if (!k->seen || k->state != TCP_STATE_CLOSED || !k->retried || gone(wire))
        return false;
    return k->previous == TCP_STATE_ESTABLISHED || k->previous == TCP_STATE_CLOSE_WAIT ||
           k->previous == TCP_STATE_FIN_WAIT_1 || k->previous == TCP_STATE_CLOSING ||
           (k->previous == TCP_STATE_LAST_ACK && wire != TCP_STATE_UNKNOWN);
}

/* A RST after both FINs were acknowledged ends nothing that was not over. */
static bool fin_acked(const struct conn *c, enum end end)
{
    return c->end[end].wire.fin_sent && c->end[!end].wire.acked > wire_fin_seq(&c->end[end].wire);
}

/* Packets show a client ESTABLISHED by the SYN,ACK that it was sent; the server's kernel knows of the ACK. */
static bool handshake_done(const struct conn *c)
{
    const struct kernel_lane *server = conn_kernel_of(c, END_SERVER);

    return server->seen ? server->established : c->established;
}

/* Of the kernel's account: established or beyond, and not over. */
static bool goes_on(const struct kernel_lane *k)
{
    return k->seen && k->state != TCP_STATE_CLOSED && k->state != TCP_STATE_LISTEN && k->state != TCP_STATE_SYN_SENT &&
           k->state != TCP_STATE_SYN_RECEIVED && k->state != TCP_STATE_TIME_WAIT && k->state != TCP_STATE_UNKNOWN;
}

/* Who ended it with a RST. One that packets show was forged where the kernel of its sender, or else of its receiver,
 * goes on. */
static enum end resetter_of(const struct conn *c)
{
    const struct kernel_lane *sender;

    if (c->reset_by == END_UNKNOWN)
        return END_UNKNOWN;
    sender = conn_kernel_of(c, c->reset_by);
    return goes_on(sender->seen ? sender : conn_kernel_of(c, !c->reset_by)) ? END_UNKNOWN : c->reset_by;
}

static enum verdict verdict_of(const struct conn *c, enum end reset_by, const enum tcp_state final[END_N],
                               const uint64_t state_ns[END_N][TCP_STATE_N])
{
    enum tcp_state client = final[END_CLIENT], server = final[END_SERVER];

    if (reset_by != END_UNKNOWN && !(fin_acked(c, END_CLIENT) && fin_acked(c, END_SERVER))) {
        if (!c->established && !c->midstream && reset_by == END_SERVER)
            return VERDICT_REFUSED;
        return reset_by == END_CLIENT ? VERDICT_RESET_BY_CLIENT : VERDICT_RESET_BY_SERVER;
    }
    if (gave_up(c, END_CLIENT) || gave_up(c, END_SERVER))
        return VERDICT_TIMED_OUT;
    if (c->midstream && !gone(client) && !gone(server))
        return VERDICT_MIDSTREAM;
    if (c->closed_by != END_UNKNOWN) {
        if (c->closing)
            return VERDICT_CLOSED_BOTH;
        if ((client == TCP_STATE_UNKNOWN && saw_both_fins(server, state_ns[END_SERVER])) ||
            (server == TCP_STATE_UNKNOWN && saw_both_fins(client, state_ns[END_CLIENT])))
            return VERDICT_CLOSED_NORMALLY;
        if (gone(client) && gone(server))
            return VERDICT_CLOSED_NORMALLY;
        if (open_ended(client) || open_ended(server))
            return VERDICT_HALF_CLOSED;
        return has_closed(c, END_CLIENT, final, state_ns) && has_closed(c, END_SERVER, final, state_ns)
                   ? VERDICT_CLOSING
                   : VERDICT_UNKNOWN;
    }
    if (server == TCP_STATE_SYN_RECEIVED || (!handshake_done(c) && state_ns[END_SERVER][TCP_STATE_SYN_RECEIVED]))
        return VERDICT_HANDSHAKE_INCOMPLETE;
    if (!c->established)
        return client == TCP_STATE_SYN_SENT || client == TCP_STATE_CLOSED ? VERDICT_NO_ANSWER : VERDICT_UNKNOWN;
    return gone(client) || gone(server) ? VERDICT_UNKNOWN : VERDICT_STILL_OPEN;
}

/* A request goes with its listener, and nobody is told: the kernel sends nothing, and has no event for it. */
static bool died_with_listener(struct conn_table *t, const struct conn *c)
{
    return conn_kernel_of(c, END_SERVER)->object == OBJECT_REQUEST && c->kernel->listener &&
           !listener_find(t, c->kernel->listener_cookie);
}

/* What was dropped explains only a handshake that was never completed. */
static enum cause cause_of(struct conn_table *t, const struct conn *c, enum end reset_by, enum verdict verdict)
{
    if (!c->has_kernel)
        return CAUSE_NONE;
    switch (c->kernel->cause) {
    case CAUSE_ACCEPT_QUEUE_FULL:
    case CAUSE_SYN_QUEUE_FULL:
    case CAUSE_LISTENER_DROPPED: return c->kernel->end[END_SERVER].established ? CAUSE_NONE : c->kernel->cause;
    case CAUSE_LISTENER_CLOSED: return reset_by == END_SERVER ? CAUSE_LISTENER_CLOSED : CAUSE_NONE;
    case CAUSE_NO_LISTENER: return verdict == VERDICT_REFUSED ? CAUSE_NO_LISTENER : CAUSE_NONE;
    default:
        return verdict == VERDICT_HANDSHAKE_INCOMPLETE && died_with_listener(t, c) ? CAUSE_LISTENER_CLOSED : CAUSE_NONE;
    }
}

void conn_outcome(struct conn_table *t, const struct conn *c, uint64_t ts_ns)
{
    struct event e = { .ts_ns = ts_ns };
    struct change change;

    change_begin(&change, t, &e, CHANGE_OUTCOME);
    change.conn = c->number;
    change.outcome.has_wire = c->end[END_CLIENT].wire.segments || c->end[END_SERVER].wire.segments;
    for (unsigned i = 0; i < END_N; i++) {
        if (conn_kernel_of(c, i)->seen || change.outcome.has_wire)
            change.outcome.final[i] = conn_best_state(c, i);
        change.outcome.bytes[i] = wire_bytes(c, i);
        change.outcome.segments[i] = c->end[i].wire.segments;
        conn_state_times(c, i, ts_ns, change.outcome.state_ns[i]);
    }
    if (change.outcome.has_wire) {
        strcpy(change.outcome.conn_state, zeek_conn_state(c));
        memcpy(change.outcome.history, c->history, sizeof(c->history));
    }
    change.outcome.reset_by = resetter_of(c);
    change.outcome.verdict = verdict_of(c, change.outcome.reset_by, change.outcome.final, change.outcome.state_ns);
    change.outcome.cause = cause_of(t, c, change.outcome.reset_by, change.outcome.verdict);
    if (change.outcome.cause != CAUSE_NONE && change.outcome.cause != CAUSE_NO_LISTENER) {
        change.listener = c->kernel->listener;
        change.outcome.drops = c->kernel->drops;
    }
    change.outcome.endpoints = c->endpoint;
    change.outcome.rtt_ns = c->rtt_ns;
    change.outcome.duration_ns = c->last_ns - c->first_ns;
    change.outcome.closed_by = c->closed_by;
    change_emit(t, &change);
}
