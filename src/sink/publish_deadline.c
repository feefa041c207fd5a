#include "publish_deadline.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESCRIPTORS 1024 /* that are looked at: its socket has the lowest number that was free */

static bool is_with(int fd, uint16_t port)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } peer = { .any = { .sa_family = AF_UNSPEC } };
    socklen_t len = sizeof(peer);

    if (getpeername(fd, &peer.any, &len) < 0)
        return false;
    return (peer.any.sa_family == AF_INET && peer.in.sin_port == htons(port)) ||
           (peer.any.sa_family == AF_INET6 && peer.in6.sin6_port == htons(port));
}

/* The library does not say which descriptor it has. */
static void end_connections(uint16_t port)
{
    for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
        if (is_with(fd, port))
            shutdown(fd, SHUT_RDWR);
}

static void *watch(void *arg)
{
    struct publish_deadline *d = arg;

    pthread_mutex_lock(&d->lock);
    while (!d->over)
        if (pthread_cond_timedwait(&d->news, &d->lock, &d->at) == ETIMEDOUT && !d->over) {
            d->came = true;
            end_connections(d->port);
            clock_gettime(CLOCK_MONOTONIC, &d->at);
            d->at.tv_sec++; /* another address of the server may be the next */
        }
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

static void release(struct publish_deadline *d)
{
    pthread_cond_destroy(&d->news);
    pthread_mutex_destroy(&d->lock);
}

int publish_deadline_start(struct publish_deadline *d, uint16_t port, unsigned ms)
{
    pthread_condattr_t by_what;
    int r;

    *d = (struct publish_deadline){ .port = port };
    clock_gettime(CLOCK_MONOTONIC, &d->at);
    d->at.tv_sec += ms / 1000;
    d->at.tv_nsec += (long)(ms % 1000) * 1000000;
    d->at.tv_sec += d->at.tv_nsec / 1000000000;
    d->at.tv_nsec %= 1000000000;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&by_what);
    pthread_condattr_setclock(&by_what, CLOCK_MONOTONIC);
    pthread_cond_init(&d->news, &by_what);
    pthread_condattr_destroy(&by_what);
    r = pthread_create(&d->thread, NULL, watch, d);
    if (r != 0)
        release(d);
    return -r;
}

bool publish_deadline_stop(struct publish_deadline *d)
{
    pthread_mutex_lock(&d->lock);
    d->over = true;
    pthread_cond_signal(&d->news);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
    release(d);
    return d->came;
}
