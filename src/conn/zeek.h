/* Zeek's conn_state and history, as its documentation of conn.log defines them, for users who know the letters. */
#ifndef TCPLENS_CONN_ZEEK_H
#define TCPLENS_CONN_ZEEK_H

#include "stream.h"

/* Zeek tells the first, the tenth, the hundredth of each: what is beyond is no power of ten. */
#define ZEEK_COUNT_MAX ((1u << 20) - 1)

/* One end as Zeek sees it. */
struct zeek_end {
    uint32_t start, last;                  /* sequence numbers as sent: of the SYN, of the end so far */
    uint32_t last_syn, last_fin, last_rst; /* relative to start */
    uint64_t bad_checksums : 20, gaps : 20, retransmitted : 20; /* up to ZEEK_COUNT_MAX */
    uint64_t state        : 4;
    uint32_t zero_windows : 20, previous : 4, seen : 8;
} __attribute__((packed, aligned(4)));

struct zeek_lane {
    struct zeek_end end[END_N];
    char history[HISTORY_MAX];
    uint8_t originator; /* enum end */
};

/* The first segment of a connection. */
void zeek_begin(struct zeek_lane *lane, enum end sender, const struct segment *seg);
void zeek_segment(struct zeek_lane *lane, enum end from, const struct segment *seg);
/* Zeek leaves such a segment out. */
void zeek_bad_checksum(struct zeek_lane *lane, enum end from);
/* Holes in what this end sent were acknowledged, so that they can no longer be filled. */
void zeek_gaps(struct zeek_lane *lane, enum end end, unsigned count);
const char *zeek_conn_state(const struct zeek_lane *lane, const struct streams *streams);

#endif
