#include "tcplens/sink/http_door.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct caller {
    int fd;
    unsigned ticks;
    struct caller *next, *prev;
};

struct http_door {
    int epoll_fd;
    struct caller *callers; /* the newest first */
    unsigned count;
    char head[HTTP_HEAD_MAX]; /* of whoever is looked at */
};

/* The library passes over empty lines before a request. Where it takes more than LF and CR LF for the end of a line, its head is
 * the shorter of the two, and all of it is looked at. */
enum http_head http_head_look(const char *bytes, size_t len)
{
    size_t at = 0;

    while (at < len && (bytes[at] == '\r' || bytes[at] == '\n'))
        at++;
    for (const char *end = bytes + at; (end = memchr(end, '\n', len - (size_t)(end - bytes)));) {
        const size_t left = len - (size_t)(++end - bytes);

        if ((left >= 1 && end[0] == '\n') || (left >= 2 && end[0] == '\r' && end[1] == '\n'))
            return memchr(bytes, '\0', (size_t)(end - bytes)) ? HTTP_HEAD_REFUSED : HTTP_HEAD_WHOLE;
    }
    return len < HTTP_HEAD_MAX ? HTTP_HEAD_HALF : HTTP_HEAD_REFUSED;
}

int http_door_new(struct http_door **ret_door)
{
    struct http_door *door = calloc(1, sizeof(*door));

    if (!door)
        return -ENOMEM;
    door->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (door->epoll_fd < 0) {
        const int r = -errno;

        free(door);
        return r;
    }
    *ret_door = door;
    return 0;
}

/* It is the caller's socket no more, or is closed. */
static void forget(struct http_door *door, struct caller *c)
{
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        door->callers = c->next;
    door->count--;
    free(c);
}

static void end(struct http_door *door, struct caller *c)
{
    /* with bytes in it that nobody read, the other end would be told of an error */
    (void)!recv(c->fd, door->head, sizeof(door->head), MSG_DONTWAIT);
    close(c->fd);
    forget(door, c);
}

void http_door_free(struct http_door *door)
{
    if (!door)
        return;
    while (door->callers)
        end(door, door->callers);
    close(door->epoll_fd);
    free(door);
}

int http_door_fd(const struct http_door *door)
{
    return door->epoll_fd;
}

unsigned http_door_count(const struct http_door *door)
{
    return door->count;
}

static void end_oldest(struct http_door *door)
{
    struct caller *oldest = door->callers;

    while (oldest->next)
        oldest = oldest->next;
    end(door, oldest);
}

int http_door_take(struct http_door *door, int fd)
{
    struct caller *c = calloc(1, sizeof(*c));
    /* Edge-triggered: what was looked at is still there, and wakes nobody until more arrives. */
    struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c };

    if (!c || epoll_ctl(door->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        const int r = c ? -errno : -ENOMEM;

        free(c);
        close(fd);
        return r;
    }
    if (door->count == HTTP_DOOR_MAX)
        end_oldest(door);
    c->fd = fd;
    c->next = door->callers;
    if (c->next)
        c->next->prev = c;
    door->callers = c;
    door->count++;
    return 0;
}

/* Whether the caller need not wait: it has gone (and is forgotten), or its request is whole. */
static enum http_head look(struct http_door *door, struct caller *c, bool ended)
{
    const ssize_t got = recv(c->fd, door->head, sizeof(door->head), MSG_PEEK | MSG_DONTWAIT);
    const int error = got < 0 ? errno : 0;
    const enum http_head head = got > 0 ? http_head_look(door->head, (size_t)got) : HTTP_HEAD_HALF;

    if (head == HTTP_HEAD_HALF && (ended || got == 0 || (error && error != EAGAIN && error != EINTR)))
        end(door, c);
    return head;
}

void http_door_open(struct http_door *door, http_door_through *through, void *context)
{
    struct epoll_event events[HTTP_DOOR_MAX];
    const int n = epoll_wait(door->epoll_fd, events, HTTP_DOOR_MAX, 0);

    for (int i = 0; i < n; i++) {
        struct caller *c = events[i].data.ptr; /* in no other of these */
        const int fd = c->fd;
        const enum http_head head = look(door, c, events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));

        if (head == HTTP_HEAD_HALF)
            continue;
        (void)epoll_ctl(door->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        forget(door, c);
        through(context, fd, head == HTTP_HEAD_REFUSED);
    }
}

void http_door_tick(struct http_door *door, unsigned ticks)
{
    for (struct caller *c = door->callers, *next; c; c = next) {
        next = c->next;
        if (++c->ticks >= ticks)
            end(door, c);
    }
}
