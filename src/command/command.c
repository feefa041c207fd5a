#include "tcplens/command/command.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/host.h"
#include "tcplens/base/log.h"
#include "tcplens/base/output.h"
#include "tcplens/base/same_file.h"
#include "tcplens/base/terminal.h"
#include "tcplens/sink/timeline.h"

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

const char *const command_colour_words[] = {
    [TERMINAL_COLOUR_AUTO] = "auto",
    [TERMINAL_COLOUR_ALWAYS] = "always",
    [TERMINAL_COLOUR_NEVER] = "never",
    NULL,
};

const char *const command_time_words[] = {
    [TIMELINE_RELATIVE] = "relative",
    [TIMELINE_UTC] = "utc",
    [TIMELINE_LOCAL] = "local",
    [TIMELINE_DELTA] = "delta",
    NULL,
};

static bool takes_source(const struct command *c, const struct source_ops *ops)
{
    const bool live = c->input == INPUT_LIVE || c->input == INPUT_SERVICE || c->input == INPUT_LOOK;

    return ops->options && (live ? ops->live : c->input == INPUT_FILE && !ops->live);
}

static bool takes_sink(const struct command *c, const struct sink_ops *ops)
{
    if (c->input == INPUT_SERVICE)
        return ops->options && ops->exports;
    if (c->input == INPUT_FILES)
        return ops->options && !ops->live && !ops->packet;
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

void command_remove_empty(const struct command_io *io)
{
    struct stat st;

    for (size_t i = 0; io->absent[i]; i++)
        if (lstat(io->absent[i], &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
            unlink(io->absent[i]);
}

/* Of every command that is given files. */
static const struct command_habit habits_of_files[] = {
    { 'r', "a file is named without it, behind the command" },
    { 'w', "-o names the file that is written" },
    { 'o', "it writes no file" },
    { 'n', "addresses and ports are numbers in any case" },
    { 'v', "all there is to say is said in any case" },
    { 0 },
};

static const char *find_habit(const struct command_habit *h, int letter)
{
    while (h && h->letter && h->letter != letter)
        h++;
    return h && h->letter ? h->here : NULL;
}

static bool has_letter(const struct command *c, int letter)
{
    const struct option_table *tables[COMMAND_TABLES_MAX];
    const size_t n = command_tables(c, tables);

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < tables[i]->count; j++)
            if (tables[i]->rows[j].letter == letter)
                return true;
    return false;
}

/* What the option is called here that getopt() did not know; "" where nobody could mean one, or it lacked a value. */
static const char *habit_of(const struct command *c)
{
    const char *here = has_letter(c, optopt) ? "" : find_habit(c->habits, optopt);

    if (!here && (c->words == WORDS_FILES || c->words == WORDS_FILE_EXPRESSION))
        here = find_habit(habits_of_files, optopt);
    return here ? here : "";
}

static bool is_asked_for(const struct command_io *io, size_t sink)
{
    const char *config = io->sinks[sink];

    for (size_t at = 0; at < sink_table[sink]->config_size; at++)
        if (config[at])
            return true;
    return false;
}

bool command_has_sinks(const struct command_io *io)
{
    for (size_t i = 0; i < sink_count; i++)
        if (is_asked_for(io, i))
            return true;
    return false;
}

bool command_serves(const struct command_io *io)
{
    for (size_t i = 0; i < sink_count; i++)
        if (sink_table[i]->address && is_asked_for(io, i))
            return true;
    return false;
}

/* An option that names a file to be written, and which. */
struct named_output {
    const char *option, *path;
};

static size_t collect_outputs(const struct option_set *sets, size_t count,
                              struct named_output outputs[static OPTION_ROWS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < sets[i].table->count; j++) {
            const struct option_row *row = &sets[i].table->rows[j];
            const char *path =
                row->completion == COMPLETE_OUTPUT ? *(const char **)((char *)sets[i].config + row->offset) : NULL;

            if (path && n < OPTION_ROWS_MAX)
                outputs[n++] = (struct named_output){ row->name, path };
        }
    }
    return n;
}

/* Two outputs in one file would spoil each other. */
static int check_outputs(const struct command *command, const struct option_set *sets, size_t count,
                         struct command_io *io)
{
    struct named_output outputs[OPTION_ROWS_MAX];
    const size_t n = collect_outputs(sets, count, outputs);
    size_t absent = 0;
    struct stat st;

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (same_file(outputs[j].path, outputs[i].path))
                return command_usage_error(command->name, "--%s and --%s name one file, %.200s: each needs its own",
                                           outputs[j].option, outputs[i].option, outputs[i].path);
    for (size_t i = 0; i < n; i++)
        if (strcmp(outputs[i].path, "-") != 0 && lstat(outputs[i].path, &st) < 0 && errno == ENOENT)
            io->absent[absent++] = outputs[i].path;
    return COMMAND_GO_ON;
}

int command_parse(const struct command *command, enum options_style style, int argc, char *argv[], void *config,
                  struct command_io *ret_io, int *ret_rest)
{
    struct option_set sets[COMMAND_TABLES_MAX];
    char error[OPTIONS_ERROR_MAX];
    size_t count;

    if (!allocate(ret_io)) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    count = collect_sets(command, config, ret_io, sets);
    switch (options_parse(sets, count, style, argc, argv, ret_rest, error)) {
    case OPTIONS_HELP: print_help(command); return EXIT_DONE;
    case OPTIONS_VERSION: puts("tcplens " TCPLENS_VERSION); return EXIT_DONE;
    case OPTIONS_WRONG:
        return command_usage_error(command->name, "%s%s%s", error, *habit_of(command) ? ": " : "", habit_of(command));
    case OPTIONS_RUN: break;
    }
    return check_outputs(command, sets, count, ret_io);
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

const char *command_input_name(const char *path)
{
    return strcmp(path, "-") ? path : "standard input";
}

bool command_to_stdout(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

int command_require_proc(void)
{
    const char *why = host_lacks_proc();

    if (why)
        log_error("%s", why);
    return why ? EXIT_RIGHTS : EXIT_DONE;
}

/* What was closed, or opened to be written, fails at the first read, after what is to be read has been judged. */
static int open_standard_input(void)
{
    if ((fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE) != O_WRONLY)
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    errno = EBADF;
    return -1;
}

int command_open_input(const char *path)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : open_standard_input();
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd >= 0)
        output_spare(fd);
    if (fd < 0) {
        const int error = errno;

        log_error("cannot read %s: %s", command_input_name(path), strerror(error));
        errno = error;
    }
    return fd;
}

static int claim_standard_output(void)
{
    const int r = output_claim_standard();

    if (r < 0)
        log_error("cannot write standard output: %s", output_explain(r));
    return r;
}

int command_open_output(const char *path, bool force)
{
    const bool is_stdout = command_to_stdout(path);
    int fd;

    if (is_stdout && claim_standard_output() < 0)
        return -1;
    fd = is_stdout ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0) : output_open(path, O_WRONLY | O_EXCL);

    if (fd == -EEXIST && !force) {
        log_error("%s is there already: --force replaces it", path);
        return -1;
    }
    if (fd == -EEXIST && output_is_spared(path)) {
        log_error("%s is the input itself: name another file", path);
        return -1;
    }
    if (fd == -EEXIST)
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        log_error("cannot write %s: %s", is_stdout ? "standard output" : path, strerror(fd == -1 ? errno : -fd));
    return fd < 0 ? -1 : fd;
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

int command_tell_damage(const char *name, const struct command_damage *d)
{
    if (d->broken)
        log_note("%s: %llu damaged line%s passed over, the first is line %llu", name, (unsigned long long)d->broken,
                 d->broken == 1 ? " is" : "s are", (unsigned long long)d->first_broken);
    if (d->gzip)
        log_note("%s is cut: %s; this is of what came before", name, d->gzip);
    else if (!d->ended && d->part)
        log_note("%s is part %u of a trace; how that ended is in the last one", name, d->part);
    else if (!d->ended)
        log_note("%s is cut: its last line, the end record, is missing; this is of what there is", name);
    return d->broken || d->gzip || (!d->ended && !d->part) ? EXIT_FAILED : EXIT_DONE;
}

const struct source_capture_input *command_read_file(struct pipeline_config *config, const struct command_io *io,
                                                     const char *path, int fd)
{
    struct source_capture_input *input = NULL;

    for (size_t i = 0; i < source_count; i++) {
        config->sources.rows[i].config = io->sources[i];
        config->sources.rows[i].want = config->sources.rows[i].need = source_table[i] == &source_capture_ops;
        if (config->sources.rows[i].want)
            input = io->sources[i];
    }
    assert(input); /* the table has that row */
    input->fd = fd;
    input->path = path;
    return input;
}

int command_choose_sinks(const char *command, const struct command_output *output, const struct command_io *io,
                         struct sink_context *ret_context, struct sinks *ret_sinks)
{
    char error[SINK_ERROR_MAX];
    int r;

    if ((output->rotate_bytes || output->rotate_ns) && command_to_stdout(output->path))
        return command_usage_error(command, "--rotate-size and --rotate-time divide a file, which --output names");
    if (output->json && output->timeline)
        return command_usage_error(command, "--json and --timeline are two forms of standard output: take one");
    if (output->json && !command_to_stdout(output->path))
        return command_usage_error(command, "the trace goes to %.200s or, with --json, to standard output: take one",
                                   output->path);
    *ret_context = (struct sink_context){ .output = output->json ? "-" : output->path,
                                          .quiet = output->quiet,
                                          .force = output->force,
                                          .rotate_bytes = output->rotate_bytes,
                                          .rotate_ns = output->rotate_ns,
                                          .terminal = isatty(STDOUT_FILENO),
                                          .verbose = output->verbose,
                                          .time = output->time };
    ret_context->readable = ret_context->terminal || output->timeline;
    ret_context->colour = terminal_has_colour(STDOUT_FILENO, (enum terminal_colour)output->colour);
    r = sinks_open(ret_sinks, ret_context, io->sinks, error);
    if (r == -EINVAL)
        return command_usage_error(command, "%s", error);
    if (r < 0) {
        log_error("%s", error);
        return EXIT_FAILED;
    }
    if (ret_context->stdout_taken && claim_standard_output() < 0) {
        sinks_close(ret_sinks);
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

int command_require_sinks(const char *command, const struct sinks *sinks)
{
    if (sinks->count)
        return EXIT_DONE;
    return command_usage_error(command,
                               "--quiet alone would write nothing: name a file with --output, - for standard output");
}

int command_begin_sinks(struct sinks *sinks)
{
    char error[SINK_ERROR_MAX];

    if (sinks_begin(sinks, error) == 0)
        return EXIT_DONE;
    log_error("%s", error);
    sinks_close(sinks);
    return EXIT_FAILED;
}

int command_open_sinks(const char *command, const struct command_output *output, const struct command_io *io,
                       struct sink_context *ret_context, struct sinks *ret_sinks)
{
    const int status = command_choose_sinks(command, output, io, ret_context, ret_sinks);

    return status == EXIT_DONE ? command_begin_sinks(ret_sinks) : status;
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
