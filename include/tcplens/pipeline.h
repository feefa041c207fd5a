/* Joins sources, model, record and sinks: events in at one end, lines out at the other. */
#ifndef TCPLENS_PIPELINE_H
#define TCPLENS_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/conn/engine.h"
#include "tcplens/event/event.h"
#include "tcplens/trace/encode.h"
#include "tcplens/sink/file.h"
#include "tcplens/sink/http.h"

#define PIPELINE_ERROR_MAX 1280
/* Call pipeline_tick() this often while tracing live: rare enough to cost little, often enough to look live. */
#define PIPELINE_TICK_MS 20

struct pipeline;

/* Everything is borrowed for the life of the pipeline. */
struct pipeline_config {
    bool want[WITNESS_N]; /* witnesses to try */
    bool need[WITNESS_N]; /* without these it is an error */
    const char *netns;    /* as the user named it, for the header */
    bool all_netns;       /* the kernel witness sees all namespaces; packets are those of this one */
    const char *const *interfaces;
    unsigned interface_count;
    struct filter filter;
    char *const *command; /* NULL-terminated, or NULL */
    enum conn_segments segments;
    bool ignore_checksums;      /* as in conn_config */
    bool calls;                 /* follow system calls */
    size_t ring_bytes;          /* of the kernel witness, a power of two; 0: the default */
    struct sink_file *trace;    /* gets NDJSON; or NULL */
    struct sink_file *timeline; /* gets text; or NULL */
    bool summary;               /* a line a connection there, instead of one an event */
    bool colour;
    struct http *http; /* gets NDJSON; or NULL */
};

/* Opens the witnesses in the namespace this process is in; from now on events are collected, but nothing is parsed yet.
 * A wanted witness that fails is left out and explained by pipeline_missing(); samples (WITNESS_DIAG) then stand in for
 * the kernel witness. If one that is needed fails, or none is left but that, returns -errno with one line in error. */
int pipeline_open_live(const struct pipeline_config *config, struct pipeline **ret_pipeline,
                       char error[static PIPELINE_ERROR_MAX]) __attribute__((warn_unused_result));

/* How far a capture file has been read: bytes, its size (0: a pipe), packets. */
void pipeline_progress(const struct pipeline *pipeline, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets);

/* A capture file instead. fd: taken over, also on failure; path: its name, borrowed, as the trace tells it ("-" is
 * standard input). filter: libpcap's language, or NULL. 0 or -errno, with one line in error. */
int pipeline_open_capture(const struct pipeline_config *config, int fd, const char *path, const char *filter,
                          struct pipeline **ret_pipeline, char error[static PIPELINE_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Why a wanted witness does not take part; NULL: it does. */
const char *pipeline_missing(const struct pipeline *pipeline, enum witness witness);

/* Live: takes what the sources have, writes what is old enough to be in order. Capture: reads on, and returns 1 while
 * there is more. 0 or -errno (-EPIPE: nobody reads the output any more) with one line in error. */
int pipeline_tick(struct pipeline *pipeline, char error[static PIPELINE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Events the last live tick brought. */
unsigned pipeline_tick_events(const struct pipeline *pipeline);

/* Writes all that is held, the outcomes and the `end` record. status: of the command, -1: there was none.
 * 0 or -errno with one line in error. */
int pipeline_finish(struct pipeline *pipeline, enum end_reason reason, int status,
                    char error[static PIPELINE_ERROR_MAX]) __attribute__((warn_unused_result));

/* Events lost so far, of all witnesses. */
uint64_t pipeline_lost(const struct pipeline *pipeline);
/* Connections found so far. */
uint64_t pipeline_connections(const struct pipeline *pipeline);
/* An error was one of the output, not of the sources. */
bool pipeline_write_failed(const struct pipeline *pipeline);

struct pipeline *pipeline_close(struct pipeline *pipeline);

#endif
