/*
 * udp_server.c - the command "udp-server": answers every datagram with itself.
 *
 * Beside the servers of TCP: one socket for all clients, no listen(), no accept(), nothing to close.
 * There is no connection, so nothing tells that a client is there or gone; what ties an answer to a
 * question is the address that recvfrom() gave and sendto() takes. A datagram arrives whole, or not
 * at all, and what does not fit the buffer of the one recvfrom() that takes it is lost.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "answer.h"
#include "command.h"
#include "complain.h"
#include "options.h"
#include "socket.h"
#include "stop.h"
#include "udp.h"

struct udp_server_config {
    const char *bind, *greeting;
    long port, buffer, lose;
    bool verbose;
};

#define AT(name) offsetof(struct udp_server_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_TEXT("bind", "ADDR", AT(bind), ECHO_DEFAULT_HOST, "address to receive at; '::' is all, IPv4 too"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 0, 65535, ECHO_DEFAULT_PORT,
                      "port to receive at; 0 lets the kernel choose"),
    OPTION_ROW_NUMBER("buffer", "BYTES", AT(buffer), 1, UDP_BUFFER_MAX, UDP_BUFFER_MAX,
                      "take so much of a datagram; the rest of it is lost"),
    OPTION_ROW_NUMBER("lose", "N", AT(lose), 0, 1000000, 0,
                      "leave every Nth datagram without an answer, as if it had been lost; 0: none"),
    OPTION_ROW_TEXT("greeting", "TEXT", AT(greeting), NULL, "begin every line of the answer with TEXT"),
    OPTION_ROW_FLAG("verbose", AT(verbose), "tell every step on standard output"),
};

static const struct command_options options = {
    .command = "udp-server",
    .summary = "Answer every datagram with itself.",
    .table = OPTION_TABLE(rows),
};

struct udp_server {
    const struct udp_server_config *config;
    int fd;
    unsigned long received;
    char input[UDP_BUFFER_MAX];
    char output[UDP_BUFFER_MAX];
};

static int failed(const char *action, int error)
{
    complain("udp-server", "cannot %s: %s", action, strerror(error));
    return -error;
}

static __attribute__((format(printf, 2, 3))) void step(const struct udp_server_config *config, const char *format, ...)
{
    va_list args;

    if (!config->verbose)
        return;
    fputs("udp-server: ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static int open_socket(const struct udp_server_config *config)
{
    char text[SOCKET_TEXT_MAX];
    struct addrinfo *where;
    int fd = -1;

    int code = socket_resolve(config->bind, config->port, SOCK_DGRAM, true, &where);
    if (code != 0) {
        complain("udp-server", "--bind %s: %s (a numeric address is expected)", config->bind,
                 socket_resolve_error(code));
        return -EINVAL;
    }
    int r = socket_bind_datagram(where, &fd);
    if (r < 0)
        complain("udp-server", "cannot receive at %s: %s%s", socket_text(where->ai_addr, where->ai_addrlen, text),
                 strerror(-r), socket_bind_remedy(-r));
    freeaddrinfo(where);
    if (r < 0)
        return r;
    printf("receiving at %s\n", socket_local_text(fd, text));
    return fd;
}

/* Answers the n bytes of input. An answer that cannot be sent is lost like any datagram. */
static void answer_datagram(struct udp_server *s, size_t n, const struct sockaddr *peer, socklen_t peer_length,
                            const char *peer_text)
{
    struct answer_state state = { 0 }; /* each datagram stands for itself */
    size_t length;
    const char *answer = answer_make(&state, s->config->greeting, s->input, n, s->output, &length);

    step(s->config, "sendto() of %zu bytes to %s", length, peer_text);
    if (sendto(s->fd, answer, length, 0, peer, peer_length) < 0)
        step(s->config, "sendto() failed: %s", strerror(errno));
}

static int serve_one(struct udp_server *s)
{
    const struct udp_server_config *config = s->config;
    struct sockaddr_storage peer;
    socklen_t length = sizeof peer;
    char text[SOCKET_TEXT_MAX] = "";
    size_t room = answer_input_max(config->greeting, sizeof s->output);
    size_t max = (size_t)config->buffer < room ? (size_t)config->buffer : room;

    /* MSG_TRUNC: returns the length of the whole datagram, whatever of it fits. */
    ssize_t n = recvfrom(s->fd, s->input, max, MSG_TRUNC, (struct sockaddr *)&peer, &length);
    if (stop_requested)
        return 0;
    if (n < 0)
        return errno == EINTR ? 0 : failed("receive", errno);

    size_t taken = (size_t)n < max ? (size_t)n : max;
    if (config->verbose)
        socket_text((struct sockaddr *)&peer, length, text);
    if (taken < (size_t)n)
        step(config, "recvfrom() took %zu of %zd bytes from %s, the rest is lost", taken, n, text);
    else
        step(config, "recvfrom() returned %zd bytes from %s", n, text);
    if (config->lose > 0 && ++s->received % (unsigned long)config->lose == 0)
        step(config, "no answer to it, as --lose wants");
    else
        answer_datagram(s, taken, (struct sockaddr *)&peer, length, text);
    return 0;
}

int udp_server_main(int argc, char **argv)
{
    static struct udp_server s;
    struct udp_server_config config;

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    if (config.greeting && strlen(config.greeting) > ANSWER_GREETING_MAX)
        return options_error("udp-server", "--greeting: longer than %d bytes", ANSWER_GREETING_MAX);

    prctl(PR_SET_NAME, ECHO_COMM_SERVER);
    stop_on_signals();
    s.config = &config;
    s.fd = open_socket(&config);
    if (s.fd < 0)
        return STATUS_FAILED;
    stop_listener(s.fd);

    int r = 0;
    while (!stop_requested && r == 0)
        r = serve_one(&s);
    close(s.fd);
    return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
