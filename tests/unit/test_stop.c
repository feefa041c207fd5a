/* How long who takes nothing is waited for. poll() is replaced: nobody waits here. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tcplens/base/stop.h"

static int waited_ms; /* in all; -1: somebody would wait for ever */
static bool is_ready;

int poll(struct pollfd *fds, nfds_t count, int ms)
{
    for (nfds_t i = 0; i < count; i++)
        fds[i].revents = is_ready ? POLLOUT : 0;
    if (is_ready)
        return 1;
    waited_ms = ms < 0 ? -1 : waited_ms + ms;
    return 0;
}

static void test_all_together(void **state)
{
    (void)state;
    assert_true(stop_watch() >= 0);
    raise(SIGTERM);
    assert_int_equal(stop_take(), SIGTERM);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(stop_poll(0, POLLOUT), -ECANCELED);
        assert_in_range(waited_ms, STOP_PATIENCE_MS, 2 * STOP_PATIENCE_MS);
    }
    is_ready = true;
    assert_int_equal(stop_poll(0, POLLOUT), 0);
    is_ready = false;
    stop_unwatch();
}

/* Who goes on reading is waited for as long each time. */
static void test_who_goes_on(void **state)
{
    (void)state;
    assert_true(stop_watch() >= 0);
    raise(SIGALRM);
    assert_int_equal(stop_take(), SIGALRM);
    for (unsigned i = 0; i < 20; i++) {
        is_ready = true;
        assert_int_equal(stop_poll(0, POLLOUT), 0);
    }
    is_ready = false;
    waited_ms = 0;
    assert_int_equal(stop_poll(0, POLLOUT), -ECANCELED);
    assert_int_equal(waited_ms, STOP_PATIENCE_MS);
    stop_unwatch();
}

/* All that end a program which knows nothing of them, but for those that are ignored. */
static void test_signals(void **state)
{
    (void)state;
    signal(SIGHUP, SIG_IGN);
    assert_true(stop_watch() >= 0);
    for (unsigned i = 0; stop_signals[i]; i++) {
        raise(stop_signals[i]);
        assert_int_equal(stop_take(), stop_signals[i] == SIGHUP ? 0 : stop_signals[i]);
    }
    stop_unwatch();
    signal(SIGHUP, SIG_DFL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_together),
        cmocka_unit_test(test_who_goes_on),
        cmocka_unit_test(test_signals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
