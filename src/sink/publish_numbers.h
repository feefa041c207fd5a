/* Which records of a trace were read: each number counts once, so that a record that is stored twice hides none that is missing. */
#ifndef TCPLENS_PUBLISH_NUMBERS_H
#define TCPLENS_PUBLISH_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* Numbers grow from one to the next as they are stored, but for what is sent again after a lost connection: that is behind the
 * highest by what is on its way at once (publish_sender.c) at most. What is further behind counts as read before. */
#define PUBLISH_NUMBERS_BEHIND 4096u

/* All zeros. */
struct publish_numbers {
    uint64_t next, count; /* above the highest number; how many different ones */
    uint64_t seen[PUBLISH_NUMBERS_BEHIND / 64];
};

/* False: it was read before. */
bool publish_numbers_take(struct publish_numbers *numbers, uint64_t n);
/* How many below the highest were not. */
static inline uint64_t publish_numbers_missing(const struct publish_numbers *numbers)
{
    return numbers->next - numbers->count;
}

#endif
