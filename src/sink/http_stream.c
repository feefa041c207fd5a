#include "tcplens/sink/http_stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/trace/encode.h"

#define MESSAGE_LINES 500
#define MESSAGE_BYTES (128u << 10)
/* Room for "id: N\n" before the lines of a message and for the empty line after them. */
#define RESERVE 32

void http_stream_init_events(struct http_stream *s, struct http_history *history, uint64_t after)
{
    *s = (struct http_stream){ .history = history, .events = true };
    s->cursor = http_history_seek(history, after, false);
}

void http_stream_init_lines(struct http_stream *s, struct http_history *history)
{
    *s = (struct http_stream){ .history = history };
    s->cursor = http_history_seek(history, HTTP_HISTORY_ALL, true);
}

void http_stream_done(struct http_stream *s)
{
    http_batch_done(&s->batch);
}

/* Replaces what is in the buffer, which is larger than any of these. */
#define SAY(s, ...) say(s, snprintf((s)->batch.data, (s)->batch.size, __VA_ARGS__))

static void say(struct http_stream *s, int len)
{
    s->batch.len = (size_t)len;
    s->sent = 0;
}

static void frame_message(struct http_stream *s)
{
    char id[RESERVE];
    size_t len = (size_t)snprintf(id, sizeof(id), "id: %" PRIu64 "\n", s->batch.last);

    s->sent -= len;
    memcpy(s->batch.data + s->sent, id, len);
    s->batch.data[s->batch.len++] = '\n';
}

/* `t` of a line of the trace, which begins with `record`, `n`, `t`. */
static uint64_t time_of(const char *line, size_t len)
{
    const char *t = memmem(line, len, "\"t\":", 4);

    return t ? strtoull(t + 4, NULL, 10) : 0; /* a newline ends the line at the latest */
}

/* What comes before these lines is not there any more. */
static void tell_missing(struct http_stream *s, const char *lines, size_t len)
{
    const uint64_t t = time_of(lines, len);
    char line[TRACE_LINE_MAX];
    const struct change change = {
        .kind = CHANGE_GAP,
        .n = s->batch.first - 1,
        .ts_ns = t,
        .gap = { .source = WITNESS_KERNEL, .records = s->missing, .from_ns = s->last_t, .to_ns = t },
    };
    size_t gap;

    gap = trace_encode(&change, 0, line);
    if (gap > sizeof(s->gap.text))
        return;
    memcpy(s->gap.text, line, gap);
    s->gap.len = gap;
    s->gap.sent = s->missing = 0;
}

static void look_at_lines(struct http_stream *s)
{
    const char *lines = s->batch.data + s->sent;
    const size_t len = s->batch.len - s->sent;
    const char *before_last = memrchr(lines, '\n', len - 1);

    if (s->missing)
        tell_missing(s, lines, len);
    lines = before_last ? before_last + 1 : lines;
    s->last_t = time_of(lines, (size_t)(s->batch.data + s->batch.len - lines));
}

/* Fills the buffer with the next message. Returns false if there is none now. */
static bool fill(struct http_stream *s)
{
    enum http_history_result result = http_history_read(s->history, &s->cursor, s->events ? "data: " : "", RESERVE,
                                                        MESSAGE_LINES, MESSAGE_BYTES, &s->batch);

    s->sent = s->batch.len;
    if (!s->batch.data)
        return false; /* no memory: tried again at the next call */
    switch (result) {
    case HTTP_HISTORY_LINES:
        s->sent = RESERVE;
        if (s->events)
            frame_message(s);
        else
            look_at_lines(s);
        break;
    case HTTP_HISTORY_LOST:
        s->missing += s->events ? 0 : s->batch.lost;
        if (s->events)
            SAY(s, "event: gap\ndata: {\"lost\":%" PRIu64 "}\n\n", s->batch.lost);
        break;
    case HTTP_HISTORY_END:
        s->ended = true;
        if (s->events)
            SAY(s, "event: end\ndata: {}\n\n");
        break;
    case HTTP_HISTORY_WAIT:
        if (!s->comment)
            return false;
        SAY(s, ": \n\n");
        break;
    }
    s->comment = false;
    return true;
}

static ssize_t give(const char *from, size_t end, size_t *at, char *buf, size_t max)
{
    const size_t left = end - *at, len = left < max ? left : max;

    memcpy(buf, from + *at, len);
    *at += len;
    return (ssize_t)len;
}

ssize_t http_stream_read(struct http_stream *s, char *buf, size_t max)
{
    while (s->gap.sent == s->gap.len && s->sent == s->batch.len) {
        if (s->ended)
            return HTTP_STREAM_END;
        if (!fill(s))
            return 0;
    }
    return s->gap.sent < s->gap.len ? give(s->gap.text, s->gap.len, &s->gap.sent, buf, max)
                                    : give(s->batch.data, s->batch.len, &s->sent, buf, max);
}

void http_stream_heartbeat(struct http_stream *s)
{
    s->comment = s->events;
}

uint64_t http_stream_event_id(const char *text)
{
    if (!text || !*text || strspn(text, "0123456789") != strlen(text))
        return HTTP_HISTORY_ALL;
    errno = 0;
    uint64_t n = strtoull(text, NULL, 10);
    return errno ? HTTP_HISTORY_ALL : n;
}
