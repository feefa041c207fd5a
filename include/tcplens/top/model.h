/* What is to be seen of the connections of a trace: one row each, how many are in each state, the listeners, the findings.
 * Fed with one change after the other; no clock, no terminal. What it holds is bounded, and it counts what it does not. */
#ifndef TCPLENS_TOP_MODEL_H
#define TCPLENS_TOP_MODEL_H

#include "tcplens/base/limits.h"
#include "tcplens/top/history.h"
#include "tcplens/top/order.h"
#include "tcplens/trace/change.h"

struct top_row {
    uint32_t conn; /* number of the connection; 0: the row is free */
    struct endpoint endpoints[END_N];
    bool local[END_N]; /* as in `connection` */
    bool before_trace;
    enum tcp_state state[END_N]; /* by the kernel where it tells of this end, else by the wire */
    bool by_kernel[END_N];
    struct task owner[END_N];
    uint64_t first_ns, last_ns;        /* UNIX time */
    uint64_t bytes[END_N];             /* sent by that end, once each; from the wire */
    int64_t sent[END_N], acked[END_N]; /* relative: end of what was sent, and of that what was acknowledged */
    uint64_t rtt_ns;                   /* smoothed as RFC 6298 (2.3) does, of both directions; 0: none was measured */
    uint32_t again;                    /* segments sent again: by the wire, else by the kernel's timer */
    uint32_t rtx_timer;                /* times that timer fired */
    bool told;                         /* its outcome was: no more is to come */
    bool ended;
    enum verdict verdict; /* of ended ones */
    enum cause cause;
    uint64_t history[2]; /* its newest line: of segments, of all else */
    /* the model's own */
    uint32_t next_in_bucket, next_ended, next_changed;
    bool changed;
};

struct top_listener {
    uint32_t number; /* 0: the place is free */
    struct endpoint addr;
    struct task owner;
    uint32_t syn, accept, limit, drops;
    uint32_t next; /* the model's own */
};

/* As in `finding`; its texts are its own. */
struct top_finding {
    struct change change; /* the last record of it, without its texts */
    char text[FINDING_TEXT_MAX + 1], remedy[FINDING_REMEDIES_MAX][FINDING_REMEDY_MAX + 1];
};

struct top_model;

/* 0 or -ENOMEM. */
int top_model_new(struct top_model **ret_model) __attribute__((warn_unused_result));
struct top_model *top_model_free(struct top_model *model);

void top_model_take(struct top_model *model, const struct change *change, uint64_t start_ns);
/* While held no row is given to another connection: what is on the screen stays what it is. */
void top_model_hold(struct top_model *model, bool held);

/* place: 1 to LIMIT_TOP_CONNECTIONS. */
const struct top_row *top_model_row(const struct top_model *model, uint32_t place);
/* The place of a connection; 0: it is not held. */
uint32_t top_model_find(const struct top_model *model, uint32_t conn);
/* The place of a row that has changed, is new or free since it was asked for last; 0: none has. */
uint32_t top_model_next_changed(struct top_model *model);
/* All rows count as changed. */
void top_model_touch(struct top_model *model);

/* Ends in this state: those of the host traced, or of a connection none of whose ends is local both. */
uint32_t top_model_count(const struct top_model *model, enum end end, enum tcp_state state);
struct top_totals {
    uint64_t changes, connections, open, beyond, listeners_beyond, findings_beyond, lost;
    uint64_t start_ns, last_ns; /* UNIX time of the first and of the last change; 0: none came */
    uint32_t listeners;
    uint64_t drops; /* of all listeners that there are */
};
struct top_totals top_model_totals(const struct top_model *model);

/* The nth listener, from 0: who drops first, then the fullest. NULL: there are not so many. */
const struct top_listener *top_model_listener(const struct top_model *model, uint32_t n);
/* The nth finding, from 0: the worst first, then the newest. NULL: there are not so many. */
const struct top_finding *top_model_finding(const struct top_model *model, uint32_t n);

/* The lines of a connection that are still there, oldest first, at most LIMIT_TOP_TIMELINE. Returns how many. *ret_all: none
 * is missing before them. */
uint32_t top_model_history(const struct top_model *model, const struct top_row *row,
                           struct history_line ret_lines[static LIMIT_TOP_TIMELINE], bool *ret_all);

#endif
