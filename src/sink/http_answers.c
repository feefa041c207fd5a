#include "http_answers.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/json.h"

enum MHD_Result http_answer_with(struct MHD_Connection *connection, unsigned status, const char *type,
                                 struct MHD_Response *response)
{
    /* Connection: close, because an idle connection that a browser keeps would take the place of a client. */
    const char *const headers[][2] = {
        { MHD_HTTP_HEADER_CONTENT_TYPE, type },
        { MHD_HTTP_HEADER_CONNECTION, "close" },
        { MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
        { "X-Content-Type-Options", "nosniff" },
        { "Referrer-Policy", "no-referrer" },
        { "Cross-Origin-Resource-Policy", "same-origin" },
        { "Content-Security-Policy", "frame-ancestors 'none'" },
    };
    if (!response)
        return MHD_NO;
    enum MHD_Result result = MHD_YES;
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers) && result == MHD_YES; i++)
        result = MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result http_answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
    if (response && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    return http_answer_with(connection, status, "text/plain; charset=utf-8", response);
}

enum MHD_Result http_answer_page(struct MHD_Connection *connection, const char *page, size_t len)
{
    return http_answer_with(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
                            MHD_create_response_from_buffer(len, (void *)(uintptr_t)page, MHD_RESPMEM_PERSISTENT));
}

enum MHD_Result http_answer_names(struct MHD_Connection *connection, const struct http_file *files, unsigned count)
{
    size_t room = 3;
    char *text, *p;

    for (unsigned i = 0; i < count; i++)
        room += 6 * strlen(files[i].name) + 3;
    text = p = malloc(room);
    if (!text)
        return MHD_NO;
    *p++ = '[';
    for (unsigned i = 0; i < count; i++) {
        if (i)
            *p++ = ',';
        p = json_put_text(p, files[i].name, SIZE_MAX);
    }
    *p++ = ']';
    return http_answer_with(connection, MHD_HTTP_OK, "application/json",
                            MHD_create_response_from_buffer((size_t)(p - text), text, MHD_RESPMEM_MUST_FREE));
}

enum MHD_Result http_answer_file(struct MHD_Connection *connection, const struct http_file *files, unsigned count)
{
    const char *n = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "n");
    char *rest;
    unsigned long i = n ? strtoul(n, &rest, 10) : 0;
    int fd;

    if (!n || *n < '0' || *n > '9' || *rest || i >= count)
        return http_answer_text(connection, MHD_HTTP_NOT_FOUND, "Not found.\n");
    fd = fcntl(files[i].fd, F_DUPFD_CLOEXEC, 3); /* the response closes it */
    if (fd < 0)
        return MHD_NO;
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, HTTP_STREAM_TIMEOUT_S);
    return http_answer_with(connection, MHD_HTTP_OK, "application/octet-stream",
                            MHD_create_response_from_fd_at_offset64(files[i].size, fd, 0));
}

#define OPENMETRICS "application/openmetrics-text"

/* RFC 9110, 12.5.1. Who names it can read it, however much more than another; q=0 would say that it cannot. */
static bool takes_openmetrics(const char *accept)
{
    const char *at = accept ? strstr(accept, OPENMETRICS) : NULL, *q;
    size_t len;

    if (!at)
        return false;
    len = strcspn(at, ",");
    q = strstr(at, "q=");
    return !q || q >= at + len || strtod(q + 2, NULL) > 0;
}

enum MHD_Result http_answer_metrics(struct MHD_Connection *connection, struct metrics *metrics)
{
    const bool open =
        takes_openmetrics(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
    size_t len;
    char *text = metrics_text(metrics, open ? METRICS_OPENMETRICS : METRICS_PROMETHEUS, &len);

    if (!text)
        return MHD_NO;
    return http_answer_with(connection, MHD_HTTP_OK,
                            open ? OPENMETRICS "; version=1.0.0; charset=utf-8"
                                 : "text/plain; version=0.0.4; charset=utf-8",
                            MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE));
}

enum MHD_Result http_answer_index(struct MHD_Connection *connection)
{
    static const char page[] = "<!doctype html>\n"
                               "<html lang=\"en\"><meta charset=\"utf-8\"><title>tcplens export</title>\n"
                               "<h1>tcplens export " TCPLENS_VERSION "</h1>\n"
                               "<p>What the TCP connections of this host add up to, for Prometheus:\n"
                               "<a href=\"metrics\">/metrics</a>.</p>\n"
                               "</html>\n";

    return http_answer_with(connection, MHD_HTTP_OK, "text/html; charset=utf-8",
                            MHD_create_response_from_buffer(sizeof(page) - 1, (char *)page, MHD_RESPMEM_PERSISTENT));
}
