/* The trace, written to a file, a pipe or standard output; compressed where the file's name ends in .gz. Of a compressed one
 * what was written is complete every second: who finds the file after a crash has all that came before. It stays one member
 * (RFC 1952 2.2): browsers read no second one. A divided one goes on in further files, each of which can be read alone. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ZLIB_CONST /* what is compressed is only read */
#include <zlib.h>

#include "file_parts.h"
#include "tcplens/base/clock.h"
#include "tcplens/base/log.h"
#include "tcplens/base/opener.h"
#include "tcplens/base/output.h"
#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"

#define SYNC_NS 1000000000ull
#define GZIP_WINDOW (16 + MAX_WBITS) /* with gzip's header */

struct packed {
    z_stream zip;
    uint64_t synced_ns;         /* of CLOCK_MONOTONIC */
    bool dirty;                 /* something came since */
    char line[WRITER_LINE_MAX]; /* where the next one is put together */
    unsigned char out[1u << 14];
};

struct file {
    const char *path; /* NULL and "-": standard output */
    bool force;
    struct writer *writer; /* NULL: the file is not made yet */
    struct packed *packed; /* NULL: as it is */
    /* divided: */
    struct parts *parts; /* NULL: it is not */
    struct opener opener;
    uint64_t max_bytes, max_ns; /* of a part; 0: any */
    uint64_t bytes, begun_ns;   /* of this part */
    unsigned part, number;      /* of the trace's files; in the name of this one */
    bool stuck;                 /* a further file could not be made, which was told */
};

static bool is_stdout(const char *path)
{
    return !path || strcmp(path, "-") == 0;
}

/* NULL: out of memory. */
static struct packed *packed_new(void)
{
    struct packed *p = calloc(1, sizeof(*p));

    if (!p || deflateInit2(&p->zip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
                           Z_DEFAULT_STRATEGY) != Z_OK) {
        free(p);
        return NULL;
    }
    p->synced_ns = clock_ns(CLOCK_MONOTONIC);
    return p;
}

/* deflate() cannot fail: the stream is sound and there is room. */
static void pack(struct file *f, const char *data, size_t len, int flush)
{
    struct packed *p = f->packed;

    p->zip.next_in = (const unsigned char *)data;
    p->zip.avail_in = (unsigned)len;
    do {
        p->zip.next_out = p->out;
        p->zip.avail_out = sizeof(p->out);
        deflate(&p->zip, flush);
        writer_write(f->writer, (const char *)p->out, sizeof(p->out) - p->zip.avail_out);
        f->bytes += sizeof(p->out) - p->zip.avail_out;
    } while (p->zip.avail_out == 0);
    p->dirty = flush == Z_NO_FLUSH;
}

static bool is_packed(const char *path)
{
    const size_t len = path ? strlen(path) : 0;

    return len > 3 && strcmp(path + len - 3, ".gz") == 0;
}

static bool is_divided(const struct file *f)
{
    return f->max_bytes || f->max_ns;
}

static int divide(struct file *f)
{
    f->begun_ns = clock_ns(CLOCK_MONOTONIC);
    f->part = f->number = 1;
    return parts_new(&f->parts) < 0 ? -ENOMEM : opener_start(&f->opener, f->path, f->force);
}

static int make(struct file *f)
{
    int r = writer_open(f->path, &f->writer);

    if (r == 0 && is_packed(f->path)) {
        writer_units(f->writer, NULL);
        f->packed = packed_new();
        r = f->packed ? 0 : -ENOMEM;
    }
    return r == 0 && is_divided(f) ? divide(f) : r;
}

static int ops_begin(void *sink, char error[static SINK_ERROR_MAX])
{
    struct file *f = sink;
    int r = f->writer || is_stdout(f->path) ? 0 : sink_file_check(f->path, f->force, error);

    if (r < 0 || f->writer)
        return r;
    r = make(f);
    if (r < 0)
        snprintf(error, SINK_ERROR_MAX, "cannot write %.400s: %s", f->path ? f->path : "standard output",
                 output_explain(r));
    return r == -EINVAL ? -EIO : r;
}

static int ops_close(void *sink)
{
    struct file *f = sink;
    int r;

    if (f->packed && f->packed->zip.total_in)
        pack(f, NULL, 0, Z_FINISH);
    if (f->packed)
        deflateEnd(&f->packed->zip);
    r = writer_close(f->writer);
    opener_stop(&f->opener);
    parts_free(f->parts);
    free(f->packed);
    free(f);
    return r;
}

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    struct file *f;
    int r;

    (void)config;
    if (!context->output && (context->readable || context->quiet || context->stdout_taken))
        return 0;
    if (is_stdout(context->output) && context->stdout_taken) {
        snprintf(error, SINK_ERROR_MAX, "the table and the trace cannot both go to standard output");
        return -EINVAL;
    }
    f = calloc(1, sizeof(*f));
    if (!f) {
        snprintf(error, SINK_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    *f = (struct file){ .path = context->output,
                        .force = context->force,
                        .max_bytes = context->rotate_bytes,
                        .max_ns = context->rotate_ns };
    r = !is_stdout(f->path) && sink_file_waits(f->path) ? sink_file_check(f->path, f->force, error)
                                                        : ops_begin(f, error);
    if (r < 0) {
        ops_close(f);
        return r;
    }
    if (is_stdout(context->output))
        context->stdout_taken = context->stdout_gets_trace = true;
    *ret_sink = f;
    return 0;
}

static void put(void *arg, const char *line, size_t len)
{
    struct file *f = arg;

    if (f->packed) {
        pack(f, line, len, Z_NO_FLUSH);
    } else {
        writer_write(f->writer, line, len);
        f->bytes += len;
    }
}

static void ops_line(void *sink, const char *line, size_t len, uint64_t n)
{
    struct file *f = sink;

    if (f->parts)
        parts_note(f->parts, line, len);
    if (f->parts && n == 0)
        parts_header(f->parts, f->part, put, f);
    else
        put(f, line, len);
}

static char *ops_room(void *sink, size_t max)
{
    struct file *f = sink;

    return f->packed ? f->packed->line : writer_begin(f->writer, max);
}

static bool is_full(const struct file *f)
{
    return (f->max_bytes && f->bytes >= f->max_bytes) ||
           (f->max_ns && clock_ns(CLOCK_MONOTONIC) - f->begun_ns >= f->max_ns);
}

/* Somebody has the names between. */
static void tell_name(const struct file *f)
{
    char name[4096];

    opener_name(f->path, f->number, name, sizeof(name));
    log_note("goes on in %s: the names before it are taken", name);
}

/* Where the next one cannot be made nothing is lost: this one goes on, and it is tried again when as much has come; one that is
 * late is taken as soon as it comes. */
static void begin_part(struct file *f)
{
    unsigned number, passed_over;
    const int fd = opener_next(&f->opener, &number);

    if (fd != -ETIMEDOUT) {
        f->bytes = 0;
        f->begun_ns = clock_ns(CLOCK_MONOTONIC);
    }
    if (fd < 0) {
        if (!f->stuck)
            log_note("%s is not divided further for now: the next file cannot be made: %s", f->path,
                     opener_explain(fd));
        f->stuck = true;
        return;
    }
    f->stuck = false;
    passed_over = number - f->number - 1;
    f->number = number;
    if (passed_over)
        tell_name(f);
    if (f->packed) {
        pack(f, NULL, 0, Z_FINISH);
        deflateReset(&f->packed->zip);
    }
    writer_switch(f->writer, fd);
    f->bytes = 0;
    parts_begin(f->parts, ++f->part, put, f);
}

static int ops_flush(void *sink, bool all)
{
    struct file *f = sink;

    if (f->parts && !all && is_full(f))
        begin_part(f);
    if (f->packed && f->packed->dirty && clock_ns(CLOCK_MONOTONIC) - f->packed->synced_ns >= SYNC_NS) {
        pack(f, NULL, 0, Z_SYNC_FLUSH);
        f->packed->synced_ns = clock_ns(CLOCK_MONOTONIC);
    }
    return writer_flush(f->writer);
}

static const char *ops_file(const void *sink)
{
    const char *path = ((const struct file *)sink)->path;

    return is_stdout(path) ? NULL : path;
}

const struct sink_ops sink_file_ops = {
    .name = "file",
    .open = ops_open,
    .begin = ops_begin,
    .line = ops_line,
    .room = ops_room,
    .flush = ops_flush,
    .file = ops_file,
    .close = ops_close,
};
