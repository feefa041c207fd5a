/*
 * compare_measure.c - one server, more and more idle clients, and one that asks.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare_measure.h"

#include "client_common.h"
#include "compare_calls.h"
#include "complain.h"
#include "program.h"
#include "server_common.h"
#include "socket.h"

enum { LINE_MAX_BYTES = 128, START_MS = 10000 };

/* A server under measurement, and its clients. */
struct subject {
    struct program server;
    struct sockaddr_in address;
    int active;
    int idle[COMPARE_IDLE_MAX];
    int idle_count;
    bool waits; /* an idle client was not answered: who comes later will not be either */
};

/* --- the server ----------------------------------------------------------------------------- */

/* Reads "listening on 127.0.0.1:PORT". */
static int read_port(int fd, in_port_t *ret_port)
{
    char line[LINE_MAX_BYTES];
    size_t length = 0;
    struct pollfd at = { .fd = fd, .events = POLLIN };
    int64_t deadline = client_now_ms() + START_MS;

    while (length < sizeof line - 1) {
        if (client_wait(&at, 1, deadline) <= 0)
            return -ETIMEDOUT;
        ssize_t n = read(fd, line + length, 1);
        if (n <= 0)
            return n < 0 ? -errno : -EPIPE;
        if (line[length++] == '\n')
            break;
    }
    line[length] = '\0';
    const char *port = strrchr(line, ':');
    if (strncmp(line, SERVER_LINE_LISTENING, strlen(SERVER_LINE_LISTENING)) != 0 || !port)
        return -EPROTO;
    *ret_port = htons((uint16_t)atoi(port + 1));
    return 0;
}

static int start_server(struct subject *s, const char *model)
{
    char *argv[] = { "tcplens-echo", "server", "--model",           (char *)model, "--port", "0",
                     "--backlog",    "4096",   "--max-connections", "10010",       NULL };
    int ends[2];

    static_assert(COMPARE_IDLE_MAX < 10010, "all are to be served");
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -errno;
    int r = program_start(&s->server, argv, ends[1]);
    close(ends[1]);
    if (r == 0)
        r = read_port(ends[0], &s->address.sin_port);
    close(ends[0]);
    s->address.sin_family = AF_INET;
    s->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return r;
}

/* --- clients -------------------------------------------------------------------------------- */

static int call_server(const struct subject *s)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;

    socket_set_timeout(fd, COMPARE_ANSWER_MS);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&s->address, sizeof s->address) == 0)
        return fd;
    int error = errno == EINPROGRESS ? EAGAIN : errno;
    close(fd);
    return -error;
}

/* Idle, but for one request by which we know that it was accepted. */
static int add_idle(struct subject *s, const struct compare_plan *plan, int wanted)
{
    while (s->idle_count < wanted && !s->waits) {
        int fd = call_server(s);
        int r = fd < 0 ? fd : compare_ask(plan, fd, 1, NULL);
        if (fd >= 0)
            s->idle[s->idle_count++] = fd;
        s->waits = r == -EAGAIN;
        if (r < 0 && r != -EAGAIN)
            return r;
    }
    return 0;
}

/* --- figures -------------------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The value behind the name in a file of "NAME: VALUE" lines; 0: there is none. */
static long field_of(const char *path, const char *name)
{
    char line[256];
    long value = 0;
    FILE *file = fopen(path, "re");

    while (file && value == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = atol(line + strlen(name));
    if (file)
        fclose(file);
    return value;
}

static void add_process(long pid, struct compare_step *step)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/smaps_rollup", pid);
    long pss = field_of(path, "Pss:");
    snprintf(path, sizeof path, "/proc/%ld/status", pid);
    step->pss_kb = pss > 0 && step->pss_kb >= 0 ? step->pss_kb + pss : -1;
    step->threads += field_of(path, "Threads:");
    step->processes++;
}

static void look_at_processes(pid_t server, struct compare_step *step)
{
    char path[64];
    long pid;

    add_process(server, step);
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", server, server);
    FILE *file = fopen(path, "re");
    while (file && fscanf(file, "%ld", &pid) == 1)
        add_process(pid, step);
    if (file)
        fclose(file);
}

static int measure_step(struct subject *s, const struct compare_plan *plan, int wanted, struct compare_step *step)
{
    int r = add_idle(s, plan, wanted);
    if (r < 0)
        return r == -ETIME ? 0 : r;

    double *times = calloc((size_t)plan->requests, sizeof *times);
    if (!times)
        return -ENOMEM;
    s->active = s->waits ? -EAGAIN : call_server(s);
    r = s->active < 0 ? s->active : compare_ask(plan, s->active, plan->requests, times);
    if (r == 0) {
        qsort(times, (size_t)plan->requests, sizeof *times, compare_doubles);
        step->median_us = times[plan->requests / 2];
        step->p90_us = times[plan->requests * 9 / 10];
    }
    look_at_processes(s->server.pid, step);
    free(times);
    if (s->active >= 0)
        close(s->active);
    step->measured = r == 0 || r == -EAGAIN;
    step->answered = r == 0;
    return step->measured || r == -ETIME ? 0 : r;
}

static void end(struct subject *s)
{
    for (int i = 0; i < s->idle_count; i++)
        close(s->idle[i]);
    s->idle_count = 0;
    if (s->server.pid > 0)
        kill(s->server.pid, SIGTERM);
    program_wait(&s->server);
}

/* With a server of its own, as it does not survive. */
static int count_calls(const struct compare_plan *plan, struct compare_model *model)
{
    struct subject s = { .server = PROGRAM_NONE };

    int r = start_server(&s, model->name);
    int fd = r < 0 ? r : call_server(&s);
    if (fd >= 0)
        r = compare_ask(plan, fd, 1, NULL);
    if (fd >= 0 && r == 0)
        r = compare_calls(plan, s.server.pid, fd, model);
    if (fd >= 0)
        close(fd);
    program_kill(&s.server);
    return fd < 0 ? fd : r;
}

int compare_measure(const struct compare_plan *plan, struct compare_model *model)
{
    struct subject *s = calloc(1, sizeof *s);
    if (!s)
        return compare_failed(ENOMEM, "measure");

    s->server = (struct program)PROGRAM_NONE;
    int r = start_server(s, model->name);
    for (int i = 0; i < plan->steps && r == 0 && client_now_ms() < plan->deadline_ms; i++)
        r = measure_step(s, plan, plan->idle[i], &model->step[i]);
    end(s);
    free(s);
    if (r < 0)
        return compare_failed(-r, "measure");

    model->calls = -1;
    if (client_now_ms() < plan->deadline_ms)
        r = count_calls(plan, model);
    if (r < 0 && r != -ETIME)
        complain("compare", "system calls of %s are not counted: %s", model->name, strerror(-r));
    return 0;
}
