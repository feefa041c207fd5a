/* Makes a trace of events: header, records, end, into sinks. Pure but for these: no I/O, no clock. */
#ifndef TCPLENS_RECORDING_H
#define TCPLENS_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/conn/engine.h"
#include "tcplens/sink/sink.h"
#include "tcplens/trace/encode.h"

struct recording;

/* Everything is borrowed for the life of the recording. */
struct recording_config {
    struct conn_config conn; /* but for emit and arg, which are the recording's own */
    struct sinks *sinks;
    void (*describe)(void *arg, struct trace_header *header); /* what the header says besides its time */
    void (*conclude)(void *arg); /* all is told but the end: it may tell something more; NULL: nobody does */
    /* Another may know more of a change, and gives back what is told for it. NULL: nobody does. */
    const struct change *(*amend)(void *arg, const struct change *change);
    void *arg;
};

/* 0 or -ENOMEM. */
int recording_new(const struct recording_config *config, struct recording **ret_recording)
    __attribute__((warn_unused_result));

/* Writes the header; start_ns: UNIX time. Once. 0 or -errno. */
int recording_begin(struct recording *recording, uint64_t start_ns) __attribute__((warn_unused_result));
bool recording_begun(const struct recording *recording);

/* An event, in order of time, as event_fn. What was not begun begins with it. */
void recording_event(void *recording, const struct event *event);
/* No event before ts_ns will come any more: what was due until then is told. Not before it was begun. */
void recording_pass_time(struct recording *recording, uint64_t ts_ns);

/* The engine has seen all: writes the outcomes and the end. last_ns: when, where nothing that was told is later. end: what only
 * the caller knows of it (reason, status, lost, skipped, events held). 0 or -errno, also of a header that could not be written. */
int recording_end(struct recording *recording, uint64_t last_ns, const struct trace_end *end)
    __attribute__((warn_unused_result));

/* Tells something that no source brought, at the time of what was told last. Takes n and time of the change itself. */
void recording_tell(struct recording *recording, struct change *change);

/* The header could not be written: -errno, and nothing else was. 0: it was, or is still to come. */
int recording_error(const struct recording *recording);
struct conn_engine *recording_engine(const struct recording *recording);
uint64_t recording_connections(const struct recording *recording);
void recording_free(struct recording *recording); /* NULL is fine */

#endif
