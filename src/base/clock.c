#include "tcplens/base/clock.h"

/* A measurement is no better than the time between two readings of the clock; smaller differences are noise. */
#define STEP_MIN_NS 100000

uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Reads REALTIME between two readings of MONOTONIC and believes the narrowest of several tries. */
static int64_t measure_offset(void)
{
    uint64_t best = UINT64_MAX;
    int64_t offset = 0;

    for (int i = 0; i < 16; i++) {
        uint64_t before = clock_ns(CLOCK_MONOTONIC);
        uint64_t real = clock_ns(CLOCK_REALTIME);
        uint64_t after = clock_ns(CLOCK_MONOTONIC);

        if (after - before < best) {
            best = after - before;
            offset = (int64_t)(real - (before + (after - before) / 2));
        }
    }
    return offset;
}

void trace_clock_init(struct trace_clock *clock)
{
    clock->offset_ns = measure_offset();
    clock->step_ns = 0;
}

void trace_clock_update(struct trace_clock *clock)
{
    int64_t step = measure_offset() - clock->offset_ns;
    int64_t moved = step - clock->step_ns;

    if (moved > STEP_MIN_NS || moved < -STEP_MIN_NS)
        clock->step_ns = step;
}

uint64_t trace_clock_now(const struct trace_clock *clock)
{
    return trace_clock_from_monotonic(clock, clock_ns(CLOCK_MONOTONIC));
}
