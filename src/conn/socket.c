#include "socket.h"

#include <string.h>

#include "tcplens/base/limits.h"

/* The number of a socket within the trace. An address is used again: socket() makes a new one. */
static uint32_t number_of(struct sockets *s, uint64_t key, const char *call)
{
    /* sockets are allocated on cache lines: the lowest bits say nothing */
    struct socket_slot *set = s->slots[(key * 0x9e3779b97f4a7c15ull) >> 52];
    struct socket_slot *slot = set;

    _Static_assert(SOCKET_SETS == 1 << 12, "the hash takes twelve bits");
    for (unsigned i = 0; i < SOCKET_WAYS; i++) {
        if (set[i].key == key) {
            if (strcmp(call, "socket") == 0)
                set[i].number = ++s->count;
            return set[i].number;
        }
        if (set[i].number < slot->number)
            slot = &set[i];
    }
    slot->key = key;
    slot->number = ++s->count;
    return slot->number;
}

void socket_closed(struct sockets *s, const struct socket_role *role)
{
    if (role->cookie)
        s->closed[role->cookie % LIMIT_CLOSED_SOCKETS] = *role;
}

uint32_t socket_at(const struct sockets *s, const struct endpoint *at, uint32_t netns)
{
    const struct socket_bound *b = &s->bound[at->port % LIMIT_UDP_SOCKETS];

    return b->number && b->at.port == at->port && b->netns == netns && addr_fit(&b->at.addr, &at->addr) ? b->number : 0;
}

/* Where another process holds it still, the next call on it shows that. */
static void forget_bound(struct sockets *s, const struct event *e, uint32_t number)
{
    struct socket_bound *b = &s->bound[e->local.port % LIMIT_UDP_SOCKETS];

    if (b->number == number)
        *b = (struct socket_bound){ 0 };
}

void socket_process_ended(struct sockets *s, uint32_t pid)
{
    for (unsigned i = 0; i < LIMIT_UDP_SOCKETS; i++)
        if (s->bound[i].number && s->bound[i].pid == pid)
            s->bound[i] = (struct socket_bound){ 0 };
}

static void note_bound(struct sockets *s, const struct event *e, uint32_t number)
{
    const struct call *call = &e->call.call;

    if (e->call.is_udp && e->local.port && !call->blocked && !call->ret && strcmp(call->name, "close") == 0)
        forget_bound(s, e, number);
    else if (e->call.is_udp && e->local.port)
        s->bound[e->local.port % LIMIT_UDP_SOCKETS] =
            (struct socket_bound){ .at = e->local, .netns = e->netns, .number = number, .pid = call->task.pid };
}

void socket_call(struct sockets *s, struct emitter *out, const struct event *e, struct socket_role role)
{
    const struct socket_role *closed = &s->closed[e->cookie % LIMIT_CLOSED_SOCKETS];
    struct change change NO_ZEROS;

    if (!role.conn && !role.listener && e->cookie && closed->cookie == e->cookie)
        role = *closed;
    change_init(&change, CHANGE_CALL);
    if (e->call.socket)
        change.call.socket = number_of(s, e->call.socket, e->call.call.name);
    note_bound(s, e, change.call.socket);
    change.call.call = e->call.call;
    change.call.waiting = e->call.waiting;
    change.conn = role.conn;
    change.listener = role.listener;
    change.call.has_end = role.conn != 0;
    if (role.conn)
        change.end = role.end;
    emit(out, e->ts_ns, &change);
}
