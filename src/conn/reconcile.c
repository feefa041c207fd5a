/* Most differences that are left have a reason that both accounts show: it is named, as in docs/differences.md. The
 * others are what a person has to look at. */
#include "reconcile.h"

#include <errno.h>

static enum tcp_state by_wire(const struct life *l, enum end end)
{
    return ends_state(&l->conn.ends, end, LANE_WIRE);
}

static enum tcp_state by_kernel(const struct life *l, enum end end)
{
    return ends_state(&l->conn.ends, end, LANE_KERNEL);
}

static bool differs(const struct life *l, enum end end)
{
    const enum tcp_state wire = by_wire(l, end), kernel = by_kernel(l, end);

    if (!ends_kernel_tells(&l->conn.ends, end) || wire == TCP_STATE_UNKNOWN || kernel == wire || !life_has_wire(l))
        return false;
    /* the end of 2MSL is a timer's: no packet tells of it */
    return !(kernel == TCP_STATE_CLOSED && life_kernel_end(l, end)->previous == TCP_STATE_TIME_WAIT &&
             wire == TCP_STATE_TIME_WAIT);
}

static bool is_told(const struct life *l, enum end end)
{
    const uint8_t *told = l->kernel->compared[end].told;

    return told[LANE_KERNEL] == by_kernel(l, end) && told[LANE_WIRE] == by_wire(l, end);
}

bool reconcile_is_due(const struct life *l)
{
    if (!l->has_kernel)
        return false;
    for (unsigned i = 0; i < END_N; i++)
        if (differs(l, i) && !is_told(l, i))
            return true;
    return false;
}

/* What the listener dropped found no room. With TCP_DEFER_ACCEPT it drops the ACK though there is. */
static bool queue_was_full(const struct life *l, enum end end)
{
    const enum cause cause = l->kernel->lane.cause;

    return life_kernel_end(l, end)->overflowed && (cause == CAUSE_ACCEPT_QUEUE_FULL || cause == CAUSE_SYN_QUEUE_FULL);
}

/* What brought this end further was captured on its way to it, and it never acknowledged that. A kernel that had taken it would
 * have done so at once. */
static bool is_lost_on_the_way(const struct life *l, enum end end, enum tcp_state kernel)
{
    const struct stream *own = &l->conn.streams.of[end], *peer = &l->conn.streams.of[!end];
    const enum tcp_state wire = by_wire(l, end);

    if (kernel == TCP_STATE_SYN_SENT)
        return wire == TCP_STATE_ESTABLISHED && peer->syn_sent && !own->acked;
    return ((kernel == TCP_STATE_ESTABLISHED && wire == TCP_STATE_CLOSE_WAIT) ||
            (kernel == TCP_STATE_FIN_WAIT_1 && (wire == TCP_STATE_CLOSING || wire == TCP_STATE_TIME_WAIT)) ||
            (kernel == TCP_STATE_FIN_WAIT_2 && wire == TCP_STATE_TIME_WAIT)) &&
           peer->fin_sent && own->acked <= stream_fin_seq(peer);
}

/* The kernel is CLOSED, and the packets do not show why. */
static enum known known_closed(const struct life *l, enum end end)
{
    const struct kernel_end *k = life_kernel_end(l, end);
    const enum tcp_state wire = by_wire(l, end);

    if (is_lost_on_the_way(l, end, k->previous))
        return KNOWN_SEGMENT_LOST;
    if (k->previous == TCP_STATE_SYN_SENT && wire == TCP_STATE_SYN_SENT)
        return l->wire.icmp[end] || (k->error && k->error != ETIMEDOUT && k->error != ECONNRESET)
                   ? KNOWN_ICMP_ERROR
                   : KNOWN_CONNECT_GIVEN_UP;
    if (k->previous == TCP_STATE_SYN_RECEIVED && k->expired)
        return queue_was_full(l, end) ? KNOWN_QUEUE_FULL : KNOWN_REQUEST_EXPIRED;
    if (k->previous == TCP_STATE_FIN_WAIT_2 && wire == TCP_STATE_FIN_WAIT_2)
        return KNOWN_FIN_WAIT_2_TIMEOUT;
    if (wire == TCP_STATE_TIME_WAIT && (k->previous == TCP_STATE_FIN_WAIT_1 || k->previous == TCP_STATE_FIN_WAIT_2 ||
                                        k->previous == TCP_STATE_CLOSING))
        return KNOWN_NO_TIME_WAIT;
    if (l->conn.streams.of[END_CLIENT].rst_sent || l->conn.streams.of[END_SERVER].rst_sent)
        return KNOWN_NONE;
    if (l->kernel->lane.reset)
        return KNOWN_RESET_UNSEEN;
    return k->retried || k->error == ETIMEDOUT ? KNOWN_RETRIES_USED_UP : KNOWN_NONE;
}

static enum known known_of(const struct life *l, enum end end, bool events_lost)
{
    const enum tcp_state wire = by_wire(l, end), kernel = by_kernel(l, end);

    if (l->conn.ends.midstream)
        return KNOWN_BEFORE_TRACE;
    if (events_lost)
        return KNOWN_EVENTS_LOST;
    if (kernel == TCP_STATE_CLOSED)
        return known_closed(l, end);
    if (wire == TCP_STATE_CLOSED && l->wire.end[end].closed_by_rst && l->conn.streams.of[end].rst_sent &&
        l->kernel->lane.cause == CAUSE_FILTER_RESET)
        return KNOWN_RESET_FOREIGN;
    if (wire == TCP_STATE_CLOSED && l->wire.end[end].closed_by_rst && l->conn.streams.of[!end].rst_sent)
        return KNOWN_RESET_LOST;
    if (is_lost_on_the_way(l, end, kernel))
        return KNOWN_SEGMENT_LOST;
    if (kernel == TCP_STATE_SYN_RECEIVED && queue_was_full(l, end))
        return KNOWN_QUEUE_FULL;
    if (kernel == TCP_STATE_SYN_RECEIVED && l->kernel->lane.cause == CAUSE_DEFERRED)
        return KNOWN_DEFERRED;
    if (!l->conn.streams.of[end].fin_sent &&
        ((kernel == TCP_STATE_FIN_WAIT_1 && wire == TCP_STATE_ESTABLISHED) ||
         ((kernel == TCP_STATE_LAST_ACK || kernel == TCP_STATE_CLOSING) && wire == TCP_STATE_CLOSE_WAIT)))
        return KNOWN_FIN_UNSENT;
    return KNOWN_NONE;
}

static void tell(struct life *l, enum end end, enum known known, struct emitter *out, uint64_t ts_ns)
{
    struct compared *compared = &l->kernel->compared[end];
    struct change change NO_ZEROS;

    compared->told[LANE_KERNEL] = (uint8_t)by_kernel(l, end);
    compared->told[LANE_WIRE] = (uint8_t)by_wire(l, end);
    change_init(&change, CHANGE_DISAGREEMENT);
    change.conn = l->conn.number;
    change.end = end;
    change.because = compared->moved;
    change.disagreement.kernel = by_kernel(l, end);
    change.disagreement.wire = by_wire(l, end);
    change.disagreement.known = known;
    emit(out, emit_time(out, ts_ns), &change);
}

void reconcile(struct life *l, bool events_lost, struct emitter *out, uint64_t ts_ns)
{
    if (!l->has_kernel)
        return;
    for (unsigned i = 0; i < END_N; i++)
        if (differs(l, i) && !is_told(l, i))
            tell(l, i, known_of(l, i, events_lost), out, ts_ns);
}
