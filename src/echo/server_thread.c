/*
 * server_thread.c - a thread for each client. All share one memory and one table of descriptors:
 * whoever closes a descriptor, closes it for all.
 *
 * The main thread accepts; it is the only one that gets signals. On SIGTERM it shuts every
 * connection down, which ends the threads that block on one, and waits for the last.
 *
 * Invariant: a descriptor in the list is open. Its thread takes it out before it closes it, or
 * shutdown() could hit another connection that has got the same number.
 */
#include "blocking.h"
#include "server_models.h"
#include "stop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STACK_SIZE = 256 * 1024 }; /* bytes of address space; memory is what is used of it */

struct client {
    LIST_ENTRY(client) link;
    int fd;
    char peer[SOCKET_TEXT_MAX];
};

/* Static, as the last thread may still be leaving `lock` when main() returns. */
static struct server {
    const struct server_config *config;
    pthread_attr_t attributes;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t ended; /* told at the end of each client */
    LIST_HEAD(, client) clients;
    long count;
} server = { .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };

/* By which ps -L and a tracer tell it from the others. */
static void name_thread(void)
{
    static atomic_uint started;
    char name[16]; /* TASK_COMM_LEN */

    snprintf(name, sizeof name, "echo-thread-%u", ++started % 1000);
    pthread_setname_np(pthread_self(), name);
}

static void *thread_main(void *argument)
{
    struct client *c = argument;

    name_thread();
    blocking_serve(server.config, c->fd, c->peer);
    pthread_mutex_lock(&server.lock);
    LIST_REMOVE(c, link);
    pthread_mutex_unlock(&server.lock);
    blocking_close(server.config, c->fd);
    free(c);

    pthread_mutex_lock(&server.lock);
    server.count--;
    pthread_cond_signal(&server.ended);
    pthread_mutex_unlock(&server.lock);
    return NULL;
}

static int start_thread(struct client *c)
{
    sigset_t all, before;
    pthread_t thread;

    /* A new thread has the signal mask of its maker. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &server.attributes, thread_main, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static int start_client(int fd, const char *peer)
{
    struct client *c = malloc(sizeof *c);
    if (!c)
        return -ENOMEM;

    c->fd = fd;
    memcpy(c->peer, peer, sizeof c->peer);
    pthread_mutex_lock(&server.lock);
    LIST_INSERT_HEAD(&server.clients, c, link);
    server.count++;
    pthread_mutex_unlock(&server.lock);

    int r = start_thread(c);
    if (r < 0) {
        pthread_mutex_lock(&server.lock);
        LIST_REMOVE(c, link);
        server.count--;
        pthread_mutex_unlock(&server.lock);
        free(c);
    }
    return r;
}

/* Until a client has ended, or for a second; a signal that comes just before is noticed after that. */
static void wait_for_room(const char *reason)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SERVER_RETRY_MS / 1000;
    pthread_mutex_lock(&server.lock);
    server_shortage(reason, server.count);
    pthread_cond_timedwait(&server.ended, &server.lock, &until);
    pthread_mutex_unlock(&server.lock);
}

static bool is_full(void)
{
    pthread_mutex_lock(&server.lock);
    bool full = server.count >= server.config->max_connections;
    pthread_mutex_unlock(&server.lock);
    return full;
}

static int serve(int listener)
{
    while (!stop_requested) {
        char peer[SOCKET_TEXT_MAX];

        if (is_full()) {
            wait_for_room("--max-connections reached");
            continue;
        }
        int fd = server_accept(server.config, listener, 0, peer);
        if (fd == -EMFILE)
            wait_for_room(strerror(errno));
        else if (fd < 0 && fd != -EAGAIN)
            return fd;
        if (fd < 0)
            continue;

        int r;
        while ((r = start_client(fd, peer)) < 0 && !stop_requested)
            wait_for_room(strerror(-r));
        if (r < 0)
            close(fd);
    }
    return 0;
}

static void end_all(void)
{
    struct client *c;

    pthread_mutex_lock(&server.lock);
    LIST_FOREACH (c, &server.clients, link)
        shutdown(c->fd, SHUT_RDWR);
    while (server.count > 0)
        pthread_cond_wait(&server.ended, &server.lock);
    pthread_mutex_unlock(&server.lock);
}

int server_thread_run(const struct server_config *config)
{
    int listener;

    server.config = config;
    pthread_attr_init(&server.attributes);
    pthread_attr_setdetachstate(&server.attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&server.attributes, STACK_SIZE);

    stop_on_signals();
    int r = server_listen(config, &listener);
    if (r < 0)
        return r;
    stop_listener(listener);
    r = serve(listener);
    close(listener); /* first, so that nobody connects to a server that is leaving */
    stop_requested = 1;
    end_all();
    return r;
}
