#include "replay.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zlib.h>

#include "feed.h"
#include "tcplens/base/log.h"

#define CHUNK (1u << 18)

const char *replay_name(const struct replay *r)
{
    return command_input_name(r->path);
}

static bool goes_on(struct replay *r)
{
    r->enough = r->goes_on && !r->goes_on(r->arg);
    return !r->enough;
}

static void ends(const struct replay *r)
{
    if (r->ends)
        r->ends(r->arg);
}

/* ---- a trace ---- */

/* It can be read: not before is anything written of it. */
static bool begin(struct replay *r)
{
    r->begun = !r->begin || r->begin(r->arg);
    return r->begun;
}

struct trace_replay {
    struct replay *replay;
    uint64_t start_ns;
};

static void on_line(void *arg, const struct trace_line *line)
{
    struct trace_replay *t = arg;

    if (line->kind == TRACE_LINE_HEADER) {
        t->start_ns = line->header.start_ns;
        if (t->replay->header)
            t->replay->header(t->replay->arg, &line->header);
    } else if (line->kind == TRACE_LINE_CHANGE) {
        sinks_change(t->replay->sinks, &line->change, t->start_ns);
    } else if (line->kind == TRACE_LINE_END && t->replay->beyond) {
        t->replay->beyond(t->replay->arg, line->end.beyond);
    }
}

static int replay_trace(struct replay *r, gzFile in, char *buffer, int got)
{
    struct trace_replay t = { .replay = r };
    struct trace_reader *reader;
    const struct trace_reader_result *found;
    const char *damage = NULL;
    int status;

    if (trace_reader_new(r->wants, on_line, &t, &reader) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    do {
        trace_reader_feed(reader, buffer, (size_t)got);
        got = gzread(in, buffer, CHUNK);
        damage = command_gzip_damage(in, got);
    } while (goes_on(r) && got > 0 && !damage);
    if (r->enough) {
        trace_reader_free(reader);
        return EXIT_DONE;
    }
    if (got > 0)
        trace_reader_feed(reader, buffer, (size_t)got);
    trace_reader_finish(reader);
    found = trace_reader_result(reader);
    ends(r);
    status = command_tell_damage(replay_name(r), &(struct command_damage){ found->broken, found->first_broken, damage,
                                                                           found->ended, found->part });
    trace_reader_free(reader);
    return status;
}

/* ---- a capture ---- */

/* What was read of a pipe, and the rest. Returns a descriptor, or -1. */
static int feed_again(gzFile in, char *buffer, int got, pid_t *ret_child)
{
    int again;

    *ret_child = feed_start(&again);
    if (*ret_child)
        return *ret_child < 0 ? -1 : again;
    while (got > 0 && feed_write(again, buffer, (size_t)got))
        got = gzread(in, buffer, CHUNK);
    _exit(0);
}

static int read_through(struct replay *r, struct pipeline *pipeline)
{
    char error[PIPELINE_ERROR_MAX];
    int status = EXIT_DONE, got;

    while ((got = pipeline_tick(pipeline, error)) > 0 && goes_on(r))
        ;
    ends(r);
    if (got < 0) {
        log_error("%s: %s (what came before was read)", replay_name(r), error);
        status = EXIT_FAILED;
    }
    if (pipeline_finish(pipeline, got < 0 ? END_REASON_ERROR : END_REASON_INPUT, -1, error) < 0 &&
        status == EXIT_DONE) {
        log_error("%s: %s", replay_name(r), error);
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        command_tell_passed_over(pipeline, replay_name(r), false);
    return status;
}

/* fd: taken over. */
static int replay_capture(struct replay *r, int fd)
{
    struct pipeline_config config = { .sinks = r->sinks };
    char error[PIPELINE_ERROR_MAX];
    struct pipeline *pipeline;
    uint64_t beyond[BEYOND_N] = { 0 };
    int status;

    command_read_file(&config, r->io, r->path, fd);
    if (pipeline_open(&config, &pipeline, error) < 0) {
        log_error("%s: %s", replay_name(r), error);
        return EXIT_FAILED;
    }
    status = begin(r) ? read_through(r, pipeline) : EXIT_FAILED;
    pipeline_beyond(pipeline, beyond);
    if (r->beyond)
        r->beyond(r->arg, beyond);
    pipeline_close(pipeline);
    return status;
}

static int replay_capture_again(struct replay *r, gzFile in, char *buffer, int got)
{
    pid_t child = 0;
    int fd = lseek(r->fd, 0, SEEK_SET) == 0 ? dup(r->fd) : feed_again(in, buffer, got, &child), status;

    if (fd < 0)
        return EXIT_FAILED;
    status = replay_capture(r, fd);
    if (child > 0 && !r->enough) /* who writes into the pipe may not do so for long */
        waitpid(child, NULL, 0);
    return status;
}

/* ---- either ---- */

/* Whether it begins with the header of a trace, and else what it is. */
static enum trace_refusal look(struct trace_check *check, const char *buffer, int got)
{
    if (trace_check_feed(check, buffer, (size_t)got) < 0 || trace_check_result(check)->header ||
        trace_check_finish(check) < 0)
        return trace_check_result(check)->refusal;
    return TRACE_IS_TRACE;
}

static int tell(struct replay *r, gzFile in, struct trace_check *check, char *buffer)
{
    const int got = gzread(in, buffer, CHUNK);
    const char *damage = command_gzip_damage(in, got);
    enum trace_refusal what;

    if (got <= 0 && damage) {
        log_error("cannot read %s: %s", replay_name(r), damage);
        return EXIT_FAILED;
    }
    what = look(check, buffer, got);
    if (what == TRACE_IS_FOREIGN) {
        log_error(
            "%s is no tcplens trace (its first line is not the header of one) and no capture file (neither pcap nor "
            "pcapng)%s",
            replay_name(r), capture_hint(buffer, got > 0 ? (size_t)got : 0));
        return EXIT_FAILED;
    }
    if (what != TRACE_IS_TRACE && what != TRACE_IS_CAPTURE) {
        command_refuse_trace(replay_name(r), r->path, trace_check_result(check));
        return EXIT_FAILED;
    }
    r->is_trace = what == TRACE_IS_TRACE;
    if (r->is_trace)
        return begin(r) ? replay_trace(r, in, buffer, got) : EXIT_FAILED;
    return replay_capture_again(r, in, buffer, got);
}

int replay(struct replay *r)
{
    struct trace_check *check = NULL;
    char *buffer = malloc(CHUNK);
    gzFile in = gzdopen(dup(r->fd), "rb");
    int status = EXIT_FAILED;

    if (!in || !buffer || trace_check_new(&check) < 0)
        log_error("out of memory");
    else
        status = tell(r, in, check, buffer);
    trace_check_free(check);
    free(buffer);
    if (in)
        gzclose(in);
    return status;
}
