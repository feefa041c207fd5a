/* Sockets as calls see them: their numbers, so that the calls on one can be told from those on another before it has a
 * connection; and what one was, when it is none any more. */
#include "conn_private.h"

#include <string.h>

uint32_t socket_number(struct conn_table *t, uint64_t key, const char *call)
{
    /* sockets are allocated on cache lines: the lowest bits say nothing */
    struct socket_slot *set = t->sockets[(key * 0x9e3779b97f4a7c15ull) >> 52];
    struct socket_slot *slot = set;

    _Static_assert(SOCKET_SETS == 1 << 12, "the hash takes twelve bits");
    for (unsigned i = 0; i < SOCKET_WAYS; i++) {
        if (set[i].key == key) {
            if (strcmp(call, "socket") == 0)
                set[i].number = ++t->socket_count;
            return set[i].number;
        }
        if (set[i].number < slot->number)
            slot = &set[i];
    }
    slot->key = key;
    slot->number = ++t->socket_count;
    return slot->number;
}

void socket_closed(struct conn_table *t, const struct closed_socket *socket)
{
    if (socket->cookie)
        t->closed[socket->cookie % CLOSED_SOCKETS] = *socket;
}

const struct closed_socket *socket_that_closed(const struct conn_table *t, uint64_t cookie)
{
    const struct closed_socket *socket = &t->closed[cookie % CLOSED_SOCKETS];

    return cookie && socket->cookie == cookie ? socket : NULL;
}
