/* Any bytes as the two files of `tcplens merge`: each a trace or a capture, read as the command reads it, joined and woven. The
 * first four are the length of the first, the least significant one first. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../src/command/merge_input.h"
#include "tcplens/base/log.h"
#include "tcplens/trace/encode.h"

#define FILES 2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct files {
    struct merge_input *in[FILES];
    char paths[FILES][32];
};

static void sink_line(void *sink, const char *line, size_t len, uint64_t n)
{
    (void)sink;
    (void)n;
    if (len == 0 || len > TRACE_LINE_MAX || line[len - 1] != '\n' || memchr(line, '\n', len - 1))
        abort();
}

static const struct sink_ops into_nothing = { .name = "fuzz", .line = sink_line };

/* What options for captures there are, by default. */
static const struct command_io *no_options(void)
{
    static struct command_io io;
    static bool made;
    struct command_output output;
    int rest;

    if (!made && command_parse(&command_merge, OPTIONS_ANYWHERE, 1, (char *[]){ (char[]){ "merge" }, NULL }, &output,
                               &io, &rest) != COMMAND_GO_ON)
        abort();
    made = true;
    return &io;
}

static struct merge_input *open_bytes(const uint8_t *data, size_t size, char path[static 32])
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    struct merge_input *in;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    in = merge_input_open(path);
    if (!in)
        abort();
    close(fd);
    return in;
}

static const struct change *next_change(void *arg, unsigned view)
{
    const struct files *files = arg;

    return merge_input_next(files->in[view]);
}

static void weave(struct files *files, struct fleet *fleet)
{
    struct sinks sinks = { 0 };
    const struct recording_config config = { .conn = { .wire_only = true, .checksums = CONN_CHECKSUMS_CHECK },
                                             .sinks = &sinks,
                                             .describe = fleet_describe,
                                             .amend = fleet_amend,
                                             .arg = fleet };
    struct recording *recording;

    sinks_add(&sinks, &into_nothing, NULL);
    if (recording_new(&config, &recording) < 0 || sinks_start(&sinks) < 0)
        abort();
    if (recording_begin(recording, fleet_start_ns(fleet)) < 0 ||
        fleet_weave(fleet, recording, next_change, files) < 0 ||
        recording_end(recording, 0, &(struct trace_end){ .reason = END_REASON_INPUT, .status = -1 }) < 0)
        abort();
    recording_free(recording);
}

static void join(struct files *files, struct fleet *fleet)
{
    static const struct merge_wanted all = { 0 };
    char error[FLEET_ERROR_MAX] = "";

    for (unsigned i = 0; i < FILES; i++)
        if (merge_input_read(files->in[i], fleet, &all, no_options()) != EXIT_DONE)
            return;
    if (fleet_join(fleet, error) == 0)
        weave(files, fleet);
    else if (!*error || strchr(error, '\n')) /* one line that says why */
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct files files;
    struct fleet *fleet;
    size_t first;

    if (size < 4)
        return 0;
    first = data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16 | (size_t)data[3] << 24;
    data += 4;
    size -= 4;
    first = first < size ? first : size;
    log_set_level((enum log_level) - 1); /* each input has its message */
    if (fleet_new(&fleet) < 0)
        abort();
    files.in[0] = open_bytes(data, first, files.paths[0]);
    files.in[1] = open_bytes(data + first, size - first, files.paths[1]);
    join(&files, fleet);
    fleet_free(fleet);
    for (unsigned i = 0; i < FILES; i++)
        merge_input_close(files.in[i]);
    return 0;
}
