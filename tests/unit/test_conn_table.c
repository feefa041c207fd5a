/* Which connection an event is about: older than the trace, seen from one end, its endpoints used again, unknown, or
 * one too many. */
#include "conn_story.h"

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

/* Its endpoints are used while the minisock is still there: the kernel's word that it went comes after, and belongs to
 * the old connection, not to the one that took its place. */
static void minisock_behind_a_new_use(void **state)
{
    const struct change *c;

    (void)state;
    open_both();
    client_closes_into_a_minisock();
    server_closes();
    sock(&s, C, 11, CLOSED, SYN_SENT, 401);
    assert_null(find(&s, CHANGE_OUTCOME, 1, 0));
    request_starts(); /* an event without a cookie is about the one in use */
    timewait(&s, EVENT_TIMEWAIT_KILLED, C, CLIENT, TIME_WAIT, 0);
    c = find(&s, CHANGE_TIMER, 1, 2);
    assert_int_equal(c->timer.phase, TIMER_CANCELLED);
    assert_int_equal(c->timer.why, TIMER_WHY_REUSED);
    assert_null(find(&s, CHANGE_TIMER, 1, 3));
    sock(&s, C, 11, SYN_SENT, ESTABLISHED, 0);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 2);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 TIME-WAIT CLOSED");
    assert_string_equal(kernel(2, C), "CLOSED SYN-SENT ESTABLISHED");
    assert_string_equal(kernel(2, S), "LISTEN SYN-RECEIVED");
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_CLOSED_NORMALLY);
    assert_int_equal(outcome_of(&s, 2)->outcome.verdict, VERDICT_HANDSHAKE_INCOMPLETE);
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

/* What is there when the trace begins; what a hook told meanwhile is newer. */
static void snapshot(void **state)
{
    struct event e = kernel_event(&s, EVENT_SNAPSHOT, C, CLIENT);

    (void)state;
    e.snapshot.state = ESTABLISHED;
    e.snapshot.owner = task(CLIENT_PID);
    feed(&s, &e);
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    feed(&s, &e);
    s.at[C].port++;
    e = kernel_event(&s, EVENT_SNAPSHOT, C, CLIENT + 1);
    e.snapshot.state = TIME_WAIT;
    e.snapshot.minisock = true;
    e.snapshot.expires_ns = s.now_ns + 7 * SECOND;
    feed(&s, &e);
    e = kernel_event(&s, EVENT_SNAPSHOT, C, CLIENT + 2); /* bound, no more */
    s.at[C].port++;
    e.snapshot.state = CLOSED;
    feed(&s, &e);
    assert_string_equal(lines(&s, 1), "connection 1 40000 > 80 before-trace assumed\n"
                                      "    1 client UNKNOWN > ESTABLISHED observed kernel sock\n"
                                      "    1 client ESTABLISHED > FIN-WAIT-1 observed kernel sock\n"
                                      "connection 2 40001 > 80 before-trace assumed\n"
                                      "    2 client UNKNOWN > TIME-WAIT observed kernel timewait\n"
                                      "  2 client timer time-wait set\n");
    assert_int_equal(find(&s, CHANGE_STATE, 1, 0)->state.owner.pid, CLIENT_PID);
    assert_int_equal(find(&s, CHANGE_TIMER, 2, 0)->timer.expires_ns, START_NS + 3 * MS + 7 * SECOND);
    script_finish(&s);
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
    assert_string_equal(lines(&s, 1), "connection 1 40000 > 80 before-trace assumed\n"
                                      "    1 client UNKNOWN > TIME-WAIT observed kernel timewait\n"
                                      "  1 client timer time-wait set\n");
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

/* Events are missing: where the kernel comes from shows the step they told of. */
static void lost_transition(void **state)
{
    (void)state;
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    assert_string_equal(kernel(1, C), "CLOSED SYN-SENT +FIN-WAIT-1 FIN-WAIT-2");
    assert_null(find(&s, CHANGE_STATE, 1, 1)->state.rfc);
    assert_non_null(find(&s, CHANGE_STATE, 1, 2)->state.rfc);
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

static uint64_t forgotten(void)
{
    uint64_t beyond[BEYOND_N] = { 0 };

    conn_engine_beyond(s.table, beyond);
    return beyond[BEYOND_CONNECTIONS];
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
    assert_int_equal(forgotten(), 0);
    s.at[C].port = 4;
    sock(&s, C, 4, CLOSED, SYN_SENT, CLIENT_PID);
    assert_int_equal(forgotten(), 1);
    assert_int_equal(count_of(&s, CHANGE_OUTCOME), 1);
    assert_int_equal(find(&s, CHANGE_OUTCOME, 0, 0)->conn, 2);
    s.at[C].port = 2;
    sock(&s, C, 2, SYN_SENT, ESTABLISHED, 0);
    assert_true(find(&s, CHANGE_CONNECTION, 5, 0)->connection.before_trace);
    assert_int_equal(forgotten(), 2);
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
    assert_int_equal(forgotten(), 0);
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
        case 0: send(&s, end, r & 1 << 10 ? "S" : "A", r >> 11 & 1, r >> 12 & 1, 0); break;
        case 1: send(&s, end, r & 1 << 10 ? "FA" : "R", r >> 11 & 1, r >> 12 & 1, 0); break;
        case 2:
            timewait(&s, EVENT_TIMEWAIT_START + (r >> 10) % 4, end, (r >> 12) % 3, r & 1 << 14 ? TIME_WAIT : FIN_WAIT_2,
                     r % (60 * SECOND));
            break;
        case 3: reset(&s, end, r & 1 << 10, ""); break;
        case 4:
            queue(&s, EVENT_REQUEST_START + (r >> 10) % 4,
                  (struct depth){ (r >> 12) % 3, .syn = 1, .backlog = (r >> 14) % 2 });
            break;
        case 5: accept_call(&s, (r >> 10) % 3, (struct depth){ .listener = (r >> 12) % 3 }, 3, 4, SERVER_PID); break;
        case 6:
            listener(&s, (r >> 10) % 3, r & 1 << 12 ? CLOSED : LISTEN, r & 1 << 12 ? LISTEN : CLOSED, 5, SERVER_PID);
            break;
        default: sock(&s, end, (r >> 10) % 3, (r >> 12) % TCP_STATE_N, (r >> 16) % TCP_STATE_N, (r >> 20) % 2);
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
        TEST(port_reuse),
        TEST(minisock_behind_a_new_use),
        TEST(port_reuse_seen_by_the_server),
        TEST(only_the_client_is_here),
        TEST(older_than_the_trace),
        TEST(older_than_the_trace_beside_a_listener),
        TEST(snapshot),
        TEST(last_breath_of_a_stranger),
        TEST(strange_cookie),
        TEST(lost_transition),
        TEST(self_connect),
        TEST(eviction),
        TEST(many),
        TEST(random_events),
    };

    return cmocka_run_group_tests_name("conn_table", tests, NULL, NULL);
}
