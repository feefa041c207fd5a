/* The clock that fits what was seen at both hosts: made-up delays, of which the truth is known. */
#include "tcplens/fleet/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define US 1000
#define MS 1000000
#define S 1000000000ll
#define START (1700000000ull * S)
#define COUNT_MAX 20000

/* Two hosts, and what lies between them. */
struct world {
    int64_t ahead_ns;       /* of the other clock, at the beginning */
    double skew;            /* 40e-6: 40 ppm fast */
    int64_t forth, back;    /* shortest delays, ns */
    int64_t queue;          /* delays are longer by up to that, mostly by far less */
    int64_t step_ns;        /* what the other clock is set forward by, */
    uint64_t step_after_ns; /* then; 0: never */
    uint64_t coarse;        /* captures tell multiples of so many ns; 0: all */
    uint64_t span;          /* ns watched */
    size_t count;
};

static uint64_t seed;

/* 0 … 1 */
static double chance(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (double)(seed >> 11) / (double)(1ull << 53);
}

/* What the other clock shows at a time of the reference. */
static uint64_t other(const struct world *w, uint64_t t)
{
    const uint64_t since = t - START;

    return t + (uint64_t)w->ahead_ns + (uint64_t)(int64_t)(w->skew * (double)since) +
           (uint64_t)(w->step_after_ns && since >= w->step_after_ns ? w->step_ns : 0);
}

static uint64_t coarse(const struct world *w, uint64_t t)
{
    return w->coarse ? t - t % w->coarse : t;
}

static uint64_t delay(const struct world *w, bool forth)
{
    const double longer = chance();

    return (uint64_t)((forth ? w->forth : w->back) + (int64_t)((double)w->queue * longer * longer * longer));
}

/* Segments in turn of either direction. */
static size_t watch(const struct world *w, struct clock_bound *bounds)
{
    seed = 1;
    for (size_t i = 0; i < w->count; i++) {
        const uint64_t sent = START + (uint64_t)((double)w->span * ((double)i + chance()) / (double)w->count);
        const bool forth = i % 2 == 0;
        const uint64_t received = sent + delay(w, forth);
        const uint64_t here = coarse(w, forth ? sent : received), there = coarse(w, other(w, forth ? received : sent));

        bounds[i] = (struct clock_bound){ (forth ? received : sent) - START, there, (int64_t)(there - here), forth };
    }
    return w->count;
}

static struct clock_bound bounds[COUNT_MAX];

static struct clock_fit fit_of(const struct world *w)
{
    struct clock_fit fit;

    assert_int_equal(clock_fit(bounds, watch(w, bounds), false, &fit), 0);
    return fit;
}

static int64_t off_at(const struct world *w, const struct clock_fit *fit, uint64_t t)
{
    return llabs((int64_t)(clock_convert(fit, t - START, other(w, t)) - t));
}

/* How far a converted time is off, ns, at the most: looked at a hundred times. */
static int64_t error_of(const struct world *w, const struct clock_fit *fit)
{
    int64_t most = 0;

    for (unsigned i = 0; i <= 100; i++) {
        const uint64_t t = START + w->span * i / 100;
        const int64_t off = off_at(w, fit, t);

        most = off > most ? off : most;
    }
    return most;
}

/* What the bounds come from, told again: nothing is received before it was sent. */
static void assert_causal(const struct clock_fit *fit, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t here = bounds[i].at_ns - (uint64_t)bounds[i].ahead_ns,
                       there = clock_convert(fit, bounds[i].order, bounds[i].at_ns);

        assert_true((int64_t)(bounds[i].above ? there - here : here - there) >= -2 * US);
    }
}

static void test_line(void **state)
{
    const struct world w = { .ahead_ns = 137250 * US,
                             .skew = 40e-6,
                             .forth = 20 * MS,
                             .back = 20 * MS,
                             .queue = 3 * MS,
                             .span = 10 * S,
                             .count = 4000 };
    struct clock_fit fit = fit_of(&w);

    (void)state;
    assert_int_equal(fit.kind, CLOCK_LINE);
    assert_int_equal(fit.piece_count, 1);
    assert_true(fit.pieces[0].skew > 39e-6 && fit.pieces[0].skew < 41e-6);
    assert_true(error_of(&w, &fit) < 1 * US);
    assert_in_range(fit.band_ns, 19900 * US, 20100 * US);
    assert_causal(&fit, w.count);
}

/* A clock an age behind and slow, in a capture of microseconds: doubles would not hold the offset. */
static void test_an_age_behind(void **state)
{
    const struct world w = { .ahead_ns = -(1600000000 * S + 7),
                             .skew = -75e-6,
                             .forth = 300 * US,
                             .back = 300 * US,
                             .queue = 40 * US,
                             .coarse = US,
                             .span = 60 * S,
                             .count = 2000 };
    struct clock_fit fit = fit_of(&w);

    (void)state;
    assert_int_equal(fit.kind, CLOCK_LINE);
    assert_true(fit.pieces[0].skew > -76e-6 && fit.pieces[0].skew < -74e-6);
    assert_true(error_of(&w, &fit) < 3 * US);
    assert_causal(&fit, w.count);
}

/* Half of what the shortest delays differ by cannot be seen by anybody; it lies within the band. */
static void test_asymmetric(void **state)
{
    const struct world w = { .ahead_ns = -5 * MS,
                             .skew = 15e-6,
                             .forth = 30 * MS,
                             .back = 4 * MS,
                             .queue = 10 * MS,
                             .span = 30 * S,
                             .count = 10000 };
    struct clock_fit fit = fit_of(&w);

    (void)state;
    assert_int_equal(fit.kind, CLOCK_LINE);
    assert_true(fit.pieces[0].skew > 14e-6 && fit.pieces[0].skew < 16e-6);
    assert_true(llabs(error_of(&w, &fit) - 13 * MS) < 20 * US);
    assert_true(error_of(&w, &fit) <= (int64_t)fit.band_ns);
    assert_causal(&fit, w.count);
}

/* Too short for its noise: a skew would be made of that. */
static void test_constant(void **state)
{
    const struct world w = { .ahead_ns = 137250 * US,
                             .skew = 40e-6,
                             .forth = 20 * MS,
                             .back = 20 * MS,
                             .queue = 30 * MS,
                             .span = S / 2,
                             .count = 60 };
    struct clock_fit fit = fit_of(&w);

    (void)state;
    assert_int_equal(fit.kind, CLOCK_CONSTANT);
    assert_true(fit.pieces[0].skew == 0);
    assert_true(error_of(&w, &fit) <= (int64_t)fit.band_ns);
    assert_causal(&fit, w.count);
}

static void test_few(void **state)
{
    struct world w = { .ahead_ns = 7 * S, .forth = 2 * MS, .back = 2 * MS, .span = 5 * MS, .count = 3 };
    struct clock_fit fit = fit_of(&w);

    (void)state;
    assert_int_equal(fit.kind, CLOCK_CONSTANT);
    assert_true(error_of(&w, &fit) <= 1);
    assert_in_range(fit.band_ns, 2 * MS - 1, 2 * MS + 1);
    w.count = 1;
    fit = fit_of(&w);
    assert_int_equal(fit.kind, CLOCK_ONE_SIDED);
    assert_true(llabs(error_of(&w, &fit) - 2 * MS) <= 1); /* its delay is all that can be wrong */
    w.count = 0;
    fit = fit_of(&w);
    assert_int_equal(fit.kind, CLOCK_UNKNOWN);
    assert_int_equal(clock_convert(&fit, 0, START), START);
}

/* A clock that was set, by more than a round trip. */
static void test_step(void **state)
{
    static const int64_t steps[] = { 50 * MS, -400 * MS, 3600 * S, -86400 * S };

    (void)state;
    for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        const struct world w = { .ahead_ns = -12 * MS,
                                 .skew = 20e-6,
                                 .forth = 5 * MS,
                                 .back = 5 * MS,
                                 .queue = 2 * MS,
                                 .step_ns = steps[i],
                                 .step_after_ns = 7 * S,
                                 .span = 20 * S,
                                 .count = 8000 };
        struct clock_fit fit = fit_of(&w);

        assert_causal(&fit, w.count);
        assert_int_equal(fit.piece_count, 2);
        for (uint64_t t = START; t < START + w.span; t += S / 3)
            if (t < START + w.step_after_ns || t > START + w.step_after_ns + 10 * MS)
                assert_true(off_at(&w, &fit, t) < 100 * US);
    }
}

/* A route that gets longer moves no clock. */
static void test_longer_way(void **state)
{
    struct world w = {
        .ahead_ns = 3 * MS, .skew = 30e-6, .forth = 5 * MS, .back = 5 * MS, .queue = MS, .span = 20 * S, .count = 8000
    };
    struct clock_fit fit;

    (void)state;
    watch(&w, bounds);
    for (size_t i = w.count / 2; i < w.count; i++)
        if (bounds[i].above) {
            bounds[i].at_ns += 9 * MS;
            bounds[i].ahead_ns += 9 * MS;
        }
    assert_int_equal(clock_fit(bounds, w.count, false, &fit), 0);
    assert_int_equal(fit.piece_count, 1);
    assert_true(fit.pieces[0].skew > 29e-6 && fit.pieces[0].skew < 31e-6);
    assert_true(error_of(&w, &fit) < 10 * US);
}

static void test_same_host(void **state)
{
    struct world w = { .forth = 40 * US, .back = 10 * US, .queue = 30 * US, .span = 2 * S, .count = 500 };
    struct clock_fit fit;

    (void)state;
    assert_int_equal(clock_fit(bounds, watch(&w, bounds), true, &fit), 0);
    assert_int_equal(fit.kind, CLOCK_SAME);
    assert_int_equal(clock_convert(&fit, 0, START + 5), START + 5);
    w.ahead_ns = MS; /* whatever the host's name is */
    assert_int_equal(clock_fit(bounds, watch(&w, bounds), true, &fit), 0);
    assert_int_not_equal(fit.kind, CLOCK_SAME);
    assert_true(error_of(&w, &fit) <= (int64_t)fit.band_ns);
}

/* No clock at all. */
static void test_nonsense(void **state)
{
    struct clock_fit fit;

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        bounds[i] = (struct clock_bound){ i, START + i * MS, (int64_t)(i * 1103515245 % 1009) * S, i % 2 };
    assert_int_equal(clock_fit(bounds, 1000, false, &fit), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),       cmocka_unit_test(test_an_age_behind), cmocka_unit_test(test_asymmetric),
        cmocka_unit_test(test_constant),   cmocka_unit_test(test_few),           cmocka_unit_test(test_step),
        cmocka_unit_test(test_longer_way), cmocka_unit_test(test_same_host),     cmocka_unit_test(test_nonsense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
