/* The sampled witness: the kernel's table of TCP sockets, read at intervals (sock_diag(7)), as events. Needs no right,
 * and stands in for the kernel witness where that cannot be loaded. */
#ifndef TCPLENS_SOURCE_DIAG_H
#define TCPLENS_SOURCE_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/filter.h"
#include "tcplens/event/event.h"

struct source_diag;

struct source_diag_config {
    struct filter filter; /* by ports and hosts */
    uint32_t netns;       /* goes into the events */
    uint64_t interval_ns; /* from sample to sample at least; 0: one at each drain */
    size_t socket_max;    /* sockets followed at once; 0: 65,536. Others count as lost */
};

/* Opens in the network namespace this process is in; takes no sample yet. clock is borrowed for the life of the source.
 * 0 or -errno: -ENOENT where this kernel has no inet_diag. */
int source_diag_open(const struct source_diag_config *config, const struct trace_clock *clock,
                     struct source_diag **ret_source) __attribute__((warn_unused_result));

/* Takes a sample if one is due, or if `now` wants it, and hands over what differs from the last one: EVENT_SNAPSHOT for
 * a socket that is new or in another state, and for a listener whose queues changed; EVENT_SOCK_STATE to CLOSED for one
 * that is gone. What is new in the first sample existed before the trace. Time: when the sample was complete.
 * The next sample is put off as far as keeps all of them below a twenty-fifth of one processor. */
void source_diag_drain(struct source_diag *source, bool now, event_fn emit, void *arg);

/* Sockets that found no room, samples and notifications that failed; each loss also came as an EVENT_GAP. */
uint64_t source_diag_lost(const struct source_diag *source);

/* NULL is fine; returns NULL. */
struct source_diag *source_diag_close(struct source_diag *source);

#endif
