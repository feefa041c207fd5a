/* The clock of a trace while CLOCK_REALTIME is set: a machine that is made up stamps packets, is set, and is looked at, each at
 * a moment that is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "tcplens/base/clock.h"

#define MS 1000000ull
#define START (1000 * MS) /* CLOCK_MONOTONIC when the trace begins */
#define NOISE 100         /* of a reading of the clocks */
#define OFFSET 1700000000000000000ll

struct machine {
    uint64_t now_ns;   /* CLOCK_MONOTONIC */
    int64_t offset_ns; /* CLOCK_REALTIME less that */
    struct trace_clock clock;
    struct clock_stamps stamps;
    uint64_t read_ns; /* when packets were read last */
    uint32_t seed;
    /* what who sees system calls tells: of all that set the clock */
    uint64_t calls;
    struct clock_call call[CLOCK_STEPS_MAX];
    /* packets that nobody read yet: when they were stamped, and as what */
    struct {
        uint64_t ns, stamp;
    } ring[4096];
    unsigned count;
    uint64_t worst_ns; /* how far a packet was from its moment */
    uint64_t told;     /* packets */
};

static struct machine *new_machine(void)
{
    struct machine *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->now_ns = m->read_ns = START;
    m->offset_ns = OFFSET;
    m->clock.offset_ns = OFFSET;
    m->clock.measured_ns = START;
    m->seed = 1;
    return m;
}

static uint32_t chance(struct machine *m, uint32_t below)
{
    m->seed = m->seed * 1103515245u + 12345u;
    return (m->seed >> 8) % below;
}

/* CLOCK_TAI is ahead of CLOCK_REALTIME by so much. */
#define TAI_AHEAD (37 * 1000 * (int64_t)MS)

static struct clock_call call_of(const void *arg, uint64_t number)
{
    const struct machine *m = arg;

    assert_true(number < m->calls && m->calls - number <= CLOCK_STEPS_MAX);
    return m->call[number % CLOCK_STEPS_MAX];
}

static void see_calls(struct machine *m)
{
    m->clock.calls = &m->calls;
    m->clock.call = call_of;
    m->clock.call_arg = m;
}

static void call_returns(struct machine *m)
{
    m->call[m->calls++ % CLOCK_STEPS_MAX] =
        (struct clock_call){ .ns = m->now_ns + (uint64_t)m->clock.kernel_ns,
                             .tai_ns = m->offset_ns - m->clock.kernel_ns + TAI_AHEAD,
                             .error_ns = NOISE };
}

static void look(struct machine *m)
{
    trace_clock_take_calls(&m->clock, TAI_AHEAD);
    trace_clock_measured(&m->clock, m->now_ns, m->offset_ns + (int64_t)chance(m, NOISE), NOISE);
}

/* As the loop does: the clock first, then the packets. */
static void read_packets(struct machine *m)
{
    look(m);
    for (unsigned i = 0; i < m->count; i++) {
        const uint64_t right = m->ring[i].ns + (uint64_t)OFFSET;
        uint64_t ns, off;

        (void)clock_stamps_convert(&m->stamps, &m->clock, m->ring[i].stamp, m->read_ns, m->now_ns, &ns);
        off = ns > right ? ns - right : right - ns;
        m->worst_ns = off > m->worst_ns ? off : m->worst_ns;
        m->told++;
    }
    m->count = 0;
    m->read_ns = m->now_ns;
}

/* So long packets come, every so often; each is stamped by one of several processors. */
static void traffic(struct machine *m, uint64_t for_ns, uint32_t every_ns)
{
    const uint64_t end = m->now_ns + for_ns;

    while (m->now_ns + every_ns < end) {
        m->now_ns += every_ns / 2 + chance(m, every_ns);
        assert_true(m->count < sizeof(m->ring) / sizeof(*m->ring));
        m->ring[m->count].ns = m->now_ns - chance(m, 5000);
        m->ring[m->count].stamp = m->ring[m->count].ns + (uint64_t)m->offset_ns;
        m->count++;
    }
    m->now_ns = end > m->now_ns ? end : m->now_ns;
}

/* The clock is set; somebody is woken by that a little later, and reads. */
static void set(struct machine *m, int64_t by_ns, uint64_t latency_ns, uint32_t every_ns)
{
    m->now_ns += 5000; /* no stamp is older than its setting by a processor's delay */
    m->offset_ns += by_ns;
    m->now_ns += 5000;
    call_returns(m);
    traffic(m, latency_ns, every_ns);
    read_packets(m);
}

static void test_stands(void **state)
{
    struct machine *m = new_machine();

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        traffic(m, 20 * MS, 30000);
        read_packets(m);
    }
    assert_int_equal(m->clock.step_count, 0);
    assert_int_equal(m->worst_ns, 0);
    assert_true(m->told > 50000);
    free(m);
}

/* Forward and back, by little and by much, a hundred times, while packets come without a pause: each has its own moment. */
static void test_set_in_dense_traffic(void **state)
{
    static const int64_t by[] = { 1, -1, 7, -7, 50, -50, 1000, -1000, 30000, -30000, 86400000, -86400000 };

    (void)state;
    for (unsigned k = 0; k < sizeof(by) / sizeof(*by); k++) {
        struct machine *m = new_machine();

        for (unsigned i = 0; i < 100; i++) {
            traffic(m, (5 + chance(m, 30)) * MS, 30000);
            if (chance(m, 2))
                read_packets(m);
            traffic(m, chance(m, 20) * MS, 30000);
            set(m, by[k] * (int64_t)MS, i % 2 ? 100000 + chance(m, 200000) : chance(m, 30) * MS, 30000);
        }
        assert_int_equal(m->clock.step_count, 100);
        if (m->worst_ns > NOISE)
            fail_msg("set by %lld ms: off by %llu ns", (long long)by[k], (unsigned long long)m->worst_ns);
        assert_true(trace_clock_offset(&m->clock) - OFFSET - 100 * by[k] * (int64_t)MS < 1000);
        free(m);
    }
}

/* A packet now and then says little of when it was: none is off by more than was set, and where much was set by nothing. */
static void test_set_in_sparse_traffic(void **state)
{
    static const int64_t by[] = { 1, -1, 7, -7, 50, -50, 500, -500, 1000, -1000, 30000, -30000, 86400000, -86400000 };

    (void)state;
    for (unsigned k = 0; k < sizeof(by) / sizeof(*by); k++) {
        const uint64_t size = (uint64_t)llabs(by[k]) * MS;
        struct machine *m = new_machine();

        for (unsigned i = 0; i < 100; i++) {
            traffic(m, (5 + chance(m, 30)) * MS, 3 * MS);
            read_packets(m);
            traffic(m, chance(m, 20) * MS, 3 * MS);
            set(m, by[k] * (int64_t)MS, i % 2 ? 100000 + chance(m, 200000) : chance(m, 30) * MS, 3 * MS);
        }
        if (m->worst_ns > (size > 100 * MS ? NOISE : size + NOISE))
            fail_msg("set by %lld ms: off by %llu ns", (long long)by[k], (unsigned long long)m->worst_ns);
        free(m);
    }
}

/* Who sees the system calls knows the moment: then what was set forward is right for each packet, however long it was not
 * noticed and however few came. */
static void test_moment_is_known(void **state)
{
    static const int64_t by[] = { 1, 5, 50, 500 };

    (void)state;
    for (unsigned k = 0; k < sizeof(by) / sizeof(*by); k++) {
        struct machine *m = new_machine();

        see_calls(m);
        for (unsigned i = 0; i < 100; i++) {
            traffic(m, chance(m, 40) * MS, 2 * MS);
            set(m, by[k] * (int64_t)MS, chance(m, 50) * MS, 2 * MS);
        }
        assert_int_equal(m->clock.step_count, 100);
        if (m->worst_ns > NOISE)
            fail_msg("set by %lld ms: off by %llu ns", (long long)by[k], (unsigned long long)m->worst_ns);
        free(m);
    }
}

/* Set several times before anybody looks, and in the end back to where it was: each is known, also in a time namespace. */
static void test_set_between_two_looks(void **state)
{
    static const int64_t by[] = { 5000, -5000, 30000, -86400000, 1, 20, 86400000, -30021 };

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct machine *m = new_machine();

        m->clock.kernel_ns = k ? 86400000 * (int64_t)MS : 0;
        see_calls(m);
        for (unsigned i = 0; i < 20; i++) {
            for (unsigned j = 0; j < sizeof(by) / sizeof(*by); j++) {
                traffic(m, 5 * MS, MS / 10);
                m->now_ns += 5000;
                m->offset_ns += by[j] * (int64_t)MS;
                m->now_ns += 5000;
                call_returns(m);
            }
            traffic(m, 5 * MS, MS / 10);
            read_packets(m);
        }
        assert_int_equal(m->clock.step_count, 160);
        if (m->worst_ns > NOISE)
            fail_msg("off by %llu ns", (unsigned long long)m->worst_ns);
        free(m);
    }
}

/* A call that set nothing is no setting; one that somebody else's reading saw the effect of first is one, once. */
static void test_calls_and_readings(void **state)
{
    struct machine *m = new_machine();

    (void)state;
    see_calls(m);
    for (unsigned i = 0; i < 10; i++) {
        m->now_ns += MS;
        call_returns(m);
        look(m);
    }
    assert_int_equal(m->clock.step_count, 0);
    for (unsigned i = 1; i <= 10; i++) {
        m->now_ns += MS;
        m->offset_ns += 1000 * (int64_t)MS;
        look(m);
        m->now_ns += MS / 10;
        call_returns(m);
        m->now_ns += MS;
        look(m);
        assert_int_equal(m->clock.step_count, i);
    }
    free(m);
}

/* It is set while packets are being read, and nobody has noticed: what is not possible is not told, and a look helps. */
static void test_set_while_packets_are_read(void **state)
{
    static const int64_t by[] = { 3600000, -3600000 };

    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        struct machine *m = new_machine();
        uint64_t stamp, ns;

        traffic(m, 20 * MS, 30000);
        read_packets(m);
        m->now_ns += MS;
        m->offset_ns += by[k] * (int64_t)MS;
        stamp = m->now_ns + (uint64_t)m->offset_ns;
        assert_false(clock_stamps_convert(&m->stamps, &m->clock, stamp, m->read_ns, m->now_ns, &ns));
        assert_true(ns <= m->now_ns + (uint64_t)OFFSET && ns >= m->read_ns + (uint64_t)OFFSET);
        look(m);
        assert_true(clock_stamps_convert(&m->stamps, &m->clock, stamp, m->read_ns, m->now_ns, &ns));
        assert_true(llabs((int64_t)(ns - m->now_ns - (uint64_t)OFFSET)) < 1000);
        free(m);
    }
}

/* One that was stamped before, and came into the ring after the first of those that were stamped later. */
static void test_delayed(void **state)
{
    struct machine *m = new_machine();
    uint64_t before, ns;

    (void)state;
    traffic(m, 20 * MS, 30000);
    read_packets(m);
    before = m->now_ns += MS;
    set(m, 5000 * (int64_t)MS, 100000, 30000);
    traffic(m, 10 * MS, 30000);
    read_packets(m);
    m->now_ns += MS;
    assert_true(clock_stamps_convert(&m->stamps, &m->clock, before + (uint64_t)OFFSET, m->read_ns, m->now_ns, &ns));
    assert_int_equal(ns, before + (uint64_t)OFFSET);
    traffic(m, 10 * MS, 30000);
    read_packets(m);
    assert_true(m->worst_ns <= NOISE);
    free(m);
}

/* What two readings of a busy machine differ by is not a setting; what slewing would add up to is none either, for both clocks
 * are slewed; and small settings add up. */
static void test_noise(void **state)
{
    struct machine *m = new_machine();

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        trace_clock_measured(&m->clock, m->now_ns += MS, OFFSET + (i % 2 ? 15000 : -15000), 100);
    assert_int_equal(m->clock.step_count, 0);
    trace_clock_measured(&m->clock, m->now_ns += MS, OFFSET + 900000, 1000000);
    assert_int_equal(m->clock.step_count, 0);
    for (unsigned i = 1; i <= 10; i++)
        trace_clock_measured(&m->clock, m->now_ns += MS, OFFSET + i * 15000, 100);
    assert_int_equal(m->clock.step_count, 5);
    assert_int_equal(trace_clock_offset(&m->clock), OFFSET + 150000);
    free(m);
}

/* More settings than are kept, none of which had a packet. */
static void test_many_at_once(void **state)
{
    struct machine *m = new_machine();

    (void)state;
    for (unsigned i = 0; i < 5 * CLOCK_STEPS_MAX; i++) {
        m->now_ns += MS;
        m->offset_ns += 1000 * (int64_t)MS;
        look(m);
    }
    m->read_ns = m->now_ns;
    traffic(m, 10 * MS, 30000);
    read_packets(m);
    assert_true(m->worst_ns < 200);
    free(m);
}

/* The programs of the kernel know nothing of a time namespace. */
static void test_time_namespace(void **state)
{
    const struct trace_clock clock = { .offset_ns = OFFSET, .kernel_ns = -86400000000000 };

    (void)state;
    assert_int_equal(trace_clock_from_kernel(&clock, START),
                     trace_clock_from_monotonic(&clock, START + 86400000000000));
}

static void test_own(void **state)
{
    struct trace_clock clock;
    uint64_t before, now;

    (void)state;
    trace_clock_init(&clock);
    assert_int_equal(trace_clock_enter(&clock), 0);
    before = trace_clock_now(&clock);
    for (unsigned i = 0; i < 100; i++)
        trace_clock_update(&clock);
    now = trace_clock_now(&clock);
    assert_true(now > before);
    assert_int_equal(trace_clock_slept(&clock), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stands),
        cmocka_unit_test(test_set_in_dense_traffic),
        cmocka_unit_test(test_set_in_sparse_traffic),
        cmocka_unit_test(test_moment_is_known),
        cmocka_unit_test(test_set_between_two_looks),
        cmocka_unit_test(test_calls_and_readings),
        cmocka_unit_test(test_set_while_packets_are_read),
        cmocka_unit_test(test_delayed),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_time_namespace),
        cmocka_unit_test(test_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
