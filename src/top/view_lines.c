/* The lines of a screen: what is written on a sheet, cut to it, and the texts of what a view shows. */
#include "view_lines.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RATE_NS 1000000000ull

size_t text_bytes_of(const char *text, unsigned cells)
{
    size_t i = 0;

    for (; text[i]; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80 && !cells--)
            break;
    return i;
}

void sheet_write(struct sheet *s, enum line_style style, bool inverse, const char *text)
{
    char line[TEXT_MAX + 512];
    const unsigned width = s->paint->width < 512 ? s->paint->width : 512;
    size_t len = text_bytes_of(text, width);
    unsigned cells = 0;

    if (s->y >= s->paint->height)
        return;
    if (len > TEXT_MAX)
        len = text_bytes_of(text, 512);
    memcpy(line, text, len);
    for (size_t i = 0; i < len; i++)
        cells += ((unsigned char)line[i] & 0xc0) != 0x80;
    for (; inverse && cells < width; cells++)
        line[len++] = ' ';
    line[len] = '\0';
    s->paint->text(s->paint->arg, s->y++, 0, style, inverse, line);
}

void sheet_writef(struct sheet *s, enum line_style style, bool inverse, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sheet_write(s, style, inverse, text);
}

struct line text_begin(char buf[static TEXT_MAX])
{
    return line_begin(buf, TEXT_MAX, false);
}

const char *text_end(struct line *l)
{
    l->buf[line_end(l) - 1] = '\0';
    return l->buf;
}

void sheet_write_wrapped(struct sheet *s, enum line_style style, unsigned indent, const char *text)
{
    const unsigned width = s->paint->width > indent + 20 ? s->paint->width - indent : 20;

    while (*text) {
        size_t len = strlen(text);

        if (len > width) {
            for (len = width; len && text[len] != ' '; len--)
                ;
            len = len ? len : width;
        }
        sheet_writef(s, style, false, "%*s%.*s", (int)indent, "", (int)len, text);
        text += len;
        text += *text == ' ';
    }
}

/* "20,000" */
static const char *number(uint64_t n, char buf[static 32])
{
    char digits[24];
    const int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)n);
    char *p = buf;

    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = '\0';
    return buf;
}

static void add_rate(struct top_view *v, struct line *l, const struct top_totals *t, uint64_t now_ns)
{
    char buf[32];

    if (!v->config.live)
        return;
    if (!v->rate_ns || now_ns < v->rate_ns || now_ns - v->rate_ns >= RATE_NS) {
        v->rate = v->rate_ns && now_ns > v->rate_ns
                      ? (uint64_t)((double)(t->changes - v->rate_changes) * 1e9 / (double)(now_ns - v->rate_ns))
                      : 0;
        v->rate_ns = now_ns;
        v->rate_changes = t->changes;
    }
    line_addf(l, "  %s events/s", number(v->rate, buf));
}

const char *top_view_title(struct top_view *v, uint64_t now_ns, char buf[static TEXT_MAX])
{
    const struct top_totals t = top_model_totals(v->config.model);
    struct line l = text_begin(buf);
    char figure[FIGURE_TEXT_MAX], a[32], b[32];

    line_add(&l, "tcplens top  ");
    line_add_untrusted(&l, v->config.what, TEXT_MAX);
    if (v->status)
        line_addf(&l, " (%s)", v->status);
    if (t.start_ns)
        line_addf(&l, "  %s", figure_age(now_ns > t.start_ns ? now_ns - t.start_ns : 0, figure));
    line_addf(&l, "  %s of %s open", number(t.open, a), number(t.connections, b));
    add_rate(v, &l, &t, now_ns);
    if (v->paused)
        line_add(&l, "  PAUSED");
    if (t.lost)
        line_addf(&l, "  %s events lost", number(t.lost, a));
    if (t.beyond)
        line_addf(&l, "  %s connections not shown", number(t.beyond, a));
    return text_end(&l);
}

const char *top_view_states(struct top_view *v, enum end end, char buf[static TEXT_MAX])
{
    struct line l = text_begin(buf);
    char n[32];
    bool any = false;

    line_add(&l, end == END_CLIENT ? "client  " : "server  ");
    for (enum tcp_state state = 0; state < TCP_STATE_N; state++) {
        const uint32_t count = top_model_count(v->config.model, end, state);

        if (!count)
            continue;
        line_addf(&l, "%s%s %s", any ? "  " : "", tcp_state_name(state), number(count, n));
        any = true;
    }
    if (!any)
        line_add(&l, "none");
    return text_end(&l);
}

const char *top_listener_text(const struct top_listener *listener, char buf[static TEXT_MAX])
{
    struct line l = text_begin(buf);
    char addr[ENDPOINT_TEXT_MAX];

    line_add(&l, endpoint_format(&listener->addr, addr));
    line_go_to(&l, 24, 2);
    line_addf(&l, "accept %u/%u  SYN %u  drops %u", listener->accept, listener->limit, listener->syn, listener->drops);
    if (listener->owner.pid) {
        line_add(&l, "  ");
        line_add_untrusted(&l, listener->owner.comm, sizeof(listener->owner.comm));
        line_addf(&l, "[%u]", listener->owner.pid);
    }
    return text_end(&l);
}

enum line_style top_listener_style(const struct top_listener *l)
{
    return l->drops ? STYLE_ALARM : l->limit && l->accept >= l->limit ? STYLE_YELLOW : STYLE_PLAIN;
}

const char *top_finding_text(const struct top_finding *f, char buf[static TEXT_MAX])
{
    struct line l = text_begin(buf);

    line_addf(&l, "%s: ", severity_name(f->change.finding.severity));
    line_add_untrusted(&l, f->text, sizeof(f->text));
    return text_end(&l);
}

enum line_style top_finding_style(const struct top_finding *f)
{
    switch (f->change.finding.severity) {
    case SEVERITY_ERROR: return STYLE_ALARM;
    case SEVERITY_WARNING: return STYLE_YELLOW;
    default: return STYLE_PLAIN;
    }
}

const char *top_view_heads(struct top_view *v, char buf[static TEXT_MAX])
{
    struct line l = text_begin(buf);

    for (unsigned i = 0, left = 0; i < v->columns.count; left += v->columns.width[i++] + 1) {
        const enum column column = v->columns.shown[i];
        const char *said = column_title(column), *mark = column != v->sorted ? "" : v->reversed ? "^" : "v";
        const unsigned len = (unsigned)(strlen(said) + strlen(mark));

        if (column_is_figure(column)) {
            line_go_to(&l, left + v->columns.width[i] - len, 0);
            line_addf(&l, "%s%s", mark, said);
        } else {
            line_go_to(&l, left, 0);
            line_addf(&l, "%s%s", said, mark);
        }
    }
    return text_end(&l);
}

const char *top_row_text(struct top_view *v, const struct top_row *row, uint64_t now_ns, char buf[static TEXT_MAX])
{
    struct line l = text_begin(buf);

    for (unsigned i = 0; i < v->columns.count; i++) {
        column_add(&l, v->columns.shown[i], row, now_ns, v->columns.width[i]);
        line_go_to(&l, line_here(&l) + (i + 1 < v->columns.count), 0);
    }
    return text_end(&l);
}

enum line_style top_row_style(const struct top_row *row)
{
    static const enum line_style styles[TCP_STATE_N] = {
        [TCP_STATE_UNKNOWN] = STYLE_DIM,         [TCP_STATE_CLOSED] = STYLE_DIM,
        [TCP_STATE_LISTEN] = STYLE_DIM,          [TCP_STATE_SYN_SENT] = STYLE_YELLOW,
        [TCP_STATE_SYN_RECEIVED] = STYLE_YELLOW, [TCP_STATE_ESTABLISHED] = STYLE_PLAIN,
        [TCP_STATE_FIN_WAIT_1] = STYLE_MAGENTA,  [TCP_STATE_FIN_WAIT_2] = STYLE_MAGENTA,
        [TCP_STATE_CLOSING] = STYLE_MAGENTA,     [TCP_STATE_CLOSE_WAIT] = STYLE_CYAN,
        [TCP_STATE_LAST_ACK] = STYLE_CYAN,       [TCP_STATE_TIME_WAIT] = STYLE_BLUE,
    };

    return row->cause ? STYLE_ALARM : styles[column_state(row)];
}
