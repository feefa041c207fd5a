/* The listeners that are there, by socket cookie: several can share an address (SO_REUSEPORT), and the address can be used
 * again by another one. The listener's lane enters them; others look. */
#ifndef TCPLENS_CONN_REGISTRY_H
#define TCPLENS_CONN_REGISTRY_H

#include "tcplens/event/event.h"
#include "tcplens/trace/words.h"

#define REGISTRY_BUCKETS 1024

struct listener {
    struct listener *hash_next;
    uint64_t cookie;
    uint32_t number, netns, backlog, drops_start;
    struct endpoint addr;
    struct task owner, opened_by; /* opened_by: who called listen(), where that is another one; pid 0: it is not */
    bool handed_on;               /* who called listen() has ended */
    uint32_t dropped;             /* segments, as told */
};

/* All zeros: empty. */
struct registry {
    struct listener *buckets[REGISTRY_BUCKETS];
    size_t count;
    uint32_t number;  /* of the newest */
    uint64_t refused; /* for which there was no room */
};

/* NULL: none. */
struct listener *registry_find(const struct registry *r, uint64_t cookie);
const struct listener *registry_at(const struct registry *r, const struct endpoint *local, uint32_t netns);
/* A new one, numbered, else zeros; cookie: not there yet. NULL: no room, or no memory. */
struct listener *registry_add(struct registry *r, uint64_t cookie);
/* Frees it. */
void registry_remove(struct registry *r, struct listener *l);
void registry_free(struct registry *r);

/* Why a listener with these queues dropped a SYN, or an ACK. Source: tcp_conn_request(), inet_csk_reqsk_queue_is_full(),
 * sk_acceptq_is_full(), tcp_check_req(), tcp_inbound_hash(). */
enum cause queue_drop_cause(const struct queue_depth *depth, bool of_ack);

#endif
