/* What the engine concluded: one change is one record of the trace (docs/trace-format.md). */
#ifndef TCPLENS_TRACE_CHANGE_H
#define TCPLENS_TRACE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/event/event.h"
#include "tcplens/tcp/fsm.h"
#include "tcplens/tcp/segment.h"
#include "tcplens/trace/words.h"

enum timer_phase { TIMER_SET, TIMER_FIRED, TIMER_CANCELLED };

#define HISTORY_MAX 32       /* bytes of Zeek's history */
#define VERDICT_TEXT_MAX 512 /* enough for verdict_format() */

#define FINDING_TEXT_MAX 320
#define FINDING_REMEDY_MAX 160
#define FINDING_REMEDIES_MAX 4
#define FINDING_CONNS_MAX 8
#define FINDING_RECORDS_MAX 4
#define FINDING_FIGURES_MAX 8
#define FINDING_FIGURE_NAME_MAX 32

/* One of the figures of a finding. */
struct finding_figure {
    const char *name; /* NULL: no more */
    uint64_t value;
};

#define LAB_VALUES_MAX 8
#define LAB_VALUE_MAX 48
#define LAB_TEXT_MAX 240 /* bytes of a text of a lab that are written */

/* One of the values that a run of a lab was made with. */
struct lab_value {
    const char *name, *value; /* NULL: no more */
};

/* Bits that have a word. */
#define NOTES_KNOWN ((1u << NOTE_N) - 1)
#define OPTIONS_KNOWN                                                                                                  \
    (SEGMENT_OPT_MSS | SEGMENT_OPT_WSCALE | SEGMENT_OPT_SACK_OK | SEGMENT_OPT_SACK | SEGMENT_OPT_TS |                  \
     SEGMENT_OPT_TFO | SEGMENT_OPT_MPTCP | SEGMENT_OPT_MD5 | SEGMENT_OPT_AO)

/* What an end did in vain when it was last seen. */
struct stalled {
    enum stall what;
    enum end end;
    uint32_t count; /* times it did it */
    uint64_t ns;    /* how long */
};

/* The members of each kind are listed in its file, with their meaning. */
struct change {
    enum change_kind kind;
    uint64_t n;        /* record number */
    uint64_t ts_ns;    /* UNIX time */
    bool late;         /* its place in the trace had been written already */
    uint32_t conn;     /* number of the connection; 0: none */
    uint32_t listener; /* number of the listener; 0: none */
    enum end end;      /* of a segment: the sender */
    uint64_t because;  /* record number; 0: none */
    union {
#define KIND(id, word, member, says) struct {
#define NEEDED(type, key, members, value, meaning) members
#define ALWAYS(type, key, members, value, meaning) members
#define WHERE(condition, type, key, members, value, meaning) members
#define HIDDEN(member) member;
#define MEMBER(member) member;
#define KIND_END(member)                                                                                               \
    }                                                                                                                  \
    member;
#include "tcplens/trace/kinds.def"
    };
};

/* Takes one change; borrowed for the call. */
typedef void (*change_fn)(void *arg, const struct change *change);

#endif
