#include "tcplens/base/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcplens/base/output.h"
#include "tcplens/base/stop.h"

#define BUFFER_SIZE WRITER_LINE_MAX

struct writer {
    int fd;
    bool owned;   /* not standard output */
    bool regular; /* a file, which no reader holds up */
    bool terminal;
    bool lines;          /* what is written are such */
    writer_unit_fn unit; /* or these; NULL: neither */
    size_t part, rest;   /* of a unit that is not whole yet: bytes that were written, and that will be */
    bool waits;          /* write() would: is it not nonblocking */
    bool replaces; /* what the file holds goes when the first is written: it is not lost to what comes to nothing */
    int error;     /* first -errno: what came after it was thrown away */
    size_t len;
    char buffer[BUFFER_SIZE];
};

/* Standard output's flags belong to the open file, which a shell's other commands share: so it is opened once more, to be
 * nonblocking. Not possible for sockets, nor where it belongs to another user: then it is waited for before each write. What was
 * opened to be read alone does not become one to be written. */
static int open_again(int fd)
{
    char path[32];

    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return -1;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

static void choose_way(struct writer *w)
{
    struct stat st;
    int again;

    w->regular = fstat(w->fd, &st) < 0 || S_ISREG(st.st_mode);
    w->terminal = isatty(w->fd);
    if (!stop_is_watched()) /* signals do as ever, and later on there may be no right to open anything */
        return;
    if (w->regular || (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode)) || (again = open_again(w->fd)) < 0) {
        w->waits = !w->regular;
        return;
    }
    if (w->owned)
        close(w->fd);
    w->fd = again;
    w->owned = true;
}

static int new_writer(int fd, bool owned, struct writer **ret_writer)
{
    struct writer *w = malloc(sizeof(*w));

    if (!w)
        return -ENOMEM;
    w->fd = fd;
    w->owned = owned;
    w->waits = false;
    w->replaces = owned;
    w->lines = true;
    w->unit = NULL;
    w->part = w->rest = 0;
    w->error = 0;
    w->len = 0;
    choose_way(w);
    *ret_writer = w;
    return 0;
}

int writer_on(int fd, bool replaces, struct writer **ret_writer)
{
    int r = new_writer(fd, false, ret_writer);

    if (r == 0) {
        (*ret_writer)->lines = false;
        (*ret_writer)->replaces = replaces;
    }
    return r;
}

void writer_units(struct writer *w, writer_unit_fn length)
{
    w->lines = false;
    w->unit = length;
}

int writer_open(const char *path, struct writer **ret_writer)
{
    const bool owned = path && strcmp(path, "-") != 0;
    int fd = STDOUT_FILENO, r;

    if (owned) {
        fd = output_open(path, O_WRONLY);
        if (fd < 0)
            return fd;
    }
    r = new_writer(fd, owned, ret_writer);
    if (r < 0 && owned)
        close(fd);
    return r;
}

/* How many bytes of whole lines are written at once. A pipe takes PIPE_BUF of them or none (pipe(7)): where it is full, and
 * stays so until the program is told to end, its reader finds no line that is cut. */
static size_t piece(const struct writer *w, const char *data, size_t len)
{
    const char *end = NULL;

    if (w->regular || !w->lines || len <= PIPE_BUF)
        return len;
    end = memrchr(data, '\n', PIPE_BUF);
    if (!end)
        end = memchr(data, '\n', len);
    return end ? (size_t)(end - data) + 1 : len;
}

/* Returns what was written, or -errno; -EAGAIN is no error. A reader that went away shows as -EPIPE to who ignores SIGPIPE, as
 * does a terminal that was closed; and a file that may not grow as -EFBIG to who ignores SIGXFSZ, which is for the program to
 * do. */
static ssize_t write_some(const struct writer *w, const char *data, size_t len)
{
    ssize_t n;
    int r = 0;

    if (w->waits)
        r = stop_poll(w->fd, POLLOUT);
    if (r < 0)
        return r;
    do
        n = write(w->fd, data, len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EIO && w->terminal ? -EPIPE : -errno;
    return n == 0 ? -EIO : n; /* no progress and no reason: not to be tried for ever */
}

/* All of data or, where that fails, *ret_written of it. */
static int write_all(const struct writer *w, const char *data, size_t len, size_t *ret_written)
{
    size_t done = 0;
    int r = 0;

    while (done < len && r == 0) {
        ssize_t n = write_some(w, data + done, piece(w, data + done, len - done));

        if (n > 0)
            done += (size_t)n;
        else if (n == -EAGAIN)
            r = stop_poll(w->fd, POLLOUT);
        else
            r = (int)n;
    }
    *ret_written = done;
    return r;
}

/* How many bytes of the last line or unit there are when so many of data have been written. */
static void count_part(struct writer *w, const char *data, size_t written)
{
    if (w->lines) {
        const char *newline = memrchr(data, '\n', written);

        w->part = newline ? written - (size_t)(newline - data) - 1 : w->part + written;
    }
    for (size_t at = 0, n; w->unit && at < written; at += n) {
        if (!w->rest) {
            w->rest = w->unit(data + at);
            w->part = 0;
        }
        n = w->rest < written - at ? w->rest : written - at;
        w->rest -= n;
        w->part = w->rest ? w->part + n : 0;
    }
}

/* A full disk took part of a line: that part is taken back, if nobody wrote behind it. */
static void cut_part(const struct writer *w)
{
    const off_t part = (off_t)w->part, at = lseek(w->fd, 0, SEEK_CUR);
    struct stat st;

    if (part && at >= part && fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == at &&
        ftruncate(w->fd, at - part) == 0)
        (void)lseek(w->fd, -part, SEEK_CUR);
}

/* A signal that ends the program would cut what is being written (mm/filemap.c, generic_perform_write()). It waits for a
 * file, which no reader holds up. */
static void write_out(struct writer *w, const char *data, size_t len)
{
    sigset_t all, before;
    size_t written;

    if (w->error || !len)
        return;
    if (w->replaces && w->regular && ftruncate(w->fd, 0) < 0) {
        w->error = -errno;
        return;
    }
    w->replaces = false;
    sigfillset(&all);
    if (w->regular)
        pthread_sigmask(SIG_BLOCK, &all, &before);
    w->error = write_all(w, data, len, &written);
    count_part(w, data, written);
    if (w->error && w->regular)
        cut_part(w);
    if (w->regular)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
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

static void close_file(struct writer *w)
{
    /* Linux closes the descriptor in any case, EINTR included; the other errors are of data not yet stored. */
    if (w->owned && close(w->fd) < 0 && w->error == 0 && errno != EINTR)
        w->error = -errno;
}

void writer_switch(struct writer *w, int fd)
{
    (void)!writer_flush(w);
    close_file(w);
    w->part = w->rest = 0;
    w->fd = fd;
    w->owned = true;
}

void writer_drop(struct writer *w)
{
    if (w && w->owned)
        close(w->fd);
    free(w);
}

int writer_close(struct writer *w)
{
    int r;

    if (!w)
        return 0;
    (void)!writer_flush(w);
    close_file(w);
    r = w->error;
    free(w);
    return r;
}

const char *writer_explain(int error)
{
    return error == -ECANCELED ? "its reader takes nothing, and it was asked to end" : strerror(-error);
}
