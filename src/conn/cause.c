#include "cause.h"

/* A request goes with its listener, and nobody is told: the kernel sends nothing, and has no event for it. But where its SYN,ACK
 * was sent again it had waited in vain before. */
static bool died_with_listener(const struct life *l, const struct registry *listeners)
{
    return !life_kernel_end(l, END_SERVER)->retried && life_kernel_end(l, END_SERVER)->object == OBJECT_REQUEST &&
           l->kernel->lane.listener && !registry_find(listeners, l->kernel->lane.listener_cookie);
}

/* What its listener did. What was dropped explains only a handshake that was never completed. */
static enum cause of_listener(const struct life *l, const struct registry *listeners, const struct ending *e)
{
    switch (l->kernel->lane.cause) {
    case CAUSE_ACCEPT_QUEUE_FULL:
    case CAUSE_SYN_QUEUE_FULL:
    case CAUSE_SYN_BACKLOG_FULL:
    case CAUSE_LISTENER_DROPPED:
    case CAUSE_SIGNATURE_REFUSED:
    case CAUSE_DEFERRED: return life_kernel_end(l, END_SERVER)->established ? CAUSE_NONE : l->kernel->lane.cause;
    case CAUSE_LISTENER_CLOSED: return e->reset_by == END_SERVER ? CAUSE_LISTENER_CLOSED : CAUSE_NONE;
    case CAUSE_NO_LISTENER: return e->verdict == VERDICT_REFUSED ? CAUSE_NO_LISTENER : CAUSE_NONE;
    case CAUSE_FILTER_RESET:
        return e->verdict == VERDICT_REFUSED || e->verdict == VERDICT_RESET_BY_CLIENT ||
                       e->verdict == VERDICT_RESET_BY_SERVER
                   ? CAUSE_FILTER_RESET
                   : CAUSE_NONE;
    default:
        return e->verdict == VERDICT_HANDSHAKE_INCOMPLETE && died_with_listener(l, listeners) ? CAUSE_LISTENER_CLOSED
                                                                                              : CAUSE_NONE;
    }
}

/* What an end gets it drops, since no signature fits. One alone may be forged, and keeps nobody waiting. */
static enum cause of_signatures(const struct life *l, const struct ending *e, struct reason *reason)
{
    const unsigned client = life_kernel_end(l, END_CLIENT)->unsigned_n,
                   server = life_kernel_end(l, END_SERVER)->unsigned_n;
    const bool waits = e->verdict == VERDICT_TIMED_OUT || e->verdict == VERDICT_HANDSHAKE_INCOMPLETE ||
                       e->verdict == VERDICT_STILL_OPEN || e->verdict == VERDICT_HALF_CLOSED ||
                       e->verdict == VERDICT_CLOSING;

    if (!waits || (client < 2 && server < 2))
        return CAUSE_NONE;
    reason->end = server >= client ? END_SERVER : END_CLIENT;
    reason->drops = server >= client ? server : client;
    return CAUSE_SIGNATURE_REFUSED;
}

static bool is_icmp(enum cause cause)
{
    return cause >= CAUSE_ICMP_NET_UNREACHABLE && cause <= CAUSE_ICMP_OTHER;
}

/* What the socket said that ended first. Errors are fewer than ICMP's codes: the packet says which it was. */
static enum cause of_socket(const struct life *l, const struct ending *e, struct reason *reason)
{
    const struct kernel_lane *lane = &l->kernel->lane;
    const unsigned end = lane->ending.end, icmp = l->wire.icmp[end];

    if (lane->ending.cause == CAUSE_NONE || e->verdict == VERDICT_CLOSED_NORMALLY || e->verdict == VERDICT_CLOSED_BOTH)
        return CAUSE_NONE;
    reason->end = lane->ending.end;
    reason->error = lane->end[end].error;
    reason->unread = lane->ending.unread;
    return is_icmp(lane->ending.cause) && icmp ? CAUSE_ICMP_NET_UNREACHABLE + icmp - 1 : lane->ending.cause;
}

/* Its kernel sent SYNs, and none is among the packets: its own host dropped them. */
static bool is_dropped_at_home(const struct life *l, const struct ending *e)
{
    return e->all_packets && e->verdict == VERDICT_NO_ANSWER && !l->conn.ends.midstream &&
           ends_kernel_tells(&l->conn.ends, END_CLIENT) && life_kernel_end(l, END_CLIENT)->retried &&
           !l->conn.streams.of[END_CLIENT].segments;
}

/* What packets show of a client that did not complete the handshake. */
static enum cause of_client(const struct life *l, const struct ending *e)
{
    const struct wire_end *client = &l->wire.end[END_CLIENT];
    const struct stream *sent = &l->conn.streams.of[END_CLIENT], *got = &l->conn.streams.of[END_SERVER];

    if (e->verdict == VERDICT_NO_ANSWER && l->conn.superseded)
        return CAUSE_SUPERSEDED;
    if (e->verdict != VERDICT_HANDSHAKE_INCOMPLETE || !got->syn_sent || !sent->syn_sent || sent->acked ||
        client->damaged)
        return CAUSE_NONE;
    if (client->spoke)
        return CAUSE_ACK_UNACCEPTABLE;
    return ends_best(&l->conn.ends, END_CLIENT) == TCP_STATE_SYN_SENT ? CAUSE_NO_ACK : CAUSE_NONE;
}

struct reason cause_of_ending(const struct life *l, const struct registry *listeners, const struct ending *e)
{
    struct reason reason = { .end = END_UNKNOWN };

    if (l->has_kernel) {
        reason.cause = of_listener(l, listeners, e);
        reason.of_listener =
            reason.cause != CAUSE_NONE && reason.cause != CAUSE_NO_LISTENER && reason.cause != CAUSE_FILTER_RESET;
        if (reason.cause == CAUSE_FILTER_RESET)
            reason.end = e->reset_by;
        if (reason.of_listener)
            reason.drops = l->kernel->lane.drops;
        reason.abort_on_overflow = reason.cause == CAUSE_ACCEPT_QUEUE_FULL && l->kernel->lane.aborted;
        if (reason.cause == CAUSE_NONE)
            reason.cause = of_signatures(l, e, &reason);
        if (reason.cause == CAUSE_NONE)
            reason.cause = of_socket(l, e, &reason);
        if ((reason.cause == CAUSE_NONE || reason.cause == CAUSE_SYN_TIMEOUT) && is_dropped_at_home(l, e)) {
            reason.cause = CAUSE_LOCAL_DROP;
            reason.end = END_CLIENT;
        }
    }
    if (reason.cause == CAUSE_NONE)
        reason.cause = wire_cause(&l->conn, &l->wire, &reason.end);
    if (reason.cause == CAUSE_NONE)
        reason.cause = of_client(l, e);
    return reason;
}
