#include "merge_input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/trace/decode.h"

#define CHUNK (1u << 18)

struct merge_input {
    const char *path;
    int again; /* the file once more, for who reads captures; -1: taken */
    gzFile in;
    struct trace_decoder *decoder;
    struct trace_line line;
    char *buffer, *rest; /* CHUNK; LIMIT_TRACE_LINE: of a line that goes on in the next chunk */
    size_t at, have, rest_len;
    bool is_trace, ended, first, overlong;
    bool broke_off; /* a capture, which was told */
    uint32_t part;  /* of a trace in several files */
    const char *damage;
    uint64_t number, broken, first_broken; /* of lines */
    /* while it is read */
    struct fleet *fleet;
    const struct merge_wanted *wanted;
    unsigned view;
    int error;
    uint32_t *unwanted; /* LIMIT_LISTENERS: that no connection wanted is of */
    size_t unwanted_count;
};

struct merge_input *merge_input_open(const char *path)
{
    struct merge_input *in = calloc(1, sizeof(*in));
    int fd = command_open_input(path);
    struct stat status;

    if (fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))) {
        log_error("%s is no file: what is merged is read twice", command_input_name(path));
        close(fd);
        fd = -1;
    }
    if (!in || fd < 0) {
        free(in);
        return NULL;
    }
    in->path = path;
    in->again = command_open_input(path);
    in->in = gzdopen(fd, "rb");
    in->buffer = malloc(CHUNK);
    in->rest = malloc(LIMIT_TRACE_LINE);
    in->unwanted = malloc(LIMIT_LISTENERS * sizeof(*in->unwanted));
    if (!in->in)
        close(fd);
    if (in->again >= 0 && in->in && in->buffer && in->rest && in->unwanted && trace_decoder_new(&in->decoder) == 0)
        return in;
    if (in->again >= 0)
        log_error("out of memory");
    return merge_input_close(in);
}

struct merge_input *merge_input_close(struct merge_input *in)
{
    if (!in)
        return NULL;
    if (in->again >= 0)
        close(in->again);
    if (in->in)
        gzclose(in->in);
    trace_decoder_free(in->decoder);
    free(in->buffer);
    free(in->rest);
    free(in->unwanted);
    free(in);
    return NULL;
}

/* ---- lines of a trace */

static bool fill(struct merge_input *in)
{
    const int got = in->damage ? 0 : gzread(in->in, in->buffer, CHUNK);

    if (!in->damage)
        in->damage = command_gzip_damage(in->in, got);
    in->at = 0;
    in->have = got > 0 ? (size_t)got : 0;
    return in->have > 0;
}

/* The next line, without its newline; borrowed until the next one. NULL: no more. */
static const char *next_line(struct merge_input *in, size_t *ret_len)
{
    in->rest_len = 0;
    in->overlong = false;
    while (in->at < in->have || fill(in)) {
        const char *from = in->buffer + in->at, *newline = memchr(from, '\n', in->have - in->at);
        const size_t len = newline ? (size_t)(newline - from) : in->have - in->at;

        in->at += len + (newline != NULL);
        if (newline && !in->rest_len && !in->overlong) { /* as nearly always: where it is */
            *ret_len = len;
            return from;
        }
        in->overlong |= in->rest_len + len > LIMIT_TRACE_LINE;
        if (!in->overlong) {
            memcpy(in->rest + in->rest_len, from, len);
            in->rest_len += len;
        }
        if (newline)
            break;
    }
    *ret_len = in->overlong ? 1 : in->rest_len;
    return in->overlong ? "?" : in->rest_len ? in->rest : NULL;
}

static bool begins_with(const char *line, size_t len, const char *word)
{
    const size_t n = strlen(word);

    return len >= n && memcmp(line, word, n) == 0;
}

/* What one of the readings has no use for: as this program writes it. */
static bool is_skipped(bool in_first, const char *line, size_t len)
{
    static const char *const first[] = { "state", "object", "arrival", "call", "queue", "timer", "process" },
                             *const second[] = { "segment", "arrival", "icmp" };
    const char *const *words = in_first ? first : second;
    const size_t count = in_first ? sizeof(first) / sizeof(*first) : sizeof(second) / sizeof(*second);
    static const char begin[] = "{\"record\":\"";

    if (!begins_with(line, len, begin))
        return false;
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(words[i]);

        if (begins_with(line + sizeof(begin) - 1, len - (sizeof(begin) - 1), words[i]) && len > sizeof(begin) - 1 + n &&
            line[sizeof(begin) - 1 + n] == '"')
            return line[len - 1] == '}';
    }
    return false;
}

/* The next line that is one, decoded. False: no more. */
static bool next_decoded(struct merge_input *in)
{
    char error[TRACE_DECODE_ERROR_MAX];
    const char *line;
    size_t len;

    while ((line = next_line(in, &len))) {
        in->number++;
        while (len && strchr(" \t\r", line[len - 1]))
            len--;
        if (in->number == 1 && begins_with(line, len, "\xef\xbb\xbf")) {
            line += 3;
            len -= 3;
        }
        if (!len || is_skipped(in->first, line, len))
            continue;
        if (trace_decode(in->decoder, line, len, &in->line, error) == 0)
            return true;
        if (line == in->rest && line[len - 1] != '}') /* where the trace was cut */
            continue;
        if (!in->first && !is_skipped(true, line, len)) /* counted then */
            continue;
        if (!in->broken++ || in->number < in->first_broken)
            in->first_broken = in->number;
    }
    return false;
}

/* ---- which of it is wanted */

static bool is_filtered(const struct merge_input *in)
{
    return in->wanted->filter.port_count || in->wanted->filter.host_count || in->wanted->expression;
}

static bool endpoints_wanted(const struct merge_input *in, const struct endpoint *a, const struct endpoint *b)
{
    return filter_wants(&in->wanted->filter, a, b) &&
           (!in->wanted->expression || expression_wants(in->wanted->expression, false, a, b));
}

static bool listener_wanted(const struct merge_input *in, uint32_t listener)
{
    for (size_t i = 0; i < in->unwanted_count; i++)
        if (in->unwanted[i] == listener)
            return false;
    return true;
}

/* What no connection has that is wanted. Those that are not are unknown to the fleet, with all that is of them. */
static bool change_wanted(struct merge_input *in, const struct change *c)
{
    static const struct endpoint nobody;

    if (!is_filtered(in) || c->kind == CHANGE_GAP)
        return true;
    if (c->kind == CHANGE_CONNECTION)
        return endpoints_wanted(in, &c->connection.client, &c->connection.server);
    if (c->kind == CHANGE_LISTENER && listener_wanted(in, c->listener) &&
        !endpoints_wanted(in, &c->listening.addr, &nobody) && in->unwanted_count < LIMIT_LISTENERS)
        in->unwanted[in->unwanted_count++] = c->listener;
    return c->conn || (c->listener && listener_wanted(in, c->listener));
}

static bool rewind_trace(struct merge_input *in)
{
    in->decoder = trace_decoder_free(in->decoder);
    in->at = in->have = 0;
    in->number = 0;
    in->damage = NULL;
    return gzrewind(in->in) == 0 && trace_decoder_new(&in->decoder) == 0;
}

static int refuse(const char *path, int error)
{
    if (error == -E2BIG)
        log_error(
            "%s: there are more than %d segments: merge what one connection, or one port, is about (tcplens trace "
            "--port, tcplens read --port)",
            path, LIMIT_MERGED_SEGMENTS);
    else
        log_error("out of memory");
    return EXIT_FAILED;
}

static void take_header(struct merge_input *in)
{
    in->part = in->line.header.part;
    fleet_header(in->fleet, in->view, &in->line.header);
}

static int read_trace(struct merge_input *in)
{
    in->first = true;
    while (next_decoded(in)) {
        int r = 0;

        if (in->line.kind == TRACE_LINE_HEADER && in->line.header.merged_count) {
            log_error("%s is merged already: merge the files that it was made of, all at once", in->path);
            return EXIT_FAILED;
        }
        if (in->line.kind == TRACE_LINE_HEADER)
            take_header(in);
        else if (in->line.kind == TRACE_LINE_CHANGE && change_wanted(in, &in->line.change))
            r = fleet_take(in->fleet, in->view, &in->line.change);
        else if (in->line.kind == TRACE_LINE_END)
            fleet_end(in->fleet, in->view, &in->line.end);
        in->ended |= in->line.kind == TRACE_LINE_END;
        if (r < 0)
            return refuse(in->path, r);
    }
    in->first = false;
    if (rewind_trace(in))
        return EXIT_DONE;
    log_error("%s cannot be read twice: %s", in->path, strerror(errno));
    return EXIT_FAILED;
}

const struct change *merge_input_next(struct merge_input *in)
{
    while (in->is_trace && next_decoded(in))
        if (in->line.kind == TRACE_LINE_CHANGE && change_wanted(in, &in->line.change))
            return &in->line.change;
    return NULL;
}

int merge_input_tell(const struct merge_input *in)
{
    if (!in->is_trace)
        return in->broke_off ? EXIT_FAILED : EXIT_DONE;
    return command_tell_damage(
        in->path, &(struct command_damage){ in->broken, in->first_broken, in->damage, in->ended, in->part });
}

/* ---- a capture */

static void sink_change(void *sink, const struct change *change, uint64_t start_ns)
{
    struct merge_input *in = sink;

    (void)start_ns;
    if (in->error == 0)
        in->error = fleet_take(in->fleet, in->view, change);
}

static const struct sink_ops into_fleet = { .name = "merge", .change = sink_change };

static int read_capture(struct merge_input *in, const struct command_io *io)
{
    struct sinks sinks = { 0 };
    struct pipeline_config config = { .sinks = &sinks,
                                      .filter = in->wanted->filter,
                                      .expression = in->wanted->expression };
    char error[PIPELINE_ERROR_MAX];
    struct pipeline *pipeline;
    int r = 0;

    sinks_add(&sinks, &into_fleet, in);
    command_read_file(&config, io, in->path, in->again);
    in->again = -1;
    if (pipeline_open(&config, &pipeline, error) < 0) {
        log_error("%s: %s", in->path, error);
        return EXIT_FAILED;
    }
    while (in->error == 0 && (r = pipeline_tick(pipeline, error)) > 0)
        ;
    in->broke_off = r < 0;
    if (in->error == 0 && r < 0)
        log_error("%s: %s (what came before is merged)", in->path, error);
    if (in->error == 0 && pipeline_finish(pipeline, END_REASON_INPUT, -1, error) < 0 && r == 0)
        log_note("%s: %s", in->path, error);
    if (in->error == 0)
        command_tell_passed_over(pipeline, in->path, is_filtered(in));
    pipeline_close(pipeline);
    return in->error < 0 ? refuse(in->path, in->error) : EXIT_DONE;
}

/* ---- either */

/* Whether it begins with the header of a trace, and else what it is; the file is at its beginning again. */
static enum trace_refusal look(struct merge_input *in, struct trace_check *check)
{
    const int got = gzread(in->in, in->buffer, CHUNK);

    in->damage = command_gzip_damage(in->in, got);
    if (got <= 0 && in->damage)
        return TRACE_IS_FOREIGN;
    if (trace_check_feed(check, in->buffer, (size_t)got) < 0 || trace_check_result(check)->header ||
        trace_check_finish(check) < 0)
        return trace_check_result(check)->refusal;
    return TRACE_IS_TRACE;
}

static int refuse_foreign(const struct merge_input *in)
{
    if (in->damage)
        log_error("cannot read %s: %s", in->path, in->damage);
    else
        log_error(
            "%s is no tcplens trace (its first line is not the header of one) and no capture file (neither pcap nor "
            "pcapng)",
            in->path);
    return EXIT_FAILED;
}

int merge_input_read(struct merge_input *in, struct fleet *fleet, const struct merge_wanted *wanted,
                     const struct command_io *io)
{
    struct trace_check *check;
    enum trace_refusal what;
    int status = EXIT_FAILED;

    if (trace_check_new(&check) < 0)
        return refuse(in->path, -ENOMEM);
    in->fleet = fleet;
    in->wanted = wanted;
    what = look(in, check);
    in->is_trace = what == TRACE_IS_TRACE;
    if (in->is_trace || what == TRACE_IS_CAPTURE)
        in->view = fleet_add(fleet, in->path, in->is_trace);
    if (what == TRACE_IS_CAPTURE)
        status = read_capture(in, io);
    else if (what == TRACE_IS_FOREIGN)
        status = refuse_foreign(in);
    else if (!in->is_trace)
        command_refuse_trace(in->path, in->path, trace_check_result(check));
    else if (rewind_trace(in))
        status = read_trace(in);
    else
        log_error("cannot read %s: %s", in->path, strerror(errno));
    trace_check_free(check);
    return status;
}
