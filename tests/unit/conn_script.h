/* Short ways to say what a test of the connection engine feeds in and wants out. Every change that comes out is held
 * against what must be true of any trace, whatever the test is about. */
#ifndef TCPLENS_TESTS_CONN_SCRIPT_H
#define TCPLENS_TESTS_CONN_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/conn/engine.h"
#include "tell.h"

#define MS 1000000ull
#define SECOND 1000000000ull
#define START_NS (1700000000 * SECOND)
#define NETNS 4026531840u

/* What was told of one connection so far. */
struct told {
    bool introduced, over;
    bool has_state[END_N][2]; /* [end][0: kernel or diag, 1: wire] */
    enum tcp_state state[END_N][2];
};

struct script {
    struct conn_engine *table;
    struct change *changes; /* the change with record number n is changes[n - 1] */
    size_t count, room;
    struct told *told; /* by number of the connection */
    size_t told_room;
    uint64_t now_ns, latest_ns;
    uint64_t step_ns; /* time between two events */
    uint32_t netns;
    struct endpoint at[END_N];
    uint32_t isn[END_N];
    char text[8192];
};

static inline struct endpoint endpoint(const char *addr, uint16_t port)
{
    struct endpoint e = { .port = port };

    assert_int_equal(addr_parse(addr, &e.addr), 0);
    return e;
}

static inline bool is_label_of_edge(const struct change *c)
{
    for (unsigned input = 0; input < TCP_INPUT_N; input++) {
        const struct tcp_edge *edge = tcp_fsm_cell(c->state.from, input);

        if (edge->to == c->state.to && edge->label && strcmp(edge->label, c->state.rfc) == 0)
            return true;
    }
    return false;
}

static inline void check_state(const struct script *s, const struct change *c, struct told *told)
{
    unsigned lane = c->state.source == WITNESS_WIRE;

    assert_int_not_equal(c->state.from, c->state.to);
    assert_int_not_equal(c->state.to, TCP_STATE_UNKNOWN);
    if (told->has_state[c->end][lane])
        assert_int_equal(c->state.from, told->state[c->end][lane]);
    told->has_state[c->end][lane] = true;
    told->state[c->end][lane] = c->state.to;
    if (c->state.rfc)
        assert_true(is_label_of_edge(c));
    if (c->state.how == HOW_OBSERVED && c->state.from != TCP_STATE_UNKNOWN)
        assert_non_null(tcp_fsm_edge(c->state.from, c->state.to));
    assert_int_equal(c->state.kernel_state != NULL, lane == 0);
    if (c->because) {
        const struct change *cause = &s->changes[c->because - 1];

        assert_int_equal(cause->conn, c->conn);
        assert_true(cause->kind == CHANGE_SEGMENT || cause->kind == CHANGE_CALL || cause->kind == CHANGE_TIMER);
    }
}

static inline void on_change(void *arg, const struct change *c)
{
    struct script *s = arg;

    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 256;
        s->changes = realloc(s->changes, s->room * sizeof(*s->changes));
        assert_non_null(s->changes);
    }
    s->changes[s->count++] = *c;
    assert_int_equal(c->n, s->count);
    assert_true(c->because < c->n);
    assert_int_equal(c->late, c->ts_ns < s->latest_ns);
    if (!c->late)
        s->latest_ns = c->ts_ns;
    if (c->conn) {
        struct told *told;

        while (c->conn >= s->told_room) {
            size_t room = s->told_room ? s->told_room * 2 : 64;

            s->told = realloc(s->told, room * sizeof(*s->told));
            assert_non_null(s->told);
            memset(s->told + s->told_room, 0, (room - s->told_room) * sizeof(*s->told));
            s->told_room = room;
        }
        told = &s->told[c->conn];
        assert_int_equal(told->introduced, c->kind != CHANGE_CONNECTION);
        assert_false(told->over);
        told->introduced = true;
        told->over = c->kind == CHANGE_OUTCOME;
        if (c->kind == CHANGE_STATE)
            check_state(s, c, told);
    }
}

static inline void script_configure(struct script *s, struct conn_config config)
{
    memset(s, 0, sizeof(*s));
    s->now_ns = START_NS;
    s->step_ns = MS;
    s->at[END_CLIENT] = endpoint("192.0.2.1", 40000);
    s->at[END_SERVER] = endpoint("192.0.2.2", 80);
    s->isn[END_CLIENT] = 1000;
    s->isn[END_SERVER] = 5000000;
    config.emit = on_change;
    config.arg = s;
    config.hash_seed = 1;
    assert_int_equal(conn_engine_new(&config, &s->table), 0);
    assert_int_equal(conn_engine_next_n(s->table), 1);
}

static inline void script_start(struct script *s)
{
    script_configure(s, (struct conn_config){ 0 });
}

/* The trace ends: every connection has its outcome. */
static inline void script_finish(struct script *s)
{
    conn_engine_finish(s->table, s->now_ns);
    assert_int_equal(conn_engine_next_n(s->table), s->count + 1);
    for (size_t i = 1; i < s->told_room; i++)
        assert_int_equal(s->told[i].introduced, s->told[i].over);
}

static inline void script_free(struct script *s)
{
    assert_null(conn_engine_free(s->table));
    free(s->changes);
    free(s->told);
}

static inline void script_end(struct script *s)
{
    script_finish(s);
    script_free(s);
}

static inline void feed(struct script *s, struct event *e)
{
    e->ts_ns = s->now_ns;
    conn_engine_event(s->table, e);
    s->now_ns += s->step_ns;
}

static inline void wait_ns(struct script *s, uint64_t ns)
{
    s->now_ns += ns;
}

/* ---- what came out */

/* The nth (from 0) change of this kind about this connection (0: of any); NULL: there are fewer. */
static inline const struct change *find(const struct script *s, enum change_kind kind, uint32_t conn, unsigned nth)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->changes[i].kind == kind && (!conn || s->changes[i].conn == conn) && !nth--)
            return &s->changes[i];
    return NULL;
}

static inline unsigned count_of(const struct script *s, enum change_kind kind)
{
    unsigned n = 0;

    for (size_t i = 0; i < s->count; i++)
        n += s->changes[i].kind == kind;
    return n;
}

static inline const struct change *outcome_of(const struct script *s, uint32_t conn)
{
    const struct change *c = find(s, CHANGE_OUTCOME, conn, 0);

    if (!c)
        fail_msg("connection %u has no outcome", conn);
    return c;
}

/* The states an end went through, by one witness: "CLOSED SYN-SENT …". Marked where it is not simply seen or inferred:
 * "+" assumed, "?" predicted. */
static inline const char *path(struct script *s, uint32_t conn, enum end end, enum witness witness)
{
    size_t len = 0;

    s->text[0] = '\0';
    for (size_t i = 0; i < s->count; i++) {
        const struct change *c = &s->changes[i];

        if (c->kind != CHANGE_STATE || c->conn != conn || c->end != end || c->state.source != witness)
            continue;
        if (!len)
            len = (size_t)snprintf(s->text, sizeof(s->text), "%s", tcp_state_name(c->state.from));
        len += (size_t)snprintf(s->text + len, sizeof(s->text) - len, " %s%s",
                                c->state.how == HOW_ASSUMED     ? "+"
                                : c->state.how == HOW_PREDICTED ? "?"
                                                                : "",
                                tcp_state_name(c->state.to));
        assert_true(len < sizeof(s->text));
    }
    return s->text;
}

/* All changes from record `first` on that are of this kind (CHANGE_KIND_N: of any), in the words of tell.h. */
static inline const char *lines_of(struct script *s, size_t first, enum change_kind kind)
{
    struct telling telling = { 0 };
    size_t len = 0;

    s->text[0] = '\0';
    for (size_t i = 0; i < s->count; i++) {
        size_t told = tell_change(&telling, &s->changes[i], s->text, len, sizeof(s->text));

        if (i + 1 >= first && (kind == CHANGE_KIND_N || kind == s->changes[i].kind))
            len = told;
        s->text[len] = '\0';
    }
    return s->text;
}

static inline const char *lines(struct script *s, size_t first)
{
    return lines_of(s, first, CHANGE_KIND_N);
}

/* ---- what goes in: segments */

static inline uint16_t flags_of(const char *letters)
{
    uint16_t flags = 0;

    for (const char *p = letters; *p; p++)
        flags |= *p == 'S'   ? SEGMENT_SYN
                 : *p == 'F' ? SEGMENT_FIN
                 : *p == 'R' ? SEGMENT_RST
                 : *p == 'P' ? SEGMENT_PSH
                             : SEGMENT_ACK;
    return flags;
}

/* Flags as letters (S F R P A); seq and ack relative to the two initial sequence numbers; len bytes of payload. */
static inline struct event segment_event(const struct script *s, enum end from, const char *flags, uint32_t seq,
                                         uint32_t ack, uint32_t len)
{
    struct event e = {
        .kind = EVENT_SEGMENT,
        .source = WITNESS_WIRE,
        .netns = s->netns,
        .local = s->at[from],
        .remote = s->at[!from],
        .segment = { .src = s->at[from],
                     .dst = s->at[!from],
                     .seq = s->isn[from] + seq,
                     .payload_len = len,
                     .flags = flags_of(flags),
                     .window = 1000 },
    };

    if (e.segment.flags & SEGMENT_ACK)
        e.segment.ack = s->isn[!from] + ack;
    return e;
}

static inline void send(struct script *s, enum end from, const char *flags, uint32_t seq, uint32_t ack, uint32_t len)
{
    struct event e = segment_event(s, from, flags, seq, ack, len);

    feed(s, &e);
}

/* The three segments that open; the next are seq 1 on both sides. */
static inline void send_handshake(struct script *s)
{
    send(s, END_CLIENT, "S", 0, 0, 0);
    send(s, END_SERVER, "SA", 0, 1, 0);
    send(s, END_CLIENT, "A", 1, 1, 0);
}

/* A whole connection of six segments: the server's FIN acknowledges the client's. */
static inline void send_open_and_close(struct script *s)
{
    send_handshake(s);
    send(s, END_CLIENT, "FA", 1, 1, 0);
    send(s, END_SERVER, "FA", 1, 2, 0);
    send(s, END_CLIENT, "A", 2, 2, 0);
}

/* ---- what goes in: the kernel's events */

static inline struct event kernel_event(const struct script *s, enum event_kind kind, enum end end, uint64_t cookie)
{
    return (struct event){
        .kind = kind,
        .source = WITNESS_KERNEL,
        .netns = s->netns,
        .cookie = cookie,
        .local = s->at[end],
        .remote = s->at[!end],
    };
}

static inline struct task task(uint32_t pid)
{
    return (struct task){ .pid = pid, .tid = pid, .comm = "test" };
}

/* A full socket changes state; by: the process that did it, 0 in softirq. */
static inline void sock(struct script *s, enum end end, uint64_t cookie, enum tcp_state from, enum tcp_state to,
                        uint32_t by)
{
    struct event e = kernel_event(s, EVENT_SOCK_STATE, end, cookie);

    e.sock.from = from;
    e.sock.to = to;
    e.sock.task_context = by;
    if (by)
        e.sock.task = task(by);
    feed(s, &e);
}

/* listen() or the close of a listener on the server's endpoint. */
static inline void listener(struct script *s, uint64_t cookie, enum tcp_state from, enum tcp_state to, uint32_t backlog,
                            uint32_t by)
{
    struct event e = kernel_event(s, EVENT_SOCK_STATE, END_SERVER, cookie);

    memset(&e.remote, 0, sizeof(e.remote));
    e.sock.from = from;
    e.sock.to = to;
    e.sock.depth.backlog = backlog;
    e.sock.task = task(by);
    feed(s, &e);
}

struct depth {
    uint64_t listener;
    uint32_t syn, accept, backlog, drops;
};

static inline struct event queue_event(const struct script *s, enum event_kind kind, struct depth depth)
{
    struct event e = kernel_event(s, kind, END_SERVER, 0);

    e.queue.depth = (struct queue_depth){ .listener = depth.listener,
                                          .addr = s->at[END_SERVER],
                                          .syn = depth.syn,
                                          .accept = depth.accept,
                                          .backlog = depth.backlog,
                                          .drops = depth.drops };
    return e;
}

static inline void queue(struct script *s, enum event_kind kind, struct depth depth)
{
    struct event e = queue_event(s, kind, depth);

    if (kind == EVENT_ACCEPT_QUEUED) /* the hook sees the listener alone */
        memset(&e.remote, 0, sizeof(e.remote));
    feed(s, &e);
}

/* A call that has returned. */
static inline void call_on(struct script *s, enum end end, uint64_t cookie, const char *name, int ret, uint32_t by)
{
    struct event e = kernel_event(s, EVENT_CALL, end, cookie);

    e.call.socket = cookie;
    e.call.state = TCP_STATE_ESTABLISHED;
    e.call.call = (struct call){ .name = name, .fd = 5, .ret = ret, .task = task(by) };
    feed(s, &e);
}

static inline void accept_call(struct script *s, uint64_t cookie, struct depth depth, int fd, int ret, uint32_t by)
{
    struct event e = queue_event(s, EVENT_ACCEPT, depth);

    e.cookie = cookie;
    e.queue.call.name = "accept4";
    e.queue.call.fd = fd;
    e.queue.call.ret = ret;
    e.queue.call.task = task(by);
    feed(s, &e);
}

/* expires_ns: after now. */
static inline void timewait(struct script *s, enum event_kind kind, enum end end, uint64_t cookie,
                            enum tcp_state substate, uint64_t expires_ns)
{
    struct event e = kernel_event(s, kind, end, cookie);

    e.timewait.substate = substate;
    e.timewait.expires_ns = s->now_ns + expires_ns;
    feed(s, &e);
}

static inline void reset(struct script *s, enum end end, bool sent, const char *reason)
{
    struct event e = kernel_event(s, EVENT_RESET, end, 0);

    e.reset.sent = sent;
    snprintf(e.reset.reason, sizeof(e.reset.reason), "%s", reason);
    feed(s, &e);
}

/* ---- what every test has */

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

/* Socket cookies and processes. */
enum { LISTENER = 1, CLIENT = 10, CHILD = 20 };
enum { SERVER_PID = 300, CLIENT_PID = 400 };

static struct script s;

static inline int setup(void **state)
{
    (void)state;
    script_start(&s);
    s.netns = NETNS;
    return 0;
}

/* Another trace, within one test. */
static inline void again(void)
{
    script_free(&s);
    script_start(&s);
}

static inline int teardown(void **state)
{
    (void)state;
    script_free(&s);
    return 0;
}

static inline const char *kernel(uint32_t conn, enum end end)
{
    return path(&s, conn, end, WITNESS_KERNEL);
}

static inline const char *wire(enum end end)
{
    return path(&s, 1, end, WITNESS_WIRE);
}

/* The nth segment's record. */
static inline const struct change *segment(unsigned nth)
{
    const struct change *c = find(&s, CHANGE_SEGMENT, 0, nth);

    assert_non_null(c);
    return c;
}

#endif
