/* The timeline, line by line: what a person reads is compared as it stands. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/sink/timeline.h"
#include "values.h"

#define START 1800000000000000000ULL
#define AT_US(us) .ts_ns = START + (us)*1000ULL
#define ECHO                                                                                                           \
    {                                                                                                                  \
        .pid = 4711, .tid = 4711, .comm = "tcplens-echo"                                                               \
    }

/* Without its newline; in one of two buffers. */
static const char *format(const struct change *c, bool colour)
{
    static char bufs[2][TIMELINE_LINE_MAX + 1];
    char *buf = bufs[colour];
    size_t len;

    memset(buf, 0x55, sizeof(bufs[0]));
    len = timeline_format(c, START, colour, buf);
    assert_in_range(len, 1, TIMELINE_LINE_MAX);
    assert_int_equal(buf[TIMELINE_LINE_MAX], 0x55);
    assert_int_equal(buf[len - 1], '\n');
    buf[len - 1] = '\0';
    assert_null(strchr(buf, '\n'));
    return buf;
}

/* Takes the escape sequences out. Fails on any but colours, and where the line does not end without colour. */
static const char *uncoloured(const char *line)
{
    static char buf[TIMELINE_LINE_MAX];
    bool styled = false;
    char *p = buf;

    while (*line) {
        if (*line != '\x1b') {
            *p++ = *line++;
            continue;
        }
        assert_int_equal(line[1], '[');
        styled = strncmp(line, "\x1b[0m", 4) != 0;
        line += 2 + strspn(line + 2, "0123456789;");
        assert_int_equal(*line++, 'm');
    }
    *p = '\0';
    assert_false(styled);
    return buf;
}

static void check(const struct change *c, const char *expected)
{
    const char *line = format(c, false);

    assert_null(strchr(line, '\x1b'));
    assert_string_equal(line, expected);
    /* Colours are all that colour changes; trailing blanks may hide under them. */
    assert_string_equal(uncoloured(format(c, true)), expected);
}

static void test_connection(void **state)
{
    struct change c = { .kind = CHANGE_CONNECTION,
                        AT_US(1),
                        .conn = 1,
                        .connection = { .client = endpoint("127.0.0.1", 40312),
                                        .server = endpoint("127.0.0.1", 7007) } };

    (void)state;
    check(&c, "    0.000001  #1    client 127.0.0.1:40312 ═════════ 127.0.0.1:7007 server  new connection");
    c.conn = 123456;
    c.connection.client = endpoint("2001:db8:1:2:3:4:5:6", 40312);
    c.connection.before_trace = c.connection.roles_assumed = true;
    check(&c, "    0.000001  #123456 client [2001:db8:1:2:3:4:5:6]:40312 ═ 127.0.0.1:7007 server"
              "  open before the trace began, roles are a guess");
}

static void test_state(void **state)
{
    struct change c = { .kind = CHANGE_STATE,
                        AT_US(1),
                        .conn = 1,
                        .end = END_CLIENT,
                        .state = { .from = TCP_STATE_CLOSED,
                                   .to = TCP_STATE_SYN_SENT,
                                   .source = WITNESS_KERNEL,
                                   .object = OBJECT_SOCK,
                                   .owner = ECHO,
                                   .rfc = "OPEN / snd SYN" } };

    (void)state;
    check(&c, "    0.000001  #1    client CLOSED → SYN-SENT                                "
              "tcplens-echo[4711]     OPEN / snd SYN");
    c.state.source = WITNESS_WIRE;
    c.state.how = HOW_INFERRED;
    check(&c, "    0.000001  #1    client CLOSED ⇢ SYN-SENT                                "
              "(wire)                 OPEN / snd SYN");
    c.state.how = HOW_ASSUMED;
    c.state.rfc = NULL;
    check(&c, "    0.000001  #1    client CLOSED ⇢ SYN-SENT                                (wire, assumed)");
    c.end = END_SERVER;
    c.state = (typeof(c.state)){ .from = TCP_STATE_LISTEN,
                                 .to = TCP_STATE_SYN_RECEIVED,
                                 .source = WITNESS_KERNEL,
                                 .object = OBJECT_REQUEST,
                                 .rfc = "rcv SYN / snd SYN,ACK" };
    check(&c, "    0.000001  #1                              LISTEN → SYN-RECEIVED server  "
              "(request sock)         rcv SYN / snd SYN,ACK");
    c.state = (typeof(c.state)){
        .from = TCP_STATE_SYN_RECEIVED, .to = TCP_STATE_ESTABLISHED, .how = HOW_SAMPLED, .source = WITNESS_DIAG
    };
    check(&c, "    0.000001  #1                         SYN-RECEIVED → ESTABLISHED server  (diag)");
    /* Nothing to tell of it: the line ends where its text does. */
    c.state.source = WITNESS_KERNEL;
    c.state.how = HOW_OBSERVED;
    check(&c, "    0.000001  #1                         SYN-RECEIVED → ESTABLISHED server");
    c.late = true;
    check(&c, "    0.000001  #1                         SYN-RECEIVED → ESTABLISHED server  (late)");
}

/* A state has the colour of its group, and the wire's are faint. */
static void test_state_colours(void **state)
{
    static const struct {
        enum tcp_state to;
        const char *kernel, *wire;
    } colours[] = {
        { TCP_STATE_CLOSED, "\x1b[2mCLOSED\x1b[0m", "\x1b[2mCLOSED\x1b[0m" },
        { TCP_STATE_SYN_SENT, "\x1b[33mSYN-SENT\x1b[0m", "\x1b[2;33mSYN-SENT\x1b[0m" },
        { TCP_STATE_SYN_RECEIVED, "\x1b[33mSYN-RECEIVED\x1b[0m", "\x1b[2;33mSYN-RECEIVED\x1b[0m" },
        { TCP_STATE_ESTABLISHED, "\x1b[32mESTABLISHED\x1b[0m", "\x1b[2;32mESTABLISHED\x1b[0m" },
        { TCP_STATE_FIN_WAIT_1, "\x1b[35mFIN-WAIT-1\x1b[0m", "\x1b[2;35mFIN-WAIT-1\x1b[0m" },
        { TCP_STATE_FIN_WAIT_2, "\x1b[35mFIN-WAIT-2\x1b[0m", "\x1b[2;35mFIN-WAIT-2\x1b[0m" },
        { TCP_STATE_CLOSING, "\x1b[35mCLOSING\x1b[0m", "\x1b[2;35mCLOSING\x1b[0m" },
        { TCP_STATE_CLOSE_WAIT, "\x1b[36mCLOSE-WAIT\x1b[0m", "\x1b[2;36mCLOSE-WAIT\x1b[0m" },
        { TCP_STATE_LAST_ACK, "\x1b[36mLAST-ACK\x1b[0m", "\x1b[2;36mLAST-ACK\x1b[0m" },
        { TCP_STATE_TIME_WAIT, "\x1b[34mTIME-WAIT\x1b[0m", "\x1b[2;34mTIME-WAIT\x1b[0m" },
    };
    struct change c = { .kind = CHANGE_STATE, .conn = 1 };

    (void)state;
    for (unsigned i = 0; i < sizeof(colours) / sizeof(colours[0]); i++) {
        c.state.to = colours[i].to;
        c.state.source = WITNESS_KERNEL;
        assert_non_null(strstr(format(&c, true), colours[i].kernel));
        c.state.source = WITNESS_WIRE;
        assert_non_null(strstr(format(&c, true), colours[i].wire));
    }
}

static void test_segment(void **state)
{
    struct change c = { .kind = CHANGE_SEGMENT,
                        AT_US(20),
                        .conn = 1,
                        .end = END_CLIENT,
                        .segment = {
                            .segment = { .flags = SEGMENT_SYN,
                                         .mss = 65495,
                                         .wscale = 7,
                                         .options = SEGMENT_OPT_MSS | SEGMENT_OPT_WSCALE | SEGMENT_OPT_SACK_OK },
                            .window = 65495 } };

    (void)state;
    check(&c, "    0.000020  #1    ── SYN seq=0 ────────────────────────────────────────▶  "
              "win=65495 mss=65495 wscale=7 sack_ok");
    assert_non_null(strstr(format(&c, true), "\x1b[1m    ── SYN"));
    c.end = END_SERVER;
    c.segment.segment = (struct segment){ .flags = SEGMENT_SYN | SEGMENT_ACK };
    c.segment.ack = 1;
    check(&c, "    0.000020  #1    ◀────────────────────────────── SYN,ACK seq=0 ack=1 ──  win=65495");
    c.end = END_CLIENT;
    c.segment.segment = (struct segment){
        .flags = SEGMENT_PSH | SEGMENT_ACK, .payload_len = 15, .options = SEGMENT_OPT_SACK, .sack_count = 1
    };
    c.segment.sack[0][0] = 16;
    c.segment.sack[0][1] = 31;
    c.segment.seq = 1;
    c.segment.notes = NOTE_RETRANSMISSION | NOTE_LOST_SEGMENT;
    check(&c, "    0.000020  #1    ── PSH,ACK seq=1 ack=1 len=15 ───────────────────────▶  "
              "retransmission, lost-segment  win=65495 sack=16-31");
    assert_non_null(strstr(format(&c, true), "\x1b[1;31mretransmission, lost-segment\x1b[0m"));
    /* A lane too short grows. */
    c.end = END_SERVER;
    c.segment.notes = 0;
    c.segment.segment = (struct segment){ .flags = 0x1ff, .payload_len = 65483, .cut = true };
    c.segment.seq = c.segment.ack = UINT32_MAX;
    check(&c, "    0.000020  #1    ◀── FIN,SYN,RST,PSH,ACK,URG,ECE,CWR,AE seq=4294967295 ack=4294967295 len=65483 ──"
              "  win=65495 cut");
    c.segment.segment = (struct segment){ .flags = 0 };
    c.segment.seq = 5;
    check(&c, "    0.000020  #1    ◀─────────────────────────────────── no flags seq=5 ──  win=65495");
    /* A RST is an alarm, an empty ACK no news. */
    c.segment.segment.flags = SEGMENT_RST;
    assert_non_null(strstr(format(&c, true), "\x1b[1;31m    ◀"));
    c.segment.segment.flags = SEGMENT_ACK;
    assert_non_null(strstr(format(&c, true), "\x1b[2m    ◀"));
}

static void test_object(void **state)
{
    struct change c = { .kind = CHANGE_OBJECT,
                        AT_US(36),
                        .conn = 1,
                        .end = END_SERVER,
                        .object = { .from = OBJECT_REQUEST, .to = OBJECT_SOCK, .state = TCP_STATE_SYN_RECEIVED } };

    (void)state;
    check(&c, "    0.000036  #1           SYN-RECEIVED: request sock → full socket server");
    c.end = END_CLIENT;
    c.object = (typeof(c.object)){ OBJECT_SOCK, OBJECT_TIMEWAIT, TCP_STATE_FIN_WAIT_2, NULL };
    check(&c, "    0.000036  #1    client FIN-WAIT-2: full socket → minisock");
}

static void test_call(void **state)
{
    struct change c = { .kind = CHANGE_CALL,
                        AT_US(50),
                        .conn = 1,
                        .listener = 1,
                        .end = END_SERVER,
                        .call = { .call = { .name = "accept4", .fd = 5, .ret = 6, .task = ECHO }, .has_end = true } };

    (void)state;
    check(&c, "    0.000050  #1                                     accept4(5) = 6 server  tcplens-echo[4711]");
    c.end = END_CLIENT;
    c.call.call.name = "connect";
    c.call.call.ret = -EINPROGRESS;
    check(&c, "    0.000050  #1    client connect(5) = -EINPROGRESS                        tcplens-echo[4711]");
    c.conn = 0;
    c.call.has_end = false;
    c.call.call.ret = INT32_MIN;
    check(&c, "    0.000050  L1                                  connect(5) = -2147483648  tcplens-echo[4711]");
    c.call.call = (struct call){ .name = "shutdown", .fd = 5, .args = { { "how", "SHUT_WR", 0 } }, .task = ECHO };
    c.call.call.duration_ns = 2500000000;
    check(&c, "    0.000050  L1                                  shutdown(5, SHUT_WR) = 0  tcplens-echo[4711]  "
              "took 2.500 s");
    c.call.call = (struct call){ .name = "socket", .fd = -1, .ret = 4, .task = ECHO };
    check(&c, "    0.000050  L1                                              socket() = 4  tcplens-echo[4711]");
    c.listener = 0;
    c.call.call = (struct call){
        .name = "epoll_wait",
        .fd = 4,
        .ret = 2,
        .args = { { "watched", NULL, 3 }, { "timeout_ns", NULL, -1 } },
        .task = ECHO,
    };
    c.call.waiting = (struct waiting){ .count = 2, .ready = { { 7, 1 << POLL_EVENT_IN }, { -1, 0 } } };
    check(&c, "    0.000050                      epoll_wait(4, 3 watched, no timeout) = 2  tcplens-echo[4711]  "
              "ready: 7 IN, ");
    c.call.call = (struct call){
        .name = "setsockopt",
        .fd = 4,
        .args = { { "level", "SOL_SOCKET", 0 }, { "option", "SO_REUSEADDR", 0 }, { "value", NULL, 1 } },
        .task = ECHO,
    };
    c.call.waiting = (struct waiting){ 0 };
    check(&c, "    0.000050                            setsockopt(4, SO_REUSEADDR, 1) = 0  tcplens-echo[4711]");
    c.call.call = (struct call){ .name = "accept4", .fd = 4, .blocked = true, .duration_ns = 100000000, .task = ECHO };
    check(&c, "    0.000050                                                  accept4(4) …  tcplens-echo[4711]  "
              "blocked for 100.000 ms");
}

/* What only a tracer sees. */
static void test_call_interrupted(void **state)
{
    struct change c = { .kind = CHANGE_CALL,
                        AT_US(50),
                        .call = { .call = { .name = "epoll_wait", .fd = 4, .task = ECHO } } };

    (void)state;
    c.call.call.ret = -514;
    check(&c, "    0.000050                               epoll_wait(4) = -ERESTARTNOHAND  tcplens-echo[4711]  "
              "interrupted by a signal");
    c.call.call.ret = -4;
    check(&c, "    0.000050                                        epoll_wait(4) = -EINTR  tcplens-echo[4711]");
    c.call.call.ret = -525;
    check(&c, "    0.000050                                          epoll_wait(4) = -525  tcplens-echo[4711]");
}

static void test_listener_and_queue(void **state)
{
    struct change c = { .kind = CHANGE_LISTENER,
                        AT_US(0),
                        .listener = 1,
                        .listening = { .addr = endpoint("127.0.0.1", 7007), .backlog = 16, .owner = ECHO } };

    (void)state;
    check(&c, "    0.000000  L1                          listens on 127.0.0.1:7007 server  "
              "tcplens-echo[4711]  backlog 16: the accept queue holds 17");
    c.listening.opened_by = (struct task){ .pid = 9, .tid = 9, .comm = "sh" };
    c.listening.handed_on = true;
    check(&c, "    0.000000  L1                          listens on 127.0.0.1:7007 server  "
              "tcplens-echo[4711], opened by sh[9], which has ended  backlog 16: the accept queue holds 17");
    c.listening.opened_by.pid = 0;
    c.listening.owner.pid = 0;
    c.listening.closed = true;
    check(&c, "    0.000000  L1                  stops listening on 127.0.0.1:7007 server");
    c = (struct change){
        .kind = CHANGE_QUEUE, AT_US(26), .conn = 1, .listener = 1, .queue = { .syn = 1, .limit = 17, .why = QUEUE_SYN }
    };
    check(&c, "    0.000026  #1                           SYN queue 1 · accept queue 0/17  L1: joined the SYN queue");
    c.queue = (typeof(c.queue)){
        .accept = 17, .limit = 17, .drops = 3, .cause = CAUSE_ACCEPT_QUEUE_FULL, .why = QUEUE_OVERFLOW
    };
    check(&c, "    0.000026  #1                          SYN queue 0 · accept queue 17/17  "
              "L1: dropped, the accept queue is full; 3 dropped so far");
    assert_non_null(strstr(format(&c, true), "\x1b[1;31mSYN queue 0 · accept queue 17/17\x1b[0m"));
    c.queue.cause = CAUSE_SYN_QUEUE_FULL;
    assert_non_null(strstr(format(&c, false), "L1: dropped, the SYN queue is full; 3 dropped so far"));
    c.queue.cause = CAUSE_LISTENER_DROPPED;
    assert_non_null(strstr(format(&c, false), "L1: dropped, neither queue is full; 3 dropped so far"));
    c.queue = (typeof(c.queue)){ .accept = 1, .limit = 17, .drops = 3, .why = QUEUE_JOINED };
    check(&c,
          "    0.000026  #1                           SYN queue 0 · accept queue 1/17  L1: joined the accept queue");
    for (unsigned why = 0; why < QUEUE_WHY_N; why++) {
        c.queue = (typeof(c.queue)){ .why = (enum queue_why)why };
        assert_in_range(strlen(strstr(format(&c, false), "L1: ")), sizeof("L1: sampled") - 1, 80);
    }
}

static void test_timer(void **state)
{
    struct change c = { .kind = CHANGE_TIMER,
                        AT_US(84),
                        .conn = 1,
                        .end = END_CLIENT,
                        .timer = { .name = TIMER_TIME_WAIT, .expires_ns = START + 60000084000 } };

    (void)state;
    check(&c, "    0.000084  #1    client timer time-wait set: 60.000 s");
    c.timer.expires_ns = 1;
    check(&c, "    0.000084  #1    client timer time-wait set: 0 ns");
    c.timer.expires_ns = START + 84000 + 499999;
    check(&c, "    0.000084  #1    client timer time-wait set: 499 µs");
    c.timer.expires_ns++;
    check(&c, "    0.000084  #1    client timer time-wait set: 0.500 ms");
    c.end = END_SERVER;
    c.timer = (typeof(c.timer)){ .name = TIMER_SYN_ACK, .phase = TIMER_FIRED, .count = 2 };
    check(&c, "    0.000084  #1                                timer syn-ack fired server  2 in a row");
    c.timer = (typeof(c.timer)){
        .name = TIMER_RETRANSMIT, .phase = TIMER_FIRED, .count = 1, .rto_ns = 1000000000, .waited_ns = 12000000
    };
    check(&c, "    0.000084  #1                             timer retransmit fired server  "
              "1 in a row, after 12.000 ms, RTO 1.000 s");
    c.timer.waited_ns = 0;
    check(&c, "    0.000084  #1                             timer retransmit fired server  1 in a row, RTO 1.000 s");
    c.timer = (typeof(c.timer)){ .name = TIMER_KEEPALIVE, .phase = TIMER_FIRED, .why = TIMER_WHY_NOT_IDLE };
    check(&c, "    0.000084  #1                              timer keepalive fired server  "
              "sends no probe: something is unacknowledged");
    c.timer = (typeof(c.timer)){ .name = TIMER_FIN_WAIT_2, .phase = TIMER_CANCELLED };
    check(&c, "    0.000084  #1                         timer fin-wait-2 cancelled server");
}

static void test_lab(void **state)
{
    struct change c = { .kind = CHANGE_LAB, AT_US(90), .lab = { .lab = "lost-syn", .version = 1 } };

    (void)state;
    check(&c, "    0.000090        lab lost-syn");
    c.lab = (typeof(c.lab)){ .lab = "lost-syn", .actor = "a", .op = "start" };
    check(&c, "    0.000090        a: start");
    c.lab = (typeof(c.lab)){ .lab = "lost-syn",
                             .actor = "a",
                             .step = 2,
                             .op = "connect",
                             .text = "server",
                             .ret = -110,
                             .duration_ns = 2000000000 };
    check(&c, "    0.000090        a: connect server = ETIMEDOUT  took 2.000 s");
    c = (struct change){
        .kind = CHANGE_ARRIVAL, AT_US(90), .conn = 1, .end = END_SERVER, .arrival = { .delay_ns = 20000000 }
    };
    check(&c,
          "    0.000090  #1                                    segment arrives server  20.000 ms after it was sent");
    c = (struct change){ .kind = CHANGE_ANSWER,
                         AT_US(90),
                         .answer = { .question = "q1", .choice = "rst", .right = true } };
    check(&c, "    0.000090        predicted q1: rst, right");
    c = (struct change){ .kind = CHANGE_CHECK,
                         AT_US(90),
                         .check = { .id = "c1", .result = CHECK_FAILED, .expected = "it", .seen = "\033 nothing" } };
    check(&c, "    0.000090        check failed: c1, seen: \\x1b nothing");
}

static void test_reset_and_gap(void **state)
{
    struct change c = {
        .kind = CHANGE_RESET, AT_US(90), .conn = 1, .end = END_SERVER, .reset = { .sent = true, .reason = "NO_SOCKET" }
    };

    (void)state;
    check(&c, "    0.000090  #1                                          sends RST server  NO_SOCKET");
    c.end = END_CLIENT;
    c.reset.sent = false;
    check(&c, "    0.000090  #1    client receives RST                                     NO_SOCKET");
    c = (struct change){ .kind = CHANGE_GAP,
                         AT_US(81000),
                         .gap = { .source = WITNESS_KERNEL,
                                  .hook = "inet_sock_set_state",
                                  .lost = 12,
                                  .from_ns = START + 80000000,
                                  .to_ns = START + 81000000 } };
    check(&c, "    0.081000        !! 12 events lost: kernel inet_sock_set_state, between 0.080000 and 0.081000");
    assert_non_null(strstr(format(&c, true), "\x1b[1;31m        !! 12"));
    c.gap = (typeof(c.gap)){ .source = WITNESS_WIRE, .lost = 1 };
    check(&c, "    0.081000        !! 1 events lost: wire, between 0.000000 and 0.000000");
}

static void test_disagreement(void **state)
{
    struct change c = {
        .kind = CHANGE_DISAGREEMENT,
        AT_US(81000),
        .conn = 1,
        .end = END_CLIENT,
        .disagreement = { .kernel = TCP_STATE_CLOSED, .wire = TCP_STATE_FIN_WAIT_2, .known = KNOWN_FIN_WAIT_2_TIMEOUT }
    };

    (void)state;
    check(&c, "    0.081000  #1    ≠ client: the kernel says CLOSED, the packets say FIN-WAIT-2 (fin-wait-2-timeout)");
    c.disagreement.known = KNOWN_NONE;
    check(&c, "    0.081000  #1    ≠ client: the kernel says CLOSED, the packets say FIN-WAIT-2");
}

static void test_outcome(void **state)
{
    struct change c = { .kind = CHANGE_OUTCOME,
                        AT_US(5112003),
                        .conn = 1,
                        .outcome = { .verdict = VERDICT_CLOSED_NORMALLY,
                                     .has_wire = true,
                                     .bytes = { 15, 16 },
                                     .final = { TCP_STATE_TIME_WAIT, TCP_STATE_CLOSED },
                                     .duration_ns = 5112000000,
                                     .closed_by = END_CLIENT } };

    (void)state;
    check(&c, "    5.112003  #1    ■ Closed normally: the client closed first and waits in TIME-WAIT.  "
              "client sent 15 bytes, server 16 bytes, 5.112 s");
    c.outcome.bytes[END_CLIENT] = 1;
    c.outcome.bytes[END_SERVER] = 0;
    check(&c, "    5.112003  #1    ■ Closed normally: the client closed first and waits in TIME-WAIT.  "
              "client sent 1 byte, server 0 bytes, 5.112 s");
    c.outcome = (typeof(c.outcome)){ .verdict = VERDICT_NO_ANSWER, .duration_ns = 999999 };
    c.ts_ns = START - 1;
    check(
        &c,
        "2027-01-15T07:59:59.999999999Z  #1    ■ No answer: no SYN,ACK came back to the client's SYN. Why was not seen.  0.999 ms");
    c.ts_ns = START + 123456ULL * 1000000000;
    assert_int_equal(strncmp(format(&c, false), "123456.000000  #1    ■", sizeof("123456.000000  #1    ■") - 1), 0);
}

/* A name can be any bytes: the terminal must see none that it obeys, and none that reorders the line. */
static void test_hostile_text(void **state)
{
    struct change c = { .kind = CHANGE_CALL, .conn = 1, .call = { .call = { .name = "close" } } };
    const char *line;

    (void)state;
    strcpy(c.call.call.task.comm, "\x1b[2J\r\n\\\x7f\xe2\x80\xae");
    assert_non_null(strstr(format(&c, false), "  \\x1b[2J\\x0d\\x0a\\\\\\x7f\\xe2\\x80\\xae[0]"));
    memset(c.call.call.task.comm, '\x9b', sizeof(c.call.call.task.comm));
    line = format(&c, false);
    assert_null(strchr(line, '\x9b'));
    assert_non_null(strstr(line, "\\x9b\\x9b[0]"));
    c = (struct change){ .kind = CHANGE_RESET, .reset = { .reason = "\x1b]0;x\a" } };
    assert_non_null(strstr(format(&c, false), "\\x1b]0;x\\x07"));
    c = (struct change){ .kind = CHANGE_GAP, .gap = { .hook = "\b\b\b" } };
    assert_non_null(strstr(format(&c, false), "\\x08\\x08\\x08"));
}

/* Whatever a change holds, its line fits, ends without colour and says the same with and without. */
static void test_any_content(void **state)
{
    static char long_word[5000];

    (void)state;
    memset(long_word, 'W', sizeof(long_word) - 1);
    for (unsigned kind = 0; kind < CHANGE_KIND_N; kind++) {
        for (int byte = 0; byte < 256; byte++) {
            struct change c;

            memset(&c, byte, sizeof(c));
            any_change(&c, (enum change_kind)kind, long_word);
            if (kind == CHANGE_RESET)
                c.reset.sent = true;
            if (kind == CHANGE_COUNTER) {
                c.counter.name = "UdpInErrors";
                c.counter.delta |= 1; /* those that stand still have no line */
            }
            assert_string_equal(uncoloured(format(&c, true)), format(&c, false));
        }
    }
}

/* It grows: its last state stands below all. */
static void test_finding_is_told_once(void **state)
{
    struct change c = { .kind = CHANGE_FINDING, AT_US(0), .finding = { .text = "It is so.", .remedy = { "do this" } } };
    char buf[TIMELINE_LINE_MAX];

    (void)state;
    assert_non_null(strstr(format(&c, false), "It is so."));
    assert_null(strstr(format(&c, false), "do this"));
    c.finding.told_before = true;
    assert_int_equal(timeline_format(&c, START, false, buf), 0);
}

static void test_unknown_kind(void **state)
{
    const struct change c = { .kind = CHANGE_KIND_N };
    char buf[TIMELINE_LINE_MAX];

    (void)state;
    assert_int_equal(timeline_format(&c, START, true, buf), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_state_colours),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_object),
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_call_interrupted),
        cmocka_unit_test(test_listener_and_queue),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_lab),
        cmocka_unit_test(test_reset_and_gap),
        cmocka_unit_test(test_disagreement),
        cmocka_unit_test(test_outcome),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_any_content),
        cmocka_unit_test(test_finding_is_told_once),
        cmocka_unit_test(test_unknown_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
