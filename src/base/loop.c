#include "tcplens/base/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct loop {
    struct loop_handlers handlers;
    int epoll, timer, signals, child;
    struct itimerspec period;
    pid_t child_pid;
    bool stopped;
};

static void signal_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
}

void loop_restore_signals(void)
{
    sigset_t set;

    signal_set(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGPIPE, SIG_DFL);
}

static int watch(struct loop *loop, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_new(unsigned tick_ms, const struct loop_handlers *handlers, struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    sigset_t set;
    int r;

    if (!loop)
        return -ENOMEM;
    loop->handlers = *handlers;
    loop->child = -1;
    loop->timer = loop->signals = -1;
    loop->period.it_value = (struct timespec){ tick_ms / 1000, (long)(tick_ms % 1000) * 1000000 };
    loop->period.it_interval = loop->period.it_value;
    signal_set(&set);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll >= 0)
        loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer >= 0)
        loop->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signals < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        r = -errno;
        loop_free(loop);
        return r;
    }
    r = watch(loop, loop->timer);
    if (r == 0)
        r = watch(loop, loop->signals);
    if (r < 0) {
        loop_free(loop);
        return r;
    }
    *ret_loop = loop;
    return 0;
}

int loop_watch_child(struct loop *loop, pid_t pid)
{
    loop->child = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by nature */
    if (loop->child < 0)
        return -errno;
    loop->child_pid = pid;
    return watch(loop, loop->child);
}

static void on_child(struct loop *loop)
{
    int status;

    if (waitpid(loop->child_pid, &status, WNOHANG) != loop->child_pid)
        return;
    close(loop->child);
    loop->child = -1;
    loop->handlers.child(loop->handlers.arg, status);
}

int loop_run(struct loop *loop)
{
    loop->stopped = false;
    if (timerfd_settime(loop->timer, 0, &loop->period, NULL) < 0)
        return -errno;
    while (!loop->stopped) {
        struct signalfd_siginfo info;
        struct epoll_event event;
        uint64_t ticks;
        int n = epoll_wait(loop->epoll, &event, 1, -1);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (event.data.fd == loop->timer) {
            if (read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
                loop->handlers.tick(loop->handlers.arg, ticks);
        } else if (event.data.fd == loop->signals) {
            if (read(loop->signals, &info, sizeof(info)) == sizeof(info))
                loop->handlers.signal(loop->handlers.arg, (int)info.ssi_signo);
        } else if (event.data.fd == loop->child) {
            on_child(loop);
        }
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

struct loop *loop_free(struct loop *loop)
{
    if (!loop)
        return NULL;
    if (loop->child >= 0)
        close(loop->child);
    if (loop->signals >= 0)
        close(loop->signals);
    if (loop->timer >= 0)
        close(loop->timer);
    if (loop->epoll >= 0)
        close(loop->epoll);
    free(loop);
    return NULL;
}
