/* What the server says: each sends the whole of an answer, with the headers that all have. MHD_NO: it could not, and the library
 * closes the connection. */
#ifndef TCPLENS_SINK_HTTP_ANSWERS_H
#define TCPLENS_SINK_HTTP_ANSWERS_H

#include <microhttpd.h>
#include <stddef.h>

#include "tcplens/metrics/metrics.h"
#include "tcplens/sink/http_file.h"

#define HTTP_STREAM_TIMEOUT_S 120u /* of what is long: a browser stopped in its debugger comes back */

/* Adds the headers, sends it and gives the response away, in any case. response: NULL is MHD_NO. */
enum MHD_Result http_answer_with(struct MHD_Connection *connection, unsigned status, const char *type,
                                 struct MHD_Response *response);
/* text: a literal. */
enum MHD_Result http_answer_text(struct MHD_Connection *connection, unsigned status, const char *text);
/* page: borrowed for as long as the server runs. */
enum MHD_Result http_answer_page(struct MHD_Connection *connection, const char *page, size_t len);
/* The names of the files that are handed out, as JSON; and that of them whose number the request has (n). */
enum MHD_Result http_answer_names(struct MHD_Connection *connection, const struct http_file *files, unsigned count);
enum MHD_Result http_answer_file(struct MHD_Connection *connection, const struct http_file *files, unsigned count);
/* In the format that the request takes: OpenMetrics, or that of Prometheus. */
enum MHD_Result http_answer_metrics(struct MHD_Connection *connection, struct metrics *metrics);
/* Where there is nothing but metrics: what a person sees who follows a link of the monitoring system. */
enum MHD_Result http_answer_index(struct MHD_Connection *connection);

#endif
