/* The kernel's events in, records out: what a kernel was seen to say, in the order in which it says it. */
#include "conn_story.h"

static void what_a_state_tells(void **state)
{
    static const struct {
        const char *kernel, *rfc;
        uint32_t pid;
    } want[] = {
        { "SYN_SENT", "active OPEN / create TCB, snd SYN", CLIENT_PID },
        { "NEW_SYN_RECV", "rcv SYN / snd SYN,ACK", 0 },
        { "ESTABLISHED", "rcv SYN,ACK / snd ACK", CLIENT_PID },
        { "ESTABLISHED", "rcv ACK of SYN / x", 0 }, /* nobody's until accept() */
        { "FIN_WAIT1", "CLOSE / snd FIN", CLIENT_PID },
        { "CLOSE_WAIT", "rcv FIN / snd ACK", SERVER_PID },
        { "FIN_WAIT2", "rcv ACK of FIN / x", CLIENT_PID },
        { "LAST_ACK", "CLOSE / snd FIN", SERVER_PID },
        { "TIME_WAIT", "rcv FIN / snd ACK", CLIENT_PID },
        { "CLOSE", "rcv ACK of FIN / x", SERVER_PID },
        { "CLOSE", "Timeout=2MSL / delete TCB", CLIENT_PID },
    };
    const struct change *c;
    unsigned n;

    (void)state;
    open_both();
    client_closes_into_a_minisock();
    server_closes();
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    script_finish(&s);
    for (n = 0; (c = find(&s, CHANGE_STATE, 1, n)); n++) {
        assert_true(n < sizeof(want) / sizeof(*want));
        assert_string_equal(c->state.kernel_state, want[n].kernel);
        assert_string_equal(c->state.rfc, want[n].rfc);
        assert_int_equal(c->state.owner.pid, want[n].pid);
        assert_int_equal(c->state.how, HOW_OBSERVED);
    }
    assert_int_equal(n, sizeof(want) / sizeof(*want));
}

static void closing_but_for_a_process(void **state)
{
    (void)state;
    open_both();
    assert_false(conn_engine_is_closing(s.table));
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    assert_true(conn_engine_is_closing(s.table));
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    assert_false(conn_engine_is_closing(s.table)); /* the server's process may keep it open */
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, FIN_WAIT_2, 60 * SECOND);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
    assert_false(conn_engine_is_closing(s.table));
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    assert_true(conn_engine_is_closing(s.table));
    timewait(&s, EVENT_TIMEWAIT_CHANGE, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
    assert_false(conn_engine_is_closing(s.table));
    script_finish(&s);
}

/* A child whose events were lost: a request sock is never beyond SYN-RECEIVED. */
static void child_was_lost(void **state)
{
    (void)state;
    listen_with(16);
    request_starts();
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    script_finish(&s);
    assert_string_equal(lines_of(&s, 5, CHANGE_STATE), "    1 server SYN-RECEIVED > ESTABLISHED assumed kernel sock\n"
                                                       "    1 server ESTABLISHED > CLOSE-WAIT observed kernel sock\n");
    assert_int_equal(count_of(&s, CHANGE_OBJECT), 1);
}

static void outcome_without_packets(void **state)
{
    const struct change *o;

    (void)state;
    open_both(); /* the client's SYN-SENT is the second event; ESTABLISHED two later */
    client_closes_into_a_minisock();
    server_closes();
    script_finish(&s);
    o = outcome_of(&s, 1);
    assert_false(o->outcome.has_wire);
    assert_string_equal(o->outcome.conn_state, "");
    assert_string_equal(o->outcome.history, "");
    assert_int_equal(o->outcome.closed_by, C);
    assert_int_equal(o->outcome.verdict, VERDICT_CLOSED_NORMALLY);
    assert_int_equal(o->outcome.final[C], TIME_WAIT);
    assert_int_equal(o->outcome.final[S], CLOSED);
    assert_int_equal(o->outcome.state_ns[C][SYN_SENT], 2 * MS);
    assert_int_equal(o->outcome.state_ns[S][SYN_RECEIVED], 4 * MS);
    assert_int_equal(o->outcome.state_ns[C][TIME_WAIT], 2 * MS);
    assert_int_equal(o->outcome.state_ns[S][CLOSED], 0);
}

/* What netns and listener a connection is told with. */
static void identity(void **state)
{
    (void)state;
    open_both();
    script_finish(&s);
    assert_int_equal(find(&s, CHANGE_CONNECTION, 1, 0)->connection.netns, NETNS);
    assert_int_equal(find(&s, CHANGE_LISTENER, 0, 0)->listening.netns, NETNS);
    assert_int_equal(find(&s, CHANGE_CALL, 1, 0)->listener, 1);
    assert_true(find(&s, CHANGE_CALL, 1, 0)->call.has_end);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_STILL_OPEN);
}

/* Only what the trace holds can be a cause: not the SYN,ACK in place of an ACK that was left out. */
static void causes_are_in_the_trace(void **state)
{
    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .segments = CONN_SEGMENTS_CONTROL });
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send_handshake(&s);
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "FA", 1, 1, 0);
    send(&s, S, "A", 1, 2, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    assert_int_equal(s.changes[s.count - 1].state.to, FIN_WAIT_2);
    assert_int_equal(s.changes[s.count - 1].because, 0);
    script_finish(&s);
}

/* net.ipv4.tcp_fin_timeout passed without the peer's FIN: that timer is the cause. */
static void fin_wait_2_expires(void **state)
{
    const struct change *c;

    (void)state;
    open_both();
    client_closes_into_a_minisock();
    wait_ns(&s, 60 * SECOND);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, FIN_WAIT_2, 0);
    assert_string_equal(lines(&s, s.count - 1), "finding close-wait-held warning count 1 #1\n"
                                                "finding fin-wait-2-orphans warning count 1 #1\n");
    c = &s.changes[s.count - 3];
    assert_int_equal(c->state.from, FIN_WAIT_2);
    assert_int_equal(c->state.to, CLOSED);
    assert_int_equal(c->because, c->n - 1);
    assert_int_equal(s.changes[c->n - 2].timer.name, TIMER_FIN_WAIT_2);
    assert_int_equal(s.changes[c->n - 2].timer.phase, TIMER_FIRED);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_HALF_CLOSED);
}

static void time_wait_is_killed(void **state)
{
    (void)state;
    open_both();
    client_closes_into_a_minisock();
    server_closes();
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0);
    assert_string_equal(lines(&s, s.count - 1), "  1 client timer time-wait cancelled\n"
                                                "    1 client TIME-WAIT > CLOSED observed kernel none <- 22\n");
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0); /* nothing is left to kill */
    assert_int_equal(s.changes[s.count - 1].kind, CHANGE_STATE);
    script_finish(&s);
}

/* TIME-WAIT assassination (RFC 1337): the RST is the cause of the cancellation, that of the state. */
static void time_wait_is_reset(void **state)
{
    const struct change *rst, *timer;

    (void)state;
    s.netns = 0;
    send_handshake(&s);
    open_both();
    send(&s, C, "FA", 1, 1, 0);
    send(&s, S, "FA", 1, 2, 0);
    send(&s, C, "A", 2, 2, 0);
    client_closes_into_a_minisock();
    server_closes();
    send(&s, S, "R", 2, 0, 0);
    rst = find(&s, CHANGE_SEGMENT, 1, 6);
    assert_true(rst->segment.segment.flags & SEGMENT_RST);
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0);
    timer = &s.changes[s.count - 2];
    assert_int_equal(timer->kind, CHANGE_TIMER);
    assert_int_equal(timer->timer.why, TIMER_WHY_RESET);
    assert_int_equal(timer->because, rst->n);
    assert_int_equal(s.changes[s.count - 1].because, timer->n);
    assert_null(s.changes[s.count - 1].state.rfc);
    script_finish(&s);
}

/* Of a socket that close() left in FIN-WAIT-2 as it was. */
static void fin_wait_2_without_minisock(void **state)
{
    struct event e;

    (void)state;
    open_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    e = kernel_event(&s, EVENT_FIN_WAIT_2, C, CLIENT);
    feed(&s, &e);
    assert_int_equal(s.changes[s.count - 2].timer.name, TIMER_FIN_WAIT_2);
    assert_int_equal(s.changes[s.count - 2].timer.phase, TIMER_FIRED);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
    assert_int_equal(s.changes[s.count - 1].state.to, CLOSED);
    script_finish(&s);
}

/* A timer that fired earlier has nothing to do with it. */
static void reset_after_a_retransmission(void **state)
{
    struct event e;

    (void)state;
    open_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    e = kernel_event(&s, EVENT_RETRANSMIT, C, CLIENT);
    e.retransmit.state = FIN_WAIT_1;
    feed(&s, &e);
    e = kernel_event(&s, EVENT_KEEPALIVE, C, CLIENT);
    feed(&s, &e);
    assert_int_equal(s.changes[s.count - 1].timer.name, TIMER_KEEPALIVE);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    reset(&s, C, false, "");
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
    assert_int_equal(s.changes[s.count - 1].state.to, CLOSED);
    assert_int_equal(s.changes[s.count - 1].because, 0);
    script_finish(&s);
}

static void time_wait_deadline(void **state)
{
    const struct change *c;

    (void)state;
    open_both();
    client_closes_into_a_minisock();
    c = find(&s, CHANGE_TIMER, 1, 0);
    assert_int_equal(c->timer.expires_ns, c->ts_ns + 60 * SECOND);
    server_closes();
    assert_int_equal(count_of(&s, CHANGE_TIMER), 2);
    /* read again, a tick apart: the same deadline */
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    assert_int_equal(count_of(&s, CHANGE_TIMER), 2);
    /* the peer's FIN came again: it starts over */
    wait_ns(&s, 5 * SECOND);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    assert_int_equal(count_of(&s, CHANGE_TIMER), 3);
    c = find(&s, CHANGE_TIMER, 1, 2);
    assert_int_equal(c->timer.phase, TIMER_SET);
    assert_int_equal(c->timer.expires_ns, c->ts_ns + 60 * SECOND);
    assert_int_equal(count_of(&s, CHANGE_OBJECT), 2);
    script_finish(&s);
}

/* A kernel that holds the minisock says when it is gone: nothing is predicted meanwhile, however long. */
static void time_wait_is_not_predicted(void **state)
{
    (void)state;
    s.netns = 0;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send_handshake(&s);
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    send(&s, C, "FA", 1, 1, 0);
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, S, "FA", 1, 2, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    send(&s, C, "A", 2, 2, 0);
    wait_ns(&s, 300 * SECOND);
    s.at[C].port++;
    send(&s, C, "S", 0, 0, 0);
    assert_null(find(&s, CHANGE_OUTCOME, 1, 0));
    s.at[C].port--;
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
    assert_string_equal(path(&s, 1, C, WITNESS_WIRE), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
}

static void simultaneous_close(void **state)
{
    (void)state;
    open_both();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, FIN_WAIT_1, SERVER_PID);
    sock(&s, S, CHILD, FIN_WAIT_1, CLOSING, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, CLOSING, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, C, CLIENT, CLOSING, CLOSED, 0);
    timewait(&s, EVENT_TIMEWAIT_START, S, CHILD, TIME_WAIT, 60 * SECOND);
    sock(&s, S, CHILD, CLOSING, CLOSED, 0);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT");
    assert_string_equal(kernel(1, S), "LISTEN SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT");
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, S, CHILD, TIME_WAIT, 0);
    /* each by its own timer */
    assert_int_equal(s.changes[s.count - 3].because, s.count - 3);
    assert_int_equal(s.changes[s.count - 1].because, s.count - 1);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_BOTH);
}

/* Two connect() that meet: one connection, and nobody listened. */
static void simultaneous_open(void **state)
{
    (void)state;
    sock(&s, C, 10, CLOSED, SYN_SENT, 400);
    sock(&s, S, 11, CLOSED, SYN_SENT, 401);
    sock(&s, C, 10, SYN_SENT, SYN_RECEIVED, 0);
    sock(&s, S, 11, SYN_SENT, SYN_RECEIVED, 0);
    sock(&s, C, 10, SYN_RECEIVED, ESTABLISHED, 0);
    sock(&s, S, 11, SYN_RECEIVED, ESTABLISHED, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED");
    assert_string_equal(kernel(1, S), "CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED");
    assert_int_equal(find(&s, CHANGE_STATE, 1, 1)->state.owner.pid, 401);
}

static void refused(void **state)
{
    const struct change *c;

    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    reset(&s, S, true, "NO_SOCKET");
    reset(&s, C, false, "");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    script_finish(&s);
    assert_string_equal(
        lines(&s, 3),
        "  1 server reset sent NO_SOCKET\n"
        "  1 client reset received\n"
        "    1 client SYN-SENT > CLOSED observed kernel none\n"
        "outcome 1 {\"verdict\": \"refused\", \"cause\": \"no-listener\", \"final\": {\"client\": \"CLOSED\", \"server\": \"UNKNOWN\"}, "
        "\"reset_by\": \"server\"}\n"
        "finding refused error count 1 #1\n");
    c = find(&s, CHANGE_STATE, 1, 1);
    assert_null(c->state.rfc); /* it was no CLOSE call that led there */
    assert_int_equal(outcome_of(&s, 1)->outcome.reset_by, S);
}

/* Nobody waits for late packets where none are watched, and no event has to come first. */
static void told_when_its_time_is_over(void **state)
{
    for (int no_packets = 0; no_packets <= 1; no_packets++) {
        struct script own;
        const uint64_t linger = no_packets ? 1 : 5;

        script_configure(&own, (struct conn_config){ .no_packets = no_packets });
        sock(&own, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
        reset(&own, C, false, "");
        sock(&own, C, CLIENT, SYN_SENT, CLOSED, 0);
        conn_engine_pass_time(own.table, own.now_ns + linger * 1000 * MS - 2 * MS);
        assert_int_equal(count_of(&own, CHANGE_OUTCOME), 0);
        conn_engine_pass_time(own.table, own.now_ns + linger * 1000 * MS);
        assert_int_equal(count_of(&own, CHANGE_OUTCOME), 1);
        assert_int_equal(outcome_of(&own, 1)->outcome.verdict, VERDICT_REFUSED);
        script_free(&own);
    }
    (void)state;
}

static void connect_times_out(void **state)
{
    struct event e;

    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    for (uint32_t i = 1; i <= 3; i++) {
        e = kernel_event(&s, EVENT_RETRANSMIT, C, CLIENT);
        e.retransmit.state = SYN_SENT;
        e.retransmit.count = i;
        feed(&s, &e);
        assert_int_equal(find(&s, CHANGE_TIMER, 1, i - 1)->timer.name, TIMER_RETRANSMIT);
        assert_int_equal(find(&s, CHANGE_TIMER, 1, i - 1)->timer.phase, TIMER_FIRED);
        assert_int_equal(find(&s, CHANGE_TIMER, 1, i - 1)->timer.count, i);
    }
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_NO_ANSWER);
}

static void owner_is(enum tcp_state to, uint32_t owner, uint32_t opened_by)
{
    const struct change *c = NULL;

    for (size_t i = 0; i < s.count; i++)
        if (s.changes[i].kind == CHANGE_STATE && s.changes[i].end == S && s.changes[i].state.to == to)
            c = &s.changes[i];
    assert_non_null(c);
    assert_int_equal(c->state.owner.pid, owner);
    assert_int_equal(c->state.opened_by.pid, opened_by);
}

/* The parent took the connection; the child serves it, whether the parent closes its copy or not. */
static void after_a_fork_the_child_holds_it(void **state)
{
    enum { CHILD_PID = SERVER_PID + 1 };

    (void)state;
    for (unsigned keeps = 0; keeps < 2; keeps++) {
        script_free(&s);
        script_start(&s);
        open_both();
        if (!keeps)
            call_on(&s, S, CHILD, "close", 0, SERVER_PID);
        call_on(&s, S, CHILD, "read", 5, CHILD_PID);
        sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
        sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
        owner_is(CLOSE_WAIT, CHILD_PID, SERVER_PID);
        if (keeps) /* and nothing is sent */
            call_on(&s, S, CHILD, "close", 0, CHILD_PID);
        sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, 0);
        owner_is(LAST_ACK, keeps ? SERVER_PID : CHILD_PID, keeps ? 0 : SERVER_PID);
        script_finish(&s);
    }
}

/* Nobody has called on it since: who holds it is not known; but the close may still be under way. */
static void who_closed_it_holds_it_no_more(void **state)
{
    struct event e;

    (void)state;
    open_both();
    call_on(&s, S, CHILD, "close", 0, SERVER_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    owner_is(CLOSE_WAIT, 0, 0);
    call_on(&s, S, CHILD, "read", 5, SERVER_PID);
    call_on(&s, S, CHILD, "close", 0, SERVER_PID);
    e = kernel_event(&s, EVENT_SOCK_STATE, S, CHILD);
    e.sock.from = CLOSE_WAIT;
    e.sock.to = LAST_ACK;
    e.sock.call = "close";
    feed(&s, &e);
    owner_is(LAST_ACK, SERVER_PID, 0);
    script_finish(&s);
}

/* The timeout is a second, and the kernel cuts it short where what came acknowledged something else. */
static void a_timer_tells_how_long_was_waited(void **state)
{
    struct event e;

    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send(&s, C, "S", 0, 0, 0);
    send(&s, S, "A", 77, 99, 0);
    e = kernel_event(&s, EVENT_RETRANSMIT, C, CLIENT);
    e.retransmit = (typeof(e.retransmit)){ .state = SYN_SENT, .count = 1, .rto_ns = SECOND };
    feed(&s, &e);
    assert_int_equal(find(&s, CHANGE_TIMER, 1, 0)->timer.rto_ns, SECOND);
    assert_int_equal(find(&s, CHANGE_TIMER, 1, 0)->timer.waited_ns, 2 * MS);
    script_finish(&s);
}

/* Packets of all interfaces are captured, and its SYNs are not among them. */
static void syns_that_never_left(void **state)
{
    (void)state;
    for (unsigned all = 0; all < 2; all++) {
        struct event e;

        script_free(&s);
        script_configure(&s, (struct conn_config){ .all_packets = all });
        sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
        e = kernel_event(&s, EVENT_RETRANSMIT, C, CLIENT);
        e.retransmit = (typeof(e.retransmit)){ .state = SYN_SENT, .count = 1 };
        feed(&s, &e);
        sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
        script_finish(&s);
        assert_int_equal(outcome_of(&s, 1)->outcome.cause, all ? CAUSE_LOCAL_DROP : CAUSE_NONE);
    }
}

/* The segment that carried the RST is the cause at both ends. */
static void reset_has_a_cause(void **state)
{
    const struct change *rst;

    (void)state;
    s.netns = 0;
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send_handshake(&s);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    child_is_made();
    reset(&s, C, true, "TCP_ABORT_ON_CLOSE");
    send(&s, C, "RA", 1, 1, 0);
    rst = find(&s, CHANGE_SEGMENT, 1, 3);
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, CLIENT_PID);
    assert_int_equal(s.changes[s.count - 1].because, rst->n);
    reset(&s, S, false, "");
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, 0);
    assert_int_equal(s.changes[s.count - 1].because, rst->n);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_RESET_BY_CLIENT);
}

static void reset_about_nothing(void **state)
{
    (void)state;
    reset(&s, S, true, "NO_SOCKET");
    assert_int_equal(s.count, 0);
    script_finish(&s);
}

static void gap(void **state)
{
    struct event e = { .kind = EVENT_GAP, .source = WITNESS_KERNEL };
    const struct change *c;

    (void)state;
    strcpy(e.gap.hook, "inet_sock_set_state");
    e.gap.lost = 12;
    e.gap.from_ns = START_NS - SECOND;
    e.gap.to_ns = START_NS;
    feed(&s, &e);
    c = find(&s, CHANGE_GAP, 0, 0);
    assert_int_equal(c->gap.source, WITNESS_KERNEL);
    assert_string_equal(c->gap.hook, "inet_sock_set_state");
    assert_int_equal(c->gap.lost, 12);
    assert_int_equal(c->gap.from_ns, START_NS - SECOND);
    assert_int_equal(c->gap.to_ns, START_NS);
    script_finish(&s);
}

static void listed(struct script *script, enum end end, uint64_t cookie, enum tcp_state at)
{
    struct event e = kernel_event(script, EVENT_PRESENT, end, cookie);

    e.snapshot.state = at;
    e.snapshot.minisock = at == TIME_WAIT;
    feed(script, &e);
}

static void surveyed(struct script *script, uint64_t from_ns)
{
    struct event e = kernel_event(script, EVENT_SURVEYED, C, 0);

    e.surveyed.from_ns = from_ns;
    feed(script, &e);
}

/* The end of both was lost: one left a minisock, the other nothing. */
static void what_was_lost_is_gone(void **state)
{
    (void)state;
    open_both();
    s.now_ns += 10 * SECOND;
    listed(&s, C, CLIENT, TIME_WAIT);
    surveyed(&s, s.now_ns - SECOND);
    assert_string_equal(lines_of(&s, s.count - 3, CHANGE_STATE),
                        "    1 client ESTABLISHED > TIME-WAIT sampled kernel timewait\n"
                        "    1 server ESTABLISHED > CLOSED assumed kernel none\n");
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.final[C], CLOSED);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
}

/* What a listing shows, what was told of since it began, and what it cannot show, stay. */
static void what_is_there_stays(void **state)
{
    const unsigned before = (open_both(), s.count);

    (void)state;
    surveyed(&s, START_NS - SECOND);
    listed(&s, C, CLIENT, ESTABLISHED);
    listed(&s, S, CHILD, ESTABLISHED);
    surveyed(&s, s.now_ns - 2 * MS);
    assert_int_equal(s.count, before);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_STILL_OPEN);
}

static void sampled(void **state)
{
    struct event e = kernel_event(&s, EVENT_SNAPSHOT, C, CLIENT);

    (void)state;
    e.source = WITNESS_DIAG;
    e.snapshot.state = ESTABLISHED;
    feed(&s, &e);
    assert_int_equal(find(&s, CHANGE_STATE, 1, 0)->state.how, HOW_SAMPLED);
    assert_int_equal(find(&s, CHANGE_STATE, 1, 0)->state.source, WITNESS_DIAG);
    script_finish(&s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_state_tells),
        TEST(what_was_lost_is_gone),
        TEST(what_is_there_stays),
        TEST(closing_but_for_a_process),
        TEST(child_was_lost),
        TEST(outcome_without_packets),
        TEST(identity),
        TEST(causes_are_in_the_trace),
        TEST(fin_wait_2_expires),
        TEST(time_wait_is_killed),
        TEST(time_wait_is_reset),
        TEST(reset_after_a_retransmission),
        TEST(fin_wait_2_without_minisock),
        TEST(time_wait_deadline),
        TEST(time_wait_is_not_predicted),
        TEST(simultaneous_close),
        TEST(simultaneous_open),
        TEST(refused),
        TEST(told_when_its_time_is_over),
        TEST(connect_times_out),
        TEST(a_timer_tells_how_long_was_waited),
        TEST(after_a_fork_the_child_holds_it),
        TEST(who_closed_it_holds_it_no_more),
        TEST(syns_that_never_left),
        TEST(reset_has_a_cause),
        TEST(reset_about_nothing),
        TEST(gap),
        TEST(sampled),
    };

    return cmocka_run_group_tests_name("conn_kernel", tests, NULL, NULL);
}
