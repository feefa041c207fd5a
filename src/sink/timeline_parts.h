/* The parts that timeline.c makes a line of; each adds to the line. */
#ifndef TCPLENS_SINK_TIMELINE_PARTS_H
#define TCPLENS_SINK_TIMELINE_PARTS_H

#include "tcplens/base/line.h"
#include "tcplens/trace/change.h"

#define TIMELINE_WORD_MAX 64 /* of names that we choose ourselves */

/* ---- timeline_line.c */
/* Puts a text into the lane, on the side of the end it belongs to; its style ends with it. */
void timeline_lane(struct line *l, enum end side, const struct line *text);
/* In the unit that leaves something of it to see: "84 µs", "0.512 ms", "60.000 s". */
void timeline_duration(struct line *l, uint64_t ns);
/* "curl[4711]" */
void timeline_task(struct line *l, const struct task *task);
/* "client TEXT" at the left, "TEXT server" at the right: before the text, and after it. */
void timeline_begin_side(struct line *lane, const struct change *c);
void timeline_end_side(struct line *l, const struct change *c, struct line *lane);

/* ---- timeline_packet.c */
void timeline_segment(struct line *l, const struct change *c);
void timeline_arrival(struct line *l, const struct change *c);
void timeline_icmp(struct line *l, const struct change *c);
void timeline_datagram(struct line *l, const struct change *c);

/* ---- timeline_call.c */
void timeline_call(struct line *l, const struct change *c);

#endif
