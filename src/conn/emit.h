/* Records leave the engine here. A number is given and the record sent in one step: none is given that nobody gets, and
 * none is sent out of order. */
#ifndef TCPLENS_CONN_EMIT_H
#define TCPLENS_CONN_EMIT_H

#include <stddef.h>
#include <string.h>

#include "tcplens/trace/change.h"

struct emitter {
    change_fn fn;
    void *arg;
    uint64_t n;       /* last record number given out */
    uint64_t told_ns; /* latest time of a record */
};

/* All zeros but for the kind. Most kinds are far smaller than the largest, and there are many of them. */
static inline void change_init(struct change *change, enum change_kind kind)
{
    size_t size = sizeof(*change);

    if (kind == CHANGE_STATE)
        size = offsetof(struct change, state) + sizeof(change->state);
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
