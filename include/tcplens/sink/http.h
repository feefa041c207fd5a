/* Serves the viewer and the live trace to browsers: HTTP on loopback, server-sent events. */
#ifndef TCPLENS_SINK_HTTP_H
#define TCPLENS_SINK_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/options.h"
#include "tcplens/sink/http_file.h"
#include "tcplens/sink/sink.h"

struct http;
struct metrics;

/* Where browsers are served; all zeros: nowhere. */
struct http_address {
    char address[64];
    uint16_t port; /* 0: any free one */
};
/* "8480", "0.0.0.0:8480", "[::1]:8480", as an option takes it; member: a struct http_address. */
int http_take_address(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
/* Why http_open() failed with r there. option: that asked for it, without the dashes. */
void http_explain(int r, const char *option, const struct http_address *at, char error[static SINK_ERROR_MAX]);

/* viewer_html may be NULL where only metrics are shown.
 * Binds address (text; NULL: 127.0.0.1) and port (0: any) and makes the token, and no more: no thread runs and no byte
 * is read yet, so that this can be done before rights are dropped and in the network namespace of the browser.
 * viewer_html: the page, len bytes, borrowed for the life of the sink. history: bytes of trace kept for browsers that
 * come later or fall behind, 4096 at least are taken; older lines are dropped and said (`event: gap`), the header
 * (record 0) never is. The memory is used as lines come.
 * Errors: -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EINVAL (address), -ENOMEM. */
int http_open(const char *address, uint16_t port, const char *viewer_html, size_t len, size_t history,
              struct http **ret_http) __attribute__((warn_unused_result));

/* Files for the page to fetch, instead of a live trace; borrowed for the life of the sink. Before http_start(). */
void http_hand_out(struct http *http, const struct http_file *files, unsigned count);

/* Answers /metrics with them; borrowed for the life of the sink. alone: with nothing else, and without a token, as a monitoring
 * system asks; then the Host is looked at where the request came by loopback only. Before http_start(). */
void http_show_metrics(struct http *http, struct metrics *metrics, bool alone);

/* Starts to answer, in a thread of its own that takes no signals. Once; after an error only http_close() is left.
 *   /        the page
 *   /events  the trace as server-sent events: see http_stream_init_events(); Last-Event-ID resumes
 *   /trace   what is kept of it now, as NDJSON
 *   /files   the names of the files that are handed out, as a JSON array
 *   /file    one of them, as it is; ?n= counts from 0
 *   /metrics where there are some, as Prometheus takes them
 * each with ?token=, for GET and HEAD. Errors: -errno. */
int http_start(struct http *http) __attribute__((warn_unused_result));

/* Instead of http_start(), in the caller's thread: answers what a connection asks, as far as that goes without waiting, and
 * closes it. For tests, which this lets ask thousands of times a second. 0, -ETIMEDOUT (it is not over) or -errno. */
int http_answer(struct http *http, int fd) __attribute__((warn_unused_result));

/* "http://127.0.0.1:8080/?token=…"; for the wildcard address the one of loopback. Lives as long as the sink. */
const char *http_url(const struct http *http);

/* Whether browsers connect to it at this end, in the network namespace that it was opened in. The address may be any of this
 * host's: then of every one it is said. */
bool http_serves_at(const struct http *http, const struct endpoint *at, uint32_t netns);
/* Somebody is being sent the trace at this moment. Any thread may ask. */
bool http_watched(const struct http *http);

/* Notes that others can reach it, and read along, where its address is not loopback's. */
void http_warn(const struct http_address *at);

/* Appends one line of the trace (one newline, at its end), whose record number is n; numbers grow. Costs a copy, never
 * waits for a client. A line larger than the history is dropped and counted as lost. Any thread may call the three. */
void http_write(struct http *http, const char *line, size_t len, uint64_t n);
/* Makes what was written visible to the clients: call it a few times a second, not per line. */
void http_flush(struct http *http);
/* The trace is complete: clients get `event: end`; the page and the whole history stay available. */
void http_finish(struct http *http);

/* Ends the thread and every connection. NULL is fine; returns NULL. */
struct http *http_close(struct http *http);

#endif
