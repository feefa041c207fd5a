/*
 * client.c - the command "client": options, and connecting.
 *
 * A client that first sends everything and only then reads can come to a standstill together with
 * the server: the server stops reading while its answers are not taken, and then send() blocks
 * for ever. So client_messages.c and client_typed.c serve both directions as each becomes ready,
 * with poll(2) and MSG_DONTWAIT.
 */
#include "client_ways.h"

#include "answer.h"
#include "command.h"
#include "options.h"
#include "socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define AT(name) offsetof(struct client_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_TEXT("host", "H", AT(host), ECHO_DEFAULT_HOST, "name or address of the server"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 1, 65535, ECHO_DEFAULT_PORT, "port of the server"),
    OPTION_ROW_TEXT("message", "TEXT", AT(message), NULL, "send TEXT, check the echo"),
    OPTION_ROW_NUMBER("size", "BYTES", AT(size), 1, CLIENT_MESSAGE_MAX, 0,
                      "send a pattern of that length, check the echo"),
    OPTION_ROW_NUMBER("count", "N", AT(count), 1, 1000000, 1, "how many such messages"),
    OPTION_ROW_NUMBER("interval", "MS", AT(interval_ms), 0, 3600000, 0, "pause between two messages, milliseconds"),
    OPTION_ROW_NUMBER("hold", "MS", AT(hold_ms), 0, 3600000, 0, "pause after connecting and before closing"),
    OPTION_ROW_FLAG("half-close", AT(half_close), "shut down sending after the last message, then read to the end"),
    OPTION_ROW_TEXT("greeting", "TEXT", AT(greeting), NULL, "the server was started with this greeting"),
    OPTION_ROW_FLAG("verbose", AT(verbose), "tell every step on standard output"),
};

static void print_interactive(void)
{
    printf("\nWithout --message and --size, lines are read from standard input and their echo is\n"
           "printed; the end of input (Ctrl-D) shuts down sending.\n");
}

static const struct command_options options = {
    .command = "client",
    .summary = "Connect to an echo server.",
    .table = OPTION_TABLE(rows),
    .print_more = print_interactive,
};

static int connect_one(const struct addrinfo *where, int *ret_fd)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    if (connect(fd, where->ai_addr, where->ai_addrlen) != 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    *ret_fd = fd;
    return 0;
}

/* A name may have several addresses: the first one that answers is taken. */
static int connect_any(const struct client_config *config, int *ret_fd)
{
    char text[SOCKET_TEXT_MAX] = "";
    struct addrinfo *list;
    int r = -EHOSTUNREACH;

    int code = socket_resolve(config->host, config->port, SOCK_STREAM, false, &list);
    if (code != 0)
        return client_failed("cannot find host '%s': %s", config->host, socket_resolve_error(code));
    for (const struct addrinfo *at = list; at && r < 0; at = at->ai_next) {
        socket_text(at->ai_addr, at->ai_addrlen, text);
        client_step(config, "connect() to %s", text);
        r = connect_one(at, ret_fd);
    }
    freeaddrinfo(list);
    if (r < 0)
        return client_failed("cannot connect to %s: %s%s", text, strerror(-r),
                             r == -ECONNREFUSED ? " (is the server running? tcplens-echo server)" : "");
    client_step(config, "connected, this end is %s", socket_local_text(*ret_fd, text));
    return 0;
}

int client_main(int argc, char **argv)
{
    struct client_config config;
    int fd = -1;

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    if (config.message && config.size)
        return options_error("client", "--message and --size exclude each other");
    if (config.message && !*config.message)
        return options_error("client", "--message: an empty message has no echo");
    if (config.greeting && strlen(config.greeting) > ANSWER_GREETING_MAX)
        return options_error("client", "--greeting: longer than %d bytes", ANSWER_GREETING_MAX);

    prctl(PR_SET_NAME, ECHO_COMM_CLIENT);
    if (connect_any(&config, &fd) < 0)
        return STATUS_FAILED;
    int r = config.message || config.size ? client_messages_run(&config, fd) : client_typed_run(fd);
    if (r == 0)
        client_step(&config, "close()");
    close(fd);
    return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
