/* How far one clock is ahead of another, from segments that were seen at both. Pure: no I/O, no clock of its own.
 *
 * A segment takes some time, never less than none. One that the reference's host sent is received, by the other clock, later
 * than it was sent by at least what that clock is ahead: a bound from above. One that the other host sent is a bound from
 * below. A line under all of the former and over all of the latter is a clock that no segment contradicts. Of these the one is
 * taken that lies as far from both as can be, by their convex hulls: Moon, Skelly, Towsley, "Estimation and removal of clock
 * skew from network delay measurements" (INFOCOM 1999); Zhang, Liu, Xia, "Clock synchronization algorithms for network
 * measurements" (INFOCOM 2002). It is exact where the shortest delays of the two directions are the same. */
#ifndef TCPLENS_FLEET_CLOCK_H
#define TCPLENS_FLEET_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/trace/words.h"

/* What one segment says. */
struct clock_bound {
    uint64_t order;   /* place among what the other host saw: a clock that is set shows some times twice, or never */
    uint64_t at_ns;   /* by the other clock */
    int64_t ahead_ns; /* of it, to the reference's time of the same segment */
    bool above;       /* the reference's host sent it; else a bound from below */
};

#define CLOCK_PIECES_MAX 32

/* From a place in the order on. */
struct clock_piece {
    uint64_t from, at_ns;
    int64_t ahead_ns; /* at at_ns: with rest_ns */
    double rest_ns, skew;
};

/* A clock that was set while it was watched has several pieces. */
struct clock_fit {
    enum clock_fit_kind kind; /* of its first piece */
    unsigned piece_count;     /* 0: its times are taken as they are */
    struct clock_piece pieces[CLOCK_PIECES_MAX];
    uint64_t band_ns; /* no segment contradicts an offset that differs by as much: the largest of its pieces */
    uint64_t count;   /* of segments it follows from */
};

/* Sorts bounds by order. same_host: no offset and no skew are what is expected, and taken unless contradicted. 0; -ERANGE: no
 * clock fits, or one that was set too often; -ENOMEM. */
int clock_fit(struct clock_bound *bounds, size_t count, bool same_host, struct clock_fit *ret_fit)
    __attribute__((warn_unused_result));

/* A time by the other clock, of what has that place in the order, by the reference's. */
uint64_t clock_convert(const struct clock_fit *fit, uint64_t order, uint64_t ts_ns);

#endif
