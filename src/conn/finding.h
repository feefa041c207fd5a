/* Findings: what is wrong over many connections. They are made from the changes that the engine tells, and are told
 * themselves: when first seen, as often as they double, and at last. A finding is one file and one row in findings.def. */
#ifndef TCPLENS_CONN_FINDING_H
#define TCPLENS_CONN_FINDING_H

#include "emit.h"

#include "tcplens/base/limits.h"

/* Of one kind, about one listener. */
struct finding {
    const struct finding_ops *ops;
    uint64_t count, told; /* told: what the last record said */
    uint64_t first_ns, last_ns;
    uint32_t conns[FINDING_CONNS_MAX];
    unsigned conn_count;
    struct change latest; /* the last change that showed it */
};

struct finding_ops {
    const char *kind; /* its word */
    enum severity severity;
    enum change_kind of; /* what it is seen in */
    /* A change of that kind shows it. */
    bool (*is_shown)(const struct change *c);
    /* What it is, in sentences: figures of this trace. */
    void (*say)(const struct finding *f, char text[static FINDING_TEXT_MAX]);
    const char *remedy[FINDING_REMEDIES_MAX]; /* the best first; NULL: no more */
};

/* All zeros: none yet. */
struct findings {
    struct finding all[LIMIT_FINDINGS];
    unsigned count;
    bool due;         /* one is to be told */
    uint64_t refused; /* for which there was no room */
};

/* Looks at what was told. Borrowed. */
void findings_take(struct findings *f, const struct change *c);
/* Tells those that are due; all: of which anything is new. */
void findings_tell(struct findings *f, struct emitter *out, uint64_t ts_ns, bool all);

#endif
