/* The trace as the bytes that one browser is sent: server-sent events, or the lines as they are. */
#ifndef TCPLENS_SINK_HTTP_STREAM_H
#define TCPLENS_SINK_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tcplens/sink/http_history.h"

#define HTTP_STREAM_END (-1)
#define HTTP_STREAM_GAP_MAX 256

struct http_stream {
    struct http_history *history;
    struct http_cursor cursor;
    struct http_batch batch;
    size_t sent; /* of batch.data, up to batch.len */
    struct {
        char text[HTTP_STREAM_GAP_MAX]; /* a line that goes before them */
        size_t len, sent;
    } gap;
    uint64_t missing; /* records that no gap told of yet */
    uint64_t last_t;  /* of the last line that was found, in nanoseconds */
    bool events;      /* server-sent events; else lines */
    bool comment;     /* say something although there is nothing to say */
    bool ended;
};

/* Everything after record number `after` (HTTP_HISTORY_ALL: everything), now and as it comes, as server-sent events:
 * messages of up to 500 lines with the last record number as id, `gap` where lines are lost, `end` at the end
 * (HTML Living Standard, 9.2 Server-sent events). history is borrowed for the life of the stream. */
void http_stream_init_events(struct http_stream *stream, struct http_history *history, uint64_t after);
/* What is there now, as lines: a trace, in which a `gap` tells how many records are not there any more. */
void http_stream_init_lines(struct http_stream *stream, struct http_history *history);
void http_stream_done(struct http_stream *stream);

/* Writes at most max bytes to buf. Returns their number, 0 if there is nothing now, HTTP_STREAM_END. */
ssize_t http_stream_read(struct http_stream *stream, char *buf, size_t max);

/* Lets the next read yield a comment if there is nothing else: so it is found out that a client has gone. */
void http_stream_heartbeat(struct http_stream *stream);

/* The record number in a Last-Event-ID, HTTP_HISTORY_ALL if there is none (NULL or no number). */
uint64_t http_stream_event_id(const char *text);

#endif
