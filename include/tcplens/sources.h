/* The sources of one trace: rows of the table that are wanted, one more that the caller brings, and those that stand in for one
 * that cannot take part. They are opened, read and asked together, in the order of the table. */
#ifndef TCPLENS_SOURCES_H
#define TCPLENS_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/source/source.h"

#define SOURCES_MAX 16 /* rows of the table */
#define SOURCES_ERROR_MAX 1280

struct sources;

struct sources_config {
    /* One a row of source_table: whether it is to be tried, whether it is an error without, what its options say. */
    struct {
        bool want, need;
        void *config;
    } rows[SOURCES_MAX];
    /* One more, which no table has: always tried, and needed. ops NULL: none. */
    struct {
        const struct source_ops *ops;
        void *config;
    } more;
    bool stand_in_will_do; /* one that stands in for another is enough, alone */
};

/* One that is wanted tells of what happens now. */
bool sources_want_live(const struct sources_config *config);

/* Opens those that are wanted, then those that can stand in for one that failed. context->netns is filled in for those that tell
 * of what happens now. config: borrowed. If one that is needed fails, or none is left but a stand-in that nobody asked for,
 * returns -errno with one line in error. */
int sources_open(const struct sources_config *config, struct source_context *context, struct sources **ret_sources,
                 char error[static SOURCES_ERROR_MAX]) __attribute__((warn_unused_result));
struct sources *sources_close(struct sources *sources); /* NULL is fine */

/* Hands over what existed before they were opened. 0 or -errno with one line in error. */
int sources_snapshot(struct sources *sources, event_fn emit, void *arg, char error[static SOURCES_ERROR_MAX])
    __attribute__((warn_unused_result));

/* Where events go: those of a source that is in order by itself, and those that have to be merged. */
struct sources_takers {
    event_fn ordered;
    void *ordered_arg;
    event_fn unordered;
    void *unordered_arg;
};
/* Reads each; last: no further call follows. One that fails is read no more, and said to: what happens now goes on while another
 * is left that tells of it. 1: there is more at once; 0; -errno with one line in error. */
int sources_drain(struct sources *sources, bool last, const struct sources_takers *takers,
                  char error[static SOURCES_ERROR_MAX]) __attribute__((warn_unused_result));

/* One that takes part, or that was wanted and cannot. */
struct sources_entry {
    const struct source_ops *ops;
    const char *missing; /* why it does not take part; NULL: it does */
    const char *caveat;  /* what it does not see; NULL: nothing to say */
    bool replaced;       /* another takes part for it */
    bool stands_in;      /* takes part for another, unasked: */
    const char *reason;  /* why that one does not */
};
/* index counts from 0; false: there is no such source. */
bool sources_get(const struct sources *sources, unsigned index, struct sources_entry *ret_entry);

/* One of them tells of what happens now. */
bool sources_are_live(const struct sources *sources);
/* One of that witness takes part. */
bool sources_have(const struct sources *sources, enum witness witness);
/* One tells of each RST that the host's TCP sends, also where no socket is. */
bool sources_tell_all_resets(const struct sources *sources);
/* One failed, and is read no more. */
bool sources_have_failed(const struct sources *sources);

/* Which witnesses there are, and why not. What it adds to header is borrowed. */
void sources_describe(const struct sources *sources, struct trace_header *header);
/* The sockets, at most max, on which packets are received and nothing may be sent. Returns how many. */
unsigned sources_sockets(const struct sources *sources, int *ret_sockets, unsigned max);
/* How far a file has been read: bytes, its size (0: not known), packets. False: no source has an end. */
bool sources_progress(const struct sources *sources, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets);
/* Adds the events lost so far, a witness each. */
void sources_lost(const struct sources *sources, uint64_t lost[static WITNESS_N]);
/* Adds to end what was seen so far that told of no connection. */
void sources_skipped(const struct sources *sources, struct trace_end *end);

#endif
