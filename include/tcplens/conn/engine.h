/* Connections: takes events of both witnesses in order of time, follows both ends of every connection through RFC 9293's
 * states, and says what changed. Pure: no I/O, no clock. */
#ifndef TCPLENS_CONN_ENGINE_H
#define TCPLENS_CONN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/trace/change.h"
#include "tcplens/event/event.h"

struct conn_table;

enum conn_segments {
    CONN_SEGMENTS_ALL,
    CONN_SEGMENTS_CONTROL, /* SYN, FIN, RST, and what analysis finds noteworthy */
    CONN_SEGMENTS_NONE,
};

#define CONN_MAX_DEFAULT 1000000
#define CONN_LISTENER_MAX 65536

struct conn_config {
    change_fn emit;
    void *arg;
    size_t conn_max; /* connections followed at once; 0: CONN_MAX_DEFAULT. The one that was silent longest goes first */
    uint64_t hash_seed;
    enum conn_segments segments;
    bool wire_only;        /* only EVENT_SEGMENT will come, others are left alone: a connection takes less memory */
    bool ignore_checksums; /* a segment with a wrong one counts like any other: offload, seen at the sender */
};

int conn_table_new(const struct conn_config *config, struct conn_table **ret_table) __attribute__((warn_unused_result));
/* The addresses of this host, borrowed until they are replaced or the table is freed; without, as for a capture file, no
 * end counts as local. */
void conn_table_set_local(struct conn_table *table, const struct addr *addresses, size_t count);
void conn_table_event(struct conn_table *table, const struct event *event);
/* The trace ends: an outcome for every connection that has none yet. */
void conn_table_finish(struct conn_table *table, uint64_t ts_ns);
/* The record number the next change would get. */
uint64_t conn_table_next_n(const struct conn_table *table);
/* Connections given up before their end because conn_max was reached. */
uint64_t conn_table_evicted(const struct conn_table *table);
struct conn_table *conn_table_free(struct conn_table *table);

#endif
