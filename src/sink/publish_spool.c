/* Where nothing waits, writing begins at the file's beginning again: as long as the server keeps up, the file stays small, and
 * hardly any of it comes to the disk. */
#include "publish_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SMALL (16u << 20)

static int open_nameless(const char *folder)
{
    char path[4096];
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);

    /* not every file system has that */
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd < 0 ? -errno : fd;
    if (snprintf(path, sizeof(path), "%s/tcplens-spool-XXXXXX", folder) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

int spool_open(struct spool *s, const char *folder, uint64_t size)
{
    const int fd = open_nameless(folder);

    if (fd < 0)
        return fd;
    *s = (struct spool){ .fd = fd, .size = size };
    pthread_mutex_init(&s->lock, NULL);
    return 0;
}

void spool_close(struct spool *s)
{
    close(s->fd);
    pthread_mutex_destroy(&s->lock);
}

/* The bytes from a position on that lie together in the file. */
static size_t together(const struct spool *s, uint64_t at, size_t len)
{
    const uint64_t left = s->size - at % s->size;

    return len < left ? len : (size_t)left;
}

/* On error none counts: the tail is where it was. */
static bool put(const struct spool *s, uint64_t at, const char *bytes, size_t len)
{
    while (len) {
        const ssize_t n = pwrite(s->fd, bytes, together(s, at, len), (off_t)(at % s->size));

        if (n <= 0)
            return false;
        bytes += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

/* The positions that follow are those of the file's beginning. What cannot be given back to the disk is used again. */
static void begin_anew(struct spool *s)
{
    if (ftruncate(s->fd, 0) == 0)
        s->used = 0;
    s->head = s->tail = (s->tail + s->size - 1) / s->size * s->size;
}

bool spool_append(struct spool *s, const void *bytes, size_t len)
{
    uint64_t tail;
    bool fits;

    pthread_mutex_lock(&s->lock);
    if (s->head == s->tail && s->used > SMALL)
        begin_anew(s);
    tail = s->tail;
    fits = s->tail - s->head + len <= s->size;
    pthread_mutex_unlock(&s->lock);
    if (!fits || !put(s, tail, bytes, len))
        return false;
    pthread_mutex_lock(&s->lock);
    s->tail = tail + len;
    s->used += len;
    pthread_mutex_unlock(&s->lock);
    return true;
}

int64_t spool_read(struct spool *s, uint64_t from, void *buf, size_t max)
{
    const uint64_t tail = spool_tail(s);
    char *to = buf;

    if (tail - from < max)
        max = (size_t)(tail - from);
    for (size_t len = max; len;) {
        const ssize_t n = pread(s->fd, to, together(s, from, len), (off_t)(from % s->size));

        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        to += n;
        from += (uint64_t)n;
        len -= (size_t)n;
    }
    return (int64_t)max;
}

void spool_release(struct spool *s, uint64_t to)
{
    pthread_mutex_lock(&s->lock);
    s->head = to;
    pthread_mutex_unlock(&s->lock);
}

uint64_t spool_head(struct spool *s)
{
    uint64_t head;

    pthread_mutex_lock(&s->lock);
    head = s->head;
    pthread_mutex_unlock(&s->lock);
    return head;
}

uint64_t spool_tail(struct spool *s)
{
    uint64_t tail;

    pthread_mutex_lock(&s->lock);
    tail = s->tail;
    pthread_mutex_unlock(&s->lock);
    return tail;
}
