/* What `tcplens trace` was asked for, and doing it. */
#ifndef TCPLENS_TRACE_RUN_H
#define TCPLENS_TRACE_RUN_H

#include <stddef.h>

#include "tcplens/command/command.h"

/* Who looks at the trace as it comes. */
struct trace_looker {
    const struct sink_ops *ops; /* one more sink, which no table has */
    void *sink;
    unsigned may;                                   /* of enum confine_may, what it does besides */
    int (*begin)(void *arg, const char *witnesses); /* while there are rights; "kernel, wire". An exit status */
    bool (*tick)(void *arg);                        /* every PIPELINE_TICK_MS. False: it has seen enough */
    void (*end)(void *arg); /* of the looking, before what is to be said of the trace; twice is fine */
    void *arg;
};

struct trace_options {
    const char *command;   /* whose options they are */
    bool service;          /* it runs until it is told to end: there is no trace to look at afterwards */
    const char *elsewhere; /* ", or …": how a service runs without root; NULL: not at all */
    struct filter filter;
    char *expression_text; /* NULL: none */
    struct expression *expression;
    const char *netns;   /* new, all, a name or a process id; NULL: the one tcplens runs in */
    const char *sources; /* names, with commas; NULL: not given */
    int segments;        /* enum conn_segments */
    bool udp, headers;
    bool exit_status;                  /* that of the command becomes ours */
    long count;                        /* of segments, after which the trace ends; 0: it goes on */
    uint64_t ticks;                    /* PIPELINE_TICK_MS each, after which the trace ends; 0: it goes on */
    const struct trace_looker *looker; /* NULL: there is none */
    struct command_output output;
    struct command_io io;
};

/* "new", a name, a process id: once. member: .netns. */
int trace_take_netns(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
/* "kernel,wire", "diag". member: .sources. */
int trace_take_sources(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
/* Rows that commands which watch have alike; member: .netns, .filter, .sources of the options. */
#define TRACE_ROW_NETNS(type, member)                                                                                  \
    {                                                                                                                  \
        .name = "netns", .argument = "NAME|PID|all",                                                                   \
        .help = "watch a network namespace, by its name (ip-netns(8)) or a process; all: every one",                   \
        .kind = OPTION_TAKEN, .take = trace_take_netns, .completion = COMPLETE_NAMESPACE,                              \
        .offset = offsetof(type, member)                                                                               \
    }
#define TRACE_ROW_PID(type, member)                                                                                    \
    {                                                                                                                  \
        .name = "pid", .letter = 'p', .argument = "PID|NAME",                                                          \
        .help =                                                                                                        \
            "only sockets of this process, or of those of this name, and of their descendants, and their packets, "    \
            "in their network namespace; may be repeated",                                                             \
        .kind = OPTION_TAKEN, .take = command_take_pid, .completion = COMPLETE_PROCESS,                                \
        .offset = offsetof(type, member)                                                                               \
    }
/* explained: which witnesses there are to choose from, and what is meant where none is named. */
#define TRACE_ROW_SOURCE(type, member, explained)                                                                      \
    {                                                                                                                  \
        .name = "source", .argument = "LIST", .help = "witnesses, with commas: " explained, .kind = OPTION_TAKEN,      \
        .take = trace_take_sources, .completion = COMPLETE_SOURCES, .offset = offsetof(type, member)                   \
    }
#define TRACE_SOURCES_EXPLAINED                                                                                        \
    "kernel, diag (samples of the socket table) in place of it, wire (default: kernel or else diag, and wire)"
/* Sets all of config that follows from the options, but for sinks and command. An exit status; what is wrong is printed. */
int trace_configure(struct trace_options *options, struct pipeline_config *config);

/* config: for the pipeline, without its sinks. Returns an exit status; what went wrong is printed. */
int trace_run(const struct trace_options *options, const struct pipeline_config *config);

#endif
