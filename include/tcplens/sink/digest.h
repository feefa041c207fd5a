/* What is wrong, in the end: the findings of a trace, worst first, each with a connection that shows it, and what helps. */
#ifndef TCPLENS_SINK_DIGEST_H
#define TCPLENS_SINK_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/writer.h"
#include "tcplens/trace/change.h"

struct digest;

/* 0 or -ENOMEM. */
int digest_new(struct digest **ret_digest) __attribute__((warn_unused_result));
/* NULL is fine; returns NULL. */
struct digest *digest_free(struct digest *digest);

/* Which witnesses there are: what none of them tells of is not known to be right. */
void digest_witnesses(struct digest *digest, const bool witnesses[static WITNESS_N]);

/* Takes what the engine tells, or what was read back; start_ns: UNIX time of the trace's beginning. */
void digest_take(struct digest *digest, const struct change *change, uint64_t start_ns);

/* What had no room in the trace (`beyond` of its end). */
void digest_beyond(struct digest *digest, const uint64_t beyond[static BEYOND_N]);

/* Prints the findings, or what stands out where there is none; whole: also that there is none, and the endings that none of them is
 * about. */
void digest_print(const struct digest *digest, struct writer *writer, bool whole, bool colour);

#endif
