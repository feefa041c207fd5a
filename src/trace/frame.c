/* The first and the last line of a trace. They are written once each, so through cJSON, which no other part of the
 * tracer knows. What cJSON leaves to chance is done here: numbers of more than 15 digits, and bytes that are not
 * ASCII (json_put_text tells why). */
#include "tcplens/trace/encode.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tcplens/base/date.h"
#include "tcplens/base/json.h"
#include "tcplens/base/limits.h"

#define TEXT_MAX 512 /* bytes of one text, at first */
#define TEXT_MIN 4
#define ELLIPSIS "\u2026"

/* All add_ functions return false where memory ran out. */

/* A text cut to max bytes at the edge of a character, with an ellipsis for what is missing. */
static cJSON *text_new(const char *text, size_t max)
{
    char buf[TEXT_MAX + sizeof(ELLIPSIS)];
    size_t len = strnlen(text, max + 1);

    if (len <= max)
        return cJSON_CreateString(text);
    for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    memcpy(buf, text, len);
    memcpy(buf + len, ELLIPSIS, sizeof(ELLIPSIS));
    return cJSON_CreateString(buf);
}

/* Takes item over; NULL is a failure that happened before. */
static bool add_item(cJSON *object, const char *key, cJSON *item)
{
    if (item && cJSON_AddItemToObject(object, key, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool push_item(cJSON *array, cJSON *item)
{
    if (item && cJSON_AddItemToArray(array, item))
        return true;
    cJSON_Delete(item);
    return false;
}

/* Absent where NULL. */
static bool add_text(cJSON *object, const char *key, const char *text, size_t max)
{
    return !text || add_item(object, key, text_new(text, max));
}

/* cJSON keeps a number as double, and writes 10^15 as "1e+15". */
static bool add_u64(cJSON *object, const char *key, uint64_t value)
{
    char digits[JSON_NUMBER_MAX + 1];

    *json_put_u64(digits, value) = '\0';
    return add_item(object, key, cJSON_CreateRaw(digits));
}

static bool add_i64(cJSON *object, const char *key, int64_t value)
{
    char digits[JSON_NUMBER_MAX + 1];

    *json_put_i64(digits, value) = '\0';
    return add_item(object, key, cJSON_CreateRaw(digits));
}

static bool add_start(cJSON *root, uint64_t start_ns)
{
    char text[DATE_TEXT_MAX];

    return cJSON_AddStringToObject(root, "start", date_format(start_ns, text)) != NULL;
}

static bool add_sources(cJSON *root, const struct trace_header *h, size_t max)
{
    cJSON *sources = cJSON_AddArrayToObject(root, "sources"), *missing = NULL;

    if (!sources)
        return false;
    for (unsigned i = 0; i < WITNESS_N; i++)
        if (h->sources[i] && !push_item(sources, cJSON_CreateString(witness_name((enum witness)i))))
            return false;
    for (unsigned i = 0; i < WITNESS_N; i++) {
        cJSON *item;

        if (!h->missing[i])
            continue;
        if (!missing && !(missing = cJSON_AddArrayToObject(root, "missing")))
            return false;
        item = cJSON_CreateObject();
        if (!push_item(missing, item) || !cJSON_AddStringToObject(item, "source", witness_name((enum witness)i)) ||
            !add_text(item, "why", h->missing[i], max))
            return false;
    }
    return true;
}

static bool add_interfaces(cJSON *root, const struct trace_header *h, size_t max)
{
    cJSON *array;

    if (!h->interface_count)
        return true;
    array = cJSON_AddArrayToObject(root, "interfaces");
    for (unsigned i = 0; array && i < h->interface_count && i < LIMIT_INTERFACES; i++)
        if (!push_item(array, text_new(h->interfaces[i], max)))
            return false;
    return array != NULL;
}

static bool add_ports(cJSON *filter, const struct filter *f)
{
    cJSON *array = f->port_count ? cJSON_AddArrayToObject(filter, "ports") : NULL;

    for (unsigned i = 0; array && i < f->port_count; i++)
        if (!push_item(array, cJSON_CreateNumber(f->ports[i])))
            return false;
    return array || !f->port_count;
}

static bool add_hosts(cJSON *filter, const struct filter *f)
{
    cJSON *array = f->host_count ? cJSON_AddArrayToObject(filter, "hosts") : NULL;
    char text[PREFIX_TEXT_MAX];

    for (unsigned i = 0; array && i < f->host_count; i++)
        if (!push_item(array, cJSON_CreateString(prefix_format(&f->hosts[i], text))))
            return false;
    return array || !f->host_count;
}

static bool add_pids(cJSON *filter, const struct filter *f)
{
    cJSON *array = f->pid_count ? cJSON_AddArrayToObject(filter, "pids") : NULL;

    for (unsigned i = 0; array && i < f->pid_count; i++)
        if (!push_item(array, cJSON_CreateNumber(f->pids[i])))
            return false;
    return array || !f->pid_count;
}

static bool add_filter(cJSON *root, const struct trace_header *h)
{
    const struct filter *f = &h->filter;
    cJSON *filter;

    if (!f->port_count && !f->host_count && !f->pid_count)
        return true;
    filter = cJSON_AddObjectToObject(root, "filter");
    return filter && add_ports(filter, f) && add_hosts(filter, f) && add_pids(filter, f);
}

/* Many arguments are cut as a long one is: an ellipsis stands for the rest. */
static bool add_command(cJSON *root, const struct trace_header *h, size_t max)
{
    const size_t arguments_max = max / 16 > 4 ? max / 16 : 4;
    cJSON *array;

    if (!h->command)
        return true;
    array = cJSON_AddArrayToObject(root, "command");
    if (!array)
        return false;
    for (size_t i = 0; h->command[i]; i++) {
        if (i == arguments_max)
            return push_item(array, cJSON_CreateString(ELLIPSIS));
        if (!push_item(array, text_new(h->command[i], max)))
            return false;
    }
    return true;
}

/* True for what strtoll() takes whole and a reader holds exactly: at most 15 digits, no leading zero. */
static bool is_integer(const char *s)
{
    const char *digits = s + (*s == '-');
    size_t n = strspn(digits, "0123456789");

    return n > 0 && n <= 15 && !digits[n] && (digits[0] != '0' || (n == 1 && digits == s));
}

static bool add_sysctl(cJSON *root, const struct trace_header *h, size_t max)
{
    cJSON *object;

    if (!h->sysctl_count)
        return true;
    object = cJSON_AddObjectToObject(root, "sysctl");
    for (unsigned i = 0; object && i < h->sysctl_count && i < TRACE_SYSCTL_MAX; i++) {
        char value[sizeof(h->sysctl[i].value) + 1];

        snprintf(value, sizeof(value), "%.*s", (int)sizeof(h->sysctl[i].value), h->sysctl[i].value);
        value[strcspn(value, "\n")] = '\0';
        if (is_integer(value) ? !add_i64(object, h->sysctl[i].name, strtoll(value, NULL, 10))
                              : !add_text(object, h->sysctl[i].name, value, max))
            return false;
    }
    return object != NULL;
}

static bool add_known(cJSON *object, const char *key, const char *text, size_t max)
{
    return !*text || add_text(object, key, text, max);
}

static bool add_host(cJSON *root, const struct host *h, size_t max)
{
    cJSON *object;

    if (!*h->name && !*h->machine_id && !*h->boot_id)
        return true;
    object = cJSON_AddObjectToObject(root, "host");
    return object && add_known(object, "name", h->name, max) && add_known(object, "machine_id", h->machine_id, max) &&
           add_known(object, "boot_id", h->boot_id, max);
}

static bool add_clock(cJSON *root, const struct host *h)
{
    cJSON *object;

    if (!h->clock_known)
        return true;
    object = cJSON_AddObjectToObject(root, "clock");
    return object && cJSON_AddBoolToObject(object, "synchronized", h->clock_synchronized) &&
           add_i64(object, "maxerror_us", h->clock_maxerror_us) && add_i64(object, "esterror_us", h->clock_esterror_us);
}

static bool add_header(cJSON *root, const struct trace_header *h, size_t max)
{
    return cJSON_AddStringToObject(root, "record", "header") && add_u64(root, "n", 0) && add_u64(root, "t", 0) &&
           cJSON_AddStringToObject(root, "format", "tcplens-trace") && add_u64(root, "version", 1) &&
           cJSON_AddStringToObject(root, "tool", "tcplens " TCPLENS_VERSION) && add_start(root, h->start_ns) &&
           add_text(root, "kernel", h->kernel, max) && add_sources(root, h, max) &&
           add_text(root, "input", h->input, max) && add_text(root, "netns", h->netns, max) &&
           add_interfaces(root, h, max) && add_filter(root, h) && add_command(root, h, max) && add_sysctl(root, h, max) &&
           add_host(root, &h->host, max) && add_clock(root, &h->host);
}

/* In JSON text, what is not ASCII, and "<", stands only within strings: there an escape says the same.
 * Returns 0, -EMSGSIZE where the line would be too long, or -ENOMEM. */
static int print_line(const cJSON *root, char **ret_line)
{
    char *text = cJSON_PrintUnformatted(root), *line, *p;
    size_t read, len;

    if (!text)
        return -ENOMEM;
    len = strlen(text);
    line = p = malloc(TRACE_LINE_MAX + 1);
    if (!line) {
        cJSON_free(text);
        return -ENOMEM;
    }
    for (const char *s = text; *s; s += read) {
        /* 12: the longest escape, of a character beyond U+FFFF. */
        if (p - line > TRACE_LINE_MAX - 12 - 1) {
            free(line);
            cJSON_free(text);
            return -EMSGSIZE;
        }
        read = 1;
        if (*s >= 0x20 && *s < 0x7f && *s != '<')
            *p++ = *s;
        else
            p = json_put_escape(p, s, len - (size_t)(s - text), &read);
    }
    cJSON_free(text);
    strcpy(p, "\n");
    *ret_line = line;
    return 0;
}

int trace_encode_header(const struct trace_header *h, char **ret_line)
{
    int r = -EMSGSIZE;

    /* Nearly always the first round; a command line of many kilobytes takes some more. */
    for (size_t max = TEXT_MAX; r == -EMSGSIZE && max >= TEXT_MIN; max /= 2) {
        cJSON *root = cJSON_CreateObject();

        r = root && add_header(root, h, max) ? print_line(root, ret_line) : -ENOMEM;
        cJSON_Delete(root);
    }
    return r;
}

/* Where t cannot tell. */
static bool add_at(cJSON *root, uint64_t ts_ns, uint64_t start_ns)
{
    char text[DATE_TEXT_MAX];

    return trace_time_fits(ts_ns, start_ns) || cJSON_AddStringToObject(root, "at", date_format(ts_ns, text));
}

void trace_end_skipped(struct trace_end *e, const char *what, uint64_t count)
{
    if (!count || e->skipped_count == TRACE_SKIPPED_MAX)
        return;
    snprintf(e->skipped[e->skipped_count].what, TRACE_SKIPPED_NAME_MAX, "%s", what);
    e->skipped[e->skipped_count++].count = count;
}

static bool add_skipped(cJSON *root, const struct trace_end *e)
{
    cJSON *skipped = e->skipped_count ? cJSON_AddObjectToObject(root, "skipped") : NULL;

    for (unsigned i = 0; skipped && i < e->skipped_count; i++)
        if (!add_u64(skipped, e->skipped[i].what, e->skipped[i].count))
            return false;
    return skipped || !e->skipped_count;
}

static bool add_end(cJSON *root, const struct trace_end *e, uint64_t start_ns)
{
    cJSON *counts, *lost, *beyond = NULL;

    if (!cJSON_AddStringToObject(root, "record", "end") || !add_u64(root, "n", e->n) ||
        !add_u64(root, "t", trace_time(e->ts_ns, start_ns)) || !add_at(root, e->ts_ns, start_ns) ||
        !cJSON_AddStringToObject(root, "reason", end_reason_name(e->reason)) ||
        (e->status >= 0 && !add_i64(root, "status", e->status)))
        return false;
    counts = cJSON_AddObjectToObject(root, "counts");
    for (unsigned i = 0; counts && i < CHANGE_KIND_N; i++)
        if (e->counts[i] && !add_u64(counts, change_kind_name((enum change_kind)i), e->counts[i]))
            return false;
    lost = counts ? cJSON_AddObjectToObject(root, "lost") : NULL;
    for (unsigned i = 0; lost && i < WITNESS_N; i++)
        if (!add_u64(lost, witness_name((enum witness)i), e->lost[i]))
            return false;
    if (!lost || !add_u64(root, "late", e->late))
        return false;
    for (unsigned i = 0; i < BEYOND_N; i++) {
        if (e->beyond[i] && !beyond && !(beyond = cJSON_AddObjectToObject(root, "beyond")))
            return false;
        if (e->beyond[i] && !add_u64(beyond, beyond_name((enum beyond)i), e->beyond[i]))
            return false;
    }
    return add_skipped(root, e);
}

int trace_encode_end(const struct trace_end *e, uint64_t start_ns, char **ret_line)
{
    cJSON *root = cJSON_CreateObject();
    int r = root && add_end(root, e, start_ns) ? print_line(root, ret_line) : -ENOMEM;

    cJSON_Delete(root);
    return r;
}
