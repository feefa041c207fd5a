/* What `tcplens trace` was asked for, and doing it. */
#ifndef TCPLENS_TRACE_RUN_H
#define TCPLENS_TRACE_RUN_H

#include "tcplens/command/command.h"

struct trace_options {
    struct filter filter;
    const char *netns;   /* new, all, a name or a process id; NULL: the one tcplens runs in */
    const char *sources; /* names, with commas; NULL: not given */
    int segments;        /* enum conn_segments */
    bool udp, headers;
    uint64_t ticks; /* PIPELINE_TICK_MS each, after which the trace ends; 0: it goes on */
    struct command_output output;
    struct command_io io;
};

/* config: for the pipeline, without its sinks. Returns an exit status; what went wrong is printed. */
int trace_run(const struct trace_options *options, const struct pipeline_config *config);

#endif
