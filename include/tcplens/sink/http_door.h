/* Where connections wait until the head of their request is there as a whole. What the library calls a target or a field is a
 * string, which ends at a zero: only here are all bytes looked at (RFC 9110, 5.5; RFC 3986, 7.3). They are left in the
 * socket, from which the library reads them then. */
#ifndef TCPLENS_SINK_HTTP_DOOR_H
#define TCPLENS_SINK_HTTP_DOOR_H

#include <stdbool.h>
#include <stddef.h>

/* Requests that are not whole yet: of more, the oldest goes. A browser sends its own at once, and is not for long among them. */
#define HTTP_DOOR_MAX 64
/* Bytes of a head. No more than the library has room for, or what it takes would not have been looked at. */
#define HTTP_HEAD_MAX (32u << 10)

enum http_head {
    HTTP_HEAD_HALF,    /* goes on */
    HTTP_HEAD_WHOLE,   /* its empty line is there, and whatever behind it */
    HTTP_HEAD_REFUSED, /* the same, and a byte is zero; or it is longer than HTTP_HEAD_MAX */
};

struct http_door;

/* The head that len bytes begin with. */
enum http_head http_head_look(const char *bytes, size_t len);

/* 0, -ENOMEM or that of epoll_create1(). */
int http_door_new(struct http_door **ret_door) __attribute__((warn_unused_result));
/* Closes those who wait. NULL: nothing is done. */
void http_door_free(struct http_door *door);
/* To poll for POLLIN: http_door_open() has something to do. */
int http_door_fd(const struct http_door *door);
/* How many wait. */
unsigned http_door_count(const struct http_door *door);
/* Takes the connection fd, which it closes where it cannot: -ENOMEM or that of epoll_ctl(). */
int http_door_take(struct http_door *door, int fd);
/* The connection fd, which is the receiver's from now on; refused: its head is HTTP_HEAD_REFUSED. */
typedef void http_door_through(void *context, int fd, bool refused);
/* Looks at those from whom something has arrived, at each once however much arrives meanwhile, and lets through who need not wait
 * any longer. */
void http_door_open(struct http_door *door, http_door_through *through, void *context);
/* Called every few seconds: closes those that waited for ticks of these. */
void http_door_tick(struct http_door *door, unsigned ticks);

#endif
