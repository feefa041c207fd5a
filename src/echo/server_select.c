/*
 * server_select.c - one process, one thread, all sockets non-blocking, and select(2) to learn which
 * of them is ready. What is done with a ready one: connection.h.
 *
 * The sets are bits, one for each descriptor. Each turn hands them to the kernel, which leaves only
 * the bits of the ready ones, so that they must be set anew for the next; and we try every
 * descriptor. The cost of a turn grows with the number of connections, ready or not.
 *
 * A set has FD_SETSIZE (1024) bits. FD_SET() of a higher descriptor would write into what lies
 * behind it, so that a connection with such a descriptor must be refused. And select() cannot tell
 * that a connection was reset without calling it readable: during --close-delay nobody looks.
 */
#include "complain.h"
#include "connection.h"
#include "server_models.h"

#include <errno.h>
#include <stdio.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

struct server {
    struct clients clients;
    int listener, signals;
    bool refused;                       /* said once, not for every client */
    fd_set reading, writing;            /* asked for, then what is ready */
    int highest;                        /* descriptor in either */
    struct connection *who[FD_SETSIZE]; /* by descriptor */
};

static void ask(struct server *s, int fd, fd_set *set)
{
    FD_SET(fd, set);
    if (fd > s->highest)
        s->highest = fd;
}

/* Those in --close-delay are in no set: readable they are for ever. */
static void fill_sets(struct server *s)
{
    struct connection *c;

    FD_ZERO(&s->reading);
    FD_ZERO(&s->writing);
    s->highest = 0;
    ask(s, s->signals, &s->reading);
    /* While there is no room for one more client, the listener stays ready: it must not be watched. */
    if (s->clients.accepting)
        ask(s, s->listener, &s->reading);
    TAILQ_FOREACH (c, &s->clients.open, link) {
        ask(s, c->fd, c->phase == READING ? &s->reading : &s->writing);
        s->who[c->fd] = c;
    }
}

static void refuse(struct server *s, struct connection *c)
{
    if (!s->refused)
        complain("server", "descriptor %d is refused: select() knows only those below %d", c->fd, FD_SETSIZE);
    s->refused = true;
    connection_close(&s->clients, c, "descriptor too high for select()");
}

/* Empties the accept queue of complete connections. Returns 0, or -errno if it cannot go on. */
static int accept_all(struct server *s)
{
    struct connection *c;
    int r;

    while ((r = clients_accept(&s->clients, s->listener, &c)) == 0)
        if (c->fd >= FD_SETSIZE)
            refuse(s, c);
    return r == -EAGAIN ? 0 : r;
}

static void serve_ready(struct server *s)
{
    for (int fd = 0; fd <= s->highest; fd++)
        if (fd != s->signals && fd != s->listener && (FD_ISSET(fd, &s->reading) || FD_ISSET(fd, &s->writing)))
            connection_work(&s->clients, s->who[fd], 1);
}

static int serve(struct server *s)
{
    int r = 0;

    while (r == 0) {
        int timeout = clients_run_timers(&s->clients);
        struct timeval time = { .tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000L };

        fill_sets(s);
        int ready = select(s->highest + 1, &s->reading, &s->writing, NULL, timeout < 0 ? NULL : &time);
        if (ready < 0 && errno != EINTR)
            return server_failed(errno, "wait for events");
        if (ready <= 0)
            continue;
        if (FD_ISSET(s->signals, &s->reading))
            return 0;
        serve_ready(s);
        if (FD_ISSET(s->listener, &s->reading))
            r = accept_all(s);
    }
    return r;
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
    r = server_listen(config, &s->listener);
    if (r < 0)
        return r;
    r = socket_set_nonblocking(s->listener);
    if (r == 0 && (s->listener >= FD_SETSIZE || s->signals >= FD_SETSIZE))
        r = -EMFILE; /* whoever started us has left us a thousand open descriptors */
    return r < 0 ? server_failed(-r, "watch the listening socket") : 0;
}

static void tear_down(struct server *s)
{
    if (s->listener >= 0)
        close(s->listener); /* first, so that nobody connects to a server that is leaving */
    clients_free(&s->clients);
    if (s->signals >= 0)
        close(s->signals);
}

int server_select_run(const struct server_config *config)
{
    struct server s = { .listener = -1, .signals = -1 };

    int r = set_up(&s, config);
    if (r == 0)
        r = serve(&s);
    tear_down(&s);
    return r;
}
