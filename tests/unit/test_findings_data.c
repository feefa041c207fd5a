/* Findings of data on its way: it waits for its receiver or a timer, is sent again, too large, damaged, or never leaves. */
#include "conn_findings.h"

static void window_is_shut(void **state)
{
    struct event e;

    (void)state;
    send_handshake(&s);
    send(&s, C, "PA", 1, 1, 100);
    e = segment_event(&s, S, "A", 1, 101, 0);
    e.segment.window = 0;
    feed(&s, &e);
    wait_ns(&s, 2 * SECOND);
    assert_null(found(FINDING_zero_window));
    send(&s, S, "A", 1, 101, 0);
    assert_string_equal(said(FINDING_zero_window), "192.0.2.2 did not read: its window was zero 1 time, for 2.001 s "
                                                   "altogether, up to 2.001 s at once.");
    assert_int_equal(shows(FINDING_zero_window)->segment.segment.window, 0);
    send(&s, C, "PA", 101, 1, 100);
    feed(&s, (e.segment.ack += 100, &e));
    wait_ns(&s, SECOND);
    send(&s, C, "A", 200, 1, 0); /* somebody asks, and it stays shut */
    script_finish(&s);
    assert_int_equal(found(FINDING_zero_window)->finding.count, 2);
}

/* Each piece of a message waits for the delayed ACK of the one before. */
static void small_writes(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, C, "PA", 1, 1, 10);
    for (unsigned i = 1; i <= 3; i++) {
        wait_ns(&s, 40 * MS);
        send(&s, S, "A", 1, 1 + 10 * i, 0);
        send(&s, C, "PA", 1 + 10 * i, 1, 10);
    }
    script_finish(&s);
    assert_string_equal(said(FINDING_small_writes),
                        "192.0.2.1 held small segments back until a delayed ACK came, 3 times: "
                        "0.123 s altogether, up to 0.041 s at once (Nagle's algorithm).");
}

/* The server thinks for as long, and answers. */
static void slow_answers_are_none(void **state)
{
    (void)state;
    send_handshake(&s);
    for (unsigned i = 0; i < 5; i++) {
        send(&s, C, "PA", 1 + 10 * i, 1 + 10 * i, 10);
        wait_ns(&s, 40 * MS);
        send(&s, S, "PA", 1 + 10 * i, 11 + 10 * i, 10);
    }
    script_finish(&s);
    assert_null(found(FINDING_small_writes));
}

static void loses_a_large_one(unsigned times)
{
    send_handshake(&s);
    send(&s, C, "PA", 1, 1, 100);
    send(&s, S, "A", 1, 101, 0);
    for (unsigned i = 0; i < times; i++) {
        send(&s, S, "A", 1, 101, 1448);
        wait_ns(&s, SECOND);
    }
}

/* What follows it is shorter, and is acknowledged by selection. */
static void tell_of_block(uint32_t from, uint32_t to)
{
    struct event e = segment_event(&s, C, "A", 101, 1, 0);

    e.segment.sack_count = 1;
    e.segment.sack[0][0] = s.isn[S] + from;
    e.segment.sack[0][1] = s.isn[S] + to;
    feed(&s, &e);
}

static void only_large_segments_are_lost(void **state)
{
    (void)state;
    loses_a_large_one(4);
    assert_null(found(FINDING_mtu));
    send(&s, S, "PA", 1449, 101, 200);
    tell_of_block(1449, 1649);
    assert_int_equal(found(FINDING_mtu)->finding.count, 1);
    tell_of_block(1449, 1649);
    script_finish(&s);
    assert_int_equal(found(FINDING_mtu)->finding.count, 1);
    assert_int_equal(figure(FINDING_mtu, "size"), 1448);
    assert_string_equal(advised(FINDING_mtu, 1),
                        "set net.ipv4.tcp_mtu_probing to 1 (0 here): TCP then tries smaller segments by itself");
    assert_null(found(FINDING_retransmissions)); /* they follow from it */
    assert_null(found(FINDING_rto));
}

/* The probe of the path takes it in pieces. */
static void a_piece_of_it_arrives(void **state)
{
    (void)state;
    loses_a_large_one(4);
    send(&s, S, "A", 1, 101, 500);
    send(&s, C, "A", 101, 501, 0);
    script_finish(&s);
    assert_int_equal(found(FINDING_mtu)->finding.count, 1);
}

static void another_large_one_arrives(void **state)
{
    (void)state;
    loses_a_large_one(4);
    send(&s, S, "A", 1449, 101, 1448);
    tell_of_block(1449, 2897);
    script_finish(&s);
    assert_null(found(FINDING_mtu));
}

/* Nothing arrives any more, be it large or small: that is what is told, and not what follows from it. */
static void the_peer_is_silent(void **state)
{
    (void)state;
    loses_a_large_one(5);
    script_finish(&s);
    assert_null(found(FINDING_mtu));
    assert_null(found(FINDING_retransmissions));
    assert_null(found(FINDING_rto));
    assert_string_equal(said(FINDING_half_open), "192.0.2.1 fell silent on 1 connection, for 5.007 s when last seen: "
                                                 "1448 bytes, sent again and again, were never acknowledged.");
    assert_int_equal(found(FINDING_half_open)->finding.severity, SEVERITY_ERROR);
    assert_int_equal(shows(FINDING_half_open)->kind, CHANGE_SEGMENT);
    assert_int_equal(shows(FINDING_half_open)->segment.segment.payload_len, 1448);
    assert_int_equal(found(FINDING_half_open)->finding.last_ns, shows(FINDING_half_open)->ts_ns);
}

/* It was, and came back: then its timers are what there is to tell. */
static void the_peer_was_silent(void **state)
{
    (void)state;
    loses_a_large_one(5);
    assert_null(found(FINDING_rto));
    send(&s, C, "A", 101, 1449, 0);
    assert_int_equal(found(FINDING_rto)->finding.count, 4);
    assert_int_equal(shows(FINDING_rto)->segment.seq, 1);
    script_finish(&s);
    assert_null(found(FINDING_half_open));
    assert_non_null(found(FINDING_retransmissions));
}

enum { NOTHING_COMES, PROBES_COME, EVENTS_ARE_LOST, WAYS };

/* A timer that fires sends something, which is not among the packets. The connection counts once. */
static void writes_that_never_left(void **state)
{
    (void)state;
    for (unsigned how = 0; how < WAYS; how++) {
        script_free(&s);
        script_configure(&s, (struct conn_config){ .all_packets = true });
        s.netns = NETNS;
        open_both();
        send(&s, C, "PA", 1, 1, 100);
        send(&s, S, "A", 1, 101, 0);
        if (how == EVENTS_ARE_LOST)
            feed(&s, &(struct event){ .kind = EVENT_GAP, .source = WITNESS_WIRE, .gap.lost = 1 });
        for (unsigned i = 1; i <= 4; i++) {
            struct event e = kernel_event(&s, EVENT_PERSIST, C, CLIENT);

            e.retransmit.count = i;
            wait_ns(&s, SECOND);
            feed(&s, &e);
            assert_true(i > 1 || !found(FINDING_local_drop));
            if (how == PROBES_COME)
                send(&s, C, "A", 100, 1, 0);
        }
        assert_int_equal(!found(FINDING_local_drop), how != NOTHING_COMES);
        if (found(FINDING_local_drop))
            assert_int_equal(found(FINDING_local_drop)->finding.owner.pid, CLIENT_PID);
        script_finish(&s);
        assert_true(how != NOTHING_COMES || found(FINDING_local_drop)->finding.count == 1);
    }
}

static void a_large_one_had_arrived(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, S, "A", 1, 1, 1448);
    send(&s, C, "A", 1, 1449, 0);
    for (unsigned i = 0; i < 4; i++) {
        send(&s, S, "A", 1449, 1, 1448);
        wait_ns(&s, SECOND);
    }
    script_finish(&s);
    assert_null(found(FINDING_mtu));
}

/* By packets alone: 1 s and 2 s of standing still, not 1 s and 3 s. */
static void a_timer_fires_unseen(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, C, "PA", 1, 1, 10);
    wait_ns(&s, SECOND - MS);
    send(&s, C, "PA", 1, 1, 10);
    wait_ns(&s, 2 * SECOND - MS);
    send(&s, C, "PA", 1, 1, 10);
    script_finish(&s);
    assert_string_equal(said(FINDING_rto), "What was sent to 192.0.2.2 waited for its retransmission timer 2 times: "
                                           "3.000 s of standing still, up to 2.000 s at once.");
}

/* The share of all data, not told before there is enough to be one. */
static void share_of_retransmissions(void **state)
{
    unsigned seq = 1;

    (void)state;
    send_handshake(&s);
    for (unsigned i = 0; i < 100; i++, seq += 10)
        send(&s, C, "PA", seq, 1, 10);
    for (unsigned i = 0; i < 3; i++) {
        wait_ns(&s, 300 * MS);
        send(&s, C, "PA", seq - 10, 1, 10);
    }
    assert_null(found(FINDING_retransmissions));
    script_finish(&s);
    assert_string_equal(said(FINDING_retransmissions),
                        "3 of 103 data segments were sent again (2.9 %), 0 of them by fast retransmission.");
}

/* The same where only problems are written. */
static void share_among_all_segments(void **state)
{
    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .wire_only = true, .segments = CONN_SEGMENTS_CONTROL });
    share_of_retransmissions(state);
}

/* A mirrored port shows each segment twice. */
static void copies_are_not_sent_again(void **state)
{
    unsigned seq = 1;

    (void)state;
    send_handshake(&s);
    s.step_ns = 1000;
    for (unsigned i = 0; i < 100; i++, seq += 10) {
        send(&s, C, "PA", seq, 1, 10);
        send(&s, C, "PA", seq, 1, 10);
    }
    script_finish(&s);
    assert_null(found(FINDING_retransmissions));
    assert_null(found(FINDING_rto));
}

static void few_retransmissions(void **state)
{
    unsigned seq = 1;

    (void)state;
    send_handshake(&s);
    for (unsigned i = 0; i < 400; i++, seq += 10)
        send(&s, C, "PA", seq, 1, 10);
    for (unsigned i = 0; i < 3; i++) {
        wait_ns(&s, 300 * MS);
        send(&s, C, "PA", seq - 10, 1, 10);
    }
    script_finish(&s);
    assert_null(found(FINDING_retransmissions));
}

static void send_damaged(enum end from, const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct event e = segment_event(&s, from, flags, seq, ack, len);

    e.segment.bad_checksum = true;
    feed(&s, &e);
}

static void all_checksums_are_bad(void **state)
{
    (void)state;
    send_damaged(C, "S", 0, 0, 0);
    send(&s, S, "SA", 0, 1, 0);
    send_damaged(C, "A", 1, 1, 0);
    assert_null(found(FINDING_bad_checksums));
    send_damaged(C, "PA", 1, 1, 10);
    script_finish(&s);
    assert_string_equal(
        said(FINDING_bad_checksums),
        "All that 192.0.2.1 sent on a connection has a wrong checksum, 3 segments in all: it was captured "
        "before a network card filled them in, or changed afterwards. Read as if they were right.");
}

/* Too few to tell of while more may come; none was right in the end, or one was, in another connection. */
static void a_few_checksums_are_all(void **state)
{
    (void)state;
    for (unsigned right = 0; right < 2; right++) {
        script_free(&s);
        script_start(&s);
        send_damaged(C, "S", 0, 0, 0);
        send(&s, S, "SA", 0, 1, 0);
        send_damaged(C, "A", 1, 1, 0);
        if (right) {
            s.at[C].port++;
            send(&s, C, "S", 0, 0, 0);
        }
        assert_null(found(FINDING_bad_checksums));
        script_finish(&s);
        if (right)
            assert_null(found(FINDING_bad_checksums));
        else
            assert_non_null(
                strstr(said(FINDING_bad_checksums), "192.0.2.1 sent on a connection has a wrong checksum, 2 "));
    }
}

static void some_checksums_are_bad(void **state)
{
    (void)state;
    send_handshake(&s);
    for (unsigned i = 0; i < 5; i++)
        send_damaged(C, "PA", 1, 1, 10);
    script_finish(&s);
    assert_null(found(FINDING_bad_checksums));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CAPTURE_TEST(window_is_shut),        CAPTURE_TEST(small_writes),
        CAPTURE_TEST(slow_answers_are_none), TEST(only_large_segments_are_lost),
        CAPTURE_TEST(a_piece_of_it_arrives), CAPTURE_TEST(another_large_one_arrives),
        CAPTURE_TEST(the_peer_is_silent),    CAPTURE_TEST(the_peer_was_silent),
        TEST(writes_that_never_left),        TEST(a_large_one_had_arrived),
        CAPTURE_TEST(a_timer_fires_unseen),  TEST(share_of_retransmissions),
        TEST(share_among_all_segments),      TEST(copies_are_not_sent_again),
        TEST(few_retransmissions),           TEST(all_checksums_are_bad),
        TEST(a_few_checksums_are_all),       TEST(some_checksums_are_bad),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
