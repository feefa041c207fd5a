#include "tcplens/sink/summary.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"

size_t summary_header(char buf[static SUMMARY_LINE_MAX])
{
    return (size_t)snprintf(buf, SUMMARY_LINE_MAX, "%6s %-24s %-24s %7s %10s %7s %10s %12s %-7s %-16s %-12s %-12s %s\n",
                            "conn", "client", "server", "segs >", "bytes >", "segs <", "bytes <", "duration", "zeek",
                            "history", "client", "server", "verdict");
}

size_t summary_format(const struct change *c, char buf[static SUMMARY_LINE_MAX])
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    if (c->kind != CHANGE_OUTCOME)
        return 0;
    return (size_t)snprintf(
        buf, SUMMARY_LINE_MAX, "%6u %-24s %-24s %7llu %10llu %7llu %10llu %5llu.%06llu %-7s %-16s %-12s %-12s %s\n",
        c->conn, endpoint_format(&c->outcome.endpoints[END_CLIENT], client),
        endpoint_format(&c->outcome.endpoints[END_SERVER], server), (unsigned long long)c->outcome.segments[END_CLIENT],
        (unsigned long long)c->outcome.bytes[END_CLIENT], (unsigned long long)c->outcome.segments[END_SERVER],
        (unsigned long long)c->outcome.bytes[END_SERVER], (unsigned long long)(c->outcome.duration_ns / 1000000000),
        (unsigned long long)(c->outcome.duration_ns / 1000 % 1000000), c->outcome.conn_state, c->outcome.history,
        tcp_state_name(c->outcome.final[END_CLIENT]), tcp_state_name(c->outcome.final[END_SERVER]),
        verdict_name(c->outcome.verdict));
}

/* ---- as the pipeline knows it ---- */

struct options {
    bool summary;
};

static const struct option_row rows[] = {
    { .name = "summary",
      .help = "a table with one line a connection instead of the timeline",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct options, summary) },
};
static const struct option_table table = OPTION_TABLE(rows);

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    char header[SUMMARY_LINE_MAX];
    struct writer *writer;
    int r;

    if (!((const struct options *)config)->summary)
        return 0;
    r = writer_open(NULL, &writer);
    if (r < 0) {
        snprintf(error, SINK_ERROR_MAX, "cannot write standard output: %s", strerror(-r));
        return r;
    }
    context->stdout_taken = true;
    writer_write(writer, header, summary_header(header));
    *ret_sink = writer;
    return 0;
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    char line[SUMMARY_LINE_MAX];
    const size_t len = summary_format(change, line);

    (void)start_ns;
    if (len)
        writer_write(sink, line, len);
}

static int ops_flush(void *sink, bool all)
{
    (void)all;
    return writer_flush(sink);
}

static int ops_close(void *sink)
{
    return writer_close(sink);
}

const struct sink_ops sink_summary_ops = {
    .name = "summary",
    .options = &table,
    .config_size = sizeof(struct options),
    .open = ops_open,
    .change = ops_change,
    .flush = ops_flush,
    .close = ops_close,
};
