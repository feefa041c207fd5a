/*
 * client_messages.c - sends messages one after another and compares every byte of their echo.
 */
#include "answer.h"
#include "client_ways.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { QUOTE_MAX = 40 }; /* characters of a message shown with --verbose */

/* One message and the answer to expect. */
struct exchange {
    const char *message;
    size_t message_length;
    char *buffer;         /* for the answer, if it is not the message itself */
    const char *expected; /* the answer */
    size_t expected_length;
    size_t sent, checked; /* bytes so far */
};

/* The server owes us nothing now: whatever the socket has to say is a fault. */
static int expect_silence(int fd)
{
    char byte;

    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
    if (n > 0)
        return client_failed("the echo differs: the server sent more than it was sent");
    if (n == 0)
        return client_failed("the server has closed the connection");
    if (errno == EAGAIN || errno == EINTR)
        return 0;
    return client_failed("the connection is lost: %s", strerror(errno));
}

static int pause_ms(int fd, long ms)
{
    int64_t deadline = client_now_ms() + ms;
    struct pollfd at = { .fd = fd, .events = POLLIN };
    int r;

    while ((r = client_wait(&at, 1, deadline)) > 0)
        if (expect_silence(fd) < 0)
            return -1;
    return r;
}

static const char *quote(const char *text, size_t length, char *buffer)
{
    size_t n = length < QUOTE_MAX ? length : QUOTE_MAX;

    for (size_t i = 0; i < n; i++)
        buffer[i] = isprint((unsigned char)text[i]) ? text[i] : '.';
    snprintf(buffer + n, sizeof "...", "%s", length > n ? "..." : "");
    return buffer;
}

/* Sends what the socket takes. Returns 0 or -1. */
static int send_some(const struct client_config *config, int fd, struct exchange *x, bool last)
{
    ssize_t n = send(fd, x->message + x->sent, x->message_length - x->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : client_failed("cannot send: %s", strerror(errno));
    x->sent += (size_t)n;
    if (x->sent < x->message_length)
        return 0;

    if (last && config->half_close) {
        client_step(config, "shutdown(SHUT_WR): nothing more to send, still reading");
        if (shutdown(fd, SHUT_WR) != 0)
            return client_failed("cannot shut down sending: %s", strerror(errno));
    }
    return 0;
}

/* Compares what has arrived with what was due. Returns 0 or -1. */
static int check_some(int fd, struct exchange *x)
{
    char chunk[CLIENT_CHUNK_SIZE];

    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : client_failed("the connection is lost: %s", strerror(errno));
    if (n == 0)
        return client_failed("the server closed the connection after %zu of %zu bytes of echo", x->checked,
                             x->expected_length);
    for (size_t i = 0; i < (size_t)n; i++, x->checked++)
        if (x->checked == x->expected_length || chunk[i] != x->expected[x->checked])
            return client_failed("the echo differs at byte %zu of %zu", x->checked, x->expected_length);
    return 0;
}

static int exchange_run(const struct client_config *config, int fd, struct exchange *x, bool last)
{
    char shown[QUOTE_MAX + sizeof "..."];

    client_step(config, "send() %zu bytes: %s", x->message_length, quote(x->message, x->message_length, shown));
    while (x->checked < x->expected_length || x->sent < x->message_length) {
        bool sending = x->sent < x->message_length;
        struct pollfd at = { .fd = fd, .events = (short)(POLLIN | (sending ? POLLOUT : 0)) };

        if (client_wait(&at, 1, -1) < 0)
            return -1;
        if ((at.revents & POLLOUT) && send_some(config, fd, x, last) < 0)
            return -1;
        if ((at.revents & ~POLLOUT) && check_some(fd, x) < 0)
            return -1;
    }
    client_step(config, "recv() brought all %zu bytes back: %s", x->checked,
                quote(x->expected, x->expected_length, shown));
    return 0;
}

/* After shutdown(): the server must send its FIN, and nothing before it. */
static int expect_end(const struct client_config *config, int fd)
{
    char byte;

    for (;;) {
        ssize_t n = recv(fd, &byte, 1, 0);
        if (n == 0) {
            client_step(config, "end of file: the server has closed its half, too");
            return 0;
        }
        if (n > 0)
            return client_failed("the echo differs: the server sent more than it was sent");
        if (errno != EINTR)
            return client_failed("the connection is lost: %s", strerror(errno));
    }
}

static int exchange_all(const struct client_config *config, int fd, struct exchange *x)
{
    struct answer_state answer = { 0 };

    if (pause_ms(fd, config->hold_ms) < 0)
        return -1;
    for (long i = 0; i < config->count; i++) {
        if (i > 0 && pause_ms(fd, config->interval_ms) < 0)
            return -1;
        x->sent = x->checked = 0;
        x->expected =
            answer_make(&answer, config->greeting, x->message, x->message_length, x->buffer, &x->expected_length);
        if (exchange_run(config, fd, x, i == config->count - 1) < 0)
            return -1;
    }
    if (config->half_close)
        return expect_end(config, fd);
    /* Closing with unread bytes in the buffer would send a reset instead of a FIN. */
    if (pause_ms(fd, config->hold_ms) < 0 || expect_silence(fd) < 0)
        return -1;
    return 0;
}

/* The period, 94, divides no power of two: a lost or doubled buffer of bytes shows. */
static char *make_pattern(size_t size)
{
    char *pattern = malloc(size);

    if (pattern)
        for (size_t i = 0; i < size; i++)
            pattern[i] = (char)('!' + i % 94);
    return pattern;
}

/* The longest answer has a greeting at its begin and after every line feed. */
static size_t longest_answer(const char *message, size_t length, const char *greeting)
{
    size_t lines = 1;

    for (size_t i = 0; i < length; i++)
        lines += message[i] == '\n';
    return length + (greeting ? lines * strlen(greeting) : 0);
}

int client_messages_run(const struct client_config *config, int fd)
{
    size_t length = config->message ? strlen(config->message) : (size_t)config->size;
    char *pattern = config->message ? NULL : make_pattern(length);
    const char *message = config->message ? config->message : pattern;
    char *buffer = NULL;
    int r = -1;

    assert(length > 0); /* the options see to it */
    if (message)
        buffer = malloc(longest_answer(message, length, config->greeting));
    if (buffer) {
        struct exchange x = { .message = message, .message_length = length, .buffer = buffer };
        r = exchange_all(config, fd, &x);
    } else {
        client_failed("cannot hold a message of %zu bytes: %s", length, strerror(ENOMEM));
    }
    free(buffer);
    free(pattern);
    if (r == 0 && !config->verbose)
        printf("%ld message%s of %zu bytes sent, every echo is right\n", config->count, config->count == 1 ? "" : "s",
               length);
    return r;
}
