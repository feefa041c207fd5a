#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FAULTY_READ = 4096, /* bytes that --fault edge-read-once reads for a report */
    PAGE_SIZE = 4096,   /* the kernel copies fastest to and from whole cache lines */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- all of them ---------------------------------------------------------------------------- */

int clients_init(struct clients *clients, const struct server_config *config)
{
    *clients = (struct clients){ .config = config, .accepting = true };
    TAILQ_INIT(&clients->open);
    TAILQ_INIT(&clients->closing);
    clients->input = aligned_alloc(PAGE_SIZE, CONNECTION_BUFFER_SIZE);
    clients->output = aligned_alloc(PAGE_SIZE, CONNECTION_BUFFER_SIZE);
    return clients->input && clients->output ? 0 : server_failed(ENOMEM, "start");
}

static void close_all(struct clients *clients, struct connection_list *list)
{
    struct connection *c, *next;

    for (c = TAILQ_FIRST(list); c; c = next) {
        next = TAILQ_NEXT(c, link);
        connection_close(clients, c, "the server ends");
    }
}

void clients_free(struct clients *clients)
{
    close_all(clients, &clients->open);
    close_all(clients, &clients->closing);
    free(clients->input);
    free(clients->output);
}

void clients_pause_accepting(struct clients *clients, const char *reason)
{
    server_shortage(reason, clients->count);
    clients->accepting = false;
    clients->accept_again_ms = now_ms() + SERVER_RETRY_MS;
}

/* Nothing is read from it, and nothing written to it, before it is closed. */
static void leave_alone(struct clients *clients, struct connection *c, int64_t close_at_ms)
{
    TAILQ_REMOVE(&clients->open, c, link);
    TAILQ_INSERT_TAIL(&clients->closing, c, link);
    c->phase = CLOSING;
    c->close_at_ms = close_at_ms;
}

int clients_accept(struct clients *clients, int listener, struct connection **ret)
{
    if (clients->count >= clients->config->max_connections) {
        clients_pause_accepting(clients, "--max-connections reached");
        return -EAGAIN;
    }

    char peer[SOCKET_TEXT_MAX];
    int fd = server_accept(clients->config, listener, SOCK_NONBLOCK, peer);
    if (fd == -EMFILE) {
        clients_pause_accepting(clients, strerror(errno));
        return -EAGAIN;
    }
    if (fd < 0)
        return fd;

    struct connection *c = calloc(1, sizeof *c);
    if (!c) {
        close(fd);
        clients_pause_accepting(clients, strerror(ENOMEM));
        return -EAGAIN;
    }
    c->fd = fd;
    memcpy(c->peer, peer, sizeof c->peer);
    TAILQ_INSERT_TAIL(&clients->open, c, link);
    clients->count++;
    if (clients->config->timeout_ms > 0)
        c->active_ms = now_ms();
    if (clients->config->fault == FAULT_NEVER_READ)
        leave_alone(clients, c, INT64_MAX);
    *ret = c;
    return 0;
}

int clients_run_timers(struct clients *clients)
{
    struct connection *c;
    long timeout = clients->config->timeout_ms;
    int64_t next_ms = INT64_MAX;

    if (clients->accepting && TAILQ_EMPTY(&clients->closing) && timeout == 0)
        return -1;

    int64_t now = now_ms();
    while ((c = TAILQ_FIRST(&clients->closing)) && c->close_at_ms <= now)
        connection_close(clients, c, NULL);
    if (c)
        next_ms = c->close_at_ms;
    while (timeout > 0 && (c = TAILQ_FIRST(&clients->open)) && c->active_ms + timeout <= now)
        connection_close(clients, c, "--timeout");
    if (timeout > 0 && c && c->active_ms + timeout < next_ms)
        next_ms = c->active_ms + timeout;
    if (!clients->accepting && clients->accept_again_ms <= now)
        clients->accepting = true;
    if (!clients->accepting && clients->accept_again_ms < next_ms)
        next_ms = clients->accept_again_ms;
    return next_ms == INT64_MAX ? -1 : (int)(next_ms - now);
}

/* --- one of them ---------------------------------------------------------------------------- */

enum outcome connection_close(struct clients *clients, struct connection *c, const char *reason)
{
    server_step_close(clients->config, c->peer, c->echoed, reason);
    TAILQ_REMOVE(c->phase == CLOSING ? &clients->closing : &clients->open, c, link);
    close(c->fd); /* epoll: also takes it out of the set, as no other descriptor refers to it */
    free(c->rest);
    free(c);
    clients->count--;
    clients->accepting = true;
    return GONE;
}

static enum outcome end_of_file(struct clients *clients, struct connection *c)
{
    long delay = clients->config->close_delay_ms;

    server_step(clients->config, "read() returned end of file from %s: now in CLOSE-WAIT", c->peer);
    if (clients->config->fault == FAULT_NEVER_CLOSE) {
        leave_alone(clients, c, INT64_MAX);
        return WAIT;
    }
    if (delay == 0)
        return connection_close(clients, c, NULL);
    server_quick_ack(c->fd);
    leave_alone(clients, c, now_ms() + delay);
    return WAIT;
}

/* Returns how many bytes the kernel took, or -errno. */
static ssize_t write_some(struct clients *clients, struct connection *c, const char *bytes, size_t length)
{
    server_step(clients->config, "write() of %zu bytes to %s", length, c->peer);
    ssize_t n = write(c->fd, bytes, length);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    c->echoed += (uint64_t)n;
    /* A short write is no error: the kernel took what its send buffer had room for. */
    if ((size_t)n < length)
        server_step(clients->config, "write() took only %zd bytes, %zu are left", n, length - (size_t)n);
    return n;
}

static enum outcome write_answer(struct clients *clients, struct connection *c, const char *answer, size_t length)
{
    ssize_t n = write_some(clients, c, answer, length);
    if (n < 0)
        return connection_close(clients, c, strerror((int)-n));
    if ((size_t)n == length)
        return MORE;

    c->rest_start = 0;
    c->rest_end = length - (size_t)n;
    c->rest = malloc(c->rest_end);
    if (!c->rest)
        return connection_close(clients, c, strerror(ENOMEM));
    memcpy(c->rest, answer + n, c->rest_end);
    c->phase = WRITING;
    return MORE;
}

/* How much a read() may bring, so that its answer fits the buffer. */
static size_t read_max(const struct clients *clients)
{
    switch (clients->config->fault) {
    case FAULT_UNREAD_CLOSE: return 1;
    case FAULT_EDGE_READ_ONCE: return FAULTY_READ;
    default: return answer_input_max(clients->config->greeting, CONNECTION_BUFFER_SIZE);
    }
}

static enum outcome step_read(struct clients *clients, struct connection *c)
{
    ssize_t n = read(c->fd, clients->input, read_max(clients));
    if (n == 0)
        return end_of_file(clients, c);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return errno == EAGAIN ? WAIT : MORE;
    if (n < 0)
        return connection_close(clients, c, strerror(errno));

    size_t length;
    const char *answer =
        answer_make(&c->answer, clients->config->greeting, clients->input, (size_t)n, clients->output, &length);
    server_step(clients->config, "read() returned %zd bytes from %s", n, c->peer);
    enum outcome outcome = write_answer(clients, c, answer, length);
    if (outcome != GONE && clients->config->fault == FAULT_UNREAD_CLOSE)
        return connection_close(clients, c, "whatever is unread");
    return outcome;
}

static enum outcome step_write(struct clients *clients, struct connection *c)
{
    ssize_t n = write_some(clients, c, c->rest + c->rest_start, c->rest_end - c->rest_start);
    if (n <= 0)
        return n == 0 ? WAIT : connection_close(clients, c, strerror((int)-n));

    c->rest_start += (size_t)n;
    if (c->rest_start == c->rest_end) {
        free(c->rest);
        c->rest = NULL;
        c->phase = READING;
    }
    return MORE;
}

enum outcome connection_work(struct clients *clients, struct connection *c, int steps)
{
    enum outcome outcome = MORE;

    while (outcome == MORE && steps-- > 0) {
        if (c->phase == CLOSING)
            return WAIT;
        outcome = c->phase == READING ? step_read(clients, c) : step_write(clients, c);
    }
    if (outcome != GONE && c->phase != CLOSING && clients->config->timeout_ms > 0) {
        c->active_ms = now_ms();
        TAILQ_REMOVE(&clients->open, c, link);
        TAILQ_INSERT_TAIL(&clients->open, c, link);
    }
    return outcome;
}

void connection_fin_arrived(struct clients *clients, struct connection *c, const char *event)
{
    if (!c->fin_seen)
        server_step(clients->config, "%s: the FIN of %s has arrived", event, c->peer);
    c->fin_seen = true;
}

void connection_lost(struct clients *clients, struct connection *c)
{
    int error = 0;
    socklen_t length = sizeof error;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    connection_close(clients, c, error != 0 ? strerror(error) : "connection lost");
}
