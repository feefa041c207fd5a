/* Announcements of destructions: of which others than the kernel can send as many as they like, and the kernel more than there
 * is room for. recvfrom() is replaced, so that there always is another, or was no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tcplens/base/limits.h"
#include "tcplens/source/diag.h"

#define COOKIE 0x5566778811223344u

/* What comes before what the kernel has to say. */
static struct {
    unsigned count; /* announcements of the same destruction */
    uint32_t sender;
    int error; /* then, once */
} made_up;

/* As sock_diag_broadcast_destroy_work() of net/core/sock_diag.c makes one. */
static size_t announce(void *data)
{
    const struct {
        struct nlmsghdr header;
        struct inet_diag_msg socket;
    } message = {
        .header = { .nlmsg_len = sizeof(message), .nlmsg_type = SOCK_DIAG_BY_FAMILY },
        .socket = {
            .idiag_family = AF_INET,
            .idiag_state = TCP_CLOSE,
            .id = {
                .idiag_sport = htons(7007),
                .idiag_dport = htons(40312),
                .idiag_src = { htonl(0xc0000201) }, /* 192.0.2.1, 2 */
                .idiag_dst = { htonl(0xc0000202) },
                .idiag_cookie = { (uint32_t)COOKIE, COOKIE >> 32 },
            },
        },
    };

    memcpy(data, &message, sizeof(message));
    return sizeof(message);
}

/* Announcements alone come on a socket that does not block. */
ssize_t recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *from, socklen_t *from_len)
{
    const struct sockaddr_nl sender = { .nl_family = AF_NETLINK, .nl_pid = made_up.sender };

    if (!(fcntl(fd, F_GETFL) & O_NONBLOCK) || (!made_up.count && !made_up.error))
        return syscall(SYS_recvfrom, fd, data, len, flags, from, from_len);
    if (!made_up.count) {
        errno = made_up.error;
        made_up.error = 0;
        return -1;
    }
    made_up.count--;
    memcpy(from, &sender, sizeof(sender));
    return (ssize_t)announce(data);
}

struct told {
    uint16_t port; /* of a listener */
    unsigned gaps, overruns, ends, listeners;
};

static void count(void *arg, const struct event *event)
{
    struct told *told = arg;

    told->gaps += event->kind == EVENT_GAP;
    told->overruns += event->kind == EVENT_GAP && !strcmp(event->gap.hook, "destroy") && event->gap.lost == 1;
    told->ends += event->kind == EVENT_SOCK_STATE && event->cookie == COOKIE;
    told->listeners +=
        event->kind == EVENT_SNAPSHOT && event->snapshot.state == TCP_STATE_LISTEN && event->local.port == told->port;
}

static struct source_diag *open_diag(void)
{
    static const struct source_diag_config config = { 0 };
    static struct trace_clock clock;
    struct source_diag *diag;
    int r;

    trace_clock_init(&clock);
    r = source_diag_open(&config, &clock, &diag);
    if (r == -ENOENT)
        skip(); /* this kernel has no inet_diag */
    assert_int_equal(r, 0);
    return diag;
}

/* A new one, which the next sample tells. */
static int listen_anywhere(struct told *told)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    told->port = ntohs(at.sin_port);
    return fd;
}

/* Of somebody else: a drain ends all the same, takes its sample, believes none, and nothing of the kernel's was lost. */
static void flood(void **state)
{
    struct source_diag *diag = open_diag();
    struct told told = { 0 };

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        int fd = listen_anywhere(&told);

        made_up.sender = 1;
        made_up.count = 2 * LIMIT_SAMPLED_DESTRUCTIONS + 1;
        source_diag_drain(diag, true, count, &told);
        assert_true(made_up.count > 0 && made_up.count <= 2 * LIMIT_SAMPLED_DESTRUCTIONS);
        made_up.count = 0;
        assert_int_equal(told.listeners, i + 1);
        close(fd);
    }
    assert_int_equal(told.ends, 0);
    assert_int_equal(told.gaps, 0);
    assert_int_equal(source_diag_lost(diag), 0);
    source_diag_close(diag);
}

/* The same of the kernel is believed; how many found no room it does not say. */
static void overrun(void **state)
{
    struct source_diag *diag = open_diag();
    struct told told = { 0 };

    (void)state;
    made_up.sender = 0;
    made_up.count = 1;
    made_up.error = ENOBUFS;
    for (unsigned i = 0; i < 2; i++) {
        source_diag_drain(diag, true, count, &told);
        assert_int_equal(told.ends, 1);
        assert_int_equal(told.overruns, 1);
        assert_int_equal(told.gaps, 1);
        assert_int_equal(source_diag_lost(diag), 1);
    }
    source_diag_close(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(flood), cmocka_unit_test(overrun) };

    return cmocka_run_group_tests_name("diag_announced", tests, NULL, NULL);
}
