/* Records leave the engine here. A number is given and the record sent in one step: none is given that nobody gets, and
 * none is sent out of order. */
#ifndef TCPLENS_CONN_EMIT_H
#define TCPLENS_CONN_EMIT_H

#include <stddef.h>
#include <string.h>

#include "tcplens/base/no_zeros.h"
#include "tcplens/trace/change.h"

struct emitter {
    change_fn fn;
    void *arg;
    uint64_t n;       /* last record number given out */
    uint64_t told_ns; /* latest time of a record */
};

/* What all kinds have: zeros but for the kind. The members of the kind are left as they are. */
static inline void change_begin(struct change *change, enum change_kind kind)
{
    memset(change, 0, offsetof(struct change, segment));
    change->kind = kind;
}

/* All zeros but for the kind, as far as a change of this kind goes: most are far smaller than the largest, and there are many
 * of them. kind: a constant. */
static inline void change_init(struct change *change, enum change_kind kind)
{
    size_t size = sizeof(*change);

    switch (kind) {
#define KIND(id, word, member, says)                                                                                   \
    case CHANGE_##id:                                                                                                  \
        size = offsetof(struct change, member) + sizeof(change->member);                                               \
        break;
#include "tcplens/trace/kinds.def"
    case CHANGE_KIND_N: break;
    }
    memset(change, 0, size);
    change->kind = kind;
}

/* Numbers a change that happened at ts_ns, marks it as late where a later one has been told, and sends it. Returns its
 * number. */
uint64_t emit(struct emitter *out, uint64_t ts_ns, struct change *change);

/* The time at which something can still be told without being late. */
static inline uint64_t emit_time(const struct emitter *out, uint64_t ts_ns)
{
    return ts_ns < out->told_ns ? out->told_ns : ts_ns;
}

#endif
