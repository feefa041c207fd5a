/* The roof of the engine: it finds the connection that an event is about, once, and hands it to each lane in turn. Lanes
 * neither look for connections nor end them.
 *
 * engine.c keeps the connections, engine_segment.c hands segments down, engine_kernel.c what kernels tell. */
#ifndef TCPLENS_CONN_ROOF_H
#define TCPLENS_CONN_ROOF_H

#include "life.h"
#include "listener.h"
#include "socket.h"

#include "tcplens/conn/engine.h"

struct conn_engine {
    struct conn_config config;
    const struct addr *local; /* borrowed, may be NULL */
    size_t local_count;
    struct emitter out;
    struct table conns; /* of struct life */
    struct registry listeners;
    struct sockets sockets;
    uint64_t evicted;
    bool events_lost; /* so far, by any witness */
};

/* The life that an event belongs to, where endpoints were used more than once: that of its socket, else the one that goes
 * on. NULL: none. hash: table_hash() of the event. */
struct life *engine_find(const struct conn_engine *g, const struct event *e, uint32_t hash);

/* What begins at the endpoints of an event. */
struct engine_introduction {
    bool local_is_client; /* which of the two endpoints the client is */
    bool midstream, roles_assumed;
};
/* NULL: out of memory. */
struct life *engine_begin(struct conn_engine *g, const struct event *e, uint32_t hash, struct engine_introduction how);
/* Its endpoints are used again. Where the kernel still holds a minisock the connection stays, behind the new one, until that
 * is gone; else it is over. */
void engine_supersede(struct conn_engine *g, struct life *l, uint64_t ts_ns);

/* Each returns the life the event was about, or NULL. */
struct life *engine_segment(struct conn_engine *g, const struct event *e);
struct life *engine_kernel(struct conn_engine *g, const struct event *e);

#endif
