/* Which segment that one host sent is which that the other received. */
#ifndef TCPLENS_FLEET_PAIR_H
#define TCPLENS_FLEET_PAIR_H

#include "view.h"

/* Clocks that were put right are right to a few microseconds: captures cut them off. */
#define FLEET_SLACK_NS 2000
/* As large as a segment can be that a network card is given, or gives (GSO, GRO; BIG TCP). */
#define FLEET_SUPER_MAX (1u << 19)

/* A connection, and whose account of each end is taken: of both ends the same one where there is no other. */
struct tie {
    struct {
        uint32_t view, conn; /* conn: index in the view */
    } at[END_N];
    size_t first, count;         /* of all accounts of it, in fleet.accounts */
    uint32_t base[END_N];        /* from where numbers are counted */
    uint32_t netns;              /* tells equal endpoints apart, of different hosts */
    uint32_t number;             /* in the merged trace; 0: not introduced yet */
    unsigned open;               /* accounts of kernels whose outcome has not come */
    uint64_t shortest_ns[END_N]; /* time on the way from that end, with the clocks put right; UINT64_MAX: not known */
};

static inline bool tie_is_joined(const struct tie *t)
{
    return t->at[END_CLIENT].view != t->at[END_SERVER].view;
}

/* Two accounts of a connection, and one direction of it. */
struct lane_pair {
    struct view *sent, *received;
    const struct view_conn *sent_conn, *received_conn;
    enum end from;
    uint32_t base; /* from where the numbers of what is sent are counted */
};

/* Segments of which there is one at either end, and no other that is like it, become mates: by all that the network leaves as it
 * is, or else, where a network card has cut or joined segments, by where their data ends. 0 or -ENOMEM. */
int pair_unique(const struct lane_pair *p) __attribute__((warn_unused_result));
/* With the clocks known: those that there are several of, each with the latest that can have been sent for it; then data that
 * was cut or joined. What is left was lost, or was not captured. shortest_ns: that no segment was faster. 0 or -ENOMEM. */
int pair_rest(const struct lane_pair *p, uint64_t shortest_ns) __attribute__((warn_unused_result));

#endif
