/* Packets as they are captured, with comments, and what the kernel tells as rows between them: a file for Wireshark, written
 * while it happens. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/output.h"
#include "tcplens/base/writer.h"
#include "tcplens/convert/convert.h"
#include "tcplens/sink/sink.h"

struct options {
    const char *path;
};

static const struct option_row rows[] = {
    { .name = "write",
      .letter = 'w',
      .argument = "FILE",
      .help = "write the packets to FILE (pcapng), with what is told of them, and what the kernel tells between them",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_OUTPUT,
      .offset = offsetof(struct options, path) },
};
static const struct option_table table = OPTION_TABLE(rows);

struct pcapng_sink {
    const char *path;
    bool force;
    struct writer *writer; /* NULL: the file is not made yet */
    void *conversion;
};

static int ops_close(void *sink)
{
    struct pcapng_sink *s = sink;
    int r = writer_close(s->writer);

    convert_pcapng_ops.close(s->conversion);
    free(s);
    return r;
}

static int start(struct pcapng_sink *s)
{
    struct convert_config config = { .packets = true };
    int r = writer_open(s->path, &s->writer);

    if (r < 0)
        return r;
    config.writer = s->writer;
    return convert_pcapng_ops.open(&config, &s->conversion);
}

static int ops_begin(void *sink, char error[static SINK_ERROR_MAX])
{
    struct pcapng_sink *s = sink;
    int r = s->writer ? 0 : sink_file_check(s->path, s->force, error);

    if (r < 0 || s->writer)
        return r;
    r = start(s);
    if (r < 0)
        snprintf(error, SINK_ERROR_MAX, "cannot write %.400s: %s", s->path, output_explain(r));
    return r == -EINVAL ? -EIO : r;
}

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    const char *path = ((const struct options *)config)->path;
    const bool to_stdout = path && strcmp(path, "-") == 0;
    struct pcapng_sink *s;
    int r;

    if (!path)
        return 0;
    if (to_stdout && (context->stdout_taken || (context->output && strcmp(context->output, "-") == 0))) {
        snprintf(error, SINK_ERROR_MAX, "standard output is for one: name a file with --write");
        return -EINVAL;
    }
    if (to_stdout && context->terminal) {
        snprintf(error, SINK_ERROR_MAX, "a terminal shows no pcapng: name a file with --write");
        return -EINVAL;
    }
    s = calloc(1, sizeof(*s));
    if (!s) {
        snprintf(error, SINK_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    *s = (struct pcapng_sink){ .path = path, .force = context->force };
    r = sink_file_waits(path) ? sink_file_check(path, s->force, error) : ops_begin(s, error);
    if (r < 0) {
        ops_close(s);
        return r;
    }
    if (to_stdout)
        context->stdout_taken = context->stdout_gets_trace = true;
    *ret_sink = s;
    return 0;
}

static void ops_packet(void *sink, const struct packet *packet)
{
    convert_pcapng_ops.packet(((struct pcapng_sink *)sink)->conversion, packet);
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    convert_pcapng_ops.change(((struct pcapng_sink *)sink)->conversion, change, start_ns);
}

static int ops_flush(void *sink, bool all)
{
    struct pcapng_sink *s = sink;

    if (all)
        convert_pcapng_ops.finish(s->conversion);
    return writer_flush(s->writer);
}

static const char *ops_file(const void *sink)
{
    const char *path = ((const struct pcapng_sink *)sink)->path;

    return strcmp(path, "-") != 0 ? path : NULL;
}

const struct sink_ops sink_pcapng_ops = {
    .name = "pcapng",
    .options = &table,
    .config_size = sizeof(struct options),
    .open = ops_open,
    .begin = ops_begin,
    .packet = ops_packet,
    .change = ops_change,
    .flush = ops_flush,
    .file = ops_file,
    .close = ops_close,
};
