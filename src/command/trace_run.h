/* What `tcplens trace` was asked for, and doing it. */
#ifndef TCPLENS_TRACE_RUN_H
#define TCPLENS_TRACE_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/pipeline.h"

struct trace_options {
    struct pipeline_config config; /* without its sinks */
    const char *interfaces[TRACE_INTERFACE_MAX];
    const char *output;     /* file name, - for standard output; NULL: not given */
    const char *netns;      /* new, all, a name or a process id; NULL: the one tcplens runs in */
    char serve_address[64]; /* empty: no browser is served */
    uint16_t serve_port;    /* 0: any free one */
    uint64_t ticks;         /* PIPELINE_TICK_MS each, after which the trace ends; 0: it goes on */
    bool quiet;
};

/* Returns an exit status; what went wrong is printed. */
int trace_run(const struct trace_options *options);

#endif
