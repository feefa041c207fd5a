/* Joins sources, engine, encoder and sinks: events in at one end, lines and changes out at the other. */
#ifndef TCPLENS_PIPELINE_H
#define TCPLENS_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/expression.h"
#include "tcplens/conn/engine.h"
#include "tcplens/sink/sink.h"
#include "tcplens/sources.h"
#include "tcplens/trace/encode.h"

#define PIPELINE_ERROR_MAX SOURCES_ERROR_MAX
/* Call pipeline_tick() this often while tracing live: rare enough to cost little, often enough to look live. */
#define PIPELINE_TICK_MS 20

struct pipeline;

/* Everything is borrowed for the life of the pipeline. */
struct pipeline_config {
    struct sources_config sources;
    const struct netns_scope
        *scope; /* watch these namespaces together, of which this process is in the last; NULL: its own */
    struct sinks *sinks;
    /* Called when all is told but the end: pipeline_tell() then adds what follows from the whole. NULL: nothing does. */
    void (*conclude)(void *arg, struct pipeline *pipeline);
    void *conclude_arg;
    const char *netns; /* as the user named it, for the header */
    bool datagrams;    /* UDP too */
    bool headers;      /* of segments, byte by byte */
    bool all_netns;    /* sources that can see all namespaces do */
    /* Connections with these are not told of: to tell of them makes more of them. */
    struct endpoint apart[SINK_PEERS_MAX];
    unsigned apart_count;
    struct filter filter;
    const struct expression *expression; /* filter.expression, compiled; NULL: all connections pass */
    uint64_t segments_max;               /* after so many the trace is over; 0: it goes on */
    char *const *command;                /* NULL-terminated, or NULL */
    uint32_t command_pid;                /* 0: there is none, or its id on the machine is not known */
    size_t conn_max;                     /* connections followed at once; 0: LIMIT_CONNECTIONS */
    enum conn_segments segments;
    enum conn_checksums checksums;
};

/* Opens the sources in the namespace this process is in; from now on events are collected, but nothing is parsed yet. A
 * wanted one that fails is left out and explained by pipeline_source(); one that can stand in for it is then tried. If one
 * that is needed fails, or none is left but a stand-in that nobody asked for, returns -errno with one line in error. */
int pipeline_open(const struct pipeline_config *config, struct pipeline **ret_pipeline,
                  char error[static PIPELINE_ERROR_MAX]) __attribute__((warn_unused_result));

/* A source that takes part, or that was wanted and cannot. index counts from 0; false: there is no such source. */
bool pipeline_source(const struct pipeline *pipeline, unsigned index, struct sources_entry *ret_source);

/* The sockets, at most max, on which packets are received and nothing may be sent. Returns how many. */
unsigned pipeline_sockets(const struct pipeline *pipeline, int *ret_sockets, unsigned max);

/* How far a file has been read: bytes, its size (0: not known), packets. False: no source has an end. */
bool pipeline_progress(const struct pipeline *pipeline, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets);

/* Before the first tick: the trace begins only now, and what was observed until now is not in it. */
void pipeline_begin_now(struct pipeline *pipeline);

/* Takes what the sources have, writes what is old enough to be in order. 1: there is more at once; 0; -errno (-EPIPE: nobody
 * reads the output any more) with one line in error. */
int pipeline_tick(struct pipeline *pipeline, char error[static PIPELINE_ERROR_MAX]) __attribute__((warn_unused_result));

/* As many segments came as were wanted: what comes later is not told. */
bool pipeline_is_full(const struct pipeline *pipeline);

/* What was to be traced is over: its command has ended. Its connections may not have: a FIN is answered a round trip later. */
void pipeline_over(struct pipeline *pipeline);
/* Whether the trace can end then, asked after a tick: that brought nothing new, and no connection that began in the trace is closing
 * any more; or it has gone on for a second. */
bool pipeline_has_settled(const struct pipeline *pipeline);

/* Writes all that is held, the outcomes and the `end` record. status: of the command, -1: there was none.
 * 0 or -errno with one line in error. */
int pipeline_finish(struct pipeline *pipeline, enum end_reason reason, int status,
                    char error[static PIPELINE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Numbers a change, as of the last moment of the trace, and sends it on. */
void pipeline_tell(struct pipeline *pipeline, struct change *change);

/* Events lost so far, of all sources. */
uint64_t pipeline_lost(const struct pipeline *pipeline);
/* An interface or a source of what happens now is seen no more; the others are. */
bool pipeline_narrowed(const struct pipeline *pipeline);
/* Packets that a sink wanted, and that had to make way before their events were in order. */
uint64_t pipeline_packets_lost(const struct pipeline *pipeline);
/* Connections found so far. */
uint64_t pipeline_connections(const struct pipeline *pipeline);
/* Hosts of which all checksums were wrong, and were ignored for that. */
unsigned pipeline_offloaded(const struct pipeline *pipeline);
/* What analysis had no room for, as the end of the trace says it. */
void pipeline_beyond(const struct pipeline *pipeline, uint64_t beyond[static BEYOND_N]);
/* What was seen so far that told of no connection: adds to those of end. */
void pipeline_skipped(const struct pipeline *pipeline, struct trace_end *end);
/* An error was one of the output, not of the sources. */
bool pipeline_write_failed(const struct pipeline *pipeline);

struct pipeline *pipeline_close(struct pipeline *pipeline);

#endif
