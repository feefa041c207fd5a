/* A line of a trace, read back: the inverse of encode.h. What encode.h writes comes back such that it is written alike
 * again. */
#ifndef TCPLENS_TRACE_DECODE_H
#define TCPLENS_TRACE_DECODE_H

#include <stddef.h>

#include "tcplens/trace/encode.h"

#define TRACE_DECODE_ERROR_MAX 256

enum trace_line_kind {
    TRACE_LINE_HEADER,
    TRACE_LINE_CHANGE,
    TRACE_LINE_END,
    TRACE_LINE_UNKNOWN, /* a kind of a later version: to be passed over */
};

/* Texts live until the next line is decoded. A member of change.outcome is not in a trace: endpoints is NULL. */
struct trace_line {
    enum trace_line_kind kind;
    union {
        struct trace_header header;
        struct change change;
        struct trace_end end;
    };
};

struct trace_decoder;

/* 0 or -ENOMEM. */
int trace_decoder_new(struct trace_decoder **ret_decoder) __attribute__((warn_unused_result));
/* NULL is fine; returns NULL. */
struct trace_decoder *trace_decoder_free(struct trace_decoder *decoder);

/* Decodes one line; len: without or with its newline. The first one must be a header of this version; what another one says
 * of time counts from there. Fields that are not known are passed over. 0, or -EINVAL with what is wrong in error: the
 * field, and what it should be. */
int trace_decode(struct trace_decoder *decoder, const char *line, size_t len, struct trace_line *ret_line,
                 char error[static TRACE_DECODE_ERROR_MAX]) __attribute__((warn_unused_result));

#endif
