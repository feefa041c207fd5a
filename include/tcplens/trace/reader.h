/* A trace as bytes that come as they come: cut into lines, each decoded. A line that is damaged is counted and passed over;
 * a last one without its newline counts where it is whole. */
#ifndef TCPLENS_TRACE_READER_H
#define TCPLENS_TRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/trace/decode.h"

/* Takes a line, its texts borrowed for the call. None comes before the header. */
typedef void (*trace_line_fn)(void *arg, const struct trace_line *line);

/* Whether a line is worth more than a look: one that is not is neither decoded nor counted as damaged. */
typedef bool (*trace_wants_fn)(const char *line, size_t len);

struct trace_reader;

/* What has been seen so far. */
struct trace_reader_result {
    uint64_t broken, first_broken; /* lines; first_broken: its number, from 1 */
    bool ended;                    /* the end record was there: the trace is whole */
    uint32_t part;                 /* of a trace in several files; 0: it is in one */
};

/* wants: NULL: all are. 0 or -ENOMEM. */
int trace_reader_new(trace_wants_fn wants, trace_line_fn take, void *arg, struct trace_reader **ret_reader)
    __attribute__((warn_unused_result));
void trace_reader_free(struct trace_reader *reader); /* NULL is fine */

void trace_reader_feed(struct trace_reader *reader, const char *data, size_t len);
/* No more bytes come. */
void trace_reader_finish(struct trace_reader *reader);
const struct trace_reader_result *trace_reader_result(const struct trace_reader *reader);

#endif
