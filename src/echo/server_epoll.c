/*
 * server_epoll.c - the reference server: one process, one thread, all sockets non-blocking, and
 * epoll(7) to learn which of them is ready.
 *
 * Theory of operation
 *
 * A connection is in one of three phases:
 *
 *   READING   its buffer is empty; we wait for bytes            EPOLLIN | EPOLLRDHUP
 *   WRITING   its buffer holds an answer not yet sent           EPOLLOUT
 *   CLOSING   end of file was read; waiting out --close-delay   nothing
 *
 *      READING --bytes read--> WRITING --all of it sent--> READING --end of file--> CLOSING
 *
 * It never reads and writes at once. That is the whole of flow control: while a client takes no
 * answer we read nothing from it, our receive buffer in the kernel fills, the window we advertise
 * shrinks to zero, and the client's own send() stalls. Memory is bounded by
 * max_connections * BUFFER_SIZE, whatever a client does.
 *
 * It also makes end of file simple. read() returns 0 when the peer's FIN has arrived and every
 * byte before it was read. As we read only with an empty buffer, all of it is answered by then,
 * so a client that has shut down its sending half still gets its whole echo.
 *
 * Level-triggered (default): epoll reports a socket as long as it is ready. One turn of work for
 * each report is enough, but what we do not want now must not be asked for, or epoll_wait()
 * returns at once, forever: a peer that has closed is "readable" for ever, an idle socket is
 * "writable" for ever.
 *
 * Edge-triggered (--edge): epoll reports that a socket has become ready, once. Everything is asked
 * for once and for all, but each report must be worked off until EAGAIN; what is left over then is
 * never reported again.
 *
 * Invariants: an event of connection C frees at most C, so that the other pointers in one batch of
 * events stay valid. The listening socket is level-triggered in both modes.
 */
#include "answer.h"
#include "server_models.h"
#include "socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BUFFER_SIZE = 16 * 1024, /* bytes of answer a connection may hold */
    EVENTS_MAX = 64,         /* reports taken from the kernel at once */
    LEVEL_STEPS = 2,         /* one read(), one write(); the kernel reports what remains */
    EDGE_STEPS = 64,         /* until EAGAIN, but one busy client must not starve the others */
    ACCEPT_RETRY_MS = 1000,
};

enum phase { READING, WRITING, CLOSING };

struct connection {
    TAILQ_ENTRY(connection) link; /* in server.open, or in server.closing once CLOSING */
    int fd;
    enum phase phase;
    bool fin_seen;
    uint32_t watched; /* what epoll is asked for now */
    int64_t close_at_ms;
    uint64_t echoed; /* bytes */
    struct answer_state answer;
    size_t start, end; /* what of the buffer is still to send; start < end if WRITING */
    char peer[SOCKET_TEXT_MAX];
    char buffer[BUFFER_SIZE];
};
TAILQ_HEAD(connection_list, connection);

struct server {
    const struct server_config *config;
    int listener, signals, epoll;
    long connections;
    bool accepting;         /* the listener is watched */
    bool shortage_reported; /* said once, not for every client */
    int64_t accept_again_ms;
    struct connection_list open;
    struct connection_list closing; /* the delay is the same for all, so in order of close_at_ms */
    char input[BUFFER_SIZE];        /* what one read() brought; used within one step only */
};

/* What one read() or write() led to. */
enum outcome {
    MORE, /* it did something; the next step may, too */
    WAIT, /* EAGAIN, or CLOSING: nothing to do until epoll or the clock reports */
    GONE, /* the connection was closed and freed */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int watch(struct server *s, int operation, int fd, uint32_t events, void *about)
{
    struct epoll_event event = { .events = events, .data.ptr = about };

    return epoll_ctl(s->epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

/* --- accepting ------------------------------------------------------------------------------ */

static void set_accepting(struct server *s, bool accepting)
{
    /* EPOLL_CTL_MOD cannot fail for want of memory or descriptors: nothing is allocated. */
    if (s->accepting != accepting)
        watch(s, EPOLL_CTL_MOD, s->listener, accepting ? EPOLLIN : 0, &s->listener);
    s->accepting = accepting;
}

/*
 * There is no room for one more client. It stays in the accept queue, and the listener stays
 * ready: watching it further would be a busy loop. A close() or a second's time brings us back.
 */
static void pause_accepting(struct server *s, const char *reason)
{
    if (!s->shortage_reported)
        fprintf(stderr, "tcplens-echo server: %s with %ld connections; further clients wait\n", reason, s->connections);
    s->shortage_reported = true;
    set_accepting(s, false);
    s->accept_again_ms = now_ms() + ACCEPT_RETRY_MS;
}

static uint32_t wanted_events(const struct server *s, const struct connection *c)
{
    if (s->config->edge)
        return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    switch (c->phase) {
    case READING: return EPOLLIN | EPOLLRDHUP;
    case WRITING: return EPOLLOUT;
    case CLOSING: break; /* EPOLLERR and EPOLLHUP are reported even unasked */
    }
    return 0;
}

static int connection_open(struct server *s, int fd, const char *peer)
{
    struct connection *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;

    /* The buffer is left as it is: its pages cost nothing until bytes are put there. */
    memset(c, 0, offsetof(struct connection, peer));
    c->fd = fd;
    memcpy(c->peer, peer, sizeof c->peer);
    c->watched = wanted_events(s, c);
    int r = watch(s, EPOLL_CTL_ADD, fd, c->watched, c);
    if (r < 0) {
        free(c);
        return r;
    }
    TAILQ_INSERT_TAIL(&s->open, c, link);
    s->connections++;
    server_step(s->config, "accept() returned the connection of %s", peer);
    return 0;
}

/* Empties the accept queue of complete connections. Returns 0, or -errno if it cannot go on. */
static int accept_all(struct server *s)
{
    while (s->connections < s->config->max_connections) {
        struct sockaddr_storage address;
        socklen_t length = sizeof address;
        char peer[SOCKET_TEXT_MAX] = "";

        int fd = accept4(s->listener, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            switch (errno) {
            case EAGAIN: return 0;
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM: pause_accepting(s, strerror(errno)); return 0;
            case EBADF:
            case EINVAL:
            case ENOTSOCK:
            case EOPNOTSUPP:
            case EFAULT: return server_failed(errno, "accept"); /* not the client's fault but ours */
            default: continue; /* that client has failed already (ECONNABORTED, ...): the next one */
            }
        }
        socket_text((struct sockaddr *)&address, length, peer);
        int r = connection_open(s, fd, peer);
        if (r < 0) {
            close(fd);
            pause_accepting(s, strerror(-r));
            return 0;
        }
    }
    pause_accepting(s, "--max-connections reached");
    return 0;
}

/* --- one connection ------------------------------------------------------------------------- */

/* reason: NULL if the connection ended as it should. */
static enum outcome connection_close(struct server *s, struct connection *c, const char *reason)
{
    server_step(s->config, "close() %s, %llu bytes echoed%s%s", c->peer, (unsigned long long)c->echoed,
                reason ? ": " : "", reason ? reason : "");
    TAILQ_REMOVE(c->phase == CLOSING ? &s->closing : &s->open, c, link);
    close(c->fd); /* also takes it out of the epoll set: no other descriptor refers to it */
    free(c);
    s->connections--;
    set_accepting(s, true);
    return GONE;
}

static enum outcome end_of_file(struct server *s, struct connection *c)
{
    server_step(s->config, "read() returned end of file from %s: now in CLOSE-WAIT", c->peer);
    if (s->config->close_delay_ms == 0)
        return connection_close(s, c, NULL);

    /*
     * The kernel may hold the ACK of the FIN back, hoping to send it along with our own FIN.
     * Whoever asks for the delay wants to see the two apart, so the ACK is sent now.
     */
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);

    TAILQ_REMOVE(&s->open, c, link);
    TAILQ_INSERT_TAIL(&s->closing, c, link);
    c->phase = CLOSING;
    c->close_at_ms = now_ms() + s->config->close_delay_ms;
    return WAIT;
}

static enum outcome step_read(struct server *s, struct connection *c)
{
    const char *greeting = s->config->greeting;

    ssize_t n = read(c->fd, s->input, answer_input_max(greeting, sizeof c->buffer));
    if (n > 0) {
        c->start = 0;
        c->end = answer_make(&c->answer, greeting, s->input, (size_t)n, c->buffer);
        c->phase = WRITING;
        server_step(s->config, "read() returned %zd bytes from %s", n, c->peer);
        return MORE;
    }
    if (n == 0)
        return end_of_file(s, c);
    if (errno == EAGAIN || errno == EINTR)
        return errno == EAGAIN ? WAIT : MORE;
    return connection_close(s, c, strerror(errno));
}

static enum outcome step_write(struct server *s, struct connection *c)
{
    server_step(s->config, "write() of %zu bytes to %s", c->end - c->start, c->peer);
    ssize_t n = write(c->fd, c->buffer + c->start, c->end - c->start);
    if (n < 0) {
        if (errno == EAGAIN || errno == EINTR)
            return errno == EAGAIN ? WAIT : MORE;
        return connection_close(s, c, strerror(errno));
    }

    /* A short write is no error: the kernel took what its send buffer had room for. */
    c->start += (size_t)n;
    c->echoed += (uint64_t)n;
    if (c->start == c->end)
        c->phase = READING;
    else
        server_step(s->config, "write() took only %zd bytes, %zu are left", n, c->end - c->start);
    return MORE;
}

/* EPOLLERR, EPOLLHUP: the connection is over in both directions, nothing can be sent any more. */
static void connection_lost(struct server *s, struct connection *c)
{
    int error = 0;
    socklen_t length = sizeof error;

    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    connection_close(s, c, error != 0 ? strerror(error) : "connection lost");
}

static void connection_serve(struct server *s, struct connection *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        connection_lost(s, c);
        return;
    }
    /* It tells that a FIN has arrived; bytes sent before it may still wait to be read. */
    if ((events & EPOLLRDHUP) && !c->fin_seen) {
        c->fin_seen = true;
        server_step(s->config, "EPOLLRDHUP: the FIN of %s has arrived", c->peer);
    }

    if (c->phase == CLOSING)
        return;

    enum outcome outcome = MORE;
    int steps = s->config->edge ? EDGE_STEPS : LEVEL_STEPS;
    while (outcome == MORE && steps-- > 0)
        outcome = c->phase == READING ? step_read(s, c) : step_write(s, c);
    if (outcome == GONE)
        return;

    /*
     * Level-triggered: ask for what the phase needs. Edge-triggered: if we stopped before EAGAIN,
     * asking again makes the kernel look at the socket anew and report it behind the others.
     */
    uint32_t wanted = wanted_events(s, c);
    if (wanted != c->watched || (s->config->edge && outcome == MORE))
        watch(s, EPOLL_CTL_MOD, c->fd, wanted, c);
    c->watched = wanted;
}

/* --- the loop ------------------------------------------------------------------------------- */

/* Does what is due, and returns how long epoll_wait() may sleep; -1 is for ever. */
static int run_timers(struct server *s)
{
    struct connection *c, *next;
    int64_t next_ms = INT64_MAX;

    if (s->accepting && TAILQ_EMPTY(&s->closing))
        return -1;

    int64_t now = now_ms();
    for (c = TAILQ_FIRST(&s->closing); c && c->close_at_ms <= now; c = next) {
        next = TAILQ_NEXT(c, link);
        connection_close(s, c, NULL);
    }
    if (c)
        next_ms = c->close_at_ms;
    if (!s->accepting && s->accept_again_ms <= now)
        set_accepting(s, true);
    if (!s->accepting && s->accept_again_ms < next_ms)
        next_ms = s->accept_again_ms;
    return next_ms == INT64_MAX ? -1 : (int)(next_ms - now);
}

static int serve(struct server *s)
{
    struct epoll_event events[EVENTS_MAX];

    for (;;) {
        int n = epoll_wait(s->epoll, events, EVENTS_MAX, run_timers(s));
        if (n < 0 && errno != EINTR)
            return server_failed(errno, "wait for events");
        for (int i = 0; i < n; i++) {
            void *about = events[i].data.ptr;
            int r = 0;

            if (about == &s->signals)
                return 0;
            if (about == &s->listener)
                r = accept_all(s);
            else
                connection_serve(s, about, events[i].events);
            if (r < 0)
                return r;
        }
    }
}

/* SIGTERM and SIGINT as one more readable descriptor: no handler, no race. */
static int open_signals(int *ret_fd)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -errno;
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int set_up(struct server *s)
{
    /* Signals first: whoever reads "listening on" may send one at once. */
    int r = open_signals(&s->signals);
    if (r < 0)
        return server_failed(-r, "open a signalfd");
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return server_failed(errno, "create an epoll instance");
    r = server_listen(s->config, &s->listener);
    if (r < 0)
        return r;

    r = socket_set_nonblocking(s->listener);
    if (r == 0)
        r = watch(s, EPOLL_CTL_ADD, s->listener, EPOLLIN, &s->listener);
    if (r == 0)
        r = watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals);
    return r < 0 ? server_failed(-r, "watch the listening socket") : 0;
}

static void close_all(struct server *s, struct connection_list *list)
{
    struct connection *c, *next;

    for (c = TAILQ_FIRST(list); c; c = next) {
        next = TAILQ_NEXT(c, link);
        connection_close(s, c, "the server ends");
    }
}

static void tear_down(struct server *s)
{
    if (s->listener >= 0)
        close(s->listener); /* first, so that nobody connects to a server that is leaving */
    s->accepting = true;    /* nothing to take up again when a connection is closed */
    close_all(s, &s->open);
    close_all(s, &s->closing);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->signals >= 0)
        close(s->signals);
}

int server_epoll_run(const struct server_config *config)
{
    struct server s = {
        .config = config,
        .listener = -1,
        .signals = -1,
        .epoll = -1,
        .accepting = true,
        .open = TAILQ_HEAD_INITIALIZER(s.open),
        .closing = TAILQ_HEAD_INITIALIZER(s.closing),
    };

    int r = set_up(&s);
    if (r == 0)
        r = serve(&s);
    tear_down(&s);
    return r;
}
