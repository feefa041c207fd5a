/* Announcements of destructions, of which others than the kernel can send as many as they like. recvfrom() is replaced, so that
 * there always is another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tcplens/base/limits.h"
#include "tcplens/source/diag.h"

static bool flooded;
static unsigned read_of_flood;

/* Announcements alone come on a socket that does not block. */
ssize_t recvfrom(int fd, void *data, size_t len, int flags, struct sockaddr *from, socklen_t *from_len)
{
    const struct nlmsghdr message = { .nlmsg_len = sizeof(message), .nlmsg_type = NLMSG_NOOP };
    const struct sockaddr_nl somebody = { .nl_family = AF_NETLINK, .nl_pid = 1 };

    if (!flooded || !(fcntl(fd, F_GETFL) & O_NONBLOCK))
        return syscall(SYS_recvfrom, fd, data, len, flags, from, from_len);
    assert_true(++read_of_flood <= 2 * LIMIT_SAMPLED_DESTRUCTIONS);
    memcpy(data, &message, sizeof(message));
    memcpy(from, &somebody, sizeof(somebody));
    return sizeof(message);
}

static void count_gaps(void *arg, const struct event *event)
{
    *(unsigned *)arg += event->kind == EVENT_GAP;
}

/* A drain ends all the same, takes its sample, and nothing of the kernel's was lost. */
static void flood(void **state)
{
    const struct source_diag_config config = { 0 };
    struct trace_clock clock;
    struct source_diag *diag;
    unsigned gaps = 0;
    int r;

    (void)state;
    trace_clock_init(&clock);
    r = source_diag_open(&config, &clock, &diag);
    if (r == -ENOENT)
        skip(); /* this kernel has no inet_diag */
    assert_int_equal(r, 0);
    flooded = true;
    for (unsigned i = 0; i < 2; i++) {
        read_of_flood = 0;
        source_diag_drain(diag, true, count_gaps, &gaps);
        assert_true(read_of_flood > 0);
    }
    flooded = false;
    assert_int_equal(gaps, 0);
    assert_int_equal(source_diag_lost(diag), 0);
    source_diag_close(diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(flood) };

    return cmocka_run_group_tests_name("diag_announced", tests, NULL, NULL);
}
