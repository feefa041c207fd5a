#include "blocking.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "answer.h"
#include "stop.h"

enum { BUFFER_SIZE = 16 * 1024 }; /* bytes; twice that is on the stack */

void blocking_wait(int fd, int ms)
{
    struct pollfd at = { .fd = fd }; /* POLLERR and POLLHUP are reported even unasked */

    while (!stop_requested && poll(&at, 1, ms) < 0 && errno == EINTR)
        ;
}

/* Why a call has failed; with --timeout it is EAGAIN when the time is over. */
static const char *reason_of(int error)
{
    return stop_requested ? "the server ends" : error == EAGAIN ? "--timeout" : strerror(error);
}

/* Returns NULL, or the reason why it cannot go on. */
static const char *write_all(const struct server_config *config, int fd, const char *peer, const char *bytes,
                             size_t length)
{
    size_t written = 0;

    server_step(config, "write() of %zu bytes to %s", length, peer);
    while (written < length) {
        ssize_t n = write(fd, bytes + written, length - written);
        if (n < 0 && errno == EINTR && !stop_requested)
            continue;
        if (n < 0)
            return reason_of(errno);
        written += (size_t)n;
        /* A blocking write() takes all, unless a signal or the timeout cuts it short. */
        if (written < length)
            server_step(config, "write() took only %zd bytes, %zu are left", n, length - written);
    }
    return NULL;
}

static void end_of_file(const struct server_config *config, int fd, const char *peer)
{
    server_step(config, "read() returned end of file from %s: now in CLOSE-WAIT", peer);
    if (config->close_delay_ms == 0)
        return;
    server_quick_ack(fd);
    blocking_wait(fd, (int)config->close_delay_ms);
}

/* Returns why the connection is to be closed; NULL: it ended as it should. */
static const char *serve_until_the_end(const struct server_config *config, int fd, const char *peer, uint64_t *echoed)
{
    char input[BUFFER_SIZE], output[BUFFER_SIZE];
    struct answer_state state = { 0 };
    bool one_byte = config->fault == FAULT_UNREAD_CLOSE;
    size_t max = one_byte ? 1 : answer_input_max(config->greeting, sizeof output);

    for (;;) {
        ssize_t n = read(fd, input, max);
        if (n < 0 && errno == EINTR && !stop_requested)
            continue;
        if (n < 0 || stop_requested)
            return reason_of(errno);
        if (n == 0)
            break;

        size_t length;
        const char *answer = answer_make(&state, config->greeting, input, (size_t)n, output, &length);
        server_step(config, "read() returned %zd bytes from %s", n, peer);
        const char *problem = write_all(config, fd, peer, answer, length);
        if (problem)
            return problem;
        *echoed += length;
        if (one_byte)
            return "whatever is unread";
    }
    end_of_file(config, fd, peer);
    return NULL;
}

void blocking_serve(const struct server_config *config, int fd, const char *peer)
{
    const char *reason = NULL;
    uint64_t echoed = 0;

    if (config->timeout_ms > 0)
        socket_set_timeout(fd, config->timeout_ms);
    if (config->fault == FAULT_NEVER_READ)
        blocking_wait(fd, -1);
    else
        reason = serve_until_the_end(config, fd, peer, &echoed);
    if (config->fault != FAULT_NEVER_CLOSE)
        server_step_close(config, peer, echoed, reason);
}

void blocking_close(const struct server_config *config, int fd)
{
    if (config->fault != FAULT_NEVER_CLOSE)
        close(fd);
}

void blocking_pause(const char *reason, long connections)
{
    server_shortage(reason, connections);
    poll(NULL, 0, SERVER_RETRY_MS);
}
