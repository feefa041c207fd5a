/* Findings: what shows each, what it says with the figures of the trace and the settings of the host, and when it is told.
 * Here those of listeners, of how connections begin and end, and of calls; and what is told where there are too many. */
#include "conn_findings.h"

#include <errno.h>

#include "tcplens/base/limits.h"

static void overflow(uint32_t backlog)
{
    static uint32_t drops;

    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = backlog + 1, .backlog = backlog, .drops = ++drops });
}

static void accept_queue_names_what_binds(void **state)
{
    (void)state;
    listen_with(1);
    overflow(1);
    assert_string_equal(
        said(FINDING_accept_queue),
        "The accept queue of L1 was full: it holds 2 connections that accept() has not taken, and 1 segment "
        "that would have joined it has been dropped.");
    assert_string_equal(advised(FINDING_accept_queue, 1),
                        "give listen() a larger backlog than 1: net.core.somaxconn allows 4096 here");
    assert_int_equal(figure(FINDING_accept_queue, "limit"), 2);
    assert_int_equal(figure(FINDING_accept_queue, "somaxconn"), 4096);
    overflow(4096);
    assert_string_equal(advised(FINDING_accept_queue, 1),
                        "raise net.core.somaxconn (4096 here), which binds, and the backlog of listen() with it");
    assert_int_equal(found(FINDING_accept_queue)->finding.shown_by[0], 2);
    script_finish(&s);
}

/* Whose SYN was dropped, and came through when it was sent again. */
static void accept_queue_counts_clients(void **state)
{
    (void)state;
    listen_with(1);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    overflow(1);
    wait_ns(&s, SECOND);
    overflow(1);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    child_is_made();
    child_is_accepted();
    script_finish(&s);
    assert_int_equal(figure(FINDING_accept_queue, "clients"), 1);
    assert_in_range(figure(FINDING_accept_queue, "delay_ns"), SECOND, SECOND + 10 * MS);
}

static void syn_queue_and_cookies(void **state)
{
    (void)state;
    listen_with(3);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 4, .backlog = 3, .drops = 1 });
    queue(&s, EVENT_COOKIE, (struct depth){ LISTENER, .syn = 4, .backlog = 3, .drops = 1 });
    script_finish(&s);
    assert_string_equal(said(FINDING_syn_queue), "The SYN queue of L1 had no room: SYNs were dropped 1 time. It held 4 "
                                                 "requests, its limit is 4.");
    assert_string_equal(advised(FINDING_syn_cookies, 0),
                        "give listen() a larger backlog than 3, and raise net.ipv4.tcp_max_syn_backlog (512 here)");
}

static void accept_is_late(void **state)
{
    (void)state;
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    child_is_made();
    wait_ns(&s, 3 * SECOND);
    child_is_accepted();
    assert_string_equal(said(FINDING_slow_accept), "1 connection of L1 waited for accept(), up to 3.002 s.");
    script_finish(&s);
    assert_int_equal(found(FINDING_slow_accept)->finding.count, 1);
}

static void accept_is_soon_enough(void **state)
{
    (void)state;
    open_both();
    wait_ns(&s, 60 * SECOND);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_FINDING), 0);
}

/* Of a process, for it is known; and by address, where packets tell alone. */
static void close_wait_is_held(void **state)
{
    (void)state;
    open_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    wait_ns(&s, 11 * SECOND);
    script_finish(&s);
    assert_string_equal(said(FINDING_close_wait),
                        "test (pid 300) held 1 connection in CLOSE-WAIT that the peer had closed, "
                        "up to 11.001 s. 1 was not closed when last seen.");
    assert_int_equal(found(FINDING_close_wait)->finding.owner.pid, SERVER_PID);
}

/* A leak is told while it goes on, whatever else happens, and each connection counts once. */
static void close_wait_goes_on(void **state)
{
    (void)state;
    open_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    for (unsigned i = 0; i < 5; i++) {
        wait_ns(&s, 11 * SECOND);
        listener(&s, 77 + i, CLOSED, LISTEN, 5, SERVER_PID); /* any event: time is in the events */
    }
    assert_int_equal(count_of(&s, CHANGE_FINDING), 1);
    assert_string_equal(said(FINDING_close_wait),
                        "test (pid 300) held 1 connection in CLOSE-WAIT that the peer had closed, for more than 10 s.");
    script_finish(&s);
    assert_int_equal(found(FINDING_close_wait)->finding.count, 1);
    assert_in_range(figure(FINDING_close_wait, "longest_ns"), 55 * SECOND, 56 * SECOND);
}

static void close_wait_of_a_host(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, C, "FA", 1, 1, 0);
    wait_ns(&s, 20 * SECOND);
    script_finish(&s);
    assert_memory_equal(&found(FINDING_close_wait)->finding.peer.addr, &s.at[S].addr, sizeof(struct addr));
    assert_int_equal(shows(FINDING_close_wait)->kind, CHANGE_STATE);
    assert_int_equal(shows(FINDING_close_wait)->state.to, TCP_STATE_CLOSE_WAIT);
}

static void refused_by_port(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        send(&s, C, "S", 0, 0, 0);
        send(&s, S, "RA", 0, 1, 0);
        s.at[C].port++;
        if (i == 3)
            s.at[S].port++;
    }
    script_finish(&s);
    assert_string_equal(lines_of(&s, 1, CHANGE_FINDING), "finding refused error count 1 #1\n"
                                                         "finding refused error count 2 #1 #2\n"
                                                         "finding refused error count 4 #1 #2 #3 #4\n"
                                                         "finding refused error count 1 #5\n");
    assert_string_equal(said(FINDING_refused), "192.0.2.2:81 refused 1 connection with a RST.");
    assert_true(shows(FINDING_refused)->segment.segment.flags & SEGMENT_RST);
    assert_int_equal(found(FINDING_refused)->finding.first_ns,
                     shows(FINDING_refused)->ts_ns); /* not when it was judged */
}

static void one_syn_may_still_be_answered(void **state)
{
    (void)state;
    send(&s, C, "S", 0, 0, 0);
    script_finish(&s);
    assert_null(found(FINDING_no_answer));
}

/* Nor does their number say that they were not: they are of the last moment. */
static void many_syns_may_still_be_answered(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++, s.at[C].port++)
        send(&s, C, "S", 0, 0, 0);
    for (unsigned i = 0; i < 5; i++, s.at[C].port++) {
        send(&s, C, "S", 0, 0, 0);
        send(&s, S, "SA", 0, 1, 0);
    }
    script_finish(&s);
    assert_null(found(FINDING_no_answer));
    assert_null(found(FINDING_handshake));
}

/* Nobody sent it again, but the trace goes on. */
static void one_syn_waits_long(void **state)
{
    (void)state;
    send(&s, C, "S", 0, 0, 0);
    wait_ns(&s, 2 * SECOND);
    s.at[C].port++;
    send_handshake(&s);
    script_finish(&s);
    assert_string_equal(said(FINDING_no_answer), "192.0.2.2:80 answered no SYN of 1 connection, for up to 2.004 s.");
}

static void no_syn_is_answered(void **state)
{
    (void)state;
    send(&s, C, "S", 0, 0, 0);
    wait_ns(&s, 3 * SECOND);
    send(&s, C, "S", 0, 0, 0);
    script_finish(&s);
    assert_string_equal(said(FINDING_no_answer), "192.0.2.2:80 answered no SYN of 1 connection, for up to 3.002 s.");
    assert_string_equal(advised(FINDING_no_answer, 2),
                        "to give up sooner: net.ipv4.tcp_syn_retries, or TCP_SYNCNT on the socket"); /* of no host */
}

static void reset_by_either(void **state)
{
    (void)state;
    send_handshake(&s);
    send(&s, S, "R", 1, 0, 0);
    s.at[C].port++;
    send_handshake(&s);
    send(&s, C, "R", 1, 0, 0);
    script_finish(&s);
    assert_string_equal(lines_of(&s, 1, CHANGE_FINDING),
                        "finding resets warning count 1 #1\nfinding resets warning count 1 #2\n");
    assert_string_equal(said(FINDING_resets), "192.0.2.1 ended 1 connection with a RST; why was not seen.");
    assert_true(shows(FINDING_resets)->segment.segment.flags & SEGMENT_RST);
}

/* Counted for each server; told when half of the ports are held, which is 4 of 8. */
static void time_wait_piles_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_null(found(FINDING_time_wait));
        send_open_and_close(&s);
        s.at[C].port++;
    }
    script_finish(&s);
    assert_string_equal(said(FINDING_time_wait),
                        "4 connections to 192.0.2.2:80 were in TIME-WAIT at once, each with a port "
                        "of its own. There are 8 ports for them.");
    assert_string_equal(advised(FINDING_time_wait, 1),
                        "set net.ipv4.tcp_tw_reuse to 1 (2 here): connect() then takes a port "
                        "whose TIME-WAIT is a second old");
}

static void time_wait_one_after_the_other(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        send_open_and_close(&s);
        s.at[C].port++;
        wait_ns(&s, 61 * SECOND);
    }
    script_finish(&s);
    assert_null(found(FINDING_time_wait));
}

static void calls_fail(void **state)
{
    struct event e = kernel_event(&s, EVENT_CALL, C, 0);

    (void)state;
    memset(&e.local, 0, sizeof(e.local));
    e.call.socket = 7;
    e.call.call = (struct call){ .name = "connect", .fd = 3, .ret = -EADDRNOTAVAIL, .task = task(CLIENT_PID) };
    feed(&s, &e);
    e.call.call.name = "accept4";
    e.call.call.ret = -EMFILE;
    feed(&s, &e);
    script_finish(&s);
    assert_string_equal(said(FINDING_no_ports),
                        "connect() of test (pid 400) failed 1 time with EADDRNOTAVAIL: no local port "
                        "was free, or the address is not here.");
    assert_string_equal(said(FINDING_no_descriptors),
                        "test (pid 400) had no more descriptors: 1 call failed with EMFILE or ENFILE.");
}

/* Of many that do the same a few have a finding of their own. */
static void many_do_the_same(void **state)
{
    uint64_t beyond[BEYOND_N] = { 0 };
    const unsigned clients = LIMIT_FINDINGS + 50;

    (void)state;
    for (unsigned i = 0; i < clients; i++) {
        send_handshake(&s);
        send(&s, C, "R", 1, 0, 0);
        s.at[C].addr.bytes[14] = (uint8_t)(i >> 8);
        s.at[C].addr.bytes[15] = (uint8_t)i;
    }
    script_finish(&s);
    conn_engine_beyond(s.table, beyond);
    assert_int_equal(beyond[BEYOND_FINDINGS], 0);
    assert_int_equal(found(FINDING_resets)->finding.count, clients - LIMIT_FINDING_SUBJECTS);
    assert_string_equal(said(FINDING_resets),
                        "others (in connections with 192.0.2.2:80) ended 290 connections with a RST; "
                        "why was not seen.");
    assert_true(addr_is_unspecified(&found(FINDING_resets)->finding.peer.addr));
    assert_int_equal(found(FINDING_resets)->finding.conn_count, FINDING_CONNS_MAX);
}

/* Room is for what is told: what was never worth it makes way. */
static void what_does_not_matter_makes_way(void **state)
{
    uint64_t beyond[BEYOND_N] = { 0 };

    (void)state;
    for (unsigned i = 0; i < LIMIT_FINDINGS + 50; i++) { /* each in TIME-WAIT with another server */
        send_open_and_close(&s);
        s.at[S].port++;
    }
    for (unsigned i = 0; i < 10; i++) {
        send(&s, C, "S", 0, 0, 0);
        send(&s, S, "RA", 0, 1, 0);
        s.at[S].port++;
    }
    script_finish(&s);
    conn_engine_beyond(s.table, beyond);
    assert_int_equal(beyond[BEYOND_FINDINGS], 0);
    assert_int_equal(count_of(&s, CHANGE_FINDING), 10);
}

static void silent_without_keep_alive(void **state)
{
    (void)state;
    open_both();
    wait_ns(&s, 7300 * SECOND);
    script_finish(&s);
    assert_string_equal(said(FINDING_no_keep_alive),
                        "test (pid 400) has 1 silent connection, for up to 7300.001 s, and sent no keep-alive probe.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accept_queue_names_what_binds),
        TEST(accept_queue_counts_clients),
        TEST(syn_queue_and_cookies),
        TEST(accept_is_late),
        TEST(accept_is_soon_enough),
        TEST(close_wait_is_held),
        TEST(close_wait_goes_on),
        CAPTURE_TEST(close_wait_of_a_host),
        TEST(refused_by_port),
        TEST(one_syn_may_still_be_answered),
        CAPTURE_TEST(many_syns_may_still_be_answered),
        CAPTURE_TEST(one_syn_waits_long),
        CAPTURE_TEST(no_syn_is_answered),
        TEST(reset_by_either),
        TEST(time_wait_piles_up),
        TEST(time_wait_one_after_the_other),
        TEST(calls_fail),
        CAPTURE_TEST(many_do_the_same),
        CAPTURE_TEST(what_does_not_matter_makes_way),
        TEST(silent_without_keep_alive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
