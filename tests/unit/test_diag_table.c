/* Samples in, news out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "../../src/source/diag_table.h"
#include "tcplens/base/limits.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define START_NS (1700000000 * SECOND)
#define NETNS 4026531840u
#define LOST_NONE 0

static struct {
    struct diag_table *table;
    uint64_t now_ns;
    unsigned parts;
    uint64_t lost;
    char text[65536]; /* what the last sample told, one word group an event */
    size_t len;
    bool timed_right;
} run;

static struct endpoint at(const char *addr, uint16_t port)
{
    struct endpoint e = { .port = port };

    assert_int_equal(addr_parse(addr, &e.addr), 0);
    return e;
}

static void collect(void *arg, const struct event *e)
{
    size_t room = sizeof(run.text) - run.len;
    char *to = run.text + run.len;
    int n = 0;

    (void)arg;
    assert_int_equal(e->source, WITNESS_DIAG);
    assert_int_equal(e->netns, NETNS);
    run.timed_right = run.timed_right && e->ts_ns == run.now_ns;
    if (e->kind == EVENT_SOCK_STATE) {
        assert_int_equal(e->sock.to, TCP_STATE_CLOSED);
        n = snprintf(to, room, "%u/%llu %s gone\n", e->local.port, (unsigned long long)e->cookie,
                     tcp_state_name(e->sock.from));
    } else if (e->kind == EVENT_SNAPSHOT && e->snapshot.state == TCP_STATE_LISTEN) {
        assert_int_equal(e->snapshot.depth.listener, e->cookie);
        n = snprintf(to, room, "%u/%llu LISTEN%s syn %u accept %u/%u drops %u\n", e->local.port,
                     (unsigned long long)e->cookie, e->snapshot.fresh ? " fresh" : "", e->snapshot.depth.syn,
                     e->snapshot.depth.accept, e->snapshot.depth.backlog, e->snapshot.depth.drops);
    } else if (e->kind == EVENT_SNAPSHOT) {
        n = snprintf(to, room, "%u/%llu %s%s%s%s", e->local.port, (unsigned long long)e->cookie,
                     tcp_state_name(e->snapshot.state), e->snapshot.fresh ? " fresh" : "",
                     e->snapshot.request ? " request" : "", e->snapshot.minisock ? " minisock" : "");
        if (e->snapshot.minisock)
            n += snprintf(to + n, room - (size_t)n, " %lld ms",
                          (long long)(e->snapshot.expires_ns - run.now_ns) / 1000000);
        n += snprintf(to + n, room - (size_t)n, "\n");
    } else {
        fail_msg("event of kind %d", e->kind);
    }
    run.len += (size_t)n;
    assert_true(run.len < sizeof(run.text));
}

static void start_with(struct diag_table_config config)
{
    diag_table_free(run.table);
    memset(&run, 0, sizeof(run));
    run.now_ns = START_NS;
    run.parts = 1;
    run.timed_right = true;
    config.netns = NETNS;
    assert_int_equal(diag_table_new(&config, 1, &run.table), 0);
}

static int setup(void **state)
{
    (void)state;
    start_with((struct diag_table_config){ 0 });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    run.table = diag_table_free(run.table);
    assert_null(run.table);
    return 0;
}

/* Sockets of the stories: this end's port says which, the peer is always the same. */
static struct diag_socket sock(uint16_t port, uint64_t cookie, enum tcp_state state)
{
    return (struct diag_socket){
        .local = at("192.0.2.1", port), .remote = at("192.0.2.2", 80), .cookie = cookie, .state = state
    };
}

static struct diag_socket request_to(const char *addr, uint16_t port, uint16_t from, uint64_t cookie)
{
    return (struct diag_socket){
        .local = at(addr, port),
        .remote = at("192.0.2.9", from),
        .cookie = cookie,
        .state = TCP_STATE_SYN_RECEIVED,
        .request = true,
    };
}

static struct diag_socket minisock(uint16_t port, uint64_t cookie, enum tcp_state state, uint32_t expires_ms)
{
    struct diag_socket s = sock(port, cookie, state);

    s.minisock = true;
    s.expires_ms = expires_ms;
    return s;
}

static struct diag_socket listening(const char *addr, uint16_t port, uint64_t cookie, uint32_t accept, uint32_t backlog)
{
    return (struct diag_socket){
        .local = at(addr, port), .cookie = cookie, .state = TCP_STATE_LISTEN, .accept = accept, .backlog = backlog
    };
}

/* A sample that shows these, 20 ms after the last one. */
static const char *sample_of(const struct diag_socket *sockets, size_t count)
{
    run.now_ns += 20 * MS;
    run.len = 0;
    run.text[0] = '\0';
    diag_table_begin(run.table);
    for (size_t i = 0; i < count; i++)
        diag_table_socket(run.table, &sockets[i], run.now_ns);
    run.lost = diag_table_end(run.table, run.parts, run.now_ns, collect, NULL);
    assert_true(run.timed_right);
    return run.text;
}
#define SAMPLE(...)                                                                                                    \
    sample_of((const struct diag_socket[]){ __VA_ARGS__ },                                                             \
              sizeof((const struct diag_socket[]){ __VA_ARGS__ }) / sizeof(struct diag_socket))
#define SAMPLE_OF_NOTHING() sample_of(NULL, 0)

static void destroyed(uint16_t port, uint64_t cookie)
{
    struct diag_socket s = sock(port, cookie, TCP_STATE_CLOSED);

    diag_table_destroyed(run.table, &s);
}

static void news_only(void **state)
{
    (void)state;
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_SYN_SENT)), "1/11 SYN-SENT\n");
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_SYN_SENT)), "");
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(2, 12, TCP_STATE_CLOSE_WAIT)),
                        "1/11 ESTABLISHED fresh\n2/12 CLOSE-WAIT fresh\n");
    assert_string_equal(SAMPLE(sock(2, 12, TCP_STATE_CLOSE_WAIT), sock(1, 11, TCP_STATE_ESTABLISHED)), "");
    assert_string_equal(SAMPLE(sock(2, 12, TCP_STATE_LAST_ACK)), "1/11 ESTABLISHED gone\n2/12 LAST-ACK fresh\n");
    assert_string_equal(SAMPLE_OF_NOTHING(), "2/12 LAST-ACK gone\n");
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
}

/* The three objects of one end; the deadline is told when it is set, and when it is put off. */
static void one_life(void **state)
{
    struct diag_socket request = sock(1, 11, TCP_STATE_SYN_RECEIVED), full = request;

    (void)state;
    request.request = true;
    assert_string_equal(SAMPLE(request), "1/11 SYN-RECEIVED request\n");
    assert_string_equal(SAMPLE(full), "1/11 SYN-RECEIVED fresh\n");
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_FIN_WAIT_2)), "1/11 FIN-WAIT-2 fresh\n");
    assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_FIN_WAIT_2, 60000)),
                        "1/11 FIN-WAIT-2 fresh minisock 60000 ms\n");
    assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_FIN_WAIT_2, 59984)), ""); /* 4 ms of a tick */
    assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_TIME_WAIT, 60000)),
                        "1/11 TIME-WAIT fresh minisock 60000 ms\n");
    assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_TIME_WAIT, 59980)), "");
    for (unsigned i = 0; i < 20; i++)
        assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_TIME_WAIT, 59960 - 20 * i)), "");
    assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_TIME_WAIT, 60000)),
                        "1/11 TIME-WAIT fresh minisock 60000 ms\n");
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/11 TIME-WAIT gone\n");
}

/* Another cookie is another connection, though the endpoints never were missing. */
static void endpoints_again(void **state)
{
    (void)state;
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(2, 12, TCP_STATE_ESTABLISHED));
    assert_string_equal(SAMPLE(sock(1, 13, TCP_STATE_ESTABLISHED), sock(2, 14, TCP_STATE_SYN_SENT)),
                        "1/11 ESTABLISHED gone\n2/12 ESTABLISHED gone\n1/13 ESTABLISHED fresh\n2/14 SYN-SENT fresh\n");
}

static void listeners(void **state)
{
    struct diag_socket dropping = listening("0.0.0.0", 80, 1, 0, 16);

    (void)state;
    assert_string_equal(SAMPLE(listening("0.0.0.0", 80, 1, 0, 16)), "80/1 LISTEN syn 0 accept 0/16 drops 0\n");
    assert_string_equal(SAMPLE(listening("0.0.0.0", 80, 1, 0, 16)), "");
    assert_string_equal(SAMPLE(listening("0.0.0.0", 80, 1, 2, 16)), "80/1 LISTEN fresh syn 0 accept 2/16 drops 0\n");
    assert_string_equal(SAMPLE(listening("0.0.0.0", 80, 1, 2, 5)), "80/1 LISTEN fresh syn 0 accept 2/5 drops 0\n");
    dropping.drops = 3;
    assert_string_equal(SAMPLE(dropping), "80/1 LISTEN fresh syn 0 accept 0/16 drops 3\n");
    /* SO_REUSEPORT: one address, two of them */
    assert_string_equal(SAMPLE(dropping, listening("0.0.0.0", 80, 2, 0, 16)),
                        "80/2 LISTEN fresh syn 0 accept 0/16 drops 0\n");
    assert_string_equal(SAMPLE(listening("0.0.0.0", 80, 2, 0, 16)), "80/1 LISTEN gone\n");
    assert_string_equal(SAMPLE_OF_NOTHING(), "80/2 LISTEN gone\n");
}

/* Each request counts for one listener: of that address, of any address of its family, of any address. */
static void syn_queue(void **state)
{
    (void)state;
    assert_string_equal(SAMPLE(listening("::", 80, 1, 0, 16), listening("0.0.0.0", 80, 2, 0, 16),
                               listening("192.0.2.1", 80, 3, 0, 16), listening("192.0.2.1", 80, 4, 0, 16),
                               listening("192.0.2.1", 336, 5, 0, 16), request_to("192.0.2.1", 80, 1000, 21),
                               request_to("192.0.2.1", 80, 1001, 22), request_to("192.0.2.7", 80, 1002, 23),
                               request_to("2001:db8::1", 80, 1003, 24), request_to("192.0.2.1", 81, 1004, 25),
                               sock(80, 26, TCP_STATE_SYN_RECEIVED)),
                        "80/1 LISTEN syn 1 accept 0/16 drops 0\n80/2 LISTEN syn 1 accept 0/16 drops 0\n"
                        "80/3 LISTEN syn 2 accept 0/16 drops 0\n80/4 LISTEN syn 0 accept 0/16 drops 0\n"
                        "336/5 LISTEN syn 0 accept 0/16 drops 0\n"
                        "80/21 SYN-RECEIVED request\n80/22 SYN-RECEIVED request\n80/23 SYN-RECEIVED request\n"
                        "80/24 SYN-RECEIVED request\n81/25 SYN-RECEIVED request\n80/26 SYN-RECEIVED\n");
    /* the queue is counted anew */
    assert_string_equal(SAMPLE(listening("192.0.2.1", 80, 3, 0, 16), request_to("192.0.2.1", 80, 1001, 22)),
                        "80/1 LISTEN gone\n80/2 LISTEN gone\n80/4 LISTEN gone\n336/5 LISTEN gone\n"
                        "80/21 SYN-RECEIVED gone\n80/23 SYN-RECEIVED gone\n80/24 SYN-RECEIVED gone\n"
                        "81/25 SYN-RECEIVED gone\n80/26 SYN-RECEIVED gone\n"
                        "80/3 LISTEN fresh syn 1 accept 0/16 drops 0\n");
}

/* It was never met by a sample: nothing is known but its end. */
static void short_life(void **state)
{
    (void)state;
    SAMPLE_OF_NOTHING();
    destroyed(1, 11);
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/11 UNKNOWN gone\n");
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    /* again on the same endpoints, and twice between two samples */
    destroyed(1, 12);
    destroyed(1, 13);
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/12 UNKNOWN gone\n1/13 UNKNOWN gone\n");
}

/* The socket is gone, its connection is not; its minisock may have a cookie of its own where none was asked for before. */
static void destroyed_into_a_minisock(void **state)
{
    (void)state;
    SAMPLE(sock(1, 11, TCP_STATE_FIN_WAIT_1));
    destroyed(1, 11);
    destroyed(2, 12);
    assert_string_equal(
        SAMPLE(minisock(1, 11, TCP_STATE_TIME_WAIT, 60000), minisock(2, 99, TCP_STATE_TIME_WAIT, 60000)),
        "1/11 TIME-WAIT fresh minisock 60000 ms\n2/99 TIME-WAIT fresh minisock 60000 ms\n");
}

/* Announced before or after a sample has missed it, the end is told once. */
static void announced_and_missed(void **state)
{
    (void)state;
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(2, 12, TCP_STATE_ESTABLISHED));
    destroyed(1, 11);
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/11 ESTABLISHED gone\n2/12 ESTABLISHED gone\n");
    destroyed(2, 12);
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    destroyed(1, 11);
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    /* nor does it harm the next use of the endpoints */
    destroyed(2, 12);
    assert_string_equal(SAMPLE(sock(2, 15, TCP_STATE_SYN_SENT)), "2/15 SYN-SENT fresh\n");
}

static void destroyed_without_peer(void **state)
{
    struct diag_socket s = sock(1, 11, TCP_STATE_CLOSED);

    (void)state;
    s.remote = (struct endpoint){ .port = 0 };
    diag_table_destroyed(run.table, &s);
    s = sock(0, 12, TCP_STATE_CLOSED);
    diag_table_destroyed(run.table, &s);
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
}

/* In a dump of several parts a socket can be passed over: that it is gone is believed the second time. */
static void several_parts(void **state)
{
    (void)state;
    run.parts = 3;
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED));
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED)), "");
    destroyed(1, 99); /* an earlier one; of the one that may be there still nothing is known */
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    destroyed(1, 11);
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/11 ESTABLISHED gone\n");
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
}

/* A sample that broke off proves nothing about those it does not show. */
static void aborted(void **state)
{
    struct diag_socket other = sock(2, 12, TCP_STATE_ESTABLISHED);

    (void)state;
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED));
    for (unsigned i = 0; i < 3; i++) {
        diag_table_begin(run.table);
        diag_table_socket(run.table, &other, run.now_ns);
        diag_table_abort(run.table);
    }
    run.parts = 2; /* of two complete samples that it takes, this is the first */
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/11 ESTABLISHED gone\n");
}

static void ports(void **state)
{
    (void)state;
    start_with((struct diag_table_config){ .filter = { .ports = { { 5, 5 }, { 440, 443 } }, .port_count = 2 } });
    destroyed(4, 14);
    destroyed(5, 15);
    assert_string_equal(
        SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), listening("::", 443, 1, 0, 1), request_to("192.0.2.1", 80, 443, 2)),
        "5/15 UNKNOWN gone\n443/1 LISTEN syn 0 accept 0/1 drops 0\n80/2 SYN-RECEIVED request\n");
}

/* Those without room are counted once; what then finds room is not taken for new. */
static void full(void **state)
{
    (void)state;
    start_with((struct diag_table_config){ .socket_max = 2 });
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(2, 12, TCP_STATE_ESTABLISHED));
    assert_int_equal(run.lost, LOST_NONE);
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(2, 12, TCP_STATE_ESTABLISHED),
                               sock(3, 13, TCP_STATE_ESTABLISHED), sock(4, 14, TCP_STATE_ESTABLISHED)),
                        "");
    assert_int_equal(run.lost, 2);
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(2, 12, TCP_STATE_ESTABLISHED), sock(3, 13, TCP_STATE_ESTABLISHED));
    assert_int_equal(run.lost, LOST_NONE);
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED)), "2/12 ESTABLISHED gone\n");
    run.now_ns += 2 * SECOND; /* until its end is forgotten */
    SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED));
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(3, 13, TCP_STATE_ESTABLISHED)),
                        "3/13 ESTABLISHED\n");
    /* an end is told even where there is no room to remember it */
    destroyed(9, 19);
    assert_string_equal(SAMPLE(sock(1, 11, TCP_STATE_ESTABLISHED), sock(3, 13, TCP_STATE_ESTABLISHED)),
                        "9/19 UNKNOWN gone\n");
}

static void count_only(void *arg, const struct event *e)
{
    unsigned *count = arg;

    assert_int_equal(e->sock.from, TCP_STATE_UNKNOWN);
    ++*count;
}

static void many_destroyed(void **state)
{
    unsigned told = 0;

    (void)state;
    for (unsigned i = 1; i <= LIMIT_SAMPLED_DESTRUCTIONS + 7; i++)
        destroyed((uint16_t)(1 + i % 60000), i);
    diag_table_begin(run.table);
    assert_int_equal(diag_table_end(run.table, 1, START_NS, count_only, &told), 7);
    assert_int_equal(told, LIMIT_SAMPLED_DESTRUCTIONS);
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    assert_int_equal(run.lost, LOST_NONE);
}

/* A minisock that is about to take its place can be passed over: that it is gone is believed the second time. */
static void minisock_is_passed_over(void **state)
{
    (void)state;
    SAMPLE(sock(1, 11, TCP_STATE_FIN_WAIT_2), sock(2, 12, TCP_STATE_FIN_WAIT_1), sock(3, 13, TCP_STATE_LAST_ACK),
           sock(4, 14, TCP_STATE_CLOSING));
    destroyed(4, 14); /* by then a minisock could be seen */
    destroyed(2, 99); /* another one */
    assert_string_equal(SAMPLE_OF_NOTHING(), "3/13 LAST-ACK gone\n4/14 CLOSING gone\n");
    run.now_ns += 60 * MS;
    assert_string_equal(SAMPLE_OF_NOTHING(), "");
    assert_true(diag_table_in_doubt(run.table));
    assert_string_equal(SAMPLE(minisock(1, 11, TCP_STATE_TIME_WAIT, 60000)),
                        "2/12 FIN-WAIT-1 gone\n1/11 TIME-WAIT fresh minisock 60000 ms\n");
    assert_false(diag_table_in_doubt(run.table));
    assert_string_equal(SAMPLE_OF_NOTHING(), "1/11 TIME-WAIT gone\n");
}

/* What samples do not show, and will be gone after a tenth of a second: five more of them. */
static bool is_in_doubt(enum tcp_state believed, enum tcp_state now, unsigned *missed)
{
    *missed = now ? 0 : *missed + 1;
    return *missed && *missed <= 5 &&
           (believed == TCP_STATE_FIN_WAIT_1 || believed == TCP_STATE_FIN_WAIT_2 || believed == TCP_STATE_CLOSING);
}

/* Against the simplest thing that could be right: what is told always adds up to what the sample shows. */
static void random_samples(void **state)
{
    enum { PORTS = 40, ROUNDS = 3000 };
    enum tcp_state believed[PORTS] = { 0 };
    uint64_t seed = 42, cookies[PORTS] = { 0 };
    unsigned missed[PORTS] = { 0 };

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct diag_socket shown[PORTS];
        enum tcp_state now[PORTS] = { 0 };
        size_t count = 0;

        for (uint16_t port = 1; port < PORTS; port++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            switch (seed >> 61) {
            case 0: /* not there */ cookies[port] = 0; continue;
            case 1: /* another one */ cookies[port] = 0; break;
            default: break;
            }
            if (!cookies[port])
                cookies[port] = seed >> 20 | 1;
            now[port] = TCP_STATE_SYN_SENT + (seed >> 40) % (TCP_STATE_N - TCP_STATE_SYN_SENT);
            shown[count++] = sock(port, cookies[port], now[port]);
        }
        sample_of(shown, count);
        for (char *line = strtok(run.text, "\n"); line; line = strtok(NULL, "\n")) {
            unsigned port;
            unsigned long long cookie;
            char name[32];
            enum tcp_state told;

            assert_int_equal(sscanf(line, "%u/%llu %31s", &port, &cookie, name), 3);
            assert_int_equal(tcp_state_parse(name, &told), 0);
            if (strstr(line, "gone")) {
                assert_int_equal(told, believed[port]);
                believed[port] = TCP_STATE_UNKNOWN;
            } else {
                assert_true(cookie == cookies[port]);
                believed[port] = told;
            }
        }
        for (unsigned port = 1; port < PORTS; port++)
            assert_true(is_in_doubt(believed[port], now[port], &missed[port]) || believed[port] == now[port]);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(news_only),
        TEST(one_life),
        TEST(endpoints_again),
        TEST(listeners),
        TEST(syn_queue),
        TEST(short_life),
        TEST(destroyed_into_a_minisock),
        TEST(announced_and_missed),
        TEST(destroyed_without_peer),
        TEST(several_parts),
        TEST(aborted),
        TEST(ports),
        TEST(full),
        TEST(many_destroyed),
        TEST(minisock_is_passed_over),
        TEST(random_samples),
    };

    return cmocka_run_group_tests_name("diag_table", tests, NULL, NULL);
}
