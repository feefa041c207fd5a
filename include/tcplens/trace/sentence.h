/* What an outcome says to a person. */
#ifndef TCPLENS_TRACE_SENTENCE_H
#define TCPLENS_TRACE_SENTENCE_H

#include "tcplens/trace/change.h"

/* Why a listener with these queues dropped a segment. limit: what its accept queue holds. Source: sk_acceptq_is_full,
 * inet_csk_reqsk_queue_is_full. */
enum cause queue_drop_cause(uint32_t syn, uint32_t accept, uint32_t limit);

/* "The client closed first …": one English sentence, or two where there is a cause. Returns its length; writes at most size
 * bytes with NUL. */
int verdict_format(const struct change *outcome, char *buf, unsigned size);

#endif
