/* tcplens read: a capture file through the wire witness. Needs no rights. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/pipeline.h"
#include "tcplens/timeline.h"

static int help(void)
{
    puts(
        "usage: tcplens read [OPTION]... CAPTURE\n"
        "Explains a capture file (pcap or pcapng; - is standard input): the RFC 9293 states of both ends of every\n"
        "connection. On a terminal a timeline is printed, else the trace (NDJSON).\n\n"
        "  -o, --output FILE     write the trace to FILE (- is standard output)\n"
        "      --segments WHICH  segments to write: all, control (SYN, FIN, RST, problems) or none\n"
        "      --checksums WHAT  check (a segment with a wrong one is told, but moves no state) or ignore, for what was\n"
        "                        captured at a sender that leaves checksums to its network card\n"
        "      --filter EXPR     only packets that match, in libpcap's language (pcap-filter(7))\n"
        "      --summary         a table with one line a connection instead of the timeline\n"
        "  -q, --quiet           no timeline\n"
        "  -h, --help            print this");
    return EXIT_DONE;
}

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
    pipeline_progress(pipeline, &at, &size, &packets);
    fprintf(stderr, "\r\033[K%llu packets, %.0f MB", (unsigned long long)packets, (double)at / 1e6);
    if (size && at)
        fprintf(stderr, " of %.0f MB (%.0f %%), %.0f s left", (double)size / 1e6, 100.0 * (double)at / (double)size,
                seconds * (double)(size - (at < size ? at : size)) / (double)at);
}

static int run(struct pipeline_config *config, const char *path, const char *filter, const char *output, bool quiet)
{
    char error[PIPELINE_ERROR_MAX];
    struct sink_file *trace = NULL, *timeline = NULL;
    struct pipeline *pipeline = NULL;
    bool to_terminal = isatty(STDOUT_FILENO);
    /* not where it would stand between the lines of the timeline */
    bool watched = isatty(STDERR_FILENO) && (!to_terminal || config->summary);
    struct timespec shown = { 0 }, begun;
    int fd, r, status = EXIT_FAILED;

    fd = command_open_input(path);
    if (fd < 0)
        return EXIT_FAILED;
    if (output || (!to_terminal && !config->summary)) {
        r = sink_file_open(output, &trace);
        if (r < 0) {
            log_error("cannot write %s: %s", output ? output : "standard output", strerror(-r));
            goto out;
        }
    }
    if (config->summary && output && !strcmp(output, "-")) {
        log_error("--summary and the trace cannot both go to standard output");
        goto out;
    }
    if (config->summary || (!quiet && (to_terminal || output) && !(output && !strcmp(output, "-")))) {
        r = sink_file_open(NULL, &timeline);
        if (r < 0) {
            log_error("cannot write standard output: %s", strerror(-r));
            goto out;
        }
    }
    config->trace = trace;
    config->timeline = timeline;
    config->colour = to_terminal && !getenv("NO_COLOR");
    clock_gettime(CLOCK_MONOTONIC, &begun);
    /* what is parsed from here on may be hostile */
    r = rights_drop(false);
    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        goto out;
    }
    r = pipeline_open_capture(config, fd, path, filter, &pipeline, error);
    fd = -1;
    if (r < 0) {
        log_error("%s: %s", path, error);
        goto out;
    }
    if (config->summary) {
        char header[TIMELINE_LINE_MAX];

        sink_file_write(timeline, header, summary_header(header));
    }
    while ((r = pipeline_tick(pipeline, error)) > 0)
        if (watched)
            show_progress(pipeline, &shown, &begun);
    if (watched)
        fputs("\r\033[K", stderr);
    if (r == -EPIPE) {
        status = EXIT_DONE; /* as cat does when head has seen enough */
        goto out;
    }
    status = r < 0 ? EXIT_FAILED : EXIT_DONE;
    /* what cannot be written is told by pipeline_finish(), of which it is the last word */
    if (r < 0 && !pipeline_write_failed(pipeline))
        log_error("%s: %s (what came before is %s)", path, error, config->summary ? "in the table" : "in the trace");
    r = pipeline_finish(pipeline, r < 0 ? END_REASON_ERROR : END_REASON_INPUT, -1, error);
    if (r < 0 && r != -EPIPE) {
        log_error("%s", error);
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE && !pipeline_connections(pipeline))
        log_note("%s: no TCP connection in it%s", path, filter ? " that the filter lets through" : "");
out:
    if (fd >= 0)
        close(fd);
    pipeline_close(pipeline);
    sink_file_close(timeline);
    sink_file_close(trace);
    return status;
}

int command_read(int argc, char *argv[])
{
    enum { OPT_SEGMENTS = 256, OPT_SUMMARY, OPT_CHECKSUMS, OPT_FILTER };
    static const struct option options[] = {
        { "output", required_argument, NULL, 'o' },
        { "segments", required_argument, NULL, OPT_SEGMENTS },
        { "checksums", required_argument, NULL, OPT_CHECKSUMS },
        { "filter", required_argument, NULL, OPT_FILTER },
        { "summary", no_argument, NULL, OPT_SUMMARY },
        { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        {},
    };
    struct pipeline_config config = { .segments = CONN_SEGMENTS_ALL };
    const char *output = NULL, *filter = NULL;
    bool quiet = false;
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, ":o:qh", options, NULL)) != -1) {
        switch (c) {
        case 'o': output = optarg; break;
        case OPT_SEGMENTS:
            if (command_parse_segments(optarg, &config.segments) < 0)
                return command_usage_error("read", "--segments takes all, control or none, not '%s'", optarg);
            break;
        case OPT_CHECKSUMS:
            config.ignore_checksums = strcmp(optarg, "ignore") == 0;
            if (!config.ignore_checksums && strcmp(optarg, "check") != 0)
                return command_usage_error("read", "--checksums takes check or ignore, not '%s'", optarg);
            break;
        case OPT_FILTER: filter = optarg; break;
        case OPT_SUMMARY: config.summary = true; break;
        case 'q': quiet = true; break;
        case 'h': return help();
        default: return command_option_error("read", c, argv);
        }
    }
    if (optind == argc)
        return command_usage_error("read", "which capture file?");
    if (optind + 1 < argc)
        return command_usage_error("read", "'%s' is one file too many", argv[optind + 1]);
    return run(&config, argv[optind], filter, output, quiet);
}
