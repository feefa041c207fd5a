/* The process that publishes, as who traces sees it: frames go in at one end of a pipe, and nobody waits. It is a process of
 * its own since it holds a connection with the network, which who parses packets must not. */
#ifndef TCPLENS_SINK_PUBLISH_PROCESS_H
#define TCPLENS_SINK_PUBLISH_PROCESS_H

#include <sys/types.h>

#include "publish_sender.h"

struct publish_process {
    pid_t pid;
    int frames; /* the pipe, that takes as much as it can and does not block */
    int talk;   /* a byte asks it to leave what it has; it ends with the process */
};

/* Starts it in this network namespace, connected and confined. Errors: one line in error. */
int publish_process_start(struct publish_process *p, struct sender_config *config, const char *folder,
                          uint64_t spool_size, char error[static PUBLISH_ERROR_MAX]);
/* No more frames will come: waits until what it has is stored, or given up, as a signal that asks for the end asks for. 0;
 * -ENODATA: not all of it was. */
int publish_process_end(struct publish_process *p);

#endif
