/* What packets show of the two directions of a connection: how far each has got, and what was acknowledged. Sequence
 * numbers of 64 bits are relative to the direction's first and do not wrap. Everything the lanes know of numbers they
 * have from here. */
#ifndef TCPLENS_CONN_STREAM_H
#define TCPLENS_CONN_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/slab.h"
#include "tcplens/tcp/segment.h"
#include "tcplens/trace/change.h"

/* What an end received beyond a hole: the low halves of the peer's relative numbers. More than there is room for is
 * forgotten, which only delays a FIN's effect. */
struct stream_holes {
    uint32_t range[LIMIT_HELD_RANGES][2];
    unsigned count;
};

/* What one end sent, and acknowledged. */
struct stream {
    uint64_t snd_max;  /* end of what it sent, or must have sent */
    uint64_t acked;    /* highest acknowledgment it sent, in the peer's numbers */
    uint64_t rcv_nxt;  /* what it must have received without holes, in the peer's numbers */
    uint32_t segments; /* stays at its highest value */
    uint32_t fin_seq;  /* of its FIN: stream_fin_seq() */
    uint32_t base;     /* the sequence number that is 0 */
    uint8_t wscale;
    bool base_known : 1, fin_sent : 1, scale_known : 1, syn_sent : 1;
    bool rst_sent   : 1; /* one that is genuine */
    bool syn_unseen : 1; /* it must have sent one: it was acknowledged, and base is its number */
};

/* Both directions of a connection. */
struct streams {
    struct stream of[END_N];
};

/* Where the holes of a connection are kept: struct stream_holes[END_N], by receiver, at a place of a slab that comes with
 * the first hole; 0: there never was one. */
struct stream_room {
    struct slab *slab;
    uint32_t *place;
};

/* Where a segment stands: relative numbers of both directions. */
struct stream_place {
    uint64_t seq, ack; /* ack 0: it acknowledges nothing */
};

/* Relative and without wrapping: the nearest to what the sender has reached. */
uint64_t stream_unwrap(const struct stream *sender, uint32_t seq);
/* The relative number of the FIN this end sent (fin_sent). */
uint64_t stream_fin_seq(const struct stream *sender);
/* The FIN that this end sent was acknowledged. */
bool stream_fin_acked(const struct streams *s, enum end end);
/* RFC 7323 2.2: the shift of the windows an end announces; 0 unless both SYNs carried the option. */
unsigned stream_shift(const struct streams *s, enum end end);
/* The window a segment announces, in bytes. */
uint64_t stream_window(const struct streams *s, enum end from, const struct segment *seg);
/* Payload an end sent, by sequence numbers: what was retransmitted counts once, what was not captured counts. */
uint64_t stream_bytes(const struct stream *sender);

/* RFC 9293 3.10.7: whatever its state, the receiver drops such a segment. Nor is it proof of a state of the sender: who is
 * synchronised acknowledges with every segment. */
static inline bool stream_is_dropped(const struct segment *seg)
{
    return !(seg->flags & (SEGMENT_ACK | SEGMENT_SYN | SEGMENT_RST));
}

/* Where a segment that is not taken stands, by the numbers known so far. */
struct stream_place stream_place_of(const struct streams *s, enum end from, const struct segment *seg);
/* Where a segment stands that is taken: learns where counting starts, and the shift of the windows. */
struct stream_place stream_number(struct streams *s, enum end from, const struct segment *seg);
/* Takes what a segment sends and acknowledges into account. Returns how many gaps in what `from` received can no longer be
 * filled. */
unsigned stream_take(struct streams *s, enum end from, const struct segment *seg, const struct stream_place *place,
                     struct stream_room room);
/* A segment was sent, taken or not. */
void stream_count(struct stream *sender);
/* A RST was sent that is genuine. */
void stream_reset(struct stream *sender);
/* An end that is never seen must have sent a FIN, just before `ack`. */
void stream_assume_fin(struct stream *sender, uint64_t ack);

#endif
