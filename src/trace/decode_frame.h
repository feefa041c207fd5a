/* The first and the last line of a trace, the inverse of frame.c. */
#ifndef TCPLENS_TRACE_DECODE_FRAME_H
#define TCPLENS_TRACE_DECODE_FRAME_H

#include "decode_value.h"

#define DECODE_COMMAND_MAX 1024 /* arguments of a header's command */

/* Both: 0, or -EINVAL with what is wrong in error. What they set points into tree, and the command is arguments. */
int decode_header(const cJSON *tree, char *arguments[static DECODE_COMMAND_MAX + 1], struct trace_header *h,
                  struct decode_error *error);
int decode_end(const cJSON *tree, uint64_t start_ns, struct trace_end *e, struct decode_error *error);

#endif
