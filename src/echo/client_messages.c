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
#include <unistd.h>

enum { QUOTE_MAX = 40 }; /* characters of a message shown with --verbose */

static const char heartbeat[] = "heartbeat\n";
enum { HEARTBEAT_ANSWER_MAX = sizeof heartbeat - 1 + ANSWER_GREETING_MAX };

/* One connection; its stream goes on from message to message. */
struct talk {
    int fd; /* -1: none */
    struct answer_state answer;
};

/* All of them, and what is said on each. */
struct messages {
    const struct client_config *config;
    const char *message;
    size_t length;
    char *buffer; /* for the answer, if it is not the message itself */
    size_t count; /* of talks */
    struct talk *talks;
    struct pollfd *watched; /* in pauses, all talks */
};

/* What is said on a connection and the answer to expect. */
struct exchange {
    const char *message;
    size_t message_length;
    const char *expected;
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

/* Goes on until all is sent and answered: 1, until nothing has happened for so long (-1: for ever): 0, or an error: -1. */
static int exchange_go_on(const struct client_config *config, int fd, struct exchange *x, bool last, long patience_ms)
{
    while (x->checked < x->expected_length || x->sent < x->message_length) {
        bool sending = x->sent < x->message_length;
        struct pollfd at = { .fd = fd, .events = (short)(POLLIN | (sending ? POLLOUT : 0)) };

        int r = client_wait(&at, 1, patience_ms < 0 ? -1 : client_now_ms() + patience_ms);
        if (r <= 0)
            return r;
        if ((at.revents & POLLOUT) && send_some(config, fd, x, last) < 0)
            return -1;
        if ((at.revents & ~POLLOUT) && check_some(fd, x) < 0)
            return -1;
    }
    return 1;
}

static long patience_ms(const struct client_config *config)
{
    return config->timeout_ms > 0 ? config->timeout_ms : -1;
}

static int exchange_message(const struct messages *m, struct talk *talk, bool last)
{
    char shown[QUOTE_MAX + sizeof "..."];
    const struct client_config *config = m->config;
    struct exchange x = { .message = m->message, .message_length = m->length };

    x.expected =
        answer_make(&talk->answer, config->greeting, x.message, x.message_length, m->buffer, &x.expected_length);
    client_step(config, "send() %zu bytes: %s", x.message_length, quote(x.message, x.message_length, shown));
    int r = exchange_go_on(config, talk->fd, &x, last, patience_ms(config));
    if (r == 0)
        return client_failed("no answer: nothing came for %ld ms after %zu of %zu bytes of echo", config->timeout_ms,
                             x.checked, x.expected_length);
    if (r > 0)
        client_step(config, "recv() brought all %zu bytes back: %s", x.checked,
                    quote(x.expected, x.expected_length, shown));
    return r < 0 ? -1 : 0;
}

/* Asks whether the server is alive: each time that its answer is not there when the next is due is a miss. */
static int beat(const struct client_config *config, struct talk *talk)
{
    char all[CLIENT_HEARTBEAT_MISSES_MAX * sizeof heartbeat] = "";
    char expected[CLIENT_HEARTBEAT_MISSES_MAX * HEARTBEAT_ANSWER_MAX], buffer[HEARTBEAT_ANSWER_MAX];
    struct exchange x = { .message = all, .expected = expected };

    for (int missed = 0; missed < config->heartbeat.misses; missed++) {
        size_t length, n = sizeof heartbeat - 1;
        const char *answer = answer_make(&talk->answer, config->greeting, heartbeat, n, buffer, &length);

        memcpy(all + x.message_length, heartbeat, n);
        memcpy(expected + x.expected_length, answer, length);
        x.message_length += n;
        x.expected_length += length;
        client_step(config, "send() a heartbeat");
        int r = exchange_go_on(config, talk->fd, &x, false, config->heartbeat.interval_ms);
        if (r > 0)
            client_step(config, "the heartbeat is answered");
        if (r != 0)
            return r < 0 ? -1 : 0;
        client_step(config, "no answer to %d of %d heartbeats", missed + 1, config->heartbeat.misses);
    }
    return client_failed("the server is not alive: no answer to %d heartbeats, %d ms apart", config->heartbeat.misses,
                         config->heartbeat.interval_ms);
}

static int beat_all(const struct messages *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (beat(m->config, &m->talks[i]) < 0)
            return -1;
    return 0;
}

/* The server owes us nothing for so long, but for answers to heartbeats. */
static int wait_silently(const struct messages *m, int64_t deadline)
{
    int r;

    for (size_t i = 0; i < m->count; i++)
        m->watched[i] = (struct pollfd){ .fd = m->talks[i].fd, .events = POLLIN };
    while ((r = client_wait(m->watched, m->count, deadline)) > 0)
        for (size_t i = 0; i < m->count; i++)
            if (m->watched[i].revents && expect_silence(m->watched[i].fd) < 0)
                return -1;
    return r;
}

static int pause_ms(const struct messages *m, long ms)
{
    int interval = m->config->heartbeat.interval_ms;
    int64_t now = client_now_ms(), deadline = now + ms;

    while (interval > 0 && now + interval < deadline) {
        if (wait_silently(m, now + interval) < 0 || beat_all(m) < 0)
            return -1;
        now = client_now_ms();
    }
    return wait_silently(m, deadline);
}

/* After shutdown(): the server must send its FIN, and nothing before it. */
static int expect_end(const struct client_config *config, int fd)
{
    struct pollfd at = { .fd = fd, .events = POLLIN };
    long patience = patience_ms(config);
    char byte;

    for (;;) {
        int r = client_wait(&at, 1, patience < 0 ? -1 : client_now_ms() + patience);
        if (r <= 0)
            return r < 0 ? -1 : client_failed("no end of file for %ld ms after shutdown()", patience);
        ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
        if (n == 0) {
            client_step(config, "end of file: the server has closed its half, too");
            return 0;
        }
        if (n > 0)
            return client_failed("the echo differs: the server sent more than it was sent");
        if (errno != EINTR && errno != EAGAIN)
            return client_failed("the connection is lost: %s", strerror(errno));
    }
}

static int open_all(struct messages *m)
{
    for (size_t i = 0; i < m->count; i++) {
        m->talks[i] = (struct talk){ .fd = client_connect(m->config) };
        if (m->talks[i].fd < 0)
            return -1;
    }
    return 0;
}

static void close_all(struct messages *m, bool good)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->talks[i].fd < 0)
            continue;
        if (good)
            client_step(m->config, "close()");
        close(m->talks[i].fd);
        m->talks[i].fd = -1;
    }
}

static int say_all(const struct messages *m, long count)
{
    for (long i = 0; i < count; i++) {
        if (i > 0 && pause_ms(m, m->config->interval_ms) < 0)
            return -1;
        for (size_t j = 0; j < m->count; j++)
            if (exchange_message(m, &m->talks[j], i == count - 1) < 0)
                return -1;
    }
    return 0;
}

static int end_all(const struct messages *m)
{
    if (!m->config->half_close && pause_ms(m, m->config->hold_ms) < 0)
        return -1;
    for (size_t i = 0; i < m->count; i++) {
        int fd = m->talks[i].fd;

        /* Closing with unread bytes in the buffer would send a reset instead of a FIN. */
        if ((m->config->half_close ? expect_end(m->config, fd) : expect_silence(fd)) < 0)
            return -1;
    }
    return 0;
}

/* From connect() to close(), with so many messages between. */
static int round_of(struct messages *m, long count)
{
    int r = open_all(m);

    if (r == 0)
        r = pause_ms(m, m->config->hold_ms);
    if (r == 0)
        r = say_all(m, count);
    if (r == 0)
        r = end_all(m);
    close_all(m, r == 0);
    return r;
}

static int run(struct messages *m)
{
    if (!m->config->one_each)
        return round_of(m, m->config->count);

    int r = 0;
    for (long i = 0; i < m->config->count && r == 0; i++) {
        if (i > 0)
            r = client_wait(NULL, 0, client_now_ms() + m->config->interval_ms);
        if (r == 0)
            r = round_of(m, 1);
    }
    return r;
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

static void report(const struct client_config *config, size_t length)
{
    long messages = config->count * config->connections;
    long connections = config->one_each ? messages : config->connections;

    printf("%ld message%s of %zu bytes sent", messages, messages == 1 ? "" : "s", length);
    if (connections > 1)
        printf(" over %ld connections", connections);
    puts(", every echo is right");
}

int client_messages_run(const struct client_config *config)
{
    size_t length = config->message ? strlen(config->message) : (size_t)config->size;
    char *pattern = config->message ? NULL : make_pattern(length);
    struct messages m = {
        .config = config,
        .message = config->message ? config->message : pattern,
        .length = length,
        .count = (size_t)config->connections,
        .talks = malloc((size_t)config->connections * sizeof *m.talks),
        .watched = malloc((size_t)config->connections * sizeof *m.watched),
    };
    int r = -1;

    assert(length > 0); /* the options see to it */
    if (m.message)
        m.buffer = malloc(longest_answer(m.message, length, config->greeting));
    if (m.buffer && m.talks && m.watched) {
        for (size_t i = 0; i < m.count; i++)
            m.talks[i].fd = -1;
        r = run(&m);
    } else {
        client_failed("cannot hold a message of %zu bytes: %s", length, strerror(ENOMEM));
    }
    free(m.buffer);
    free(m.watched);
    free(m.talks);
    free(pattern);
    if (r == 0 && !config->verbose)
        report(config, length);
    return r;
}
