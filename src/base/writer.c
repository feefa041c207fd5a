#include "tcplens/base/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/output.h"

#define BUFFER_SIZE WRITER_LINE_MAX

struct writer {
    int fd;
    bool owned; /* not standard output */
    int error;  /* first -errno: what came after it was thrown away */
    size_t len;
    char buffer[BUFFER_SIZE];
};

int writer_open(const char *path, struct writer **ret_writer)
{
    const bool owned = path && strcmp(path, "-") != 0;
    struct writer *w = malloc(sizeof(*w));
    int fd = STDOUT_FILENO;

    if (!w)
        return -ENOMEM;
    if (owned) {
        do
            fd = output_open(path, O_WRONLY);
        while (fd == -EINTR);
        if (fd < 0) {
            free(w);
            return fd;
        }
    }
    w->fd = fd;
    w->owned = owned;
    w->error = 0;
    w->len = 0;
    *ret_writer = w;
    return 0;
}

/* Standard output may be non-blocking: the flag belongs to the open file, which a shell's other commands share. */
static int wait_writable(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLOUT };

    while (poll(&p, 1, -1) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

/* A reader that went away shows as -EPIPE to who ignores SIGPIPE, which is for the program to do. */
static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n > 0) {
            data += n;
            len -= (size_t)n;
        } else if (n == 0) {
            return -EIO; /* no progress and no reason: not to be tried for ever */
        } else if (errno == EAGAIN) {
            int r = wait_writable(fd);

            if (r < 0)
                return r;
        } else if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static void write_out(struct writer *w, const char *data, size_t len)
{
    if (w->error == 0)
        w->error = write_all(w->fd, data, len);
}

/* Whole lines only: who reads along, or finds the file after a crash, sees few that are cut. */
static void make_room(struct writer *w, size_t len)
{
    if (len > BUFFER_SIZE - w->len) {
        write_out(w, w->buffer, w->len);
        w->len = 0;
    }
}

char *writer_begin(struct writer *w, size_t max)
{
    make_room(w, max);
    return w->buffer + w->len;
}

void writer_write(struct writer *w, const char *line, size_t len)
{
    if (line == w->buffer + w->len) { /* it was written where writer_begin() said */
        w->len += len;
        return;
    }
    make_room(w, len);
    if (len > BUFFER_SIZE) {
        write_out(w, line, len);
        return;
    }
    memcpy(w->buffer + w->len, line, len);
    w->len += len;
}

int writer_flush(struct writer *w)
{
    write_out(w, w->buffer, w->len);
    w->len = 0;
    return w->error;
}

int writer_close(struct writer *w)
{
    int r;

    if (!w)
        return 0;
    r = writer_flush(w);
    /* Linux closes the descriptor in any case, EINTR included; the other errors are of data not yet stored. */
    if (w->owned && close(w->fd) < 0 && r == 0 && errno != EINTR)
        r = -errno;
    free(w);
    return r;
}
