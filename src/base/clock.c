/* Theory of operation. When CLOCK_REALTIME was set is known to lie between two readings of both clocks. A stamp of it is one
 * of before, or of after: by the one offset or by the other it falls on two moments of CLOCK_MONOTONIC. Often only one of them
 * is possible, for it must lie between the reading of the packets before and this one, before the setting or after it. Where
 * both are, the order decides in which stamps were taken: once one is of after, so are all that follow; and one that would lie
 * before its predecessor, by more than processors differ in, is of after. */
#include "tcplens/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Smaller differences are noise: what a busy machine does between two readings of the clocks. */
#define STEP_MIN_NS 20000
/* Stamps are taken by several processors, whose packets meet in one ring. */
#define DISORDER_NS 50000
/* A stamp is taken before its packet is put into the ring, and a busy machine can lie between. */
#define DELAY_NS 60000000
/* A system call that sets the clock has done so when it returns, and not long before. */
#define CALL_NS 1000000
#define CALL_WAITS 50
#define CALL_WAIT_NS 100000

uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* What clock `id` shows less what `base` does: read between two readings of that, and the narrowest of several tries is
 * believed. The moment is of `base`, before it. */
struct difference {
    int64_t ns;
    uint64_t at_ns, error_ns;
};

static struct difference difference(clockid_t base, clockid_t id)
{
    struct difference d = { .error_ns = UINT64_MAX };

    for (int i = 0; i < 16; i++) {
        const uint64_t before = clock_ns(base), other = clock_ns(id), after = clock_ns(base);

        /* a base that is set back meanwhile gives a huge one */
        if (after - before < d.error_ns)
            d = (struct difference){ .ns = (int64_t)(other - (before + (after - before) / 2)),
                                     .at_ns = before,
                                     .error_ns = after - before };
    }
    return d;
}

void trace_clock_init(struct trace_clock *clock)
{
    const struct difference real = difference(CLOCK_MONOTONIC, CLOCK_REALTIME);

    *clock = (struct trace_clock){ .offset_ns = real.ns,
                                   .asleep_ns = difference(CLOCK_MONOTONIC, CLOCK_BOOTTIME).ns,
                                   .measured_ns = real.at_ns };
}

/* The file is of the namespace in which children will be: of this one too, but between unshare(2) and fork(2). */
static bool is_own_namespace(void)
{
    char own[64], childrens[64];
    const ssize_t a = readlink("/proc/self/ns/time", own, sizeof(own));
    const ssize_t b = readlink("/proc/self/ns/time_for_children", childrens, sizeof(childrens));

    return a == b && (a < 0 || memcmp(own, childrens, (size_t)a) == 0);
}

/* "monotonic  86400  0": seconds and nanoseconds that are added to the machine's (time_namespaces(7)). A kernel without time
 * namespaces has no such file. */
int trace_clock_enter(struct trace_clock *clock)
{
    FILE *f = fopen("/proc/self/timens_offsets", "re");
    int r = f ? -EPROTO : errno == ENOENT ? 0 : -errno;
    long long s, ns;
    char name[16];

    while (f && fscanf(f, "%15s %lld %lld", name, &s, &ns) == 3)
        if (strcmp(name, "monotonic") == 0) {
            clock->kernel_ns = -(s * 1000000000 + ns);
            r = 0;
        }
    if (f)
        fclose(f);
    return r == 0 && !is_own_namespace() ? -ENOTSUP : r;
}

/* It was set if the offset differs from the latest by more than noise. */
static bool is_moved(const struct trace_clock *clock, int64_t offset_ns, uint64_t error_ns)
{
    const int64_t by = offset_ns - trace_clock_offset(clock);

    return (uint64_t)(by < 0 ? -by : by) > STEP_MIN_NS + error_ns;
}

static void note(struct trace_clock *clock, struct clock_step step, uint64_t error_ns)
{
    if (is_moved(clock, step.offset_ns, error_ns))
        clock->steps[clock->step_count++ % CLOCK_STEPS_MAX] = step;
}

/* When the latest setting was over, that is known. */
static uint64_t set_before(const struct trace_clock *clock)
{
    return clock->step_count ? clock->steps[(clock->step_count - 1) % CLOCK_STEPS_MAX].before_ns : 0;
}

void trace_clock_take_calls(struct trace_clock *clock, int64_t tai_ahead_ns)
{
    const uint64_t count = clock->calls ? __atomic_load_n(clock->calls, __ATOMIC_ACQUIRE) : 0;

    if (count - clock->calls_seen > CLOCK_STEPS_MAX)
        clock->calls_seen = count - CLOCK_STEPS_MAX;
    for (; clock->calls_seen < count; clock->calls_seen++) {
        const struct clock_call call = clock->call(clock->call_arg, clock->calls_seen);
        const uint64_t at = call.ns - (uint64_t)clock->kernel_ns;
        struct clock_step step = { .after_ns = at - CALL_NS,
                                   .before_ns = at,
                                   .offset_ns = call.tai_ns + clock->kernel_ns - tai_ahead_ns };

        /* what a reading of ours saw already is told: by that, and with a moment as good as its own */
        if (at < set_before(clock))
            continue;
        if (step.after_ns < set_before(clock))
            step.after_ns = set_before(clock);
        note(clock, step, call.error_ns);
        if (clock->measured_ns < at)
            clock->measured_ns = at;
    }
}

void trace_clock_measured(struct trace_clock *clock, uint64_t now_ns, int64_t offset_ns, uint64_t error_ns)
{
    note(clock,
         (struct clock_step){ .after_ns = clock->measured_ns, .before_ns = now_ns + error_ns, .offset_ns = offset_ns },
         error_ns);
    clock->measured_ns = now_ns;
}

/* Who sets CLOCK_TAI by adjtimex(2), which is done once if ever, sets this, and is taken for nobody. */
static int64_t tai_ahead(void)
{
    const int64_t second = 1000000000, ns = difference(CLOCK_REALTIME, CLOCK_TAI).ns;

    return (ns + second / 2) / second * second;
}

static struct difference look(struct trace_clock *clock)
{
    if (trace_clock_is_stale(clock))
        trace_clock_take_calls(clock, tai_ahead());
    return difference(CLOCK_MONOTONIC, CLOCK_REALTIME);
}

/* A reading can come between the setting and the return of the call that did it, which tells the moment better: it is waited
 * for. What sets the clock without a call, as a suspended machine's kernel does, is waited for in vain. */
void trace_clock_update(struct trace_clock *clock)
{
    struct difference real = look(clock);

    for (unsigned i = 0; clock->calls && is_moved(clock, real.ns, real.error_ns) && i < CALL_WAITS; i++) {
        nanosleep(&(struct timespec){ .tv_nsec = CALL_WAIT_NS }, NULL);
        real = look(clock);
    }
    trace_clock_measured(clock, real.at_ns, real.ns, real.error_ns);
}

uint64_t trace_clock_now(const struct trace_clock *clock)
{
    return trace_clock_from_monotonic(clock, clock_ns(CLOCK_MONOTONIC));
}

int64_t trace_clock_set_by(const struct trace_clock *clock)
{
    return trace_clock_offset(clock) - clock->offset_ns - (int64_t)trace_clock_slept(clock);
}

uint64_t trace_clock_slept(const struct trace_clock *clock)
{
    const struct difference boot = difference(CLOCK_MONOTONIC, CLOCK_BOOTTIME);
    const int64_t more = boot.ns - clock->asleep_ns;

    return more > STEP_MIN_NS + (int64_t)boot.error_ns ? (uint64_t)more : 0;
}

int clock_watch_open(void)
{
    /* a time that never comes */
    const struct itimerspec never = { .it_value.tv_sec = INT32_MAX };
    int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK), r = 0;

    /* ECANCELED: it was set this very moment, and the timer waits for the next time (timerfd_setup() of fs/timerfd.c) */
    if (fd < 0 ||
        (timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 && errno != ECANCELED))
        r = -errno;
    if (r < 0 && fd >= 0)
        close(fd);
    return r < 0 ? r : fd;
}

bool clock_watch_take(int fd)
{
    uint64_t expired;

    return read(fd, &expired, sizeof(expired)) < 0 && errno == ECANCELED;
}

/* ---- stamps */

static const struct clock_step *step_at(const struct trace_clock *clock, uint64_t i)
{
    return &clock->steps[i % CLOCK_STEPS_MAX];
}

/* The offset when so many settings were behind. */
static int64_t offset_after(const struct trace_clock *clock, uint64_t steps)
{
    return steps ? step_at(clock, steps - 1)->offset_ns : clock->offset_ns;
}

/* The oldest offset that is still known. */
static uint64_t oldest(const struct trace_clock *clock)
{
    return clock->step_count > CLOCK_STEPS_MAX - 1 ? clock->step_count - (CLOCK_STEPS_MAX - 1) : 0;
}

/* Whether the order of the stamps shows that this one, which lies at ns by the offset of before the setting, is of after. */
static bool is_out_of_line(const struct clock_stamps *s, const struct clock_step *next, int64_t by, uint64_t ns)
{
    const uint64_t size = (uint64_t)(by < 0 ? -by : by);
    const uint64_t disorder = size / 2 < DISORDER_NS ? size / 2 : DISORDER_NS;

    if (by < 0)
        return ns + disorder < s->last_ns;
    return ns + disorder >= s->last_ns + size && ns - size >= next->after_ns;
}

/* Whether a stamp that lies at ns by the offset of before setting number `step` must be one of after it. */
static bool is_behind(const struct clock_stamps *s, const struct trace_clock *clock, uint64_t step, uint64_t ns,
                      uint64_t from_ns)
{
    const struct clock_step *next = step_at(clock, step);

    return next->before_ns <= from_ns || ns > next->before_ns || ns + DELAY_NS < from_ns ||
           is_out_of_line(s, next, next->offset_ns - offset_after(clock, step), ns);
}

static bool fits(uint64_t ns, uint64_t from_ns, uint64_t to_ns)
{
    return ns + DELAY_NS >= from_ns && ns <= to_ns;
}

bool clock_stamps_convert(struct clock_stamps *s, const struct trace_clock *clock, uint64_t realtime_ns,
                          uint64_t from_ns, uint64_t to_ns, uint64_t *ret_ns)
{
    uint64_t ns, before, step;

    if (s->step < oldest(clock))
        s->step = oldest(clock);
    step = s->step;
    ns = realtime_ns - (uint64_t)offset_after(clock, step);
    while (step < clock->step_count && is_behind(s, clock, step, ns, from_ns))
        ns = realtime_ns - (uint64_t)offset_after(clock, ++step);
    /* one that was delayed comes after the first of those that were stamped after the setting */
    before = realtime_ns - (uint64_t)offset_after(clock, step > oldest(clock) ? step - 1 : step);
    if (!fits(ns, from_ns, to_ns) && fits(before, from_ns, to_ns)) {
        *ret_ns = trace_clock_from_monotonic(clock, before);
        return true;
    }
    *ret_ns = trace_clock_from_monotonic(clock, ns > to_ns ? to_ns : ns + DELAY_NS < from_ns ? from_ns : ns);
    if (!fits(ns, from_ns, to_ns))
        return false;
    s->step = step;
    s->last_ns = ns;
    return true;
}
