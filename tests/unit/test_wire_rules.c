/* What a lab's wire does with a frame: each match, each deed, which of those that match, and which rule decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/lab/wire_rules.h"

/* One of each kind. */
static const struct {
    const char *what;
    struct segment segment;
    bool none; /* it is no segment */
} frames[] = {
    { .what = "SYN", .segment = { .flags = SEGMENT_SYN } },
    { .what = "SYN,ACK", .segment = { .flags = SEGMENT_SYN | SEGMENT_ACK } },
    { .what = "ACK", .segment = { .flags = SEGMENT_ACK } },
    { .what = "data", .segment = { .flags = SEGMENT_ACK | SEGMENT_PSH, .payload_len = 5 } },
    { .what = "FIN", .segment = { .flags = SEGMENT_FIN | SEGMENT_ACK } },
    { .what = "FIN with data", .segment = { .flags = SEGMENT_FIN | SEGMENT_ACK, .payload_len = 1 } },
    { .what = "RST", .segment = { .flags = SEGMENT_RST } },
    { .what = "RST,ACK", .segment = { .flags = SEGMENT_RST | SEGMENT_ACK } },
    { .what = "SYN with data", .segment = { .flags = SEGMENT_SYN, .payload_len = 3 } },
    { .what = "datagram", .none = true },
};
#define FRAMES (sizeof(frames) / sizeof(*frames))

static const struct segment data = { .flags = SEGMENT_ACK | SEGMENT_PSH, .payload_len = 5 };
static const struct segment ack = { .flags = SEGMENT_ACK };

static struct wire_rule rule(enum wire_match match, enum wire_deed deed)
{
    return (struct wire_rule){
        .from = { true, true }, .match = match, .first = 1, .last = UINT32_MAX, .deed = deed, .delay_ms = 30
    };
}

static bool is_lost(enum wire_match match, const struct segment *segment)
{
    struct wire_rules rules = { .rules = { rule(match, WIRE_LOSE) }, .count = 1 };

    return wire_decide(&rules, WIRE_CLIENT, segment).lost;
}

static void expect_matches(enum wire_match match, const char *expected)
{
    char found[256] = "";

    for (size_t i = 0; i < FRAMES; i++) {
        if (!is_lost(match, frames[i].none ? NULL : &frames[i].segment))
            continue;
        strcat(found, frames[i].what);
        strcat(found, "; ");
    }
    assert_string_equal(found, expected);
}

static void test_matches(void **state)
{
    (void)state;
    expect_matches(WIRE_ANY, "SYN; SYN,ACK; ACK; data; FIN; FIN with data; RST; RST,ACK; SYN with data; datagram; ");
    expect_matches(WIRE_SYN, "SYN; SYN with data; ");
    expect_matches(WIRE_SYN_ACK, "SYN,ACK; ");
    expect_matches(WIRE_ACK, "ACK; ");
    expect_matches(WIRE_DATA, "data; FIN with data; SYN with data; ");
    expect_matches(WIRE_FIN, "FIN; FIN with data; ");
    expect_matches(WIRE_RST, "RST; RST,ACK; ");
    expect_matches(WIRE_NO_SEGMENT, "datagram; ");
}

static void test_deeds(void **state)
{
    struct wire_fate fate;

    (void)state;
    for (enum wire_deed deed = 0; deed < WIRE_DEEDS; deed++) {
        struct wire_rules rules = { .delay_ms = 20, .rules = { rule(WIRE_DATA, deed) }, .count = 1 };

        fate = wire_decide(&rules, WIRE_CLIENT, &data);
        assert_int_equal(fate.lost, deed == WIRE_LOSE || deed == WIRE_CUT);
        assert_int_equal(fate.behind_next, deed == WIRE_SWAP);
        assert_int_equal(fate.damaged, deed == WIRE_DAMAGE);
        assert_int_equal(fate.delay_ms, deed == WIRE_DELAY ? 50 : 20);
        assert_int_equal(rules.cut, deed == WIRE_CUT);
        /* what the rule is not about goes on its way, unless the wire is cut */
        fate = wire_decide(&rules, WIRE_SERVER, &ack);
        assert_int_equal(fate.lost, deed == WIRE_CUT);
        assert_false(fate.behind_next || fate.damaged);
        assert_int_equal(fate.delay_ms, 20);
    }
}

/* Which of eight segments with data from the client are lost, as digits; those of the server lie between and count for nothing. */
static void expect_lost(struct wire_rule r, const char *expected)
{
    struct wire_rules rules = { .rules = { r }, .count = 1 };
    char lost[9] = "";

    rules.rules[0].from[WIRE_SERVER] = false;
    for (char i = '1'; i <= '8'; i++) {
        assert_false(wire_decide(&rules, WIRE_SERVER, &data).lost);
        assert_false(wire_decide(&rules, WIRE_CLIENT, &ack).lost);
        if (wire_decide(&rules, WIRE_CLIENT, &data).lost)
            strncat(lost, &i, 1);
    }
    assert_string_equal(lost, expected);
}

static void test_which(void **state)
{
    struct wire_rule r = rule(WIRE_DATA, WIRE_LOSE);

    (void)state;
    expect_lost(r, "12345678");
    r.last = 2;
    expect_lost(r, "12");
    r.first = r.last = 3;
    expect_lost(r, "3");
    r.first = r.last = 9;
    expect_lost(r, "");
    r = rule(WIRE_DATA, WIRE_LOSE);
    r.len = 5;
    expect_lost(r, "12345678");
    r.len = 6;
    expect_lost(r, "");
}

static void test_first_rule_decides(void **state)
{
    struct wire_rules rules = {
        .rules = { rule(WIRE_DATA, WIRE_DAMAGE), rule(WIRE_ANY, WIRE_LOSE), rule(WIRE_DATA, WIRE_CUT) }, .count = 3
    };
    struct wire_fate fate;

    (void)state;
    rules.rules[0].first = rules.rules[0].last = 2;
    rules.rules[1].first = rules.rules[1].last = 3;
    rules.rules[2].first = rules.rules[2].last = 5;
    /* each counts what another one decides */
    fate = wire_decide(&rules, WIRE_CLIENT, &data);
    assert_false(fate.lost || fate.damaged);
    fate = wire_decide(&rules, WIRE_CLIENT, &data);
    assert_true(fate.damaged && !fate.lost);
    assert_true(wire_decide(&rules, WIRE_CLIENT, &data).lost);
    assert_false(wire_decide(&rules, WIRE_CLIENT, &data).lost);
    assert_false(rules.cut);
    assert_true(wire_decide(&rules, WIRE_CLIENT, &data).lost);
    assert_true(rules.cut);
}

static void test_cut(void **state)
{
    struct wire_rules rules = { .rules = { rule(WIRE_SYN_ACK, WIRE_CUT) }, .count = 1 };
    const struct segment answer = { .flags = SEGMENT_SYN | SEGMENT_ACK };

    (void)state;
    assert_false(wire_decide(&rules, WIRE_CLIENT, &ack).lost);
    assert_true(wire_decide(&rules, WIRE_SERVER, &answer).lost);
    assert_true(wire_decide(&rules, WIRE_CLIENT, &ack).lost);
    assert_true(wire_decide(&rules, WIRE_SERVER, NULL).lost);
    /* mended: the rule is about all of them, and so cuts it anew */
    rules.cut = false;
    assert_false(wire_decide(&rules, WIRE_CLIENT, &ack).lost);
    assert_true(wire_decide(&rules, WIRE_SERVER, &answer).lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_matches), cmocka_unit_test(test_deeds),
                                        cmocka_unit_test(test_which), cmocka_unit_test(test_first_rule_decides),
                                        cmocka_unit_test(test_cut) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
