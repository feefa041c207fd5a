/* What waits for room in a pipe: bytes in a ring of fixed size, in memory. Positions are counted in bytes, and only grow. */
#ifndef TCPLENS_SINK_PUBLISH_QUEUE_H
#define TCPLENS_SINK_PUBLISH_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct publish_queue {
    char *bytes;
    size_t size;
    uint64_t head, tail; /* what lies between waits */
};

/* 0 or -ENOMEM. */
int publish_queue_open(struct publish_queue *queue, size_t size) __attribute__((warn_unused_result));
void publish_queue_close(struct publish_queue *queue);

/* False: there is no room for so many bytes. */
bool publish_queue_has_room(const struct publish_queue *queue, size_t len);
/* There has to be room. */
void publish_queue_put(struct publish_queue *queue, const void *bytes, size_t len);
/* Writes as much as fd takes without waiting, which is nonblocking: then it goes from the queue. 0 or -errno. */
int publish_queue_push(struct publish_queue *queue, int fd) __attribute__((warn_unused_result));
size_t publish_queue_len(const struct publish_queue *queue);

#endif
