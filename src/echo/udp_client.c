/*
 * udp_client.c - the command "udp-client": sends datagrams and checks their echo.
 *
 * What TCP does by itself is here the application's: whether a datagram arrived nobody tells, so
 * the client waits --timeout for its echo and sends it again, --retries times. An echo that was
 * only late then comes twice; it is thrown away before the next message.
 *
 * connect() of a UDP socket sends nothing. It names the one address to send to and receive from,
 * and that is how the kernel knows whom to tell of an ICMP port unreachable: the next call on this
 * socket fails with ECONNREFUSED. With --unconnected nobody is told, and only silence is left.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "answer.h"
#include "client_common.h"
#include "command.h"
#include "complain.h"
#include "options.h"
#include "socket.h"
#include "udp.h"

struct udp_client_config {
    const char *host, *message, *greeting;
    long port, size, count, interval_ms, timeout_ms, retries;
    bool unconnected, verbose;
};

#define AT(name) offsetof(struct udp_client_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_TEXT("host", "H", AT(host), ECHO_DEFAULT_HOST, "name or address of the server"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 1, 65535, ECHO_DEFAULT_PORT, "port of the server"),
    OPTION_ROW_TEXT("message", "TEXT", AT(message), NULL, "send TEXT, check the echo; it may be empty"),
    OPTION_ROW_NUMBER("size", "BYTES", AT(size), 1, UDP_MESSAGE_MAX, 0,
                      "send a pattern of that length, check the echo"),
    OPTION_ROW_NUMBER("count", "N", AT(count), 1, 1000000, 1, "how many such messages, a datagram each"),
    OPTION_ROW_NUMBER("interval", "MS", AT(interval_ms), 0, 3600000, 0, "pause between two messages, milliseconds"),
    OPTION_ROW_NUMBER("timeout", "MS", AT(timeout_ms), 1, 3600000, 1000, "wait so long for an echo, then send again"),
    OPTION_ROW_NUMBER("retries", "N", AT(retries), 0, 1000, 3, "send again so often, then give up"),
    OPTION_ROW_FLAG("unconnected", AT(unconnected), "sendto() without connect(): errors from the network are not told"),
    OPTION_ROW_TEXT("greeting", "TEXT", AT(greeting), NULL, "the server was started with this greeting"),
    OPTION_ROW_FLAG("verbose", AT(verbose), "tell every step on standard output"),
};

static void print_interactive(void)
{
    printf("\nWithout --message and --size, each line of standard input is sent as a datagram, and its\n"
           "echo is printed.\n");
}

static const struct command_options options = {
    .command = "udp-client",
    .summary = "Send datagrams to an echo server.",
    .table = OPTION_TABLE(rows),
    .print_more = print_interactive,
};

struct udp_client {
    const struct udp_client_config *config;
    int fd;
    struct sockaddr_storage server;
    socklen_t server_length;
    char text[SOCKET_TEXT_MAX]; /* of the server */
    unsigned long again;        /* datagrams sent more than once */
    char input[UDP_BUFFER_MAX];
    char expected[UDP_BUFFER_MAX];
};

static __attribute__((format(printf, 1, 2))) int failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain_args("udp-client", format, args);
    va_end(args);
    return -1;
}

static __attribute__((format(printf, 2, 3))) void step(const struct udp_client *c, const char *format, ...)
{
    va_list args;

    if (!c->config->verbose)
        return;
    fputs("udp-client: ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static int call_failed(const struct udp_client *c, const char *call, int error)
{
    if (error == ECONNREFUSED)
        return failed("%s: Connection refused: ICMP port unreachable came back from %s (is the server running? "
                      "tcplens-echo udp-server)",
                      call, c->text);
    return failed("%s to %s: %s", call, c->text, strerror(error));
}

static int open_socket(struct udp_client *c)
{
    const struct udp_client_config *config = c->config;
    struct addrinfo *list;

    int code = socket_resolve(config->host, config->port, SOCK_DGRAM, false, &list);
    if (code != 0)
        return failed("cannot find host '%s': %s", config->host, socket_resolve_error(code));
    /* The first address: that nobody is at it would show only when something was sent. */
    memcpy(&c->server, list->ai_addr, list->ai_addrlen);
    c->server_length = list->ai_addrlen;
    c->fd = socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    freeaddrinfo(list);
    socket_text((struct sockaddr *)&c->server, c->server_length, c->text);
    if (c->fd < 0)
        return failed("cannot open a socket: %s", strerror(errno));
    if (config->unconnected)
        return 0;
    step(c, "connect() to %s: nothing is sent", c->text);
    if (connect(c->fd, (struct sockaddr *)&c->server, c->server_length) != 0)
        return call_failed(c, "connect()", errno);
    return 0;
}

static int send_datagram(struct udp_client *c, const char *message, size_t length)
{
    const struct sockaddr *to = c->config->unconnected ? (struct sockaddr *)&c->server : NULL;

    step(c, "%s() %zu bytes", to ? "sendto" : "send", length);
    if (sendto(c->fd, message, length, MSG_NOSIGNAL, to, to ? c->server_length : 0) < 0)
        return call_failed(c, "send()", errno);
    return 0;
}

/* Takes a datagram of the server's, if one comes before the deadline: 1 and its length, 0: none, -1. */
static int receive(struct udp_client *c, int64_t deadline, size_t *ret_length)
{
    struct pollfd at = { .fd = c->fd, .events = POLLIN };

    for (;;) {
        int r = client_wait(&at, 1, deadline);
        if (r <= 0)
            return r;
        struct sockaddr_storage from;
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(c->fd, c->input, sizeof c->input, MSG_DONTWAIT, (struct sockaddr *)&from, &length);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue; /* a wrong checksum is found only now, and the datagram is gone */
        if (n < 0)
            return call_failed(c, "recv()", errno);
        /* Without connect() anybody may write to this socket. */
        if (c->config->unconnected && (length != c->server_length || memcmp(&from, &c->server, length) != 0))
            continue;
        *ret_length = (size_t)n;
        return 1;
    }
}

/* What came twice, because it was only late. */
static int throw_away(struct udp_client *c)
{
    size_t length = 0;
    int r;

    while ((r = receive(c, 0, &length)) > 0)
        step(c, "another answer of %zu bytes: it was only late", length);
    return r;
}

/* Sends a message until an answer has come: 1 and its length, or -1. */
static int ask(struct udp_client *c, const char *message, size_t length, size_t *ret_length)
{
    const struct udp_client_config *config = c->config;

    if (throw_away(c) < 0)
        return -1;
    for (long try = 0; try <= config->retries; try++) {
        c->again += try > 0;
        if (send_datagram(c, message, length) < 0)
            return -1;
        int r = receive(c, client_now_ms() + config->timeout_ms, ret_length);
        if (r != 0)
            return r;
        step(c, "no answer within %ld ms: lost on its way there or back, or nobody is there", config->timeout_ms);
    }
    return failed("no answer from %s to a datagram that was sent %ld times, %ld ms apart: lost, or nobody is there",
                  c->text, config->retries + 1, config->timeout_ms);
}

static int check_message(struct udp_client *c, const char *message, size_t length)
{
    struct answer_state state = { 0 };
    size_t expected_length, n = 0;
    const char *expected = answer_make(&state, c->config->greeting, message, length, c->expected, &expected_length);

    if (ask(c, message, length, &n) < 0)
        return -1;
    if (n != expected_length || memcmp(c->input, expected, n) != 0)
        return failed("the echo differs: %zu bytes came, %zu were expected", n, expected_length);
    step(c, "recv() brought all %zu bytes back", n);
    return 0;
}

static int send_messages(struct udp_client *c)
{
    const struct udp_client_config *config = c->config;
    size_t length = config->message ? strlen(config->message) : (size_t)config->size;
    char *pattern = config->message ? NULL : malloc(length);
    int r = 0;

    if (!config->message && !pattern)
        return failed("cannot hold a message of %zu bytes: %s", length, strerror(ENOMEM));
    for (size_t i = 0; pattern && i < length; i++)
        pattern[i] = (char)('!' + i % 94);
    for (long i = 0; i < config->count && r == 0; i++) {
        if (i > 0)
            r = client_wait(NULL, 0, client_now_ms() + config->interval_ms);
        if (r == 0)
            r = check_message(c, pattern ? pattern : config->message, length);
    }
    free(pattern);
    if (r == 0 && !config->verbose)
        printf("%ld datagram%s of %zu bytes sent, every echo is right; %lu sent again\n", config->count,
               config->count == 1 ? "" : "s", length, c->again);
    return r;
}

static int send_lines(struct udp_client *c)
{
    char *line = NULL;
    size_t room = 0, answer = 0;
    ssize_t length;
    int r = 1;

    while (r > 0 && (length = getline(&line, &room, stdin)) >= 0) {
        r = length <= UDP_MESSAGE_MAX ? ask(c, line, (size_t)length, &answer)
                                      : failed("a line of %zd bytes fits no datagram", length);
        if (r > 0)
            fwrite(c->input, 1, answer, stdout);
    }
    free(line);
    return r < 0 ? -1 : 0;
}

int udp_client_main(int argc, char **argv)
{
    static struct udp_client c;
    struct udp_client_config config;

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    if (config.message && config.size)
        return options_error("udp-client", "--message and --size exclude each other");
    if (config.greeting && strlen(config.greeting) > ANSWER_GREETING_MAX)
        return options_error("udp-client", "--greeting: longer than %d bytes", ANSWER_GREETING_MAX);

    prctl(PR_SET_NAME, ECHO_COMM_CLIENT);
    c.config = &config;
    c.fd = -1;
    int r = open_socket(&c);
    if (r == 0)
        r = config.message || config.size ? send_messages(&c) : send_lines(&c);
    if (c.fd >= 0)
        close(c.fd);
    return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
