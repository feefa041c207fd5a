/* The timeline as a sink of the pipeline: on standard output, where nothing else goes there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/line.h"
#include "tcplens/base/terminal.h"
#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"
#include "tcplens/sink/timeline.h"
#include "timeline_fold.h"

#define WRAP_INDENT 19 /* where the lane begins */

struct timeline {
    struct writer *writer;
    struct timeline_style style;
    bool folds;
    time_t day; /* of the line before, where lines have a time of day */
    struct timeline_fold fold;
};

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    struct timeline *t;
    int r;

    (void)config;
    if (context->quiet || context->stdout_taken)
        return 0;
    t = calloc(1, sizeof(*t));
    r = t ? writer_open(NULL, &t->writer) : -ENOMEM;
    if (r < 0) {
        snprintf(error, SINK_ERROR_MAX, "cannot write standard output: %s", strerror(-r));
        free(t);
        return r;
    }
    context->stdout_taken = true;
    t->style = (struct timeline_style){ .colour = context->colour,
                                        .verbose = context->verbose,
                                        .time = (enum timeline_time)context->time,
                                        .columns = terminal_columns(STDOUT_FILENO) };
    t->folds = !context->verbose;
    t->day = -1;
    *ret_sink = t;
    return 0;
}

/* A line of its own where another day begins: the others have the time of day alone. */
static void show_day(struct timeline *t, uint64_t ts_ns)
{
    const time_t seconds = (time_t)(ts_ns / 1000000000);
    const bool local = t->style.time == TIMELINE_LOCAL;
    char line[64];
    struct tm tm;

    if (!local && t->style.time != TIMELINE_UTC)
        return;
    if (local)
        localtime_r(&seconds, &tm);
    else
        gmtime_r(&seconds, &tm);
    if (t->day == tm.tm_year * 366 + tm.tm_yday)
        return;
    t->day = tm.tm_year * 366 + tm.tm_yday;
    writer_write(t->writer, line, strftime(line, sizeof(line), local ? "── %F %Z\n" : "── %F UTC\n", &tm));
}

/* Sentences are told whole, on as many lines as they take; of the rest a narrow terminal shows what it has room for. */
static bool is_sentence(const struct change *c)
{
    return c->kind == CHANGE_OUTCOME || c->kind == CHANGE_FINDING || c->kind == CHANGE_GAP ||
           c->kind == CHANGE_DISAGREEMENT || c->kind == CHANGE_LAB || c->kind == CHANGE_CHECK ||
           c->kind == CHANGE_ANSWER;
}

static void show(struct timeline *t, const struct change *change, uint64_t start_ns)
{
    char line[TIMELINE_LINE_MAX], fitted[2 * TIMELINE_LINE_MAX];
    const size_t len = timeline_format_as(change, start_ns, &t->style, line);
    const bool whole = t->style.verbose || is_sentence(change);

    if (!len)
        return;
    show_day(t, change->ts_ns);
    t->style.last_ns = change->ts_ns;
    if (t->style.columns)
        writer_write(t->writer, fitted,
                     line_fit(line, len, t->style.columns, whole ? WRAP_INDENT : -1, fitted, sizeof(fitted)));
    else
        writer_write(t->writer, line, len);
}

static void show_folded(struct timeline *t)
{
    const uint32_t count = timeline_fold_count(&t->fold);
    char line[128];

    if (count)
        writer_write(t->writer, line,
                     (size_t)snprintf(line, sizeof(line),
                                      "             %u connection%s of before the trace wait%s in TIME-WAIT\n", count,
                                      count == 1 ? "" : "s", count == 1 ? "s" : ""));
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    struct timeline *t = sink;
    const bool next = change->kind == CHANGE_CONNECTION && change->connection.before_trace;

    if (t->fold.is_held && change->conn != t->fold.held.conn && timeline_fold_releases(&t->fold))
        show(t, &t->fold.held, start_ns);
    if (t->folds && !timeline_fold(&t->fold, change))
        return;
    if (!next)
        show_folded(t);
    if (timeline_fold_releases(&t->fold))
        show(t, &t->fold.held, start_ns);
    show(t, change, start_ns);
}

static int ops_flush(void *sink, bool all)
{
    struct timeline *t = sink;

    (void)all;
    if (t->style.columns) /* it may have been made wider */
        t->style.columns = terminal_columns(STDOUT_FILENO);
    return writer_flush(t->writer);
}

static int ops_close(void *sink)
{
    struct timeline *t = sink;
    int r;

    show_folded(t);
    r = writer_close(t->writer);

    free(t);
    return r;
}

const struct sink_ops sink_timeline_ops = {
    .name = "timeline",
    .open = ops_open,
    .change = ops_change,
    .flush = ops_flush,
    .close = ops_close,
};
