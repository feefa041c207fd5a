/* A frame: the head, the page that is open, and the foot; or all of it, printed. */
#include <string.h>

#include "view_lines.h"
#include "view_timeline.h"

#define ROOMY 40 /* lines, from which listeners and findings have more than one */
#define PANEL 5  /* lines of them then */

/* ---- lists */

/* What is selected is in sight. */
static void scroll(struct list *list, uint32_t count, unsigned lines)
{
    if (list->selected >= count)
        list->selected = count ? count - 1 : 0;
    if (list->offset > list->selected)
        list->offset = list->selected;
    if (lines && list->selected - list->offset >= lines)
        list->offset = list->selected - lines + 1;
    if (list->offset && count - list->offset < lines)
        list->offset = count > lines ? count - lines : 0;
}

/* The selection stays with its connection, wherever that has moved to. */
static void follow_connection(struct top_view *v)
{
    const uint32_t place = top_model_find(v->config.model, v->follow);
    uint32_t n;

    if (place && order_rank(&v->order, place, &n))
        v->lists[PAGE_CONNECTIONS].selected = n;
}

static void paint_connections(struct top_view *v, struct sheet *s, unsigned lines, uint64_t now_ns)
{
    struct list *list = &v->lists[PAGE_CONNECTIONS];
    char buf[TEXT_MAX];

    columns_fit(&v->columns, s->paint->width, v->sorted);
    sheet_write(s, STYLE_PLAIN, true, top_view_heads(v, buf));
    follow_connection(v);
    scroll(list, order_count(&v->order), lines);
    for (unsigned i = 0; i < lines; i++) {
        const uint32_t place = order_at(&v->order, list->offset + i);
        const struct top_row *row = place ? top_model_row(v->config.model, place) : NULL;

        if (!row)
            break;
        sheet_write(s, top_row_style(row), list->offset + i == list->selected, top_row_text(v, row, now_ns, buf));
    }
    if (!order_count(&v->order))
        sheet_write(s, STYLE_DIM, false,
                    v->filter.count ? "No connection matches the filter."
                    : top_model_totals(v->config.model).connections
                        ? "No connection is open; e shows those that have ended."
                        : "No connection yet.");
}

static void paint_listeners(struct top_view *v, struct sheet *s, unsigned lines)
{
    struct list *list = &v->lists[PAGE_LISTENERS];
    const struct top_listener *listener;
    char buf[TEXT_MAX];

    sheet_write(s, STYLE_PLAIN, true, "LISTENERS, who drops first");
    scroll(list, top_view_list_count(v, PAGE_LISTENERS), lines);
    for (unsigned i = 0; i < lines && (listener = top_model_listener(v->config.model, list->offset + i)); i++)
        sheet_write(s, top_listener_style(listener), list->offset + i == list->selected,
                    top_listener_text(listener, buf));
    if (!top_model_listener(v->config.model, 0))
        sheet_write(s, STYLE_DIM, false, "No listener: only the kernel tells of them, not packets.");
}

static void paint_findings(struct top_view *v, struct sheet *s, unsigned lines)
{
    struct list *list = &v->lists[PAGE_FINDINGS];
    const struct top_finding *f;
    char buf[TEXT_MAX];

    sheet_write(s, STYLE_PLAIN, true, "FINDINGS, the worst first");
    scroll(list, top_view_list_count(v, PAGE_FINDINGS), lines);
    for (unsigned i = 0; i < lines && (f = top_model_finding(v->config.model, list->offset + i)); i++)
        sheet_write(s, top_finding_style(f), list->offset + i == list->selected, top_finding_text(f, buf));
    if (!top_model_finding(v->config.model, 0))
        sheet_write(s, STYLE_DIM, false, "No finding: nothing was seen that is wrong over several connections.");
}

/* ---- the head: one line each, or a few where there is room */

static void paint_listeners_in_short(struct top_view *v, struct sheet *s, unsigned lines)
{
    const struct top_totals t = top_model_totals(v->config.model);
    char buf[TEXT_MAX];

    for (unsigned i = 0; i < lines; i++) {
        const struct top_listener *l = top_model_listener(v->config.model, i);

        if (!l && i)
            break;
        if (i)
            sheet_writef(s, top_listener_style(l), false, "            %s", top_listener_text(l, buf));
        else if (l)
            sheet_writef(s, top_listener_style(l), false, "listeners %u%s%s", t.listeners, t.listeners > 9 ? " " : "  ",
                         top_listener_text(l, buf));
        else
            sheet_write(s, STYLE_DIM, false, "listeners none seen");
    }
    if (t.listeners_beyond)
        sheet_writef(s, STYLE_DIM, false, "            %llu more are not shown",
                     (unsigned long long)t.listeners_beyond);
}

static void paint_findings_in_short(struct top_view *v, struct sheet *s, unsigned lines)
{
    char buf[TEXT_MAX];

    for (unsigned i = 0; i < lines; i++) {
        const struct top_finding *f = top_model_finding(v->config.model, i);

        if (!f && i)
            break;
        if (i)
            sheet_writef(s, top_finding_style(f), false, "            %s", top_finding_text(f, buf));
        else if (f)
            sheet_writef(s, top_finding_style(f), false, "findings %-3u%s", top_view_list_count(v, PAGE_FINDINGS),
                         top_finding_text(f, buf));
        else
            sheet_write(s, STYLE_DIM, false, "findings none");
    }
}

static void paint_head(struct top_view *v, struct sheet *s, uint64_t now_ns)
{
    const unsigned lines = s->paint->height >= ROOMY && v->page == PAGE_CONNECTIONS ? PANEL : 1;
    char buf[TEXT_MAX];

    sheet_write(s, STYLE_BOLD, false, top_view_title(v, now_ns, buf));
    sheet_write(s, STYLE_PLAIN, false, top_view_states(v, END_CLIENT, buf));
    sheet_write(s, STYLE_PLAIN, false, top_view_states(v, END_SERVER, buf));
    paint_listeners_in_short(v, s, lines);
    paint_findings_in_short(v, s, lines);
}

/* ---- one finding, and help */

static void paint_finding(struct top_view *v, struct sheet *s)
{
    const struct top_finding *f = top_model_finding(v->config.model, v->shown_finding);
    char buf[TEXT_MAX];
    struct line l;

    if (!f)
        return;
    sheet_writef(s, STYLE_PLAIN, true, "FINDING %s", finding_name(f->change.finding.kind));
    sheet_write_wrapped(s, top_finding_style(f), 0, top_finding_text(f, buf));
    for (unsigned i = 0; i < FINDING_REMEDIES_MAX && *f->remedy[i]; i++) {
        if (!i)
            sheet_write(s, STYLE_PLAIN, false, "What helps:");
        l = text_begin(buf);
        line_add(&l, "- ");
        line_add_untrusted(&l, f->remedy[i], sizeof(f->remedy[i]));
        sheet_write_wrapped(s, STYLE_PLAIN, 2, text_end(&l));
    }
    l = text_begin(buf);
    line_addf(&l, "Seen %llu times", (unsigned long long)f->change.finding.count);
    for (unsigned i = 0; i < f->change.finding.conn_count && i < FINDING_CONNS_MAX; i++)
        line_addf(&l, "%s #%u", i ? "," : "; connections that show it:", f->change.finding.conns[i]);
    sheet_write_wrapped(s, STYLE_DIM, 0, text_end(&l));
    sheet_write(s, STYLE_DIM, false, "Enter lists these connections.");
}

static void paint_help(struct sheet *s)
{
    static const char *const texts[] = {
        "up down, j k    select            Enter  timeline of a connection, the",
        "PgUp PgDn       a screen on              connections of a listener, what",
        "Home End, g G   first, last              a finding says",
        "< >             sort by another   Esc    back; without a filter again",
        "                column            Tab    connections, listeners, findings",
        "r               the other way     e      show what has ended, or not",
        "/               filter            p      pause: the list holds still, and",
        "left right      move long lines          nothing is lost meanwhile",
        "q               back, quit        ?      this",
        "",
        "Filter: words that must all match, `or` between groups, `not` before a word:",
    };

    sheet_write(s, STYLE_PLAIN, true, "KEYS");
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        sheet_write(s, STYLE_PLAIN, false, texts[i]);
    sheet_write_wrapped(s, STYLE_PLAIN, 2, top_filter_keys());
    sheet_write(s, STYLE_PLAIN, false, "  as in  state:close-wait port:443 or rtt>10ms not addr:10.0.0.0/8");
    sheet_write(s, STYLE_PLAIN, false, "");
    sheet_write_wrapped(
        s, STYLE_PLAIN, 0,
        "BYTES were sent by both ends, RTT is smoothed, RETX are segments sent again, UNACKED bytes that were sent "
        "and not acknowledged: all from packets. States are the kernel's where it tells of them. An AGE with > is of a "
        "connection older than the trace. Of a listener, accept 3/5 is how full its accept queue is, SYN how many "
        "requests wait, drops how many segments it dropped: from the kernel.");
}

/* ---- a frame */

static void paint_foot(struct top_view *v, struct sheet *s)
{
    static const char *const hints[] = {
        [PAGE_CONNECTIONS] = "q quit  ? help  / filter  < > sort  Enter timeline  Tab listeners  p pause",
        [PAGE_LISTENERS] = "q quit  ? help  Enter its connections  Tab findings",
        [PAGE_FINDINGS] = "q quit  ? help  Enter what helps  Tab connections",
        [PAGE_TIMELINE] = "Esc back  up down scroll  left right move the line  End newest",
        [PAGE_FINDING] = "Esc back  Enter its connections",
        [PAGE_HELP] = "Esc back",
    };

    s->y = s->paint->height ? s->paint->height - 1 : 0;
    if (v->prompts)
        sheet_writef(s, STYLE_BOLD, false, "filter: %s_", v->prompt);
    else if (*v->message)
        sheet_write(s, STYLE_ALARM, false, v->message);
    else if (v->filter.count && v->page == PAGE_CONNECTIONS)
        sheet_writef(s, STYLE_YELLOW, false, "filter: %s  (%u match; Esc shows all)  ? help  q quit", v->filter_text,
                     order_count(&v->order));
    else
        sheet_write(s, STYLE_DIM, false, hints[v->page]);
}

/* Of a file, the time is when it ends. */
static uint64_t time_of(const struct top_view *v, uint64_t now_ns)
{
    return v->config.live ? now_ns : top_model_totals(v->config.model).last_ns;
}

void top_view_paint(struct top_view *v, const struct top_paint *paint, uint64_t now_ns)
{
    struct sheet s = { .paint = paint };
    unsigned lines;

    now_ns = time_of(v, now_ns);
    if (!v->paused)
        top_view_put_in_order(v);
    if (v->page == PAGE_HELP) {
        paint_help(&s);
    } else if (v->page == PAGE_TIMELINE) {
        top_timeline_paint(v, &s, now_ns);
    } else {
        paint_head(v, &s, now_ns);
        lines = paint->height > s.y + 2 ? paint->height - s.y - 2 : 0;
        v->page_lines = lines;
        switch (v->page) {
        case PAGE_CONNECTIONS: paint_connections(v, &s, lines, now_ns); break;
        case PAGE_LISTENERS: paint_listeners(v, &s, lines); break;
        case PAGE_FINDINGS: paint_findings(v, &s, lines); break;
        default: paint_finding(v, &s); break;
        }
    }
    paint_foot(v, &s);
}

struct printed {
    void (*line)(void *arg, const char *text);
    void *arg;
};

static void print_text(void *arg, unsigned y, unsigned x, enum line_style style, bool inverse, const char *text)
{
    const struct printed *p = arg;
    char line[TEXT_MAX + 512];
    size_t len = strlen(text);

    (void)y;
    (void)x;
    (void)style;
    (void)inverse;
    while (len && text[len - 1] == ' ')
        len--;
    memcpy(line, text, len);
    line[len] = '\0';
    p->line(p->arg, line);
}

void top_view_print(struct top_view *v, unsigned width, uint64_t now_ns, void (*line)(void *arg, const char *text),
                    void *arg)
{
    struct printed to = { line, arg };
    const struct top_paint paint = { .width = width, .height = UINT32_MAX, .text = print_text, .arg = &to };
    struct sheet s = { .paint = &paint };
    char buf[TEXT_MAX];

    now_ns = time_of(v, now_ns);
    top_view_put_in_order(v);
    sheet_write(&s, STYLE_BOLD, false, top_view_title(v, now_ns, buf));
    for (enum end end = 0; end < END_N; end++)
        sheet_write(&s, STYLE_PLAIN, false, top_view_states(v, end, buf));
    paint_listeners_in_short(v, &s, UINT32_MAX);
    paint_findings_in_short(v, &s, UINT32_MAX);
    v->lists[PAGE_CONNECTIONS] = (struct list){ 0 };
    paint_connections(v, &s, order_count(&v->order), now_ns);
}
