#include "tcplens/sink/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE SINK_FILE_LINE_MAX

struct sink_file {
    int fd;
    bool owned; /* not standard output */
    int error;  /* first -errno: what came after it was thrown away */
    size_t len;
    char buffer[BUFFER_SIZE];
};

int sink_file_open(const char *path, struct sink_file **ret_sink)
{
    const bool owned = path && strcmp(path, "-") != 0;
    struct sink_file *sink = malloc(sizeof(*sink));
    int fd = STDOUT_FILENO;

    if (!sink)
        return -ENOMEM;
    if (owned) {
        do
            fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
        while (fd < 0 && errno == EINTR);
        if (fd < 0) {
            int r = -errno;

            free(sink);
            return r;
        }
    }
    sink->fd = fd;
    sink->owned = owned;
    sink->error = 0;
    sink->len = 0;
    *ret_sink = sink;
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

static void write_out(struct sink_file *sink, const char *data, size_t len)
{
    if (sink->error == 0)
        sink->error = write_all(sink->fd, data, len);
}

/* Whole lines only: who reads along, or finds the file after a crash, sees few that are cut. */
static void make_room(struct sink_file *sink, size_t len)
{
    if (len > BUFFER_SIZE - sink->len) {
        write_out(sink, sink->buffer, sink->len);
        sink->len = 0;
    }
}

char *sink_file_begin(struct sink_file *sink, size_t max)
{
    make_room(sink, max);
    return sink->buffer + sink->len;
}

void sink_file_end(struct sink_file *sink, size_t len)
{
    sink->len += len;
}

void sink_file_write(struct sink_file *sink, const char *line, size_t len)
{
    make_room(sink, len);
    if (len > BUFFER_SIZE) {
        write_out(sink, line, len);
        return;
    }
    memcpy(sink->buffer + sink->len, line, len);
    sink->len += len;
}

int sink_file_flush(struct sink_file *sink)
{
    write_out(sink, sink->buffer, sink->len);
    sink->len = 0;
    return sink->error;
}

int sink_file_close(struct sink_file *sink)
{
    int r;

    if (!sink)
        return 0;
    r = sink_file_flush(sink);
    /* Linux closes the descriptor in any case, EINTR included; the other errors are of data not yet stored. */
    if (sink->owned && close(sink->fd) < 0 && r == 0 && errno != EINTR)
        r = -errno;
    free(sink);
    return r;
}
