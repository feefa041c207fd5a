#include "tcplens/trace/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"

struct trace_reader {
    trace_wants_fn wants;
    trace_line_fn take;
    void *arg;
    struct trace_decoder *decoder;
    struct trace_reader_result result;
    uint64_t line;
    bool overlong;
    size_t len; /* of rest: a line whose newline has not come */
    char rest[LIMIT_TRACE_LINE];
};

int trace_reader_new(trace_wants_fn wants, trace_line_fn take, void *arg, struct trace_reader **ret_reader)
{
    struct trace_reader *r = malloc(sizeof(*r));

    if (!r)
        return -ENOMEM;
    memset(r, 0, offsetof(struct trace_reader, rest));
    r->wants = wants;
    r->take = take;
    r->arg = arg;
    if (trace_decoder_new(&r->decoder) < 0) {
        free(r);
        return -ENOMEM;
    }
    *ret_reader = r;
    return 0;
}

void trace_reader_free(struct trace_reader *r)
{
    if (!r)
        return;
    trace_decoder_free(r->decoder);
    free(r);
}

static void take_line(struct trace_reader *r, const char *line, size_t len)
{
    char error[TRACE_DECODE_ERROR_MAX];
    struct trace_line got;

    r->line++;
    while (len && strchr(" \t\r", line[len - 1]))
        len--;
    if (r->line == 1 && len >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0) {
        line += 3;
        len -= 3;
    }
    if (!len || (r->wants && !r->wants(line, len)))
        return;
    if (trace_decode(r->decoder, line, len, &got, error) < 0) {
        if (!r->result.broken++)
            r->result.first_broken = r->line;
        return;
    }
    r->result.ended |= got.kind == TRACE_LINE_END;
    if (got.kind == TRACE_LINE_HEADER)
        r->result.part = got.header.part;
    r->take(r->arg, &got);
}

static void take_rest(struct trace_reader *r)
{
    take_line(r, r->overlong ? "?" : r->rest, r->overlong ? 1 : r->len);
    r->len = 0;
    r->overlong = false;
}

void trace_reader_feed(struct trace_reader *r, const char *data, size_t len)
{
    while (len) {
        const char *newline = memchr(data, '\n', len);
        const size_t piece = newline ? (size_t)(newline - data) : len;

        if (newline && !r->len && !r->overlong && piece <= LIMIT_TRACE_LINE) {
            take_line(r, data, piece);
        } else {
            r->overlong |= r->len + piece > LIMIT_TRACE_LINE;
            if (!r->overlong)
                memcpy(r->rest + r->len, data, piece);
            r->len = r->overlong ? 0 : r->len + piece;
            if (!newline)
                return;
            take_rest(r);
        }
        data += piece + 1;
        len -= piece + 1;
    }
}

/* A line that breaks off is where the trace was cut, no damage. */
void trace_reader_finish(struct trace_reader *r)
{
    if (r->len && !r->overlong && r->rest[r->len - 1] == '}')
        take_rest(r);
}

const struct trace_reader_result *trace_reader_result(const struct trace_reader *r)
{
    return &r->result;
}
