/* What is kept of each connection while a trace passes by. */
#ifndef TCPLENS_CONVERT_CONNS_H
#define TCPLENS_CONVERT_CONNS_H

#include "tcplens/trace/change.h"

struct conn_row {
    uint32_t conn;  /* 0: the place is free */
    bool told;      /* for whom it is kept: it was named once */
    uint16_t marks; /* likewise */
    bool isn_known[END_N], scaled[END_N];
    uint8_t wscale[END_N];
    uint32_t isn[END_N]; /* what relative sequence numbers count from */
    struct endpoint at[END_N];
};

struct conns;

/* 0 or -ENOMEM. */
int conns_new(struct conns **ret_conns) __attribute__((warn_unused_result));
void conns_free(struct conns *conns); /* NULL is fine */

/* Takes note of a connection, or of what a segment tells. Where there is no room for one, it has none. */
void conns_take(struct conns *conns, const struct change *change);
/* NULL: nothing is known of it, or no more. Valid until the next conns_take(). */
struct conn_row *conns_of(const struct conns *conns, uint32_t conn);

#endif
