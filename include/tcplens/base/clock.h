/* One clock for sources that stamp with different ones. Trace time is UNIX time in nanoseconds as it was when the
 * trace began, running on evenly: if somebody sets the system clock meanwhile, the trace does not jump.
 *
 * The kernel's events bear CLOCK_MONOTONIC, packets CLOCK_REALTIME. Both run at one rate, slewing included
 * (clock_gettime(2)); what sets CLOCK_REALTIME, or suspends the machine, changes their difference at once. */
#ifndef TCPLENS_BASE_CLOCK_H
#define TCPLENS_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Settings remembered: what is stamped before one is converted soon after it. */
#define CLOCK_STEPS_MAX 64

/* CLOCK_REALTIME was set between two readings of the clocks. Times are of CLOCK_MONOTONIC, in nanoseconds. */
struct clock_step {
    uint64_t after_ns, before_ns;
    int64_t offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC since */
};

/* A system call that may have set CLOCK_REALTIME has returned, and who saw it read CLOCK_TAI, which is set with it. */
struct clock_call {
    uint64_t ns;       /* after it, of trace_clock_from_kernel()'s clock */
    int64_t tai_ns;    /* CLOCK_TAI less that */
    uint64_t error_ns; /* by how much that may be wrong */
};

/* All zeros but the offset: as it was at the start, for ever. */
struct trace_clock {
    int64_t offset_ns;    /* CLOCK_REALTIME - CLOCK_MONOTONIC at the start */
    int64_t kernel_ns;    /* what the kernel's programs read, less CLOCK_MONOTONIC of this time namespace */
    int64_t asleep_ns;    /* CLOCK_BOOTTIME - CLOCK_MONOTONIC at the start */
    uint64_t measured_ns; /* when the clocks were read last */
    /* Who sees system calls tells what was set between two readings. How many there were, as another writes it; the one of a
     * number, from 0. NULL: nobody does. */
    const uint64_t *calls;
    struct clock_call (*call)(const void *arg, uint64_t number);
    const void *call_arg;
    uint64_t calls_seen;
    uint64_t step_count; /* settings since the start; the newest are kept: */
    struct clock_step steps[CLOCK_STEPS_MAX];
};

void trace_clock_init(struct trace_clock *clock);
/* Finds out what trace_clock_from_kernel() needs, once. 0, or -errno: this time namespace (time_namespaces(7)) does not show
 * its offset. */
int trace_clock_enter(struct trace_clock *clock) __attribute__((warn_unused_result));
/* Looks whether CLOCK_REALTIME was set; call it now and then, and soon when it was. */
void trace_clock_update(struct trace_clock *clock);
/* Somebody who counts says that it may have been set since. */
static inline bool trace_clock_is_stale(const struct trace_clock *clock)
{
    return clock->calls && __atomic_load_n(clock->calls, __ATOMIC_ACQUIRE) != clock->calls_seen;
}
/* What it does. First, with the time that CLOCK_TAI is ahead of CLOCK_REALTIME: takes the calls that it was told of. */
void trace_clock_take_calls(struct trace_clock *clock, int64_t tai_ahead_ns);
/* Then, of a reading: CLOCK_REALTIME - CLOCK_MONOTONIC was offset_ns, to so many nanoseconds, at now_ns. */
void trace_clock_measured(struct trace_clock *clock, uint64_t now_ns, int64_t offset_ns, uint64_t error_ns);

uint64_t trace_clock_now(const struct trace_clock *clock);
/* By how much CLOCK_REALTIME was set in all, and for how long the machine was suspended, since the start. */
int64_t trace_clock_set_by(const struct trace_clock *clock);
uint64_t trace_clock_slept(const struct trace_clock *clock);

/* What a clock of clock_gettime(2) shows, in nanoseconds. */
uint64_t clock_ns(clockid_t id);
/* A descriptor that is ready to be read when CLOCK_REALTIME was set, or the machine wakes (timerfd_create(2)); or -errno. */
int clock_watch_open(void) __attribute__((warn_unused_result));
/* Whether it was, since the last call. */
bool clock_watch_take(int fd);

static inline uint64_t trace_clock_from_monotonic(const struct trace_clock *clock, uint64_t ns)
{
    return ns + (uint64_t)clock->offset_ns;
}

/* What a program in the kernel read: CLOCK_MONOTONIC of the machine, whatever the time namespace. */
static inline uint64_t trace_clock_from_kernel(const struct trace_clock *clock, uint64_t ns)
{
    return trace_clock_from_monotonic(clock, ns - (uint64_t)clock->kernel_ns);
}

/* Turns stamps of CLOCK_REALTIME that come in the order in which they were taken, but for what processors differ in, into
 * trace time: each by the offset of its own moment. One for each place they come from; all zeros. */
struct clock_stamps {
    uint64_t step;    /* settings that are behind */
    uint64_t last_ns; /* CLOCK_MONOTONIC of the last one */
};

/* The stamp was found between from_ns, when it was not there yet, and to_ns of CLOCK_MONOTONIC. False: no offset that is known
 * puts it there; *ret_ns is then the nearest moment that is possible. */
bool clock_stamps_convert(struct clock_stamps *stamps, const struct trace_clock *clock, uint64_t realtime_ns,
                          uint64_t from_ns, uint64_t to_ns, uint64_t *ret_ns);

/* By the latest offset. */
static inline int64_t trace_clock_offset(const struct trace_clock *clock)
{
    return clock->step_count ? clock->steps[(clock->step_count - 1) % CLOCK_STEPS_MAX].offset_ns : clock->offset_ns;
}

static inline uint64_t trace_clock_from_realtime(const struct trace_clock *clock, uint64_t ns)
{
    return trace_clock_from_monotonic(clock, ns - (uint64_t)trace_clock_offset(clock));
}

#endif
