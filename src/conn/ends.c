#include "ends.h"

#include <assert.h>

/* The one place where a state is stored. An object of which no member is defined const may be written through a pointer
 * that is not (C17 6.7.3): connections are allocated. */
static void store(struct ends *e, enum end end, enum lane lane, enum tcp_state state)
{
    uint8_t *cell = (uint8_t *)&e->state[end][lane];

    *cell = (uint8_t)state;
}

void ends_begin(struct ends *e, uint64_t ts_ns, bool midstream)
{
    e->first_ns = e->last_ns = ts_ns;
    e->closed_by = e->closed_by_wire = e->reset_by = END_UNKNOWN;
    e->midstream = midstream;
    if (midstream)
        return;
    for (unsigned lane = 0; lane < LANE_N; lane++)
        store(e, END_CLIENT, lane, TCP_STATE_CLOSED);
    store(e, END_SERVER, LANE_KERNEL, TCP_STATE_LISTEN);
}

void ends_begin_as(struct ends *e, enum end end, enum lane lane, enum tcp_state state)
{
    assert(state == TCP_STATE_LISTEN || state == TCP_STATE_CLOSED || state == TCP_STATE_UNKNOWN);
    store(e, end, lane, state);
}

/* Since when the end has been in its state, as stays count. */
static uint64_t stay_began(const struct ends *e, enum end end)
{
    const unsigned count = e->stay_count[end];

    return count ? e->stays[end][count - 1].until_ns : 0;
}

/* The best witness's state is left. */
static void book_stay(struct ends *e, enum end end, uint64_t ts_ns)
{
    const enum tcp_state state = ends_best(e, end);
    struct stay *stays = e->stays[end];
    uint8_t *count = &e->stay_count[end];

    if (ts_ns <= e->first_ns + stay_began(e, end))
        return;
    /* two witnesses can take turns more often than one alone goes on: then the last stay is prolonged */
    if (!*count || (stays[*count - 1].state != state && *count < ENDS_STAYS_MAX))
        stays[(*count)++].state = state;
    stays[*count - 1].until_ns = ts_ns - e->first_ns;
}

void ends_kernel_tells_of(struct ends *e, enum end end, uint64_t ts_ns)
{
    if (ends_kernel_tells(e, end))
        return;
    book_stay(e, end, ts_ns);
    e->kernel_tells |= 1u << end;
}

/* What a state says of those before it. Packets show a client ESTABLISHED by the SYN,ACK that was sent to it; a kernel
 * that is further has been there. */
static void conclude(struct ends *e, enum lane lane, enum end end, enum tcp_state state)
{
    switch (state) {
    case TCP_STATE_ESTABLISHED: e->established = true; break;
    case TCP_STATE_FIN_WAIT_1:
    case TCP_STATE_FIN_WAIT_2:
    case TCP_STATE_TIME_WAIT:
        ends_closed_by(e, lane, end);
        e->established |= lane == LANE_KERNEL;
        break;
    case TCP_STATE_CLOSE_WAIT:
    case TCP_STATE_LAST_ACK:
        ends_closed_by(e, lane, !end);
        e->established |= lane == LANE_KERNEL;
        break;
    case TCP_STATE_CLOSING:
        if (lane == LANE_WIRE)
            e->closing_wire = true;
        else
            e->closing = true;
        e->established |= lane == LANE_KERNEL;
        break;
    default: break;
    }
}

static bool is_synchronised(const struct ends *e, enum end end)
{
    return e->state[end][LANE_WIRE] >= TCP_STATE_ESTABLISHED || e->state[end][LANE_KERNEL] >= TCP_STATE_ESTABLISHED;
}

/* In the state it is in; 0: it was in that before the trace began. */
static uint64_t spent_ns(const struct ends *e, enum end end, uint64_t ts_ns)
{
    const uint64_t entered_ns = ends_entered_ns(e, end);

    return (e->midstream && !e->stay_count[end]) || ts_ns < entered_ns ? 0 : ts_ns - entered_ns;
}

uint64_t ends_move(struct ends *e, enum lane lane, const struct move *move, struct emitter *out, struct change *change)
{
    const enum tcp_state from = ends_state(e, move->end, lane);

    assert(move->to != from && (!move->edge || move->edge->to == move->to));
    change->state.spent_ns = 0;
    if (lane == LANE_KERNEL || !ends_kernel_tells(e, move->end)) {
        change->state.spent_ns = spent_ns(e, move->end, move->ts_ns);
        book_stay(e, move->end, move->ts_ns);
    }
    store(e, move->end, lane, move->to);
    if (move->takes_back)
        e->established = is_synchronised(e, END_CLIENT) || is_synchronised(e, END_SERVER);
    else
        conclude(e, lane, move->end, move->to);
    change->end = move->end;
    change->state.from = from;
    change->state.to = move->to;
    if (move->edge && !move->no_label)
        change->state.rfc = move->edge->label;
    if (change->state.how == HOW_OBSERVED && !move->edge && from != TCP_STATE_UNKNOWN)
        change->state.how = HOW_ASSUMED;
    return emit(out, move->ts_ns, change);
}

void ends_closed_by(struct ends *e, enum lane lane, enum end end)
{
    if (lane == LANE_WIRE && e->closed_by_wire == END_UNKNOWN)
        e->closed_by_wire = end;
    else if (lane == LANE_KERNEL && e->closed_by == END_UNKNOWN)
        e->closed_by = end;
}

void ends_reset_by(struct ends *e, enum end end)
{
    if (e->reset_by != END_UNKNOWN)
        return;
    e->reset_by = end;
    e->reset_first = e->closed_by_wire == END_UNKNOWN;
}

void ends_not_reset(struct ends *e)
{
    e->reset_by = END_UNKNOWN;
}

uint64_t ends_entered_ns(const struct ends *e, enum end end)
{
    return e->first_ns + stay_began(e, end);
}

uint64_t ends_queued_ns(const struct ends *e, uint64_t ts_ns)
{
    uint64_t ns[TCP_STATE_N] = { 0 };

    ends_state_times(e, END_SERVER, ts_ns, ns);
    return ns[TCP_STATE_ESTABLISHED] + ns[TCP_STATE_CLOSE_WAIT];
}

void ends_state_times(const struct ends *e, enum end end, uint64_t ts_ns, uint64_t ret_ns[static TCP_STATE_N])
{
    const struct stay *stays = e->stays[end];
    uint64_t began = 0;

    for (unsigned i = 0; i < e->stay_count[end]; i++) {
        ret_ns[stays[i].state] += stays[i].until_ns - began;
        began = stays[i].until_ns;
    }
    if (ts_ns > e->first_ns + began)
        ret_ns[ends_best(e, end)] += ts_ns - e->first_ns - began;
    /* there nothing is known, or there is no connection */
    ret_ns[TCP_STATE_UNKNOWN] = ret_ns[TCP_STATE_CLOSED] = 0;
}

/* An end of which nothing was ever seen does not keep the connection. */
static bool end_over(enum tcp_state state)
{
    return state == TCP_STATE_CLOSED || state == TCP_STATE_TIME_WAIT || state == TCP_STATE_LISTEN ||
           state == TCP_STATE_UNKNOWN;
}

bool ends_over(const struct ends *e)
{
    return end_over(ends_best(e, END_CLIENT)) && end_over(ends_best(e, END_SERVER));
}
