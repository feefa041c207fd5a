/*
 * server_epoll.c - the reference server: one process, one thread, all sockets non-blocking, and
 * epoll(7) to learn which of them is ready. What is done with a ready one: connection.h.
 *
 * The kernel keeps the list of sockets that are watched, and hands over only those that are ready:
 * a thousand idle connections cost nothing.
 *
 * Level-triggered (default): epoll reports a socket as long as it is ready. One turn of work for
 * each report is enough, but what we do not want now must not be asked for, or epoll_wait()
 * returns at once, for ever.
 *
 * Edge-triggered (--edge): epoll reports that a socket has become ready, once. Everything is asked
 * for once and for all, but each report must be worked off until EAGAIN; what is left over then is
 * never reported again.
 *
 * The listening socket is level-triggered in both modes.
 *
 * Who sleeps must be woken by its peer, which costs that more than a system call: so a new client is read
 * at once, whose request has mostly come by then, and a turn is saved. Edge-triggered it waits for its report.
 */
#include "connection.h"
#include "server_models.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    EVENTS_MAX = 256, /* reports taken from the kernel at once */
    LEVEL_STEPS = 1,  /* the kernel reports what remains */
    EDGE_STEPS = 4,   /* until EAGAIN, but one busy client must not starve the others */
};

struct server {
    struct clients clients;
    int listener, signals, epoll;
    bool edge, listener_watched;
    int steps;
};

static int watch(struct server *s, int operation, int fd, uint32_t events, void *about)
{
    struct epoll_event event = { .events = events, .data.ptr = about };

    return epoll_ctl(s->epoll, operation, fd, &event) == 0 ? 0 : -errno;
}

/* While there is no room for one more client, the listener stays ready: it must not be watched. */
static void watch_listener(struct server *s)
{
    if (s->listener_watched == s->clients.accepting)
        return;
    s->listener_watched = s->clients.accepting;
    /* EPOLL_CTL_MOD cannot fail for want of memory or descriptors: nothing is allocated. */
    watch(s, EPOLL_CTL_MOD, s->listener, s->listener_watched ? EPOLLIN : 0, &s->listener);
}

static uint32_t wanted_events(const struct server *s, const struct connection *c)
{
    if (s->edge)
        return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    switch (c->phase) {
    case READING: return EPOLLIN | EPOLLRDHUP;
    case WRITING: return EPOLLOUT;
    case CLOSING: break; /* EPOLLERR and EPOLLHUP are reported even unasked */
    }
    return 0;
}

static void serve_client(struct server *s, struct connection *c, uint32_t events)
{
    if (events & (EPOLLERR | EPOLLHUP)) {
        connection_lost(&s->clients, c);
        return;
    }
    if (events & EPOLLRDHUP)
        connection_fin_arrived(&s->clients, c, "EPOLLRDHUP");

    enum outcome outcome = connection_work(&s->clients, c, s->steps);
    if (outcome == GONE)
        return;

    /*
     * Level-triggered: ask for what the phase needs. Edge-triggered: if we stopped before EAGAIN,
     * asking again makes the kernel look at the socket anew and report it behind the others.
     */
    uint32_t wanted = wanted_events(s, c);
    bool left_over = s->edge && outcome == MORE && s->clients.config->fault != FAULT_EDGE_READ_ONCE;
    if (wanted != c->watched || left_over)
        watch(s, EPOLL_CTL_MOD, c->fd, wanted, c);
    c->watched = wanted;
}

/* Empties the accept queue of complete connections. Returns 0, or -errno if it cannot go on. */
static int accept_all(struct server *s)
{
    struct connection *c;
    int r;

    while ((r = clients_accept(&s->clients, s->listener, &c)) == 0) {
        c->watched = wanted_events(s, c);
        r = watch(s, EPOLL_CTL_ADD, c->fd, c->watched, c);
        if (r < 0) {
            connection_close(&s->clients, c, strerror(-r));
            clients_pause_accepting(&s->clients, strerror(-r));
        } else if (!s->edge) {
            serve_client(s, c, 0); /* its request is mostly there */
        }
    }
    return r == -EAGAIN ? 0 : r;
}

static int serve(struct server *s)
{
    struct epoll_event events[EVENTS_MAX];

    for (;;) {
        int timeout = clients_run_timers(&s->clients);

        watch_listener(s);
        int n = epoll_wait(s->epoll, events, EVENTS_MAX, timeout);
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
                serve_client(s, about, events[i].events);
            if (r < 0)
                return r;
        }
    }
}

static int set_up(struct server *s, const struct server_config *config)
{
    int r = clients_init(&s->clients, config);
    if (r < 0)
        return r;
    /* Signals first: whoever reads "listening on" may send one at once. */
    r = server_open_signals(&s->signals);
    if (r < 0)
        return server_failed(-r, "open a signalfd");
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll < 0)
        return server_failed(errno, "create an epoll instance");
    r = server_listen(config, &s->listener);
    if (r < 0)
        return r;

    r = socket_set_nonblocking(s->listener);
    if (r == 0)
        r = watch(s, EPOLL_CTL_ADD, s->listener, EPOLLIN, &s->listener);
    if (r == 0)
        r = watch(s, EPOLL_CTL_ADD, s->signals, EPOLLIN, &s->signals);
    s->listener_watched = true;
    return r < 0 ? server_failed(-r, "watch the listening socket") : 0;
}

static void tear_down(struct server *s)
{
    if (s->listener >= 0)
        close(s->listener); /* first, so that nobody connects to a server that is leaving */
    clients_free(&s->clients);
    if (s->epoll >= 0)
        close(s->epoll);
    if (s->signals >= 0)
        close(s->signals);
}

int server_epoll_run(const struct server_config *config)
{
    bool read_once = config->fault == FAULT_EDGE_READ_ONCE;
    struct server s = {
        .listener = -1,
        .signals = -1,
        .epoll = -1,
        .edge = config->edge || read_once,
        .steps = read_once      ? 1
                 : config->edge ? EDGE_STEPS
                                : LEVEL_STEPS,
    };

    int r = set_up(&s, config);
    if (r == 0)
        r = serve(&s);
    tear_down(&s);
    return r;
}
