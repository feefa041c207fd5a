/* tcplens report: the viewer with a trace inside, as one HTML file. */
#include "tcplens/command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ZLIB_CONST /* what is compressed is only read */
#include <zlib.h>

#include "apart.h"
#include "tcplens/base/base64.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/output.h"
#include "tcplens/base/rights.h"
#include "tcplens/trace/check.h"
#include "tcplens/viewer.h"

#define CHUNK (1u << 18)
/* The element of the page that takes the trace. Base64 has no character that HTML could take for the element's end,
 * whatever the trace holds. */
#define PLACE "<script type=\"text/plain\" id=\"trace\">"

struct report {
    const char *in_path, *out_path;
    bool force, begun, complete; /* it is being written; all of it was */
    gzFile in;
    FILE *out;
    struct trace_check *check;
    z_stream zip;
    unsigned char packed[3 * 4096]; /* by zip, and not yet written */
    uint64_t bytes;
    const char *damage; /* what zlib says where the input could not be read to its end */
};

static const char *out_name(const struct report *r)
{
    return command_to_stdout(r->out_path) ? "standard output" : r->out_path;
}

static int fail_output(const struct report *r, int error)
{
    log_error("cannot write %s: %s", out_name(r), strerror(error));
    return EXIT_FAILED;
}

static int open_input(struct report *r)
{
    int fd = command_open_input(r->in_path);

    if (fd < 0)
        return EXIT_FAILED;
    r->in = gzdopen(fd, "rb");
    if (!r->in) {
        close(fd);
        log_error("out of memory");
        return EXIT_FAILED;
    }
    gzbuffer(r->in, CHUNK / 2);
    return EXIT_DONE;
}

static int open_output(struct report *r)
{
    int fd = command_open_output(r->out_path, r->force);

    if (fd < 0)
        return EXIT_FAILED;
    r->out = fdopen(fd, "w");
    if (!r->out) {
        close(fd);
        return fail_output(r, ENOMEM);
    }
    return EXIT_DONE;
}

/* Full, it is a whole number of base64's groups; only the last one need not be. */
static void write_packed(struct report *r)
{
    char text[BASE64_LEN(sizeof(r->packed))];
    const char *end = base64_encode(text, r->packed, sizeof(r->packed) - r->zip.avail_out);

    fwrite(text, 1, (size_t)(end - text), r->out);
    r->zip.next_out = r->packed;
    r->zip.avail_out = sizeof(r->packed);
}

/* deflate() cannot fail: the stream is sound and there is room. */
static void compress_into(struct report *r, const char *data, size_t len, int flush)
{
    r->zip.next_in = (const unsigned char *)data;
    r->zip.avail_in = (unsigned)len;
    while (deflate(&r->zip, flush) != Z_STREAM_END && r->zip.avail_out == 0)
        write_packed(r);
    if (flush == Z_FINISH)
        write_packed(r);
}

/* The next piece of the trace, checked. 1: there is more, 0: it was the last, -1: a message was printed. gzread() fills
 * the buffer but for the end of the input. */
static int read_piece(struct report *r, char *buffer, size_t *ret_len)
{
    const struct trace_check_result *found = trace_check_result(r->check);
    int result, got = gzread(r->in, buffer, CHUNK);

    r->damage = command_gzip_damage(r->in, got);
    got = got < 0 ? 0 : got;
    r->bytes += (unsigned)got;
    if (r->bytes > LIMIT_REPORT_TRACE) {
        log_error("%s is too large: a page with more than %d GiB of trace would not open; record less (--port, "
                  "--segments control)",
                  command_input_name(r->in_path), LIMIT_REPORT_TRACE >> 30);
        return -1;
    }
    result = trace_check_feed(r->check, buffer, (size_t)got);
    if (result == 0 && got < (int)CHUNK)
        result = trace_check_finish(r->check);
    if (r->damage && !found->header) {
        log_error("cannot read %s: %s", command_input_name(r->in_path), r->damage);
        return -1;
    }
    if (result < 0 || !found->header) { /* no header of ours is as long as a piece */
        command_refuse_trace(command_input_name(r->in_path), r->in_path, found);
        return -1;
    }
    *ret_len = (size_t)got;
    return got == (int)CHUNK;
}

/* What standard output has before belongs to somebody else. */
static bool empty(const struct report *r)
{
    return command_to_stdout(r->out_path) || ftruncate(fileno(r->out), 0) == 0 || errno == EINVAL;
}

static int make(struct report *r, char *buffer)
{
    const char *page = viewer_small_html();
    const size_t before = (size_t)(strstr(page, PLACE) - page) + strlen(PLACE);
    const struct trace_check_result *found;
    size_t len;
    int more = read_piece(r, buffer, &len);

    if (more < 0)
        return EXIT_FAILED;
    /* only now: what a file held is not lost to a wrong name */
    if (!empty(r))
        return fail_output(r, errno);
    r->begun = true;
    fwrite(page, 1, before, r->out);
    compress_into(r, buffer, len, Z_NO_FLUSH);
    if (ferror(r->out))
        return fail_output(r, errno);
    while (more > 0) {
        more = read_piece(r, buffer, &len);
        if (more < 0)
            return EXIT_FAILED;
        compress_into(r, buffer, len, Z_NO_FLUSH);
        if (ferror(r->out)) /* before errno becomes that of something else */
            return fail_output(r, errno);
    }
    compress_into(r, NULL, 0, Z_FINISH);
    fwrite(page + before, 1, viewer_small_html_len() - before, r->out);
    if (ferror(r->out) || fflush(r->out) != 0)
        return fail_output(r, errno);
    r->complete = true;
    found = trace_check_result(r->check);
    return command_tell_damage(
        command_input_name(r->in_path),
        &(struct command_damage){ found->broken, found->first_broken, r->damage, found->ended, found->part });
}

static int make_and_close(struct report *r)
{
    char *buffer = malloc(CHUNK);
    int status = EXIT_FAILED;

    /* 16: with a gzip header, as the browser's DecompressionStream wants it */
    if (!buffer || trace_check_new(&r->check) < 0 ||
        deflateInit2(&r->zip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 16 + MAX_WBITS, MAX_MEM_LEVEL, 0) != Z_OK) {
        log_error("out of memory");
        goto out;
    }
    r->zip.next_out = r->packed;
    r->zip.avail_out = sizeof(r->packed);
    status = make(r, buffer);
    if (r->begun && !r->complete) { /* half a page is of no use */
        __fpurge(r->out);
        (void)!empty(r);
    }
    if (fclose(r->out) != 0 && status == EXIT_DONE)
        status = fail_output(r, errno);
out:
    deflateEnd(&r->zip);
    trace_check_free(r->check);
    free(buffer);
    return status;
}

/* In the child. */
static int make_without_rights(void *arg)
{
    const int error = rights_give_up(&(struct confine){ 0 });

    if (error == 0)
        return make_and_close(arg);
    log_error("cannot drop rights: %s", strerror(-error));
    return EXIT_FAILED;
}

static int open_and_make(struct report *r, const struct command_io *io)
{
    int status = open_input(r);

    if (status == EXIT_DONE)
        status = open_output(r);
    if (status == EXIT_DONE)
        status = apart_run(&(struct apart){
            .work = make_without_rights, .arg = r, .input = command_input_name(r->in_path), .io = io });
    if (r->out)
        fclose(r->out);
    if (r->in)
        gzclose(r->in);
    return status;
}

static const struct option_row rows[] = {
    { .name = "output",
      .letter = 'o',
      .argument = "FILE",
      .help = "the report (- is standard output)",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_OUTPUT,
      .offset = offsetof(struct report, out_path) },
    { .name = "force",
      .help = "replace FILE if it is there already",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct report, force) },
};
static const struct option_table table = OPTION_TABLE(rows);

static int run(int argc, char *argv[])
{
    struct report r = { 0 };
    struct command_io io;
    int rest, status = command_parse(&command_report, OPTIONS_ANYWHERE, argc, argv, &r, &io, &rest);

    command_io_free(&io);
    if (status != COMMAND_GO_ON)
        return status;
    if (rest == argc)
        return command_usage_error("report", "which trace?");
    if (rest + 1 < argc)
        return command_usage_error("report", "'%s' is one file too many", argv[rest + 1]);
    if (!r.out_path)
        return command_usage_error("report", "where to? Name the report with -o FILE.html");
    r.in_path = argv[rest];
    return open_and_make(&r, &io);
}

const struct command command_report = {
    .name = "report",
    .summary = "make one HTML file of a trace, to open or hand in",
    .usage = "[OPTION]... TRACE -o FILE.html",
    .about = "Makes one HTML file of a trace (.ndjson, .ndjson.gz; - is standard input): the viewer\n"
             "with the trace inside. It opens in any browser, without a server, and nothing leaves\n"
             "the computer.\n",
    .options = &table,
    .words = WORDS_FILES,
    .run = run,
};
