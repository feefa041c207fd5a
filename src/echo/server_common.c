#include "server_common.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "complain.h"
#include "stop.h"

void server_step(const struct server_config *config, const char *format, ...)
{
    va_list args;

    if (!config->verbose)
        return;
    flockfile(stdout); /* one line, whichever thread tells it */
    fputs("server: ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    funlockfile(stdout);
}

void server_step_close(const struct server_config *config, const char *peer, unsigned long long echoed,
                       const char *reason)
{
    server_step(config, "close() %s, %llu bytes echoed%s%s", peer, echoed, reason ? ": " : "", reason ? reason : "");
}

int server_failed(int error, const char *action)
{
    complain("server", "cannot %s: %s", action, strerror(error));
    return -error;
}

int server_listen(const struct server_config *config, int *ret_fd)
{
    char text[SOCKET_TEXT_MAX];
    struct addrinfo *where;

    int code = socket_resolve(config->bind, config->port, SOCK_STREAM, true, &where);
    if (code != 0) {
        complain("server", "--bind %s: %s (a numeric address is expected)", config->bind, socket_resolve_error(code));
        return -EINVAL;
    }

    int fd;
    if (config->fault == FAULT_NO_HTONS)
        socket_swap_port(where->ai_addr);
    int r = socket_listen(where, (int)config->backlog, config->fault != FAULT_NO_REUSEADDR, &fd);
    if (r < 0)
        complain("server", "cannot listen on %s: %s%s", socket_text(where->ai_addr, where->ai_addrlen, text),
                 strerror(-r), socket_bind_remedy(-r));
    freeaddrinfo(where);
    if (r < 0)
        return r;

    printf(SERVER_LINE_LISTENING "%s\n", socket_local_text(fd, text));
    *ret_fd = fd;
    return 0;
}

/* What accept4() has failed with, as server_accept() tells it. */
static int not_accepted(int error)
{
    if (stop_requested)
        return -EAGAIN; /* the listening socket was shut down: EINVAL */
    switch (error) {
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return -EMFILE;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
    case EOPNOTSUPP:
    case EFAULT: return server_failed(error, "accept"); /* not the client's fault but ours */
    default: return -EAGAIN;                            /* EAGAIN, EINTR, or the client's fault: ECONNABORTED, ... */
    }
}

int server_accept(const struct server_config *config, int listener, int flags, char *peer)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    int fd = accept4(listener, (struct sockaddr *)&address, &length, flags | SOCK_CLOEXEC);
    if (fd < 0)
        return not_accepted(errno);
    if (config->keepalive.idle_s > 0)
        socket_set_keepalive(fd, &config->keepalive);
    peer[0] = '\0';
    if (config->verbose)
        socket_text((struct sockaddr *)&address, length, peer);
    server_step(config, "accept() returned the connection of %s", peer);
    return fd;
}

void server_shortage(const char *reason, long connections)
{
    static bool told;

    if (!told)
        complain("server", "%s with %ld connections; further clients wait", reason, connections);
    told = true;
}

int server_open_signals(int *ret_fd)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

void server_quick_ack(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}
