/* What is told of the events that sources bring: not the connections that the trace itself is sent and looked at by, not what
 * the expression does not want, not packets of other processes, and no more segments than were asked for. What is refused for
 * being of others is counted. Events go on elsewhere: here they are judged. */
#ifndef TCPLENS_GATE_H
#define TCPLENS_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/expression.h"
#include "tcplens/event/event.h"
#include "tcplens/place.h"
#include "tcplens/sink/sink.h"
#include "tcplens/trace/encode.h"

struct gate;

/* Everything is borrowed for the life of the gate. */
struct gate_config {
    const struct expression *expression; /* NULL: all connections pass */
    uint64_t segments_max;               /* after so many none is told; 0: all are */
    const struct endpoint *apart;        /* connections with these are not told of */
    unsigned apart_count;
    const struct sinks *sinks; /* nor those with which one of them is asked for the trace */
    const struct place *place; /* whose addresses tell such a connection; NULL: no source tells of what happens now */
    bool pairs;                /* packets are told only of connections that the kernel told of */
};

/* 0 or -ENOMEM. */
int gate_new(const struct gate_config *config, struct gate **ret_gate) __attribute__((warn_unused_result));
struct gate *gate_free(struct gate *gate); /* NULL is fine */

/* Not every event is told: what a file holds beside it is not either. */
bool gate_is_picky(const struct gate *gate);

/* Whether the expression wants it. What is about no connection, and sockets that have no address yet, pass every one. */
bool gate_matches(const struct gate *gate, const struct event *event);
/* The last of all doors, once for each event that is to be told, in order of time: segments are counted here. False: there were
 * as many as were wanted, and one more came. What the last one brought about, until then, is told. */
bool gate_tells(struct gate *gate, const struct event *event);

/* Of a source that tells of what happens now, as it is read, in no order of time: whether the event is wanted, by the expression
 * too. What it refuses as the viewer's own is counted, and what the kernel tells of pairs is noted. The gate must have a place. */
bool gate_admits(struct gate *gate, const struct event *event);
/* The same event later, in order of time: as gate_tells(), and false of a packet of another process, which is counted. Whose a
 * packet is only the kernel can tell, and it has by now: what it told was noted as it was read, and a packet is held longer than
 * that takes. */
bool gate_releases(struct gate *gate, const struct event *event);

/* As many segments came as were wanted: no more are. */
bool gate_is_full(const struct gate *gate);

/* Adds to end how many events were of others, and of the viewer. */
void gate_skipped(const struct gate *gate, struct trace_end *end);
/* As pairs_forgotten(); 0 where packets of all are told. */
uint64_t gate_pairs_forgotten(const struct gate *gate);

#endif
