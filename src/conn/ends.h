/* The states of a connection's two ends, in two lanes: what the kernel tells, and what packets prove. Whatever makes an
 * end change its state goes through ends_move(), so that what follows from it (a record, the time spent, who closed
 * first) is said once, in one way. */
#ifndef TCPLENS_CONN_ENDS_H
#define TCPLENS_CONN_ENDS_H

#include "emit.h"

enum lane { LANE_KERNEL, LANE_WIRE, LANE_N };

/* States an end can leave one after the other, and spend time in, on one way through the diagram. */
#define ENDS_STAYS_MAX 7

/* A state by the best witness, and when it was left: ns since first_ns. */
struct stay {
    uint64_t state : 4, until_ns : 60;
};

struct ends {
    /* enum tcp_state. Const: nobody but ends.c stores one. */
    const uint8_t state[END_N][LANE_N];
    uint8_t stay_count[END_N];
    unsigned kernel_tells : 2; /* a bit an end: its kernel has told of it, and knows better than packets */
    /* enum end; END_UNKNOWN: nobody. A kernel closes when it is told to, which is before its FIN is on the wire. */
    unsigned closed_by : 2, closed_by_wire : 2, reset_by : 2;
    bool established : 1, closing : 1, closing_wire : 1; /* closing: by both at once */
    bool reset_first : 1;                                /* the RST came before any FIN was on the wire */
    bool midstream   : 1;                                /* older than the trace */
    uint64_t first_ns, last_ns;                          /* of its events */
    struct stay stays[END_N][ENDS_STAYS_MAX];
};

/* e: all zeros. A client was CLOSED before its SYN. That somebody listened is known to a kernel; packets show it when the
 * SYN is answered. */
void ends_begin(struct ends *e, uint64_t ts_ns, bool midstream);
/* The end had no connection yet, whatever was taken for granted: it listened, was CLOSED, or UNKNOWN. No record. */
void ends_begin_as(struct ends *e, enum end end, enum lane lane, enum tcp_state state);

static inline enum tcp_state ends_state(const struct ends *e, enum end end, enum lane lane)
{
    return (enum tcp_state)e->state[end][lane];
}

static inline bool ends_kernel_tells(const struct ends *e, enum end end)
{
    return e->kernel_tells >> end & 1;
}

/* By the witness that knows better. */
static inline enum tcp_state ends_best(const struct ends *e, enum end end)
{
    return ends_state(e, end, ends_kernel_tells(e, end) ? LANE_KERNEL : LANE_WIRE);
}

/* From ts_ns on the kernel's lane is the better witness of this end. */
void ends_kernel_tells_of(struct ends *e, enum end end, uint64_t ts_ns);

/* A change of state, as a record tells it. */
struct move {
    enum end end;
    enum tcp_state to;
    uint64_t ts_ns;
    const struct tcp_edge *edge; /* of the RFC's table; NULL: it has none, or which one is not known */
    bool no_label;               /* the edge's label would tell of another cause */
    bool takes_back;             /* what was inferred of the end never happened */
};

/* Stores the state, books the time spent in the one that is left, and emits the record, whose conn, because and .state
 * the caller has filled in but for from, to and rfc. What no edge of the table leads to was not observed: steps are
 * missing, and it is told as assumed. Returns the record's number. to: not the state the lane is in. */
uint64_t ends_move(struct ends *e, enum lane lane, const struct move *move, struct emitter *out, struct change *change);

/* Who sent the first FIN, the first RST that counts; later ones change nothing. */
void ends_closed_by(struct ends *e, enum lane lane, enum end end);
void ends_reset_by(struct ends *e, enum end end);

/* What was seen of a RST was none that ended anything. */
void ends_not_reset(struct ends *e);

/* When the end entered the state it is in, by the best witness. */
uint64_t ends_entered_ns(const struct ends *e, enum end end);

/* Time spent in each state until ts_ns; none in CLOSED and UNKNOWN. */
void ends_state_times(const struct ends *e, enum end end, uint64_t ts_ns, uint64_t ret_ns[static TCP_STATE_N]);

/* How long the connection, which nobody has accepted yet, has been complete at its server. */
uint64_t ends_queued_ns(const struct ends *e, uint64_t ts_ns);

/* Nothing more can happen at either end that would belong to the same connection. */
bool ends_over(const struct ends *e);

#endif
