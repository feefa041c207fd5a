/* Two witnesses of one end: what they say in the end is the same, or the difference is told, with its reason where both
 * accounts show one. */
#include "conn_story.h"

/* All that was told of differences, a line each. */
static const char *told(void)
{
    return lines_of(&s, 1, CHANGE_DISAGREEMENT);
}

static const char *told_at_the_end(void)
{
    script_finish(&s);
    return told();
}

/* Both witnesses see a connection open. */
static void open_seen_by_both(void)
{
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    send(&s, C, "A", 1, 1, 0);
    child_is_made();
    child_is_accepted();
}

/* The client closes, and the server's kernel acknowledges. */
static void client_closes_seen_by_both(void)
{
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "FA", 1, 1, 0);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    send(&s, S, "A", 1, 2, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, FIN_WAIT_2, 60 * SECOND);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
}

static void server_closes_seen_by_both(void)
{
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    send(&s, S, "FA", 1, 2, 0);
    timewait(&s, EVENT_TIMEWAIT_CHANGE, C, CLIENT, TIME_WAIT, 60 * SECOND);
    send(&s, C, "A", 2, 2, 0);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
}

/* However long each step takes to reach the kernel, and though its TIME-WAIT ends where no packet can tell. */
static void normal_connections_agree(void **state)
{
    (void)state;
    listen_with(16);
    for (unsigned i = 0; i < 200; i++) {
        s.at[END_CLIENT].port = (uint16_t)(20000 + i);
        s.step_ns = (i % 10) * 90 * MS;
        open_seen_by_both();
        client_closes_seen_by_both();
        server_closes_seen_by_both();
        wait_ns(&s, 60 * SECOND);
        timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    }
    assert_string_equal(told_at_the_end(), "");
    for (unsigned i = 1; i <= 200; i++)
        assert_int_equal(outcome_of(&s, i)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
}

static void fin_wait_2_times_out(void **state)
{
    const struct change *c;

    (void)state;
    open_seen_by_both();
    client_closes_seen_by_both();
    wait_ns(&s, 60 * SECOND);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, FIN_WAIT_2, 0);
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 client kernel CLOSED wire FIN-WAIT-2 fin-wait-2-timeout <- 31\n");
    c = find(&s, CHANGE_DISAGREEMENT, 1, 0);
    c = &s.changes[c->because - 1]; /* the step by which they parted */
    assert_int_equal(c->kind, CHANGE_STATE);
    assert_int_equal(c->state.source, WITNESS_KERNEL);
    assert_int_equal(c->state.to, CLOSED);
}

/* Told a second after the last event, once, and again when one of the two has moved. */
static void a_difference_settles(void **state)
{
    const struct change *c;
    uint64_t parted_ns;

    (void)state;
    open_seen_by_both();
    parted_ns = s.now_ns;
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    wait_ns(&s, 900 * MS);
    listener(&s, 77, CLOSED, LISTEN, 5, SERVER_PID);
    assert_string_equal(told(), "");
    wait_ns(&s, 5 * SECOND);
    listener(&s, 78, CLOSED, LISTEN, 5, SERVER_PID); /* any event: time is in the events */
    assert_string_equal(told(), "disagreement 1 client kernel FIN-WAIT-1 wire ESTABLISHED fin-unsent <- 20\n");
    c = find(&s, CHANGE_DISAGREEMENT, 1, 0);
    assert_int_equal(c->ts_ns, parted_ns + SECOND);
    assert_false(c->late);
    wait_ns(&s, 5 * SECOND);
    send(&s, S, "PA", 1, 1, 100);
    wait_ns(&s, 5 * SECOND);
    listener(&s, 79, CLOSED, LISTEN, 5, SERVER_PID);
    assert_int_equal(count_of(&s, CHANGE_DISAGREEMENT), 1);
    send(&s, C, "FA", 1, 101, 0); /* there it is */
    sock(&s, C, CLIENT, FIN_WAIT_1, CLOSED, 0);
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 client kernel FIN-WAIT-1 wire ESTABLISHED fin-unsent <- 20\n"
                        "disagreement 1 client kernel CLOSED wire FIN-WAIT-1 <- 29\n"
                        "disagreement 1 server kernel ESTABLISHED wire CLOSE-WAIT segment-lost <- 28\n");
}

/* A RST with the right numbers that its supposed sender did not send: it goes on. */
static void a_forged_reset_ends_nothing(void **state)
{
    (void)state;
    open_seen_by_both();
    send(&s, C, "R", 1, 0, 0);
    wait_ns(&s, 2 * SECOND);
    send(&s, C, "PA", 1, 1, 5);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_STILL_OPEN);
    assert_int_equal(outcome_of(&s, 1)->outcome.reset_by, END_UNKNOWN);
}

static void the_accept_queue_is_full(void **state)
{
    struct event e;

    (void)state;
    listen_with(0);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    send(&s, C, "A", 1, 1, 0);
    e = queue_event(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 1, .accept = 1, .drops = 1 });
    feed(&s, &e);
    wait_ns(&s, 2 * SECOND);
    queue(&s, EVENT_REQUEST_RETRY, (struct depth){ LISTENER, .syn = 1, .accept = 1, .drops = 1 });
    assert_string_equal(told(), "disagreement 1 server kernel SYN-RECEIVED wire ESTABLISHED queue-full <- 12\n");
    wait_ns(&s, 60 * SECOND);
    queue(&s, EVENT_REQUEST_EXPIRED, (struct depth){ LISTENER, .accept = 1, .drops = 1 });
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 server kernel SYN-RECEIVED wire ESTABLISHED queue-full <- 12\n"
                        "disagreement 1 server kernel CLOSED wire ESTABLISHED queue-full <- 19\n");
}

/* TCP_DEFER_ACCEPT: the ACK without data is dropped beside empty queues. */
static void the_ack_is_dropped_with_room_in_the_queues(void **state)
{
    struct event e;

    (void)state;
    listen_with(16);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    send(&s, C, "A", 1, 1, 0);
    e = queue_event(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 1, .backlog = 16, .drops = 1 });
    feed(&s, &e);
    assert_string_equal(told_at_the_end(), "disagreement 1 server kernel SYN-RECEIVED wire ESTABLISHED <- 11\n");
}

static void a_request_expires(void **state)
{
    (void)state;
    listen_with(16);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    wait_ns(&s, 60 * SECOND);
    queue(&s, EVENT_REQUEST_EXPIRED, (struct depth){ LISTENER, .backlog = 16 });
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 server kernel CLOSED wire SYN-RECEIVED request-expired <- 11\n");
}

static void connect_gives_up(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send(&s, C, "S", 0, 0, 0);
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, CLIENT_PID);
    assert_string_equal(told_at_the_end(), "disagreement 1 client kernel CLOSED wire SYN-SENT connect-given-up <- 5\n");
}

static void retransmits(enum end end)
{
    struct event e = kernel_event(&s, EVENT_RETRANSMIT, end, end == C ? CLIENT : CHILD);

    e.retransmit.state = ESTABLISHED;
    e.retransmit.count = 1;
    feed(&s, &e);
}

static void retries_are_used_up(void **state)
{
    (void)state;
    open_seen_by_both();
    send(&s, C, "PA", 1, 1, 100);
    retransmits(C);
    send(&s, C, "PA", 1, 1, 100);
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, 0);
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 client kernel CLOSED wire ESTABLISHED retries-used-up <- 23\n");
}

/* The client's kernel gives up; what the server does then, nobody hears: no FIN of either was seen. */
static void one_end_gives_up(void **state)
{
    (void)state;
    open_seen_by_both();
    retransmits(C);
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, FIN_WAIT_1, SERVER_PID);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_TIMED_OUT);
}

static void both_ends_give_up(void **state)
{
    (void)state;
    open_seen_by_both();
    retransmits(C);
    retransmits(S);
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_TIMED_OUT);
}

/* A FIN that had to be sent again, and was acknowledged: nobody gave up. */
static void a_retry_that_was_answered(void **state)
{
    (void)state;
    open_seen_by_both();
    client_closes_seen_by_both();
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    send(&s, S, "FA", 1, 2, 0);
    retransmits(S);
    timewait(&s, EVENT_TIMEWAIT_CHANGE, C, CLIENT, TIME_WAIT, 60 * SECOND);
    send(&s, C, "A", 2, 2, 0);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
}

/* An end that is gone is not open, and one FIN is not two. */
static void gone_without_a_reason(void **state)
{
    (void)state;
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    wait_ns(&s, 10 * SECOND);
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, FIN_WAIT_1, SERVER_PID);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_UNKNOWN);
    assert_int_equal(outcome_of(&s, 2)->outcome.verdict, VERDICT_UNKNOWN);
}

/* What was sent again long ago, in another state, explains nothing. */
static void an_old_retry_is_no_reason(void **state)
{
    (void)state;
    open_seen_by_both();
    retransmits(C);
    client_closes_seen_by_both();
    sock(&s, S, CHILD, CLOSE_WAIT, CLOSED, 0);
    assert_string_equal(told_at_the_end(), "disagreement 1 server kernel CLOSED wire CLOSE-WAIT <- 31\n");
}

static void a_reset_is_not_among_the_packets(void **state)
{
    (void)state;
    open_seen_by_both();
    reset(&s, C, true, "TCP_ABORT_ON_CLOSE");
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    assert_string_equal(told_at_the_end(), "disagreement 1 client kernel CLOSED wire ESTABLISHED reset-unseen <- 21\n");
}

static void a_reset_on_the_wire_agrees(void **state)
{
    (void)state;
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    reset(&s, C, true, "TCP_ABORT_ON_CLOSE");
    send(&s, C, "RA", 1, 1, 0);
    reset(&s, S, false, "");
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, 0);
    assert_string_equal(told_at_the_end(), "");
}

static void there_is_no_minisock_to_spare(void **state)
{
    (void)state;
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "FA", 1, 1, 0);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    send(&s, S, "A", 1, 2, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    send(&s, S, "FA", 1, 2, 0);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
    send(&s, C, "A", 2, 2, 0);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
    assert_string_equal(told_at_the_end(), "disagreement 1 client kernel CLOSED wire TIME-WAIT no-time-wait <- 32\n");
}

/* A filter behind the capture drops the SYN,ACK, or the FIN. */
static void a_segment_is_lost_behind_the_capture(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    assert_string_equal(told_at_the_end(), "disagreement 1 client kernel CLOSED wire ESTABLISHED segment-lost <- 11\n");
}

static void a_fin_is_lost_behind_the_capture(void **state)
{
    (void)state;
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "FA", 1, 1, 0);
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 server kernel ESTABLISHED wire CLOSE-WAIT segment-lost <- 23\n");
}

/* It acknowledged the FIN: a step of the kernel is missing. */
static void a_step_is_missing(void **state)
{
    (void)state;
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "FA", 1, 1, 0);
    send(&s, S, "A", 1, 2, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    assert_string_equal(told_at_the_end(), "disagreement 1 server kernel ESTABLISHED wire CLOSE-WAIT <- 23\n");
}

static void nothing_explains_it(void **state)
{
    (void)state;
    open_seen_by_both();
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    assert_string_equal(told_at_the_end(), "disagreement 1 server kernel CLOSED wire ESTABLISHED <- 20\n");
}

static void older_than_the_trace(void **state)
{
    struct event e = kernel_event(&s, EVENT_SNAPSHOT, C, CLIENT);

    (void)state;
    e.snapshot.state = CLOSE_WAIT;
    feed(&s, &e);
    send(&s, C, "PA", 1, 1, 100);
    assert_string_equal(told_at_the_end(),
                        "disagreement 1 client kernel CLOSE-WAIT wire ESTABLISHED before-trace <- 4\n");
}

static void not_all_was_seen(void **state)
{
    struct event e = { .kind = EVENT_GAP, .source = WITNESS_WIRE, .gap = { .lost = 3 } };

    (void)state;
    open_seen_by_both();
    feed(&s, &e);
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    assert_string_equal(told_at_the_end(), "disagreement 1 server kernel CLOSED wire ESTABLISHED events-lost <- 21\n");
}

/* Packets alone, or the kernel alone, have nobody to differ from. */
static void one_witness_does_not_differ(void **state)
{
    (void)state;
    open_both();
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    assert_string_equal(told_at_the_end(), "");
    script_free(&s);
    script_configure(&s, (struct conn_config){ .wire_only = true });
    send_handshake(&s);
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID); /* was not to come, and is left alone */
    assert_string_equal(told_at_the_end(), "");
    assert_int_equal(outcome_of(&s, 1)->outcome.final[S], ESTABLISHED);
}

/* The kernel's cause is the first segment that acknowledges the FIN, whatever came between that and its report. */
static void causes_by_sequence_number(void **state)
{
    const struct change *c;

    (void)state;
    open_seen_by_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "PFA", 1, 1, 100);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    send(&s, S, "A", 1, 51, 0); /* not yet all */
    send(&s, S, "A", 1, 102, 0);
    c = &s.changes[s.count - 2];
    assert_int_equal(c->kind, CHANGE_SEGMENT);
    send(&s, S, "PA", 1, 102, 30);
    send(&s, S, "PA", 31, 102, 30);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    assert_int_equal(s.changes[s.count - 1].because, c->n);
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    send(&s, S, "FA", 61, 102, 0);
    c = find(&s, CHANGE_SEGMENT, 1, 8);
    assert_true(c->segment.segment.flags & SEGMENT_FIN);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    assert_int_equal(find(&s, CHANGE_STATE, 1, 0)->kind, CHANGE_STATE);
    assert_int_equal(s.changes[s.count - 2].state.to, TIME_WAIT);
    assert_int_equal(s.changes[s.count - 2].because, c->n);
    send(&s, C, "A", 102, 62, 0);
    c = find(&s, CHANGE_SEGMENT, 1, 9);
    send(&s, C, "A", 102, 62, 0);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
    assert_int_equal(s.changes[s.count - 1].because, c->n);
    assert_string_equal(told_at_the_end(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(normal_connections_agree, setup, teardown),
        cmocka_unit_test_setup_teardown(fin_wait_2_times_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_difference_settles, setup, teardown),
        cmocka_unit_test_setup_teardown(the_accept_queue_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(a_forged_reset_ends_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(the_ack_is_dropped_with_room_in_the_queues, setup, teardown),
        cmocka_unit_test_setup_teardown(a_request_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(connect_gives_up, setup, teardown),
        cmocka_unit_test_setup_teardown(retries_are_used_up, setup, teardown),
        cmocka_unit_test_setup_teardown(one_end_gives_up, setup, teardown),
        cmocka_unit_test_setup_teardown(both_ends_give_up, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retry_that_was_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(gone_without_a_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_retry_is_no_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_is_not_among_the_packets, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_on_the_wire_agrees, setup, teardown),
        cmocka_unit_test_setup_teardown(there_is_no_minisock_to_spare, setup, teardown),
        cmocka_unit_test_setup_teardown(a_segment_is_lost_behind_the_capture, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fin_is_lost_behind_the_capture, setup, teardown),
        cmocka_unit_test_setup_teardown(a_step_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_explains_it, setup, teardown),
        cmocka_unit_test_setup_teardown(older_than_the_trace, setup, teardown),
        cmocka_unit_test_setup_teardown(not_all_was_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(one_witness_does_not_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(causes_by_sequence_number, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
