/* The lives that are followed: found, begun, superseded, judged. */
#ifndef TCPLENS_CONN_LIVES_H
#define TCPLENS_CONN_LIVES_H

#include "finding.h"
#include "life.h"
#include "listener.h"
#include "senders.h"
#include "socket.h"
#include "strays.h"

#include "tcplens/conn/config.h"

/* A segment on its way: what is needed when it arrives. */
struct flight {
    uint32_t number, conn; /* conn 0: none */
    enum end from;
    bool takes_effect, again, advances;
    struct stream_place place;
    uint64_t record, sent_ns;
};

/* Segments that were not taken, and may yet turn out to mean something: the last ones of a kind. */
struct held {
    struct held_segment {
        uint32_t conn;   /* 0: none */
        uint64_t record; /* its number */
        struct event event;
    } segments[LIMIT_HELD_SEGMENTS];
    unsigned next;
};

struct conn_engine {
    struct conn_config config;
    const struct addr *local; /* borrowed, may be NULL */
    size_t local_count;
    struct emitter out;
    struct table conns; /* of struct life */
    struct registry listeners;
    struct sockets sockets;
    struct findings findings;
    struct senders senders;
    struct strays strays;
    struct held held_syns, held_resets;
    struct flight *flights; /* LIMIT_FLIGHTS, by number; NULL: none was ever told of */
    struct life *about;     /* the life whose event or end is told of; NULL: none */
    uint64_t looked_ns;     /* when all connections were looked at */
    uint64_t due_ns;        /* before that no time runs out, of any connection */
    uint64_t forgotten;     /* for which there was no room */
    bool passing;           /* what is told now was concluded elsewhere */
    bool events_lost;       /* so far, by any witness */
};

/* The life that an event belongs to, where endpoints were used more than once: that of its socket, else the one that goes
 * on. NULL: none. hash: table_hash() of the event. */
struct life *lives_find(struct conn_engine *g, const struct event *e, uint32_t hash);

/* What begins at the endpoints of an event. */
struct introduction {
    bool local_is_client; /* which of the two endpoints the client is */
    bool midstream, roles_assumed;
};
/* NULL: out of memory. */
struct life *lives_begin(struct conn_engine *g, const struct event *e, uint32_t hash, struct introduction how);
/* Its endpoints are used again. Where a kernel still holds one of its ends the connection stays, behind the new one, until that
 * is gone; else it is over. */
void lives_supersede(struct conn_engine *g, struct life *l, uint64_t ts_ns);

/* It is an address of the host that is traced. */
bool lives_is_local(const struct conn_engine *g, const struct addr *a);

/* What became of it is told: the trace ends, or nobody looks for it any more. */
void lives_judge(struct conn_engine *g, struct life *l, uint64_t ts_ns);
/* It is judged, and forgotten. */
void lives_retire(struct conn_engine *g, struct life *l, uint64_t ts_ns);

#endif
