#include "publish_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int publish_queue_open(struct publish_queue *q, size_t size)
{
    *q = (struct publish_queue){ .bytes = malloc(size), .size = size };
    return q->bytes ? 0 : -ENOMEM;
}

void publish_queue_close(struct publish_queue *q)
{
    free(q->bytes);
    q->bytes = NULL;
}

size_t publish_queue_len(const struct publish_queue *q)
{
    return (size_t)(q->tail - q->head);
}

bool publish_queue_has_room(const struct publish_queue *q, size_t len)
{
    return q->size - publish_queue_len(q) >= len;
}

/* The bytes from a position on that lie together in the ring. */
static size_t together(const struct publish_queue *q, uint64_t at, size_t len)
{
    const size_t left = q->size - (size_t)(at % q->size);

    return len < left ? len : left;
}

void publish_queue_put(struct publish_queue *q, const void *bytes, size_t len)
{
    const size_t first = together(q, q->tail, len);

    memcpy(q->bytes + q->tail % q->size, bytes, first);
    memcpy(q->bytes, (const char *)bytes + first, len - first);
    q->tail += len;
}

int publish_queue_push(struct publish_queue *q, int fd)
{
    while (q->head < q->tail) {
        const ssize_t n = write(fd, q->bytes + q->head % q->size, together(q, q->head, publish_queue_len(q)));

        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0 && errno != EINTR)
            return -errno;
        q->head += n > 0 ? (uint64_t)n : 0;
    }
    return 0;
}
