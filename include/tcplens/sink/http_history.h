/* The lines of a trace that browsers can still get: a bounded ring of whole lines with their record numbers.
 *
 * One writer appends, any number of readers each follow with a cursor of their own; a reader that is too slow is
 * overtaken and told how many lines it missed. All functions may be called from any thread. */
#ifndef TCPLENS_SINK_HTTP_HISTORY_H
#define TCPLENS_SINK_HTTP_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_history;

#define HTTP_HISTORY_MIN 4096
#define HTTP_HISTORY_ALL UINT64_MAX

/* A place in the history. A plain value; used by one thread at a time. */
struct http_cursor {
    uint64_t position; /* of the next line, in bytes ever written */
    uint64_t line;     /* its ordinal */
    uint64_t limit;    /* position at which to stop */
    uint64_t after;    /* lines up to this record number are skipped, while resuming */
    bool resuming;
    bool past_header;
};

/* What one read found. data grows as needed and belongs to the batch: http_batch_done() frees it. */
struct http_batch {
    char *data;
    size_t len, size;
    size_t lines;
    uint64_t first, last; /* record numbers of the first and the last line */
    uint64_t lost;        /* lines that the ring no longer has */
};

enum http_history_result {
    HTTP_HISTORY_LINES, /* len bytes in data, lines > 0 */
    HTTP_HISTORY_LOST,  /* lost > 0; the cursor stands behind the hole */
    HTTP_HISTORY_WAIT,  /* nothing yet */
    HTTP_HISTORY_END,   /* nothing any more */
};

/* size: bytes, lines and 16 bytes of overhead each; at least HTTP_HISTORY_MIN is taken. Errors: -ENOMEM. */
int http_history_new(size_t size, struct http_history **ret_history) __attribute__((warn_unused_result));
struct http_history *http_history_free(struct http_history *history);

/* Appends one line of len bytes with its newline; older lines make room. A first line of record number 0, the header
 * of the trace, is kept for good (if it takes no more than a quarter): without it nobody could read the rest. A line
 * that can never fit is counted as lost. Readers see it after the next http_history_show(). */
void http_history_append(struct http_history *history, const char *line, size_t len, uint64_t n);
void http_history_show(struct http_history *history);
/* Shows what is there; nothing will follow. */
void http_history_finish(struct http_history *history);

/* A cursor before the first line with a record number above after (HTTP_HISTORY_ALL: before the first line). With
 * snapshot it ends at what is shown now, else at http_history_finish(). */
struct http_cursor http_history_seek(struct http_history *history, uint64_t after, bool snapshot);

/* Reads at most max_lines lines and about max_bytes (one line at least), each with prefix before it, to offset reserve
 * of batch->data, and moves the cursor behind them. reserve bytes are free behind them, too. */
enum http_history_result http_history_read(struct http_history *history, struct http_cursor *cursor, const char *prefix,
                                           size_t reserve, size_t max_lines, size_t max_bytes, struct http_batch *batch)
    __attribute__((warn_unused_result));
void http_batch_done(struct http_batch *batch);

#endif
