/* What the samples showed last, to tell the next one's news. Pure: times come from outside. */
#ifndef TCPLENS_SOURCE_DIAG_TABLE_H
#define TCPLENS_SOURCE_DIAG_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "diag_parse.h"
#include "tcplens/base/filter.h"
#include "tcplens/event/event.h"

/* How long it may be in doubt whether a socket is gone: so long a processor may stand still in the middle of something, where
 * processors are emulated or shared. */
#define DIAG_DOUBT_NS 100000000u

struct diag_table;

struct diag_table_config {
    struct filter filter; /* by ports and hosts */
    uint32_t netns;       /* goes into the events */
    size_t socket_max;    /* sockets followed at once; 0: LIMIT_SAMPLED_SOCKETS. Others count as lost */
};

/* 0 or -ENOMEM. */
int diag_table_new(const struct diag_table_config *config, uint64_t hash_seed, struct diag_table **ret_table)
    __attribute__((warn_unused_result));
/* A socket was destroyed, after the last sample and before the next. */
void diag_table_destroyed(struct diag_table *table, const struct diag_socket *socket);
/* One sample: begin, each socket with the time when it was read (trace clock), then end or abort. */
void diag_table_begin(struct diag_table *table);
void diag_table_socket(struct diag_table *table, const struct diag_socket *socket, uint64_t read_ns);
/* The sample is complete: hands over the news, as of ts_ns, what ended before what began. parts: in how many pieces the
 * kernel told it. Returns how many sockets more than ever before found no room. */
uint64_t diag_table_end(struct diag_table *table, unsigned parts, uint64_t ts_ns, event_fn emit, void *arg);
/* It is not: nobody is taken for gone. */
void diag_table_abort(struct diag_table *table);
/* Whether a sample within DIAG_DOUBT_NS may say that something is gone which this one did not show. */
bool diag_table_in_doubt(const struct diag_table *table);
/* NULL is fine; returns NULL. */
struct diag_table *diag_table_free(struct diag_table *table);

#endif
