/* Samples of the socket table in, records out: what was not seen is not claimed. */
#include "conn_script.h"

static struct event sample_event(enum end end, uint64_t cookie, enum tcp_state state)
{
    struct event e = kernel_event(&s, EVENT_SNAPSHOT, end, cookie);

    e.source = WITNESS_DIAG;
    e.snapshot.state = state;
    e.snapshot.fresh = true;
    return e;
}

static void sampled(enum end end, uint64_t cookie, enum tcp_state state)
{
    struct event e = sample_event(end, cookie, state);

    feed(&s, &e);
}

static void sampled_request(uint64_t cookie)
{
    struct event e = sample_event(S, cookie, SYN_RECEIVED);

    e.snapshot.request = true;
    feed(&s, &e);
}

/* expires_ns: after now. */
static void sampled_minisock(enum end end, uint64_t cookie, enum tcp_state state, uint64_t expires_ns)
{
    struct event e = sample_event(end, cookie, state);

    e.snapshot.minisock = true;
    e.snapshot.expires_ns = s.now_ns + expires_ns;
    feed(&s, &e);
}

static void gone(enum end end, uint64_t cookie, enum tcp_state from)
{
    struct event e = kernel_event(&s, EVENT_SOCK_STATE, end, cookie);

    e.source = WITNESS_DIAG;
    e.sock.from = from;
    e.sock.to = CLOSED;
    feed(&s, &e);
}

static void sampled_listener(struct depth depth, bool fresh)
{
    struct event e = sample_event(S, depth.listener, TCP_STATE_LISTEN);

    memset(&e.remote, 0, sizeof(e.remote));
    e.snapshot.fresh = fresh;
    e.snapshot.depth = (struct queue_depth){ .listener = depth.listener,
                                             .addr = s.at[S],
                                             .syn = depth.syn,
                                             .accept = depth.accept,
                                             .backlog = depth.backlog,
                                             .drops = depth.drops };
    feed(&s, &e);
}

static const char *diag(uint32_t conn, enum end end)
{
    return path(&s, conn, end, WITNESS_DIAG);
}

/* Slow enough for every state to be met by a sample. */
static void word_for_word(void **state)
{
    const struct change *c;

    (void)state;
    sampled_listener((struct depth){ LISTENER, .backlog = 16 }, true);
    sampled(C, CLIENT, SYN_SENT);
    sampled_listener((struct depth){ LISTENER, .syn = 1, .backlog = 16 }, true);
    sampled_request(CHILD);
    sampled(S, CHILD, SYN_RECEIVED);
    sampled(C, CLIENT, ESTABLISHED);
    sampled(S, CHILD, ESTABLISHED);
    sampled(C, CLIENT, FIN_WAIT_1);
    sampled(S, CHILD, CLOSE_WAIT);
    sampled(C, CLIENT, FIN_WAIT_2);
    sampled_minisock(C, CLIENT, FIN_WAIT_2, 60 * SECOND);
    sampled(S, CHILD, LAST_ACK);
    sampled_minisock(C, CLIENT, TIME_WAIT, 60 * SECOND);
    gone(S, CHILD, LAST_ACK);
    wait_ns(&s, 60 * SECOND);
    gone(C, CLIENT, TIME_WAIT);
    script_finish(&s);
    for (unsigned i = 0; (c = find(&s, CHANGE_STATE, 1, i)); i++) {
        assert_int_equal(c->state.how, HOW_SAMPLED);
        assert_non_null(c->state.rfc);
        assert_int_equal(c->state.owner.pid, 0);
    }
    assert_string_equal(
        lines(&s, 1),
        "listener 1 80 backlog 16\n"
        "connection 1 40000 > 80\n"
        "    1 client CLOSED > SYN-SENT sampled diag sock\n"
        "    queue 1 sample syn 1 accept 0 limit 17 drops 0\n"
        "    1 server LISTEN > SYN-RECEIVED sampled diag request\n"
        "    1 server request > sock in SYN-RECEIVED SYN_RECV\n"
        "    1 client SYN-SENT > ESTABLISHED sampled diag sock\n"
        "    1 server SYN-RECEIVED > ESTABLISHED sampled diag sock\n"
        "    1 client ESTABLISHED > FIN-WAIT-1 sampled diag sock\n"
        "    1 server ESTABLISHED > CLOSE-WAIT sampled diag sock\n"
        "    1 client FIN-WAIT-1 > FIN-WAIT-2 sampled diag sock\n"
        "    1 client sock > timewait in FIN-WAIT-2 FIN_WAIT2\n"
        "  1 client timer fin-wait-2 set\n"
        "    1 server CLOSE-WAIT > LAST-ACK sampled diag sock\n"
        "    1 client FIN-WAIT-2 > TIME-WAIT sampled diag timewait\n"
        "  1 client timer time-wait set\n"
        "    1 server LAST-ACK > CLOSED sampled diag none\n"
        "    1 client TIME-WAIT > CLOSED sampled diag none\n"
        "outcome 1 {\"verdict\": \"closed-normally\", \"final\": {\"client\": \"CLOSED\", \"server\": \"CLOSED\"}, "
        "\"closed_by\": \"client\"}\n");
}

/* Where samples jump the path jumps, and no edge is drawn for it. */
static void jumps(void **state)
{
    const struct change *o;

    (void)state;
    sampled_listener((struct depth){ LISTENER, .backlog = 16 }, true);
    sampled(S, CHILD, LAST_ACK);
    sampled_minisock(C, CLIENT, TIME_WAIT, 60 * SECOND);
    gone(S, CHILD, LAST_ACK);
    script_finish(&s);
    assert_string_equal(diag(1, S), "LISTEN LAST-ACK CLOSED");
    assert_string_equal(diag(1, C), "CLOSED TIME-WAIT");
    assert_null(find(&s, CHANGE_STATE, 1, 0)->state.rfc);
    assert_null(find(&s, CHANGE_STATE, 1, 1)->state.rfc);
    assert_false(find(&s, CHANGE_CONNECTION, 1, 0)->connection.before_trace);
    o = outcome_of(&s, 1);
    assert_int_equal(o->outcome.closed_by, C);
    assert_int_equal(o->outcome.verdict, VERDICT_CLOSED_NORMALLY);
}

/* The figure has this edge, but an end that went there was ESTABLISHED meanwhile. */
static void edge_that_may_be_a_way(void **state)
{
    (void)state;
    sampled_request(CHILD);
    sampled(S, CHILD, FIN_WAIT_1);
    script_finish(&s);
    assert_string_equal(diag(1, S), "LISTEN SYN-RECEIVED FIN-WAIT-1");
    assert_null(find(&s, CHANGE_STATE, 1, 1)->state.rfc);
}

static void before_the_trace(void **state)
{
    struct event e = sample_event(S, CHILD, ESTABLISHED);

    (void)state;
    sampled_listener((struct depth){ LISTENER, .accept = 2, .backlog = 16, .drops = 5 }, false);
    e.snapshot.fresh = false;
    feed(&s, &e);
    sampled_listener((struct depth){ LISTENER, .accept = 1, .backlog = 16, .drops = 7 }, true);
    sampled_listener((struct depth){ LISTENER, .accept = 1, .backlog = 8, .drops = 7 }, true);
    e = sample_event(S, LISTENER, CLOSED);
    memset(&e.remote, 0, sizeof(e.remote));
    e.kind = EVENT_SOCK_STATE;
    e.sock.depth = (struct queue_depth){ .listener = 0 };
    e.sock.from = TCP_STATE_LISTEN;
    e.sock.to = CLOSED;
    feed(&s, &e);
    script_finish(&s);
    assert_string_equal(
        lines(&s, 1),
        "listener 1 80 backlog 16 before-trace\n"
        "    queue 1 sample syn 0 accept 2 limit 17 drops 0\n"
        "connection 1 40000 > 80 before-trace\n"
        "    1 server UNKNOWN > ESTABLISHED sampled diag sock\n"
        "    queue 1 sample syn 0 accept 1 limit 17 drops 2\n"
        "listener 1 80 backlog 8\n"
        "    queue 1 sample syn 0 accept 1 limit 9 drops 2\n"
        "listener 1 80 backlog 8 closed\n"
        "outcome 1 {\"verdict\": \"midstream\", \"final\": {\"client\": \"UNKNOWN\", \"server\": \"ESTABLISHED\"}}\n");
}

/* A listener that began during the trace: all it dropped counts. */
static void fresh_listener_with_drops(void **state)
{
    (void)state;
    sampled_listener((struct depth){ LISTENER, .backlog = 16, .drops = 5 }, true);
    script_finish(&s);
    assert_string_equal(lines(&s, 1), "listener 1 80 backlog 16\n"
                                      "    queue 1 sample syn 0 accept 0 limit 17 drops 5\n");
}

/* Who is the client: it asked, or the other one listens, or the request is there, or it is a guess. */
static void roles(void **state)
{
    (void)state;
    sampled(C, CLIENT, SYN_SENT);
    assert_false(find(&s, CHANGE_CONNECTION, 1, 0)->connection.roles_assumed);
    s.at[C].port++;
    sampled_request(CHILD);
    assert_false(find(&s, CHANGE_CONNECTION, 2, 0)->connection.roles_assumed);
    assert_true(endpoint_equal(&find(&s, CHANGE_CONNECTION, 2, 0)->connection.server, &s.at[S]));
    s.at[C].port++;
    sampled(S, CHILD + 1, ESTABLISHED);
    assert_true(find(&s, CHANGE_CONNECTION, 3, 0)->connection.roles_assumed);
    script_finish(&s);
}

/* Beside the packets: a cause is named where it can be no other segment. */
static void causes(void **state)
{
    (void)state;
    send_handshake(&s); /* records 1 to 8 */
    sampled(C, CLIENT, ESTABLISHED);
    sampled(S, CHILD, ESTABLISHED);
    send(&s, C, "FA", 1, 1, 0);
    sampled(S, CHILD, CLOSE_WAIT);
    send(&s, S, "A", 1, 2, 0);
    sampled(C, CLIENT, FIN_WAIT_2);
    send(&s, S, "FA", 1, 2, 0);
    sampled_minisock(C, CLIENT, TIME_WAIT, 60 * SECOND);
    send(&s, C, "A", 2, 2, 0);
    gone(S, CHILD, CLOSE_WAIT);
    script_finish(&s);
    for (unsigned i = 0;; i++) {
        const struct change *c = find(&s, CHANGE_STATE, 1, i), *cause;

        if (!c)
            break;
        if (c->state.source != WITNESS_DIAG)
            continue;
        cause = c->because ? &s.changes[c->because - 1] : NULL;
        if (c->state.to == CLOSE_WAIT || c->state.to == TIME_WAIT) {
            assert_non_null(cause);
            assert_true(cause->segment.segment.flags & SEGMENT_FIN);
            assert_int_equal(cause->end, !c->end);
        } else {
            assert_null(cause);
        }
    }
    assert_string_equal(diag(1, C), "CLOSED ESTABLISHED FIN-WAIT-2 TIME-WAIT");
    assert_string_equal(diag(1, S), "LISTEN ESTABLISHED CLOSE-WAIT CLOSED");
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 1);
}

/* Of what came and went between two samples only the end is told, from UNKNOWN; where packets saw nothing either there
 * is no connection. */
static void never_sampled(void **state)
{
    (void)state;
    gone(C, CLIENT, TCP_STATE_UNKNOWN);
    assert_int_equal(s.count, 0);
    send(&s, C, "S", 0, 0, 0);
    send(&s, S, "RA", 0, 1, 0);
    gone(C, CLIENT, TCP_STATE_UNKNOWN);
    gone(C, CLIENT, TCP_STATE_UNKNOWN);
    script_finish(&s);
    assert_string_equal(diag(1, C), "UNKNOWN CLOSED");
    assert_null(find(&s, CHANGE_STATE, 1, 3)->state.rfc);
    assert_int_equal(outcome_of(&s, 1)->outcome.verdict, VERDICT_REFUSED);
    assert_int_equal(outcome_of(&s, 1)->outcome.final[C], CLOSED);
}

/* The minisock of a sampled end that was removed before its time: figure 5's timeout did not happen. */
static void timewait_cut_short(void **state)
{
    (void)state;
    for (unsigned early = 0; early < 2; early++) {
        const struct change *c;

        sampled(C, CLIENT + early, FIN_WAIT_2);
        sampled_minisock(C, CLIENT + early, TIME_WAIT, 60 * SECOND);
        wait_ns(&s, early ? 30 * SECOND : 60 * SECOND);
        gone(C, CLIENT + early, TIME_WAIT);
        c = find(&s, CHANGE_STATE, early + 1, 2);
        assert_int_equal(c->state.to, CLOSED);
        assert_int_equal(c->state.rfc != NULL, !early);
        s.at[C].port++;
    }
    script_finish(&s);
}

/* Its deadline is put off: told again; not where the same one is told. */
static void deadlines(void **state)
{
    struct event e = sample_event(C, CLIENT, TIME_WAIT);

    (void)state;
    sampled_minisock(C, CLIENT, TIME_WAIT, 60 * SECOND);
    e.snapshot.minisock = true;
    e.snapshot.expires_ns = find(&s, CHANGE_TIMER, 1, 0)->timer.expires_ns;
    feed(&s, &e);
    assert_int_equal(count_of(&s, CHANGE_TIMER), 1);
    wait_ns(&s, 10 * SECOND);
    sampled_minisock(C, CLIENT, TIME_WAIT, 60 * SECOND);
    assert_int_equal(count_of(&s, CHANGE_TIMER), 2);

    /* of another state it is another timer, whenever it ends */
    s.at[C].port++;
    sampled_minisock(C, CLIENT + 1, FIN_WAIT_2, 60 * SECOND);
    e = sample_event(C, CLIENT + 1, TIME_WAIT);
    e.snapshot.minisock = true;
    e.snapshot.expires_ns = find(&s, CHANGE_TIMER, 2, 0)->timer.expires_ns;
    feed(&s, &e);
    assert_int_equal(find(&s, CHANGE_TIMER, 2, 1)->timer.name, TIMER_TIME_WAIT);
    script_finish(&s);
}

/* Another cookie: the same endpoints, another connection; what ends the old one does not touch the new one. */
static void used_again(void **state)
{
    (void)state;
    sampled(C, CLIENT, ESTABLISHED);
    sampled(S, CHILD, ESTABLISHED);
    sampled(C, CLIENT + 1, SYN_SENT);
    gone(S, CHILD, ESTABLISHED);
    gone(C, CLIENT, ESTABLISHED);
    sampled(S, CHILD + 1, ESTABLISHED);
    script_finish(&s);
    assert_string_equal(diag(2, C), "CLOSED SYN-SENT");
    assert_string_equal(diag(2, S), "LISTEN ESTABLISHED");
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 2);
}

/* The packets show the new use first; the old socket's end comes to light after. */
static void used_again_on_the_wire_first(void **state)
{
    (void)state;
    send_handshake(&s);
    sampled(C, CLIENT, ESTABLISHED);
    send(&s, C, "RA", 1, 1, 0);
    s.isn[C] += 100000;
    s.isn[S] += 100000;
    send_handshake(&s);
    gone(C, CLIENT, ESTABLISHED);
    sampled(C, CLIENT + 1, ESTABLISHED);
    script_finish(&s);
    assert_int_equal(count_of(&s, CHANGE_CONNECTION), 2);
    assert_string_equal(diag(2, C), "CLOSED ESTABLISHED");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(word_for_word),
        TEST(jumps),
        TEST(edge_that_may_be_a_way),
        TEST(before_the_trace),
        TEST(fresh_listener_with_drops),
        TEST(roles),
        TEST(causes),
        TEST(never_sampled),
        TEST(timewait_cut_short),
        TEST(deadlines),
        TEST(used_again),
        TEST(used_again_on_the_wire_first),
    };

    return cmocka_run_group_tests_name("conn_sampled", tests, NULL, NULL);
}
