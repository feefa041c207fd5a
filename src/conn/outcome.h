/* What became of a connection: figures, and a verdict that names the thing a person would look for first. */
#ifndef TCPLENS_CONN_OUTCOME_H
#define TCPLENS_CONN_OUTCOME_H

#include "life.h"

/* Tells it, as things stand at ts_ns. */
void outcome_tell(const struct life *l, const struct registry *listeners, bool all_packets, struct emitter *out,
                  uint64_t ts_ns);

#endif
