/* Whose packets are told, where the kernel tells of one process alone. */
#include "tcplens/event/pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tcplens/base/limits.h"

#define SECOND 1000000000ull

static struct endpoint host(uint8_t last, uint16_t port)
{
    return (struct endpoint){ .addr = addr_from_ipv4((const uint8_t[]){ 10, 0, 0, last }), .port = port };
}

static struct event told(enum event_kind kind, uint64_t ts_ns, uint16_t port)
{
    return (struct event){ .kind = kind,
                           .source = WITNESS_KERNEL,
                           .ts_ns = ts_ns,
                           .netns = 1,
                           .local = host(1, port),
                           .remote = host(2, 80) };
}

static void note_state(struct pairs *p, uint64_t ts_ns, uint16_t port, enum tcp_state to)
{
    struct event e = told(EVENT_SOCK_STATE, ts_ns, port);

    e.sock.to = to;
    pairs_note(p, &e);
}

static void note(struct pairs *p, enum event_kind kind, uint64_t ts_ns, uint16_t port)
{
    const struct event e = told(kind, ts_ns, port);

    pairs_note(p, &e);
}

/* A packet of the other end. */
static bool has(struct pairs *p, uint64_t ts_ns, uint16_t port, uint16_t flags)
{
    struct event e = told(EVENT_SEGMENT, ts_ns, port);

    e.source = WITNESS_WIRE;
    e.local = host(2, 80);
    e.remote = host(1, port);
    e.segment = (struct segment){ .flags = flags };
    return pairs_have(p, &e);
}

static struct pairs *new_pairs(void)
{
    struct pairs *p;

    assert_int_equal(pairs_new(&p), 0);
    return p;
}

static void test_only_what_was_told(void **state)
{
    struct pairs *p = new_pairs();
    struct event elsewhere = told(EVENT_SEGMENT, SECOND, 5000);

    (void)state;
    note_state(p, SECOND, 5000, TCP_STATE_SYN_SENT);
    assert_true(has(p, SECOND, 5000, SEGMENT_SYN));
    assert_true(has(p, 100 * SECOND, 5000, SEGMENT_ACK));
    assert_false(has(p, SECOND, 5001, SEGMENT_SYN));
    elsewhere.netns = 2;
    assert_false(pairs_have(p, &elsewhere));
    pairs_free(p);
}

/* What was captured before the kernel spoke of it is asked for after. */
static void test_a_syn_before_its_request(void **state)
{
    struct pairs *p = new_pairs();

    (void)state;
    note(p, EVENT_REQUEST_START, SECOND + 10, 5000);
    assert_true(has(p, SECOND, 5000, SEGMENT_SYN));
    pairs_free(p);
}

static void test_stragglers_but_no_stranger(void **state)
{
    struct pairs *p = new_pairs();

    (void)state;
    note_state(p, SECOND, 5000, TCP_STATE_SYN_SENT);
    note_state(p, 2 * SECOND, 5000, TCP_STATE_CLOSED);
    assert_true(has(p, 3 * SECOND, 5000, SEGMENT_ACK));
    assert_true(has(p, 3 * SECOND, 5000, SEGMENT_RST));
    assert_false(has(p, 60 * SECOND, 5000, SEGMENT_ACK));
    assert_false(has(p, 3 * SECOND, 5000, SEGMENT_SYN));
    assert_false(has(p, 3 * SECOND, 5000, SEGMENT_ACK)); /* it is the stranger's now */
    note_state(p, 4 * SECOND, 5000, TCP_STATE_SYN_SENT);
    assert_true(has(p, 4 * SECOND, 5000, SEGMENT_SYN));
    pairs_free(p);
}

static void test_a_minisock_goes_on(void **state)
{
    struct pairs *p = new_pairs();

    (void)state;
    note_state(p, SECOND, 5000, TCP_STATE_ESTABLISHED);
    note(p, EVENT_TIMEWAIT_START, 2 * SECOND, 5000);
    note_state(p, 2 * SECOND, 5000, TCP_STATE_CLOSED);
    assert_true(has(p, 50 * SECOND, 5000, SEGMENT_FIN | SEGMENT_ACK));
    note(p, EVENT_TIMEWAIT_EXPIRED, 62 * SECOND, 5000);
    assert_true(has(p, 63 * SECOND, 5000, SEGMENT_ACK));
    assert_false(has(p, 70 * SECOND, 5000, SEGMENT_ACK));
    pairs_free(p);
}

/* No object is left behind, but its SYN and the answer are told. */
static void test_a_refusal(void **state)
{
    struct pairs *p = new_pairs();

    (void)state;
    note(p, EVENT_OVERFLOW, SECOND, 5000);
    assert_true(has(p, SECOND, 5000, SEGMENT_SYN));
    assert_false(has(p, 10 * SECOND, 5000, SEGMENT_SYN));
    pairs_free(p);
}

static void test_bounded(void **state)
{
    struct pairs *p = new_pairs();
    unsigned kept = 0;

    (void)state;
    for (unsigned i = 0; i < 3 * LIMIT_PAIRS; i++) {
        struct event e = told(EVENT_REQUEST_START, SECOND + i, 0);

        e.local = host((uint8_t)(i >> 16), (uint16_t)((i & 0xffff) | 1));
        e.remote.port = (uint16_t)(i & 1 ? 80 : 81);
        pairs_note(p, &e);
        kept += pairs_have(p, &e);
    }
    assert_int_equal(kept, 3 * LIMIT_PAIRS); /* the newest always finds room */
    assert_true(pairs_forgotten(p) >= 2 * LIMIT_PAIRS);
    /* closed ones go first, and nobody misses them */
    pairs_free(p);
    p = new_pairs();
    for (unsigned i = 1; i < UINT16_MAX; i++) {
        note_state(p, SECOND + i, (uint16_t)i, TCP_STATE_SYN_SENT);
        note_state(p, SECOND + i, (uint16_t)i, TCP_STATE_CLOSED);
    }
    assert_int_equal(pairs_forgotten(p), 0);
    pairs_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_was_told),
        cmocka_unit_test(test_a_syn_before_its_request),
        cmocka_unit_test(test_stragglers_but_no_stranger),
        cmocka_unit_test(test_a_minisock_goes_on),
        cmocka_unit_test(test_a_refusal),
        cmocka_unit_test(test_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
