/*
 * server_poll.c - one process, one thread, all sockets non-blocking, and poll(2) to learn which of
 * them is ready. What is done with a ready one: connection.h.
 *
 * Each turn hands the kernel a table of all sockets. It looks at every one of them, and so do we
 * when it returns: the cost of a turn grows with the number of connections, ready or not. There is
 * no limit to it but memory.
 */
#include "connection.h"
#include "server_models.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* The first rows of the table; the connections follow. */
enum { ROW_SIGNALS, ROW_LISTENER, ROW_CLIENTS };

struct server {
    struct clients clients;
    int listener, signals;
    struct pollfd *rows;
    struct connection **who; /* of each row */
};

static short wanted_events(const struct connection *c)
{
    return (short)(c->phase == READING ? POLLIN | POLLRDHUP : c->phase == WRITING ? POLLOUT : 0);
}

/* Returns the number of rows. */
static nfds_t fill_table(struct server *s)
{
    struct connection *c;
    nfds_t n = ROW_CLIENTS;

    s->rows[ROW_SIGNALS] = (struct pollfd){ .fd = s->signals, .events = POLLIN };
    /* While there is no room for one more client, the listener stays ready: it must not be watched. */
    s->rows[ROW_LISTENER] = (struct pollfd){ .fd = s->clients.accepting ? s->listener : -1, .events = POLLIN };
    TAILQ_FOREACH (c, &s->clients.open, link) {
        s->rows[n] = (struct pollfd){ .fd = c->fd, .events = wanted_events(c) };
        s->who[n++] = c;
    }
    /* Of these only the end is of interest: POLLERR and POLLHUP are reported even unasked. */
    TAILQ_FOREACH (c, &s->clients.closing, link) {
        s->rows[n] = (struct pollfd){ .fd = c->fd };
        s->who[n++] = c;
    }
    return n;
}

/* Empties the accept queue of complete connections. Returns 0, or -errno if it cannot go on. */
static int accept_all(struct server *s)
{
    struct connection *c;
    int r;

    while ((r = clients_accept(&s->clients, s->listener, &c)) == 0)
        ;
    return r == -EAGAIN ? 0 : r;
}

static void serve_client(struct server *s, struct connection *c, int events)
{
    if (events & (POLLERR | POLLHUP | POLLNVAL)) {
        connection_lost(&s->clients, c);
        return;
    }
    if (events & POLLRDHUP)
        connection_fin_arrived(&s->clients, c, "POLLRDHUP");
    connection_work(&s->clients, c, 1);
}

static int serve(struct server *s)
{
    int r = 0;

    while (r == 0) {
        int timeout = clients_run_timers(&s->clients);
        nfds_t n = fill_table(s);

        int ready = poll(s->rows, n, timeout);
        if (ready < 0 && errno != EINTR)
            return server_failed(errno, "wait for events");
        if (ready <= 0)
            continue;
        if (s->rows[ROW_SIGNALS].revents)
            return 0;
        for (nfds_t i = ROW_CLIENTS; i < n; i++)
            if (s->rows[i].revents)
                serve_client(s, s->who[i], s->rows[i].revents);
        if (s->rows[ROW_LISTENER].revents)
            r = accept_all(s);
    }
    return r;
}

static int set_up(struct server *s, const struct server_config *config)
{
    size_t rows = ROW_CLIENTS + (size_t)config->max_connections;

    int r = clients_init(&s->clients, config);
    if (r < 0)
        return r;
    s->rows = calloc(rows, sizeof *s->rows);
    s->who = calloc(rows, sizeof *s->who);
    if (!s->rows || !s->who)
        return server_failed(ENOMEM, "start");
    /* Signals first: whoever reads "listening on" may send one at once. */
    r = server_open_signals(&s->signals);
    if (r < 0)
        return server_failed(-r, "open a signalfd");
    r = server_listen(config, &s->listener);
    if (r < 0)
        return r;
    r = socket_set_nonblocking(s->listener);
    return r < 0 ? server_failed(-r, "watch the listening socket") : 0;
}

static void tear_down(struct server *s)
{
    if (s->listener >= 0)
        close(s->listener); /* first, so that nobody connects to a server that is leaving */
    clients_free(&s->clients);
    if (s->signals >= 0)
        close(s->signals);
    free(s->rows);
    free(s->who);
}

int server_poll_run(const struct server_config *config)
{
    struct server s = { .listener = -1, .signals = -1 };

    int r = set_up(&s, config);
    if (r == 0)
        r = serve(&s);
    tear_down(&s);
    return r;
}
