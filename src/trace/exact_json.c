#include "exact_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A number with more digits than a double holds is handed to cJSON as a text behind this mark, which no text of a trace begins
 * with: there it is escaped. */
#define LARGE_MARK '\x7f'
#define EXACT_DIGITS 15

/* Digits from here on, none of a fraction or an exponent; 0: there are few enough for a double. */
static size_t large_number(const char *at, const char *end)
{
    size_t digits = 0;

    while (at + digits < end && at[digits] >= '0' && at[digits] <= '9')
        digits++;
    if (digits <= EXACT_DIGITS || (at + digits < end && strchr(".eE", at[digits])))
        return 0;
    return digits;
}

/* No byte of JSON outside of texts, nor in them: what a disk holds after a loss of power, say. cJSON takes all for blanks. */
static bool is_control(char c)
{
    return (unsigned char)c < ' ' && c != '\t' && c != '\r' && c != '\n';
}

bool json_is_blank(const char *text, size_t len)
{
    while (len && (*text == ' ' || *text == '\t' || *text == '\r' || *text == '\n')) {
        text++;
        len--;
    }
    return !len;
}

static cJSON *parse_whole(const char *text, size_t len)
{
    const char *rest;
    cJSON *root = cJSON_ParseWithLengthOpts(text, len, &rest, false);

    if (root && (!cJSON_IsObject(root) || !json_is_blank(rest, len - (size_t)(rest - text)))) {
        cJSON_Delete(root);
        root = NULL;
    }
    return root;
}

cJSON *json_object_parse(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (is_control(text[i]))
            return NULL;
    return parse_whole(text, len);
}

/* The line with its large numbers marked. Three bytes more for each, which has more than EXACT_DIGITS. NULL: no memory, or a
 * byte that is of no JSON. */
static char *mark_large_numbers(const char *line, size_t len, size_t *ret_len)
{
    const char *const end = line + len;
    char *const marked = malloc(len + len / EXACT_DIGITS * 3 + 4);
    char *p = marked;
    bool text = false, foreign = false;

    if (!marked)
        return NULL;
    for (const char *at = line; at < end;) {
        const bool value = !text && at > line && (at[-1] == ':' || at[-1] == ',' || at[-1] == '[');
        const size_t digits = value ? large_number(at, end) : 0;

        if (digits) {
            *p++ = '"';
            *p++ = LARGE_MARK;
            memcpy(p, at, digits);
            p += digits;
            *p++ = '"';
            at += digits;
            continue;
        }
        if (text && *at == '\\' && at + 1 < end)
            *p++ = *at++;
        else if (*at == '"')
            text = !text;
        foreign = foreign || is_control(*at);
        *p++ = *at++;
    }
    *ret_len = (size_t)(p - marked);
    if (foreign) {
        free(marked);
        return NULL;
    }
    return marked;
}

cJSON *exact_json_parse(const char *line, size_t len)
{
    size_t marked_len;
    char *const marked = mark_large_numbers(line, len, &marked_len);
    cJSON *const tree = marked ? parse_whole(marked, marked_len) : NULL;

    free(marked);
    return tree;
}

bool exact_signed(const cJSON *item, int64_t min, int64_t max, int64_t *ret_value)
{
    if (!cJSON_IsNumber(item) || item->valuedouble < (double)min || item->valuedouble > (double)max ||
        item->valuedouble != (double)(int64_t)item->valuedouble)
        return false;
    *ret_value = (int64_t)item->valuedouble;
    return true;
}

bool exact_unsigned(const cJSON *item, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    char *rest;

    if (cJSON_IsString(item) && item->valuestring[0] == LARGE_MARK) {
        errno = 0;
        *ret_value = strtoull(item->valuestring + 1, &rest, 10);
        return errno == 0 && !*rest && *ret_value >= min && *ret_value <= max;
    }
    if (!cJSON_IsNumber(item) || item->valuedouble < 0 || item->valuedouble > (double)EXACT_JSON_MAX ||
        item->valuedouble != (double)(uint64_t)item->valuedouble)
        return false;
    *ret_value = (uint64_t)item->valuedouble;
    return *ret_value >= min && *ret_value <= max;
}
