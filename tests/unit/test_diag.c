/* The kernel's answers about sockets: what they say, and bytes that no kernel sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../../src/source/diag_parse.h"

#define SEQ 7
#define MINISOCK_TIMER 3
#define FOUND_MAX 64

/* A buffer as recv() fills it, put together message by message. */
struct messages {
    uint8_t bytes[4096];
    size_t len, begun; /* begun: where the last message is */
};

struct found {
    struct diag_socket sockets[FOUND_MAX];
    size_t count;
};

static void append(struct messages *m, const void *data, size_t len)
{
    assert_true(m->len + NLMSG_ALIGN(len) <= sizeof(m->bytes));
    memcpy(m->bytes + m->len, data, len);
    memset(m->bytes + m->len + len, 0xa5, NLMSG_ALIGN(len) - len);
    m->len += NLMSG_ALIGN(len);
}

static void begin(struct messages *m, uint16_t type, uint32_t seq, const void *payload, size_t len)
{
    struct nlmsghdr h = { .nlmsg_len = (uint32_t)(NLMSG_HDRLEN + len), .nlmsg_type = type, .nlmsg_seq = seq };

    m->begun = m->len;
    append(m, &h, sizeof(h));
    append(m, payload, len);
}

static void attribute(struct messages *m, uint16_t type, const void *data, size_t len)
{
    struct nlattr a = { .nla_len = (uint16_t)(sizeof(a) + len), .nla_type = type };
    uint32_t whole;

    append(m, &a, sizeof(a));
    append(m, data, len);
    whole = (uint32_t)(m->len - m->begun);
    memcpy(m->bytes + m->begun, &whole, sizeof(whole));
}

static struct inet_diag_msg ipv4(uint8_t state)
{
    struct inet_diag_msg d = { .idiag_family = AF_INET, .idiag_state = state };

    d.id.idiag_sport = htons(7007);
    d.id.idiag_dport = htons(40312);
    d.id.idiag_src[0] = htonl(INADDR_LOOPBACK);
    d.id.idiag_dst[0] = htonl(INADDR_LOOPBACK + 1);
    d.id.idiag_src[1] = 0xdeadbeef; /* the kernel clears it; nothing may depend on that */
    d.id.idiag_cookie[0] = 0x55667788;
    d.id.idiag_cookie[1] = 0x11223344;
    return d;
}

static void socket_message(struct messages *m, const struct inet_diag_msg *d, bool full)
{
    const uint8_t shutdown = 0;

    begin(m, TCPDIAG_GETSOCK, SEQ, d, sizeof(*d));
    if (full)
        attribute(m, INET_DIAG_SHUTDOWN, &shutdown, sizeof(shutdown));
}

static void status_message(struct messages *m, uint16_t type, int32_t status)
{
    begin(m, type, SEQ, &status, sizeof(status));
}

static void collect(void *arg, const struct diag_socket *socket)
{
    struct found *f = arg;

    assert_true(f->count < FOUND_MAX);
    f->sockets[f->count++] = *socket;
}

/* On a copy that ends where the bytes end: what reads on is found by the sanitizer. */
static int parse(const void *data, size_t len, uint32_t seq, struct found *f)
{
    uint8_t *copy = malloc(len ? len : 1);
    int r;

    assert_non_null(copy);
    if (len)
        memcpy(copy, data, len);
    f->count = 0;
    r = diag_parse(copy, len, seq, collect, f);
    free(copy);
    return r;
}

static const struct diag_socket *only(const struct messages *m, struct found *f)
{
    assert_int_equal(parse(m->bytes, m->len, SEQ, f), 0);
    assert_int_equal(f->count, 1);
    return &f->sockets[0];
}

static void full_socket(void **state)
{
    struct messages m = { .len = 0 };
    struct inet_diag_msg d = ipv4(TCP_ESTABLISHED);
    const struct diag_socket *s;
    char text[ENDPOINT_TEXT_MAX];
    struct found f;

    (void)state;
    d.idiag_rqueue = 99; /* bytes, of a socket that does not listen */
    socket_message(&m, &d, true);
    s = only(&m, &f);
    assert_string_equal(endpoint_format(&s->local, text), "127.0.0.1:7007");
    assert_string_equal(endpoint_format(&s->remote, text), "127.0.0.2:40312");
    assert_true(s->cookie == 0x1122334455667788);
    assert_int_equal(s->state, TCP_STATE_ESTABLISHED);
    assert_false(s->request || s->minisock);
    assert_int_equal(s->accept, 0);
}

static void ipv6_addresses(void **state)
{
    struct messages m = { .len = 0 };
    struct inet_diag_msg d = ipv4(TCP_CLOSE_WAIT);
    const struct diag_socket *s;
    char text[ENDPOINT_TEXT_MAX];
    struct found f;

    (void)state;
    d.idiag_family = AF_INET6;
    d.id.idiag_src[0] = htonl(0x20010db8);
    d.id.idiag_src[1] = d.id.idiag_src[2] = 0;
    d.id.idiag_src[3] = htonl(1);
    /* IPv4 over a socket of the other family is the same connection */
    d.id.idiag_dst[0] = d.id.idiag_dst[1] = 0;
    d.id.idiag_dst[2] = htonl(0xffff);
    d.id.idiag_dst[3] = htonl(INADDR_LOOPBACK);
    socket_message(&m, &d, true);
    s = only(&m, &f);
    assert_string_equal(endpoint_format(&s->local, text), "[2001:db8::1]:7007");
    assert_string_equal(endpoint_format(&s->remote, text), "127.0.0.1:40312");
}

static void states(void **state)
{
    static const enum tcp_state want[256] = {
        [1] = TCP_STATE_ESTABLISHED, [2] = TCP_STATE_SYN_SENT,   [3] = TCP_STATE_SYN_RECEIVED,
        [4] = TCP_STATE_FIN_WAIT_1,  [5] = TCP_STATE_FIN_WAIT_2, [6] = TCP_STATE_TIME_WAIT,
        [7] = TCP_STATE_CLOSED,      [8] = TCP_STATE_CLOSE_WAIT, [9] = TCP_STATE_LAST_ACK,
        [10] = TCP_STATE_LISTEN,     [11] = TCP_STATE_CLOSING,
    };

    (void)state;
    for (unsigned kernel = 0; kernel < 256; kernel++) {
        struct messages m = { .len = 0 };
        struct inet_diag_msg d = ipv4((uint8_t)kernel);
        struct found f;

        socket_message(&m, &d, true);
        assert_int_equal(parse(m.bytes, m.len, SEQ, &f), 0);
        assert_int_equal(f.count, want[kernel] != TCP_STATE_UNKNOWN);
        if (f.count)
            assert_int_equal(f.sockets[0].state, want[kernel]);
    }
}

/* Only a full socket is told with INET_DIAG_SHUTDOWN. */
static void request_or_socket(void **state)
{
    const uint32_t mark = 1;
    struct found f;

    (void)state;
    for (unsigned full = 0; full < 2; full++) {
        struct messages m = { .len = 0 };
        struct inet_diag_msg d = ipv4(TCP_SYN_RECV);

        d.idiag_timer = 1;
        socket_message(&m, &d, full);
        attribute(&m, INET_DIAG_MARK, &mark, sizeof(mark));
        assert_int_equal(only(&m, &f)->request, !full);
    }
}

static void minisock(void **state)
{
    static const struct {
        uint8_t state, timer;
        bool minisock;
    } cases[] = {
        { TCP_TIME_WAIT, MINISOCK_TIMER, true },
        { TCP_FIN_WAIT2, MINISOCK_TIMER, true },
        { TCP_FIN_WAIT2, 2, false },
        { TCP_FIN_WAIT2, 0, false },
        { TCP_ESTABLISHED, MINISOCK_TIMER, false },
        { TCP_LISTEN, MINISOCK_TIMER, false },
    };
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct messages m = { .len = 0 };
        struct inet_diag_msg d = ipv4(cases[i].state);

        d.idiag_timer = cases[i].timer;
        d.idiag_expires = 59321;
        socket_message(&m, &d, false);
        assert_int_equal(only(&m, &f)->minisock, cases[i].minisock);
        assert_int_equal(f.sockets[0].expires_ms, cases[i].minisock ? 59321 : 0);
    }
}

static void listener(void **state)
{
    const uint32_t memory[SK_MEMINFO_VARS] = { [SK_MEMINFO_BACKLOG] = 5, [SK_MEMINFO_DROPS] = 31 };
    struct messages m = { .len = 0 };
    struct inet_diag_msg d = ipv4(TCP_LISTEN);
    const struct diag_socket *s;
    struct found f;

    (void)state;
    d.idiag_rqueue = 3;
    d.idiag_wqueue = 16;
    socket_message(&m, &d, true);
    attribute(&m, INET_DIAG_SKMEMINFO, memory, sizeof(memory));
    s = only(&m, &f);
    assert_int_equal(s->accept, 3);
    assert_int_equal(s->backlog, 16);
    assert_int_equal(s->drops, 31);
    assert_int_equal(s->remote.port, 0);

    /* from a kernel that tells less, there are no drops */
    m.len = 0;
    socket_message(&m, &d, true);
    attribute(&m, INET_DIAG_SKMEMINFO, memory, SK_MEMINFO_DROPS * sizeof(uint32_t));
    assert_int_equal(only(&m, &f)->drops, 0);
}

static void whole_dump(void **state)
{
    const uint8_t noop[16] = { 0 };
    struct messages m = { .len = 0 };
    struct inet_diag_msg d = ipv4(TCP_ESTABLISHED);
    struct found f;

    (void)state;
    socket_message(&m, &d, true);
    begin(&m, NLMSG_NOOP, SEQ, noop, sizeof(noop));
    begin(&m, TCPDIAG_GETSOCK, SEQ + 1, &d, sizeof(d)); /* of another request */
    begin(&m, SOCK_DIAG_BY_FAMILY, SEQ, &d, sizeof(d));
    d.idiag_family = AF_UNIX;
    begin(&m, SOCK_DIAG_BY_FAMILY, SEQ, &d, sizeof(d));
    assert_int_equal(parse(m.bytes, m.len, SEQ, &f), 0);
    assert_int_equal(f.count, 2);
    assert_int_equal(parse(m.bytes, m.len, 0, &f), 0);
    assert_int_equal(f.count, 3);
    status_message(&m, NLMSG_DONE, 0);
    status_message(&m, NLMSG_ERROR, -EPERM); /* not read any more */
    assert_int_equal(parse(m.bytes, m.len, SEQ, &f), 1);
    assert_int_equal(f.count, 2);
}

static void errors(void **state)
{
    static const struct {
        int32_t status;
        int want;
    } cases[] = {
        { -ENOENT, -ENOENT }, { -EBUSY, -EBUSY },      { 0, 1 },
        { 5, -EBADMSG },      { INT32_MIN, -EBADMSG }, { -4096, -EBADMSG },
    };
    struct found f;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        for (unsigned type = NLMSG_ERROR; type <= NLMSG_DONE; type++) {
            struct messages m = { .len = 0 };

            status_message(&m, (uint16_t)type, cases[i].status);
            assert_int_equal(parse(m.bytes, m.len, SEQ, &f), cases[i].want);
        }
    }
}

static struct messages rich(void)
{
    const uint32_t memory[SK_MEMINFO_VARS] = { [SK_MEMINFO_DROPS] = 1 };
    struct messages m = { .len = 0 };
    struct inet_diag_msg d = ipv4(TCP_LISTEN);

    socket_message(&m, &d, true);
    attribute(&m, INET_DIAG_SKMEMINFO, memory, sizeof(memory));
    d.idiag_state = TCP_TIME_WAIT;
    d.idiag_timer = MINISOCK_TIMER;
    socket_message(&m, &d, false);
    d.idiag_state = TCP_SYN_RECV;
    socket_message(&m, &d, false);
    status_message(&m, NLMSG_DONE, 0);
    return m;
}

/* Cut anywhere: what was whole is told, and never more; the end is not taken for reached. */
static void truncated(void **state)
{
    struct messages m = rich();
    size_t before = 0;
    struct found f;

    (void)state;
    assert_int_equal(parse(m.bytes, m.len, SEQ, &f), 1);
    assert_int_equal(f.count, 3);
    for (size_t len = 0; len < m.len; len++) {
        int r = parse(m.bytes, len, SEQ, &f);

        assert_true(r == 0 || r == -EBADMSG);
        assert_true(f.count >= before && f.count <= 3);
        before = f.count;
    }
    assert_int_equal(before, 3);
}

/* The last message need not be padded. */
static void unpadded(void **state)
{
    struct messages m = { .len = 0 };
    struct inet_diag_msg d = ipv4(TCP_ESTABLISHED);
    struct found f;

    (void)state;
    socket_message(&m, &d, false);
    begin(&m, NLMSG_NOOP, SEQ, "x", 1);
    assert_int_equal(parse(m.bytes, m.len - 3, SEQ, &f), 0);
    assert_int_equal(f.count, 1);
}

/* Every length that a message or an attribute can claim. */
static void lying_lengths(void **state)
{
    struct messages m = rich();
    struct found f;

    (void)state;
    for (uint32_t claim = 0; claim < m.len + 64; claim++) {
        struct messages lie = m;
        int r;

        memcpy(lie.bytes, &claim, sizeof(claim));
        r = parse(lie.bytes, lie.len, SEQ, &f);
        if (claim < NLMSG_HDRLEN + sizeof(struct inet_diag_msg) || claim > m.len)
            assert_int_equal(r, -EBADMSG);
        assert_true(f.count <= 3);
    }
    for (uint32_t claim = 0; claim <= UINT16_MAX; claim++) {
        struct messages lie = m;
        uint16_t short_claim = (uint16_t)claim;
        int r;

        memcpy(lie.bytes + NLMSG_HDRLEN + sizeof(struct inet_diag_msg), &short_claim, sizeof(short_claim));
        r = parse(lie.bytes, lie.len, SEQ, &f);
        assert_true(r == 1 || r == -EBADMSG);
        if (claim < sizeof(struct nlattr) || claim > 60)
            assert_int_equal(r, -EBADMSG);
    }
}

/* Any byte changed to anything: nothing is told that is out of range. */
static void mutated(void **state)
{
    struct messages m = rich();
    struct found f;

    (void)state;
    for (size_t at = 0; at < m.len; at++) {
        for (unsigned value = 0; value < 256; value++) {
            struct messages lie = m;

            lie.bytes[at] = (uint8_t)value;
            (void)parse(lie.bytes, lie.len, SEQ, &f);
            for (size_t i = 0; i < f.count; i++) {
                const struct diag_socket *s = &f.sockets[i];

                assert_true(s->state > TCP_STATE_UNKNOWN && s->state < TCP_STATE_N);
                assert_true(!s->request || s->state == TCP_STATE_SYN_RECEIVED);
                assert_true(!s->minisock || s->state == TCP_STATE_TIME_WAIT || s->state == TCP_STATE_FIN_WAIT_2);
                assert_true(s->state == TCP_STATE_LISTEN || (!s->accept && !s->backlog && !s->drops));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_socket),       cmocka_unit_test(ipv6_addresses), cmocka_unit_test(states),
        cmocka_unit_test(request_or_socket), cmocka_unit_test(minisock),       cmocka_unit_test(listener),
        cmocka_unit_test(whole_dump),        cmocka_unit_test(errors),         cmocka_unit_test(truncated),
        cmocka_unit_test(unpadded),          cmocka_unit_test(lying_lengths),  cmocka_unit_test(mutated),
    };

    return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
