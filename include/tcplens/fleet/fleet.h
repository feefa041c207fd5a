/* Traces and captures of several hosts, made one trace: whose ends of a connection were seen where, which segment was seen at
 * both, how far the clocks are apart, and what both together tell. Pure: what is read and written goes through the caller.
 *
 * 1. fleet_add(), and what the view holds, in order: fleet_header(), fleet_take() of each change, fleet_end().
 * 2. fleet_join().
 * 3. fleet_weave(): the changes of the traces once more, and out comes the whole. */
#ifndef TCPLENS_FLEET_FLEET_H
#define TCPLENS_FLEET_FLEET_H

#include "tcplens/recording.h"
#include "tcplens/trace/encode.h"

#define FLEET_ERROR_MAX 1024

struct fleet;

/* 0 or -ENOMEM. */
int fleet_new(struct fleet **ret_fleet) __attribute__((warn_unused_result));
struct fleet *fleet_free(struct fleet *fleet);

/* One more view, LIMIT_MERGED_FILES at most. name: as a person reads it; borrowed. read_back: its changes are decoded ones, else
 * an engine's. Its number, from 0. */
unsigned fleet_add(struct fleet *fleet, const char *name, bool read_back);
/* Of one that is read back. */
void fleet_header(struct fleet *fleet, unsigned view, const struct trace_header *header);
/* 0, -ENOMEM, or -E2BIG: there are more segments than LIMIT_MERGED_SEGMENTS. */
int fleet_take(struct fleet *fleet, unsigned view, const struct change *change) __attribute__((warn_unused_result));
void fleet_end(struct fleet *fleet, unsigned view, const struct trace_end *end);

/* Every view is complete: finds out what they have in common. 0; -EINVAL: nothing that could be merged; -ERANGE: clocks that
 * do not fit; -ENOMEM; with one line in error. */
int fleet_join(struct fleet *fleet, char error[static FLEET_ERROR_MAX]) __attribute__((warn_unused_result));

/* What is known once they are joined. */
struct fleet_summary {
    uint64_t connections, joined; /* of all views; of them those seen at both ends, each counted once */
    uint64_t both, lost;          /* segments seen at both ends; sent, and certainly not received */
    uint64_t missed;   /* segments that arrived, as the other end says, and that its host's capture does not have */
    uint64_t between;  /* accounts that are left out, of hosts between the ends */
    uint64_t same_end; /* and those of an end of which there is a better one; */
    const char *same_place[2]; /* two views of which that is so, by name; borrowed */
    uint64_t tunnelled;        /* connections in tunnels, which are left out */
};
void fleet_summary(const struct fleet *fleet, struct fleet_summary *ret_summary);
/* How the clock of a view was put onto that of the first; the texts are borrowed. */
void fleet_clock(const struct fleet *fleet, unsigned view, struct trace_merged *ret_merged);
/* The view whose clock counts: the first that stands at an end of a connection. */
unsigned fleet_reference(const struct fleet *fleet);
/* What the header of a view says of its host and clock; all zeros: nothing. */
const struct host *fleet_host(const struct fleet *fleet, unsigned view);
/* When the whole begins, UNIX time. */
uint64_t fleet_start_ns(const struct fleet *fleet);
/* As recording_config.describe and .amend; arg: the fleet. */
void fleet_describe(void *fleet, struct trace_header *header);
const struct change *fleet_amend(void *fleet, const struct change *change);

/* The next change of a view that is a trace, but for segments, which are not asked for again; borrowed until the next one of the
 * same view. NULL: there is none, as of a capture. */
typedef const struct change *(*fleet_next_fn)(void *arg, unsigned view);
/* Tells it all into a recording that fleet_describe() and fleet_amend() serve, and that was begun. 0 or -ENOMEM. */
int fleet_weave(struct fleet *fleet, struct recording *recording, fleet_next_fn next, void *arg)
    __attribute__((warn_unused_result));
/* What fleet_weave() left out, for it belongs to one host and to no connection: processes, counters, datagrams, what labs say. */
uint64_t fleet_left_out(const struct fleet *fleet);

#endif
