/* What a source of events is to the pipeline, to the commands and to doctor. A source is one file and one row in
 * include/tcplens/source/sources.def. */
#ifndef TCPLENS_SOURCE_SOURCE_H
#define TCPLENS_SOURCE_SOURCE_H

#include "tcplens/base/clock.h"
#include "tcplens/base/filter.h"
#include "tcplens/base/netns.h"
#include "tcplens/base/options.h"
#include "tcplens/event/event.h"
#include "tcplens/event/packets.h"
#include "tcplens/trace/encode.h"

#define SOURCE_ERROR_MAX 512

/* What all sources of a trace share; borrowed for the life of the source. */
struct source_context {
    struct trace_clock *clock;
    struct filter filter;
    uint32_t netns;                  /* inode number of the namespace this process is in; goes into the events */
    const struct netns_scope *scope; /* NULL: that one; else these, of which this process is in the last */
    uint32_t command_pid; /* process id of the command traced, as the machine knows it; 0: none, or not known */
    bool datagrams;       /* UDP too, where the source can see it */
    bool headers;         /* of segments, byte by byte */
    packet_fn packet;     /* takes each packet that tells of something, as it was captured; NULL: nobody wants them */
    void *packet_arg;
    bool all_netns; /* not that one alone is watched, where the source can do that */
};

/* Tells one thing that a source needs, and whether it is there. detail: what is lost without it, and the remedy. */
typedef void (*source_tell_fn)(bool ok, const char *what, const char *detail);

struct source_ops {
    const char *name; /* as --source takes it */
    enum witness witness;
    bool live;       /* of what happens now; else of what happened */
    bool ordered;    /* its events come in order of time: they need not be merged with those of others */
    bool by_default; /* takes part where nobody says otherwise */
    bool knows_pids; /* can tell whose a connection is; of the others is told what these tell of too */
    bool all_netns;  /* can watch every namespace */
    bool stands_in;  /* takes part where no source of the witness that follows can */
    enum witness stands_in_for;
    const char *without; /* what is not seen where it cannot take part: one clause for a note;
                          * NULL: nothing but what it stands in for */
    const char *instead; /* the same, where this one stands in for another; NULL: it never does */

    const struct option_table *options; /* its own, for the commands that use it; NULL: it has none */
    size_t config_size;                 /* bytes of what they write to; all zeros are the defaults of OPTION_TAKEN */
    /* The options (the first of the table, or what goes with it) ask for this source, which then must work. NULL: they never
     * do. */
    bool (*is_asked_for)(const void *config);

    /* Opens; events are collected from here on, but nothing is parsed yet. Needs rights. 0 or -errno, with one line of
     * what is wrong and what would help in why. config lives as long as the source. */
    int (*open)(const struct source_context *context, const void *config, void **ret_source,
                char why[static SOURCE_ERROR_MAX]);
    /* Hands over what existed before, after every source was opened. Needs rights. 0 or -errno. NULL: nothing did. */
    int (*snapshot)(void *source, event_fn emit, void *arg);
    /* The sockets, at most max, on which it receives packets and nothing may be sent. Returns how many. NULL: it has none. */
    unsigned (*sockets)(const void *source, int *ret_sockets, unsigned max);
    /* Hands over what has been collected; last: no further call follows. 1: there is more at once; 0; -errno with one line
     * in error. */
    int (*drain)(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX]);
    /* Events for which there was no room; each loss also came as an EVENT_GAP. NULL: none is ever lost. */
    uint64_t (*lost)(const void *source);
    /* What was seen that tells of no connection: adds to those of the end. NULL: nothing ever. */
    void (*skipped)(const void *source, struct trace_end *end);
    /* What a trace's header says of it besides its name. NULL: nothing. */
    void (*describe)(const void *config, struct trace_header *header);
    /* It tells of each RST that the host's TCP sends, also where no socket is. NULL: no source of its witness does. */
    bool (*all_resets)(const void *source);
    /* Works, but not wholly: one line of what is not seen and why. NULL, or returns NULL: nothing to say. */
    const char *(*caveat)(const void *source);
    /* How far it has come: bytes read, bytes in all (0: not known), packets. NULL: it has no end. */
    void (*progress)(const void *source, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets);
    void (*close)(void *source); /* NULL is fine */

    /* For doctor: tries what it needs here. Returns whether it works. NULL: it needs nothing. */
    bool (*probe)(source_tell_fn tell);
    bool expected; /* doctor calls a machine good where this works */
};

/* In the order in which they are opened and read: packets first, so that what a kernel did because of them is read after. */
#define SOURCE(name) extern const struct source_ops source_##name##_ops;
#include "tcplens/source/sources.def"
#undef SOURCE

extern const struct source_ops *const source_table[];
extern const size_t source_count;

#endif
