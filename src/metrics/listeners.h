/* Figures by the address of a listener. Sockets that share one (SO_REUSEPORT, or other namespaces) share its figures. There is
 * room for so many addresses: where it is used up, the figures of one where nobody listens any more go to "other", which
 * keeps sums right, and else those of a further one do. */
#ifndef TCPLENS_METRICS_LISTENERS_H
#define TCPLENS_METRICS_LISTENERS_H

#include <stdbool.h>

#include "histogram.h"
#include "tcplens/base/limits.h"
#include "tcplens/trace/change.h"

/* Of all sockets that listen at one address. */
struct listener_figures {
    char address[ENDPOINT_TEXT_MAX]; /* "" where the place is free */
    uint32_t sockets;                /* that listen there now */
    uint64_t ended;                  /* when the last of them was closed, in listeners closed */
    uint64_t events[QUEUE_WHY_N], drops[CAUSE_N];
    struct histogram waited; /* in the accept queue */
    /* sums over its sockets, as listeners_sum() leaves them */
    uint64_t syn, accept, limit;
};

/* A socket that listens. */
struct listener_socket {
    uint32_t number;
    unsigned place;
    uint32_t syn, accept, limit;
    uint32_t sampled_drops; /* as a sample told last */
};

#define LISTENERS_OTHER 0

struct listeners {
    struct listener_figures at[LIMIT_METRICS_ADDRESSES + 1]; /* LISTENERS_OTHER: "other" */
    struct listener_socket sockets[LIMIT_METRICS_LISTENERS]; /* by number, ascending */
    unsigned socket_count;
    uint64_t closed; /* listeners closed */
    uint64_t folded; /* addresses whose figures went to "other" */
    uint64_t beyond; /* listeners without a depth and an address of their own */
};

void listeners_init(struct listeners *l);
/* A change of kind LISTENER, or QUEUE. */
void listeners_take(struct listeners *l, const struct change *change);
/* Depths and limits of each address, from those of its sockets. */
void listeners_sum(struct listeners *l);

#endif
