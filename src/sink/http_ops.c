/* The browser as a sink of the pipeline: the option that asks for it, and when it is told that there is more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/metrics/metrics.h"
#include "tcplens/sink/http.h"
#include "tcplens/sink/sink.h"
#include "tcplens/viewer.h"

/* Browsers get batches, not single records. */
#define FLUSHES_PER_BATCH 3

struct served {
    struct http *http;
    struct metrics *metrics;
    unsigned flushes;
};

int http_take_address(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct http_address *o = member;
    const char *colon = strrchr(value, ':'), *address = colon ? value : "127.0.0.1",
               *digits = colon ? colon + 1 : value;
    size_t len = colon ? (size_t)(colon - value) : strlen(address);
    char *rest;
    unsigned long port = strtoul(digits, &rest, 10);

    if (colon && len >= 2 && address[0] == '[' && address[len - 1] == ']') {
        address++;
        len -= 2;
    }
    if (!len || len >= sizeof(o->address) || *digits < '0' || *digits > '9' || *rest || port > UINT16_MAX) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes [ADDR:]PORT, not '%.100s'", value);
        return -EINVAL;
    }
    memcpy(o->address, address, len);
    o->address[len] = '\0';
    o->port = (uint16_t)port;
    return 0;
}

static const struct option_row rows[] = {
    { .name = "serve",
      .argument = "[ADDR:]PORT",
      .help = "serve the viewer and the live trace to a browser (default address 127.0.0.1)",
      .kind = OPTION_TAKEN,
      .take = http_take_address },
};
static const struct option_table table = OPTION_TABLE(rows);

void http_explain(int r, const char *option, const struct http_address *o, char error[static SINK_ERROR_MAX])
{
    if (r == -EINVAL)
        snprintf(error, SINK_ERROR_MAX, "--%s: '%s' is not an address", option, o->address);
    else if (r == -EADDRINUSE)
        snprintf(error, SINK_ERROR_MAX, "port %u at %s is taken by another program: choose another one", o->port,
                 o->address);
    else
        snprintf(error, SINK_ERROR_MAX, "cannot serve on %s, port %u: %s", *o->address ? o->address : "127.0.0.1",
                 o->port, strerror(-r));
}

void http_warn(const struct http_address *at)
{
    struct addr addr;

    if (*at->address && addr_parse(at->address, &addr) == 0 && !addr_is_loopback(&addr))
        log_note(
            "--serve %s: the network can read the trace and the token, neither is encrypted; on 127.0.0.1, with ssh -L, "
            "they stay here",
            at->address);
}

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    const struct http_address *o = config;
    struct served *s;
    int r;

    (void)context;
    if (!*o->address)
        return 0;
    s = calloc(1, sizeof(*s));
    r = s ? metrics_new(&s->metrics) : -ENOMEM;
    if (r == 0)
        r = http_open(o->address, o->port, viewer_html(), viewer_html_len(), LIMIT_BROWSER_HISTORY, &s->http);
    if (r < 0) {
        http_explain(r, "serve", o, error);
        if (s)
            metrics_free(s->metrics);
        free(s);
        return r;
    }
    http_show_metrics(s->http, s->metrics, false);
    http_warn(o);
    *ret_sink = s;
    return 0;
}

static int ops_start(void *sink)
{
    return http_start(((struct served *)sink)->http);
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    (void)start_ns;
    metrics_change(((struct served *)sink)->metrics, change);
}

static void ops_line(void *sink, const char *line, size_t len, uint64_t n)
{
    http_write(((struct served *)sink)->http, line, len, n);
}

static int ops_flush(void *sink, bool all)
{
    struct served *s = sink;

    if (all || ++s->flushes % FLUSHES_PER_BATCH == 0)
        http_flush(s->http);
    return 0;
}

static void ops_finish(void *sink)
{
    http_finish(((struct served *)sink)->http);
}

static const char *ops_address(const void *sink)
{
    return http_url(((const struct served *)sink)->http);
}

static bool ops_serves_at(const void *sink, const struct endpoint *at, uint32_t netns)
{
    return http_serves_at(((const struct served *)sink)->http, at, netns);
}

static bool ops_watched(const void *sink)
{
    return http_watched(((const struct served *)sink)->http);
}

static int ops_close(void *sink)
{
    struct served *s = sink;

    http_close(s->http);
    metrics_free(s->metrics);
    free(s);
    return 0;
}

static bool probe(void (*tell)(bool ok, const char *what, const char *detail))
{
    struct http *http;
    int r = http_open(NULL, 0, "", 0, 0, &http);

    tell(r == 0, "browsers can be served on 127.0.0.1 (--serve)", r < 0 ? strerror(-r) : NULL);
    if (r == 0)
        http_close(http);
    return r == 0;
}

const struct sink_ops sink_http_ops = {
    .name = "http",
    .live = true,
    .serves = true,
    .options = &table,
    .config_size = sizeof(struct http_address),
    .open = ops_open,
    .start = ops_start,
    .change = ops_change,
    .line = ops_line,
    .flush = ops_flush,
    .finish = ops_finish,
    .address = ops_address,
    .serves_at = ops_serves_at,
    .watched = ops_watched,
    .close = ops_close,
    .probe = probe,
};
