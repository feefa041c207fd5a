/* The state machine against RFC 9293, copied out by hand: figure 5 edge by edge, and what section 3.10 adds to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tcplens/tcp/fsm.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define S(name) TCP_STATE_##name
#define I(name) TCP_INPUT_##name

struct row {
    enum tcp_state from;
    enum tcp_input input;
    enum tcp_state to;
    const char *label;
};

/* Figure 5, top to bottom. Its edge from SYN-RECEIVED to LISTEN (note 1) is about the TCB that goes back to listening;
 * the connection is gone, so that it stands among the resets below. */
static const struct row figure_5[] = {
    { S(CLOSED), I(PASSIVE_OPEN), S(LISTEN), "passive OPEN / create TCB" },
    { S(CLOSED), I(SND_SYN), S(SYN_SENT), "active OPEN / create TCB, snd SYN" },
    { S(LISTEN), I(CLOSE), S(CLOSED), "CLOSE / delete TCB" },
    { S(LISTEN), I(SND_SYN_ACK), S(SYN_RECEIVED), "rcv SYN / snd SYN,ACK" },
    { S(LISTEN), I(SND_SYN), S(SYN_SENT), "SEND / snd SYN" },
    { S(SYN_SENT), I(CLOSE), S(CLOSED), "CLOSE / delete TCB" },
    { S(SYN_SENT), I(RCV_SYN), S(SYN_RECEIVED), "rcv SYN / snd SYN,ACK" },
    { S(SYN_SENT), I(RCV_SYN_ACK), S(ESTABLISHED), "rcv SYN,ACK / snd ACK" },
    { S(SYN_RECEIVED), I(RCV_ACK_OF_SYN), S(ESTABLISHED), "rcv ACK of SYN / x" },
    { S(SYN_RECEIVED), I(SND_FIN), S(FIN_WAIT_1), "CLOSE / snd FIN" },
    { S(ESTABLISHED), I(SND_FIN), S(FIN_WAIT_1), "CLOSE / snd FIN" },
    { S(ESTABLISHED), I(RCV_FIN), S(CLOSE_WAIT), "rcv FIN / snd ACK" },
    { S(FIN_WAIT_1), I(RCV_ACK_OF_FIN), S(FIN_WAIT_2), "rcv ACK of FIN / x" },
    { S(FIN_WAIT_1), I(RCV_FIN), S(CLOSING), "rcv FIN / snd ACK" },
    { S(CLOSE_WAIT), I(SND_FIN), S(LAST_ACK), "CLOSE / snd FIN" },
    { S(FIN_WAIT_2), I(RCV_FIN), S(TIME_WAIT), "rcv FIN / snd ACK" },
    { S(CLOSING), I(RCV_ACK_OF_FIN), S(TIME_WAIT), "rcv ACK of FIN / x" },
    { S(LAST_ACK), I(RCV_ACK_OF_FIN), S(CLOSED), "rcv ACK of FIN / x" },
    { S(TIME_WAIT), I(TIMEOUT_2MSL), S(CLOSED), "Timeout=2MSL / delete TCB" },
};

static const struct row text[] = {
    /* The same edges of the figure, entered by another name for the same event. */
    { S(SYN_SENT), I(SND_SYN_ACK), S(SYN_RECEIVED), "rcv SYN / snd SYN,ACK" },
    { S(SYN_RECEIVED), I(RCV_SYN_ACK), S(ESTABLISHED), "rcv ACK of SYN / x" }, /* 3.5, figure 7 */

    /* 3.10.7.4, eighth: a FIN in SYN-RECEIVED enters CLOSE-WAIT. */
    { S(SYN_RECEIVED), I(RCV_FIN), S(CLOSE_WAIT), NULL },

    /* 3.10.7.4, eighth: a FIN again "remains in" the state. */
    { S(CLOSE_WAIT), I(RCV_FIN), S(CLOSE_WAIT), NULL },
    { S(CLOSING), I(RCV_FIN), S(CLOSING), NULL },
    { S(LAST_ACK), I(RCV_FIN), S(LAST_ACK), NULL },
    { S(TIME_WAIT), I(RCV_FIN), S(TIME_WAIT), NULL },

    /* 3.8: what was not acknowledged is sent again, and may be received again. */
    { S(SYN_SENT), I(SND_SYN), S(SYN_SENT), NULL },
    { S(SYN_RECEIVED), I(SND_SYN_ACK), S(SYN_RECEIVED), NULL },
    { S(SYN_RECEIVED), I(RCV_SYN), S(SYN_RECEIVED), NULL },
    { S(FIN_WAIT_1), I(SND_FIN), S(FIN_WAIT_1), NULL },
    { S(CLOSING), I(SND_FIN), S(CLOSING), NULL },
    { S(LAST_ACK), I(SND_FIN), S(LAST_ACK), NULL },

    /* Note 3 and 3.10.5: a RST can be sent from any state there is a connection in. In LISTEN it refuses one. */
    { S(LISTEN), I(SND_RST), S(CLOSED), NULL },
    { S(SYN_SENT), I(SND_RST), S(CLOSED), NULL },
    { S(SYN_RECEIVED), I(SND_RST), S(CLOSED), NULL },
    { S(ESTABLISHED), I(SND_RST), S(CLOSED), NULL },
    { S(FIN_WAIT_1), I(SND_RST), S(CLOSED), NULL },
    { S(FIN_WAIT_2), I(SND_RST), S(CLOSED), NULL },
    { S(CLOSE_WAIT), I(SND_RST), S(CLOSED), NULL },
    { S(CLOSING), I(SND_RST), S(CLOSED), NULL },
    { S(LAST_ACK), I(SND_RST), S(CLOSED), NULL },
    { S(TIME_WAIT), I(SND_RST), S(CLOSED), NULL },

    /* 3.10.7.3 and 3.10.7.4, second. 3.10.7.1 and 3.10.7.2: CLOSED and LISTEN ignore a RST. */
    { S(SYN_SENT), I(RCV_RST), S(CLOSED), NULL },
    { S(SYN_RECEIVED), I(RCV_RST), S(CLOSED), NULL },
    { S(ESTABLISHED), I(RCV_RST), S(CLOSED), NULL },
    { S(FIN_WAIT_1), I(RCV_RST), S(CLOSED), NULL },
    { S(FIN_WAIT_2), I(RCV_RST), S(CLOSED), NULL },
    { S(CLOSE_WAIT), I(RCV_RST), S(CLOSED), NULL },
    { S(CLOSING), I(RCV_RST), S(CLOSED), NULL },
    { S(LAST_ACK), I(RCV_RST), S(CLOSED), NULL },
    { S(TIME_WAIT), I(RCV_RST), S(CLOSED), NULL },

    /* 3.10.8: the user timeout, where something is outstanding. */
    { S(SYN_SENT), I(TIMEOUT), S(CLOSED), NULL },
    { S(SYN_RECEIVED), I(TIMEOUT), S(CLOSED), NULL },
    { S(ESTABLISHED), I(TIMEOUT), S(CLOSED), NULL },
    { S(FIN_WAIT_1), I(TIMEOUT), S(CLOSED), NULL },
    { S(FIN_WAIT_2), I(TIMEOUT), S(CLOSED), NULL },
    { S(CLOSE_WAIT), I(TIMEOUT), S(CLOSED), NULL },
    { S(CLOSING), I(TIMEOUT), S(CLOSED), NULL },
    { S(LAST_ACK), I(TIMEOUT), S(CLOSED), NULL },

    /* Not the RFC's: the end of a connection that is older than the trace, until something is seen of it. */
    { S(UNKNOWN), I(PASSIVE_OPEN), S(LISTEN), NULL },
    { S(UNKNOWN), I(SND_SYN), S(SYN_SENT), NULL },
    { S(UNKNOWN), I(SND_SYN_ACK), S(SYN_RECEIVED), NULL },
    { S(UNKNOWN), I(MIDSTREAM), S(ESTABLISHED), NULL },
    { S(UNKNOWN), I(SND_RST), S(CLOSED), NULL },
    { S(UNKNOWN), I(RCV_RST), S(CLOSED), NULL },
};

static const struct row *expected_cell(enum tcp_state from, enum tcp_input input)
{
    for (size_t i = 0; i < COUNT(figure_5); i++)
        if (figure_5[i].from == from && figure_5[i].input == input)
            return &figure_5[i];
    for (size_t i = 0; i < COUNT(text); i++)
        if (text[i].from == from && text[i].input == input)
            return &text[i];
    return NULL;
}

static void assert_label(const char *label, const char *want)
{
    if (want)
        assert_string_equal(label, want);
    else
        assert_null(label);
}

static void every_cell(void **state)
{
    (void)state;
    for (unsigned from = 0; from < TCP_STATE_N; from++)
        for (unsigned input = 0; input < TCP_INPUT_N; input++) {
            const struct tcp_edge *cell = tcp_fsm_cell(from, input), *taken;
            const struct row *want = expected_cell(from, input);
            enum tcp_state now = from;

            if (cell->to != (want ? want->to : S(UNKNOWN)))
                fail_msg("%s + %s leads to %s, not to %s", tcp_state_name(from), tcp_input_name(input),
                         tcp_state_name(cell->to), want ? tcp_state_name(want->to) : "nothing");
            assert_label(cell->label, want ? want->label : NULL);

            taken = tcp_fsm_step(&now, input);
            assert_ptr_equal(taken, want ? cell : NULL);
            assert_int_equal(now, want ? want->to : from);
        }
}

/* A row that is written twice would hide another. */
static void expectations_are_distinct(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(text); i++)
        assert_ptr_equal(expected_cell(text[i].from, text[i].input), &text[i]);
    for (size_t i = 0; i < COUNT(figure_5); i++)
        assert_ptr_equal(expected_cell(figure_5[i].from, figure_5[i].input), &figure_5[i]);
}

static void figure_is_whole(void **state)
{
    size_t labelled = 0;

    (void)state;
    for (size_t i = 0; i < COUNT(figure_5); i++) {
        const struct tcp_edge *edge = tcp_fsm_edge(figure_5[i].from, figure_5[i].to);

        assert_non_null(edge);
        assert_string_equal(edge->label, figure_5[i].label);
    }
    for (unsigned from = 0; from < TCP_STATE_N; from++)
        for (unsigned to = 0; to < TCP_STATE_N; to++) {
            const struct tcp_edge *edge = tcp_fsm_edge(from, to);

            labelled += edge && edge->label;
        }
    /* none more than the figure draws */
    assert_int_equal(labelled, COUNT(figure_5));
}

/* The edge between two states, and following somebody else's report of it. */
static void every_pair(void **state)
{
    (void)state;
    for (unsigned from = 0; from < TCP_STATE_N; from++)
        for (unsigned to = 0; to < TCP_STATE_N; to++) {
            const struct tcp_edge *edge = tcp_fsm_edge(from, to);
            const char *label = NULL;
            bool exists = false;

            for (unsigned input = 0; input < TCP_INPUT_N; input++) {
                const struct row *row = expected_cell(from, input);

                if (!row || row->to != to)
                    continue;
                exists = true;
                if (!label)
                    label = row->label;
            }
            assert_int_equal(edge != NULL, exists);
            if (edge) {
                assert_int_equal(edge->to, to);
                assert_label(edge->label, label);
            }
        }
}

static void nothing_leads_to_unknown(void **state)
{
    (void)state;
    for (unsigned from = 0; from < TCP_STATE_N; from++) {
        assert_null(tcp_fsm_edge(from, S(UNKNOWN)));
        for (unsigned input = 0; input < TCP_INPUT_N; input++) {
            enum tcp_state now = from;

            if (tcp_fsm_step(&now, input))
                assert_int_not_equal(now, S(UNKNOWN));
        }
    }
}

/* The RFC's two worked examples of closing, as inputs. */
static void sequences(void **state)
{
    static const struct {
        enum tcp_input inputs[6];
        enum tcp_state path[6];
    } cases[] = {
        /* figures 6 and 12, the end that opens and closes first */
        { { I(SND_SYN), I(RCV_SYN_ACK), I(SND_FIN), I(RCV_ACK_OF_FIN), I(RCV_FIN), I(TIMEOUT_2MSL) },
          { S(SYN_SENT), S(ESTABLISHED), S(FIN_WAIT_1), S(FIN_WAIT_2), S(TIME_WAIT), S(CLOSED) } },
        /* the other one */
        { { I(PASSIVE_OPEN), I(SND_SYN_ACK), I(RCV_ACK_OF_SYN), I(RCV_FIN), I(SND_FIN), I(RCV_ACK_OF_FIN) },
          { S(LISTEN), S(SYN_RECEIVED), S(ESTABLISHED), S(CLOSE_WAIT), S(LAST_ACK), S(CLOSED) } },
        /* figures 7 and 13: both at once */
        { { I(SND_SYN), I(RCV_SYN), I(RCV_SYN_ACK), I(SND_FIN), I(RCV_FIN), I(RCV_ACK_OF_FIN) },
          { S(SYN_SENT), S(SYN_RECEIVED), S(ESTABLISHED), S(FIN_WAIT_1), S(CLOSING), S(TIME_WAIT) } },
        /* note 2: one segment carries the FIN and the acknowledgment of ours */
        { { I(SND_SYN), I(RCV_SYN_ACK), I(SND_FIN), I(RCV_ACK_OF_FIN), I(RCV_FIN), I(RCV_FIN) },
          { S(SYN_SENT), S(ESTABLISHED), S(FIN_WAIT_1), S(FIN_WAIT_2), S(TIME_WAIT), S(TIME_WAIT) } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        enum tcp_state now = S(CLOSED);

        for (size_t step = 0; step < COUNT(cases[i].inputs); step++) {
            assert_non_null(tcp_fsm_step(&now, cases[i].inputs[step]));
            assert_int_equal(now, cases[i].path[step]);
        }
    }
}

static void names_round_trip(void **state)
{
    static const char *const names[TCP_STATE_N] = {
        "UNKNOWN",    "CLOSED",     "LISTEN",     "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED",
        "FIN-WAIT-1", "FIN-WAIT-2", "CLOSE-WAIT", "CLOSING",  "LAST-ACK",     "TIME-WAIT",
    };
    static const char *const bad[] = { "", "closed", "CLOSE", "SYN_SENT", "FIN-WAIT", "CLOSED ", "TIME-WAIT-" };
    enum tcp_state got;

    (void)state;
    for (unsigned i = 0; i < TCP_STATE_N; i++) {
        assert_string_equal(tcp_state_name(i), names[i]);
        got = TCP_STATE_N;
        assert_int_equal(tcp_state_parse(names[i], &got), 0);
        assert_int_equal(got, i);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        got = TCP_STATE_N;
        assert_int_equal(tcp_state_parse(bad[i], &got), -EINVAL);
        assert_int_equal(got, TCP_STATE_N); /* untouched */
    }
    for (unsigned i = 0; i < TCP_INPUT_N; i++)
        for (unsigned other = 0; other < i; other++)
            assert_string_not_equal(tcp_input_name(i), tcp_input_name(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expectations_are_distinct), cmocka_unit_test(every_cell),
        cmocka_unit_test(figure_is_whole),           cmocka_unit_test(every_pair),
        cmocka_unit_test(nothing_leads_to_unknown),  cmocka_unit_test(sequences),
        cmocka_unit_test(names_round_trip),
    };

    return cmocka_run_group_tests_name("tcp_fsm", tests, NULL, NULL);
}
