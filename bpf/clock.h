/* When somebody may have set CLOCK_REALTIME, by which packets are stamped: the reader finds out if it was, and by how much. */
#ifndef TCPLENS_BPF_CLOCK_H
#define TCPLENS_BPF_CLOCK_H

#include "read.h"
#include "wire.h"

struct tcplens_clock_call clock_call[TCPLENS_CLOCK_CALLS]; /* a ring, of the newest */
__u64 clock_calls;

static __always_inline bool may_set_clock(unsigned long nr)
{
    return nr == NR_CLOCK_SETTIME || nr == NR_CLOCK_ADJTIME || nr == NR_SETTIMEOFDAY || nr == NR_ADJTIMEX;
}

/* CLOCK_REALTIME cannot be read here, but CLOCK_TAI can, which is set with it. */
static __always_inline void clock_may_be_set(void)
{
    struct tcplens_clock_call *call = &clock_call[clock_calls % TCPLENS_CLOCK_CALLS];
    __u64 narrowest = ~0ull;

    /* what interrupts between two readings puts them apart */
    for (int i = 0; i < 4; i++) {
        const __u64 before = bpf_ktime_get_ns(), tai = bpf_ktime_get_tai_ns(), after = bpf_ktime_get_ns();

        if (after - before >= narrowest)
            continue;
        narrowest = after - before;
        call->ns = after;
        call->tai_ns = (__s64)(tai - before - narrowest / 2);
        call->error_ns = narrowest;
    }
    /* last: who sees the count finds it. Two at once may share a place, and one be told by the clocks alone. */
    __sync_fetch_and_add(&clock_calls, 1);
}

#endif
