#include "tcplens/trace/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exact_json.h"
#include "tcplens/base/limits.h"
#include "tcplens/trace/words.h"

#define TRACE_VERSION 1

struct trace_check {
    struct trace_check_result result;
    uint64_t line;
    bool overlong; /* the rest of this line is passed over */
    char magic[CAPTURE_MAGIC_LEN];
    size_t magic_len;
    size_t len;
    char rest[LIMIT_TRACE_LINE]; /* of a line whose newline has not come */
};

int trace_check_new(struct trace_check **ret_check)
{
    struct trace_check *c = malloc(sizeof(*c));

    if (!c)
        return -ENOMEM;
    memset(c, 0, offsetof(struct trace_check, rest));
    *ret_check = c;
    return 0;
}

struct trace_check *trace_check_free(struct trace_check *check)
{
    free(check);
    return NULL;
}

const struct trace_check_result *trace_check_result(const struct trace_check *check)
{
    return &check->result;
}

static bool is_capture(const struct trace_check *c)
{
    return c->magic_len == CAPTURE_MAGIC_LEN && capture_magic_of(c->magic) != MAGIC_N;
}

static const char *member_text(const cJSON *root, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(root, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}

static int refuse(struct trace_check *c, enum trace_refusal why)
{
    c->result.refusal = why == TRACE_IS_FOREIGN && is_capture(c) ? TRACE_IS_CAPTURE : why;
    return -EINVAL;
}

static int take_header(struct trace_check *c, const cJSON *root)
{
    const cJSON *version, *part;

    if (!root || strcmp(member_text(root, "record"), "header") || strcmp(member_text(root, "format"), "tcplens-trace"))
        return refuse(c, TRACE_IS_FOREIGN);
    version = cJSON_GetObjectItemCaseSensitive(root, "version");
    if (!cJSON_IsNumber(version))
        return refuse(c, TRACE_IS_FOREIGN);
    if (version->valueint != TRACE_VERSION) {
        c->result.version = version->valueint;
        return refuse(c, TRACE_IS_OTHER_VERSION);
    }
    part = cJSON_GetObjectItemCaseSensitive(root, "part");
    c->result.part = cJSON_IsNumber(part) && part->valueint > 0 ? (uint32_t)part->valueint : 0;
    c->result.header = true;
    c->result.records++;
    return 0;
}

static void take_broken(struct trace_check *c)
{
    if (c->result.broken++ == 0)
        c->result.first_broken = c->line;
}

static int take_line(struct trace_check *c, const char *text, size_t len)
{
    cJSON *root;
    int r = 0;

    c->line++;
    if (c->line == 1 && len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* as some editors begin a file */
        text += 3;
        len -= 3;
    }
    if (json_is_blank(text, len))
        return 0;
    root = json_object_parse(text, len);
    if (!c->result.header) {
        r = take_header(c, root);
    } else if (root && *member_text(root, "record") && strcmp(member_text(root, "record"), "header") != 0 &&
               cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(root, "n")) &&
               cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(root, "t"))) {
        c->result.records++;
        if (strcmp(member_text(root, "record"), "end") == 0)
            c->result.ended = true;
    } else {
        take_broken(c);
    }
    cJSON_Delete(root);
    return r;
}

/* Keeps the beginning of a line; one that gets too long is damaged, or no trace at all. */
static int keep(struct trace_check *c, const char *data, size_t len)
{
    if (c->overlong)
        return 0;
    if (len > sizeof(c->rest) - c->len) {
        if (!c->result.header)
            return refuse(c, TRACE_IS_FOREIGN);
        c->overlong = true;
        c->len = 0;
        return 0;
    }
    memcpy(c->rest + c->len, data, len);
    c->len += len;
    return 0;
}

static int end_line(struct trace_check *c, const char *data, size_t len)
{
    int r;

    if (c->len == 0 && !c->overlong && len <= sizeof(c->rest))
        return take_line(c, data, len);
    r = keep(c, data, len);
    if (r < 0)
        return r;
    if (c->overlong) {
        c->overlong = false;
        c->line++;
        take_broken(c);
        return 0;
    }
    r = take_line(c, c->rest, c->len);
    c->len = 0;
    return r;
}

int trace_check_feed(struct trace_check *check, const char *data, size_t len)
{
    const char *newline;
    int r;

    for (size_t i = 0; i < len && check->magic_len < CAPTURE_MAGIC_LEN; i++)
        check->magic[check->magic_len++] = data[i];
    while ((newline = memchr(data, '\n', len)) != NULL) {
        r = end_line(check, data, (size_t)(newline - data));
        if (r < 0)
            return r;
        len -= (size_t)(newline + 1 - data);
        data = newline + 1;
    }
    return keep(check, data, len);
}

int trace_check_finish(struct trace_check *check)
{
    if (check->overlong || check->len > 0) {
        cJSON *root = check->overlong ? NULL : json_object_parse(check->rest, check->len);
        const bool cut = !root && !check->overlong && check->result.header;
        int r = cut ? 0 : end_line(check, "", 0);

        cJSON_Delete(root);
        if (r < 0)
            return r;
    }
    check->len = 0;
    return check->result.header ? 0 : refuse(check, TRACE_IS_EMPTY);
}
