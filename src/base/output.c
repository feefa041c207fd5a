#include "tcplens/base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcplens/base/caller.h"
#include "tcplens/base/log.h"
#include "tcplens/base/stop.h"

#define FIFO_PAUSE_MS 50

/* What is read: merge has the most. */
static struct {
    dev_t dev;
    ino_t ino;
} spared[64];
static unsigned spared_count;

void output_spare(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || spared_count == sizeof(spared) / sizeof(*spared))
        return;
    spared[spared_count].dev = st.st_dev;
    spared[spared_count++].ino = st.st_ino;
}

static bool is_spared(const struct stat *st)
{
    for (unsigned i = 0; i < spared_count; i++)
        if (spared[i].dev == st->st_dev && spared[i].ino == st->st_ino)
            return true;
    return false;
}

bool output_is_spared(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && is_spared(&st);
}

/* A FIFO that nobody reads yet is waited for, as open(2) would: but not when the program is asked to end. */
static int open_existing(const char *path, int flags)
{
    bool told = false;
    int fd, r = 0;

    while ((fd = open(path, flags | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600)) < 0 && r == 0) {
        r = errno == ENXIO || errno == EINTR ? 0 : -errno;
        if (r == 0 && !told)
            log_note("waiting for somebody to read %s", path);
        told = true;
        if (r == 0)
            r = stop_sleep(FIFO_PAUSE_MS);
    }
    if (fd >= 0 && fcntl(fd, F_SETFL, flags) < 0) { /* without O_NONBLOCK */
        r = -errno;
        close(fd);
        return r;
    }
    return fd < 0 ? r : fd;
}

/* Two that write one file would break each other's lines. Where a file system knows no locks there is none. */
static int claim(int fd, bool empties)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return 0;
    if (is_spared(&st))
        return -EDEADLK;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -EBUSY;
    return empties && ftruncate(fd, 0) < 0 ? -errno : 0;
}

int output_open(const char *path, int flags)
{
    const int way = flags & ~O_TRUNC; /* not before it is claimed */
    int fd = open(path, way | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600), r;
    const bool made = fd >= 0;

    if (made)
        caller_give(fd);
    else if (errno == EEXIST && !(flags & O_EXCL))
        fd = open_existing(path, way);
    else
        return -errno;
    if (fd < 0)
        return fd;
    r = claim(fd, flags & O_TRUNC);
    if (r < 0)
        close(fd);
    return r < 0 ? r : fd;
}

int output_claim_standard(void)
{
    const bool appends = fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND;
    struct stat st;

    if (fstat(STDOUT_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    return flock(STDOUT_FILENO, (appends ? LOCK_SH : LOCK_EX) | LOCK_NB) < 0 && errno == EWOULDBLOCK ? -EBUSY : 0;
}

const char *output_explain(int r)
{
    switch (r) {
    case -EBUSY: return "it is being written already, and each output needs a file of its own";
    case -EDEADLK: return "it is what is read: name another file";
    case -ECANCELED: return "nobody opened it to read";
    default: return strerror(-r);
    }
}
