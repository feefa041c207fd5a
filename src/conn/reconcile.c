/* Where the witnesses differ. Each end has two lanes, and one is always a little ahead: a packet is on the wire before
 * the kernel has taken it, and a FIN is decided on before it is sent. So a difference counts when it has stood while
 * nothing more happened, or at the end. Most that are left have a reason that both accounts show: it is named, as in
 * docs/differences.md. The others are what a person has to look at. */
#include "conn_private.h"

static bool differs(const struct conn *c, enum end end)
{
    const struct kernel_lane *k = conn_kernel_of(c, end);
    const enum tcp_state wire = c->end[end].wire.state;

    if (!k->seen || wire == TCP_STATE_UNKNOWN || k->state == wire)
        return false;
    if (!c->end[END_CLIENT].wire.segments && !c->end[END_SERVER].wire.segments)
        return false;
    /* the end of 2MSL is a timer's: no packet tells of it */
    return !(k->state == TCP_STATE_CLOSED && k->previous == TCP_STATE_TIME_WAIT && wire == TCP_STATE_TIME_WAIT);
}

static bool is_told(const struct conn *c, enum end end)
{
    const struct kernel_lane *k = conn_kernel_of(c, end);

    return k->told_kernel == k->state && k->told_wire == c->end[end].wire.state;
}

bool conn_unsettled(const struct conn *c)
{
    for (unsigned i = 0; i < END_N; i++)
        if (differs(c, i) && !is_told(c, i))
            return true;
    return false;
}

/* What the listener dropped found no room. With TCP_DEFER_ACCEPT it drops the ACK though there is. */
static bool queue_was_full(const struct conn *c, const struct kernel_lane *k)
{
    return k->overflowed && (c->kernel->cause == CAUSE_ACCEPT_QUEUE_FULL || c->kernel->cause == CAUSE_SYN_QUEUE_FULL);
}

/* The kernel is CLOSED, and the packets do not show why. */
static enum known known_closed(const struct conn *c, const struct kernel_lane *k, enum tcp_state wire)
{
    if (k->previous == TCP_STATE_SYN_SENT && wire == TCP_STATE_SYN_SENT)
        return KNOWN_CONNECT_GIVEN_UP;
    if (k->previous == TCP_STATE_SYN_RECEIVED && k->expired)
        return queue_was_full(c, k) ? KNOWN_QUEUE_FULL : KNOWN_REQUEST_EXPIRED;
    if (k->previous == TCP_STATE_FIN_WAIT_2 && wire == TCP_STATE_FIN_WAIT_2)
        return KNOWN_FIN_WAIT_2_TIMEOUT;
    if (wire == TCP_STATE_TIME_WAIT && (k->previous == TCP_STATE_FIN_WAIT_1 || k->previous == TCP_STATE_FIN_WAIT_2 ||
                                        k->previous == TCP_STATE_CLOSING))
        return KNOWN_NO_TIME_WAIT;
    if (c->end[END_CLIENT].wire.rst_sent || c->end[END_SERVER].wire.rst_sent)
        return KNOWN_NONE;
    if (c->kernel->reset)
        return KNOWN_RESET_UNSEEN;
    return k->retried ? KNOWN_RETRIES_USED_UP : KNOWN_NONE;
}

static enum known known_of(const struct conn_table *t, const struct conn *c, enum end end)
{
    const struct kernel_lane *k = conn_kernel_of(c, end);
    const struct wire_lane *w = &c->end[end].wire;

    if (c->midstream)
        return KNOWN_BEFORE_TRACE;
    if (t->events_lost)
        return KNOWN_EVENTS_LOST;
    if (k->state == TCP_STATE_CLOSED)
        return known_closed(c, k, w->state);
    if (k->state == TCP_STATE_SYN_RECEIVED && queue_was_full(c, k))
        return KNOWN_QUEUE_FULL;
    if (!w->fin_sent && ((k->state == TCP_STATE_FIN_WAIT_1 && w->state == TCP_STATE_ESTABLISHED) ||
                         (k->state == TCP_STATE_LAST_ACK && w->state == TCP_STATE_CLOSE_WAIT)))
        return KNOWN_FIN_UNSENT;
    return KNOWN_NONE;
}

void conn_reconcile(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    const struct event e = { .ts_ns = ts_ns < t->told_ns ? t->told_ns : ts_ns };

    for (unsigned i = 0; i < END_N; i++) {
        struct change change;
        struct kernel_lane *k;

        if (!differs(c, i) || is_told(c, i))
            continue;
        k = &c->kernel->end[i];
        k->told_kernel = k->state;
        k->told_wire = c->end[i].wire.state;
        change_begin(&change, t, &e, CHANGE_DISAGREEMENT);
        change.conn = c->number;
        change.end = i;
        change.because = k->moved;
        change.disagreement.kernel = k->state;
        change.disagreement.wire = c->end[i].wire.state;
        change.disagreement.known = known_of(t, c, i);
        change_emit(t, &change);
    }
}
