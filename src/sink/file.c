/* The trace, written to a file, a pipe or standard output. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"

static bool is_stdout(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    struct writer *writer;
    int r;

    (void)config;
    if (!context->output && (context->terminal || context->quiet || context->stdout_taken))
        return 0;
    if (is_stdout(context->output) && context->stdout_taken) {
        snprintf(error, SINK_ERROR_MAX, "the table and the trace cannot both go to standard output");
        return -EBUSY;
    }
    r = writer_open(context->output, &writer);
    if (r < 0) {
        snprintf(error, SINK_ERROR_MAX, "cannot write %.400s: %s",
                 context->output ? context->output : "standard output", strerror(-r));
        return r == -EINVAL ? -EIO : r;
    }
    if (is_stdout(context->output))
        context->stdout_taken = context->stdout_gets_trace = true;
    *ret_sink = writer;
    return 0;
}

static void ops_line(void *sink, const char *line, size_t len, uint64_t n)
{
    (void)n;
    writer_write(sink, line, len);
}

static char *ops_room(void *sink, size_t max)
{
    return writer_begin(sink, max);
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

const struct sink_ops sink_file_ops = {
    .name = "file",
    .open = ops_open,
    .line = ops_line,
    .room = ops_room,
    .flush = ops_flush,
    .close = ops_close,
};
