/* tcplens trace: the command line. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "child.h"
#include "tcplens/base/log.h"
#include "tcplens/base/units.h"
#include "tcplens/command/command.h"
#include "trace_run.h"

int trace_take_netns(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    const char **netns = member;

    if (*netns) {
        snprintf(why, OPTIONS_ERROR_MAX, ": %.100s or %.100s, not both", *netns, value);
        return -EINVAL;
    }
    *netns = value;
    return 0;
}

#define TICK_NS (PIPELINE_TICK_MS * 1000000ull)

static int take_duration(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    uint64_t ns;

    if (units_duration(value, &ns) < 0) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes %s, not '%.100s'", UNITS_DURATION, value);
        return -EINVAL;
    }
    *(uint64_t *)member = (ns + TICK_NS - 1) / TICK_NS;
    return 0;
}

static int take_rotate_time(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    if (units_duration(value, member) == 0)
        return 0;
    snprintf(why, OPTIONS_ERROR_MAX, " takes %s, not '%.100s'", UNITS_DURATION, value);
    return -EINVAL;
}

#define ROTATE_LEAST 65536

static int take_rotate_size(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    if (units_size(value, member) == 0 && *(uint64_t *)member >= ROTATE_LEAST)
        return 0;
    snprintf(why, OPTIONS_ERROR_MAX, " takes %s, %d bytes or more, not '%.100s'", UNITS_SIZE, ROTATE_LEAST, value);
    return -EINVAL;
}

static bool is_named(const char *list, const char *name)
{
    const size_t len = strlen(name);

    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (strcspn(at, ",") == len && strncmp(at, name, len) == 0)
            return true;
    return false;
}

static bool is_live_source(const char *name, size_t len)
{
    for (size_t i = 0; i < source_count; i++)
        if (source_table[i]->live && strlen(source_table[i]->name) == len && !strncmp(source_table[i]->name, name, len))
            return true;
    return false;
}

int trace_take_sources(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    static const char *const words[] = { "kernel", "diag", "wire" };

    for (const char *at = value; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        const size_t len = strcspn(at, ",");

        if (!is_live_source(at, len)) {
            char word[101], hint[96];

            snprintf(word, sizeof(word), "%.*s", (int)(len < 100 ? len : 100), at);
            snprintf(why, OPTIONS_ERROR_MAX, " takes kernel or diag, and wire, not '%s'%s", word,
                     options_hint(word, words, sizeof(words) / sizeof(words[0]), hint));
            return -EINVAL;
        }
    }
    if (is_named(value, "kernel") && is_named(value, "diag")) {
        snprintf(why, OPTIONS_ERROR_MAX, ": diag stands in for kernel, take one of them");
        return -EINVAL;
    }
    *(const char **)member = value;
    return 0;
}

#define AT(member) offsetof(struct trace_options, member)

static const struct option_row rows[] = {
    { .name = "netns",
      .argument = "new|NAME|PID|all",
      .help =
          "trace in a network namespace of its own (new; works without root, the kernel's states then being sampled), "
          "or in that of a name (ip-netns(8)) or a process; all: every namespace, as the kernel sees them, and the "
          "packets of this one",
      .kind = OPTION_TAKEN,
      .take = trace_take_netns,
      .completion = COMPLETE_NAMESPACE,
      .offset = AT(netns) },
    COMMAND_FILTER_ROWS(struct trace_options, filter),
    TRACE_ROW_PID(struct trace_options, filter),
    TRACE_ROW_SOURCE(struct trace_options, sources, TRACE_SOURCES_EXPLAINED),
    COMMAND_SEGMENTS_ROW(struct trace_options, segments),
    COMMAND_UDP_ROW(struct trace_options, udp),
    COMMAND_HEADERS_ROW(struct trace_options, headers),
    { .name = "duration",
      .argument = "TIME",
      .help = "end after this time: 10 (seconds), 0.5s, 500ms, 5m, 1h",
      .kind = OPTION_TAKEN,
      .take = take_duration,
      .offset = AT(ticks) },
    COMMAND_COUNT_ROW(struct trace_options, count),
    { .name = "exit-status",
      .help = "end with COMMAND's exit status, 128 + signal if it was killed",
      .kind = OPTION_FLAG,
      .offset = AT(exit_status) },
    COMMAND_OUTPUT_ROWS(struct trace_options, output),
    { .name = "rotate-size",
      .argument = "SIZE",
      .help = "go on with another file (t.2.ndjson, t.3.ndjson …) when one has this size: 100M, 1G",
      .kind = OPTION_TAKEN,
      .take = take_rotate_size,
      .offset = AT(output.rotate_bytes) },
    { .name = "rotate-time",
      .argument = "TIME",
      .help = "go on with another file after this time: 15m, 1h",
      .kind = OPTION_TAKEN,
      .take = take_rotate_time,
      .offset = AT(output.rotate_ns) },
    COMMAND_VIEW_ROWS(struct trace_options, output),
};
static const struct option_table table = OPTION_TABLE(rows);

static bool is_asked_for(const struct trace_options *o, size_t i)
{
    return source_table[i]->is_asked_for && source_table[i]->is_asked_for(o->io.sources[i]);
}

/* Which sources are tried, and which must work: those that are named, or that an option of their own asks for. */
static void choose_sources(struct trace_options *o, struct pipeline_config *config)
{
    for (size_t i = 0; i < source_count; i++) {
        const struct source_ops *ops = source_table[i];
        const bool named = o->sources && is_named(o->sources, ops->name);

        config->sources.rows[i].config = o->io.sources[i];
        config->sources.rows[i].want = ops->live && (o->sources ? named : ops->by_default);
        config->sources.rows[i].need = named || is_asked_for(o, i);
    }
}

/* One that an option of its own asks for, and that does not take part. */
static const struct source_ops *find_left_out(const struct trace_options *o, const struct pipeline_config *config)
{
    for (size_t i = 0; i < source_count; i++)
        if (source_table[i]->live && !config->sources.rows[i].want && is_asked_for(o, i))
            return source_table[i];
    return NULL;
}

/* Who counts segments needs to see some. False: no witness that is wanted does. */
static bool need_packets(struct pipeline_config *config)
{
    bool found = false;

    for (size_t i = 0; i < source_count; i++) {
        if (!config->sources.rows[i].want || source_table[i]->witness != WITNESS_WIRE)
            continue;
        config->sources.rows[i].need = found = true;
    }
    return found;
}

/* What not every witness can tell: one that can must work. */
static int check_scope(const struct trace_options *o, struct pipeline_config *config)
{
    const bool pids = o->filter.pid_count;
    const struct source_ops *left_out = find_left_out(o, config);
    const char *what = pids ? "--pid" : config->all_netns ? "--netns all" : NULL;
    bool found = false;

    if (left_out)
        return command_usage_error("trace", "--%s needs the %s witness, which --source leaves out",
                                   left_out->options->rows[0].name, left_out->name);
    if (o->count && !need_packets(config))
        return command_usage_error("trace", "--count counts packets, which --source leaves out");
    if (!what)
        return EXIT_DONE;
    for (size_t i = 0; i < source_count; i++) {
        if (!config->sources.rows[i].want || !(pids ? source_table[i]->knows_pids : source_table[i]->all_netns))
            continue;
        config->sources.rows[i].need = true;
        found = true;
    }
    if (!found)
        return command_usage_error(o->command, "%s needs the kernel witness, which --source leaves out", what);
    return EXIT_DONE;
}

/* Words before "--" are an expression, those behind it a command: end is where that begins. last: of the words as given. */
static int take_words(struct pipeline_config *config, struct trace_options *o, int rest, int end, int argc,
                      char *argv[], const char *last)
{
    const char *first = rest < end ? argv[rest] : "";
    int status;

    /* as who forgot the "--" types it */
    if (*first && !command_begins_expression(first) && child_find(first) == 0)
        return command_usage_error("trace", "'%.100s' begins no filter expression: a command stands after --", first);
    status = command_take_expression("trace", argv, rest, end, &o->expression_text, &o->expression);
    if (status != EXIT_DONE)
        return status;
    if (o->expression && expression_names_udp(o->expression) && !o->udp)
        return command_usage_error("trace", "'udp' asks for datagrams, which are traced with --udp");
    config->filter.expression = o->expression_text;
    config->expression = o->expression;
    if (end < argc)
        config->command = argv + end;
    else if (strcmp(last, "--") == 0)
        return command_usage_error("trace", "which command? Nothing stands after --");
    if (!config->command && o->exit_status)
        return command_usage_error("trace", "--exit-status passes on that of a command, which stands after --");
    if (!config->command && o->netns && !strcmp(o->netns, "new"))
        return command_usage_error("trace", "--netns new needs a command after --: nobody else can get in there");
    return EXIT_DONE;
}

int trace_configure(struct trace_options *o, struct pipeline_config *config)
{
    config->filter = o->filter;
    config->datagrams = o->udp;
    config->headers = o->headers;
    config->segments_max = (uint64_t)o->count;
    config->segments = (enum conn_segments)o->segments;
    config->netns = o->netns;
    config->all_netns = o->netns && strcmp(o->netns, "all") == 0;
    choose_sources(o, config);
    return check_scope(o, config);
}

/* Where the words behind "--" begin. Other words may stand between the options: getopt_long() has moved them behind, and the
 * "--" that ended the options before them. as_given: argv as it was, whose strings it has. */
static int find_end(char *const as_given[], int argc, char *argv[], int rest)
{
    if (strcmp(argv[rest - 1], "--") != 0)
        return argc;
    for (int i = 1; i < argc; i++)
        if (as_given[i] == argv[rest - 1])
            return i + 1;
    return argc;
}

static int run(int argc, char *argv[])
{
    struct trace_options o = { .command = "trace" };
    struct pipeline_config config = { 0 };
    char **as_given = calloc((size_t)argc, sizeof(*argv));
    int rest, status;

    if (!as_given) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    memcpy(as_given, argv, (size_t)argc * sizeof(*argv));
    status = command_parse(&command_trace, OPTIONS_ANYWHERE, argc, argv, &o, &o.io, &rest);

    if (status == COMMAND_GO_ON) {
        status = trace_configure(&o, &config);
        if (status == EXIT_DONE)
            status =
                take_words(&config, &o, rest, find_end(as_given, argc, argv, rest), argc, argv, as_given[argc - 1]);
        if (status == EXIT_DONE)
            status = trace_run(&o, &config);
    }
    command_io_free(&o.io);
    expression_free(o.expression);
    free(o.expression_text);
    free(as_given);
    return status;
}

/* tcpdump's, strace's and ss's letters. */
static const struct command_habit habits[] = {
    COMMAND_HABITS_OF_PACKETS,
    { 'r', "a capture file is read by `tcplens read FILE`" },
    { 'e',
      "system calls are told with --calls, and --segments says which segments are; addresses of the link are not kept" },
    { 'f', "children are followed in any case" },
    { 'T', "--calls tells how long each call took" },
    { 'G', "--rotate-time divides the trace, as 15m or 1h" },
    { 'C', "--rotate-size divides the trace, as 100M or 1G" },
    { 'W', "as many files are kept as come; --rotate-size and --rotate-time divide the trace" },
    { 'B', "what the kernel cannot hold is counted and told; --segments and an expression leave less to hold" },
    { 'a', "all sockets are told in any case, those that wait for connections too" },
    { 'l', "lines are written as they come in any case, and those who listen are told" },
    { 'm', "`tcplens top` shows what connections hold now" },
    { 'U', "what comes is written at once in any case" },
    { 'D', "`ip link` lists interfaces, and `tcplens doctor` what works" },
    { 0 },
};

const struct command command_trace = {
    .name = "trace",
    .summary = "watch connections live, or those of one command",
    .usage = "[OPTION]... [EXPRESSION] [-- COMMAND ARG...]",
    .about = "Watches TCP connections live: what the kernel does (eBPF) and what is on the wire\n"
             "(libpcap), on one clock. Ends with COMMAND, after --duration, or at Ctrl-C. On a\n"
             "terminal a timeline is printed, else the trace (NDJSON). EXPRESSION says which connections,\n"
             "as tcpdump takes it: port 443 and not net 10.0.0.0/8.\n",
    .more = "Exit status: 0 done, 1 failed, 2 usage, 3 a right or a kernel feature is missing,\n"
            "4 events were lost; with --exit-status COMMAND's.\n",
    .options = &table,
    .habits = habits,
    .input = INPUT_LIVE,
    .words = WORDS_COMMAND,
    .run = run,
};
