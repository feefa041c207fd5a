/* Joins a trace with the packets of a capture of the same: hands a format each packet before what the trace tells of it. Where
 * the trace was made of that capture a packet is known by its number; else by endpoints, numbers, flags and length, near the
 * time. */
#ifndef TCPLENS_CONVERT_JOIN_H
#define TCPLENS_CONVERT_JOIN_H

#include "tcplens/convert/convert.h"
#include "tcplens/event/event.h"

struct join;

/* Brings more of the capture, by join_packet() and join_segment(). False: it has ended. */
typedef bool (*join_more_fn)(void *arg);

/* 0 or -ENOMEM. */
int join_new(const struct convert_ops *ops, void *conversion, join_more_fn more, void *arg, struct join **ret_join)
    __attribute__((warn_unused_result));
void join_free(struct join *join); /* NULL is fine */

/* The next packet of the capture; as packet_fn. */
uint64_t join_packet(void *join, const struct packet *packet);
/* What that packet holds; as event_fn. */
void join_event(void *join, const struct event *event);

/* What the trace tells. */
void join_change(struct join *join, const struct change *change, uint64_t start_ns);
/* It tells no more: the packets that are left are handed on. */
void join_finish(struct join *join);
/* How many segments the trace told of, and of how many the packet was there. */
void join_found(const struct join *join, uint64_t *ret_segments, uint64_t *ret_found);

#endif
