#include "emit.h"

uint64_t emit(struct emitter *out, uint64_t ts_ns, struct change *change)
{
    change->n = ++out->n;
    change->ts_ns = ts_ns;
    /* whatever merge said: a capture file can be out of order by itself */
    change->late = ts_ns < out->told_ns;
    if (!change->late)
        out->told_ns = ts_ns;
    out->fn(out->arg, change);
    return change->n;
}
