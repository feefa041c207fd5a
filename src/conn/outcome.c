#include "outcome.h"

#include <string.h>

#include "cause.h"

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

/* As far as was seen. */
static bool is_over(enum tcp_state state)
{
    return gone(state) || state == TCP_STATE_UNKNOWN;
}

/* Got past the exchange of FINs: then so did its peer, seen or not. */
static bool saw_both_fins(enum tcp_state final, const uint64_t state_ns[TCP_STATE_N])
{
    return final == TCP_STATE_TIME_WAIT || state_ns[TCP_STATE_TIME_WAIT] ||
           (final == TCP_STATE_CLOSED && state_ns[TCP_STATE_LAST_ACK]);
}

static bool is_timeout(enum cause cause)
{
    return cause >= CAUSE_RETRANSMISSION_TIMEOUT && cause <= CAUSE_ORPHAN_TIMEOUT;
}
_Static_assert(CAUSE_ORPHAN_TIMEOUT == CAUSE_RETRANSMISSION_TIMEOUT + 5, "the timeouts stand together");

/* Of the states that an end's own FIN leads to those in which it was acknowledged: a kernel is in the others as soon as it has
 * queued its FIN. */
#define OWN_SURE 2

/* It sent its FIN, or is in a state that only its own, or a peer that got it, leads to. What a kernel calls FIN-WAIT-1 is
 * not enough where packets show its FIN still unsent. */
static bool has_closed(const struct life *l, enum end end, const enum tcp_state final[END_N],
                       const uint64_t state_ns[END_N][TCP_STATE_N])
{
    static const enum tcp_state own[] = { TCP_STATE_FIN_WAIT_2, TCP_STATE_TIME_WAIT, TCP_STATE_FIN_WAIT_1,
                                          TCP_STATE_CLOSING, TCP_STATE_LAST_ACK },
                                peers[] = { TCP_STATE_CLOSE_WAIT, TCP_STATE_CLOSING, TCP_STATE_LAST_ACK,
                                            TCP_STATE_TIME_WAIT };

    if (l->conn.streams.of[end].fin_sent)
        return true;
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        const bool sure = i < OWN_SURE || !l->conn.streams.of[end].segments;

        if (sure && (final[end] == own[i] || state_ns[end][own[i]]))
            return true;
    }
    for (unsigned i = 0; i < sizeof(peers) / sizeof(peers[0]); i++)
        if (final[!end] == peers[i] || state_ns[!end][peers[i]])
            return true;
    return false;
}

/* The kernel of an end that was open waited in vain, and forgot it: by its own account, or in silence where that says
 * nothing (tcp_write_err()). What ended it first counts: a RST that comes later finds nothing to end. */
static bool gave_up(const struct life *l, enum end end)
{
    const struct kernel_end *k = life_kernel_end(l, end);
    const struct ends *ends = &l->conn.ends;
    const enum tcp_state wire = ends_state(ends, end, LANE_WIRE);

    if (!ends_kernel_tells(ends, end) || ends_state(ends, end, LANE_KERNEL) != TCP_STATE_CLOSED)
        return false;
    if (k->error)
        return k->established && is_timeout(l->kernel->lane.ending.cause) && l->kernel->lane.ending.end == end;
    if (!k->retried || gone(wire))
        return false;
    return k->previous == TCP_STATE_ESTABLISHED || k->previous == TCP_STATE_CLOSE_WAIT ||
           k->previous == TCP_STATE_FIN_WAIT_1 || k->previous == TCP_STATE_CLOSING ||
           (k->previous == TCP_STATE_LAST_ACK && wire != TCP_STATE_UNKNOWN);
}

/* It was closed, its peer was not, and its kernel forgot it: the RST answers what came later. */
static bool waited_for_fin(const struct life *l, enum end end)
{
    return l->has_kernel && l->kernel->lane.ending.cause == CAUSE_ORPHAN_TIMEOUT && l->kernel->lane.ending.end == end;
}

/* Packets show a client ESTABLISHED by the SYN,ACK that it was sent; the server's kernel knows of the ACK. */
static bool handshake_done(const struct life *l)
{
    return ends_kernel_tells(&l->conn.ends, END_SERVER) ? life_kernel_end(l, END_SERVER)->established
                                                        : l->conn.ends.established;
}

/* Of the kernel's account: established or beyond, and not over. */
static bool goes_on(const struct ends *ends, enum end end)
{
    const enum tcp_state state = ends_state(ends, end, LANE_KERNEL);

    return ends_kernel_tells(ends, end) && state >= TCP_STATE_ESTABLISHED && state != TCP_STATE_TIME_WAIT;
}

/* Who ended it with a RST. One that packets show was forged where the kernel of its sender, or else of its receiver,
 * goes on; but a filter that forges one ends the connection for who believes it. */
static enum end resetter_of(const struct ends *ends)
{
    const enum end by = ends->reset_by;

    if (by == END_UNKNOWN)
        return END_UNKNOWN;
    if (ends_kernel_tells(ends, by) && goes_on(ends, by))
        return ends_kernel_tells(ends, !by) && ends_state(ends, !by, LANE_KERNEL) == TCP_STATE_CLOSED ? by
                                                                                                      : END_UNKNOWN;
    return !ends_kernel_tells(ends, by) && goes_on(ends, !by) ? END_UNKNOWN : by;
}

/* Who closed first: by packets, where they show it. A FIN that a kernel has queued, and that is not among them, was not sent. */
static enum end closer_of(const struct life *l, enum end reset_by, const enum tcp_state final[END_N],
                          const uint64_t state_ns[END_N][TCP_STATE_N])
{
    const struct ends *ends = &l->conn.ends;

    if (reset_by != END_UNKNOWN && ends->reset_first)
        return END_UNKNOWN; /* a FIN after a RST closes nothing */
    if (ends->closed_by_wire != END_UNKNOWN)
        return ends->closed_by_wire;
    return ends->closed_by != END_UNKNOWN && has_closed(l, ends->closed_by, final, state_ns) ? ends->closed_by
                                                                                             : END_UNKNOWN;
}

/* Each sent its FIN before it had the other's. */
static bool closed_both(const struct life *l)
{
    const struct streams *s = &l->conn.streams;

    if (!life_has_wire(l))
        return l->conn.ends.closing;
    return l->conn.ends.closing_wire ||
           (l->conn.ends.closing && s->of[END_CLIENT].fin_sent && s->of[END_SERVER].fin_sent);
}

static enum verdict verdict_of(const struct life *l, enum end reset_by, enum end closer,
                               const enum tcp_state final[END_N], const uint64_t state_ns[END_N][TCP_STATE_N])
{
    const enum tcp_state client = final[END_CLIENT], server = final[END_SERVER];
    const struct streams *streams = &l->conn.streams;
    const struct ends *ends = &l->conn.ends;

    if (gave_up(l, END_CLIENT) || gave_up(l, END_SERVER))
        return VERDICT_TIMED_OUT;
    /* a RST after both FINs were acknowledged ends nothing that was not over */
    if (reset_by != END_UNKNOWN && !(stream_fin_acked(streams, END_CLIENT) && stream_fin_acked(streams, END_SERVER))) {
        if (l->wire.end[reset_by].gave_up || waited_for_fin(l, reset_by))
            return VERDICT_TIMED_OUT;
        if (!ends->established && !ends->midstream && reset_by == END_SERVER)
            return VERDICT_REFUSED;
        return reset_by == END_CLIENT ? VERDICT_RESET_BY_CLIENT : VERDICT_RESET_BY_SERVER;
    }
    if (ends->midstream && !gone(client) && !gone(server))
        return VERDICT_MIDSTREAM;
    if (closer != END_UNKNOWN) {
        if (closed_both(l))
            return is_over(client) && is_over(server) ? VERDICT_CLOSED_BOTH : VERDICT_CLOSING;
        if ((client == TCP_STATE_UNKNOWN && saw_both_fins(server, state_ns[END_SERVER])) ||
            (server == TCP_STATE_UNKNOWN && saw_both_fins(client, state_ns[END_CLIENT])))
            return VERDICT_CLOSED_NORMALLY;
        if (gone(client) && gone(server))
            return VERDICT_CLOSED_NORMALLY;
        if (open_ended(client) || open_ended(server))
            return VERDICT_HALF_CLOSED;
        return has_closed(l, END_CLIENT, final, state_ns) && has_closed(l, END_SERVER, final, state_ns)
                   ? VERDICT_CLOSING
                   : VERDICT_HALF_CLOSED;
    }
    if (server == TCP_STATE_SYN_RECEIVED || (!handshake_done(l) && state_ns[END_SERVER][TCP_STATE_SYN_RECEIVED]))
        return VERDICT_HANDSHAKE_INCOMPLETE;
    if (!ends->established)
        return client == TCP_STATE_SYN_SENT || client == TCP_STATE_CLOSED ? VERDICT_NO_ANSWER : VERDICT_UNKNOWN;
    return gone(client) || gone(server) ? VERDICT_UNKNOWN : VERDICT_STILL_OPEN;
}

/* Of what ended as it should nobody asks; of two ends that wait, who waits longer. */
static struct stalled stalled_of(const struct life *l, enum verdict verdict)
{
    struct stalled longest = { 0 };

    if (verdict == VERDICT_CLOSED_NORMALLY || verdict == VERDICT_CLOSED_BOTH || verdict == VERDICT_REFUSED)
        return longest;
    for (unsigned i = 0; i < END_N; i++) {
        const struct stalled s = notes_stalled(&l->notes, &l->conn.streams, i);

        if (s.what && (!longest.what || s.ns > longest.ns))
            longest = s;
    }
    return longest;
}

static void put_reason(const struct life *l, const struct registry *listeners, bool all_packets, struct change *change)
{
    const struct ending ending = { change->outcome.verdict, change->outcome.reset_by, all_packets };
    const struct reason reason = cause_of_ending(l, listeners, &ending);

    change->outcome.cause = reason.cause;
    change->outcome.cause_end = reason.end;
    change->outcome.error = -(int64_t)reason.error;
    change->outcome.unread = reason.unread;
    change->outcome.drops = reason.drops;
    change->outcome.abort_on_overflow = reason.abort_on_overflow;
    if (reason.of_listener)
        change->listener = l->kernel->lane.listener;
}

/* Of the ends, where they are in two. */
static void put_netns(const struct life *l, uint64_t netns[END_N])
{
    if (!l->has_kernel || !l->kernel->netns[END_CLIENT] || !l->kernel->netns[END_SERVER] ||
        l->kernel->netns[END_CLIENT] == l->kernel->netns[END_SERVER])
        return;
    for (unsigned i = 0; i < END_N; i++)
        netns[i] = l->kernel->netns[i];
}

void outcome_tell(const struct life *l, const struct registry *listeners, bool all_packets, struct emitter *out,
                  uint64_t ts_ns)
{
    const struct ends *ends = &l->conn.ends;
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_OUTCOME);
    change.conn = l->conn.number;
    change.outcome.has_wire = life_has_wire(l);
    for (unsigned i = 0; i < END_N; i++) {
        if (ends_kernel_tells(ends, i) || change.outcome.has_wire)
            change.outcome.final[i] = ends_best(ends, i);
        for (unsigned lane = 0; lane < LANE_N; lane++)
            change.outcome.left[i][lane] = ends_state(ends, i, lane);
        change.outcome.bytes[i] = stream_bytes(&l->conn.streams.of[i]);
        change.outcome.segments[i] = l->conn.streams.of[i].segments;
        ends_state_times(ends, i, ts_ns, change.outcome.state_ns[i]);
    }
    change.outcome.forgotten = l->conn.forgotten;
    put_netns(l, change.outcome.netns);
    if (change.outcome.has_wire) {
        strcpy(change.outcome.conn_state, zeek_conn_state(&l->zeek, &l->conn.streams));
        memcpy(change.outcome.history, l->zeek.history, sizeof(l->zeek.history));
    }
    change.outcome.reset_by = resetter_of(ends);
    change.outcome.closed_by = closer_of(l, change.outcome.reset_by, change.outcome.final, change.outcome.state_ns);
    change.outcome.verdict =
        verdict_of(l, change.outcome.reset_by, change.outcome.closed_by, change.outcome.final, change.outcome.state_ns);
    put_reason(l, listeners, all_packets, &change);
    change.outcome.stalled = stalled_of(l, change.outcome.verdict);
    change.outcome.endpoints = l->conn.endpoint;
    change.outcome.rtt_ns = notes_rtt_ns(&l->notes);
    change.outcome.duration_ns = ends->last_ns - ends->first_ns;
    emit(out, ts_ns, &change);
}
