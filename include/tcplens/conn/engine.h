/* Connections: takes events of both witnesses in order of time, follows both ends of every connection through RFC 9293's
 * states, and says what changed. Pure: no I/O, no clock. */
#ifndef TCPLENS_CONN_ENGINE_H
#define TCPLENS_CONN_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/conn/config.h"
#include "tcplens/event/event.h"
#include "tcplens/trace/encode.h"

struct conn_engine;

/* 0 or -ENOMEM. */
int conn_engine_new(const struct conn_config *config, struct conn_engine **ret_engine)
    __attribute__((warn_unused_result));
/* The addresses of this host, borrowed until they are replaced or the engine is freed; without, as for a capture file, no
 * end counts as local. */
void conn_engine_set_local(struct conn_engine *engine, const struct addr *addresses, size_t count);
void conn_engine_event(struct conn_engine *engine, const struct event *event);
/* No event before ts_ns will come any more: what was due until then is told. */
void conn_engine_pass_time(struct conn_engine *engine, uint64_t ts_ns);
/* The trace ends: an outcome for every connection that has none yet. */
void conn_engine_finish(struct conn_engine *engine, uint64_t ts_ns);
/* Numbers and sends what somebody else concluded from what was told: not what connections do. */
void conn_engine_tell(struct conn_engine *engine, uint64_t ts_ns, struct change *change);
/* What begins is known from elsewhere: another engine followed it already, and what it told is told again. */
struct conn_introduction {
    bool local_is_client; /* of the endpoints of the event */
    bool before_trace, roles_assumed;
    bool kept; /* its outcome waits for conn_engine_end(), or the end of the trace */
};
/* Begins a connection at the endpoints of an event, of which only these, its namespace, tunnel and time count. Its number; 0:
 * out of memory. */
uint32_t conn_engine_introduce(struct conn_engine *engine, const struct event *event,
                               const struct conn_introduction *how);
/* What was kept is over: its outcome is told, unless it was already. number: which connection at these endpoints. */
void conn_engine_end(struct conn_engine *engine, const struct event *event, uint32_t number);
/* Numbers and sends what another engine concluded; no finding is made of it. Its record number. */
uint64_t conn_engine_pass(struct conn_engine *engine, uint64_t ts_ns, struct change *change);
/* Whether an end of a connection that began in the trace has sent its FIN, and has more to hear from the network: it is in
 * FIN-WAIT-1, CLOSING, LAST-ACK, or in FIN-WAIT-2 unless the other is known to be in CLOSE-WAIT. Looks at each connection. */
bool conn_engine_is_closing(const struct conn_engine *engine);
/* The record number the next change would get. */
uint64_t conn_engine_next_n(const struct conn_engine *engine);
/* Of how many hosts all checksums were wrong, and so said nothing (CONN_CHECKSUMS_AUTO). */
unsigned conn_engine_offloaded(const struct conn_engine *engine);

/* How often there was more than is kept at once: sets those of the engine. */
void conn_engine_beyond(const struct conn_engine *engine, uint64_t beyond[static BEYOND_N]);
/* What belonged to no connection that was seen: adds that of the engine. */
void conn_engine_skipped(const struct conn_engine *engine, struct trace_end *end);
struct conn_engine *conn_engine_free(struct conn_engine *engine);

#endif
