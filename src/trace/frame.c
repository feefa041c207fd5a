/* The first and the last line of a trace. Their texts come from outside and are of any length and number: a line is put
 * together where there is room for the most that the caps allow, and where it got longer than a line may be, again with
 * smaller caps. */
#include "tcplens/trace/encode.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/date.h"
#include "tcplens/base/json.h"
#include "tcplens/base/limits.h"

#define TEXT_MAX 512 /* bytes of one text, at first */
#define TEXT_MIN 4
#define KEY_MAX 64 /* no name of a sysctl is longer */
#define ELLIPSIS "\u2026"

#define PUT JSON_PUT
#define PUT_KEY JSON_PUT_KEY

/* A text of n bytes, with what stands around it. */
#define TEXT_ROOM(n) (6 * ((size_t)(n) + sizeof(ELLIPSIS)) + 8)
/* Texts that are cut to TEXT_MAX: arguments and their ellipsis, interfaces, reasons, three more, the host,
 * an expression, of each merged file two. */
#define TEXTS (LIMIT_COMMAND_WORDS + 1 + LIMIT_INTERFACES + WITNESS_N + 3 + 1 + 1 + 2 * LIMIT_MERGED_FILES)
#define HEADER_ROOM                                                                                                    \
    (TEXTS * TEXT_ROOM(TEXT_MAX) + (2 * LIMIT_FILTER_PORTS + LIMIT_FILTER_PIDS) * (JSON_NUMBER_MAX + 2) +              \
     LIMIT_FILTER_HOSTS * TEXT_ROOM(PREFIX_TEXT_MAX) + TRACE_SYSCTL_MAX * 2 * TEXT_ROOM(KEY_MAX) +                     \
     LIMIT_MERGED_FILES * 256 + 1024)
#define END_ROOM                                                                                                       \
    (TRACE_SKIPPED_MAX * (TEXT_ROOM(TRACE_SKIPPED_NAME_MAX) + JSON_NUMBER_MAX) +                                       \
     (CHANGE_KIND_N + WITNESS_N + BEYOND_N) * (KEY_MAX + JSON_NUMBER_MAX) + 1024)

/* A text cut to max bytes at the edge of a character, with an ellipsis for what is missing. */
static char *put_text(char *p, const char *text, size_t max)
{
    char buf[TEXT_MAX + sizeof(ELLIPSIS)];
    size_t len = strnlen(text, max + 1);

    if (len <= max)
        return json_put_text(p, text, len);
    for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
        len--;
    memcpy(buf, text, len);
    memcpy(buf + len, ELLIPSIS, sizeof(ELLIPSIS));
    return json_put_text(p, buf, sizeof(buf));
}

/* Absent where text is NULL. */
#define PUT_MEMBER_TEXT(p, key, text, max) ((text) ? put_text(PUT_KEY(p, key), text, max) : (p))

/* What stands between the members of an array or an object, of which this is the i-th. */
static char *put_comma(char *p, unsigned i)
{
    if (i)
        *p++ = ',';
    return p;
}

/* A member of an object, of which it is the i-th. */
static char *put_count(char *p, unsigned i, const char *key, uint64_t value)
{
    p = json_put_text(put_comma(p, i), key, TRACE_SKIPPED_NAME_MAX);
    *p++ = ':';
    return json_put_u64(p, value);
}

static char *put_date(char *p, uint64_t ts_ns)
{
    char text[DATE_TEXT_MAX];

    return json_put_word(p, date_format(ts_ns, text));
}

/* ---- header ---- */

static char *put_sources(char *p, const struct trace_header *h, size_t max)
{
    unsigned n = 0;

    p = PUT(PUT_KEY(p, "sources"), "[");
    for (unsigned i = 0; i < WITNESS_N; i++)
        if (h->sources[i])
            p = json_put_word(put_comma(p, n++), witness_name((enum witness)i));
    p = PUT(p, "]");
    n = 0;
    for (unsigned i = 0; i < WITNESS_N; i++) {
        if (!h->missing[i])
            continue;
        p = n ? PUT(p, ",") : PUT(PUT_KEY(p, "missing"), "[");
        p = json_put_word(PUT(p, "{\"source\":"), witness_name((enum witness)i));
        p = PUT(PUT_MEMBER_TEXT(p, "why", h->missing[i], max), "}");
        n++;
    }
    return n ? PUT(p, "]") : p;
}

static char *put_interfaces(char *p, const struct trace_header *h, size_t max)
{
    if (!h->interface_count)
        return p;
    p = PUT(PUT_KEY(p, "interfaces"), "[");
    for (unsigned i = 0; i < h->interface_count && i < LIMIT_INTERFACES; i++)
        p = put_text(put_comma(p, i), h->interfaces[i], max);
    return PUT(p, "]");
}

static char *put_ports(char *p, const struct filter *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->port_count; i++)
        if (f->ports[i].first == f->ports[i].last)
            p = json_put_u64(n++ ? PUT(p, ",") : PUT(p, ",\"ports\":["), f->ports[i].first);
    return n ? PUT(p, "]") : p;
}

static char *put_port_ranges(char *p, const struct filter *f)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->port_count; i++) {
        if (f->ports[i].first == f->ports[i].last)
            continue;
        p = json_put_u64(n++ ? PUT(p, ",[") : PUT(p, ",\"port_ranges\":[["), f->ports[i].first);
        p = PUT(json_put_u64(PUT(p, ","), f->ports[i].last), "]");
    }
    return n ? PUT(p, "]") : p;
}

static char *put_filter(char *p, const struct filter *f, size_t max)
{
    char text[PREFIX_TEXT_MAX], *begin;

    if (!f->port_count && !f->host_count && !f->pid_count && !f->expression)
        return p;
    p = PUT_KEY(p, "filter");
    begin = p;
    p = put_port_ranges(put_ports(p, f), f);
    for (unsigned i = 0; i < f->host_count; i++)
        p = json_put_word(i ? PUT(p, ",") : PUT(p, ",\"hosts\":["), prefix_format(&f->hosts[i], text));
    p = f->host_count ? PUT(p, "]") : p;
    for (unsigned i = 0; i < f->pid_count; i++)
        p = json_put_u64(i ? PUT(p, ",") : PUT(p, ",\"pids\":["), f->pids[i]);
    p = f->pid_count ? PUT(p, "]") : p;
    p = PUT_MEMBER_TEXT(p, "expression", f->expression, max);
    *begin = '{'; /* for the comma of the first member */
    return PUT(p, "}");
}

/* Many arguments are cut as a long one is: an ellipsis stands for the rest. */
static char *put_command(char *p, const struct trace_header *h, size_t max)
{
    const size_t fewer = LIMIT_COMMAND_WORDS * max / TEXT_MAX, arguments_max = fewer > 4 ? fewer : 4;

    if (!h->command)
        return p;
    p = PUT(PUT_KEY(p, "command"), "[");
    for (unsigned i = 0; h->command[i] && i <= arguments_max; i++)
        p = put_text(put_comma(p, i), i == arguments_max ? ELLIPSIS : h->command[i], max);
    return PUT(p, "]");
}

/* True for what strtoll() takes whole and a reader holds exactly: at most 15 digits, no leading zero. */
static bool is_integer(const char *s)
{
    const char *digits = s + (*s == '-');
    size_t n = strspn(digits, "0123456789");

    return n > 0 && n <= 15 && !digits[n] && (digits[0] != '0' || (n == 1 && digits == s));
}

static char *put_sysctl(char *p, const struct trace_header *h, size_t max)
{
    if (!h->sysctl_count)
        return p;
    p = PUT(PUT_KEY(p, "sysctl"), "{");
    for (unsigned i = 0; i < h->sysctl_count && i < TRACE_SYSCTL_MAX; i++) {
        char value[sizeof(h->sysctl[i].value) + 1];

        snprintf(value, sizeof(value), "%.*s", (int)sizeof(h->sysctl[i].value), h->sysctl[i].value);
        value[strcspn(value, "\n")] = '\0';
        p = json_put_text(put_comma(p, i), h->sysctl[i].name, KEY_MAX);
        *p++ = ':';
        p = is_integer(value) ? json_put_i64(p, strtoll(value, NULL, 10)) : put_text(p, value, max);
    }
    return PUT(p, "}");
}

static bool sysctls_are_names(const struct trace_header *h)
{
    for (unsigned i = 0; i < h->sysctl_count && i < TRACE_SYSCTL_MAX; i++)
        if (strnlen(h->sysctl[i].name, KEY_MAX + 1) > KEY_MAX)
            return false;
    return true;
}

/* What is not known is empty, and absent. */
static char *put_known(char *p, unsigned *n, const char *key, const char *text)
{
    if (!*text)
        return p;
    p = json_put_word(put_comma(p, (*n)++), key);
    *p++ = ':';
    return json_put_text(p, text, HOST_NAME_MAX_BYTES);
}

static char *put_host(char *p, const struct host *h)
{
    unsigned n = 0;

    if (!*h->name && !*h->machine_id && !*h->boot_id)
        return p;
    p = PUT(PUT_KEY(p, "host"), "{");
    p = put_known(p, &n, "name", h->name);
    p = put_known(p, &n, "machine_id", h->machine_id);
    p = put_known(p, &n, "boot_id", h->boot_id);
    return PUT(p, "}");
}

static char *put_clock(char *p, const struct host *h)
{
    if (!h->clock_known)
        return p;
    p = PUT(PUT_KEY(p, "clock"), "{\"synchronized\":");
    p = h->clock_synchronized ? PUT(p, "true") : PUT(p, "false");
    p = json_put_i64(PUT_KEY(p, "maxerror_us"), h->clock_maxerror_us);
    return PUT(json_put_i64(PUT_KEY(p, "esterror_us"), h->clock_esterror_us), "}");
}

/* Absent where it is 0. An offset of more than 104 days is as exact as a double is, which is what most readers have. */
static char *put_figure(char *p, const char *key, int64_t value)
{
    if (!value)
        return p;
    p = json_put_word(PUT(p, ","), key);
    *p++ = ':';
    return json_put_i64(p, value);
}

static char *put_merged(char *p, const struct trace_header *h, size_t max)
{
    if (!h->merged_count)
        return p;
    p = PUT(PUT_KEY(p, "merged"), "[");
    for (unsigned i = 0; i < h->merged_count; i++) {
        const struct trace_merged *m = &h->merged[i];

        p = put_text(PUT(put_comma(p, i), "{\"input\":"), m->input, max);
        p = PUT_MEMBER_TEXT(p, "host", m->host, max);
        p = json_put_word(PUT_KEY(p, "clock"), clock_fit_name(m->clock));
        p = put_figure(p, "offset_ns", (int64_t)(double)m->offset_ns);
        p = put_figure(p, "skew_ppb", m->skew_ppb);
        p = put_figure(p, "band_ns", (int64_t)m->band_ns);
        p = put_figure(p, "segments", (int64_t)m->segments);
        p = PUT(put_figure(p, "steps", (int64_t)m->steps), "}");
    }
    return PUT(p, "]");
}

static char *put_header(char *p, const struct trace_header *h, size_t max)
{
    p = PUT(p, "{\"record\":\"header\",\"n\":0,\"t\":0,\"format\":\"tcplens-trace\",\"version\":1,"
               "\"tool\":\"tcplens " TCPLENS_VERSION "\"");
    p = put_date(PUT_KEY(p, "start"), h->start_ns);
    p = PUT_MEMBER_TEXT(p, "kernel", h->kernel, max);
    p = put_sources(p, h, max);
    p = PUT_MEMBER_TEXT(p, "input", h->input, max);
    p = PUT_MEMBER_TEXT(p, "netns", h->netns, max);
    p = put_interfaces(p, h, max);
    p = put_filter(p, &h->filter, max);
    p = put_command(p, h, max);
    p = put_sysctl(p, h, max);
    p = put_host(p, &h->host);
    p = put_clock(p, &h->host);
    p = put_merged(p, h, max);
    if (h->part)
        p = json_put_u64(PUT_KEY(p, "part"), h->part);
    return PUT(p, "}\n");
}

/* line is taken over. */
static int hand_over(char *line, const char *end, char **ret_line)
{
    if (end - line > TRACE_LINE_MAX) {
        free(line);
        return -EMSGSIZE;
    }
    line[end - line] = '\0';
    *ret_line = line;
    return 0;
}

int trace_encode_header(const struct trace_header *h, char **ret_line)
{
    int r = -EMSGSIZE;

    if (!sysctls_are_names(h))
        return r;
    /* Nearly always the first round; a command line of many kilobytes takes some more. */
    for (size_t max = TEXT_MAX; r == -EMSGSIZE && max >= TEXT_MIN; max /= 2) {
        char *line = malloc(HEADER_ROOM);

        r = line ? hand_over(line, put_header(line, h, max), ret_line) : -ENOMEM;
    }
    return r;
}

/* ---- end ---- */

void trace_end_skipped(struct trace_end *e, const char *what, uint64_t count)
{
    if (!count || e->skipped_count == TRACE_SKIPPED_MAX)
        return;
    snprintf(e->skipped[e->skipped_count].what, TRACE_SKIPPED_NAME_MAX, "%s", what);
    e->skipped[e->skipped_count++].count = count;
}

static char *put_counts(char *p, const struct trace_end *e)
{
    unsigned n = 0;

    p = PUT(PUT_KEY(p, "counts"), "{");
    for (unsigned i = 0; i < CHANGE_KIND_N; i++)
        if (e->counts[i])
            p = put_count(p, n++, change_kind_name((enum change_kind)i), e->counts[i]);
    p = PUT(PUT_KEY(PUT(p, "}"), "lost"), "{");
    for (unsigned i = 0; i < WITNESS_N; i++)
        p = put_count(p, i, witness_name((enum witness)i), e->lost[i]);
    return PUT(p, "}");
}

static char *put_beyond(char *p, const struct trace_end *e)
{
    unsigned n = 0;

    for (unsigned i = 0; i < BEYOND_N; i++) {
        if (!e->beyond[i])
            continue;
        p = n ? p : PUT(PUT_KEY(p, "beyond"), "{");
        p = put_count(p, n++, beyond_name((enum beyond)i), e->beyond[i]);
    }
    return n ? PUT(p, "}") : p;
}

static char *put_clock_moves(char *p, const struct trace_end *e)
{
    if (!e->clock.set && !e->clock.suspended_ns)
        return p;
    p = PUT(PUT_KEY(p, "clock"), "{");
    if (e->clock.set) {
        p = put_count(p, 0, "set", e->clock.set);
        p = json_put_i64(PUT_KEY(p, "set_by_ns"), e->clock.set_by_ns);
    }
    if (e->clock.suspended_ns)
        p = put_count(p, e->clock.set != 0, "suspended_ns", e->clock.suspended_ns);
    return PUT(p, "}");
}

static char *put_skipped(char *p, const struct trace_end *e)
{
    if (!e->skipped_count)
        return p;
    p = PUT(PUT_KEY(p, "skipped"), "{");
    for (unsigned i = 0; i < e->skipped_count; i++)
        p = put_count(p, i, e->skipped[i].what, e->skipped[i].count);
    return PUT(p, "}");
}

static char *put_end(char *p, const struct trace_end *e, uint64_t start_ns)
{
    p = json_put_u64(PUT(p, "{\"record\":\"end\",\"n\":"), e->n);
    p = json_put_u64(PUT_KEY(p, "t"), trace_time(e->ts_ns, start_ns));
    if (!trace_time_fits(e->ts_ns, start_ns)) /* where t cannot tell */
        p = put_date(PUT_KEY(p, "at"), e->ts_ns);
    p = json_put_word(PUT_KEY(p, "reason"), end_reason_name(e->reason));
    if (e->status >= 0)
        p = json_put_i64(PUT_KEY(p, "status"), e->status);
    p = put_counts(p, e);
    p = json_put_u64(PUT_KEY(p, "late"), e->late);
    p = put_beyond(p, e);
    p = put_clock_moves(p, e);
    p = put_skipped(p, e);
    return PUT(p, "}\n");
}

int trace_encode_end(const struct trace_end *e, uint64_t start_ns, char **ret_line)
{
    char *line = malloc(END_ROOM);

    return line ? hand_over(line, put_end(line, e, start_ns), ret_line) : -ENOMEM;
}
