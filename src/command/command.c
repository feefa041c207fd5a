#include "tcplens/command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/log.h"

#define COMMAND(name) &command_##name,
const struct command *const command_table[] = {
#include "tcplens/command/commands.def"
};
#undef COMMAND
const size_t command_count = sizeof(command_table) / sizeof(*command_table);

const char *const command_segments_words[] = {
    [CONN_SEGMENTS_ALL] = "all",
    [CONN_SEGMENTS_CONTROL] = "control",
    [CONN_SEGMENTS_NONE] = "none",
    NULL,
};

static bool takes_source(const struct command *c, const struct source_ops *ops)
{
    return ops->options && c->input != INPUT_NONE && c->input != INPUT_LAB && ops->live == (c->input == INPUT_LIVE);
}

static bool takes_sink(const struct command *c, const struct sink_ops *ops)
{
    return ops->options && (c->input == INPUT_LIVE || c->input == INPUT_LAB || (c->input == INPUT_FILE && !ops->live));
}

/* The tables of options that a command takes, and what they write to: its own configuration, and those of io. */
static size_t collect_sets(const struct command *c, void *config, const struct command_io *io,
                           struct option_set sets[static COMMAND_TABLES_MAX])
{
    size_t n = 0;

    if (c->options)
        sets[n++] = (struct option_set){ c->options, config };
    for (size_t i = 0; i < source_count; i++)
        if (takes_source(c, source_table[i]))
            sets[n++] = (struct option_set){ source_table[i]->options, io->sources[i] };
    for (size_t i = 0; i < sink_count; i++)
        if (takes_sink(c, sink_table[i]))
            sets[n++] = (struct option_set){ sink_table[i]->options, io->sinks[i] };
    return n;
}

size_t command_tables(const struct command *command, const struct option_table *ret_tables[static COMMAND_TABLES_MAX])
{
    const struct command_io nowhere = { 0 };
    struct option_set sets[COMMAND_TABLES_MAX];
    const size_t n = collect_sets(command, NULL, &nowhere, sets);

    for (size_t i = 0; i < n; i++)
        ret_tables[i] = sets[i].table;
    return n;
}

static void print_help(const struct command *c)
{
    const struct option_table *tables[COMMAND_TABLES_MAX];

    printf("usage: tcplens %s%s%s\n%s\n", c->name, *c->usage ? " " : "", c->usage, c->about);
    options_print_help(tables, command_tables(c, tables), stdout);
    if (c->more)
        printf("\n%s", c->more);
}

/* Every row has its configuration, whether the command takes its options or not: all zeros are defaults. */
static bool allocate(struct command_io *io)
{
    *io = (struct command_io){ 0 };
    for (size_t i = 0; i < source_count; i++)
        if (!(io->sources[i] = calloc(1, source_table[i]->config_size + 1)))
            return false;
    for (size_t i = 0; i < sink_count; i++)
        if (!(io->sinks[i] = calloc(1, sink_table[i]->config_size + 1)))
            return false;
    return true;
}

void command_io_free(struct command_io *io)
{
    for (size_t i = 0; i < source_count; i++)
        free(io->sources[i]);
    for (size_t i = 0; i < sink_count; i++)
        free(io->sinks[i]);
}

int command_parse(const struct command *command, enum options_style style, int argc, char *argv[], void *config,
                  struct command_io *ret_io, int *ret_rest)
{
    struct option_set sets[COMMAND_TABLES_MAX];
    char error[OPTIONS_ERROR_MAX];

    if (!allocate(ret_io)) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    switch (options_parse(sets, collect_sets(command, config, ret_io, sets), style, argc, argv, ret_rest, error)) {
    case OPTIONS_HELP: print_help(command); return EXIT_DONE;
    case OPTIONS_VERSION: puts("tcplens " TCPLENS_VERSION); return EXIT_DONE;
    case OPTIONS_WRONG: return command_usage_error(command->name, "%s", error);
    case OPTIONS_RUN: break;
    }
    return COMMAND_GO_ON;
}

int command_usage_error(const char *command, const char *format, ...)
{
    char text[OPTIONS_ERROR_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (command)
        log_error("%s: %s (see tcplens %s --help)", command, text, command);
    else
        log_error("%s (see tcplens --help)", text);
    return EXIT_USAGE;
}

int command_open_input(const char *path)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0) {
        const int error = errno;

        log_error("cannot read %s: %s", strcmp(path, "-") ? path : "standard input", strerror(error));
        errno = error;
    }
    return fd;
}

void command_refuse_trace(const char *name, const char *path, const struct trace_check_result *found)
{
    switch (found->refusal) {
    case TRACE_IS_CAPTURE:
        log_error("%s is a packet capture: make a trace of it first, with tcplens read %s -o TRACE.ndjson", name, path);
        break;
    case TRACE_IS_OTHER_VERSION:
        log_error("%s has version %d of the trace format; this tcplens reads version 1", name, found->version);
        break;
    case TRACE_IS_EMPTY: log_error("%s is empty: a trace begins with a header", name); break;
    default: log_error("%s is no tcplens trace: its first line is not the header of one", name); break;
    }
}

const char *command_gzip_damage(void *file, int got)
{
    int code;

    gzerror(file, &code);
    if (got >= 0 && code != Z_BUF_ERROR)
        return NULL;
    return code == Z_BUF_ERROR ? "its gzip data ends too early"
           : code == Z_ERRNO   ? strerror(errno)
                               : "its gzip data is damaged";
}

const struct source_capture_input *command_read_file(struct pipeline_config *config, const struct command_io *io,
                                                     const char *path, int fd)
{
    struct source_capture_input *input = NULL;

    for (size_t i = 0; i < source_count; i++) {
        config->sources[i].config = io->sources[i];
        config->sources[i].want = config->sources[i].need = source_table[i] == &source_capture_ops;
        if (config->sources[i].want)
            input = io->sources[i];
    }
    input->fd = fd;
    input->path = path;
    return input;
}

int command_open_sinks(const char *command, const struct command_output *output, const struct command_io *io,
                       struct sink_context *ret_context, struct sinks *ret_sinks)
{
    char error[SINK_ERROR_MAX];
    int r;

    *ret_context =
        (struct sink_context){ .output = output->path, .quiet = output->quiet, .terminal = isatty(STDOUT_FILENO) };
    ret_context->colour = ret_context->terminal && !getenv("NO_COLOR");
    r = sinks_open(ret_sinks, ret_context, io->sinks, error);
    if (r == -EINVAL)
        return command_usage_error(command, "%s", error);
    if (r < 0)
        log_error("%s", error);
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

#define SKIPPED_SHOWN 8

static int by_count(const void *a, const void *b)
{
    const struct trace_skipped *x = a, *y = b;

    return x->count < y->count ? 1 : x->count > y->count ? -1 : strcmp(x->what, y->what);
}

const char *command_skipped(const struct pipeline *pipeline, char buf[static COMMAND_SKIPPED_MAX])
{
    struct trace_end end = { 0 };
    size_t len = 0;

    pipeline_skipped(pipeline, &end);
    qsort(end.skipped, end.skipped_count, sizeof(*end.skipped), by_count);
    *buf = '\0';
    for (unsigned i = 0; i < end.skipped_count && len < COMMAND_SKIPPED_MAX; i++) {
        if (i == SKIPPED_SHOWN) {
            snprintf(buf + len, COMMAND_SKIPPED_MAX - len, ", and more (`skipped` of the trace's end)");
            break;
        }
        len += (size_t)snprintf(buf + len, COMMAND_SKIPPED_MAX - len, "%s%llu %s", i ? ", " : "",
                                (unsigned long long)end.skipped[i].count, end.skipped[i].what);
    }
    return buf;
}

void command_tell_passed_over(const struct pipeline *pipeline, const char *name, bool filtered)
{
    char skipped[COMMAND_SKIPPED_MAX];

    command_skipped(pipeline, skipped);
    if (!pipeline_connections(pipeline))
        log_note("%s: no TCP connection in it%s%s%s", name, filtered ? " that the filter lets through" : "",
                 *skipped ? ", but " : "", skipped);
    else if (*skipped)
        log_note("%s: besides TCP connections: %s", name, skipped);
}
