/* tcplens explain: what is wrong in a trace or a capture file, and what helps. A trace has its findings, and they are read back;
 * a capture is read as `tcplens read` does. What it is shows its first bytes. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/sink/digest.h"
#include "tcplens/source/capture.h"
#include "tcplens/trace/check.h"
#include "tcplens/trace/decode.h"

#define CHUNK (1u << 18)

struct explanation {
    const char *path, *name; /* as given; as a person reads it */
    int fd;                  /* of the input, beside the file's own: where it can be read again */
    gzFile in;
    struct digest *digest;
    struct command_io io;
    /* of a trace */
    struct trace_decoder *decoder;
    uint64_t start_ns, line, broken, first_broken;
    bool ended;
    char *rest; /* LIMIT_TRACE_LINE bytes: of a line whose newline has not come */
    size_t len;
    bool overlong;
};

/* ---- a trace */

/* Only these lines are worth more than a look. */
static bool is_needed(const char *line, size_t len)
{
    static const char *const words[] = { "\"header\"", "\"finding\"", "\"outcome\"", "\"end\"" };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (memmem(line, len, words[i], strlen(words[i])))
            return true;
    return len < 2 || line[0] != '{' || line[len - 1] != '}';
}

static void take_line(struct explanation *x, const char *line, size_t len)
{
    char error[TRACE_DECODE_ERROR_MAX];
    struct trace_line got;

    x->line++;
    while (len && strchr(" \t\r", line[len - 1]))
        len--;
    if (x->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    if (!len || !is_needed(line, len))
        return;
    if (trace_decode(x->decoder, line, len, &got, error) < 0) {
        if (!x->broken++)
            x->first_broken = x->line;
        return;
    }
    if (got.kind == TRACE_LINE_HEADER)
        x->start_ns = got.header.start_ns;
    else if (got.kind == TRACE_LINE_CHANGE)
        digest_take(x->digest, &got.change, x->start_ns);
    if (got.kind != TRACE_LINE_END)
        return;
    x->ended = true;
    digest_beyond(x->digest, got.end.beyond);
}

static void take_bytes(struct explanation *x, const char *data, size_t len)
{
    while (len) {
        const char *newline = memchr(data, '\n', len);
        const size_t piece = newline ? (size_t)(newline - data) : len;

        if (x->len + piece > LIMIT_TRACE_LINE)
            x->overlong = true;
        else
            memcpy(x->rest + x->len, data, piece);
        x->len = x->overlong ? 0 : x->len + piece;
        if (!newline)
            return;
        take_line(x, x->overlong ? "?" : x->rest, x->overlong ? 1 : x->len);
        x->len = 0;
        x->overlong = false;
        data = newline + 1;
        len -= piece + 1;
    }
}

/* What is not as it should be, and yet no reason to say nothing. */
static void tell_damage(const struct explanation *x, const char *damage)
{
    if (x->broken)
        log_note("%s: %llu line%s damaged, the first is line %llu; %s passed over", x->name,
                 (unsigned long long)x->broken, x->broken == 1 ? " is" : "s are", (unsigned long long)x->first_broken,
                 x->broken == 1 ? "it is" : "they are");
    if (damage)
        log_note("%s is cut: %s; this is of what came before", x->name, damage);
    else if (!x->ended)
        log_note("%s is cut: its last line, the end record, is missing; this is of what there is", x->name);
}

static int read_trace(struct explanation *x, char *buffer, int got)
{
    const char *damage = NULL;

    do {
        take_bytes(x, buffer, (size_t)got);
        got = gzread(x->in, buffer, CHUNK);
        damage = command_gzip_damage(x->in, got);
    } while (got > 0 && !damage);
    if (got > 0)
        take_bytes(x, buffer, (size_t)got);
    if (x->len && !damage && x->rest[x->len - 1] == '}') /* a last line without its newline */
        take_line(x, x->rest, x->len);
    tell_damage(x, damage);
    return EXIT_DONE;
}

/* Whether it begins with the header of a trace, and else what it is. */
static enum trace_refusal look(struct trace_check *check, const char *buffer, int got)
{
    if (trace_check_feed(check, buffer, (size_t)got) < 0 || trace_check_result(check)->header ||
        trace_check_finish(check) < 0)
        return trace_check_result(check)->refusal;
    return TRACE_IS_TRACE;
}

/* ---- a capture */

static void sink_change(void *sink, const struct change *change, uint64_t start_ns)
{
    digest_take(sink, change, start_ns);
}

static int sink_flush(void *sink, bool all)
{
    (void)sink;
    (void)all;
    return 0;
}

static int sink_close(void *sink)
{
    (void)sink;
    return 0;
}

static const struct sink_ops into_digest = {
    .name = "explain", .change = sink_change, .flush = sink_flush, .close = sink_close
};

/* A pipe cannot be read again: a child hands on what was read of it, and the rest. Returns a descriptor, or -1. */
static int feed_again(struct explanation *x, const char *buffer, int got, pid_t *ret_child)
{
    int ends[2];

    if (pipe(ends) < 0 || (*ret_child = fork()) < 0) {
        log_error("cannot start a process: %s", strerror(errno));
        return -1;
    }
    if (*ret_child > 0) {
        close(ends[1]);
        return ends[0];
    }
    close(ends[0]);
    for (char *rest = (char *)buffer; got > 0; got = gzread(x->in, rest, CHUNK))
        for (int at = 0; at < got;) {
            const ssize_t n = write(ends[1], buffer + at, (size_t)(got - at));

            if (n <= 0)
                _exit(0);
            at += (int)n;
        }
    _exit(0);
}

static int read_capture(struct explanation *x, int fd)
{
    struct sinks sinks = { 0 };
    struct pipeline_config config = { .sinks = &sinks };
    char error[PIPELINE_ERROR_MAX];
    struct pipeline *pipeline;
    uint64_t beyond[BEYOND_N] = { 0 };
    int r, status = EXIT_DONE;

    sinks_add(&sinks, &into_digest, x->digest);
    command_read_file(&config, &x->io, x->path, fd);
    if (pipeline_open(&config, &pipeline, error) < 0) {
        log_error("%s: %s", x->name, error);
        return EXIT_FAILED;
    }
    while ((r = pipeline_tick(pipeline, error)) > 0)
        ;
    if (r < 0) {
        log_error("%s: %s (what came before was read)", x->name, error);
        status = EXIT_FAILED;
    }
    if (pipeline_finish(pipeline, r < 0 ? END_REASON_ERROR : END_REASON_INPUT, -1, error) < 0 && status == EXIT_DONE) {
        log_error("%s: %s", x->name, error);
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        command_tell_passed_over(pipeline, x->name, false);
    pipeline_beyond(pipeline, beyond);
    digest_beyond(x->digest, beyond);
    pipeline_close(pipeline);
    return status;
}

static int read_capture_again(struct explanation *x, const char *buffer, int got)
{
    pid_t child = 0;
    int fd = lseek(x->fd, 0, SEEK_SET) == 0 ? dup(x->fd) : feed_again(x, buffer, got, &child), status;

    if (fd < 0)
        return EXIT_FAILED;
    status = read_capture(x, fd);
    if (child > 0)
        waitpid(child, NULL, 0);
    return status;
}

/* ---- either */

static int print(const struct explanation *x)
{
    struct writer *writer;
    int r = writer_open(NULL, &writer);

    if (r == 0) {
        digest_print(x->digest, writer, true, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"));
        r = writer_close(writer);
    }
    if (r < 0 && r != -EPIPE) {
        log_error("cannot write standard output: %s", strerror(-r));
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static int explain(struct explanation *x, struct trace_check *check, char *buffer)
{
    const int got = gzread(x->in, buffer, CHUNK);
    const char *damage = command_gzip_damage(x->in, got);
    int status, printed;

    if (got <= 0 && damage) {
        log_error("cannot read %s: %s", x->name, damage);
        return EXIT_FAILED;
    }
    switch (look(check, buffer, got)) {
    case TRACE_IS_TRACE: status = read_trace(x, buffer, got); break;
    case TRACE_IS_CAPTURE: status = read_capture_again(x, buffer, got); break;
    case TRACE_IS_FOREIGN:
        log_error(
            "%s is no tcplens trace (its first line is not the header of one) and no capture file (neither pcap nor pcapng)%s",
            x->name, capture_hint(buffer, got > 0 ? (size_t)got : 0));
        return EXIT_FAILED;
    default: command_refuse_trace(x->name, x->path, trace_check_result(check)); return EXIT_FAILED;
    }
    printed = print(x);
    return status == EXIT_DONE ? printed : status;
}

static int open_and_explain(struct explanation *x)
{
    struct trace_check *check = NULL;
    char *buffer = malloc(CHUNK);
    int status = EXIT_FAILED, r = rights_give_up(&(struct confine){ .may = CONFINE_FEED });

    x->rest = malloc(LIMIT_TRACE_LINE);
    if (r < 0)
        log_error("cannot drop rights: %s", strerror(-r));
    else if (!buffer || !x->rest || trace_check_new(&check) < 0 || trace_decoder_new(&x->decoder) < 0 ||
             digest_new(&x->digest) < 0)
        log_error("out of memory");
    else
        status = explain(x, check, buffer);
    digest_free(x->digest);
    trace_decoder_free(x->decoder);
    trace_check_free(check);
    free(x->rest);
    free(buffer);
    return status;
}

static int run(int argc, char *argv[])
{
    struct explanation x = { 0 };
    int rest, status = command_parse(&command_explain, OPTIONS_ANYWHERE, argc, argv, NULL, &x.io, &rest);

    if (status == COMMAND_GO_ON) {
        if (rest == argc)
            status = command_usage_error("explain", "which trace or capture file?");
        else if (rest + 1 < argc)
            status = command_usage_error("explain", "'%s' is one file too many", argv[rest + 1]);
        else
            status = EXIT_FAILED;
        x.path = argv[rest];
    }
    if (x.path && status == EXIT_FAILED && (x.fd = command_open_input(x.path)) >= 0) {
        x.name = strcmp(x.path, "-") ? x.path : "standard input";
        x.in = gzdopen(dup(x.fd), "rb");
        if (x.in)
            status = open_and_explain(&x);
        else
            log_error("out of memory");
        if (x.in)
            gzclose(x.in);
        close(x.fd);
    }
    command_io_free(&x.io);
    return status;
}

const struct command command_explain = {
    .name = "explain",
    .summary = "say what is wrong in a trace or a capture file, and what helps",
    .usage = "TRACE|CAPTURE",
    .about = "Says what is wrong in a trace (.ndjson, .ndjson.gz) or a capture file (pcap, pcapng);\n"
             "- is standard input. Its findings, the worst first, each with a connection that shows\n"
             "it and what helps; then the endings that are not good and that none is about. Where\n"
             "there is no finding, what stands out.\n",
    .words = WORDS_FILES,
    .run = run,
};
