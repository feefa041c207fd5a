/*
 * demo.c - the command "demo": a server and a client, as two processes, and every step told.
 *
 * Both are this program, started anew, so that ps and a tracer see two programs with names and
 * arguments of their own. Both report into one pipe, a line for each step: as the kernel keeps the
 * order of writes, and each tells a step before the other can notice it, the lines stand in order
 * of cause and effect. They also tell us what to do next:
 *
 *   "listening on"           -> start the client, or several (--clients)
 *   clients ended, and the
 *   server's "close()" lines -> SIGTERM to the server: the connections are over at both ends
 *   server ended             -> done
 */
#include "command.h"
#include "complain.h"
#include "options.h"
#include "program.h"
#include "server_common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_BYTES_MAX = 512, /* of a report; a longer line is passed on in pieces */
    CLIENTS_MAX = 10,
    STALL_MS = 15000, /* no step may take longer; the longest pause is 1500 ms */
};

struct demo_config {
    const char *model;
    long port, clients;
    bool fast, ipv6;
};

#define AT(name) offsetof(struct demo_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_TEXT("model", "NAME", AT(model), "epoll", "how the server serves; see tcplens-echo server --help"),
    OPTION_ROW_NUMBER("clients", "N", AT(clients), 1, CLIENTS_MAX, 1, "so many clients at once, a process each"),
    OPTION_ROW_FLAG("fast", AT(fast), "pauses of milliseconds instead of seconds"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 0, 65535, ECHO_DEFAULT_PORT, "port to use; 0 lets the kernel choose"),
    OPTION_ROW_FLAG("ipv6", AT(ipv6), "use ::1 instead of 127.0.0.1"),
};

static const struct command_options options = {
    .command = "demo",
    .summary = "Show one connection from the first SYN to the last ACK.",
    .table = OPTION_TABLE(rows),
};

struct demo {
    const struct demo_config *config;
    bool told; /* a timeline beside us tells each step, and later than we would */
    char *host;
    int report_in, report_out; /* both ends of the pipe */
    struct program server, clients[CLIENTS_MAX];
    long closed; /* so often the server has reported a close() */
    size_t length;
    char line[LINE_BYTES_MAX];
};

static int failed(const char *action, int error)
{
    complain("demo", "cannot %s: %s", action, strerror(error));
    return -error;
}

static int start(const struct demo *d, struct program *program, char *const argv[])
{
    int r = program_start(program, argv, d->report_out);

    return r < 0 ? failed("start a process", -r) : 0;
}

static int start_server(struct demo *d)
{
    char port[8];
    char *delay = d->config->fast ? "50" : "1500";
    char *model = (char *)d->config->model;
    char *argv[] = { "tcplens-echo", "server", "--model", model,           "--verbose", "--bind",
                     d->host,        "--port", port,      "--close-delay", delay,       NULL };

    snprintf(port, sizeof port, "%ld", d->config->port);
    return start(d, &d->server, argv);
}

static int start_clients(struct demo *d, char *port)
{
    char *pause = d->config->fast ? "30" : "1000";
    char *argv[] = { "tcplens-echo", "client",  "--verbose", "--host",     d->host, "--port", port,  "--message",
                     "hello",        "--count", "3",         "--interval", pause,   "--hold", pause, NULL };

    int r = 0;

    for (long i = 0; i < d->config->clients && r == 0; i++)
        r = start(d, &d->clients[i], argv);
    return r;
}

/* One step of a child: passed on, and acted upon. */
static int handle_line(struct demo *d, char *line)
{
    if (strncmp(line, SERVER_LINE_LISTENING, strlen(SERVER_LINE_LISTENING)) == 0) {
        if (!d->told)
            printf("server: %s\n", line);
        return start_clients(d, strrchr(line, ':') + 1); /* ADDR:PORT */
    }
    if (!d->told)
        printf("%s\n", line);
    if (strncmp(line, SERVER_LINE_CLOSE, strlen(SERVER_LINE_CLOSE)) == 0)
        d->closed++;
    return 0;
}

/* Reads what has been reported so far. Returns 0 or -errno. */
static int read_report(struct demo *d)
{
    for (;;) {
        ssize_t n = read(d->report_in, d->line + d->length, sizeof d->line - 1 - d->length);
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return failed("read a report", errno);

        d->length += (size_t)n;
        d->line[d->length] = '\0';
        char *line = d->line, *end;
        while ((end = strchr(line, '\n')) || d->length == sizeof d->line - 1) {
            size_t used = end ? (size_t)(end - line) + 1 : d->length;

            if (end)
                *end = '\0';
            int r = handle_line(d, line);
            if (r < 0)
                return r;
            line += used;
            d->length -= used;
        }
        memmove(d->line, line, d->length);
    }
}

/* Waits for those that have ended. Returns -1 if one has failed: it may never have been connected. */
static int reap_clients(struct demo *d, const struct pollfd *ended)
{
    for (long i = 0; i < d->config->clients; i++) {
        if (!ended[i].revents)
            continue;
        program_wait(&d->clients[i]);
        if (d->clients[i].status != STATUS_DONE)
            return -1;
    }
    return 0;
}

static bool all_done(const struct demo *d)
{
    for (long i = 0; i < d->config->clients; i++)
        if (d->clients[i].status != STATUS_DONE)
            return false;
    return d->closed == d->config->clients;
}

/* Returns 0 when the server has ended, or -errno. */
static int run(struct demo *d)
{
    enum { REPORT, SERVER, CLIENTS };
    int r = start_server(d);
    bool stopping = false;

    while (r == 0 && d->server.pid > 0) {
        struct pollfd at[CLIENTS + CLIENTS_MAX] = {
            [REPORT] = { .fd = d->report_in, .events = POLLIN },
            [SERVER] = { .fd = d->server.end_fd, .events = POLLIN },
        };
        for (long i = 0; i < d->config->clients; i++)
            at[CLIENTS + i] = (struct pollfd){ .fd = d->clients[i].end_fd, .events = POLLIN };
        int n = poll(at, CLIENTS + (nfds_t)d->config->clients, STALL_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("wait for a report", errno);
        if (n == 0)
            return failed("go on, no step for 15 s (is the loopback interface up?)", ETIMEDOUT);

        /* First the report: who has ended has written its last line before. */
        r = read_report(d);
        if (at[SERVER].revents)
            program_wait(&d->server);
        if (reap_clients(d, at + CLIENTS) < 0)
            return 0;
        if (all_done(d) && !stopping && d->server.pid > 0) {
            stopping = true;
            kill(d->server.pid, SIGTERM);
        }
    }
    return r;
}

int demo_main(int argc, char **argv)
{
    struct demo_config config;
    int ends[2];

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    /* Only our end must not block; it is an open file of its own, so this does not touch theirs. */
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        failed("create a pipe", errno);
        return STATUS_FAILED;
    }
    struct demo d = {
        .config = &config,
        .told = getenv("TCPLENS_TIMELINE"),
        .host = config.ipv6 ? "::1" : "127.0.0.1",
        .report_in = ends[0],
        .report_out = ends[1],
        .server = PROGRAM_NONE,
    };
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        d.clients[i] = (struct program)PROGRAM_NONE;

    int r = run(&d);
    bool good = r == 0 && all_done(&d) && d.server.status == STATUS_DONE;
    /* Only after a failure does one of them still run, and it may no longer heed SIGTERM. */
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        program_kill(&d.clients[i]);
    program_kill(&d.server);
    close(ends[0]);
    close(ends[1]);
    return good ? STATUS_DONE : d.server.status == STATUS_USAGE ? STATUS_USAGE : STATUS_FAILED;
}
