/* tcplens trace: the command line. */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/command/command.h"
#include "trace_run.h"

static int take_netns(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    const char **netns = member;

    if (*netns) {
        snprintf(why, OPTIONS_ERROR_MAX, ": %.100s or %.100s, not both", *netns, value);
        return -EINVAL;
    }
    *netns = value;
    return 0;
}

static int take_duration(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    char *rest;
    unsigned long seconds = strtoul(value, &rest, 10);

    if (!isdigit((unsigned char)*value) || *rest || !seconds || seconds > 1000000) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes seconds, 1 to 1000000, not '%.100s'", value);
        return -EINVAL;
    }
    *(uint64_t *)member = seconds * 1000 / PIPELINE_TICK_MS;
    return 0;
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

/* "kernel,wire", "diag" */
static int take_sources(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
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
      .take = take_netns,
      .completion = COMPLETE_NAMESPACE,
      .offset = AT(netns) },
    COMMAND_FILTER_ROWS(struct trace_options, filter),
    { .name = "pid",
      .argument = "PID",
      .help = "only sockets of this process and its descendants, and their packets, in its network namespace; may be "
              "repeated",
      .kind = OPTION_TAKEN,
      .take = command_take_pid,
      .completion = COMPLETE_PROCESS,
      .offset = AT(filter) },
    { .name = "source",
      .argument = "LIST",
      .help =
          "witnesses, with commas: kernel, diag (samples of the socket table) in place of it, wire (default: kernel "
          "or else diag, and wire)",
      .kind = OPTION_TAKEN,
      .take = take_sources,
      .completion = COMPLETE_SOURCES,
      .offset = AT(sources) },
    COMMAND_SEGMENTS_ROW(struct trace_options, segments),
    COMMAND_UDP_ROW(struct trace_options, udp),
    COMMAND_HEADERS_ROW(struct trace_options, headers),
    { .name = "duration",
      .argument = "SECONDS",
      .help = "end after this time",
      .kind = OPTION_TAKEN,
      .take = take_duration,
      .offset = AT(ticks) },
    COMMAND_OUTPUT_ROWS(struct trace_options, output),
};
static const struct option_table table = OPTION_TABLE(rows);

/* Which sources are tried, and which must work: those that are named, or that an option of their own asks for. */
static void choose_sources(struct trace_options *o, struct pipeline_config *config)
{
    for (size_t i = 0; i < source_count; i++) {
        const struct source_ops *ops = source_table[i];
        const bool named = o->sources && is_named(o->sources, ops->name);

        config->sources[i].config = o->io.sources[i];
        config->sources[i].want = ops->live && (o->sources ? named : ops->by_default);
        config->sources[i].need = named || (ops->is_asked_for && ops->is_asked_for(o->io.sources[i]));
    }
}

/* What not every witness can tell: one that can must work. */
static int check_scope(const struct trace_options *o, struct pipeline_config *config)
{
    const bool pids = o->filter.pid_count;
    const char *what = pids ? "--pid" : config->all_netns ? "--netns all" : NULL;
    bool found = false;

    if (!what)
        return EXIT_DONE;
    for (size_t i = 0; i < source_count; i++) {
        if (!config->sources[i].want || !(pids ? source_table[i]->knows_pids : source_table[i]->all_netns))
            continue;
        config->sources[i].need = true;
        found = true;
    }
    if (!found)
        return command_usage_error("trace", "%s needs the kernel witness, which --source leaves out", what);
    return EXIT_DONE;
}

static int take_command(struct pipeline_config *config, const struct trace_options *o, int rest, int argc, char *argv[])
{
    if (rest < argc) {
        if (strcmp(argv[rest - 1], "--") != 0)
            return command_usage_error("trace", "'%s' is no option: a command stands after --", argv[rest]);
        config->command = argv + rest;
    } else if (strcmp(argv[argc - 1], "--") == 0) {
        return command_usage_error("trace", "which command? Nothing stands after --");
    }
    if (!config->command && o->netns && !strcmp(o->netns, "new"))
        return command_usage_error("trace", "--netns new needs a command after --: nobody else can get in there");
    return EXIT_DONE;
}

static int run(int argc, char *argv[])
{
    struct trace_options o = { 0 };
    struct pipeline_config config = { 0 };
    int rest, status = command_parse(&command_trace, OPTIONS_BEFORE_WORD, argc, argv, &o, &o.io, &rest);

    if (status == COMMAND_GO_ON) {
        config.filter = o.filter;
        config.datagrams = o.udp;
        config.headers = o.headers;
        config.segments = (enum conn_segments)o.segments;
        config.netns = o.netns;
        config.all_netns = o.netns && strcmp(o.netns, "all") == 0;
        choose_sources(&o, &config);
        status = check_scope(&o, &config);
        if (status == EXIT_DONE)
            status = take_command(&config, &o, rest, argc, argv);
        if (status == EXIT_DONE)
            status = trace_run(&o, &config);
    }
    command_io_free(&o.io);
    return status;
}

const struct command command_trace = {
    .name = "trace",
    .summary = "watch connections live, or those of one command",
    .usage = "[OPTION]... [-- COMMAND ARG...]",
    .about = "Watches TCP connections live: what the kernel does (eBPF) and what is on the wire\n"
             "(libpcap), on one clock. Ends with COMMAND, after --duration, or at Ctrl-C. On a\n"
             "terminal a timeline is printed, else the trace (NDJSON).\n",
    .more = "Exit status: 0 done, 1 failed, 2 usage, 3 a right or a kernel feature is missing,\n"
            "4 events were lost.\n",
    .options = &table,
    .input = INPUT_LIVE,
    .words = WORDS_COMMAND,
    .run = run,
};
