#include "tcplens/base/stop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* Of a user, a terminal, a service manager; and of limits of time (setrlimit(2), alarm(2)) that were set before exec(). */
const int stop_signals[] = {
    SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGXCPU, SIGALRM, SIGUSR1, SIGUSR2, SIGVTALRM, SIGPROF, 0
};
#define TAKEN_ALWAYS 3 /* of these: a shell ignores SIGINT and SIGQUIT in what it starts in the background */

static int signals = -1;
static bool asked; /* one was taken */
static int patience_ms = STOP_PATIENCE_MS;

/* Blocked, a signal that is ignored comes all the same (kernel/signal.c, sig_ignored()). */
static bool is_ignored(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static void fill(sigset_t *set)
{
    sigemptyset(set);
    for (unsigned i = 0; stop_signals[i]; i++)
        if (i < TAKEN_ALWAYS || !is_ignored(stop_signals[i]))
            sigaddset(set, stop_signals[i]);
}

void stop_let_through(void)
{
    sigset_t set;

    fill(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int stop_watch(void)
{
    sigset_t set;

    if (signals >= 0)
        return signals;
    fill(&set);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : signals;
}

void stop_unwatch(void)
{
    sigset_t set;

    if (signals < 0)
        return;
    while (stop_take())
        ;
    fill(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    close(signals);
    signals = -1;
    asked = false;
    patience_ms = STOP_PATIENCE_MS;
}

bool stop_is_watched(void)
{
    return signals >= 0;
}

int stop_take(void)
{
    struct signalfd_siginfo info;

    if (read(signals, &info, sizeof(info)) != sizeof(info))
        return 0;
    asked = true;
    return (int)info.ssi_signo;
}

/* Whether a signal came, taken or not; waits for one at most ms (-1: for ever), or until fd, where there is one, is ready. */
static int wait(int fd, short events, int ms, bool *ret_ready)
{
    struct pollfd p[] = { { .fd = fd, .events = events }, { .fd = asked ? -1 : signals, .events = POLLIN } };
    int n;

    do
        n = poll(p, 2, ms);
    while (n < 0 && errno == EINTR);
    *ret_ready = n > 0 && p[0].revents;
    if (n < 0)
        return -errno;
    return asked || (n > 0 && p[1].revents) ? -ECANCELED : 0;
}

int stop_poll(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };
    bool ready = false;
    int r = asked ? -ECANCELED : wait(fd, events, -1, &ready);

    if (r != -ECANCELED || ready)
        return ready ? 0 : r;
    if (poll(&p, 1, patience_ms) > 0)
        return 0;
    patience_ms /= 2;
    return r;
}

int stop_sleep(int ms)
{
    bool ready;

    return wait(-1, 0, ms, &ready);
}

void stop_restore(void)
{
    sigset_t set;

    fill(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
}
