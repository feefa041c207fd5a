/* Theory of operation. The guard holds one end of a socket pair, and the child as a descriptor, which means that process also
 * when its number is used again. A byte comes, a number goes back; anything else, or the end of who asks, ends it, and the
 * child. Somebody may have stopped it, so it is waited for no longer than GUARD_PATIENCE_MS. */
#include "tcplens/base/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/confine.h"
#include "tcplens/base/rights.h"

#define GUARD_PATIENCE_MS 3000

enum request { TERMINATE = 't', KILL = 'k', END = 'e' };

/* Below, what is left of it: 0, 1 and 2 are nobody's. */
enum { CHANNEL = 0, CHILD = 1, REST = 2 };

static int signal_child(int number)
{
    return syscall(SYS_pidfd_send_signal, CHILD, number, NULL, 0) < 0 ? -errno : 0;
}

static void serve(void)
{
    char request;

    while (read(CHANNEL, &request, 1) == 1) {
        int r;

        if (request != TERMINATE && request != KILL)
            return;
        r = signal_child(request == KILL ? SIGKILL : SIGTERM);
        if (write(CHANNEL, &r, sizeof(r)) != sizeof(r))
            return;
    }
}

/* Nothing of what the parent has open stays open. What a terminal sends to all is not for it. */
static _Noreturn void be_guard(int channel, int pidfd)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    prctl(PR_SET_NAME, "tcplens-guard");
    channel = fcntl(channel, F_DUPFD, REST);
    pidfd = fcntl(pidfd, F_DUPFD, REST);
    if (channel < 0 || pidfd < 0 || dup2(channel, CHANNEL) < 0 || dup2(pidfd, CHILD) < 0 ||
        syscall(SYS_close_range, REST, ~0u, 0) < 0 || rights_drop(true) < 0)
        _exit(1);
    (void)!confine_to_signals(CHANNEL, CHILD); /* a kernel without filters: it has nothing else all the same */
    serve();
    signal_child(SIGTERM);
    _exit(0);
}

int guard_start(struct guard *guard, pid_t child)
{
    int ends[2];
    CLEANUP_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    pid_t pid;

    if (pidfd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    CLEANUP_CLOSE int own = ends[0], other = ends[1];
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        be_guard(other, pidfd);
    *guard = (struct guard){ .pid = pid, .channel = cleanup_keep(&own) };
    return 0;
}

static int ask(const struct guard *guard, enum request request)
{
    const char byte = (char)request;

    return send(guard->channel, &byte, 1, MSG_NOSIGNAL) == 1 ? 0 : -EPIPE;
}

/* What it answers within ms. 0; -EPIPE: it has ended; -ETIMEDOUT. */
static int hear(const struct guard *guard, int ms, int *ret_answer)
{
    struct pollfd p = { .fd = guard->channel, .events = POLLIN };
    int n;

    do
        n = poll(&p, 1, ms);
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return -ETIMEDOUT;
    return read(guard->channel, ret_answer, sizeof(*ret_answer)) == sizeof(*ret_answer) ? 0 : -EPIPE;
}

int guard_signal(const struct guard *guard, int number)
{
    int answer, r;

    if (!guard->pid)
        return -ESRCH;
    while (hear(guard, 0, &answer) == 0)
        ; /* it came too late for who asked */
    r = ask(guard, number == SIGKILL ? KILL : TERMINATE);
    if (r == 0)
        r = hear(guard, GUARD_PATIENCE_MS, &answer);
    return r == 0 ? answer : r;
}

void guard_stop(struct guard *guard)
{
    int answer, r;

    if (!guard->pid)
        return;
    (void)ask(guard, END);
    while ((r = hear(guard, GUARD_PATIENCE_MS, &answer)) == 0)
        ;
    close(guard->channel);
    waitpid(guard->pid, NULL, r == -EPIPE ? 0 : WNOHANG);
    guard->pid = 0;
}
