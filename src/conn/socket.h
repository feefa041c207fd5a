/* The sockets' lane: their numbers, so that the calls on one can be told from those on another before it has a connection;
 * and what one was, when it is none any more. */
#ifndef TCPLENS_CONN_SOCKET_H
#define TCPLENS_CONN_SOCKET_H

#include "emit.h"

#include "tcplens/base/limits.h"
#include "tcplens/event/event.h"

/* A set-associative table by what the kernel side tells sockets apart with: a socket that is pushed out gets another
 * number when it speaks again. */
#define SOCKET_SETS 4096
#define SOCKET_WAYS 4

struct socket_slot {
    uint64_t key;
    uint32_t number;
};

/* What a socket is, or was when it became CLOSED: the call that did it returns after. */
struct socket_role {
    uint64_t cookie;
    uint32_t conn, listener; /* numbers; one of them at most is not 0 */
    enum end end;            /* of the connection */
};

/* Where a UDP socket is bound. */
struct socket_bound {
    struct endpoint at;
    uint32_t netns, number; /* number 0: a free place */
    uint32_t pid;           /* who called on it last */
};

/* All zeros: empty. */
struct sockets {
    struct socket_slot slots[SOCKET_SETS][SOCKET_WAYS];
    uint32_t count;
    struct socket_bound bound[LIMIT_UDP_SOCKETS];    /* by port; the newest of those that share a place */
    struct socket_role closed[LIMIT_CLOSED_SOCKETS]; /* by cookie; the newest of those that share a place */
};

/* EVENT_CALL. role: what the socket is now; all zeros where it is nothing. */
void socket_call(struct sockets *s, struct emitter *out, const struct event *e, struct socket_role role);
/* The UDP socket that is bound there, as far as calls on it were seen. 0: none. */
uint32_t socket_at(const struct sockets *s, const struct endpoint *at, uint32_t netns);
/* With it its UDP sockets are gone, as far as is known. */
void socket_process_ended(struct sockets *s, uint32_t pid);
/* It ceases to be this. */
void socket_closed(struct sockets *s, const struct socket_role *role);

#endif
