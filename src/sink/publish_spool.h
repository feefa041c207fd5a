/* What waits to be sent: bytes in a file that has no name and goes with the process, used as a ring. Positions are counted
 * in bytes, and grow; where nothing is kept, they may leap. One thread appends, one reads and releases. */
#ifndef TCPLENS_SINK_PUBLISH_SPOOL_H
#define TCPLENS_SINK_PUBLISH_SPOOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spool {
    int fd;
    uint64_t size; /* of the ring */
    pthread_mutex_t lock;
    uint64_t head, tail; /* what lies between is kept */
    uint64_t used;       /* bytes of the file that were written, since it was emptied last */
};

/* folder: where the file is. 0 or -errno. */
int spool_open(struct spool *spool, const char *folder, uint64_t size) __attribute__((warn_unused_result));
void spool_close(struct spool *spool);

/* All of them or none. False: there is no room for them, in the ring or on the disk. */
bool spool_append(struct spool *spool, const void *bytes, size_t len) __attribute__((warn_unused_result));
/* At most max bytes from position `from`, which is kept. Returns how many; -errno. */
int64_t spool_read(struct spool *spool, uint64_t from, void *buf, size_t max);
/* What lies before position `to` is needed no more. */
void spool_release(struct spool *spool, uint64_t to);
uint64_t spool_head(struct spool *spool);
uint64_t spool_tail(struct spool *spool);

#endif
