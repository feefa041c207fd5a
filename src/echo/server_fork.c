/*
 * server_fork.c - a process for each client. The parent accepts; a child has a copy of all its
 * descriptors, serves one connection, and ends.
 *
 * A connection is closed when the last descriptor of it is: the parent must close its copy at once,
 * or the client never sees the end of the stream. The child closes its copy of the listening socket
 * likewise.
 *
 * A child that has ended stays in the table of processes until its parent has waited for it. The
 * handler of SIGCHLD does that; the signals are blocked but in accept() and sigsuspend(), so that
 * it never meets the list of children half changed.
 */
#include "blocking.h"
#include "server_models.h"
#include "stop.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The handler can be given nothing, so it finds them here. */
static struct children {
    pid_t *pids;
    long count;
} children;

static void forget(pid_t pid)
{
    for (long i = 0; i < children.count; i++) {
        if (children.pids[i] == pid) {
            children.pids[i] = children.pids[--children.count];
            return;
        }
    }
}

static void on_child_ended(int number)
{
    int error = errno;
    pid_t pid;

    (void)number;
    /* Several may have ended for one signal. */
    while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
        forget(pid);
    errno = error;
}

static void block_signals(sigset_t *ret_before)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, ret_before);
}

static _Noreturn void child_main(const struct server_config *config, int listener, int fd, const char *peer,
                                 const sigset_t *unblocked)
{
    signal(SIGCHLD, SIG_DFL);
    stop_listener(-1); /* ours is a copy, but what it stands for is the parent's, too */
    close(listener);
    stop_connection(fd);
    sigprocmask(SIG_SETMASK, unblocked, NULL);

    blocking_serve(config, fd, peer);
    blocking_close(config, fd);
    if (config->fault == FAULT_NEVER_CLOSE)
        blocking_wait(fd, -1); /* exit() would close it */
    _exit(fflush(stdout) == 0 ? 0 : 1);
}

/* Until a child has ended, or for a second. The signals are blocked before and after. */
static void wait_for_room(const char *reason, const sigset_t *unblocked)
{
    struct timespec second = { .tv_sec = SERVER_RETRY_MS / 1000 };

    server_shortage(reason, children.count);
    ppoll(NULL, 0, &second, unblocked);
}

/* Returns 0, or -errno of fork(). */
static int start_child(const struct server_config *config, int listener, int fd, const char *peer,
                       const sigset_t *unblocked)
{
    pid_t pid = fork();

    if (pid == 0)
        child_main(config, listener, fd, peer, unblocked);
    if (pid < 0)
        return -errno;
    children.pids[children.count++] = pid;
    return 0;
}

static int serve(const struct server_config *config, int listener, const sigset_t *unblocked)
{
    sigset_t blocked;

    sigprocmask(SIG_SETMASK, NULL, &blocked);
    while (!stop_requested) {
        char peer[SOCKET_TEXT_MAX];

        if (children.count >= config->max_connections) {
            wait_for_room("--max-connections reached", unblocked);
            continue;
        }
        sigprocmask(SIG_SETMASK, unblocked, NULL);
        int fd = server_accept(config, listener, 0, peer);
        int error = errno;
        sigprocmask(SIG_SETMASK, &blocked, NULL);
        if (fd == -EMFILE)
            wait_for_room(strerror(error), unblocked);
        else if (fd < 0 && fd != -EAGAIN)
            return fd;
        if (fd < 0)
            continue;

        int r;
        while ((r = start_child(config, listener, fd, peer, unblocked)) < 0 && !stop_requested)
            wait_for_room(strerror(-r), unblocked);
        if (config->fault != FAULT_PARENT_KEEPS)
            close(fd);
    }
    return 0;
}

/* The signals are blocked. */
static void end_children(void)
{
    for (long i = 0; i < children.count; i++)
        kill(children.pids[i], SIGTERM);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

int server_fork_run(const struct server_config *config)
{
    struct sigaction action = { .sa_handler = on_child_ended };
    sigset_t unblocked;
    int listener;

    children.pids = calloc((size_t)config->max_connections, sizeof *children.pids);
    if (!children.pids)
        return server_failed(ENOMEM, "start");
    block_signals(&unblocked);
    sigaction(SIGCHLD, &action, NULL);
    stop_on_signals();

    int r = server_listen(config, &listener);
    if (r == 0) {
        stop_listener(listener);
        r = serve(config, listener, &unblocked);
        close(listener); /* first, so that nobody connects to a server that is leaving */
        end_children();
    }
    free(children.pids);
    return r;
}
