/* tcplens merge: what several hosts saw of the same connections, as one trace. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apart.h"
#include "merge_input.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/same_file.h"

struct merge_options {
    struct merge_wanted wanted;
    const char *expression_text; /* NULL: none */
    struct command_output output;
    struct command_io io;
};

static const struct option_row rows[] = {
    COMMAND_OUTPUT_ROWS(struct merge_options, output),
    COMMAND_VIEW_ROWS(struct merge_options, output),
    COMMAND_FILTER_ROWS(struct merge_options, wanted.filter),
    { .name = "filter",
      .argument = "EXPR",
      .help = "only connections that match, in the language of tcpdump (pcap-filter(7)); of all files",
      .kind = OPTION_TEXT,
      .offset = offsetof(struct merge_options, expression_text) },
};
static const struct option_table table = OPTION_TABLE(rows);

struct merge {
    struct merge_options options;
    char *const *paths;
    unsigned count;
    struct merge_input *inputs[LIMIT_MERGED_FILES];
    struct fleet *fleet;
    struct sink_context context;
    struct sinks sinks;
};

/* ---- what is told on standard error */

/* 1234567 ns: "1.234567 ms", with as many places as matter. */
static const char *format_ns(uint64_t ns, char *buf, size_t size)
{
    if (ns >= 1000000000)
        snprintf(buf, size, "%.6f s", (double)ns / 1e9);
    else if (ns >= 1000000)
        snprintf(buf, size, "%.3f ms", (double)ns / 1e6);
    else
        snprintf(buf, size, "%.3f µs", (double)ns / 1e3);
    return buf;
}

/* What it said of itself when it was traced, where that does not fit. */
static const char *doubt(const struct host *h, const struct trace_merged *m)
{
    const uint64_t off = (uint64_t)llabs(m->offset_ns);

    if (!h->clock_known)
        return "";
    if (!h->clock_synchronized)
        return "; no time server set it";
    return off > m->band_ns && off - m->band_ns > (uint64_t)h->clock_maxerror_us * 1000
               ? ", more than it says it can be wrong"
               : "";
}

/* first: whose clock counts. */
static void tell_clock(const struct merge *m, unsigned view, unsigned first)
{
    char offset[40], band[40], skew[40] = "", steps[60] = "";
    struct trace_merged c;

    fleet_clock(m->fleet, view, &c);
    if (view == first || c.clock == CLOCK_UNKNOWN)
        return;
    if (c.clock == CLOCK_SAME) {
        log_note("%s: its clock is that of %s", c.input, m->paths[first]);
        return;
    }
    format_ns((uint64_t)llabs(c.offset_ns), offset, sizeof(offset));
    format_ns(c.band_ns, band, sizeof(band));
    if (c.clock == CLOCK_LINE)
        snprintf(skew, sizeof(skew), " and %.3f ppm %s", (double)llabs(c.skew_ppb) / 1e3,
                 c.skew_ppb < 0 ? "slow" : "fast");
    if (c.steps)
        snprintf(steps, sizeof(steps), ", and was set %llu time%s meanwhile", (unsigned long long)c.steps,
                 c.steps == 1 ? "" : "s");
    if (c.clock == CLOCK_ONE_SIDED)
        log_note(
            "%s: its clock is at most %s %s that of %s, by segments of one direction alone: how long these took is not "
            "known, and taken as nothing for the fastest%s",
            c.input, offset, c.offset_ns < 0 ? "behind" : "ahead of", m->paths[first], steps);
    else
        log_note("%s: its clock is %s %s that of %s%s (by %llu segments; ± %s fits them too)%s%s", c.input, offset,
                 c.offset_ns < 0 ? "behind" : "ahead of", m->paths[first], skew, (unsigned long long)c.segments, band,
                 steps, doubt(fleet_host(m->fleet, view), &c));
}

#define COUNTED(n) (unsigned long long)(n), (n) == 1 ? "" : "s"

static void tell_found(const struct merge *m)
{
    const uint64_t left_out = fleet_left_out(m->fleet);
    struct fleet_summary s;

    fleet_summary(m->fleet, &s);
    for (unsigned i = 0; i < m->count; i++)
        tell_clock(m, i, fleet_reference(m->fleet));
    log_note("%llu connection%s, %llu of them seen at both ends: %llu segment%s arrived, %llu %s lost on the way",
             COUNTED(s.connections), (unsigned long long)s.joined, COUNTED(s.both), (unsigned long long)s.lost,
             s.lost == 1 ? "was" : "were");
    if (left_out)
        log_note("%llu record%s of processes, counters, datagrams or labs left out: they belong to one host",
                 COUNTED(left_out));
}

/* What the whole is without, asked for or not. */
static void tell_left_out(const struct merge *m)
{
    struct fleet_summary s;

    fleet_summary(m->fleet, &s);
    if (s.missed)
        log_note("%llu segment%s arrived that the capture at the receiver does not have, as its acknowledgements show",
                 COUNTED(s.missed));
    if (s.between)
        log_note("%llu account%s of connections left out: of a host between their ends", COUNTED(s.between));
    if (s.same_end)
        log_note(
            "%llu account%s of connections left out: of an end of which there is another one, as %s and %s were taken at "
            "one place",
            COUNTED(s.same_end), s.same_place[0], s.same_place[1]);
    if (s.tunnelled)
        log_note("%llu connection%s in tunnels left out", COUNTED(s.tunnelled));
}

/* ---- what is done */

static const struct change *next_change(void *arg, unsigned view)
{
    const struct merge *m = arg;

    return merge_input_next(m->inputs[view]);
}

static void describe(void *arg, struct trace_header *header)
{
    const struct merge *m = arg;

    fleet_describe(m->fleet, header);
    header->filter = m->options.wanted.filter;
}

static const struct change *amend(void *arg, const struct change *change)
{
    const struct merge *m = arg;

    return fleet_amend(m->fleet, change);
}

static int flush(struct merge *m)
{
    const int r = sinks_flush(&m->sinks, true);

    if (r == 0 || r == -EPIPE)
        return EXIT_DONE;
    log_error("cannot write %s: %s", m->sinks.failed, strerror(-r));
    return EXIT_FAILED;
}

static int write_merged(struct merge *m)
{
    const struct recording_config config = { .conn = { .wire_only = true, .checksums = CONN_CHECKSUMS_CHECK },
                                             .sinks = &m->sinks,
                                             .describe = describe,
                                             .amend = amend,
                                             .arg = m };
    struct recording *recording;
    int r = recording_new(&config, &recording);

    if (r == 0)
        r = sinks_start(&m->sinks);
    if (r == 0)
        r = recording_begin(recording, fleet_start_ns(m->fleet));
    if (r == 0)
        r = fleet_weave(m->fleet, recording, next_change, m);
    if (r == 0)
        r = recording_end(recording, 0, &(struct trace_end){ .reason = END_REASON_INPUT, .status = -1 });
    if (r < 0)
        log_error("cannot merge: %s", strerror(-r));
    recording_free(recording);
    sinks_finish(&m->sinks);
    return r < 0 ? EXIT_FAILED : flush(m);
}

/* An exit status: that of the worst. */
static int tell_damage(const struct merge *m)
{
    int status = EXIT_DONE;

    for (unsigned i = 0; i < m->count; i++)
        if (merge_input_tell(m->inputs[i]) != EXIT_DONE)
            status = EXIT_FAILED;
    return status;
}

static int merge(struct merge *m)
{
    char error[FLEET_ERROR_MAX];
    int status = EXIT_DONE;

    for (unsigned i = 0; i < m->count && status == EXIT_DONE; i++)
        status = merge_input_read(m->inputs[i], m->fleet, &m->options.wanted, &m->options.io);
    if (status != EXIT_DONE)
        return status;
    if (fleet_join(m->fleet, error) < 0) {
        (void)tell_damage(m);
        log_error("%s", error);
        return EXIT_FAILED;
    }
    if (write_merged(m) != EXIT_DONE)
        return EXIT_FAILED;
    status = tell_damage(m);
    if (!m->options.output.quiet)
        tell_found(m);
    tell_left_out(m);
    return status;
}

/* What was given makes sense. An exit status. */
static int check_names(const struct merge *m)
{
    const char *output = m->options.output.path;

    for (unsigned i = 0; i < m->count; i++) {
        if (output && same_file(m->paths[i], output)) {
            log_error("%s is one of the files that are merged: give the merged trace another name", output);
            return EXIT_FAILED;
        }
        for (unsigned k = 0; k < i; k++)
            if (same_file(m->paths[i], m->paths[k])) {
                log_error("%s and %s are the same file: each host's is needed once", m->paths[k], m->paths[i]);
                return EXIT_FAILED;
            }
    }
    return EXIT_DONE;
}

/* In the child. */
static int merge_and_close(void *arg)
{
    struct merge *m = arg;
    int r, status = command_begin_sinks(&m->sinks);

    if (status != EXIT_DONE)
        return status;
    /* what is parsed from here on may be hostile */
    r = rights_give_up(&(struct confine){ .may = sinks_address(&m->sinks) ? CONFINE_SERVE : 0 });
    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        status = EXIT_FAILED;
    } else if (fleet_new(&m->fleet) < 0) {
        log_error("out of memory");
        status = EXIT_FAILED;
    } else {
        status = merge(m);
    }
    fleet_free(m->fleet);
    r = sinks_close(&m->sinks);
    if (r < 0 && r != -EPIPE && status == EXIT_DONE) {
        log_error("cannot write what was merged: %s", strerror(-r));
        status = EXIT_FAILED;
    }
    return status;
}

static int open_and_merge(struct merge *m)
{
    int status = check_names(m);

    for (unsigned i = 0; i < m->count && status == EXIT_DONE; i++) {
        m->inputs[i] = merge_input_open(m->paths[i]);
        status = m->inputs[i] ? EXIT_DONE : EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        status = command_choose_sinks("merge", &m->options.output, &m->options.io, &m->context, &m->sinks);
    if (status == EXIT_DONE)
        status = command_require_sinks("merge", &m->sinks);
    if (status == EXIT_DONE)
        status = apart_run(
            &(struct apart){ .work = merge_and_close, .arg = m, .input = "what is merged", .io = &m->options.io });
    (void)sinks_close(&m->sinks); /* nothing was written here */
    for (unsigned i = 0; i < m->count; i++)
        merge_input_close(m->inputs[i]);
    return status;
}

static int compile(struct merge_options *o)
{
    char error[EXPRESSION_ERROR_MAX];

    o->wanted.filter.expression = o->expression_text;
    if (!o->expression_text || expression_new(o->expression_text, &o->wanted.expression, error) == 0)
        return EXIT_DONE;
    return command_usage_error("merge", "%s", error);
}

static int run(int argc, char *argv[])
{
    struct merge m = { 0 };
    int rest, status = command_parse(&command_merge, OPTIONS_ANYWHERE, argc, argv, &m.options, &m.options.io, &rest);

    if (status == COMMAND_GO_ON) {
        m.paths = argv + rest;
        m.count = (unsigned)(argc - rest);
        if (m.count == 0)
            status = command_usage_error("merge", "which files?");
        else if (m.count == 1)
            status = command_usage_error("merge", "'%s' and what else? Each host's file is needed", argv[rest]);
        else if (m.count > LIMIT_MERGED_FILES)
            status = command_usage_error("merge", "%u files are more than the %d that can be merged", m.count,
                                         LIMIT_MERGED_FILES);
        else
            status = compile(&m.options);
        if (status == EXIT_DONE)
            status = open_and_merge(&m);
    }
    expression_free(m.options.wanted.expression);
    command_io_free(&m.options.io);
    return status;
}

/* tcpdump's and mergecap's letters. */
static const struct command_habit habits[] = {
    { 'w', "-o names the merged trace; it has no packets to write" },
    { 'r', "the files are named without it: `tcplens merge FILE FILE`" },
    { 'F', "what is merged is a trace; --filter says which connections" },
    { 0 },
};

const struct command command_merge = {
    .name = "merge",
    .summary = "make one trace of what several hosts saw",
    .usage = "[OPTION]... FILE FILE...",
    .about = "Makes one trace of what several hosts saw of the same connections: traces (.ndjson,\n"
             ".ndjson.gz) or capture files (pcap, pcapng), in any order. The clocks are put onto that\n"
             "of the first file, by the segments that were seen at both ends; each segment then has the\n"
             "time when it was sent and when it was received, and one that was lost shows. On a\n"
             "terminal a timeline is printed, else the trace (NDJSON).\n",
    .options = &table,
    .habits = habits,
    .input = INPUT_FILES,
    .words = WORDS_FILES,
    .run = run,
};
