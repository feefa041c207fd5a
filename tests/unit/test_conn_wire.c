/* Packets in, states out: scripted captures, and what each must be read as. */
#include "conn_script.h"

/* Everything a plain connection says, word for word. */
static void normal_word_for_word(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, C, "PA", 1, 1, 10);
    send(&s, S, "A", 1, 11, 0);
    send(&s, C, "FA", 11, 1, 0);
    send(&s, S, "A", 1, 12, 0);
    send(&s, S, "FA", 1, 12, 0);
    send(&s, C, "A", 12, 2, 0);
    wait_ns(&s, 100 * SECOND);
    script_finish(&s);
    assert_string_equal(
        lines(&s, 1),
        "connection 1 40000 > 80\n"
        "  1 client SYN seq 0 len 0 win 1000 []\n"
        "    1 client CLOSED > SYN-SENT inferred\n"
        "  1 server SYN,ACK seq 0 ack 1 len 0 win 1000 [] rtt_ns=1000000\n"
        "    1 server LISTEN > SYN-RECEIVED inferred\n"
        "    1 client SYN-SENT > ESTABLISHED inferred\n"
        "  1 client ACK seq 1 ack 1 len 0 win 1000 [] rtt_ns=1000000\n"
        "    1 server SYN-RECEIVED > ESTABLISHED inferred\n"
        "  1 client PSH,ACK seq 1 ack 1 len 10 win 1000 []\n"
        "  1 server ACK seq 1 ack 11 len 0 win 1000 [] rtt_ns=1000000\n"
        "  1 client FIN,ACK seq 11 ack 1 len 0 win 1000 []\n"
        "    1 client ESTABLISHED > FIN-WAIT-1 inferred\n"
        "    1 server ESTABLISHED > CLOSE-WAIT inferred\n"
        "  1 server ACK seq 1 ack 12 len 0 win 1000 [] rtt_ns=1000000\n"
        "    1 client FIN-WAIT-1 > FIN-WAIT-2 inferred\n"
        "  1 server FIN,ACK seq 1 ack 12 len 0 win 1000 []\n"
        "    1 server CLOSE-WAIT > LAST-ACK inferred\n"
        "    1 client FIN-WAIT-2 > TIME-WAIT inferred\n"
        "  1 client ACK seq 12 ack 2 len 0 win 1000 [] rtt_ns=1000000\n"
        "    1 server LAST-ACK > CLOSED inferred\n"
        "    1 client TIME-WAIT > CLOSED predicted\n"
        "outcome 1 {\"conn_state\": \"SF\", \"history\": \"ShADaFf\", \"verdict\": \"closed-normally\", "
        "\"final\": {\"client\": \"CLOSED\", \"server\": \"CLOSED\"}, \"bytes\": {\"client\": 10, \"server\": 0}, "
        "\"segments\": {\"client\": 5, \"server\": 4}, \"rtt_ns\": 2000000, \"closed_by\": \"client\"}\n");
}

static void labels_and_knowledge(void **state)
{
    static const char *const labels[] = {
        "active OPEN / create TCB, snd SYN",
        "rcv SYN / snd SYN,ACK",
        "rcv SYN,ACK / snd ACK",
        "rcv ACK of SYN / x",
        "CLOSE / snd FIN",
        "rcv FIN / snd ACK",
        "rcv ACK of FIN / x",
        "CLOSE / snd FIN",
        "rcv FIN / snd ACK",
        "rcv ACK of FIN / x",
        "Timeout=2MSL / delete TCB",
    };
    const struct change *c;
    unsigned n;

    (void)state;
    send_handshake(&s);
    send(&s, C, "FA", 1, 1, 0);
    send(&s, S, "A", 1, 2, 0);
    send(&s, S, "FA", 1, 2, 0);
    send(&s, C, "A", 2, 2, 0);
    wait_ns(&s, 100 * SECOND);
    script_finish(&s);
    for (n = 0; (c = find(&s, CHANGE_STATE, 1, n)); n++) {
        assert_true(n < sizeof(labels) / sizeof(*labels));
        assert_string_equal(c->state.rfc, labels[n]);
        assert_int_equal(c->state.how, n == 10 ? HOW_PREDICTED : HOW_INFERRED);
        assert_int_equal(c->state.source, WITNESS_WIRE);
        assert_int_equal(c->state.owner.pid, 0);
    }
    assert_int_equal(n, sizeof(labels) / sizeof(*labels));
}

/* RFC 9293 figure 13. Where the server's FIN is seen first to have crossed, it was in CLOSE-WAIT only by appearance. */
static void simultaneous_close(void **state)
{
    const struct change *o;

    (void)state;
    send_handshake(&s);
    send(&s, C, "FA", 1, 1, 0);
    send(&s, S, "FA", 1, 1, 0);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING");
    assert_string_equal(wire(S),
                        "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT ESTABLISHED FIN-WAIT-1 CLOSING"); /* they crossed */
    assert_int_equal(find(&s, CHANGE_STATE, 1, 6)->state.how, HOW_CORRECTED);
    send(&s, C, "A", 2, 2, 0);
    send(&s, S, "A", 2, 2, 0);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT");
    assert_string_equal(wire(S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT");
    wait_ns(&s, 100 * SECOND);
    script_finish(&s);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT ?CLOSED");
    assert_string_equal(wire(S),
                        "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT ?CLOSED");
    o = outcome_of(&s, 1);
    assert_int_equal(o->outcome.verdict, VERDICT_CLOSED_BOTH);
    assert_int_equal(o->outcome.closed_by, C);
    assert_string_equal(o->outcome.conn_state, "SF");
}

/* Who has sent a FIN is waited for while more can come of it. */
static void closing_until_both_are_done(void **state)
{
    static const struct {
        enum end from;
        const char *flags;
        uint32_t seq, ack;
        bool closing;
    } steps[] = {
        { C, "S", 0, 0, false }, { S, "SA", 0, 1, false }, { C, "A", 1, 1, false }, { C, "FA", 1, 1, true },
        { S, "A", 1, 2, true },  { S, "FA", 1, 2, true },  { C, "A", 2, 2, false },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        send(&s, steps[i].from, steps[i].flags, steps[i].seq, steps[i].ack, 0);
        assert_int_equal(conn_engine_is_closing(s.table), steps[i].closing);
    }
    script_finish(&s);
}

static void closing_until_a_reset(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, C, "FA", 1, 1, 0);
    assert_true(conn_engine_is_closing(s.table));
    send(&s, S, "RA", 1, 2, 0);
    assert_false(conn_engine_is_closing(s.table));
    script_finish(&s);
}

static void closing_before_the_trace(void **state)
{
    (void)state;
    send(&s, C, "FA", 100, 100, 0);
    assert_false(conn_engine_is_closing(s.table));
    script_finish(&s);
}

/* Brings the client into a state, the server into what goes with it; returns the sequence number the server would use
 * next, and in *ret_ack what it would acknowledge. */
static uint32_t reach(enum tcp_state client, uint32_t *ret_ack)
{
    *ret_ack = 1;
    send(&s, C, "S", 0, 0, 0);
    if (client == TCP_STATE_SYN_SENT)
        return 0;
    if (client == TCP_STATE_SYN_RECEIVED) {
        send(&s, S, "S", 0, 0, 0);
        return 1;
    }
    send(&s, S, "SA", 0, 1, 0);
    send(&s, C, "A", 1, 1, 0);
    if (client == TCP_STATE_ESTABLISHED)
        return 1;
    if (client == TCP_STATE_CLOSE_WAIT || client == TCP_STATE_LAST_ACK) {
        send(&s, S, "FA", 1, 1, 0);
        send(&s, C, "A", 1, 2, 0);
        if (client == TCP_STATE_LAST_ACK)
            send(&s, C, "FA", 1, 2, 0);
        return 2;
    }
    send(&s, C, "FA", 1, 1, 0);
    if (client == TCP_STATE_FIN_WAIT_1)
        return 1;
    if (client == TCP_STATE_CLOSING) {
        send(&s, S, "FA", 1, 1, 0);
        return 2;
    }
    *ret_ack = 2;
    send(&s, S, "A", 1, 2, 0);
    if (client == TCP_STATE_FIN_WAIT_2)
        return 1;
    assert_int_equal(client, TCP_STATE_TIME_WAIT);
    send(&s, S, "FA", 1, 2, 0);
    send(&s, C, "A", 2, 2, 0);
    return 2;
}

static enum tcp_state last_state(enum end end)
{
    return s.told[1].state[end][1];
}

static const enum tcp_state synchronised[] = {
    TCP_STATE_SYN_RECEIVED, TCP_STATE_ESTABLISHED, TCP_STATE_FIN_WAIT_1, TCP_STATE_FIN_WAIT_2,
    TCP_STATE_CLOSE_WAIT,   TCP_STATE_CLOSING,     TCP_STATE_LAST_ACK,   TCP_STATE_TIME_WAIT,
};

static void reset_in_every_state(void **state)
{
    uint32_t seq, ack;

    (void)state;
    for (size_t i = 0; i < sizeof(synchronised) / sizeof(*synchronised); i++) {
        const struct change *c;

        again();
        seq = reach(synchronised[i], &ack);
        assert_int_equal(last_state(C), synchronised[i]);
        send(&s, S, "R", seq, 0, 0);
        assert_int_equal(last_state(C), TCP_STATE_CLOSED);
        assert_int_equal(last_state(S), TCP_STATE_CLOSED);
        c = &s.changes[s.count - 1];
        assert_int_equal(c->kind, CHANGE_STATE);
        assert_null(c->state.rfc); /* the figure draws no edge for a reset */
        script_finish(&s);
        assert_int_equal(outcome_of(&s, 1)->outcome.reset_by, S);
        /* before it was ever synchronised it is a refusal; in TIME-WAIT there is nothing left to abort */
        assert_int_equal(outcome_of(&s, 1)->outcome.verdict, synchronised[i] == TCP_STATE_SYN_RECEIVED ? VERDICT_REFUSED
                                                             : synchronised[i] == TCP_STATE_TIME_WAIT
                                                                 ? VERDICT_CLOSED_NORMALLY
                                                                 : VERDICT_RESET_BY_SERVER);
    }
}

/* RFC 9293 3.10.7.4, first: outside of the window it is ignored by who gets it; that its sender gave up remains true. */
static void reset_out_of_sequence_is_ignored(void **state)
{
    uint32_t seq, ack;

    (void)state;
    for (size_t i = 0; i < sizeof(synchronised) / sizeof(*synchronised); i++) {
        again();
        seq = reach(synchronised[i], &ack);
        send(&s, S, "RA", seq + 100000, ack, 0);
        assert_int_equal(last_state(C), synchronised[i]);
        send(&s, S, "RA", seq - 2, ack, 0);
        assert_int_equal(last_state(C), synchronised[i]);
        send(&s, S, "RA", seq, ack, 0);
        assert_int_equal(last_state(C), TCP_STATE_CLOSED);
        script_finish(&s);
    }
}

/* One socket at both ends: a simultaneous open and close, with each segment captured once. */
static void self_connect(void **state)
{
    static const char want[] = "SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT";
    const struct change *o;

    (void)state;
    s.at[S] = s.at[C];
    s.isn[S] = s.isn[C];
    send(&s, C, "S", 0, 0, 0);
    send(&s, C, "SA", 0, 1, 0);
    send(&s, C, "A", 1, 1, 0);
    send(&s, C, "PA", 1, 1, 5);
    send(&s, C, "A", 6, 6, 0);
    send(&s, C, "FA", 6, 6, 0);
    send(&s, C, "A", 7, 7, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
    assert_int_equal(count_of(&s, CHANGE_SEGMENT), 7);
    assert_string_equal(strchr(wire(C), ' ') + 1, want);
    assert_string_equal(strchr(wire(S), ' ') + 1, want);
    for (unsigned i = 0; find(&s, CHANGE_STATE, 1, i); i++)
        assert_int_equal(find(&s, CHANGE_STATE, 1, i)->state.how, HOW_INFERRED);
    o = outcome_of(&s, 1);
    assert_int_equal(o->outcome.verdict, VERDICT_CLOSED_BOTH);
    for (unsigned end = 0; end < END_N; end++) {
        assert_int_equal(o->outcome.bytes[end], 5);
        assert_int_equal(o->outcome.segments[end], 7);
        assert_int_equal(o->outcome.final[end], TIME_WAIT);
    }
}

/* 2MSL after the last segment, at that very time though nothing happens then; and not where a FIN came again. */
static void time_wait_is_predicted(void **state)
{
    const struct endpoint other = endpoint("192.0.2.9", 9);
    const struct change *c;
    uint64_t last;

    (void)state;
    send_open_and_close(&s);
    wait_ns(&s, 30 * SECOND);
    last = s.now_ns + MS;
    send(&s, S, "FA", 1, 2, 0);
    send(&s, C, "A", 2, 2, 0);
    wait_ns(&s, 59 * SECOND);
    s.at[C] = other;
    send(&s, C, "S", 0, 0, 0); /* somebody else: time goes on */
    assert_null(find(&s, CHANGE_OUTCOME, 1, 0));
    wait_ns(&s, 2 * SECOND);
    send(&s, C, "S", 0, 0, 0);
    c = outcome_of(&s, 1);
    assert_int_equal(c->ts_ns, last + 60 * SECOND);
    assert_int_equal(c->outcome.final[C], TCP_STATE_CLOSED);
    assert_int_equal(c->outcome.state_ns[C][TCP_STATE_TIME_WAIT], last + 60 * SECOND - (START_NS + 4 * MS));
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT ?CLOSED");
    script_finish(&s);
}

static void first_ends(enum verdict verdict, enum cause cause, enum tcp_state client)
{
    const struct change *c = outcome_of(&s, 1);

    assert_int_equal(c->outcome.verdict, verdict);
    assert_int_equal(c->outcome.cause, cause);
    assert_int_equal(c->outcome.final[C], client);
    assert_int_equal(c->outcome.final[S], verdict == VERDICT_NO_ANSWER ? TCP_STATE_UNKNOWN : TCP_STATE_SYN_RECEIVED);
}

/* Why a handshake was not completed, as far as packets show it. */
static void handshake_breaks_off(void **state)
{
    struct event damaged;

    (void)state;
    send(&s, C, "S", 0, 0, 0); /* nothing comes from the client any more */
    send(&s, S, "SA", 0, 1, 0);
    wait_ns(&s, 3 * SECOND);
    script_finish(&s);
    first_ends(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_NO_ACK, TCP_STATE_SYN_SENT);

    again();
    send(&s, C, "S", 0, 0, 0); /* it may still come */
    send(&s, S, "SA", 0, 1, 0);
    script_finish(&s);
    first_ends(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_NONE, TCP_STATE_ESTABLISHED);

    again();
    send(&s, C, "S", 0, 0, 0); /* an ACK comes, and is damaged */
    send(&s, S, "SA", 0, 1, 0);
    damaged = segment_event(&s, C, "A", 1, 1, 0);
    damaged.segment.bad_checksum = true;
    feed(&s, &damaged);
    script_finish(&s);
    first_ends(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_NONE, TCP_STATE_ESTABLISHED);

    again();
    send(&s, C, "S", 0, 0, 0); /* it acknowledges what was never sent */
    send(&s, S, "SA", 0, 1, 0);
    send(&s, C, "A", 1, 500000, 0);
    script_finish(&s);
    first_ends(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_ACK_UNACCEPTABLE, TCP_STATE_ESTABLISHED);

    again();
    send(&s, C, "S", 0, 0, 0); /* it begins anew: once before the answer, once after it */
    send(&s, C, "S", 777777, 0, 0);
    script_finish(&s);
    first_ends(VERDICT_NO_ANSWER, CAUSE_SUPERSEDED, TCP_STATE_SYN_SENT);
    again();
    send(&s, C, "S", 0, 0, 0);
    send(&s, S, "SA", 0, 1, 0);
    send(&s, C, "S", 777777, 0, 0);
    script_finish(&s);
    first_ends(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_NO_ACK, TCP_STATE_SYN_SENT);
}

/* A SYN scan: the SYN,ACK finds nobody, and is answered with <SEQ=SEG.ACK><CTL=RST>. */
static void syn_ack_finds_nobody(void **state)
{
    (void)state;
    send(&s, C, "S", 0, 0, 0);
    send(&s, S, "SA", 0, 1, 0);
    send(&s, C, "R", 1, 0, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_RESET_BY_CLIENT);
    assert_int_equal(outcome_of(&s, 1)->outcome.cause, CAUSE_NO_SOCKET);
}

/* Wherever the numbers wrap. */
static void numbers_wrap(void **state)
{
    static const uint32_t numbers[] = { UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - 5,
                                        0,          INT32_MAX,      (uint32_t)INT32_MAX + 1 };
    enum { N = sizeof(numbers) / sizeof(*numbers) };

    (void)state;
    for (unsigned i = 0; i < N * N; i++) {
        const struct change *c;

        again();
        s.isn[C] = numbers[i / N];
        s.isn[S] = numbers[i % N];
        send_handshake(&s);
        send(&s, C, "PA", 1, 1, 7);
        send(&s, S, "PA", 1, 8, 9);
        send(&s, C, "FA", 8, 10, 0);
        send(&s, S, "FA", 10, 9, 0);
        send(&s, C, "A", 9, 11, 0);
        script_finish(&s);
        c = outcome_of(&s, 1);
        assert_int_equal(c->outcome.verdict, VERDICT_CLOSED_NORMALLY);
        assert_int_equal(c->outcome.bytes[C], 7);
        assert_int_equal(c->outcome.bytes[S], 9);
        assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
        assert_string_equal(wire(S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
        for (unsigned n = 0; n < 8; n++)
            assert_int_equal(segment(n)->segment.notes, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(normal_word_for_word),  TEST(labels_and_knowledge),
        TEST(simultaneous_close),    TEST(closing_until_both_are_done),
        TEST(closing_until_a_reset), TEST(closing_before_the_trace),
        TEST(reset_in_every_state),  TEST(reset_out_of_sequence_is_ignored),
        TEST(self_connect),          TEST(time_wait_is_predicted),
        TEST(handshake_breaks_off),  TEST(syn_ack_finds_nobody),
        TEST(numbers_wrap),
    };

    return cmocka_run_group_tests_name("conn_wire", tests, NULL, NULL);
}
