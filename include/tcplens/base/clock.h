/* One clock for sources that stamp with different ones. Trace time is UNIX time in nanoseconds as it was when the
 * trace began, running on evenly: if somebody sets the system clock meanwhile, the trace does not jump. */
#ifndef TCPLENS_BASE_CLOCK_H
#define TCPLENS_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

struct trace_clock {
    int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC at the start */
    int64_t step_ns;   /* by how much CLOCK_REALTIME was set since */
};

void trace_clock_init(struct trace_clock *clock);
/* Looks whether CLOCK_REALTIME was set; call it now and then. */
void trace_clock_update(struct trace_clock *clock);

uint64_t trace_clock_now(const struct trace_clock *clock);

/* What a clock of clock_gettime(2) shows, in nanoseconds. */
uint64_t clock_ns(clockid_t id);

static inline uint64_t trace_clock_from_monotonic(const struct trace_clock *clock, uint64_t ns)
{
    return ns + (uint64_t)clock->offset_ns;
}

static inline uint64_t trace_clock_from_realtime(const struct trace_clock *clock, uint64_t ns)
{
    return ns - (uint64_t)clock->step_ns;
}

#endif
