/* An end to connecting. libnats goes on for ever, at full speed, with a server that says who it is and does not answer (3.4.1). */
#ifndef TCPLENS_SINK_PUBLISH_DEADLINE_H
#define TCPLENS_SINK_PUBLISH_DEADLINE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct publish_deadline {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t news;
    struct timespec at;
    uint16_t port;
    bool over, came;
};

/* After so many ms, and again each second until publish_deadline_stop(), ends this process's TCP connections with that port of
 * a peer. 0, or -errno: of making a thread. */
int publish_deadline_start(struct publish_deadline *d, uint16_t port, unsigned ms) __attribute__((warn_unused_result));
/* Whether it came. */
bool publish_deadline_stop(struct publish_deadline *d);

#endif
