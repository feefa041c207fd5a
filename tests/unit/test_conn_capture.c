/* What a capture leaves open and what it adds: missed packets, late ones, the same ones twice; what analysis says of
 * segments; which of them are written; what the outcome sums up. */
#include "conn_script.h"

static void outcome_of_a_normal_connection(void **state)
{
    const struct change *o;

    (void)state;
    send_handshake(&s);             /* at 0, 1, 2 ms */
    send(&s, C, "PA", 1, 1, 10);    /* 3 */
    send(&s, S, "PA", 1, 11, 2000); /* 4 */
    send(&s, C, "A", 11, 2001, 0);  /* 5 */
    send(&s, C, "FA", 11, 2001, 0); /* 6 */
    send(&s, S, "FA", 2001, 12, 0); /* 7 */
    send(&s, C, "A", 12, 2002, 0);  /* 8 */
    wait_ns(&s, 10 * MS);
    script_finish(&s); /* 19 */
    o = outcome_of(&s, 1);
    assert_string_equal(o->outcome.conn_state, "SF");
    assert_string_equal(o->outcome.history, "ShADdFf");
    assert_int_equal(o->outcome.verdict, VERDICT_CLOSED_NORMALLY);
    assert_int_equal(o->outcome.closed_by, C);
    assert_int_equal(o->outcome.reset_by, END_UNKNOWN);
    assert_true(o->outcome.has_wire);
    assert_int_equal(o->outcome.bytes[C], 10);
    assert_int_equal(o->outcome.bytes[S], 2000);
    assert_int_equal(o->outcome.segments[C], 6);
    assert_int_equal(o->outcome.segments[S], 3);
    assert_int_equal(o->outcome.final[C], TCP_STATE_TIME_WAIT);
    assert_int_equal(o->outcome.final[S], TCP_STATE_CLOSED);
    assert_int_equal(o->outcome.duration_ns, 8 * MS);
    assert_int_equal(o->outcome.state_ns[C][TCP_STATE_SYN_SENT], 1 * MS);
    assert_int_equal(o->outcome.state_ns[C][TCP_STATE_ESTABLISHED], 5 * MS);
    assert_int_equal(o->outcome.state_ns[C][TCP_STATE_FIN_WAIT_1], 1 * MS);
    assert_int_equal(o->outcome.state_ns[C][TCP_STATE_TIME_WAIT], o->ts_ns - (START_NS + 7 * MS));
    assert_int_equal(o->ts_ns, START_NS + 19 * MS);
    assert_int_equal(o->outcome.state_ns[S][TCP_STATE_SYN_RECEIVED], 1 * MS);
    assert_int_equal(o->outcome.state_ns[S][TCP_STATE_ESTABLISHED], 4 * MS);
    assert_int_equal(o->outcome.state_ns[S][TCP_STATE_CLOSE_WAIT], 1 * MS);
    assert_int_equal(o->outcome.state_ns[S][TCP_STATE_LAST_ACK], 1 * MS);
    for (unsigned end = 0; end < END_N; end++) {
        assert_int_equal(o->outcome.state_ns[end][TCP_STATE_CLOSED], 0);
        assert_int_equal(o->outcome.state_ns[end][TCP_STATE_UNKNOWN], 0);
    }
}

/* Between two high ports who is seen first asks. */
static void midstream_without_a_well_known_port(void **state)
{
    (void)state;
    s.at[S].port = 7007;
    send(&s, S, "A", 1, 1, 0);
    assert_true(endpoint_equal(&find(&s, CHANGE_CONNECTION, 1, 0)->connection.client, &s.at[S]));
    script_finish(&s);
}

/* More holes than are kept: what is forgotten only delays the FIN until it is sent again or acknowledged. */
static void many_holes(void **state)
{
    (void)state;
    send_handshake(&s);
    for (uint32_t i = 20; i > 0; i--)
        send(&s, C, i == 20 ? "FPA" : "PA", 1 + i * 10, 1, 5);
    for (uint32_t i = 0; i < 20; i++)
        send(&s, C, "PA", 1 + i * 10, 1, 10);
    send(&s, S, "A", 1, 207, 0);
    assert_string_equal(wire(S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT");
    script_finish(&s);
}

static void sequence_wrap(void **state)
{
    const uint32_t chunk = 1u << 30;
    uint64_t sent = 1;

    (void)state;
    s.isn[C] = 0xfffffff0;
    s.isn[S] = 0xffffffff;
    send_handshake(&s);
    for (unsigned i = 0; i < 9; i++) { /* twice round the sequence space */
        send(&s, C, "PA", (uint32_t)sent, 1, chunk);
        assert_int_equal(segment(3 + 2 * i)->segment.seq, sent);
        sent += chunk;
        send(&s, S, "A", 1, (uint32_t)sent, 0);
        assert_int_equal(segment(4 + 2 * i)->segment.ack, sent);
    }
    send(&s, C, "FA", (uint32_t)sent, 1, 0);
    send(&s, S, "FA", 1, (uint32_t)sent + 1, 0);
    send(&s, C, "A", (uint32_t)sent + 1, 2, 0);
    script_finish(&s);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
    assert_string_equal(wire(S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
    assert_int_equal(outcome_of(&s, 1)->outcome.bytes[C], 9ull * chunk);
    for (unsigned i = 0; i < 18; i++)
        assert_int_equal(segment(3 + i)->segment.notes, 0);
}

static void zero_window_and_bad_checksum(void **state)
{
    struct event e;

    (void)state;
    send_handshake(&s);
    e = segment_event(&s, S, "A", 1, 1, 0);
    e.segment.window = 0;
    feed(&s, &e);
    assert_int_equal(segment(3)->segment.notes, NOTE_ZERO_WINDOW);
    e = segment_event(&s, S, "PA", 1, 1, 5);
    e.segment.bad_checksum = true;
    feed(&s, &e);
    assert_int_equal(segment(4)->segment.notes, NOTE_BAD_CHECKSUM);
    script_finish(&s);
}

static void duplicate_ack(void **state)
{
    struct event e;

    (void)state;
    send_handshake(&s);
    send(&s, S, "PA", 101, 1, 100); /* the one before it is missing */
    e = segment_event(&s, C, "A", 1, 1, 0);
    e.segment.options = SEGMENT_OPT_SACK;
    e.segment.sack_count = 1;
    e.segment.sack[0][0] = s.isn[S] + 101;
    e.segment.sack[0][1] = s.isn[S] + 201;
    feed(&s, &e);
    assert_int_equal(segment(4)->segment.notes, NOTE_DUPLICATE_ACK);
    assert_int_equal(segment(4)->segment.sack[0][0], 101);
    assert_int_equal(segment(4)->segment.sack[0][1], 201);
    script_finish(&s);
}

/* RFC 7323 2.2: scaled where both SYNs said how, never on a SYN, by 14 at the most. */
static void window_scale(void **state)
{
    struct event e;

    (void)state;
    for (unsigned both = 0; both < 2; both++) {
        again();
        e = segment_event(&s, C, "S", 0, 0, 0);
        e.segment.options = SEGMENT_OPT_WSCALE;
        e.segment.wscale = 7;
        feed(&s, &e);
        e = segment_event(&s, S, "SA", 0, 1, 0);
        e.segment.options = both ? SEGMENT_OPT_WSCALE : 0;
        e.segment.wscale = 200;
        feed(&s, &e);
        send(&s, C, "A", 1, 1, 0);
        send(&s, S, "A", 1, 1, 0);
        assert_int_equal(segment(0)->segment.window, 1000);
        assert_int_equal(segment(1)->segment.window, 1000);
        assert_int_equal(segment(2)->segment.window, both ? 1000 << 7 : 1000);
        assert_int_equal(segment(3)->segment.window, both ? 1000 << 14 : 1000);
        script_finish(&s);
    }
}

static void lone_reset_makes_no_connection(void **state)
{
    (void)state;
    send(&s, S, "R", 5, 0, 0);
    send(&s, C, "RA", 5, 9, 0);
    assert_int_equal(s.count, 0);
    script_finish(&s);
    assert_int_equal(s.count, 0);
}

/* Several that end meanwhile are told of in order of time (which script's own checks see to). */
static void ends_are_told_in_order(void **state)
{
    (void)state;
    for (uint16_t port = 1; port <= 5; port++) {
        s.at[C].port = port;
        send_open_and_close(&s);
        wait_ns(&s, 3500 * MS);
        s.at[C].port = 100 + port; /* refused: gone sooner than the others */
        send(&s, C, "S", 0, 0, 0);
        send(&s, S, "RA", 0, 1, 0);
        wait_ns(&s, 500 * MS);
    }
    assert_int_equal(count_of(&s, CHANGE_OUTCOME), 3); /* each five seconds after */
    wait_ns(&s, 300 * SECOND);
    s.at[C].port = 1000;
    send_open_and_close(&s);
    wait_ns(&s, 59 * SECOND); /* this one was closed later, and its lingering ends later */
    s.at[C].port = 1001;
    send(&s, C, "S", 0, 0, 0);
    send(&s, S, "RA", 0, 1, 0);
    wait_ns(&s, 300 * SECOND);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_OUTCOME), 12);
    for (size_t i = 0; i < s.count; i++)
        assert_false(s.changes[i].late);
}

/* Stragglers of a connection that has just been closed make no new one. */
static void stragglers(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, S, "RA", 1, 1, 0);
    wait_ns(&s, 900 * MS);
    send(&s, C, "PA", 1, 1, 10);
    send(&s, S, "R", 1, 0, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
}

/* A capture file can be out of order by itself. */
static void late_segment_is_marked(void **state)
{
    (void)state;
    send_handshake(&s);
    s.now_ns -= 2 * MS + MS / 2;
    send(&s, C, "PA", 1, 1, 10);
    assert_true(segment(3)->late);
    s.now_ns += 5 * MS;
    send(&s, S, "A", 1, 11, 0);
    assert_false(segment(4)->late);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.bytes[C], 10);
}

static void ipv4_mapped_is_ipv4(void **state)
{
    struct endpoint plain = s.at[C], mapped = endpoint("::ffff:192.0.2.1", plain.port);

    (void)state;
    send(&s, C, "S", 0, 0, 0);
    s.at[C] = mapped;
    send(&s, S, "SA", 0, 1, 0);
    s.at[C] = plain;
    send(&s, C, "A", 1, 1, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
    assert_string_equal(wire(S), "LISTEN SYN-RECEIVED ESTABLISHED");
}

static void ipv6(void **state)
{
    (void)state;
    s.at[C] = endpoint("2001:db8::1", 40000);
    s.at[S] = endpoint("2001:db8::2", 80);
    send_open_and_close(&s);
    script_finish(&s);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
}

/* The same endpoints in two namespaces are two connections. */
static void namespaces_are_apart(void **state)
{
    (void)state;
    s.netns = 1;
    send(&s, C, "S", 0, 0, 0);
    s.netns = 2;
    send(&s, C, "S", 0, 0, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 2);
    assert_int_equal(find(&s, CHANGE_CONNECTION, 2, 0)->connection.netns, 2);
}

/* Causes are segments that are in the trace; an older one does not stand in for one that is not. */
static void segments_control(void **state)
{
    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .segments = CONN_SEGMENTS_CONTROL });
    send_handshake(&s);
    send(&s, C, "PA", 1, 1, 10);
    send(&s, C, "PA", 1, 1, 10);
    send(&s, S, "A", 1, 11, 0);
    send(&s, C, "FA", 11, 1, 0);
    send(&s, S, "A", 1, 12, 0);
    script_finish(&s);
    assert_string_equal(
        lines(&s, 1),
        "connection 1 40000 > 80\n"
        "  1 client SYN seq 0 len 0 win 1000 []\n"
        "    1 client CLOSED > SYN-SENT inferred\n"
        "  1 server SYN,ACK seq 0 ack 1 len 0 win 1000 [] rtt_ns=1000000\n"
        "    1 server LISTEN > SYN-RECEIVED inferred\n"
        "    1 client SYN-SENT > ESTABLISHED inferred\n"
        "    1 server SYN-RECEIVED > ESTABLISHED inferred\n"
        "  1 client PSH,ACK seq 1 ack 1 len 10 win 1000 [retransmission]\n"
        "  1 client FIN,ACK seq 11 ack 1 len 0 win 1000 []\n"
        "    1 client ESTABLISHED > FIN-WAIT-1 inferred\n"
        "    1 server ESTABLISHED > CLOSE-WAIT inferred\n"
        "    1 client FIN-WAIT-1 > FIN-WAIT-2 inferred\n"
        "outcome 1 {\"conn_state\": \"S2\", \"history\": \"ShADTaF\", \"verdict\": \"half-closed\", "
        "\"final\": {\"client\": \"FIN-WAIT-2\", \"server\": \"CLOSE-WAIT\"}, \"bytes\": {\"client\": 10, "
        "\"server\": 0}, \"segments\": {\"client\": 5, \"server\": 3}, \"rtt_ns\": 2000000, "
        "\"closed_by\": \"client\"}\n");
    assert_int_equal(outcome_of(&s, 1)->outcome.segments[C], 5);
    assert_int_equal(outcome_of(&s, 1)->outcome.bytes[C], 10);
}

static void segments_none(void **state)
{
    const struct change *c;

    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .segments = CONN_SEGMENTS_NONE });
    send_open_and_close(&s);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_SEGMENT), 0);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
    for (unsigned i = 0; (c = find(&s, CHANGE_STATE, 1, i)); i++)
        assert_int_equal(c->because, 0);
    assert_int_equal(outcome_of(&s, 1)->outcome.segments[C], 4);
    assert_string_equal(outcome_of(&s, 1)->outcome.conn_state, "SF");
}

/* A bridge shows a segment on each of its ports. */
static void same_segment_on_two_interfaces(void **state)
{
    static const struct {
        enum end from;
        const char *flags;
        uint32_t seq, ack, len;
    } segments[] = {
        { C, "S", 0, 0, 0 },   { S, "SA", 0, 1, 0 },  { C, "A", 1, 1, 0 },  { C, "PA", 1, 1, 10 },
        { C, "FA", 11, 1, 0 }, { S, "FA", 1, 12, 0 }, { C, "A", 12, 2, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(segments) / sizeof(*segments); i++)
        for (uint32_t hop = 0; hop < 3; hop++) {
            struct event e = segment_event(&s, segments[i].from, segments[i].flags, segments[i].seq, segments[i].ack,
                                           segments[i].len);

            /* the two directions come by the interfaces in opposite order */
            e.segment.ifindex = segments[i].from == C ? 3 + hop : 5 - hop;
            feed(&s, &e);
        }
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
    assert_int_equal(count_of(&s, CHANGE_SEGMENT), sizeof(segments) / sizeof(*segments));
    for (unsigned i = 0; i < sizeof(segments) / sizeof(*segments); i++)
        assert_int_equal(segment(i)->segment.notes, 0);
    assert_int_equal(outcome_of(&s, 1)->outcome.segments[C], 5);
    assert_int_equal(outcome_of(&s, 1)->outcome.bytes[C], 10);
    assert_string_equal(wire(S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
}

static void send_by(uint32_t ifindex, const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct event e = segment_event(&s, C, flags, seq, ack, len);

    e.segment.ifindex = ifindex;
    feed(&s, &e);
}

/* What comes by another interface and was not just seen by the first has taken another route. */
static void the_route_changes(void **state)
{
    (void)state;
    send_by(3, "S", 0, 0, 0);
    send(&s, S, "SA", 0, 1, 0);
    send_by(3, "A", 1, 1, 0);
    send_by(3, "PA", 1, 1, 10);
    send_by(4, "PA", 11, 1, 10);
    send_by(4, "PA", 21, 1, 10);
    wait_ns(&s, 300 * MS);
    send_by(5, "PA", 21, 1, 10); /* sent again, by a third one */
    send_by(5, "FA", 31, 1, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.segments[C], 7);
    assert_int_equal(outcome_of(&s, 1)->outcome.bytes[C], 30);
    assert_int_equal(segment(6)->segment.notes, NOTE_RETRANSMISSION);
    assert_string_equal(wire(C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1");
}

static void which_ends_are_local(void **state)
{
    const struct addr here = s.at[C].addr;

    (void)state;
    conn_engine_set_local(s.table, &here, 1);
    send(&s, C, "S", 0, 0, 0);
    assert_true(find(&s, CHANGE_CONNECTION, 1, 0)->connection.local[C]);
    assert_false(find(&s, CHANGE_CONNECTION, 1, 0)->connection.local[S]);
    s.at[S] = endpoint("127.0.0.1", 80); /* always of this host */
    send(&s, C, "S", 0, 0, 0);
    assert_true(find(&s, CHANGE_CONNECTION, 2, 0)->connection.local[S]);
    script_finish(&s);
}

/* In a capture file no address is known to be of this host, not even loopback. */
static void no_end_is_local_in_a_file(void **state)
{
    (void)state;
    s.at[C] = endpoint("127.0.0.1", 40000);
    s.at[S] = endpoint("127.0.0.1", 80);
    send(&s, C, "S", 0, 0, 0);
    assert_false(find(&s, CHANGE_CONNECTION, 1, 0)->connection.local[C]);
    assert_false(find(&s, CHANGE_CONNECTION, 1, 0)->connection.local[S]);
    script_finish(&s);
}

/* Any sequence of segments whatever keeps what the script checks of every trace. */
static void random_segments(void **state)
{
    static const char *const flags[] = { "S", "SA", "A", "PA", "FA", "F", "R", "RA", "SF", "SR", "FPA", "SFRPA", "" };
    uint64_t seed = 99;

    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .conn_max = 5 });
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t r;

        seed = seed * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's MMIX */
        r = (uint32_t)(seed >> 33);
        s.at[C].port = (uint16_t)(40000 + r % 7);
        s.isn[C] = r & 1 << 20 ? 0xfffffffe : 1000;
        if (r % 97 == 0)
            wait_ns(&s, r % (100 * SECOND));
        if (r % 31 == 0)
            s.now_ns -= 20 * MS;
        send(&s, r >> 8 & 1, flags[(r >> 9) % (sizeof(flags) / sizeof(*flags))], (r >> 13) % 4, (r >> 15) % 4,
             (r >> 17) % 3);
    }
    s.now_ns += SECOND;
    script_finish(&s);
    assert_true(count_of(&s, CHANGE_STATE) > 1000);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), count_of(&s, CHANGE_OUTCOME));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(outcome_of_a_normal_connection),
        TEST(midstream_without_a_well_known_port),
        TEST(many_holes),
        TEST(sequence_wrap),
        TEST(zero_window_and_bad_checksum),
        TEST(duplicate_ack),
        TEST(window_scale),
        TEST(lone_reset_makes_no_connection),
        TEST(ends_are_told_in_order),
        TEST(stragglers),
        TEST(late_segment_is_marked),
        TEST(ipv4_mapped_is_ipv4),
        TEST(ipv6),
        TEST(namespaces_are_apart),
        TEST(segments_control),
        TEST(segments_none),
        TEST(same_segment_on_two_interfaces),
        TEST(the_route_changes),
        TEST(which_ends_are_local),
        TEST(no_end_is_local_in_a_file),
        TEST(random_segments),
    };

    return cmocka_run_group_tests_name("conn_capture", tests, NULL, NULL);
}
