/* Is this a trace? Takes the bytes of one as they come, keeps at most one line, and counts what a reader would: the
 * first line must be a header of this version; later lines that are no records are counted, never refused. */
#ifndef TCPLENS_TRACE_CHECK_H
#define TCPLENS_TRACE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why the input as a whole cannot be read. */
enum trace_refusal { TRACE_IS_TRACE, TRACE_IS_EMPTY, TRACE_IS_CAPTURE, TRACE_IS_OTHER_VERSION, TRACE_IS_FOREIGN };

struct trace_check;

/* What has been seen so far. */
struct trace_check_result {
    enum trace_refusal refusal;
    int version;                            /* that of the header, with TRACE_IS_OTHER_VERSION */
    bool header;                            /* accepted */
    bool ended;                             /* the `end` record was there: the trace is whole */
    uint32_t part;                          /* of a trace in several files; 0: it is in one */
    uint64_t records, broken, first_broken; /* first_broken: number of a line, from 1 */
};

/* 0 or -ENOMEM. */
int trace_check_new(struct trace_check **ret_check) __attribute__((warn_unused_result));
struct trace_check *trace_check_free(struct trace_check *check);

/* Bytes cut anywhere. 0, or -EINVAL as soon as it is certain that this is no trace (see the result). */
int trace_check_feed(struct trace_check *check, const char *data, size_t len) __attribute__((warn_unused_result));
/* The input ended. A last line without newline that does not parse is where the trace was cut, no damage. */
int trace_check_finish(struct trace_check *check) __attribute__((warn_unused_result));

const struct trace_check_result *trace_check_result(const struct trace_check *check);

#endif
