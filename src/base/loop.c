#include "tcplens/base/loop.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/stop.h"

struct loop {
    struct loop_handlers handlers;
    int epoll, timer, signals, child;
    int clock; /* wakes when CLOCK_REALTIME was set */
    struct itimerspec period;
    pid_t child_pid;
    bool stopped;
};

static int watch(struct loop *loop, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int loop_new(unsigned tick_ms, const struct loop_handlers *handlers, struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    int r;

    if (!loop)
        return -ENOMEM;
    loop->handlers = *handlers;
    loop->child = -1;
    loop->timer = loop->clock = -1;
    loop->period.it_value = (struct timespec){ tick_ms / 1000, (long)(tick_ms % 1000) * 1000000 };
    loop->period.it_interval = loop->period.it_value;
    loop->signals = stop_watch();
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll >= 0)
        loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    r = loop->signals < 0 ? loop->signals : loop->timer < 0 ? -errno : watch(loop, loop->timer);
    if (r == 0)
        r = watch(loop, loop->signals);
    if (r == 0)
        r = loop->clock = clock_watch_open();
    if (r >= 0)
        r = watch(loop, loop->clock);
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
        struct epoll_event event;
        uint64_t ticks;
        int number, n = epoll_wait(loop->epoll, &event, 1, -1);

        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (event.data.fd == loop->timer) {
            if (read(loop->timer, &ticks, sizeof(ticks)) == sizeof(ticks))
                loop->handlers.tick(loop->handlers.arg, ticks);
        } else if (event.data.fd == loop->clock) {
            if (clock_watch_take(loop->clock))
                loop->handlers.tick(loop->handlers.arg, 0);
        } else if (event.data.fd == loop->signals) {
            number = stop_take();
            if (number)
                loop->handlers.signal(loop->handlers.arg, number);
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
    if (loop->clock >= 0)
        close(loop->clock);
    if (loop->timer >= 0)
        close(loop->timer);
    if (loop->epoll >= 0)
        close(loop->epoll);
    free(loop);
    return NULL;
}
