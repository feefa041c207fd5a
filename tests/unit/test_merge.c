#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tcplens/event/merge.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define OUT_MAX 65536

/* What came out. An event is known by its number, which travels in the cookie. */
struct output {
    struct {
        uint64_t ts_ns, number;
        enum witness source;
        bool late;
    } events[OUT_MAX];
    size_t count;
};

static struct output out;

static void collect(void *arg, const struct event *event)
{
    struct output *o = arg;

    assert_true(o->count < OUT_MAX);
    o->events[o->count].ts_ns = event->ts_ns;
    o->events[o->count].number = event->cookie;
    o->events[o->count].source = event->source;
    o->events[o->count++].late = event->late;
}

static struct merge *new_merge(size_t max)
{
    struct merge *m;

    out.count = 0;
    assert_int_equal(merge_new(max, collect, &out, &m), 0);
    return m;
}

static void put(struct merge *m, enum witness source, uint64_t ts_ns, uint64_t number)
{
    /* late is merge's to say: what it held before must not matter */
    struct event e = { .ts_ns = ts_ns, .source = source, .cookie = number, .late = true };

    merge_put(m, &e);
}

static void assert_numbers(const uint64_t *want, size_t count)
{
    assert_int_equal(out.count, count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(out.events[i].number, want[i]);
}
#define assert_order(...)                                                                                              \
    assert_numbers((const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static void orders_across_witnesses(void **state)
{
    struct merge *m = new_merge(100);

    (void)state;
    put(m, WITNESS_WIRE, 20, 2);
    put(m, WITNESS_WIRE, 40, 4);
    put(m, WITNESS_KERNEL, 10, 1);
    put(m, WITNESS_DIAG, 30, 3);
    put(m, WITNESS_KERNEL, 50, 5);
    assert_int_equal(out.count, 0);
    merge_release(m, UINT64_MAX);
    assert_order(1, 2, 3, 4, 5);
    for (size_t i = 0; i < out.count; i++)
        assert_false(out.events[i].late);
    merge_free(m);
}

/* Kernel first, then diag, then wire; inside one, as they came. */
static void equal_times(void **state)
{
    struct merge *m = new_merge(100);

    (void)state;
    put(m, WITNESS_WIRE, 7, 5);
    put(m, WITNESS_WIRE, 7, 6);
    put(m, WITNESS_DIAG, 7, 3);
    put(m, WITNESS_KERNEL, 7, 1);
    put(m, WITNESS_KERNEL, 7, 2);
    put(m, WITNESS_DIAG, 7, 4);
    merge_release(m, UINT64_MAX);
    assert_order(1, 2, 3, 4, 5, 6);
    for (size_t i = 0; i < out.count; i++)
        assert_false(out.events[i].late);
    merge_free(m);
}

static void nearly_sorted_source(void **state)
{
    struct merge *m = new_merge(100);

    (void)state;
    put(m, WITNESS_KERNEL, 10, 1);
    put(m, WITNESS_KERNEL, 30, 4);
    put(m, WITNESS_KERNEL, 20, 2);
    put(m, WITNESS_KERNEL, 20, 3); /* behind its equal */
    put(m, WITNESS_KERNEL, 5, 0);
    merge_release(m, UINT64_MAX);
    assert_order(0, 1, 2, 3, 4);
    merge_free(m);
}

/* A source that keeps some back until its batch is complete: they are behind all of it. */
static void kept_back(void **state)
{
    enum { BATCH = 5000, BACK = 500 };
    struct merge *m = new_merge(2 * BATCH);

    (void)state;
    for (uint64_t i = 0; i < BATCH; i++)
        put(m, WITNESS_KERNEL, 2 * i, i);
    for (uint64_t i = 0; i < BACK; i++) /* every other as late as one that is there */
        put(m, WITNESS_KERNEL, 2 * i + i % 2, BATCH + i);
    merge_release(m, UINT64_MAX);
    assert_int_equal(out.count, BATCH + BACK);
    for (size_t i = 1; i < out.count; i++) {
        assert_false(out.events[i].late);
        assert_in_range(out.events[i].ts_ns, out.events[i - 1].ts_ns, UINT64_MAX);
        if (out.events[i].ts_ns == out.events[i - 1].ts_ns)
            assert_true(out.events[i].number > out.events[i - 1].number);
    }
    merge_free(m);
}

static void release_horizon(void **state)
{
    struct merge *m = new_merge(100);

    (void)state;
    merge_release(m, 1000); /* of nothing */
    merge_release(m, UINT64_MAX);
    assert_int_equal(out.count, 0);
    for (uint64_t i = 1; i <= 5; i++)
        put(m, i % 2 ? WITNESS_KERNEL : WITNESS_WIRE, i * 10, i);
    merge_release(m, 0);
    merge_release(m, 10); /* earlier than that: not the event of that very time */
    assert_int_equal(out.count, 0);
    merge_release(m, 11);
    assert_order(1);
    merge_release(m, 40);
    assert_order(1, 2, 3);
    merge_release(m, 20); /* a horizon that goes back lets nothing go */
    assert_order(1, 2, 3);
    put(m, WITNESS_WIRE, UINT64_MAX, 6); /* the last moment there is */
    merge_release(m, UINT64_MAX);
    assert_order(1, 2, 3, 4, 5, 6);
    merge_free(m);
}

static void late(void **state)
{
    struct merge *m = new_merge(100);

    (void)state;
    put(m, WITNESS_KERNEL, 100, 1);
    merge_release(m, UINT64_MAX);
    put(m, WITNESS_WIRE, 100, 2); /* as early as what went last: in order */
    put(m, WITNESS_WIRE, 99, 3);
    put(m, WITNESS_WIRE, 101, 4);
    put(m, WITNESS_DIAG, 50, 5);
    merge_release(m, UINT64_MAX);
    assert_order(1, 5, 3, 2, 4);
    assert_false(out.events[0].late);
    assert_true(out.events[1].late);
    assert_true(out.events[2].late);
    assert_false(out.events[3].late);
    assert_false(out.events[4].late);
    put(m, WITNESS_KERNEL, 100, 6); /* measured against the latest, not against the late one */
    merge_release(m, UINT64_MAX);
    assert_true(out.events[5].late);
    merge_free(m);
}

/* The earliest goes when there is one too many, be it the newcomer itself. */
static void full(void **state)
{
    struct merge *m = new_merge(3);

    (void)state;
    put(m, WITNESS_KERNEL, 30, 3);
    put(m, WITNESS_WIRE, 20, 2);
    put(m, WITNESS_WIRE, 40, 4);
    assert_int_equal(out.count, 0);
    assert_int_equal(merge_early(m), 0);
    put(m, WITNESS_KERNEL, 10, 1);
    assert_order(1);
    assert_int_equal(merge_early(m), 1);
    put(m, WITNESS_WIRE, 50, 5);
    assert_order(1, 2);
    put(m, WITNESS_KERNEL, 15, 6); /* its time has passed: late, but not lost */
    assert_order(1, 2, 6);
    assert_true(out.events[2].late);
    merge_release(m, UINT64_MAX);
    assert_order(1, 2, 6, 3, 4, 5);
    for (size_t i = 0; i < out.count; i++)
        assert_int_equal(out.events[i].late, i == 2);
    merge_free(m);
}

static void holds_nothing(void **state)
{
    struct merge *m = new_merge(0);

    (void)state;
    put(m, WITNESS_KERNEL, 20, 1);
    put(m, WITNESS_WIRE, 10, 2);
    assert_order(1, 2);
    assert_false(out.events[0].late);
    assert_true(out.events[1].late);
    merge_free(m);
}

static void freed_while_holding(void **state)
{
    struct merge *m = new_merge(10);

    (void)state;
    put(m, WITNESS_KERNEL, 1, 1);
    assert_null(merge_free(m));
    assert_null(merge_free(NULL));
    assert_int_equal(out.count, 0);
}

struct key {
    uint64_t ts_ns, number;
    enum witness source;
};

static int by_time(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->ts_ns != y->ts_ns)
        return x->ts_ns < y->ts_ns ? -1 : 1;
    if (x->source != y->source)
        return x->source < y->source ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static uint64_t next_random(uint64_t *seed)
{
    /* xorshift64, Marsaglia 2003 */
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* As qsort() has it, and none late, as long as the horizon stays behind the disorder; more than one growth of the
 * queues, and rings that wrap, are on the way. */
static void random_against_qsort(void **state)
{
    enum { ROUNDS = 20, EVENTS = 3000, DISORDER = 200 };
    static struct key keys[EVENTS];
    uint64_t seed = 0x1234567890abcdef;

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct merge *m = new_merge(OUT_MAX);
        uint64_t now = 1000;

        for (unsigned i = 0; i < EVENTS; i++) {
            now += next_random(&seed) % 8;
            keys[i].ts_ns = now - next_random(&seed) % DISORDER;
            keys[i].source = next_random(&seed) % WITNESS_N;
            keys[i].number = i;
            put(m, keys[i].source, keys[i].ts_ns, i);
            if (next_random(&seed) % (round + 1) == 0)
                merge_release(m, now - DISORDER);
        }
        merge_release(m, UINT64_MAX);
        qsort(keys, EVENTS, sizeof(*keys), by_time);
        assert_int_equal(out.count, EVENTS);
        for (unsigned i = 0; i < EVENTS; i++) {
            assert_int_equal(out.events[i].number, keys[i].number);
            assert_int_equal(out.events[i].ts_ns, keys[i].ts_ns);
            assert_int_equal(out.events[i].source, keys[i].source);
            assert_false(out.events[i].late);
        }
        merge_free(m);
    }
}

/* Too little room and a horizon too near: whatever is out of order is marked, nothing else is, and none is lost. */
static void random_late_is_marked(void **state)
{
    enum { EVENTS = 20000 };
    static bool seen[EVENTS];
    uint64_t seed = 42, now = 100000, last = 0;
    struct merge *m = new_merge(16);
    size_t late_count = 0;

    (void)state;
    memset(seen, 0, sizeof(seen));
    for (unsigned i = 0; i < EVENTS; i++) {
        now += next_random(&seed) % 4;
        put(m, next_random(&seed) % WITNESS_N, now - next_random(&seed) % 100, i);
        if (next_random(&seed) % 8 == 0)
            merge_release(m, now - 50);
    }
    merge_release(m, UINT64_MAX);
    assert_int_equal(out.count, EVENTS);
    for (size_t i = 0; i < out.count; i++) {
        assert_int_equal(out.events[i].late, out.events[i].ts_ns < last);
        late_count += out.events[i].late;
        if (out.events[i].ts_ns > last)
            last = out.events[i].ts_ns;
        assert_false(seen[out.events[i].number]);
        seen[out.events[i].number] = true;
    }
    assert_true(late_count > 0 && late_count < EVENTS / 2);
    merge_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_across_witnesses),
        cmocka_unit_test(equal_times),
        cmocka_unit_test(nearly_sorted_source),
        cmocka_unit_test(kept_back),
        cmocka_unit_test(release_horizon),
        cmocka_unit_test(late),
        cmocka_unit_test(full),
        cmocka_unit_test(holds_nothing),
        cmocka_unit_test(freed_while_holding),
        cmocka_unit_test(random_against_qsort),
        cmocka_unit_test(random_late_is_marked),
    };

    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
