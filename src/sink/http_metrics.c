/* Metrics alone, at an address of their own: the option that asks for it. The server is the browser's, without page and trace,
 * and without a token: what is told names no client, and a monitoring system cannot know a token that is new each time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/log.h"
#include "tcplens/metrics/metrics.h"
#include "tcplens/sink/http.h"
#include "tcplens/sink/http_history.h"
#include "tcplens/sink/sink.h"

struct shown {
    struct http *http;
    struct metrics *metrics;
    bool others_can; /* it is not at loopback */
};

static const struct option_row rows[] = {
    { .name = "metrics",
      .argument = "[ADDR:]PORT",
      .help = "serve metrics for Prometheus at /metrics (default address 127.0.0.1)",
      .kind = OPTION_TAKEN,
      .take = http_take_address },
};
static const struct option_table table = OPTION_TABLE(rows);

static bool is_near(const char *address)
{
    struct addr addr;

    return addr_parse(address, &addr) == 0 && addr_is_loopback(&addr);
}

static bool is_wanted(const void *config)
{
    return *((const struct http_address *)config)->address;
}

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    const struct http_address *o = config;
    struct shown *s;
    int r;

    (void)context;
    if (!is_wanted(config))
        return 0;
    s = calloc(1, sizeof(*s));
    r = s ? metrics_new(&s->metrics) : -ENOMEM;
    if (r == 0)
        r = http_open(o->address, o->port, NULL, 0, HTTP_HISTORY_MIN, &s->http);
    if (r < 0) {
        http_explain(r, "metrics", o, error);
        if (s)
            metrics_free(s->metrics);
        free(s);
        return r;
    }
    http_show_metrics(s->http, s->metrics, true);
    s->others_can = !is_near(o->address);
    *ret_sink = s;
    return 0;
}

static int ops_start(void *sink)
{
    struct shown *s = sink;
    const int r = http_start(s->http);

    if (r == 0)
        log_note("metrics: %.*s/metrics%s", (int)strcspn(http_url(s->http) + strlen("http://"), "/") + 7,
                 http_url(s->http), s->others_can ? ", for all that reach this address" : "");
    return r;
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    (void)start_ns;
    metrics_change(((struct shown *)sink)->metrics, change);
}

static int ops_flush(void *sink, bool all)
{
    (void)sink;
    (void)all;
    return 0;
}

static bool ops_serves_at(const void *sink, const struct endpoint *at, uint32_t netns)
{
    return http_serves_at(((const struct shown *)sink)->http, at, netns);
}

static int ops_close(void *sink)
{
    struct shown *s = sink;

    http_close(s->http);
    metrics_free(s->metrics);
    free(s);
    return 0;
}

const struct sink_ops sink_metrics_ops = {
    .name = "metrics",
    .live = true,
    .serves = true,
    .exports = is_wanted,
    .options = &table,
    .config_size = sizeof(struct http_address),
    .open = ops_open,
    .start = ops_start,
    .change = ops_change,
    .flush = ops_flush,
    .serves_at = ops_serves_at,
    .close = ops_close,
};
