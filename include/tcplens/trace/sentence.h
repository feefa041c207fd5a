/* What an outcome says to a person. */
#ifndef TCPLENS_TRACE_SENTENCE_H
#define TCPLENS_TRACE_SENTENCE_H

#include "tcplens/trace/change.h"

/* "The client closed first …": one English sentence, or two where there is a cause. Returns its length; writes at most size
 * bytes with NUL. */
int verdict_format(const struct change *outcome, char *buf, unsigned size);

#endif
