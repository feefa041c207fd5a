/* A connection with a NATS server. */
#ifndef TCPLENS_SINK_PUBLISH_NATS_H
#define TCPLENS_SINK_PUBLISH_NATS_H

#include <nats/nats.h>
#include <stdbool.h>
#include <stdint.h>

#include "tcplens/sink/publish_server.h"

#define PUBLISH_STREAM "tcplens"
#define PUBLISH_SUBJECTS "tcplens.>"
#define PUBLISH_ID "Nats-Msg-Id" /* JetStream stores one of an id once */

struct publish_connection {
    natsConnection *connection;
    jsCtx *js;
};

/* Connects once, to a server that has been resolved; closed: called by a thread of the library when the connection is gone.
 * pending: messages that may be on their way; on_ack: called for each, likewise. 0, or -errno with one line in error. */
int publish_connect(const struct publish_server *server, int64_t pending, natsConnectionHandler closed,
                    jsPubAckHandler on_ack, void *arg, struct publish_connection *ret_connection,
                    char error[static PUBLISH_ERROR_MAX]);
void publish_disconnect(struct publish_connection *c);
/* A stream takes our subjects: it is made where none does. ret_last: the sequence number of what it stored last. As
 * publish_connect(). */
int publish_have_stream(const struct publish_server *server, const struct publish_connection *c, uint64_t *ret_last,
                        char error[static PUBLISH_ERROR_MAX]);

/* The sequence number of what is stored last under a subject, 0: nothing is; NATS_NOT_FOUND: no stream of ours.
 * ret_code: what JetStream says of an error. */
natsStatus publish_last_stored(const struct publish_connection *c, const char *subject, uint64_t *ret_at,
                               jsErrCode *ret_code);

struct publish_walk {
    const char *subject;
    uint64_t from, to; /* sequence numbers; from 0: the first. Something is stored there at `to`, or it is waited for */
    bool headers_only;
    bool (*take)(void *arg, natsMsg *message, uint64_t at); /* false: it is enough */
    void *arg;
};

/* Hands on what is stored under a subject, in its order. ret_code: what JetStream says of an error. */
natsStatus publish_walk(const struct publish_connection *c, const struct publish_walk *walk, jsErrCode *ret_code);

#endif
