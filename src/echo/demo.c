/*
 * demo.c - the command "demo": one server and one client, as two processes, and every step told.
 *
 * Both are this program, started anew, so that ps and a tracer see two programs with names and
 * arguments of their own. Both report into one pipe, a line for each step: as the kernel keeps the
 * order of writes, and each tells a step before the other can notice it, the lines stand in order
 * of cause and effect. They also tell us what to do next:
 *
 *   "listening on"           -> start the client
 *   client ended, and the
 *   server's "close()" line  -> SIGTERM to the server: the connection is over at both ends
 *   server ended             -> done
 */
#include "command.h"
#include "options.h"
#include "server_common.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LINE_BYTES_MAX = 512, /* of a report; a longer line is passed on in pieces */
    STALL_MS = 15000,     /* no step may take longer; the longest pause is 1500 ms */
};

struct demo_config {
    long port;
    bool fast, ipv6;
};

#define AT(name) offsetof(struct demo_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_FLAG("fast", AT(fast), "pauses of milliseconds instead of seconds"),
    OPTION_ROW_NUMBER("port", "P", AT(port), 0, 65535, ECHO_DEFAULT_PORT, "port to use; 0 lets the kernel choose"),
    OPTION_ROW_FLAG("ipv6", AT(ipv6), "use ::1 instead of 127.0.0.1"),
};

static const struct command_options options = {
    .command = "demo",
    .summary = "Show one connection from the first SYN to the last ACK.",
    .table = OPTION_TABLE(rows),
};

struct child {
    pid_t pid;  /* 0: not started, or waited for */
    int end_fd; /* a pidfd, readable when the process has ended; -1: none */
    int status; /* exit status, once waited for; -1: none, or killed */
};

struct demo {
    const struct demo_config *config;
    char *host;
    int report_in, report_out; /* both ends of the pipe */
    struct child server, client;
    bool closed; /* the server has reported its close() */
    size_t length;
    char line[LINE_BYTES_MAX];
};

static int failed(const char *action, int error)
{
    fprintf(stderr, "tcplens-echo demo: cannot %s: %s\n", action, strerror(error));
    return -error;
}

static _Noreturn void become(char *const argv[], int report, pid_t parent)
{
    /* Should the demo be killed, its children must not live on; it may be dead already. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(STATUS_FAILED);
    if (dup2(report, STDOUT_FILENO) >= 0)
        execv("/proc/self/exe", argv);
    failed("run /proc/self/exe", errno);
    _exit(STATUS_FAILED);
}

static int child_start(const struct demo *d, struct child *child, char *const argv[])
{
    pid_t parent = getpid();
    pid_t pid = fork();

    if (pid == 0)
        become(argv, d->report_out, parent);
    if (pid < 0)
        return failed("start a process", errno);
    child->pid = pid;
    child->end_fd = pidfd_open(pid, 0); /* closes on exec by itself */
    return child->end_fd < 0 ? failed("open a pidfd", errno) : 0;
}

static void child_wait(struct child *child)
{
    int status;

    if (child->end_fd >= 0)
        close(child->end_fd);
    child->end_fd = -1;
    if (child->pid == 0)
        return;
    while (waitpid(child->pid, &status, 0) < 0)
        if (errno != EINTR)
            return;
    child->pid = 0;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int start_server(struct demo *d)
{
    char port[8];
    char *delay = d->config->fast ? "50" : "1500";
    char *argv[] = { "tcplens-echo", "server", "--verbose",     "--bind", d->host,
                     "--port",       port,     "--close-delay", delay,    NULL };

    snprintf(port, sizeof port, "%ld", d->config->port);
    return child_start(d, &d->server, argv);
}

static int start_client(struct demo *d, char *port)
{
    char *pause = d->config->fast ? "30" : "1000";
    char *argv[] = { "tcplens-echo", "client",  "--verbose", "--host",     d->host, "--port", port,  "--message",
                     "hello",        "--count", "3",         "--interval", pause,   "--hold", pause, NULL };

    return child_start(d, &d->client, argv);
}

/* One step of a child: passed on, and acted upon. */
static int handle_line(struct demo *d, char *line)
{
    if (strncmp(line, SERVER_LINE_LISTENING, strlen(SERVER_LINE_LISTENING)) == 0) {
        printf("server: %s\n", line);
        return start_client(d, strrchr(line, ':') + 1); /* ADDR:PORT */
    }
    printf("%s\n", line);
    if (strncmp(line, SERVER_LINE_CLOSE, strlen(SERVER_LINE_CLOSE)) == 0)
        d->closed = true;
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

/* Returns 0 when the server has ended, or -errno. */
static int run(struct demo *d)
{
    int r = start_server(d);
    bool stopping = false;

    while (r == 0 && d->server.pid > 0) {
        struct pollfd at[] = {
            { .fd = d->report_in, .events = POLLIN },
            { .fd = d->server.end_fd, .events = POLLIN },
            { .fd = d->client.end_fd, .events = POLLIN },
        };
        int n = poll(at, sizeof at / sizeof *at, STALL_MS);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed("wait for a report", errno);
        if (n == 0)
            return failed("go on, no step for 15 s (is the loopback interface up?)", ETIMEDOUT);

        /* First the report: who has ended has written its last line before. */
        r = read_report(d);
        if (at[1].revents)
            child_wait(&d->server);
        if (at[2].revents) {
            child_wait(&d->client);
            /* A client that failed may never have been connected: there is no close() to await. */
            if (d->client.status != STATUS_DONE)
                return 0;
        }
        bool client_done = d->client.status == STATUS_DONE;
        if (client_done && d->closed && !stopping && d->server.pid > 0) {
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
        .host = config.ipv6 ? "::1" : "127.0.0.1",
        .report_in = ends[0],
        .report_out = ends[1],
        .server = { .end_fd = -1, .status = -1 },
        .client = { .end_fd = -1, .status = -1 },
    };

    int r = run(&d);
    /* Only after a failure does one of them still run, and it may no longer heed SIGTERM. */
    if (d.client.pid > 0)
        kill(d.client.pid, SIGKILL);
    if (d.server.pid > 0)
        kill(d.server.pid, SIGKILL);
    child_wait(&d.client);
    child_wait(&d.server);
    close(ends[0]);
    close(ends[1]);
    return r == 0 && d.closed && d.client.status == STATUS_DONE && d.server.status == STATUS_DONE ? STATUS_DONE
                                                                                                  : STATUS_FAILED;
}
