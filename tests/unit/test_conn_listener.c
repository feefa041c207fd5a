/* Listeners, their two queues, and who waits in them. */
#include "conn_story.h"

#include <errno.h>

#include "tcplens/base/limits.h"

/* The SYN,ACK makes the client ESTABLISHED as far as packets tell; the server's kernel knows that no ACK came. */
static void request_expires_beside_its_packets(void **state)
{
    (void)state;
    listen_with(16);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    queue(&s, EVENT_REQUEST_EXPIRED, (struct depth){ LISTENER, .backlog = 16 });
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_HANDSHAKE_INCOMPLETE);
}

/* A SYN that is dropped, or answered with a cookie, leaves nothing behind but the listener's figures. */
static void overflow_and_cookie(void **state)
{
    (void)state;
    listen_with(1);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
    queue(&s, EVENT_COOKIE, (struct depth){ LISTENER, .syn = 1, .backlog = 1, .drops = 1 });
    script_finish(&s);
    assert_string_equal(lines(&s, 2), "    queue 1 overflow syn 0 accept 2 limit 2 drops 1\n"
                                      "finding accept-queue-overflow error listener 1 count 1\n"
                                      "    queue 1 cookie syn 1 accept 0 limit 2 drops 1\n"
                                      "finding syn-cookies warning listener 1 count 1\n");
}

static void outcome_is(enum verdict verdict, enum cause cause, uint32_t drops)
{
    const struct change *o;

    script_finish(&s);
    o = outcome_of(&s, 1);
    assert_int_equal(o->outcome.verdict, verdict);
    assert_int_equal(o->outcome.cause, cause);
    assert_int_equal(o->outcome.drops, drops);
    assert_int_equal(o->listener,
                     cause == CAUSE_NONE || cause == CAUSE_NO_LISTENER || cause == CAUSE_FILTER_RESET ? 0 : 1);
}

/* The client's SYN finds the accept queue full each time, or the SYN queue. */
static void syn_is_dropped(void **state)
{
    (void)state;
    listen_with(1);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 2 });
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    outcome_is(VERDICT_NO_ANSWER, CAUSE_ACCEPT_QUEUE_FULL, 2);
}

static void syn_queue_is_full(void **state)
{
    (void)state;
    listen_with(4);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 4, .backlog = 4, .drops = 1 });
    outcome_is(VERDICT_NO_ANSWER, CAUSE_SYN_QUEUE_FULL, 1);
}

/* The request is there and its ACK is dropped: what happened to the SYN before is not counted. */
static void ack_is_dropped(void **state)
{
    (void)state;
    listen_with(1);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
    queue(&s, EVENT_REQUEST_START, (struct depth){ LISTENER, .syn = 1, .backlog = 1, .drops = 1 });
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 1, .accept = 2, .backlog = 1, .drops = 2 });
    outcome_is(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_ACCEPT_QUEUE_FULL, 1);
}

/* tcp_abort_on_overflow: a RST answers the ACK, and the request goes; or one comes when the request is gone. */
static void an_overflow_is_answered_with_a_reset(void **state)
{
    (void)state;
    for (unsigned aborts = 0; aborts < 2; aborts++) {
        script_free(&s);
        script_start(&s);
        listen_with(1);
        sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
        queue(&s, EVENT_REQUEST_START, (struct depth){ LISTENER, .syn = 1, .backlog = 1 });
        sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
        if (aborts) {
            reset(&s, S, true, "");
            queue(&s, EVENT_REQUEST_END, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
            queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
        } else {
            queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 1, .accept = 2, .backlog = 1, .drops = 1 });
            queue(&s, EVENT_REQUEST_EXPIRED, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
            reset(&s, S, true, "");
        }
        reset(&s, C, false, "");
        sock(&s, C, CLIENT, ESTABLISHED, CLOSED, 0);
        outcome_is(VERDICT_RESET_BY_SERVER, CAUSE_ACCEPT_QUEUE_FULL, 1);
        assert_int_equal(outcome_of(&s, 1)->outcome.abort_on_overflow, aborts);
    }
}

static void dropped_and_then_completed(void **state)
{
    (void)state;
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .syn = 1, .accept = 17, .backlog = 16, .drops = 1 });
    child_is_made();
    child_is_accepted();
    outcome_is(VERDICT_STILL_OPEN, CAUSE_NONE, 0);
}

static void reset_by_the_listeners_close(void **state)
{
    (void)state;
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    child_is_made();
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    reset(&s, S, true, "");
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    reset(&s, C, false, "");
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, 0);
    outcome_is(VERDICT_RESET_BY_SERVER, CAUSE_LISTENER_CLOSED, 0);
}

/* It never was in a queue of the listener, whose end is no reason then: of its last SYN, nobody listens. */
static void closed_before_the_syn_came_through(void **state)
{
    (void)state;
    listen_with(0);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 1, .backlog = 0, .drops = 1 });
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    reset(&s, S, true, "NO_SOCKET");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    outcome_is(VERDICT_REFUSED, CAUSE_NO_LISTENER, 0);
}

/* The errno of an ICMP error is taken out of the socket by SO_ERROR: what is closed then shows none. It was no CLOSE of the
 * application's own that ended it. */
static void icmp_error_is_taken(void **state)
{
    static const bool came[] = { true, false };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct event icmp, closed;
        const struct change *c;

        again();
        sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
        send(&s, C, "S", 0, 0, 0);
        icmp = kernel_event(&s, EVENT_ICMP, C, 0);
        icmp.source = WITNESS_WIRE;
        icmp.icmp.error = ICMP_HOST_UNREACHABLE;
        icmp.icmp.seq = s.isn[C];
        if (came[i])
            feed(&s, &icmp);
        closed = kernel_event(&s, EVENT_SOCK_STATE, C, CLIENT);
        closed.sock.from = SYN_SENT;
        closed.sock.to = CLOSED;
        closed.sock.ending.known = true;
        feed(&s, &closed);
        script_finish(&s);
        c = outcome_of(&s, 1);
        assert_int_equal(c->outcome.verdict, VERDICT_NO_ANSWER);
        assert_int_equal(c->outcome.cause, came[i] ? CAUSE_ICMP_HOST_UNREACHABLE : CAUSE_NONE);
        assert_int_equal(c->outcome.error, came[i] ? -EHOSTUNREACH : 0);
        c = find(&s, CHANGE_STATE, 1, 2); /* after SYN-SENT in both lanes */
        assert_int_equal(c->state.source, WITNESS_KERNEL);
        assert_int_equal(c->state.error, came[i] ? -EHOSTUNREACH : 0);
        assert_int_equal(!c->state.rfc, came[i]);
    }
}

/* A segment comes to a socket that drops it: TCP-MD5 does not fit. */
static void drop_unsigned(enum end end, unsigned times)
{
    while (times--) {
        struct event e = kernel_event(&s, EVENT_UNSIGNED, end, 0);

        feed(&s, &e);
    }
}

/* The keys of an open connection differ: who waits, waits for what is dropped. */
static void signatures_differ(void **state)
{
    static const struct {
        unsigned drops;
        bool goes_on, times_out;
        enum verdict verdict;
        enum cause cause;
    } cases[] = {
        { 3, false, true, VERDICT_TIMED_OUT, CAUSE_SIGNATURE_REFUSED },
        { 3, false, false, VERDICT_STILL_OPEN, CAUSE_SIGNATURE_REFUSED },
        { 3, true, false, VERDICT_STILL_OPEN, CAUSE_NONE },
        { 1, false, false, VERDICT_STILL_OPEN, CAUSE_NONE }, /* forged, perhaps */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct change *o;

        again();
        open_both();
        send_handshake(&s);
        send(&s, C, "PA", 1, 1, 5);
        drop_unsigned(S, cases[i].drops);
        if (cases[i].goes_on)
            send(&s, S, "A", 1, 6, 0);
        if (cases[i].times_out) {
            struct event e = kernel_event(&s, EVENT_SOCK_STATE, C, CLIENT);

            e.sock.from = ESTABLISHED;
            e.sock.to = CLOSED;
            e.sock.ending = (struct sock_ending){ .known = true, .error = ETIMEDOUT, .retransmits = 3, .queued = 5 };
            feed(&s, &e);
        }
        script_finish(&s);
        o = outcome_of(&s, 1);
        assert_int_equal(o->outcome.verdict, cases[i].verdict);
        assert_int_equal(o->outcome.cause, cases[i].cause);
        assert_int_equal(o->outcome.drops, cases[i].cause == CAUSE_NONE ? 0 : cases[i].drops);
        assert_int_equal(o->outcome.cause_end, cases[i].cause == CAUSE_NONE ? END_UNKNOWN : END_SERVER);
        assert_int_equal(o->listener, 0);
    }
}

/* Somebody listens, or the server is this host, and no TCP sent the RST: with a witness that would have told, and with one that
 * would not. */
static void refused_by_a_filter(void **state)
{
    static const struct {
        bool all_resets, stray_resets, listens, is_local, reset_told;
        enum cause cause;
    } cases[] = {
        { .all_resets = true, .listens = true, .cause = CAUSE_FILTER_RESET },
        { .listens = true },
        { .all_resets = true },
        { .all_resets = true, .listens = true, .reset_told = true },
        { .all_resets = true, .stray_resets = true, .is_local = true, .cause = CAUSE_FILTER_RESET },
        { .all_resets = true, .stray_resets = true },
        { .all_resets = true, .is_local = true },
        { .all_resets = true, .stray_resets = true, .is_local = true, .reset_told = true, .cause = CAUSE_NO_LISTENER },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        script_free(&s);
        script_configure(
            &s, (struct conn_config){ .all_resets = cases[i].all_resets, .stray_resets = cases[i].stray_resets });
        if (cases[i].is_local)
            conn_engine_set_local(s.table, &s.at[S].addr, 1);
        if (cases[i].listens)
            listen_with(5);
        sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
        send(&s, C, "S", 0, 0, 0);
        if (cases[i].reset_told)
            reset(&s, S, true, "");
        send(&s, S, "RA", 0, 1, 0);
        reset(&s, C, false, "");
        sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
        if (cases[i].listens) /* that it did then is what counts */
            listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
        outcome_is(VERDICT_REFUSED, cases[i].cause, 0);
    }
}

/* The ACK that bears the cookie is dropped: that is what happened, whatever becomes of the listener. */
static void the_ack_of_a_cookie_is_dropped(void **state)
{
    struct event e;

    (void)state;
    listen_with(1);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 1 });
    e = queue_event(&s, EVENT_COOKIE, (struct depth){ LISTENER, .accept = 1, .backlog = 1, .drops = 1 });
    feed(&s, &e);
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = 2 });
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    reset(&s, S, true, "NO_SOCKET");
    sock(&s, C, CLIENT, FIN_WAIT_1, CLOSED, 0);
    outcome_is(VERDICT_RESET_BY_SERVER, CAUSE_ACCEPT_QUEUE_FULL, 1);
}

/* No RST, and no event, tells of a request whose listener is closed. */
static void a_request_dies_with_its_listener(void **state)
{
    (void)state;
    listen_with(16);
    request_starts();
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    outcome_is(VERDICT_HANDSHAKE_INCOMPLETE, CAUSE_LISTENER_CLOSED, 0);
}

/* What was accepted has nothing to do with the listener any more. */
static void reset_after_accept(void **state)
{
    (void)state;
    open_both();
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    reset(&s, S, true, "");
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID);
    outcome_is(VERDICT_RESET_BY_SERVER, CAUSE_NONE, 0);
}

static void refused_where_nobody_listens(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    reset(&s, S, true, "NO_SOCKET");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    outcome_is(VERDICT_REFUSED, CAUSE_NO_LISTENER, 0);
}

/* A RST that only arrived can be anybody's: a firewall's too. */
static void refused_from_elsewhere(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    reset(&s, C, false, "");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    outcome_is(VERDICT_REFUSED, CAUSE_NONE, 0);
}

/* Somebody listens, and the kernel sends a RST nevertheless. */
static void refused_beside_a_listener(void **state)
{
    (void)state;
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    reset(&s, S, true, "");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    outcome_is(VERDICT_REFUSED, CAUSE_NONE, 0);
}

/* A listener on 0.0.0.0 takes no connection to an IPv6 address; one on :: takes both kinds. */
static void refused_beside_a_listener_of_the_other_family(void **state)
{
    (void)state;
    s.at[S] = endpoint("0.0.0.0", 80);
    listen_with(16);
    s.at[C] = endpoint("::1", 40000);
    s.at[S] = endpoint("::1", 80);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    reset(&s, S, true, "NO_SOCKET");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    outcome_is(VERDICT_REFUSED, CAUSE_NO_LISTENER, 0);
}

static void listen_returned(void **state)
{
    (void)state;
    listen_with(16);
    queue(&s, EVENT_LISTENED, (struct depth){ LISTENER, .backlog = 16 }); /* nothing new */
    queue(&s, EVENT_LISTENED, (struct depth){ LISTENER, .backlog = 5 });
    script_finish(&s);
    assert_string_equal(lines(&s, 2), "listener 1 80 backlog 5 pid 300\n");
}

/* Who still waits in its queues goes with it. */
static void closed_with_connections_waiting(void **state)
{
    struct event e = kernel_event(&s, EVENT_SOCK_STATE, S, LISTENER);

    (void)state;
    listen_with(16);
    e.sock.from = LISTEN;
    e.sock.to = CLOSED;
    e.sock.depth = (struct queue_depth){ .listener = LISTENER, .syn = 1, .accept = 2, .backlog = 16 };
    feed(&s, &e);
    script_finish(&s);
    assert_string_equal(lines(&s, 2), "    queue 1 closed syn 1 accept 2 limit 17 drops 0\n"
                                      "listener 1 80 backlog 16 pid 300 closed\n");
}

/* The sockets that are there when the trace begins, and a hook that was quicker than the list of them. */
static void listener_of_a_snapshot(void **state)
{
    struct event e = kernel_event(&s, EVENT_SNAPSHOT, S, LISTENER);

    (void)state;
    e.snapshot.state = LISTEN;
    e.snapshot.depth.backlog = 8;
    e.snapshot.depth.drops = 40;
    e.snapshot.owner = task(SERVER_PID);
    feed(&s, &e);
    feed(&s, &e);
    queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 9, .backlog = 8, .drops = 42 });
    script_finish(&s);
    assert_string_equal(lines(&s, 1), "listener 1 80 backlog 8 pid 300 before-trace\n"
                                      "    queue 1 overflow syn 0 accept 9 limit 9 drops 1\n"
                                      "finding accept-queue-overflow error listener 1 count 1\n");
}

static void listens_again_with_another_backlog(void **state)
{
    (void)state;
    listen_with(16);
    listen_with(32);
    /* and a listen() that no event tells of */
    queue(&s, EVENT_REQUEST_START, (struct depth){ LISTENER, .syn = 1, .backlog = 64 });
    queue(&s, EVENT_ACCEPT_QUEUED, (struct depth){ LISTENER, .accept = 1, .backlog = 64 });
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    script_finish(&s);
    assert_string_equal(
        lines(&s, 1),
        "listener 1 80 backlog 16 pid 300\n"
        "listener 1 80 backlog 32 pid 300\n"
        "connection 1 40000 > 80\n"
        "listener 1 80 backlog 64 pid 300\n"
        "    1 server LISTEN > SYN-RECEIVED observed kernel request\n"
        "    queue 1 syn conn 1 syn 1 accept 0 limit 65 drops 0\n"
        "    queue 1 established syn 0 accept 1 limit 65 drops 0\n"
        "listener 1 80 backlog 64 pid 300 closed\n"
        "outcome 1 {\"verdict\": \"handshake-incomplete\", \"cause\": \"listener-closed\", \"final\": {\"client\": \"UNKNOWN\", "
        "\"server\": \"SYN-RECEIVED\"}}\n");
}

/* Its SYN queue empties after it: that brings it not back to life. */
static void listener_is_closed(void **state)
{
    size_t before;

    (void)state;
    listen_with(16);
    request_starts();
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID);
    assert_true(s.changes[s.count - 1].listening.closed);
    before = s.count;
    queue(&s, EVENT_REQUEST_RETRY, (struct depth){ LISTENER, .syn = 1, .backlog = 16 });
    queue(&s, EVENT_REQUEST_END, (struct depth){ LISTENER, .backlog = 16 });
    assert_string_equal(lines(&s, before + 1), "  1 server timer syn-ack fired\n"
                                               "    1 server SYN-RECEIVED > CLOSED observed kernel none\n");
    listener(&s, LISTENER, LISTEN, CLOSED, 0, SERVER_PID); /* of one that is not known */
    listener(&s, 2, CLOSED, LISTEN, 8, SERVER_PID);        /* a new one on the same address */
    assert_int_equal(s.changes[s.count - 1].listener, 2);
    script_finish(&s);
}

/* A listener older than the trace shows by its first queue event; its drops before that do not count. */
static void unknown_listener(void **state)
{
    (void)state;
    queue(&s, EVENT_REQUEST_START, (struct depth){ 77, .syn = 3, .accept = 1, .backlog = 4, .drops = 100 });
    queue(&s, EVENT_ACCEPT_QUEUED, (struct depth){ 77, .syn = 2, .accept = 2, .backlog = 4, .drops = 103 });
    assert_string_equal(lines(&s, 1), "connection 1 40000 > 80\n"
                                      "listener 1 80 backlog 4 before-trace\n"
                                      "    1 server LISTEN > SYN-RECEIVED observed kernel request\n"
                                      "    queue 1 syn conn 1 syn 3 accept 1 limit 5 drops 0\n"
                                      "    queue 1 established syn 2 accept 2 limit 5 drops 0\n");
    script_finish(&s);
}

/* accept() of a connection that waited since before the trace. */
static void accept_of_an_older_connection(void **state)
{
    (void)state;
    accept_call(&s, CHILD, (struct depth){ LISTENER, .backlog = 16 }, 3, 5, SERVER_PID);
    assert_string_equal(lines(&s, 1), "connection 1 40000 > 80 before-trace\n"
                                      "listener 1 80 backlog 16 before-trace\n"
                                      "  1 server accept4 fd 3 ret 5 pid 300\n"
                                      "    queue 1 accept conn 1 syn 0 accept 0 limit 17 drops 0\n");
    script_finish(&s);
}

/* Two that share an address (SO_REUSEPORT) keep their figures apart. */
static void two_listeners_on_an_address(void **state)
{
    (void)state;
    listener(&s, 1, CLOSED, LISTEN, 1, SERVER_PID);
    listener(&s, 2, CLOSED, LISTEN, 2, SERVER_PID + 1);
    queue(&s, EVENT_ACCEPT_QUEUED, (struct depth){ 2, .accept = 1, .backlog = 2 });
    queue(&s, EVENT_ACCEPT_QUEUED, (struct depth){ 1, .accept = 2, .backlog = 1 });
    assert_string_equal(lines(&s, 3), "    queue 2 established syn 0 accept 1 limit 3 drops 0\n"
                                      "    queue 1 established syn 0 accept 2 limit 2 drops 0\n");
    script_finish(&s);
}

/* Told when first seen, as often as it has doubled, and at last; a listener each. */
static void findings(void **state)
{
    uint32_t drops = 0;

    (void)state;
    listen_with(1);
    listener(&s, 99, CLOSED, LISTEN, 1, SERVER_PID);
    for (unsigned i = 0; i < 5; i++)
        queue(&s, EVENT_OVERFLOW, (struct depth){ LISTENER, .accept = 2, .backlog = 1, .drops = ++drops });
    queue(&s, EVENT_OVERFLOW, (struct depth){ 99, .accept = 2, .backlog = 1, .drops = 1 });
    script_finish(&s);
    assert_string_equal(lines_of(&s, 1, CHANGE_FINDING), "finding accept-queue-overflow error listener 1 count 1\n"
                                                         "finding accept-queue-overflow error listener 1 count 2\n"
                                                         "finding accept-queue-overflow error listener 1 count 4\n"
                                                         "finding accept-queue-overflow error listener 2 count 1\n"
                                                         "finding accept-queue-overflow error listener 1 count 5\n");
}

/* More than are kept: counted, and nothing else of them is told. */
static void more_than_are_kept(void **state)
{
    uint64_t beyond[BEYOND_N] = { 0 };

    (void)state;
    for (unsigned i = 1; i <= LIMIT_LISTENERS + 2; i++)
        listener(&s, i, CLOSED, LISTEN, 1, SERVER_PID);
    for (unsigned i = 1; i <= LIMIT_FINDINGS + 3; i++)
        queue(&s, EVENT_OVERFLOW, (struct depth){ i, .accept = 2, .backlog = 1, .drops = 1 });
    conn_engine_beyond(s.table, beyond);
    assert_int_equal(beyond[BEYOND_LISTENERS], 2);
    assert_int_equal(beyond[BEYOND_FINDINGS], 3);
    assert_int_equal(beyond[BEYOND_CONNECTIONS], 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_LISTENER), LIMIT_LISTENERS);
    assert_int_equal(count_of(&s, CHANGE_FINDING), LIMIT_FINDINGS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(request_expires_beside_its_packets),
        TEST(overflow_and_cookie),
        TEST(syn_is_dropped),
        TEST(syn_queue_is_full),
        TEST(ack_is_dropped),
        TEST(an_overflow_is_answered_with_a_reset),
        TEST(dropped_and_then_completed),
        TEST(reset_by_the_listeners_close),
        TEST(closed_before_the_syn_came_through),
        TEST(icmp_error_is_taken),
        TEST(signatures_differ),
        TEST(refused_by_a_filter),
        TEST(the_ack_of_a_cookie_is_dropped),
        TEST(a_request_dies_with_its_listener),
        TEST(reset_after_accept),
        TEST(refused_where_nobody_listens),
        TEST(refused_from_elsewhere),
        TEST(refused_beside_a_listener),
        TEST(refused_beside_a_listener_of_the_other_family),
        TEST(listen_returned),
        TEST(closed_with_connections_waiting),
        TEST(listener_of_a_snapshot),
        TEST(listens_again_with_another_backlog),
        TEST(listener_is_closed),
        TEST(unknown_listener),
        TEST(accept_of_an_older_connection),
        TEST(two_listeners_on_an_address),
        TEST(findings),
        TEST(more_than_are_kept),
    };

    return cmocka_run_group_tests_name("conn_listener", tests, NULL, NULL);
}
