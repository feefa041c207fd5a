/* What packets show of the two directions of a connection: how far each has got, and what was acknowledged. Sequence
 * numbers of 64 bits are relative to the direction's first, do not wrap, and are negative where a capture began between
 * two segments that had overtaken each other. Everything the lanes know of numbers they have from here. */
#ifndef TCPLENS_CONN_STREAM_H
#define TCPLENS_CONN_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/slab.h"
#include "tcplens/tcp/segment.h"
#include "tcplens/trace/change.h"

/* What few directions have. */
struct stream_rare {
    /* What was captured beyond a hole, on its way to the other end: low halves of relative numbers, in order, apart. Of more
     * than there is room for the last are forgotten: then what acknowledges them seems to acknowledge what was not captured. */
    uint32_t range[LIMIT_HELD_RANGES][2];
    uint32_t other_base; /* of a SYN in another numbering that was sent before this one's */
    /* Where the last segment ended, and what it acknowledged, that nobody could take: as sent. A capture that missed much
     * looks the same, until one goes on from there. */
    uint32_t stray_end, stray_ack;
    uint32_t damaged[2]; /* what was captured with a wrong checksum at last: low halves of relative numbers */
    uint16_t chosen;     /* of the tunnel in which it is sent (tcp/tunnel.h); 0: not seen, or nothing is chosen */
    uint8_t count;       /* ranges */
    bool has_other_base : 1, has_stray : 1, has_damaged : 1;
};

/* As far as a stream is believed to get in one step where no window tells: on a fast path a capture that misses a moment misses
 * that much. RFC 7323 allows 16 times more, which is a quarter of all numbers. */
#define STREAM_LEAP (INT64_C(1) << 26)

/* What overtook the first segment of a capture was sent just before. */
#define STREAM_BELOW_BITS 22

/* What one end sent, and acknowledged. */
struct stream {
    int64_t snd_max;   /* end of what it sent, or must have sent */
    int64_t acked;     /* highest acknowledgment it sent, in the peer's numbers */
    int64_t rcv_nxt;   /* what was captured of the peer without holes, or acknowledged: it has at most that */
    uint32_t segments; /* stays at its highest value */
    uint32_t fin_seq;  /* of its FIN: stream_fin_seq() */
    uint32_t base;     /* the sequence number that is 0 */
    uint32_t below : STREAM_BELOW_BITS; /* bytes it sent before the number that is 0 */
    uint32_t wscale     : 4;
    uint32_t base_known : 1, fin_sent : 1, scale_known : 1, syn_sent : 1;
    uint32_t rst_sent   : 1; /* one that is genuine */
    uint32_t syn_unseen : 1; /* it must have sent one: it was acknowledged, and base is its number */
};

/* Both directions of a connection. */
struct streams {
    struct stream of[END_N];
};

/* Where it is kept: struct stream_rare[END_N], by sender, at a place of a slab that comes with the first need; 0: there never
 * was one. */
struct stream_room {
    struct slab *slab;
    uint32_t *place;
};

/* Where a segment stands: relative numbers of both directions. */
struct stream_place {
    int64_t seq, ack; /* ack 0: it acknowledges nothing */
};

/* Relative and without wrapping: the nearest to what the sender has reached. */
int64_t stream_unwrap(const struct stream *sender, uint32_t seq);
/* The relative number of the FIN this end sent (fin_sent). */
int64_t stream_fin_seq(const struct stream *sender);
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

/* Whether the receiver can take a segment, as far as numbers tell. */
enum stream_fit {
    STREAM_FITS,
    STREAM_RENUMBERS, /* a SYN in another numbering, before anything of the first was acknowledged: it counts from here */
    STREAM_GOES_BACK, /* it acknowledges the numbering of the SYN before */
    STREAM_STRAY, /* RFC 9293 3.10.7.4: a SYN in another numbering, outside of the window, an ACK of what was never sent */
    STREAM_FOUND /* it shows that the last stray was none: the capture missed what was between */
};
struct stream_edges {
    int64_t seq, ack;  /* the highest that the segment may begin at, may acknowledge; INT64_MAX: not known */
    bool synchronised; /* the receiver is: it takes no SYN. Asked of a SYN alone */
};
/* place: stream_place_of(). */
enum stream_fit stream_fit(const struct streams *s, enum end from, const struct segment *seg,
                           const struct stream_place *place, const struct stream_edges *edges, struct stream_room room);
/* Makes it so. STREAM_STRAY: remembers where it stood. */
void stream_adapt(struct streams *s, enum end from, const struct segment *seg, enum stream_fit fit,
                  struct stream_room room);

/* Where a segment that is not taken stands, by the numbers known so far. */
struct stream_place stream_place_of(const struct streams *s, enum end from, const struct segment *seg);
/* Where a segment stands that is taken: learns where counting starts, and the shift of the windows. */
struct stream_place stream_number(struct streams *s, enum end from, const struct segment *seg, struct stream_room room);
/* How many ranges that a segment acknowledges for the first time were not captured before it; or_damaged: nor with a wrong
 * checksum, which the acknowledgment shows to have been right when it arrived. */
unsigned stream_gaps(const struct streams *s, enum end from, const struct segment *seg,
                     const struct stream_place *place, bool or_damaged, struct stream_room room);
/* What was chosen for the tunnel in which an end sends. */
uint16_t stream_chosen(struct stream_room room, enum end sender);
void stream_carried(struct stream_room room, enum end sender, uint16_t chosen);
/* It was captured, and its checksum is wrong. */
void stream_damaged(const struct streams *s, enum end from, const struct segment *seg, const struct stream_place *place,
                    struct stream_room room);
/* Takes what a segment sends and acknowledges into account. */
void stream_take(struct streams *s, enum end from, const struct segment *seg, const struct stream_place *place,
                 struct stream_room room);
/* A segment was sent, taken or not. */
void stream_count(struct stream *sender);
/* A RST was sent that is genuine. */
void stream_reset(struct stream *sender);
/* An end that is never seen must have sent a FIN, just before `ack`. */
void stream_assume_fin(struct stream *sender, int64_t ack);

#endif
