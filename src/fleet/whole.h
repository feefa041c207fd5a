/* What several views have in common: how it is found, step by step. Each step is a file of its name. */
#ifndef TCPLENS_FLEET_WHOLE_H
#define TCPLENS_FLEET_WHOLE_H

#include "pair.h"

/* One view's account of a connection. */
struct account {
    uint32_t view, conn; /* conn: index in the view */
    bool elsewhere;      /* of a host that is at neither end, or it is a second account of an end */
};

/* One segment that two views saw, the earlier one first. Of those alone that are not at both ends of the connection, whose segments
 * have mates. */
struct glance {
    struct {
        uint32_t view, n;
        uint64_t ts_ns; /* by the view's clock */
    } of[2];
};

struct fleet {
    struct view views[LIMIT_MERGED_FILES];
    unsigned view_count;
    struct account *accounts; /* those of a tie together */
    size_t account_count;
    struct tie *ties; /* in the order of the views' connections */
    size_t tie_count;
    struct glance *glances;
    size_t glance_count, glance_room;
    unsigned reference;
    unsigned same_place[2]; /* views that were found at one place, where same_end counts any */
    uint64_t seg_count, joined, both, lost, missed, between, same_end, tunnelled, start_ns;
    /* as it is told again */
    uint32_t *tie_of; /* by number in the merged trace; NONE: of no view */
    size_t tie_of_count, tie_of_room;
    uint32_t introducing;          /* index of the tie whose connection is told now; NONE */
    uint64_t sent_ns, received_ns; /* of the segment that is told now; 0: not known */
    uint32_t segment_n;            /* number of the last one told */
    uint32_t flights, listeners, sockets;
    uint64_t left_out;
    struct change amended;
};

/* Both ends' accounts of a tie, for what one end sends. */
static inline struct lane_pair fleet_lane(struct fleet *f, const struct tie *t, enum end from)
{
    struct view *sent = &f->views[t->at[from].view], *received = &f->views[t->at[!from].view];

    return (struct lane_pair){ sent, received,     &sent->conns[t->at[from].conn], &received->conns[t->at[!from].conn],
                               from, t->base[from] };
}
static inline struct view_conn *fleet_conn(const struct fleet *f, const struct account *a)
{
    return &f->views[a->view].conns[a->conn];
}

/* account.c: lists the accounts, and ties those of the same connection. Accounts whose numbers are relative get absolute ones, and
 * those that have the ends the other way round are turned. 0 or -ENOMEM. */
int fleet_tie_accounts(struct fleet *fleet) __attribute__((warn_unused_result));
/* place.c: whose account stands at which end. Of those at the ends of one tie the segments have mates, where they are unique.
 * 0 or -ENOMEM. */
int fleet_place_accounts(struct fleet *fleet) __attribute__((warn_unused_result));
/* time.c: puts the clocks of all views onto that of one. As fleet_join(). */
int fleet_time_views(struct fleet *fleet, char error[static FLEET_ERROR_MAX]) __attribute__((warn_unused_result));
/* reason.c: why a view has nothing in common with the others, in one line. */
void fleet_explain_apart(const struct fleet *fleet, unsigned view, char error[static FLEET_ERROR_MAX]);
/* fate.c: what became of the segments of a tie whose clocks are known. 0 or -ENOMEM. */
int fleet_find_fates(struct fleet *fleet, const struct tie *tie) __attribute__((warn_unused_result));

#endif
