#include "tcplens/sink/summary.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/line.h"
#include "tcplens/base/terminal.h"
#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"

#define WIDE_CELLS 150 /* of a terminal that has room for every column */

static bool is_narrow(unsigned columns)
{
    return columns && columns < WIDE_CELLS;
}

size_t summary_header(unsigned columns, char buf[static SUMMARY_LINE_MAX])
{
    if (is_narrow(columns))
        return (size_t)snprintf(buf, SUMMARY_LINE_MAX, "%5s %-21s %-21s %9s %s\n", "conn", "client", "server",
                                "duration", "verdict");
    return (size_t)snprintf(buf, SUMMARY_LINE_MAX, "%6s %-24s %-24s %7s %10s %7s %10s %12s %-7s %-16s %-12s %-12s %s\n",
                            "conn", "client", "server", "segs >", "bytes >", "segs <", "bytes <", "duration", "zeek",
                            "history", "client", "server", "verdict");
}

static size_t format_narrow(const struct change *c, char buf[static SUMMARY_LINE_MAX])
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    return (size_t)snprintf(buf, SUMMARY_LINE_MAX, "%5u %-21s %-21s %5llu.%03llu %s\n", c->conn,
                            endpoint_format(&c->outcome.endpoints[END_CLIENT], client),
                            endpoint_format(&c->outcome.endpoints[END_SERVER], server),
                            (unsigned long long)(c->outcome.duration_ns / 1000000000),
                            (unsigned long long)(c->outcome.duration_ns / 1000000 % 1000),
                            verdict_name(c->outcome.verdict));
}

size_t summary_format(const struct change *c, unsigned columns, char buf[static SUMMARY_LINE_MAX])
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    if (c->kind != CHANGE_OUTCOME)
        return 0;
    if (is_narrow(columns))
        return format_narrow(c, buf);
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

struct table {
    struct writer *writer;
    unsigned columns; /* of the terminal; 0: any number */
    uint64_t verdicts[VERDICT_N], connections, again;
    uint64_t begun, ended; /* of all that are told */
    /* Connections that were over before the trace began, in the order of their numbers: all that is left of them is a minisock. */
    uint32_t *over, over_count, over_size;
    uint32_t before; /* the one that was told last, if it is older than the trace; else 0 */
};

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    struct table *t;
    int r;

    if (!((const struct options *)config)->summary)
        return 0;
    t = calloc(1, sizeof(*t));
    r = t ? writer_open(NULL, &t->writer) : -ENOMEM;
    if (r < 0) {
        snprintf(error, SINK_ERROR_MAX, "cannot write standard output: %s", strerror(-r));
        free(t);
        return r;
    }
    context->stdout_taken = true;
    t->columns = terminal_columns(STDOUT_FILENO);
    *ret_sink = t;
    return 0;
}

static int ops_begin(void *sink, char error[static SINK_ERROR_MAX])
{
    struct table *t = sink;
    char header[SUMMARY_LINE_MAX];

    (void)error;
    writer_write(t->writer, header, summary_header(t->columns, header));
    return 0;
}

static void note_over(struct table *t, uint32_t conn)
{
    if (t->over_count == t->over_size) {
        const uint32_t size = t->over_size ? 2 * t->over_size : 64;
        uint32_t *over = realloc(t->over, size * sizeof(*over));

        if (!over)
            return; /* it gets its line, as any other */
        t->over = over;
        t->over_size = size;
    }
    t->over[t->over_count++] = conn;
}

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static bool was_over(const struct table *t, uint32_t conn)
{
    return t->over_count && bsearch(&conn, t->over, t->over_count, sizeof(*t->over), compare);
}

/* The first that is told of one that is older is its state. */
static void look_before(struct table *t, const struct change *c)
{
    if (c->kind == CHANGE_CONNECTION) {
        t->before = c->connection.before_trace ? c->conn : 0;
    } else if (c->kind == CHANGE_STATE && c->conn == t->before) {
        if (c->state.to == TCP_STATE_TIME_WAIT && (!t->over_count || t->over[t->over_count - 1] < c->conn))
            note_over(t, c->conn);
        t->before = 0;
    }
}

static void count(struct table *t, const struct change *c)
{
    t->begun += c->kind == CHANGE_CONNECTION;
    t->ended += c->kind == CHANGE_OUTCOME;
    if (c->kind == CHANGE_SEGMENT)
        t->again += (c->segment.notes & NOTE_RETRANSMISSION) != 0;
    if (c->kind != CHANGE_OUTCOME || was_over(t, c->conn))
        return;
    t->connections++;
    if ((unsigned)c->outcome.verdict < VERDICT_N)
        t->verdicts[c->outcome.verdict]++;
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    struct table *t = sink;
    char line[SUMMARY_LINE_MAX];
    const size_t len = summary_format(change, t->columns, line);

    (void)start_ns;
    look_before(t, change);
    count(t, change);
    if (len && !was_over(t, change->conn))
        writer_write(t->writer, line, len);
}

static int ops_flush(void *sink, bool all)
{
    (void)all;
    return writer_flush(((struct table *)sink)->writer);
}

/* "12 connections: 10 closed-normally, 2 refused; 3 segments sent again" */
static void ops_finish(void *sink)
{
    struct table *t = sink;
    char line[SUMMARY_LINE_MAX], fitted[2 * SUMMARY_LINE_MAX];
    size_t len = (size_t)snprintf(line, sizeof(line), "%llu connection%s", (unsigned long long)t->connections,
                                  t->connections == 1 ? "" : "s");
    const char *between = ": ";

    for (unsigned i = 0; i < VERDICT_N; i++) {
        if (!t->verdicts[i])
            continue;
        len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%llu %s", between,
                                (unsigned long long)t->verdicts[i], verdict_name((enum verdict)i));
        between = ", ";
    }
    if (t->again)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "; %llu segment%s sent again",
                                (unsigned long long)t->again, t->again == 1 ? "" : "s");
    if (t->over_count)
        len += (size_t)snprintf(line + len, sizeof(line) - len, "; %u more in TIME-WAIT since before the trace",
                                t->over_count);
    if (t->begun > t->ended) /* a trace that is cut, or one part of several */
        len += (size_t)snprintf(line + len, sizeof(line) - len, "; %llu more whose outcome is not there",
                                (unsigned long long)(t->begun - t->ended));
    line[len++] = '\n';
    writer_write(t->writer, fitted, line_fit(line, len, t->columns, 0, fitted, sizeof(fitted)));
    (void)!writer_flush(t->writer);
}

static int ops_close(void *sink)
{
    struct table *t = sink;
    const int r = writer_close(t->writer);

    free(t->over);
    free(t);
    return r;
}

const struct sink_ops sink_summary_ops = {
    .name = "summary",
    .options = &table,
    .config_size = sizeof(struct options),
    .open = ops_open,
    .begin = ops_begin,
    .change = ops_change,
    .flush = ops_flush,
    .finish = ops_finish,
    .close = ops_close,
};
