/* tcplens read: a capture file through the wire witness. Needs no rights. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "apart.h"
#include "read_trace.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/source/capture.h"

struct read_options {
    int segments;  /* enum conn_segments */
    int checksums; /* enum conn_checksums */
    struct filter filter;
    char *expression_text; /* NULL: none */
    struct expression *expression;
    bool udp, headers;
    long count; /* of segments; 0: all */
    struct command_output output;
    struct command_io io;
};

static const char *const checksums_words[] = {
    [CONN_CHECKSUMS_AUTO] = "auto", [CONN_CHECKSUMS_CHECK] = "check", [CONN_CHECKSUMS_IGNORE] = "ignore", NULL
};

static const struct option_row rows[] = {
    COMMAND_OUTPUT_ROWS(struct read_options, output),
    COMMAND_VIEW_ROWS(struct read_options, output),
    COMMAND_COUNT_ROW(struct read_options, count),
    COMMAND_FILTER_ROWS(struct read_options, filter),
    COMMAND_SEGMENTS_ROW(struct read_options, segments),
    COMMAND_UDP_ROW(struct read_options, udp),
    COMMAND_HEADERS_ROW(struct read_options, headers),
    { .name = "checksums",
      .argument = "WHAT",
      .help =
          "check (a segment with a wrong one is told, but moves no state), ignore, or auto: check, but of a sender all of "
          "whose are wrong ignore them, as its network card fills them in",
      .kind = OPTION_WORD,
      .words = checksums_words,
      .offset = offsetof(struct read_options, checksums) },
};
static const struct option_table table = OPTION_TABLE(rows);

/* One line that is overwritten, twice a second. */
static void show_progress(const struct pipeline *pipeline, struct timespec *shown, const struct timespec *begun)
{
    uint64_t at, size, packets;
    struct timespec now;
    double seconds;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - shown->tv_sec) * 1000 + (now.tv_nsec - shown->tv_nsec) / 1000000 < 500)
        return;
    *shown = now;
    seconds = (double)(now.tv_sec - begun->tv_sec) + (double)(now.tv_nsec - begun->tv_nsec) / 1e9;
    if (seconds <= 0)
        return;
    if (!pipeline_progress(pipeline, &at, &size, &packets))
        return;
    fprintf(stderr, "\r\033[K%llu packets, %.0f MB", (unsigned long long)packets, (double)at / 1e6);
    if (size && at)
        fprintf(stderr, " of %.0f MB (%.0f %%), %.0f s left", (double)size / 1e6, 100.0 * (double)at / (double)size,
                seconds * (double)(size - (at < size ? at : size)) / (double)at);
}

/* Reads on to the end of the file, or to where it breaks off. An exit status. */
static int read_all(struct pipeline *pipeline, const char *path, bool watched)
{
    struct timespec shown = { 0 }, begun;
    char error[PIPELINE_ERROR_MAX];
    int r, status;

    clock_gettime(CLOCK_MONOTONIC, &begun);
    while ((r = pipeline_tick(pipeline, error)) > 0 && !pipeline_is_full(pipeline))
        if (watched)
            show_progress(pipeline, &shown, &begun);
    if (watched)
        fputs("\r\033[K", stderr);
    if (r == -EPIPE)
        return EXIT_DONE; /* as cat does when head has seen enough */
    status = r < 0 ? EXIT_FAILED : EXIT_DONE;
    /* what cannot be written is told by pipeline_finish(), of which it is the last word */
    if (r < 0 && !pipeline_write_failed(pipeline))
        log_error("%s: %s (what came before was read)", path, error);
    r = pipeline_finish(pipeline,
                        r < 0                        ? END_REASON_ERROR
                        : pipeline_is_full(pipeline) ? END_REASON_COUNT
                                                     : END_REASON_INPUT,
                        -1, error);
    if (r < 0 && r != -EPIPE) {
        log_error("%s", error);
        status = EXIT_FAILED;
    }
    return status;
}

/* What is not among the connections. */
static void tell_rest(const struct pipeline *pipeline, const char *path, bool filtered)
{
    const unsigned offloaded = pipeline_offloaded(pipeline);

    if (offloaded)
        log_note(
            "%s: all checksums of %u host%s are wrong, as where a network card fills them in or a capture was edited: they "
            "were ignored (--checksums check leaves such segments out)",
            path, offloaded, offloaded == 1 ? "" : "s");
    command_tell_passed_over(pipeline, path, filtered);
}

static int read_capture(const struct read_options *o, const char *path, int fd, const struct sink_context *context,
                        struct sinks *sinks)
{
    struct pipeline_config config = { .segments = (enum conn_segments)o->segments,
                                      .checksums = (enum conn_checksums)o->checksums,
                                      .filter = o->filter,
                                      .expression = o->expression,
                                      .datagrams = o->udp,
                                      .headers = o->headers,
                                      .segments_max = (uint64_t)o->count,
                                      .sinks = sinks };
    char error[PIPELINE_ERROR_MAX];
    const struct source_capture_input *input = command_read_file(&config, &o->io, path, fd);
    struct pipeline *pipeline;
    int status;

    if (pipeline_open(&config, &pipeline, error) < 0) {
        log_error("%s: %s", path, error);
        return EXIT_FAILED;
    }
    /* not where it would stand between the lines of the timeline */
    status = read_all(pipeline, path, isatty(STDERR_FILENO) && !(context->terminal && context->stdout_taken));
    if (status == EXIT_DONE && !pipeline_write_failed(pipeline))
        tell_rest(pipeline, path, input->filter || o->expression || o->filter.port_count || o->filter.host_count);
    pipeline_close(pipeline);
    return status;
}

/* A trace is told again as it is: what would have been asked of packets cannot be asked any more. */
static int read_again(const struct read_options *o, const char *path, int fd, struct sinks *sinks)
{
    const struct read_trace config = { .path = path,
                                       .filter = &o->filter,
                                       .expression = o->expression,
                                       .segments = (enum conn_segments)o->segments,
                                       .segments_max = (uint64_t)o->count,
                                       .sinks = sinks };
    struct pipeline_config look = { 0 };
    const bool of_packets = o->checksums || o->udp || o->headers || sinks->packet_count ||
                            command_read_file(&look, &o->io, path, fd)->filter;

    if (!of_packets)
        return read_trace(&config, fd);
    close(fd);
    return command_usage_error(
        "read", "%.200s is a trace: --filter, --checksums, --udp, --headers and --write are asked of packets", path);
}

static int read_either(const struct read_options *o, const char *path, int fd, const struct sink_context *context,
                       struct sinks *sinks)
{
    /* a pipe cannot be read again, and it is not known yet what comes */
    const bool is_pipe = lseek(fd, 0, SEEK_CUR) < 0;
    /* what is parsed from here on may be hostile */
    const int r = rights_give_up(
        &(struct confine){ .may = (sinks_address(sinks) ? CONFINE_SERVE : 0) | (is_pipe ? CONFINE_FEED : 0) });

    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        close(fd);
        return EXIT_FAILED;
    }
    return read_is_trace(&fd) ? read_again(o, path, fd, sinks) : read_capture(o, path, fd, context, sinks);
}

struct reading {
    const struct read_options *options;
    const char *path;
    int fd;
    struct sink_context context;
    struct sinks sinks;
};

/* In the child. */
static int read_and_close(void *arg)
{
    struct reading *r = arg;
    int status = command_begin_sinks(&r->sinks), error;

    if (status != EXIT_DONE)
        return status;
    status = read_either(r->options, r->path, r->fd, &r->context, &r->sinks);
    error = sinks_close(&r->sinks);
    if (error < 0 && error != -EPIPE && status == EXIT_DONE) {
        log_error("cannot write what was read: %s", strerror(-error));
        status = EXIT_FAILED;
    }
    return status;
}

static int read_file(const struct read_options *o, const char *path)
{
    struct reading r = { .options = o, .path = path, .fd = command_open_input(path) };
    int status;

    if (r.fd < 0)
        return EXIT_FAILED;
    status = command_choose_sinks("read", &o->output, &o->io, &r.context, &r.sinks);
    if (status == EXIT_DONE)
        status = command_require_sinks("read", &r.sinks);
    if (status == EXIT_DONE)
        status = apart_run(
            &(struct apart){ .work = read_and_close, .arg = &r, .input = command_input_name(path), .io = &o->io });
    (void)sinks_close(&r.sinks); /* nothing was written here */
    close(r.fd);
    return status;
}

static int run(int argc, char *argv[])
{
    struct read_options o = { 0 };
    int rest, status = command_parse(&command_read, OPTIONS_ANYWHERE, argc, argv, &o, &o.io, &rest);

    if (status == COMMAND_GO_ON) {
        if (rest == argc)
            status = command_usage_error("read", "which capture file or trace?");
        else if (rest + 1 < argc && access(argv[rest + 1], F_OK) == 0)
            status = command_usage_error("read", "'%s' is one file too many", argv[rest + 1]);
        else
            status = command_take_expression("read", argv, rest + 1, argc, &o.expression_text, &o.expression);
        o.filter.expression = o.expression_text;
        if (status == EXIT_DONE)
            status = read_file(&o, argv[rest]);
    }
    command_io_free(&o.io);
    expression_free(o.expression);
    free(o.expression_text);
    return status;
}

/* tcpdump's and tshark's letters. */
static const struct command_habit habits[] = {
    COMMAND_HABITS_OF_PACKETS,
    { 'p', "packets do not say whose they are; --port asks for a port" },
    { 'i', "a file has no interface to choose; `tcplens trace -i` is live" },
    { 'e', "addresses of the link are not kept" },
    { 'l', "lines are written as they come in any case" },
    { 'T', "--json prints the trace, and --summary a table" },
    { 'z', "--summary prints a table of the connections" },
    { 'Y', "--filter EXPR takes packets in libpcap's language; words after FILE connections" },
    { 0 },
};

const struct command command_read = {
    .name = "read",
    .summary = "explain a capture file (pcap, pcapng), or show a trace again",
    .usage = "[OPTION]... CAPTURE|TRACE [EXPRESSION]",
    .about = "Explains a capture file (pcap or pcapng; - is standard input): the RFC 9293 states\n"
             "of both ends of every connection. On a terminal a timeline is printed, else the\n"
             "trace (NDJSON). A trace (.ndjson, .ndjson.gz) is shown again. EXPRESSION says which\n"
             "connections, as tcpdump takes it.\n",
    .options = &table,
    .habits = habits,
    .input = INPUT_FILE,
    .words = WORDS_FILE_EXPRESSION,
    .run = run,
};
