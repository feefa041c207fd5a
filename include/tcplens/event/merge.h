/* Puts the events of several sources into one order of time. Each source is nearly in order by itself; an event is
 * held until nothing earlier can come any more, or until there is no room to hold it. */
#ifndef TCPLENS_EVENT_MERGE_H
#define TCPLENS_EVENT_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "tcplens/event/event.h"

struct merge;

/* max: events held at the most (a full merge lets the earliest go before its time, which is safe but may make a later
 * one `late`). emit gets the events in order. 0 or -ENOMEM. */
int merge_new(size_t max, event_fn emit, void *arg, struct merge **ret_merge) __attribute__((warn_unused_result));
void merge_put(struct merge *merge, const struct event *event);
/* Lets go of every event earlier than ts_ns; UINT64_MAX: of all. */
void merge_release(struct merge *merge, uint64_t ts_ns);
/* Events let go before their time, for want of room. */
uint64_t merge_early(const struct merge *merge);
struct merge *merge_free(struct merge *merge);

#endif
