/* Which pairs of endpoints the kernel told of: where it tells of one process alone, packets of other pairs are other processes'.
 * In bounded memory. */
#ifndef TCPLENS_EVENT_PAIRS_H
#define TCPLENS_EVENT_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/event/event.h"

struct pairs;

/* 0 or -ENOMEM. */
int pairs_new(struct pairs **ret_pairs) __attribute__((warn_unused_result));

/* Takes what the kernel told, before the packets of the same time are asked for. */
void pairs_note(struct pairs *pairs, const struct event *event);

/* Whether a packet is of a pair that is open, or was until a moment ago; of UDP, is of a port that a call was seen on. */
bool pairs_have(struct pairs *pairs, const struct event *packet);

/* Open pairs that made room for others: their packets were not told from then on. */
uint64_t pairs_forgotten(const struct pairs *pairs);

struct pairs *pairs_free(struct pairs *pairs);

#endif
