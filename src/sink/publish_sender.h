/* The process that publishes: it takes frames from a pipe and sends them to a server, which says of each that it is stored. */
#ifndef TCPLENS_SINK_PUBLISH_SENDER_H
#define TCPLENS_SINK_PUBLISH_SENDER_H

#include "publish_nats.h"
#include "publish_spool.h"
#include "tcplens/sink/publish_message.h"

struct sender_config {
    struct publish_server server; /* resolved */
    char host[PUBLISH_HOST_MAX];  /* as it stands in subjects */
    char trace_id[PUBLISH_TRACE_LEN + 1];
    int frames; /* the pipe */
    int talk;   /* a byte from there: what is left is not waited for */
};

struct sender;

/* Connects, if the server is there: it may come later. Nothing is sent yet. spool: open, borrowed. 0, or -errno with one line in
 * error: the server is there, and does not take records. It lives as long as the process, also then: the library's threads may
 * still be about to tell it that its connection is closed. */
int sender_new(const struct sender_config *config, struct spool *spool, struct sender **ret_sender,
               char error[static PUBLISH_ERROR_MAX]);
/* Sends until the pipe ends, and then what is left as long as the server takes it. Returns how many records were not stored, which
 * is told. */
uint64_t sender_run(struct sender *sender);

#endif
