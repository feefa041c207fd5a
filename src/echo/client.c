/*
 * client.c - the command "client": options.
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
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

enum { DESCRIPTORS_MORE = 32 }; /* than connections */

#define AT(name) offsetof(struct client_config, name)

static const char *const fault_words[] = { [CLIENT_FAULT_NONE] = "none", [CLIENT_FAULT_NO_HTONS] = "no-htons", NULL };

/* MS or MS,MISSES */
static int take_heartbeat(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct client_heartbeat *heartbeat = member;
    int numbers[2] = { 0, 3 };

    if (!options_read_numbers(value, CLIENT_HEARTBEAT_MAX_MS, numbers, strchr(value, ',') ? 2 : 1) ||
        numbers[1] > CLIENT_HEARTBEAT_MISSES_MAX) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes milliseconds up to %d, and a count up to %d, not '%.100s'",
                 CLIENT_HEARTBEAT_MAX_MS, CLIENT_HEARTBEAT_MISSES_MAX, value);
        return -EINVAL;
    }
    *heartbeat = (struct client_heartbeat){ numbers[0], numbers[1] };
    return 0;
}

static const struct option_row rows[] = {
    OPTION_ROW_TEXT("host", "H", AT(host), ECHO_DEFAULT_HOST, "name or address of the server"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 1, 65535, ECHO_DEFAULT_PORT, "port of the server"),
    OPTION_ROW_TEXT("message", "TEXT", AT(message), NULL, "send TEXT, check the echo"),
    OPTION_ROW_NUMBER("size", "BYTES", AT(size), 1, CLIENT_MESSAGE_MAX, 0,
                      "send a pattern of that length, check the echo"),
    OPTION_ROW_NUMBER("count", "N", AT(count), 1, 1000000, 1, "how many such messages, over each connection"),
    OPTION_ROW_FLAG("long", AT(one_for_all), "one connection for all of them; so it is without --short"),
    OPTION_ROW_FLAG("short", AT(one_each), "a connection for each of them"),
    OPTION_ROW_NUMBER("connections", "N", AT(connections), 1, 65536, 1, "hold N connections at once"),
    OPTION_ROW_NUMBER("interval", "MS", AT(interval_ms), 0, 3600000, 0, "pause between two messages, milliseconds"),
    OPTION_ROW_NUMBER("hold", "MS", AT(hold_ms), 0, 3600000, 0, "pause after connecting and before closing"),
    OPTION_ROW_TAKEN("heartbeat", "MS[,MISSES]", AT(heartbeat), take_heartbeat,
                     "in pauses, ask the server every MS milliseconds whether it is alive; give up after MISSES (3) "
                     "without an answer"),
    OPTION_ROW_TAKEN("keepalive", OPTIONS_KEEPALIVE, AT(keepalive), options_take_keepalive,
                     "TCP keep-alive: seconds of silence, seconds between probes, how many"),
    OPTION_ROW_NUMBER("timeout", "MS", AT(timeout_ms), 0, 3600000, 0,
                      "give up when nothing comes for MS milliseconds; 0: never"),
    OPTION_ROW_FLAG("half-close", AT(half_close), "shut down sending after the last message, then read to the end"),
    OPTION_ROW_TEXT("greeting", "TEXT", AT(greeting), NULL, "the server was started with this greeting"),
    OPTION_ROW_WORD("fault", "NAME", AT(fault), fault_words,
                    "no-htons: forget htons(), and call the port with its bytes swapped"),
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

/* Returns STATUS_DONE, or STATUS_USAGE with the error printed. */
static int check_options(const struct client_config *config)
{
    bool messages = config->message || config->size;

    if (config->message && config->size)
        return options_error("client", "--message and --size exclude each other");
    if (config->message && !*config->message)
        return options_error("client", "--message: an empty message has no echo");
    if (config->greeting && strlen(config->greeting) > ANSWER_GREETING_MAX)
        return options_error("client", "--greeting: longer than %d bytes", ANSWER_GREETING_MAX);
    if (config->one_each && config->one_for_all)
        return options_error("client", "--short and --long exclude each other");
    if (!messages && (config->one_each || config->connections > 1 || config->heartbeat.interval_ms > 0))
        return options_error("client", "--%s needs --message or --size",
                             config->one_each          ? "short"
                             : config->connections > 1 ? "connections"
                                                       : "heartbeat");
    return STATUS_DONE;
}

int client_main(int argc, char **argv)
{
    struct client_config config = { .host = NULL };

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    int status = check_options(&config);
    if (status != STATUS_DONE)
        return status;

    prctl(PR_SET_NAME, ECHO_COMM_CLIENT);
    socket_raise_limit(config.connections + DESCRIPTORS_MORE);
    int r = config.message || config.size ? client_messages_run(&config) : client_typed_run(&config);
    return r < 0 ? STATUS_FAILED : STATUS_DONE;
}
