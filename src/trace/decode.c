/* cJSON reads the line; then each field of the kind is taken by its type, in the order of its description (kinds.def), so
 * that nothing is known here of a kind but what its file says. Texts stay where cJSON has them: the tree is kept until the
 * next line. */
#include "tcplens/trace/decode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode_frame.h"
#include "decode_group.h"
#include "exact_json.h"
#include "tcplens/base/limits.h"

struct trace_decoder {
    cJSON *tree;
    uint64_t start_ns;
    bool has_header;
    char *command[DECODE_COMMAND_MAX + 1]; /* of the header */
};

int trace_decoder_new(struct trace_decoder **ret_decoder)
{
    *ret_decoder = calloc(1, sizeof(**ret_decoder));
    return *ret_decoder ? 0 : -ENOMEM;
}

struct trace_decoder *trace_decoder_free(struct trace_decoder *decoder)
{
    if (!decoder)
        return NULL;
    cJSON_Delete(decoder->tree);
    free(decoder);
    return NULL;
}

/* ---- a record of each kind ---- */

#define TAKE_FIELD(type, key, value, meaning, may_be_absent)                                                           \
    do {                                                                                                               \
        const cJSON *item_ = json_member(d->tree, key);                                                                \
                                                                                                                       \
        if (item_ ? !take_##type(d->start_ns, item_, &(value)) : !(may_be_absent))                                     \
            return decode_wrong(error, change_kind_name(c->kind), key, meaning);                                       \
    } while (0);

#define KIND(id, word, kind_member, says)                                                                              \
    static int take_kind_##kind_member(const struct trace_decoder *d, struct change *c, struct decode_error *error)    \
    {
#define NEEDED(type, key, members, value, meaning) TAKE_FIELD(type, #key, value, meaning, false)
#define ALWAYS(type, key, members, value, meaning) TAKE_FIELD(type, #key, value, meaning, false)
#define WHERE(condition, type, key, members, value, meaning) TAKE_FIELD(type, #key, value, meaning, true)
#define KIND_END(kind_member)                                                                                          \
    return 0;                                                                                                          \
    }
#include "tcplens/trace/kinds.def"

static int take_change(const struct trace_decoder *d, struct change *c, struct decode_error *error)
{
    TAKE_FIELD(number, "n", c->n, "record number", false)
    TAKE_FIELD(time, "t", c->ts_ns, "time", false)
    TAKE_FIELD(yes, "late", c->late, "true", true)
    TAKE_FIELD(start, "at", c->ts_ns, "date", true)
    if (c->kind != CHANGE_FINDING && c->kind != CHANGE_CHECK) /* which have several */
        TAKE_FIELD(number, "because", c->because, "record number", true)
    switch (c->kind) {
/* clang-format off */
#define KIND(id, word, kind_member, says) case CHANGE_##id: return take_kind_##kind_member(d, c, error);
#include "tcplens/trace/kinds.def"
    /* clang-format on */
    case CHANGE_KIND_N: break;
    }
    return 0;
}

/* ---- a line ---- */

static enum trace_line_kind kind_of(const char *record, enum change_kind *ret_kind)
{
    if (strcmp(record, "header") == 0)
        return TRACE_LINE_HEADER;
    if (strcmp(record, "end") == 0)
        return TRACE_LINE_END;
    for (unsigned i = 0; i < CHANGE_KIND_N; i++) {
        if (strcmp(record, change_kind_name((enum change_kind)i)) == 0) {
            *ret_kind = (enum change_kind)i;
            return TRACE_LINE_CHANGE;
        }
    }
    return TRACE_LINE_UNKNOWN;
}

static int decode_line(struct trace_decoder *d, struct trace_line *line, enum change_kind kind,
                       struct decode_error *error)
{
    int r;

    switch (line->kind) {
    case TRACE_LINE_HEADER:
        r = decode_header(d->tree, d->command, &line->header, error);
        d->has_header = r == 0;
        d->start_ns = line->header.start_ns;
        return r;
    case TRACE_LINE_CHANGE:
        line->change.kind = kind;
        if (kind == CHANGE_OUTCOME)
            line->change.outcome.cause_end = line->change.outcome.closed_by = line->change.outcome.reset_by =
                END_UNKNOWN;
        return take_change(d, &line->change, error);
    case TRACE_LINE_END: return decode_end(d->tree, d->start_ns, &line->end, error);
    case TRACE_LINE_UNKNOWN: break;
    }
    return 0;
}

int trace_decode(struct trace_decoder *d, const char *line, size_t len, struct trace_line *ret_line,
                 char error[static TRACE_DECODE_ERROR_MAX])
{
    enum change_kind kind = CHANGE_KIND_N;
    struct decode_error wrong;

    cJSON_Delete(d->tree);
    d->tree = len <= LIMIT_TRACE_LINE ? exact_json_parse(line, len) : NULL;
    if (!cJSON_IsObject(d->tree) || !cJSON_IsString(json_member(d->tree, "record"))) {
        snprintf(error, TRACE_DECODE_ERROR_MAX, "no JSON object with a \"record\", or no memory for it");
        return -EINVAL;
    }
    memset(ret_line, 0, sizeof(*ret_line));
    ret_line->kind = kind_of(json_member(d->tree, "record")->valuestring, &kind);
    if (d->has_header != (ret_line->kind != TRACE_LINE_HEADER)) {
        snprintf(error, TRACE_DECODE_ERROR_MAX, d->has_header ? "a second header" : "the first line is no header");
        return -EINVAL;
    }
    if (decode_line(d, ret_line, kind, &wrong) == 0)
        return 0;
    snprintf(error, TRACE_DECODE_ERROR_MAX, "%s: \"%s\" is missing, or not what it should be (%s)", wrong.record,
             wrong.key, wrong.meaning);
    return -EINVAL;
}
