/* The kernel's events in, records out: what a kernel was seen to say, in the order in which it says it. */
#include "conn_script.h"

#define C END_CLIENT
#define S END_SERVER

#define CLOSED TCP_STATE_CLOSED
#define LISTEN TCP_STATE_LISTEN
#define SYN_SENT TCP_STATE_SYN_SENT
#define SYN_RECEIVED TCP_STATE_SYN_RECEIVED
#define ESTABLISHED TCP_STATE_ESTABLISHED
#define FIN_WAIT_1 TCP_STATE_FIN_WAIT_1
#define FIN_WAIT_2 TCP_STATE_FIN_WAIT_2
#define CLOSE_WAIT TCP_STATE_CLOSE_WAIT
#define CLOSING TCP_STATE_CLOSING
#define LAST_ACK TCP_STATE_LAST_ACK
#define TIME_WAIT TCP_STATE_TIME_WAIT

/* Socket cookies and processes of the stories below. */
enum { LISTENER = 1, CLIENT = 10, CHILD = 20 };
enum { SERVER_PID = 300, CLIENT_PID = 400 };

static struct script s;

static const char *kernel(uint32_t conn, enum end end)
{
    return path(&s, conn, end, WITNESS_KERNEL);
}

static int setup(void **state)
{
    (void)state;
    script_start(&s);
    s.netns = NETNS;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    script_free(&s);
    return 0;
}

static void listen_with(uint32_t backlog)
{
    listener(&s, LISTENER, CLOSED, LISTEN, backlog, SERVER_PID);
}

/* The server's half of a handshake, from the SYN to the accept queue; sleeps: what stands between the two. */
static void request_starts(void)
{
    queue(&s, EVENT_REQUEST_START, (struct depth){ LISTENER, .syn = 1, .backlog = 16 });
}

static void child_is_made(void)
{
    sock(&s, S, CHILD, LISTEN, SYN_RECEIVED, 0);
    queue(&s, EVENT_REQUEST_END, (struct depth){ LISTENER, .backlog = 16 });
    sock(&s, S, CHILD, SYN_RECEIVED, ESTABLISHED, 0);
    queue(&s, EVENT_ACCEPT_QUEUED, (struct depth){ LISTENER, .accept = 1, .backlog = 16 });
}

static void child_is_accepted(void)
{
    accept_call(&s, CHILD, (struct depth){ LISTENER, .backlog = 16 }, 3, 5, SERVER_PID);
}

static void open_both(void)
{
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    child_is_made();
    child_is_accepted();
}

/* The client closes while the server is silent: the minisock takes over in FIN-WAIT-2. */
static void client_closes_into_a_minisock(void)
{
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, FIN_WAIT_2, 60 * SECOND);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
}

static void server_closes(void)
{
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    timewait(&s, EVENT_TIMEWAIT_CHANGE, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
}

/* Everything about a connection inside one host, word for word. */
static void normal_word_for_word(void **state)
{
    (void)state;
    open_both();
    client_closes_into_a_minisock();
    server_closes();
    wait_ns(&s, 60 * SECOND);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    script_finish(&s);
    assert_string_equal(lines(&s, 1), "listener 1 192.0.2.2:80 backlog 16 pid 300\n"
                                      "connection 192.0.2.1:40000 192.0.2.2:80\n"
                                      "kernel client CLOSED>SYN-SENT sock\n"
                                      "kernel server LISTEN>SYN-RECEIVED request\n"
                                      "queue 1 conn 1 syn syn 1 accept 0 limit 17 drops 0\n"
                                      "kernel client SYN-SENT>ESTABLISHED sock\n"
                                      "object server request>sock in SYN-RECEIVED SYN_RECV\n"
                                      "queue 1 conn 1 established syn 0 accept 0 limit 17 drops 0\n"
                                      "kernel server SYN-RECEIVED>ESTABLISHED sock\n"
                                      "queue 1 conn 0 established syn 0 accept 1 limit 17 drops 0\n"
                                      "call server accept4 fd 3 ret 5 pid 300\n"
                                      "queue 1 conn 1 accept syn 0 accept 0 limit 17 drops 0\n"
                                      "kernel client ESTABLISHED>FIN-WAIT-1 sock\n"
                                      "kernel server ESTABLISHED>CLOSE-WAIT sock\n"
                                      "kernel client FIN-WAIT-1>FIN-WAIT-2 sock\n"
                                      "object client sock>timewait in FIN-WAIT-2 FIN_WAIT2\n"
                                      "timer client fin-wait-2 set\n"
                                      "kernel server CLOSE-WAIT>LAST-ACK sock\n"
                                      "kernel client FIN-WAIT-2>TIME-WAIT timewait\n"
                                      "timer client time-wait set\n"
                                      "kernel server LAST-ACK>CLOSED none\n"
                                      "timer client time-wait fired\n"
                                      "kernel client TIME-WAIT>CLOSED none <- 22\n"
                                      "outcome closed-normally CLOSED CLOSED\n");
}

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
    assert_int_equal(o->outcome.state_ns[C][TIME_WAIT], 1 * MS);
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

/* With both witnesses each step names the segment, or the timer, that made it. */
static void causes(void **state)
{
    (void)state;
    s.netns = 0; /* where the capture's packets are */
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    send(&s, C, "S", 0, 0, 0);
    request_starts();
    send(&s, S, "SA", 0, 1, 0);
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    send(&s, C, "A", 1, 1, 0);
    child_is_made();
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    send(&s, C, "FA", 1, 1, 0);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    send(&s, S, "A", 1, 2, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    send(&s, S, "FA", 1, 2, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
    send(&s, C, "A", 2, 2, 0);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
    wait_ns(&s, 60 * SECOND);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    script_finish(&s);
    assert_string_equal(lines(&s, 2), "connection 192.0.2.1:40000 192.0.2.2:80\n"
                                      "kernel client CLOSED>SYN-SENT sock\n"
                                      "segment client SYN seq 0 ack 0 len 0\n" /* 4 */
                                      "wire client CLOSED>SYN-SENT <- 4\n"
                                      "kernel server LISTEN>SYN-RECEIVED request <- 4\n"
                                      "queue 1 conn 1 syn syn 1 accept 0 limit 17 drops 0\n"
                                      "segment server SYN ACK seq 0 ack 1 len 0\n" /* 8 */
                                      "wire server LISTEN>SYN-RECEIVED <- 8\n"
                                      "wire client SYN-SENT>ESTABLISHED <- 8\n"
                                      "kernel client SYN-SENT>ESTABLISHED sock <- 8\n"
                                      "segment client ACK seq 1 ack 1 len 0\n" /* 12 */
                                      "wire server SYN-RECEIVED>ESTABLISHED <- 12\n"
                                      "object server request>sock in SYN-RECEIVED SYN_RECV\n"
                                      "queue 1 conn 1 established syn 0 accept 0 limit 17 drops 0\n"
                                      "kernel server SYN-RECEIVED>ESTABLISHED sock <- 12\n"
                                      "queue 1 conn 0 established syn 0 accept 1 limit 17 drops 0\n"
                                      "kernel client ESTABLISHED>FIN-WAIT-1 sock\n"
                                      "segment client FIN ACK seq 1 ack 1 len 0\n" /* 19 */
                                      "wire client ESTABLISHED>FIN-WAIT-1 <- 19\n"
                                      "wire server ESTABLISHED>CLOSE-WAIT <- 19\n"
                                      "kernel server ESTABLISHED>CLOSE-WAIT sock <- 19\n"
                                      "segment server ACK seq 1 ack 2 len 0\n" /* 23 */
                                      "wire client FIN-WAIT-1>FIN-WAIT-2 <- 23\n"
                                      "kernel client FIN-WAIT-1>FIN-WAIT-2 sock <- 23\n"
                                      "kernel server CLOSE-WAIT>LAST-ACK sock\n"
                                      "segment server FIN ACK seq 1 ack 2 len 0\n" /* 27 */
                                      "wire server CLOSE-WAIT>LAST-ACK <- 27\n"
                                      "wire client FIN-WAIT-2>TIME-WAIT <- 27\n"
                                      "kernel client FIN-WAIT-2>TIME-WAIT timewait <- 27\n"
                                      "timer client time-wait set\n"
                                      "segment client ACK seq 2 ack 2 len 0\n" /* 32 */
                                      "wire server LAST-ACK>CLOSED <- 32\n"
                                      "kernel server LAST-ACK>CLOSED none <- 32\n"
                                      "timer client time-wait fired\n" /* 35 */
                                      "kernel client TIME-WAIT>CLOSED none <- 35\n"
                                      "outcome closed-normally CLOSED CLOSED\n");
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

/* FIN_WAIT2 > CLOSE of the socket that left a minisock behind is no end of the connection. */
static void minisock_outlives_its_socket(void **state)
{
    (void)state;
    open_both();
    client_closes_into_a_minisock();
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2");
    wait_ns(&s, 10 * SECOND);
    server_closes();
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT");
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
    c = &s.changes[s.count - 1];
    assert_int_equal(c->state.from, FIN_WAIT_2);
    assert_int_equal(c->state.to, CLOSED);
    assert_int_equal(c->because, s.count - 1);
    assert_int_equal(s.changes[s.count - 2].timer.name, TIMER_FIN_WAIT_2);
    assert_int_equal(s.changes[s.count - 2].timer.phase, TIMER_FIRED);
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
    assert_string_equal(lines(&s, s.count - 1), "timer client time-wait cancelled\n"
                                                "kernel client TIME-WAIT>CLOSED none <- 22\n");
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0); /* nothing is left to kill */
    assert_int_equal(s.changes[s.count - 1].kind, CHANGE_STATE);
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
    assert_string_equal(lines(&s, 3), "reset server sent NO_SOCKET\n"
                                      "reset client received \n"
                                      "kernel client SYN-SENT>CLOSED none\n"
                                      "outcome refused CLOSED UNKNOWN\n");
    c = find(&s, CHANGE_STATE, 1, 1);
    assert_null(c->state.rfc); /* it was no CLOSE call that led there */
    assert_int_equal(outcome_of(&s, 1)->outcome.reset_by, S);
}

/* The same of a host elsewhere: its RST is only received. */
static void refused_by_another_host(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    reset(&s, C, false, "");
    sock(&s, C, CLIENT, SYN_SENT, CLOSED, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_REFUSED);
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

static void reset_by_the_server(void **state)
{
    (void)state;
    open_both();
    sock(&s, S, CHILD, ESTABLISHED, CLOSED, SERVER_PID); /* close() with data unread */
    reset(&s, C, false, "");
    sock(&s, C, CLIENT, ESTABLISHED, CLOSED, 0);
    script_finish(&s);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT ESTABLISHED CLOSED");
    assert_string_equal(kernel(1, S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSED");
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_RESET_BY_SERVER);
    assert_int_equal(outcome_of(&s, 1)->outcome.reset_by, S);
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

static void port_reuse(void **state)
{
    (void)state;
    open_both();
    client_closes_into_a_minisock();
    server_closes();
    /* tcp_tw_reuse: the minisock goes just before its endpoints are used again */
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0);
    sock(&s, C, 11, CLOSED, SYN_SENT, 401);
    queue(&s, EVENT_REQUEST_START, (struct depth){ LISTENER, .syn = 1, .backlog = 16 });
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0); /* the old one's: of no concern any more */
    sock(&s, C, 11, SYN_SENT, ESTABLISHED, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 2);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
    assert_true(outcome_of(&s, 1)->n < find(&s, CHANGE_CONNECTION, 2, 0)->n);
    assert_string_equal(kernel(2, C), "CLOSED SYN-SENT ESTABLISHED");
    assert_string_equal(kernel(2, S), "LISTEN SYN-RECEIVED");
    assert_int_equal(find(&s, CHANGE_STATE, 2, 0)->state.owner.pid, 401);
}

/* The server's endpoint alone is here: a request on endpoints whose last use is over begins a new one. */
static void port_reuse_seen_by_the_server(void **state)
{
    (void)state;
    listen_with(16);
    for (unsigned i = 0; i < 2; i++) {
        request_starts();
        child_is_made();
        child_is_accepted();
        sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
        sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
        sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
    }
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 2);
    for (uint32_t conn = 1; conn <= 2; conn++) {
        const struct change *o = outcome_of(&s, conn);

        assert_string_equal(kernel(conn, S), "LISTEN SYN-RECEIVED ESTABLISHED CLOSE-WAIT LAST-ACK CLOSED");
        /* of the client nothing was seen but that it closed */
        assert_int_equal(o->outcome.verdict, VERDICT_CLOSED_NORMALLY);
        assert_int_equal(o->outcome.closed_by, C);
        assert_int_equal(o->outcome.final[C], TCP_STATE_UNKNOWN);
    }
}

/* The client's end alone is here, and closes first: it has been through TIME-WAIT, so the other has closed too. */
static void only_the_client_is_here(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
    script_finish(&s);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
    assert_int_equal(outcome_of(&s, 1)->outcome.final[S], TCP_STATE_UNKNOWN);
}

static void older_than_the_trace(void **state)
{
    const struct change *c;

    (void)state;
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    c = find(&s, CHANGE_CONNECTION, 1, 0);
    assert_true(c->connection.before_trace);
    assert_true(c->connection.roles_assumed); /* no listener is known: who reports first is taken for the client */
    assert_true(endpoint_equal(&c->connection.client, &s.at[S]));
    assert_string_equal(kernel(1, END_CLIENT), "UNKNOWN CLOSE-WAIT");
    script_finish(&s);
}

/* Where a listener has the local port, that is the server. */
static void older_than_the_trace_beside_a_listener(void **state)
{
    static const char *const any[] = { "0.0.0.0", "::", "192.0.2.2" };

    (void)state;
    for (size_t i = 0; i < sizeof(any) / sizeof(*any); i++) {
        struct event e;
        const struct change *c;

        script_free(&s);
        setup(state);
        e = kernel_event(&s, EVENT_SOCK_STATE, S, LISTENER);
        e.local = endpoint(any[i], 80);
        e.sock.from = CLOSED;
        e.sock.to = LISTEN;
        feed(&s, &e);
        sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
        c = find(&s, CHANGE_CONNECTION, 1, 0);
        assert_true(c->connection.before_trace);
        assert_false(c->connection.roles_assumed);
        assert_true(endpoint_equal(&c->connection.server, &s.at[S]));
        script_finish(&s);
    }
}

/* The last word about something that was never followed is not worth a connection. */
static void last_breath_of_a_stranger(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, LAST_ACK, CLOSED, 0);
    sock(&s, C, CLIENT, TCP_STATE_UNKNOWN, ESTABLISHED, 0);
    sock(&s, C, CLIENT, ESTABLISHED, TCP_STATE_UNKNOWN, 0);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0);
    timewait(&s, EVENT_TIMEWAIT_CHANGE, C, CLIENT, TIME_WAIT, 0);
    queue(&s, EVENT_REQUEST_END, (struct depth){ LISTENER, .backlog = 16 });
    queue(&s, EVENT_REQUEST_RETRY, (struct depth){ LISTENER, .backlog = 16 });
    assert_int_equal(s.count, 0);
    /* but a minisock that is made is one */
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    assert_string_equal(lines(&s, 1), "connection 192.0.2.1:40000 192.0.2.2:80 before-trace roles-assumed\n"
                                      "kernel client UNKNOWN>TIME-WAIT timewait\n"
                                      "timer client time-wait set\n");
    script_finish(&s);
}

/* A socket of an earlier use of the endpoints that dies late, and its minisock. */
static void strange_cookie(void **state)
{
    (void)state;
    open_both();
    sock(&s, C, 9, SYN_SENT, CLOSED, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, 9, TIME_WAIT, 60 * SECOND);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, 9, TIME_WAIT, 0);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT ESTABLISHED");
    script_finish(&s);
}

static void request_is_retried_and_dropped(void **state)
{
    (void)state;
    listen_with(16);
    request_starts();
    queue(&s, EVENT_REQUEST_RETRY, (struct depth){ LISTENER, .syn = 1, .backlog = 16 });
    queue(&s, EVENT_REQUEST_END, (struct depth){ LISTENER, .backlog = 16, .drops = 2 });
    script_finish(&s);
    assert_string_equal(lines(&s, 2), "connection 192.0.2.1:40000 192.0.2.2:80\n"
                                      "kernel server LISTEN>SYN-RECEIVED request\n"
                                      "queue 1 conn 1 syn syn 1 accept 0 limit 17 drops 0\n"
                                      "timer server syn-ack fired\n"
                                      "kernel server SYN-RECEIVED>CLOSED none\n"
                                      "queue 1 conn 1 dropped syn 0 accept 0 limit 17 drops 2\n"
                                      "outcome handshake-incomplete UNKNOWN CLOSED\n");
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
    assert_string_equal(lines(&s, 1), "listener 1 192.0.2.2:80 backlog 16 pid 300\n"
                                      "listener 1 192.0.2.2:80 backlog 32 pid 300\n"
                                      "connection 192.0.2.1:40000 192.0.2.2:80\n"
                                      "listener 1 192.0.2.2:80 backlog 64 pid 300\n"
                                      "kernel server LISTEN>SYN-RECEIVED request\n"
                                      "queue 1 conn 1 syn syn 1 accept 0 limit 65 drops 0\n"
                                      "queue 1 conn 0 established syn 0 accept 1 limit 65 drops 0\n"
                                      "listener 1 192.0.2.2:80 backlog 64 pid 300 closed\n"
                                      "outcome handshake-incomplete UNKNOWN SYN-RECEIVED\n");
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
    assert_string_equal(lines(&s, before + 1), "timer server syn-ack fired\n"
                                               "kernel server SYN-RECEIVED>CLOSED none\n");
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
    assert_string_equal(lines(&s, 1), "connection 192.0.2.1:40000 192.0.2.2:80\n"
                                      "listener 1 192.0.2.2:80 backlog 4 pid 0 before-trace\n"
                                      "kernel server LISTEN>SYN-RECEIVED request\n"
                                      "queue 1 conn 1 syn syn 3 accept 1 limit 5 drops 0\n"
                                      "queue 1 conn 0 established syn 2 accept 2 limit 5 drops 3\n");
    script_finish(&s);
}

/* accept() of a connection that waited since before the trace. */
static void accept_of_an_older_connection(void **state)
{
    (void)state;
    accept_call(&s, CHILD, (struct depth){ LISTENER, .backlog = 16 }, 3, 5, SERVER_PID);
    assert_string_equal(lines(&s, 1), "listener 1 192.0.2.2:80 backlog 16 pid 0 before-trace\n"
                                      "connection 192.0.2.1:40000 192.0.2.2:80 before-trace\n"
                                      "call server accept4 fd 3 ret 5 pid 300\n"
                                      "queue 1 conn 1 accept syn 0 accept 0 limit 17 drops 0\n");
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
    assert_string_equal(lines(&s, 3), "queue 2 conn 0 established syn 0 accept 1 limit 3 drops 0\n"
                                      "queue 1 conn 0 established syn 0 accept 2 limit 2 drops 0\n");
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

/* Events are missing: the path stays whole, though no edge leads there. */
static void lost_transition(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT FIN-WAIT-2");
    assert_null(find(&s, CHANGE_STATE, 1, 1)->state.rfc);
    script_finish(&s);
}

static void sampled(void **state)
{
    struct event e = kernel_event(&s, EVENT_SOCK_STATE, C, CLIENT);

    (void)state;
    e.source = WITNESS_DIAG;
    e.sock.from = SYN_SENT;
    e.sock.to = ESTABLISHED;
    feed(&s, &e);
    assert_int_equal(find(&s, CHANGE_STATE, 1, 0)->state.how, HOW_SAMPLED);
    assert_int_equal(find(&s, CHANGE_STATE, 1, 0)->state.source, WITNESS_DIAG);
    script_finish(&s);
}

/* One socket connected to its own address: both ends are the same. */
static void self_connect(void **state)
{
    (void)state;
    s.at[S] = s.at[C];
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    sock(&s, C, CLIENT, SYN_SENT, SYN_RECEIVED, 0);
    sock(&s, C, CLIENT, SYN_RECEIVED, ESTABLISHED, 0);
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, C, CLIENT, FIN_WAIT_1, CLOSING, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, C, CLIENT, CLOSING, CLOSED, 0);
    timewait(&s, EVENT_TIMEWAIT_EXPIRED, C, CLIENT, TIME_WAIT, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT SYN-RECEIVED ESTABLISHED FIN-WAIT-1 CLOSING TIME-WAIT CLOSED");
}

/* Full: the one that was silent longest goes, with an outcome, and its next event makes a new connection of it. */
static void eviction(void **state)
{
    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .conn_max = 3 });
    for (uint16_t port = 1; port <= 3; port++) {
        s.at[C].port = port;
        sock(&s, C, port, CLOSED, SYN_SENT, CLIENT_PID);
    }
    s.at[C].port = 1;
    sock(&s, C, 1, SYN_SENT, ESTABLISHED, 0); /* 2 is the oldest now */
    assert_int_equal(conn_table_evicted(s.table), 0);
    s.at[C].port = 4;
    sock(&s, C, 4, CLOSED, SYN_SENT, CLIENT_PID);
    assert_int_equal(conn_table_evicted(s.table), 1);
    assert_int_equal(count_of(&s, CHANGE_OUTCOME), 1);
    assert_int_equal(find(&s, CHANGE_OUTCOME, 0, 0)->conn, 2);
    s.at[C].port = 2;
    sock(&s, C, 2, SYN_SENT, ESTABLISHED, 0);
    assert_true(find(&s, CHANGE_CONNECTION, 5, 0)->connection.before_trace);
    assert_int_equal(conn_table_evicted(s.table), 2);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_OUTCOME), 5);
}

/* More than the table began with room for: every one is still found. */
static void many(void **state)
{
    enum { CONNS = 5000 };

    (void)state;
    for (uint16_t i = 0; i < CONNS; i++) {
        s.at[C].port = (uint16_t)(1024 + i);
        sock(&s, C, 100 + i, CLOSED, SYN_SENT, CLIENT_PID);
    }
    for (uint16_t i = 0; i < CONNS; i++) {
        s.at[C].port = (uint16_t)(1024 + i);
        sock(&s, C, 100 + i, SYN_SENT, ESTABLISHED, 0);
    }
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), CONNS);
    assert_int_equal(count_of(&s, CHANGE_STATE), 2 * CONNS);
    assert_int_equal(count_of(&s, CHANGE_OUTCOME), CONNS);
    assert_int_equal(conn_table_evicted(s.table), 0);
}

/* Any sequence of events whatever keeps what the script checks of every trace. */
static void random_events(void **state)
{
    uint64_t seed = 7;

    (void)state;
    script_free(&s);
    script_configure(&s, (struct conn_config){ .conn_max = 4 });
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t r;
        enum end end;

        seed = seed * 6364136223846793005ull + 1442695040888963407ull; /* Knuth's MMIX */
        r = (uint32_t)(seed >> 33);
        end = r & 1;
        s.at[C].port = (uint16_t)(40000 + (r >> 1) % 6);
        if (r % 89 == 0)
            wait_ns(&s, r % (100 * SECOND));
        if (r % 31 == 0)
            s.now_ns -= 20 * MS;
        switch ((r >> 5) % 10) {
        case 0:
            send(&s, end, r & 1 << 10 ? "S" : "A", r >> 11 & 1, r >> 12 & 1, 0);
            break;
        case 1:
            send(&s, end, r & 1 << 10 ? "FA" : "R", r >> 11 & 1, r >> 12 & 1, 0);
            break;
        case 2:
            timewait(&s, EVENT_TIMEWAIT_START + (r >> 10) % 4, end, (r >> 12) % 3,
                     r & 1 << 14 ? TIME_WAIT : FIN_WAIT_2, r % (60 * SECOND));
            break;
        case 3:
            reset(&s, end, r & 1 << 10, "");
            break;
        case 4:
            queue(&s, EVENT_REQUEST_START + (r >> 10) % 4,
                  (struct depth){ (r >> 12) % 3, .syn = 1, .backlog = (r >> 14) % 2 });
            break;
        case 5:
            accept_call(&s, (r >> 10) % 3, (struct depth){ .listener = (r >> 12) % 3 }, 3, 4, SERVER_PID);
            break;
        case 6:
            listener(&s, (r >> 10) % 3, r & 1 << 12 ? CLOSED : LISTEN, r & 1 << 12 ? LISTEN : CLOSED, 5, SERVER_PID);
            break;
        default:
            sock(&s, end, (r >> 10) % 3, (r >> 12) % TCP_STATE_N, (r >> 16) % TCP_STATE_N, (r >> 20) % 2);
        }
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
        TEST(normal_word_for_word),
        TEST(what_a_state_tells),
        TEST(outcome_without_packets),
        TEST(identity),
        TEST(causes),
        TEST(causes_are_in_the_trace),
        TEST(minisock_outlives_its_socket),
        TEST(fin_wait_2_expires),
        TEST(time_wait_is_killed),
        TEST(time_wait_deadline),
        TEST(time_wait_is_not_predicted),
        TEST(simultaneous_close),
        TEST(simultaneous_open),
        TEST(refused),
        TEST(refused_by_another_host),
        TEST(connect_times_out),
        TEST(reset_by_the_server),
        TEST(reset_has_a_cause),
        TEST(reset_about_nothing),
        TEST(port_reuse),
        TEST(port_reuse_seen_by_the_server),
        TEST(only_the_client_is_here),
        TEST(older_than_the_trace),
        TEST(older_than_the_trace_beside_a_listener),
        TEST(last_breath_of_a_stranger),
        TEST(strange_cookie),
        TEST(request_is_retried_and_dropped),
        TEST(listens_again_with_another_backlog),
        TEST(listener_is_closed),
        TEST(unknown_listener),
        TEST(accept_of_an_older_connection),
        TEST(two_listeners_on_an_address),
        TEST(gap),
        TEST(lost_transition),
        TEST(sampled),
        TEST(self_connect),
        TEST(eviction),
        TEST(many),
        TEST(random_events),
    };

    return cmocka_run_group_tests_name("conn_kernel", tests, NULL, NULL);
}
