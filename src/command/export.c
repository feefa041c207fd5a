/* tcplens export: what connections add up to, for who asks, as long as it runs. */
#include <stddef.h>
#include <string.h>

#include "tcplens/base/limits.h"
#include "tcplens/command/command.h"
#include "trace_run.h"

struct export_options {
    struct trace_options trace;
    long connections;
};

#define AT(member) offsetof(struct export_options, member)
#define CONNECTIONS_LEAST 1000

static const struct option_row rows[] = {
    TRACE_ROW_NETNS(struct export_options, trace.netns),
    COMMAND_FILTER_ROWS(struct export_options, trace.filter),
    TRACE_ROW_SOURCE(
        struct export_options, trace.sources,
        "kernel (the default), or diag (samples of the socket table), and wire (packets, which cost more)"),
    { .name = "connections",
      .argument = "N",
      .help = "follow at most so many at once; each takes a kilobyte of memory, in TIME-WAIT too",
      .kind = OPTION_NUMBER,
      .min = CONNECTIONS_LEAST,
      .max = LIMIT_CONNECTIONS,
      .number = LIMIT_EXPORT_CONNECTIONS,
      .offset = AT(connections) },
};
static const struct option_table table = OPTION_TABLE(rows);

/* Packets are looked at where they are asked for: they are the larger part of the cost. */
static void leave_packets_out(struct pipeline_config *config)
{
    for (size_t i = 0; i < source_count; i++)
        if (source_table[i]->witness == WITNESS_WIRE && !config->sources.rows[i].need)
            config->sources.rows[i].want = false;
}

static int configure(struct export_options *o, struct pipeline_config *config)
{
    const int status = trace_configure(&o->trace, config);

    config->conn_max = (size_t)o->connections;
    if (!o->trace.sources)
        leave_packets_out(config);
    return status;
}

static bool is_asked_for(const struct command_io *io)
{
    for (size_t i = 0; i < sink_count; i++)
        if (sink_table[i]->exports && sink_table[i]->exports(io->sinks[i]))
            return true;
    return false;
}

static int check(const struct export_options *o, int rest, int argc, char *argv[])
{
    if (rest < argc)
        return command_usage_error("export", "'%s' is no option: it takes no command", argv[rest]);
    if (!is_asked_for(&o->trace.io))
        return command_usage_error("export", "where to? --metrics [ADDR:]PORT, or --publish nats://HOST");
    if (o->trace.netns && strcmp(o->trace.netns, "new") == 0)
        return command_usage_error("export", "--netns new is empty: name one that is there");
    return EXIT_DONE;
}

static int run(int argc, char *argv[])
{
    struct export_options o = { .trace = { .command = "export",
                                           .service = true,
                                           .elsewhere = ", or as docs/export has it",
                                           .output.quiet = true } };
    struct pipeline_config config = { 0 };
    int rest, status = command_parse(&command_export, OPTIONS_ANYWHERE, argc, argv, &o, &o.trace.io, &rest);

    if (status == COMMAND_GO_ON) {
        status = check(&o, rest, argc, argv);
        if (status == EXIT_DONE)
            status = configure(&o, &config);
        if (status == EXIT_DONE)
            status = trace_run(&o.trace, &config);
    }
    command_io_free(&o.trace.io);
    return status;
}

const struct command command_export = {
    .name = "export",
    .summary = "serve metrics of all connections, on end",
    .usage = "[OPTION]...",
    .about = "Watches TCP connections as `tcplens trace` does, and serves what they add up to:\n"
             "outcomes and their causes, queues of listeners, drops, resets, states, times. Runs\n"
             "until it is told to end (SIGTERM, Ctrl-C), writes nothing, and its memory has a bound.\n",
    .more = "Exit status: 0 done, 1 failed, 2 usage, 3 a right or a kernel feature is missing,\n"
            "4 events were lost.\n",
    .options = &table,
    .input = INPUT_SERVICE,
    .run = run,
};
