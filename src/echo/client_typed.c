/*
 * client_typed.c - sends what comes on standard input, prints what comes back.
 */
#include "client_ways.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct typed {
    char chunk[CLIENT_CHUNK_SIZE];
    size_t start, end; /* what of the chunk is still to send */
    bool over;         /* standard input has ended */
};

/* Takes the next piece of standard input; at its end, shuts down sending. Returns 0 or -1. */
static int read_typed(int fd, struct typed *typed)
{
    ssize_t n = read(STDIN_FILENO, typed->chunk, sizeof typed->chunk);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : client_failed("cannot read standard input: %s", strerror(errno));
    typed->start = 0;
    typed->end = (size_t)n;
    if (n == 0) {
        typed->over = true;
        if (shutdown(fd, SHUT_WR) != 0)
            return client_failed("cannot shut down sending: %s", strerror(errno));
    }
    return 0;
}

static int send_typed(int fd, struct typed *typed)
{
    ssize_t n = send(fd, typed->chunk + typed->start, typed->end - typed->start, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 0 : client_failed("cannot send: %s", strerror(errno));
    typed->start += (size_t)n;
    return 0;
}

/* Prints what has arrived. Returns 1 to go on, 0 at the end of the stream, or -1. */
static int print_echo(int fd, const struct typed *typed)
{
    char chunk[CLIENT_CHUNK_SIZE];

    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN ? 1 : client_failed("the connection is lost: %s", strerror(errno));
    if (n == 0)
        return typed->over ? 0 : client_failed("the server has closed the connection");
    if (fwrite(chunk, 1, (size_t)n, stdout) != (size_t)n || fflush(stdout) != 0)
        return client_failed("cannot write to standard output: %s", strerror(errno));
    return 1;
}

static int talk(int fd)
{
    struct typed typed = { .start = 0 };
    int r = 1;

    while (r > 0) {
        bool sending = typed.start < typed.end;
        /* Back-pressure here, too: nothing is read from stdin while the last piece is unsent. */
        struct pollfd at[2] = {
            { .fd = fd, .events = (short)(POLLIN | (sending ? POLLOUT : 0)) },
            { .fd = sending || typed.over ? -1 : STDIN_FILENO, .events = POLLIN },
        };

        if (client_wait(at, 2, -1) < 0)
            return -1;
        if ((at[0].revents & POLLOUT) && send_typed(fd, &typed) < 0)
            return -1;
        if (at[1].revents && read_typed(fd, &typed) < 0)
            return -1;
        if (at[0].revents & ~POLLOUT)
            r = print_echo(fd, &typed);
    }
    return r;
}

int client_typed_run(const struct client_config *config)
{
    int fd = client_connect(config);
    if (fd < 0)
        return -1;

    int r = talk(fd);
    if (r == 0)
        client_step(config, "close()");
    close(fd);
    return r;
}
