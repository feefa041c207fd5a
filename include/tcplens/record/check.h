/* Is this a trace? Takes the bytes of one as they come, keeps at most one line, and counts what a reader would: the
 * first line must be a header of this version; later lines that are no records are counted, never refused. */
#ifndef TCPLENS_RECORD_CHECK_H
#define TCPLENS_RECORD_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_CHECK_LINE_MAX (1u << 20) /* a longer line counts as damaged */

/* Why the input as a whole cannot be read. */
enum record_refusal { RECORD_IS_TRACE, RECORD_IS_EMPTY, RECORD_IS_CAPTURE, RECORD_IS_OTHER_VERSION, RECORD_IS_FOREIGN };

struct record_check;

/* What has been seen so far. */
struct record_check_result {
    enum record_refusal refusal;
    int version;                            /* that of the header, with RECORD_IS_OTHER_VERSION */
    bool header;                            /* accepted */
    bool ended;                             /* the `end` record was there: the trace is whole */
    uint64_t records, broken, first_broken; /* first_broken: number of a line, from 1 */
};

/* 0 or -ENOMEM. */
int record_check_new(struct record_check **ret_check) __attribute__((warn_unused_result));
struct record_check *record_check_free(struct record_check *check);

/* Bytes cut anywhere. 0, or -EINVAL as soon as it is certain that this is no trace (see the result). */
int record_check_feed(struct record_check *check, const char *data, size_t len) __attribute__((warn_unused_result));
/* The input ended. A last line without newline that does not parse is where the trace was cut, no damage. */
int record_check_finish(struct record_check *check) __attribute__((warn_unused_result));

const struct record_check_result *record_check_result(const struct record_check *check);

#endif
