/* Every kind of line: its exact text, and that a JSON parser reads it back. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "../trace/roundtrip.h"
#include "tcplens/trace/encode.h"
#include "values.h"

#define START 1800000000123456789ULL
#define AT(t) .ts_ns = START + (t)
#define SERVER                                                                                                         \
    {                                                                                                                  \
        .pid = 4710, .tid = 4710, .comm = "tcplens-echo"                                                               \
    }

/* Formats; what lies behind the buffer is guarded. Returns the text without its newline. */
static const char *format(const struct change *c)
{
    static char buf[TRACE_LINE_MAX + 64];
    size_t len;

    memset(buf, 0x55, sizeof(buf));
    len = trace_encode(c, START, buf);
    assert_in_range(len, 1, TRACE_LINE_MAX);
    for (size_t i = TRACE_LINE_MAX; i < sizeof(buf); i++)
        assert_int_equal(buf[i], 0x55);
    assert_int_equal(buf[len - 1], '\n');
    buf[len - 1] = '\0';
    assert_null(strchr(buf, '\n'));
    return buf;
}

/* What is decoded is written alike again. */
static void check_roundtrip(const char *text)
{
    const struct trace_header header = { .start_ns = START, .sources = { true } };
    char *first, *again, error[TRACE_DECODE_ERROR_MAX];
    struct trace_decoder *decoder;
    uint64_t start_ns = 0;

    assert_int_equal(trace_decoder_new(&decoder), 0);
    assert_int_equal(trace_encode_header(&header, &first), 0);
    assert_int_equal(roundtrip(decoder, &start_ns, first, strlen(first), &again, error), 0);
    assert_string_equal(again, first);
    free(again);
    free(first);
    if (roundtrip(decoder, &start_ns, text, strlen(text), &again, error) < 0)
        fail_msg("%s: %s", error, text);
    again[strlen(again) - 1] = '\0';
    assert_string_equal(again, text);
    free(again);
    trace_decoder_free(decoder);
}

static void check(const struct change *c, const char *expected)
{
    const char *text = format(c);

    assert_string_equal(text, expected);
    cJSON_Delete(parse(text));
    check_roundtrip(text);
}

static void test_connection(void **state)
{
    struct change c = { .kind = CHANGE_CONNECTION,
                        .n = 2,
                        AT(1043),
                        .conn = 1,
                        .connection = { .client = endpoint("127.0.0.1", 40312),
                                        .server = endpoint("127.0.0.1", 7007),
                                        .netns = 4026532281,
                                        .local = { true, true } } };

    (void)state;
    check(&c, "{\"record\":\"connection\",\"n\":2,\"t\":1043,\"conn\":1,"
              "\"client\":{\"addr\":\"127.0.0.1\",\"port\":40312},\"server\":{\"addr\":\"127.0.0.1\",\"port\":7007},"
              "\"family\":\"ipv4\",\"netns\":4026532281,\"local\":[\"client\",\"server\"]}");
    c.connection.client = endpoint("2001:db8::1", 65535);
    c.connection.server = endpoint("fe80::2", 0);
    c.connection.netns = 0;
    c.connection.local[END_CLIENT] = false;
    c.connection.before_trace = c.connection.roles_assumed = true;
    c.late = true;
    check(&c, "{\"record\":\"connection\",\"n\":2,\"t\":1043,\"late\":true,\"conn\":1,"
              "\"client\":{\"addr\":\"2001:db8::1\",\"port\":65535},\"server\":{\"addr\":\"fe80::2\",\"port\":0},"
              "\"family\":\"ipv6\",\"local\":[\"server\"],\"since\":\"before-trace\",\"roles\":\"assumed\"}");
    c.connection = (typeof(c.connection)){ .client = endpoint("::ffff:192.0.2.1", 1),
                                           .server = endpoint("192.0.2.2", 2),
                                           .local = { true, false } };
    c.late = false;
    check(&c, "{\"record\":\"connection\",\"n\":2,\"t\":1043,\"conn\":1,"
              "\"client\":{\"addr\":\"192.0.2.1\",\"port\":1},\"server\":{\"addr\":\"192.0.2.2\",\"port\":2},"
              "\"family\":\"ipv4\",\"local\":[\"client\"]}");
    c.connection.local[END_CLIENT] = false;
    assert_non_null(strstr(format(&c), "\"local\":[]}"));
}

static void test_state(void **state)
{
    struct change c = { .kind = CHANGE_STATE,
                        .n = 3,
                        AT(1043),
                        .conn = 1,
                        .end = END_CLIENT,
                        .because = 2,
                        .state = { .from = TCP_STATE_CLOSED,
                                   .to = TCP_STATE_SYN_SENT,
                                   .how = HOW_OBSERVED,
                                   .source = WITNESS_KERNEL,
                                   .kernel_state = "SYN_SENT",
                                   .object = OBJECT_SOCK,
                                   .owner = SERVER,
                                   .rfc = "OPEN / snd SYN" } };

    (void)state;
    check(&c, "{\"record\":\"state\",\"n\":3,\"t\":1043,\"conn\":1,\"end\":\"client\",\"from\":\"CLOSED\","
              "\"to\":\"SYN-SENT\",\"how\":\"observed\",\"source\":\"kernel\",\"rfc\":\"OPEN / snd SYN\","
              "\"because\":2,\"kernel\":{\"state\":\"SYN_SENT\",\"object\":\"sock\"},"
              "\"owner\":{\"pid\":4710,\"comm\":\"tcplens-echo\"}}");
    c.because = 0;
    c.end = END_SERVER;
    c.state = (typeof(c.state)){
        .from = TCP_STATE_UNKNOWN, .to = TCP_STATE_TIME_WAIT, .how = HOW_ASSUMED, .source = WITNESS_WIRE
    };
    check(&c, "{\"record\":\"state\",\"n\":3,\"t\":1043,\"conn\":1,\"end\":\"server\",\"from\":\"UNKNOWN\","
              "\"to\":\"TIME-WAIT\",\"how\":\"assumed\",\"source\":\"wire\"}");
}

static void test_object(void **state)
{
    const struct change c = { .kind = CHANGE_OBJECT,
                              .n = 9,
                              AT(48120),
                              .conn = 1,
                              .end = END_SERVER,
                              .because = 8,
                              .object = { .from = OBJECT_REQUEST,
                                          .to = OBJECT_SOCK,
                                          .state = TCP_STATE_SYN_RECEIVED,
                                          .kernel_state = "SYN_RECV" } };

    (void)state;
    check(&c, "{\"record\":\"object\",\"n\":9,\"t\":48120,\"conn\":1,\"end\":\"server\",\"from\":\"request\","
              "\"to\":\"sock\",\"state\":\"SYN-RECEIVED\",\"kernel\":{\"state\":\"SYN_RECV\",\"object\":\"sock\"},"
              "\"because\":8}");
}

static void test_segment(void **state)
{
    struct change c = { .kind = CHANGE_SEGMENT,
                        .n = 4,
                        AT(20511),
                        .conn = 1,
                        .end = END_CLIENT,
                        .segment = { .segment = { .flags = SEGMENT_SYN,
                                                  .seq = 3735928559,
                                                  .mss = 65495,
                                                  .wscale = 7,
                                                  .ts_val = 1911,
                                                  .options = SEGMENT_OPT_MSS | SEGMENT_OPT_WSCALE |
                                                             SEGMENT_OPT_SACK_OK | SEGMENT_OPT_TS },
                                     .window = 65495 } };

    (void)state;
    check(&c, "{\"record\":\"segment\",\"n\":4,\"t\":20511,\"conn\":1,\"from\":\"client\",\"flags\":[\"SYN\"],"
              "\"seq\":0,\"seq_abs\":3735928559,\"len\":0,\"win\":65495,"
              "\"options\":{\"mss\":65495,\"sack_ok\":true,\"ts\":[1911,0],\"wscale\":7}}");

    /* Everything at once. */
    c.end = END_SERVER;
    c.segment.segment = (struct segment){ .flags = 0x1ff,
                                          .seq = 1,
                                          .payload_len = 1448,
                                          .options = 0x1ff,
                                          .mss = 1460,
                                          .wscale = 14,
                                          .tfo_len = 8,
                                          .sack_count = 2,
                                          .ts_val = UINT32_MAX,
                                          .ts_ecr = 5,
                                          .cut = true };
    c.segment.seq = 1ULL << 32;
    c.segment.ack = 77;
    c.segment.window = 1 << 30;
    c.segment.sack[0][0] = 100;
    c.segment.sack[0][1] = 200;
    c.segment.sack[1][0] = 300;
    c.segment.sack[1][1] = 1ULL << 33;
    c.segment.notes = (1 << NOTE_N) - 1;
    check(
        &c,
        "{\"record\":\"segment\",\"n\":4,\"t\":20511,\"conn\":1,\"from\":\"server\","
        "\"flags\":[\"FIN\",\"SYN\",\"RST\",\"PSH\",\"ACK\",\"URG\",\"ECE\",\"CWR\",\"AE\"],"
        "\"seq\":4294967296,\"seq_abs\":1,\"ack\":77,\"len\":1448,\"win\":1073741824,"
        "\"options\":{\"mss\":1460,\"sack_ok\":true,\"sack\":[[100,200],[300,8589934592]],"
        "\"ts\":[4294967295,5],\"wscale\":14,\"tfo\":8,\"mptcp\":true,\"md5\":true,\"ao\":true},"
        "\"notes\":[\"retransmission\",\"out-of-order\",\"keep-alive\",\"duplicate-ack\",\"zero-window\","
        "\"lost-segment\",\"bad-checksum\",\"fast-retransmission\","
        "\"spurious-retransmission\",\"acked-unseen\",\"zero-window-probe\",\"zero-window-probe-ack\","
        "\"window-full\",\"window-update\",\"keep-alive-ack\",\"port-reuse\",\"unacceptable\",\"challenge-ack\",\"earlier-connection\",\"copy\",\"lost-on-wire\"],\"cut\":true}");

    /* Nothing at all; bits that nobody knows are no fields. */
    c.segment = (typeof(c.segment)){ .segment = { .flags = 0xfe00, .options = 0x8000 }, .notes = 1U << 31 };
    check(&c, "{\"record\":\"segment\",\"n\":4,\"t\":20511,\"conn\":1,\"from\":\"server\",\"flags\":[],\"seq\":0,"
              "\"len\":0,\"win\":0}");
    c.segment.segment.options = SEGMENT_OPT_SACK;
    assert_non_null(strstr(format(&c), "\"options\":{\"sack\":[]}}"));
}

static void test_call(void **state)
{
    struct change c = { .kind = CHANGE_CALL,
                        .n = 13,
                        AT(61200),
                        .conn = 1,
                        .listener = 1,
                        .end = END_SERVER,
                        .call = { .call = { .name = "accept4", .fd = 5, .ret = 5, .task = SERVER }, .has_end = true } };

    (void)state;
    check(&c, "{\"record\":\"call\",\"n\":13,\"t\":61200,\"conn\":1,\"listener\":1,\"end\":\"server\","
              "\"name\":\"accept4\",\"fd\":5,\"ret\":5,\"pid\":4710,\"tid\":4710,\"comm\":\"tcplens-echo\"}");
    c.conn = 0;
    c.call.has_end = false;
    c.call.call.fd = -1;
    c.call.call.ret = -EAGAIN;
    check(&c, "{\"record\":\"call\",\"n\":13,\"t\":61200,\"listener\":1,\"name\":\"accept4\",\"fd\":-1,\"ret\":-1,"
              "\"errno\":\"EAGAIN\",\"pid\":4710,\"tid\":4710,\"comm\":\"tcplens-echo\"}");
    /* What a tracer sees of a call that a signal interrupted, and numbers without a name. */
    c.call.call.ret = -512;
    assert_non_null(strstr(format(&c), "\"ret\":-1,\"errno\":\"ERESTARTSYS\","));
    c.call.call.ret = -4000;
    assert_non_null(strstr(format(&c), "\"ret\":-1,\"errno\":\"4000\","));
    c.call.call.ret = INT32_MIN;
    assert_non_null(strstr(format(&c), "\"ret\":-1,\"errno\":\"2147483648\","));
    c.call.call.fd = INT32_MIN;
    assert_non_null(strstr(format(&c), "\"fd\":-2147483648,"));
    /* One that waits: of no socket; one that goes on: without a result. */
    c.listener = 0;
    c.call.call =
        (struct call){ .name = "epoll_wait", .fd = 4, .ret = 2, .task = SERVER, .args = { { "watched", NULL, 3 } } };
    c.call.waiting = (struct waiting){
        .count = 2,
        .ready = { { 7, 1 << POLL_EVENT_IN | 1 << POLL_EVENT_RDHUP }, { -1, 0 } },
    };
    check(&c,
          "{\"record\":\"call\",\"n\":13,\"t\":61200,\"name\":\"epoll_wait\",\"fd\":4,\"args\":{\"watched\":3},"
          "\"ret\":2,\"ready\":[{\"fd\":7,\"events\":[\"IN\",\"RDHUP\"]},{\"events\":[]}],\"pid\":4710,\"tid\":4710,"
          "\"comm\":\"tcplens-echo\"}");
    c.call.waiting = (struct waiting){ .events = 1 << POLL_EVENT_OUT };
    c.call.call.blocked = true;
    c.call.call.duration_ns = 5;
    check(
        &c,
        "{\"record\":\"call\",\"n\":13,\"t\":61200,\"name\":\"epoll_wait\",\"fd\":4,\"args\":{\"watched\":3},"
        "\"events\":[\"OUT\"],\"blocked\":true,\"duration_ns\":5,\"pid\":4710,\"tid\":4710,\"comm\":\"tcplens-echo\"}");
    c.call.waiting = (struct waiting){ 0 };
    /* What --calls adds. */
    c.listener = 0;
    c.call.socket = 7;
    c.call.call = (struct call){ .name = "recvfrom",
                                 .fd = 3,
                                 .ret = 6442450944,
                                 .duration_ns = 1500,
                                 .task = SERVER,
                                 .args = { { "len", NULL, 6442450944 }, { "option", "SO_\"LINGER", 0 } } };
    check(&c, "{\"record\":\"call\",\"n\":13,\"t\":61200,\"socket\":7,\"name\":\"recvfrom\",\"fd\":3,"
              "\"args\":{\"len\":6442450944,\"option\":\"SO_\\\"LINGER\"},\"ret\":6442450944,\"duration_ns\":1500,"
              "\"pid\":4710,\"tid\":4710,\"comm\":\"tcplens-echo\"}");
}

static void test_listener(void **state)
{
    struct change c = {
        .kind = CHANGE_LISTENER,
        .n = 1,
        AT(0),
        .listener = 1,
        .listening = { .addr = endpoint("127.0.0.1", 7007), .backlog = 16, .netns = 4026532281, .owner = SERVER }
    };

    (void)state;
    check(&c, "{\"record\":\"listener\",\"n\":1,\"t\":0,\"listener\":1,\"addr\":\"127.0.0.1\",\"port\":7007,"
              "\"backlog\":16,\"limit\":17,\"netns\":4026532281,\"owner\":{\"pid\":4710,\"comm\":\"tcplens-echo\"}}");
    c.listening =
        (typeof(c.listening)){ .addr = endpoint("::", 1), .backlog = UINT32_MAX, .before_trace = true, .closed = true };
    check(&c, "{\"record\":\"listener\",\"n\":1,\"t\":0,\"listener\":1,\"addr\":\"::\",\"port\":1,"
              "\"backlog\":4294967295,\"limit\":4294967296,\"since\":\"before-trace\",\"closed\":true}");
}

static void test_queue(void **state)
{
    struct change c = { .kind = CHANGE_QUEUE,
                        .n = 7,
                        AT(30122),
                        .listener = 1,
                        .conn = 1,
                        .queue = { .syn = 1, .accept = 2, .limit = 17, .drops = 3, .why = QUEUE_SYN } };

    (void)state;
    check(&c, "{\"record\":\"queue\",\"n\":7,\"t\":30122,\"listener\":1,\"syn\":1,\"accept\":2,\"limit\":17,"
              "\"drops\":3,\"why\":\"syn\",\"conn\":1}");
    c.conn = 0;
    c.queue.why = QUEUE_SAMPLE;
    check(&c, "{\"record\":\"queue\",\"n\":7,\"t\":30122,\"listener\":1,\"syn\":1,\"accept\":2,\"limit\":17,"
              "\"drops\":3,\"why\":\"sample\"}");
}

static void test_timer(void **state)
{
    struct change c = { .kind = CHANGE_TIMER,
                        .n = 40,
                        AT(5012003311),
                        .conn = 1,
                        .end = END_CLIENT,
                        .timer = {
                            .name = TIMER_TIME_WAIT, .expires_ns = START + 65012003311, .source = WITNESS_KERNEL } };

    (void)state;
    check(&c, "{\"record\":\"timer\",\"n\":40,\"t\":5012003311,\"conn\":1,\"end\":\"client\","
              "\"name\":\"time-wait\",\"expires\":65012003311,\"source\":\"kernel\"}");
    c.timer = (typeof(c.timer)){ .name = TIMER_SYN_ACK, .phase = TIMER_FIRED, .count = 2, .source = WITNESS_DIAG };
    check(&c, "{\"record\":\"timer\",\"n\":40,\"t\":5012003311,\"conn\":1,\"end\":\"client\",\"name\":\"syn-ack\","
              "\"fired\":true,\"count\":2,\"source\":\"diag\"}");
    c.timer = (typeof(c.timer)){ .name = TIMER_FIN_WAIT_2, .phase = TIMER_CANCELLED, .source = WITNESS_KERNEL };
    check(&c, "{\"record\":\"timer\",\"n\":40,\"t\":5012003311,\"conn\":1,\"end\":\"client\","
              "\"name\":\"fin-wait-2\",\"cancelled\":true,\"source\":\"kernel\"}");
}

static void test_reset(void **state)
{
    struct change c = { .kind = CHANGE_RESET,
                        .n = 51,
                        AT(70012),
                        .conn = 2,
                        .end = END_SERVER,
                        .reset = { .sent = true, .reason = "NO_SOCKET" } };

    (void)state;
    check(&c, "{\"record\":\"reset\",\"n\":51,\"t\":70012,\"conn\":2,\"end\":\"server\",\"direction\":\"sent\","
              "\"reason\":\"NO_SOCKET\",\"who\":\"stack\"}");
    c.reset = (typeof(c.reset)){ .sent = false };
    check(&c, "{\"record\":\"reset\",\"n\":51,\"t\":70012,\"conn\":2,\"end\":\"server\","
              "\"direction\":\"received\",\"who\":\"peer\"}");
}

static void test_disagreement(void **state)
{
    struct change c = {
        .kind = CHANGE_DISAGREEMENT,
        .n = 60,
        AT(64000012000),
        .conn = 1,
        .end = END_CLIENT,
        .because = 58,
        .disagreement = { .kernel = TCP_STATE_CLOSED, .wire = TCP_STATE_FIN_WAIT_2, .known = KNOWN_FIN_WAIT_2_TIMEOUT }
    };

    (void)state;
    check(&c, "{\"record\":\"disagreement\",\"n\":60,\"t\":64000012000,\"conn\":1,\"end\":\"client\","
              "\"kernel\":\"CLOSED\",\"wire\":\"FIN-WAIT-2\",\"known\":\"fin-wait-2-timeout\",\"because\":58}");
    c.disagreement.known = KNOWN_NONE;
    c.because = 0;
    check(&c, "{\"record\":\"disagreement\",\"n\":60,\"t\":64000012000,\"conn\":1,\"end\":\"client\","
              "\"kernel\":\"CLOSED\",\"wire\":\"FIN-WAIT-2\"}");
}

static void test_lab(void **state)
{
    struct change c = {
        .kind = CHANGE_LAB,
        .n = 1,
        AT(5),
        .lab = { .lab = "lost-syn", .version = 2, .student = "s1", .values = { { "port", "7" }, { "n", "3" } } }
    };

    (void)state;
    check(&c, "{\"record\":\"lab\",\"n\":1,\"t\":5,\"lab\":\"lost-syn\",\"version\":2,\"student\":\"s1\","
              "\"values\":{\"port\":\"7\",\"n\":\"3\"}}");
    c.lab = (typeof(c.lab)){
        .lab = "lost-syn", .actor = "a", .step = 2, .op = "connect", .text = "server", .ret = -110, .duration_ns = 9
    };
    check(&c, "{\"record\":\"lab\",\"n\":1,\"t\":5,\"lab\":\"lost-syn\",\"actor\":\"a\",\"step\":2,\"op\":\"connect\","
              "\"ret\":-1,\"errno\":\"ETIMEDOUT\",\"duration_ns\":9,\"text\":\"server\"}");
    c = (struct change){
        .kind = CHANGE_ARRIVAL, .n = 2, AT(5), .conn = 1, .end = END_SERVER, .because = 1, .arrival = { .delay_ns = 4 }
    };
    check(&c, "{\"record\":\"arrival\",\"n\":2,\"t\":5,\"conn\":1,\"end\":\"server\",\"delay_ns\":4,\"because\":1}");
    c = (struct change){ .kind = CHANGE_ANSWER, .n = 3, AT(5), .answer = { .question = "q1", .choice = "rst" } };
    check(&c, "{\"record\":\"answer\",\"n\":3,\"t\":5,\"question\":\"q1\",\"choice\":\"rst\"}");
    c = (struct change){
        .kind = CHANGE_CHECK, .n = 4, AT(5), .check = { .id = "c1", .expected = "x", .seen = "y", .shown_by = { 1, 2 } }
    };
    check(&c, "{\"record\":\"check\",\"n\":4,\"t\":5,\"check\":\"c1\",\"result\":\"passed\",\"expected\":\"x\","
              "\"seen\":\"y\",\"because\":[1,2]}");
}

static void test_gap(void **state)
{
    struct change c = { .kind = CHANGE_GAP,
                        .n = 90,
                        AT(81000000),
                        .gap = { .source = WITNESS_KERNEL,
                                 .hook = "inet_sock_set_state",
                                 .lost = 12,
                                 .from_ns = START + 80000000,
                                 .to_ns = START + 81000000 } };

    (void)state;
    check(&c, "{\"record\":\"gap\",\"n\":90,\"t\":81000000,\"source\":\"kernel\",\"hook\":\"inet_sock_set_state\","
              "\"lost\":12,\"from\":80000000,\"to\":81000000}");
    c.gap = (typeof(c.gap)){ .source = WITNESS_WIRE, .lost = UINT64_MAX, .from_ns = 5, .to_ns = UINT64_MAX };
    check(&c, "{\"record\":\"gap\",\"n\":90,\"t\":81000000,\"source\":\"wire\",\"lost\":18446744073709551615,"
              "\"from\":0,\"to\":9007199254740991}");
}

static void test_outcome(void **state)
{
    struct change c = { .kind = CHANGE_OUTCOME,
                        .n = 44,
                        AT(5112003311),
                        .conn = 1,
                        .outcome = { .conn_state = "SF",
                                     .history = "ShADadFAfa",
                                     .verdict = VERDICT_CLOSED_NORMALLY,
                                     .final = { TCP_STATE_TIME_WAIT, TCP_STATE_CLOSED },
                                     .has_wire = true,
                                     .bytes = { 15, 16 },
                                     .segments = { 6, 5 },
                                     .duration_ns = 5112000000,
                                     .state_ns = { { [TCP_STATE_SYN_SENT] = 80000, [TCP_STATE_ESTABLISHED] = 1 },
                                                   { [TCP_STATE_SYN_RECEIVED] = 40000 } },
                                     .cause_end = END_UNKNOWN,
                                     .closed_by = END_CLIENT,
                                     .reset_by = END_UNKNOWN } };

    (void)state;
    check(&c, "{\"record\":\"outcome\",\"n\":44,\"t\":5112003311,\"conn\":1,\"conn_state\":\"SF\","
              "\"history\":\"ShADadFAfa\",\"verdict\":\"closed-normally\","
              "\"text\":\"Closed normally: the client closed first and waits in TIME-WAIT.\","
              "\"final\":{\"client\":\"TIME-WAIT\",\"server\":\"CLOSED\"},\"bytes\":{\"client\":15,\"server\":16},"
              "\"segments\":{\"client\":6,\"server\":5},\"duration_ns\":5112000000,"
              "\"durations\":{\"client\":{\"SYN-SENT\":80000,\"ESTABLISHED\":1},"
              "\"server\":{\"SYN-RECEIVED\":40000}},\"closed_by\":\"client\"}");
    c.outcome = (typeof(c.outcome)){ .verdict = VERDICT_NO_ANSWER,
                                     .cause = CAUSE_ACCEPT_QUEUE_FULL,
                                     .drops = 3,
                                     .cause_end = END_UNKNOWN,
                                     .closed_by = END_UNKNOWN,
                                     .reset_by = END_UNKNOWN };
    c.listener = 2;
    check(&c, "{\"record\":\"outcome\",\"n\":44,\"t\":5112003311,\"conn\":1,\"verdict\":\"no-answer\","
              "\"text\":\"No answer: no SYN,ACK came back to the client's SYN. "
              "The accept queue of L2 was full, its SYN was dropped 3 times.\","
              "\"cause\":\"accept-queue-full\",\"listener\":2,\"drops\":3,"
              "\"final\":{\"client\":\"UNKNOWN\",\"server\":\"UNKNOWN\"},\"duration_ns\":0,"
              "\"durations\":{\"client\":{},\"server\":{}}}");
    c.listener = 0;
    c.outcome = (typeof(c.outcome)){ .cause_end = END_UNKNOWN, .closed_by = END_UNKNOWN, .reset_by = END_SERVER };
    check(&c, "{\"record\":\"outcome\",\"n\":44,\"t\":5112003311,\"conn\":1,\"verdict\":\"unknown\","
              "\"text\":\"Not enough was seen to say how it ended.\","
              "\"final\":{\"client\":\"UNKNOWN\",\"server\":\"UNKNOWN\"},\"duration_ns\":0,"
              "\"durations\":{\"client\":{},\"server\":{}},\"reset_by\":\"server\"}");
}

static void test_time(void **state)
{
    struct change c = { .kind = CHANGE_GAP, .gap = { .source = WITNESS_WIRE } };

    (void)state;
    c.ts_ns = START - 1;
    assert_non_null(strstr(format(&c), "\"t\":0,"));
    c.ts_ns = START + TRACE_TIME_MAX - 1;
    assert_non_null(strstr(format(&c), "\"t\":9007199254740990,"));
    c.ts_ns = START + TRACE_TIME_MAX + 1;
    assert_non_null(strstr(format(&c), "\"t\":9007199254740991,"));
}

/* Every power of ten and its neighbour, as printf writes them. */
static void test_numbers(void **state)
{
    struct change c = { .kind = CHANGE_GAP, .gap = { .source = WITNESS_WIRE } };
    char expected[64];

    (void)state;
    for (uint64_t power = 1, i = 0; i < 20; power *= 10, i++) {
        for (uint64_t value = power - 1; value <= power; value++) {
            c.gap.lost = value;
            snprintf(expected, sizeof(expected), "\"lost\":%" PRIu64 ",", value);
            assert_non_null(strstr(format(&c), expected));
        }
    }
}

/* What a reader gets for a process name. */
static void check_text(const char *name, const char *expected)
{
    struct change c = { .kind = CHANGE_CALL, .call = { .call = { .name = "close" } } };
    const char *text;
    cJSON *root;

    assert_in_range(strlen(name), 0, sizeof(c.call.call.task.comm) - 1);
    strcpy(c.call.call.task.comm, name);
    text = format(&c);
    for (const char *s = text; *s; s++)
        if (*s < 0x20 || *s >= 0x7f || *s == '<')
            fail_msg("byte %02x in %s", *s & 0xff, text);
    root = parse(text);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "comm")), expected);
    cJSON_Delete(root);
}

static void test_hostile_text(void **state)
{
    (void)state;
    check_text("", "");
    check_text("\",\"pid\":1,\"\\", "\",\"pid\":1,\"\\");
    check_text("\\u0041\\n", "\\u0041\\n");
    check_text("</script>", "</script>");
    check_text("\x01\t\n\r\b\f\x1b[31m\x1f\x7f", "\x01\t\n\r\b\f\x1b[31m\x1f\x7f");
    /* NEL, LS, PS, right-to-left override, BOM: some reader breaks or turns a line at each. */
    check_text("\xc2\x85\u2028\u2029\u202e\ufeff", "\xc2\x85\u2028\u2029\u202e\ufeff");
    check_text("é中\U0001f600\U0010ffff", "é中\U0001f600\U0010ffff");
    /* Not UTF-8: a stray continuation, a sequence cut by the end or by a letter, bytes that never occur. */
    check_text("a\x80z", "a\ufffdz");
    check_text("a\xe4\xb8", "a\ufffd\ufffd");
    check_text("\xe4\xb8z\xc3(", "\ufffd\ufffdz\ufffd(");
    check_text("\xfe\xff\xf8\x88", "\ufffd\ufffd\ufffd\ufffd");
    /* Overlong forms of "/" and NUL, a surrogate, beyond U+10FFFF. */
    check_text("\xc0\xaf\xc0\x80", "\ufffd\ufffd\ufffd\ufffd");
    check_text("\xe0\x80\xaf\xf0\x80\x80\xaf", "\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd\ufffd");
    check_text("\xed\xa0\x80", "\ufffd\ufffd\ufffd");
    check_text("\xf4\x90\x80\x80\xf5", "\ufffd\ufffd\ufffd\ufffd\ufffd");
    /* The first and last of each length. */
    check_text("\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf", "\xc2\x80\u07ff\u0800\uffff");
    check_text("\xf0\x90\x80\x80\xed\x9f\xbf\xee\x80\x80", "\U00010000\ud7ff\ue000");
}

/* A field of text that forgot its NUL ends where the field does. */
static void test_unterminated_text(void **state)
{
    struct change c = { .kind = CHANGE_CALL, .call = { .call = { .name = "close", .ret = 3 } } };

    (void)state;
    memset(c.call.call.task.comm, 'x', sizeof(c.call.call.task.comm));
    assert_non_null(strstr(format(&c), "\"comm\":\"xxxxxxxxxxxxxxxx\"}"));
}

static uint64_t random_u64(void)
{
    static uint64_t x = 88172645463325252; /* xorshift64: the same numbers every time */

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

static void fill(void *data, size_t size, int how)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)data)[i] = how < 0 ? (uint8_t)random_u64() : (uint8_t)how;
}

static const struct tunnel *longest_tunnel(void)
{
    static struct tunnel nested[LIMIT_NESTED_TUNNELS];

    for (unsigned i = 0; i < LIMIT_NESTED_TUNNELS; i++) {
        nested[i].hop = (struct hop){ .type = TUNNEL_VXLAN_GPE, .has_id = true, .has_addrs = true, .id = UINT32_MAX };
        nested[i].hop.from = nested[i].hop.to = endpoint("1111:2222:3333:4444:5555:6666:7777:8888", 1).addr;
        nested[i].outer = i ? &nested[i - 1] : NULL;
    }
    return &nested[LIMIT_NESTED_TUNNELS - 1];
}

/* Whatever a change holds, its line is JSON and fits, with room to spare. how: the byte it is filled with. */
static void check_any_content(enum change_kind kind, int how)
{
    static char long_word[10000];
    struct change c;
    size_t len;

    fill(long_word, sizeof(long_word) - 1, how);
    fill(&c, sizeof(c), how);
    any_change(&c, kind, long_word);
    if (kind == CHANGE_CONNECTION)
        c.connection.tunnel = longest_tunnel();
    len = strlen(format(&c)) + 1;
    assert_in_range(len, 1, TRACE_LINE_MAX);
    cJSON_Delete(parse(format(&c)));
}

static void test_any_content(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < CHANGE_KIND_N; kind++) {
        for (int byte = 0; byte < 256; byte++)
            check_any_content((enum change_kind)kind, byte);
        for (int i = 0; i < 2000; i++)
            check_any_content((enum change_kind)kind, -1);
    }
}

/* The longest outcome: every number of 20 digits, every state with a time. */
static void test_longest_outcome(void **state)
{
    struct change c = { .kind = CHANGE_OUTCOME,
                        .n = UINT64_MAX,
                        .ts_ns = UINT64_MAX,
                        .conn = UINT32_MAX,
                        .because = UINT64_MAX,
                        .late = true };

    (void)state;
    memset(&c.outcome, 0xff, sizeof(c.outcome));
    c.outcome.verdict = VERDICT_STILL_OPEN;
    c.outcome.has_wire = c.outcome.abort_on_overflow = true;
    c.outcome.final[0] = c.outcome.final[1] = TCP_STATE_SYN_RECEIVED;
    c.outcome.closed_by = c.outcome.reset_by = END_CLIENT;
    assert_in_range(strlen(format(&c)), 1000, TRACE_LINE_MAX / 2);
    cJSON_Delete(parse(format(&c)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connection),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_object),
        cmocka_unit_test(test_segment),
        cmocka_unit_test(test_call),
        cmocka_unit_test(test_listener),
        cmocka_unit_test(test_queue),
        cmocka_unit_test(test_timer),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_disagreement),
        cmocka_unit_test(test_lab),
        cmocka_unit_test(test_gap),
        cmocka_unit_test(test_outcome),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_unterminated_text),
        cmocka_unit_test(test_any_content),
        cmocka_unit_test(test_longest_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
