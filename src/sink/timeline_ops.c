/* The timeline as a sink of the pipeline: on standard output, where nothing else goes there. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"
#include "tcplens/sink/timeline.h"
#include "timeline_fold.h"

struct timeline {
    struct writer *writer;
    bool colour;
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
    t->colour = context->colour;
    *ret_sink = t;
    return 0;
}

static void show(const struct timeline *t, const struct change *change, uint64_t start_ns)
{
    char line[TIMELINE_LINE_MAX];
    const size_t len = timeline_format(change, start_ns, t->colour, line);

    if (len)
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
    if (!timeline_fold(&t->fold, change))
        return;
    if (!next)
        show_folded(t);
    if (timeline_fold_releases(&t->fold))
        show(t, &t->fold.held, start_ns);
    show(t, change, start_ns);
}

static int ops_flush(void *sink, bool all)
{
    (void)all;
    return writer_flush(((struct timeline *)sink)->writer);
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
