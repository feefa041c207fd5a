#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "../../src/source/bpf_decode.h"

#define NS_PER_S 1000000000ull

static const struct trace_clock the_clock = { .offset_ns = 5 };

static struct bpf_decoder decoder = { .clock = &the_clock };

/* Decodes a copy as the ring has it: no byte more than its size may be read, which the sanitizers see. */
static bool decode(const struct tcplens_event *whole, struct event *ret_event)
{
    const size_t size = tcplens_event_size(whole->kind, whole->has_queue, whole->in_task);
    struct tcplens_event *e = malloc(size);
    bool told;

    assert_non_null(e);
    memcpy(e, whole, whole->kind == TCPLENS_READY ? sizeof(*whole) : size);
    if (whole->kind == TCPLENS_READY)
        memset((char *)e + sizeof(*whole), 0, size - sizeof(*whole));
    told = bpf_decode(&decoder, e, ret_event);
    free(e);
    return told;
}

static void reads_what_is_written(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < TCPLENS_KIND_N; kind++) {
        for (unsigned more = 0; more < 4; more++) {
            const struct tcplens_event e = {
                .ts_ns = NS_PER_S, .kind = (uint8_t)kind, .has_queue = more & 1, .in_task = more >> 1
            };
            struct event out;

            /* a call of no kind, and the owner of a socket, are told by themselves to nobody */
            assert_int_equal(decode(&e, &out), kind != TCPLENS_CALL && kind != TCPLENS_READY && kind != TCPLENS_OWNER);
        }
    }
}

/* What a connection's life consists of: a cache line, or a quarter more. */
static void most_events_are_short(void **state)
{
    (void)state;
    assert_int_equal(tcplens_event_size(TCPLENS_STATE, false, false), 64);
    assert_int_equal(tcplens_event_size(TCPLENS_TIMEWAIT_START, false, false), 80);
    assert_int_equal(tcplens_event_size(TCPLENS_REQUEST_START, false, false), TCPLENS_EVENT_WITH(queue));
    assert_int_equal(tcplens_event_size(TCPLENS_STATE, false, true), sizeof(struct tcplens_event));
}

static void state_of_a_listener(void **state)
{
    const struct tcplens_event e = {
        .ts_ns = 7,
        .kind = TCPLENS_STATE,
        .from = 7,
        .to = 10,
        .in_task = 1,
        .has_queue = 1,
        .flow.lport = 80,
        .queue = { .listener = 3, .port = 80, .backlog = 9 },
        .pid = 11,
        .comm = "server",
    };
    struct event out;

    (void)state;
    assert_true(decode(&e, &out));
    assert_int_equal(out.kind, EVENT_SOCK_STATE);
    assert_int_equal(out.ts_ns, 12);
    assert_int_equal(out.local.port, 80);
    assert_int_equal(out.sock.from, TCP_STATE_CLOSED);
    assert_int_equal(out.sock.to, TCP_STATE_LISTEN);
    assert_int_equal(out.sock.depth.backlog, 9);
    assert_int_equal(out.sock.task.pid, 11);
    assert_string_equal(out.sock.task.comm, "server");
}

/* One reading of both clocks says how many jiffies a second has: 64-bit jiffies begin at 2^32 - 300 s. */
static void deadline_of_a_minisock(void **state)
{
    static const unsigned usual[] = { 100, 250, 300, 1000 };

    (void)state;
    for (unsigned i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
        const uint64_t hz = usual[i], jiffies = UINT32_MAX + 1ull - 300 * hz + 1000 * hz;
        const struct tcplens_event e = {
            .ts_ns = 1000 * NS_PER_S,
            .kind = TCPLENS_TIMEWAIT_START,
            .to = 6,
            .timewait = { .jiffies = jiffies, .expires = jiffies + 60 * hz },
        };
        struct event out;

        decoder.hz = 0; /* another kernel */
        assert_true(decode(&e, &out));
        assert_int_equal(out.timewait.substate, TCP_STATE_TIME_WAIT);
        assert_int_equal(out.timewait.expires_ns, 1060 * NS_PER_S + 5);
    }
}

/* epoll_wait() gives back what epoll_ctl() was handed with the descriptor. */
static void ready_by_epoll(void **state)
{
    struct tcplens_event ctl = {
        .kind = TCPLENS_CALL,
        .in_task = 1,
        .pid = 9,
        .call = { .id = TCPLENS_CALL_EPOLL_CTL, .fd = 4, .args = { 1ull << 32 | 7, EPOLLIN | EPOLLET, 0xabcdef } },
    };
    struct tcplens_ready ready = {
        .event = { .kind = TCPLENS_READY,
                   .in_task = 1,
                   .pid = 9,
                   .call = { .id = TCPLENS_CALL_EPOLL_WAIT, .fd = 4, .ret = 2, .args = { 3, UINT64_MAX } } },
        .ready = { { .data = 0xabcdef, .fd = -1, .events = EPOLLIN | EPOLLRDHUP }, { .data = 1, .fd = -1 } },
        .count = 2,
    };
    struct event out;

    (void)state;
    assert_true(bpf_decode(&decoder, &ctl, &out));
    assert_string_equal(out.call.call.args[0].text, "ADD");
    assert_int_equal(out.call.call.args[1].number, 7);
    assert_int_equal(out.call.waiting.events, 1 << POLL_EVENT_IN | 1 << POLL_EVENT_ET);
    assert_true(bpf_decode(&decoder, &ready.event, &out));
    assert_int_equal(out.call.call.args[0].number, 3);
    assert_int_equal(out.call.call.args[1].number, -1);
    assert_int_equal(out.call.waiting.count, 2);
    assert_int_equal(out.call.waiting.ready[0].fd, 7);
    assert_int_equal(out.call.waiting.ready[0].events, 1 << POLL_EVENT_IN | 1 << POLL_EVENT_RDHUP);
    assert_int_equal(out.call.waiting.ready[1].fd, -1);
    ready.event.pid = 10; /* another process's */
    assert_true(bpf_decode(&decoder, &ready.event, &out));
    assert_int_equal(out.call.waiting.ready[0].fd, -1);
    ready.count = UINT32_MAX; /* which no ring holds */
    assert_true(bpf_decode(&decoder, &ready.event, &out));
    assert_int_equal(out.call.waiting.count, TCPLENS_READY_MAX);
}

static void options(void **state)
{
    struct tcplens_event e = {
        .kind = TCPLENS_CALL,
        .in_task = 1,
        .call = { .id = TCPLENS_CALL_SETSOCKOPT,
                  .args = { (uint64_t)SOL_SOCKET << 32 | SO_LINGER, 5ull << 32 | 1, 8 } },
    };
    struct event out;

    (void)state;
    assert_true(decode(&e, &out));
    assert_string_equal(out.call.call.args[0].text, "SOL_SOCKET");
    assert_string_equal(out.call.call.args[1].text, "SO_LINGER");
    assert_string_equal(out.call.call.args[2].name, "on");
    assert_int_equal(out.call.call.args[3].number, 5);
    e.call.args[0] = (uint64_t)IPPROTO_TCP << 32 | TCP_NODELAY;
    e.call.args[1] = 1;
    e.call.args[2] = 4;
    assert_true(decode(&e, &out));
    assert_string_equal(out.call.call.args[2].name, "value");
    assert_int_equal(out.call.call.args[2].number, 1);
    e.call.args[2] = 0; /* not readable */
    assert_true(decode(&e, &out));
    assert_null(out.call.call.args[2].name);
    e.call.args[0] = (uint64_t)SOL_SOCKET << 32 | SO_RCVTIMEO;
    assert_false(decode(&e, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_written), cmocka_unit_test(most_events_are_short),
        cmocka_unit_test(state_of_a_listener),   cmocka_unit_test(deadline_of_a_minisock),
        cmocka_unit_test(ready_by_epoll),        cmocka_unit_test(options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
