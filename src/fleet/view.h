/* What one host saw: a trace, or a capture. Kept are the connections, and of each segment what is needed to tell it again. */
#ifndef TCPLENS_FLEET_VIEW_H
#define TCPLENS_FLEET_VIEW_H

#include <stddef.h>

#include "tcplens/fleet/clock.h"
#include "tcplens/fleet/fleet.h"

#define NONE UINT32_MAX /* no index */

struct seg {
    uint64_t ts_ns;  /* by the view's clock */
    uint32_t n;      /* record number in the view */
    uint32_t conn;   /* index in the view */
    uint32_t mate;   /* index of the same segment at the other end; of several, the first; NONE */
    uint32_t next;   /* of several sent ones that arrived as one: the next */
    uint32_t told;   /* record number in the merged trace; 0: not yet */
    uint32_t flight; /* of a sent one: its number on the way */
    uint32_t seq, ack, len, ts_val, ts_ecr;
    uint32_t rare; /* index in the view's rare options + 1; 0: it has none */
    uint16_t window, flags, options;
    bool from   : 1; /* enum end */
    bool bad    : 1; /* its checksum */
    bool cut    : 1;
    bool part   : 1; /* one of several that a larger one was sent as: it is not told */
    bool unseen : 1; /* by the other host, which would have told of it; */
    bool lost   : 1; /* and was watching */
    bool missed : 1; /* what it holds arrived, and its capture does not have it */
    bool out    : 1; /* of a sent one: it was told; of a received one: its time has come */
};

/* Options that few segments have. */
struct rare {
    uint16_t mss;
    uint8_t wscale, tfo_len, sack_count;
    uint32_t sack[SEGMENT_SACK_MAX][2];
};

/* What the view said in the end. */
struct verdict_seen {
    enum verdict verdict;
    enum cause cause;
    enum end cause_end, closed_by, reset_by;
    int64_t error;
    uint64_t unread, duration_ns;
    uint32_t listener, drops;
    enum tcp_state final[END_N];
    uint64_t state_ns[END_N][TCP_STATE_N];
};

struct view_conn {
    struct endpoint at[END_N];
    uint32_t number, netns;
    uint32_t tie;         /* index of what it is an account of; NONE: it is left out */
    uint32_t base[END_N]; /* initial sequence numbers, where the SYNs were seen */
    bool based[END_N], local[END_N];
    bool relative[END_N]; /* numbers count from the first one seen, which is not known */
    bool turned;          /* its client is the one that its file has for the server */
    uint8_t shift[END_N]; /* of the window, as offered; */
    bool scales[END_N];   /* it was */
    bool before_trace, roles_assumed, tunnelled;
    uint64_t first_ns;
    uint32_t first_n;
    uint64_t told[END_N], segments[END_N]; /* records of segments; what the outcome says there were */
    struct verdict_seen *verdict;          /* NULL: it was not told */
    uint32_t begin, count;                 /* of its segments in view.order */
};

struct icmp_seen {
    uint64_t ts_ns;
    uint32_t n, conn;
    enum end end;
    enum icmp_error error;
    struct addr by;
    uint32_t seq, mtu;
};

/* What was told again: its old number, and its new one. */
struct passed {
    uint32_t n, told;
};

/* Old numbers and new ones, by the old. */
struct renumbering {
    struct passed *pairs;
    size_t count, room;
};

struct view {
    const char *name;
    bool is_trace;   /* it was read back: numbers are relative; else its changes are of an engine */
    bool has_kernel; /* a kernel tells of its own ends */
    bool packets_lost;
    struct host host;
    bool sources[WITNESS_N];
    uint64_t first_ns, last_ns; /* between them it saw packets */
    uint32_t last_n;
    bool
        set_back; /* its clock was, meanwhile: a time is earlier than one before it by more than packets are out of order */
    struct seg *segs;
    size_t seg_count, seg_room;
    struct rare *rares;
    size_t rare_count, rare_room;
    struct view_conn *conns;
    size_t conn_count, conn_room;
    struct icmp_seen *icmps;
    size_t icmp_count, icmp_room;
    uint32_t *order; /* of segments, those of a connection together */
    struct clock_fit clock;
    bool timed; /* the clock is known */
    /* as it is told again */
    struct passed *passed;
    size_t passed_count, passed_room;
    struct renumbering listeners, sockets;
};

/* Room for one more of an array. False: out of memory. */
bool view_grow(void *array, size_t count, size_t *room, size_t size);

void view_header(struct view *v, const struct trace_header *header);
/* 0 or -ENOMEM. */
int view_take(struct view *v, const struct change *c) __attribute__((warn_unused_result));
/* Sorts the segments by connection. 0 or -ENOMEM. */
int view_complete(struct view *v) __attribute__((warn_unused_result));
/* Client and server of a connection change places. */
void view_turn(struct view *v, uint32_t conn);
void view_free(struct view *v);

/* A hash, one value on. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

/* By its number in the trace. NULL: there is none. */
struct view_conn *view_conn(const struct view *v, uint32_t number);
/* By the clock of the first view. */
static inline uint64_t view_time(const struct view *v, uint32_t n, uint64_t ts_ns)
{
    return clock_convert(&v->clock, n, ts_ns);
}
static inline uint64_t seg_time(const struct view *v, const struct seg *s)
{
    return view_time(v, s->n, s->ts_ns);
}

#endif
