/* What analysis says about a segment, by Wireshark's definitions (its User's Guide, "TCP Analysis"), so that users can
 * compare. */
#ifndef TCPLENS_CONN_NOTES_H
#define TCPLENS_CONN_NOTES_H

#include <string.h>

#include "stream.h"

#include "tcplens/base/limits.h"

/* The low 48 bits of a time in ns, in 6 bytes: enough for differences of three days. */
struct short_time {
    uint16_t low[2], high; /* low: an uint32_t, of which no room is lost to alignment */
};

static inline uint64_t short_time_value(struct short_time t)
{
    uint32_t low;

    memcpy(&low, t.low, sizeof(low));
    return (uint64_t)t.high << 32 | low;
}

enum notes_last { LAST_ACK = 1, LAST_SYN = 2, LAST_KEEP_ALIVE = 4, LAST_PROBE = 8 };

/* One direction; sequence numbers as sent. */
struct notes_end {
    uint32_t ifindex;    /* where its last segment was seen; the same one elsewhere is left out */
    uint32_t next_seq;   /* highest end sent */
    uint32_t last_ack;   /* LAST_ACK: it is one */
    uint32_t repeats_at; /* when .repeats began: a short time without its lowest 16 bits */
    uint16_t window;     /* last, as sent */
    uint16_t dup_acks;
    uint16_t repeats;                       /* retransmissions and probes since the peer acknowledged anything new */
    struct short_time next_seq_at, last_at; /* when next_seq was reached; the last segment */
    bool seen           : 1;                /* a segment that counts */
    uint8_t last        : 4;                /* what the last segment was: enum notes_last */
    uint8_t timed_count : 2;
    uint8_t place; /* a hash of where the last segment stood */
    struct {
        struct short_time at;
        uint16_t end[2]; /* likewise */
    } timed[LIMIT_TIMED_SEGMENTS];
};

struct notes_lane {
    struct notes_end end[END_N];
    /* Time of the last SYN, 0: none; once that is known, the time from there to the ACK that followed. */
    uint64_t handshake_ns : 63, handshake_known : 1;
};

/* What Wireshark calls the initial round-trip time; 0: not known. */
static inline uint64_t notes_rtt_ns(const struct notes_lane *lane)
{
    return lane->handshake_known ? lane->handshake_ns : 0;
}

/* What an end does in vain, when it was last seen; .what is STALL_NONE: nothing. */
struct stalled notes_stalled(const struct notes_lane *lane, const struct streams *streams, enum end end);

/* Time since the end last sent what it had not sent before. */
static inline uint64_t notes_since_new(const struct notes_lane *lane, enum end end, uint64_t ts_ns)
{
    return (ts_ns - short_time_value(lane->end[end].next_seq_at)) & ((UINT64_C(1) << 48) - 1);
}

/* Time since the last segment of the end. */
static inline uint64_t notes_since_last(const struct notes_lane *lane, enum end end, uint64_t ts_ns)
{
    return (ts_ns - short_time_value(lane->end[end].last_at)) & ((UINT64_C(1) << 48) - 1);
}

/* How long the end had been silent when its peer sent last. */
uint64_t notes_silence(const struct notes_lane *lane, enum end end);

/* Of one segment. */
struct notes {
    uint32_t notes;   /* enum segment_note */
    uint32_t dup_ack; /* which repetition of the ACK this is, from 1; 0: none */
    bool again;       /* no second copy of what its sender sent last */
    uint64_t rtt_ns;  /* since the segment that this acknowledges; 0: not known */
};

/* A bridge, a veth pair or a tunnel shows the same segment on several interfaces, each time on the same one first: this one
 * brings nothing that the sender's interface has not just shown. False where a route has changed. */
bool notes_is_copy(const struct notes_lane *lane, const struct streams *streams, enum end from,
                   const struct segment *seg, uint64_t ts_ns);
/* The acknowledgment in the last segment of an end, as sent. */
static inline uint32_t notes_last_ack(const struct notes_lane *lane, enum end end)
{
    return lane->end[end].last_ack;
}
/* What an end sends counts from another number. */
void notes_renumber(struct notes_lane *lane, enum end end);
/* The window an end announced last, in bytes; where its scale is not known, the largest it is believed to mean. */
int64_t notes_window(const struct notes_lane *lane, const struct streams *streams, enum end end);
/* Likewise, the one that this segment announces. */
int64_t notes_window_of(const struct streams *streams, enum end from, const struct segment *seg);
/* Judges a segment by those before it, and remembers it for those to come. Before the streams take it. */
void notes_segment(struct notes_lane *lane, const struct streams *streams, enum end from, const struct segment *seg,
                   uint64_t ts_ns, struct notes *ret_notes);

#endif
