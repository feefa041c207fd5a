/* Traces read back from a NATS server's JetStream. */
#ifndef TCPLENS_SINK_PUBLISH_READER_H
#define TCPLENS_SINK_PUBLISH_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "tcplens/sink/publish_server.h"

struct publish_reader;

/* One trace that is stored. */
struct publish_trace {
    const char *id, *host, *header; /* header: its line, without a newline */
    size_t header_len;
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
 * *ret_complete: its end was among them. 0; -ENOENT: there is no such trace; -errno; with one line in error. */
int publish_reader_read(struct publish_reader *reader, const char *id, const char *host,
                        bool (*take)(void *arg, const char *line, size_t len), void *arg, bool *ret_complete,
                        char error[static PUBLISH_ERROR_MAX]);

#endif
