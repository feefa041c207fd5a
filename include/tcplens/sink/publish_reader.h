/* Traces read back from a NATS server's JetStream. */
#ifndef TCPLENS_SINK_PUBLISH_READER_H
#define TCPLENS_SINK_PUBLISH_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/sink/publish_server.h"

struct publish_reader;

/* One trace that is stored. */
struct publish_trace {
    const char *id, *host, *header; /* header: its line, without a newline */
    size_t header_len;
};

/* What came of reading one. */
struct publish_came {
    bool complete;    /* its end was among its lines */
    uint64_t refused; /* messages that say they are of it, and hold no line of a trace */
    uint64_t missing; /* records before the last of them that are not there */
};

/* server: resolved. 0, or -errno with one line in error: -ENOENT: there is no stream. */
int publish_reader_new(const struct publish_server *server, struct publish_reader **ret_reader,
                       char error[static PUBLISH_ERROR_MAX]) __attribute__((warn_unused_result));
void publish_reader_free(struct publish_reader *reader);

/* All traces that have a header there, the oldest first; host: of this one, as below. */
int publish_reader_list(struct publish_reader *reader, const char *host,
                        void (*tell)(void *arg, const struct publish_trace *trace), void *arg,
                        char error[static PUBLISH_ERROR_MAX]);
/* The lines of a trace, in their order, up to its end or to what is stored now. id: of the trace, or how it begins; host: of it,
 * as it names itself or as it stands in subjects; NULL: any; of several, the newest. take returns false where it wants no more.
 * 0; -ENOENT: there is no such trace; -errno; with one line in error. */
int publish_reader_read(struct publish_reader *reader, const char *id, const char *host,
                        bool (*take)(void *arg, const char *line, size_t len), void *arg, struct publish_came *ret_came,
                        char error[static PUBLISH_ERROR_MAX]);

#endif
