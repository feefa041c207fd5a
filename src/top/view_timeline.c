/* One connection: its timeline is made of the lines that the model keeps, and only of those on the screen. */
#include "view_timeline.h"

#include <stdlib.h>
#include <string.h>

#include "tcplens/sink/timeline.h"

/* The decoder takes times from a header, as a reader of the trace would. */
static bool prepare_decoder(struct top_view *v)
{
    const struct trace_header header = { .start_ns = top_model_totals(v->config.model).start_ns };
    char error[TRACE_DECODE_ERROR_MAX], *text;
    struct trace_line line;

    if (v->decodes || trace_encode_header(&header, &text) < 0)
        return v->decodes;
    v->decodes = trace_decode(v->decoder, text, strlen(text), &line, error) == 0;
    free(text);
    return v->decodes;
}

static enum line_style change_style(const struct change *c)
{
    switch (c->kind) {
    case CHANGE_SEGMENT: return c->segment.notes & ~(unsigned)NOTE_KEEP_ALIVE ? STYLE_ALARM : STYLE_DIM;
    case CHANGE_STATE: return c->state.source == WITNESS_WIRE ? STYLE_DIM : STYLE_GREEN;
    case CHANGE_CONNECTION:
    case CHANGE_OUTCOME: return STYLE_BOLD;
    case CHANGE_RESET:
    case CHANGE_ICMP: return STYLE_ALARM;
    default: return STYLE_PLAIN;
    }
}

/* The line of the timeline, without its newline. False: it is not worth one. */
static bool timeline_text(struct top_view *v, const struct history_line *line, enum line_style *ret_style,
                          char buf[static TIMELINE_LINE_MAX])
{
    char error[TRACE_DECODE_ERROR_MAX];
    struct trace_line decoded;
    size_t len;

    if (trace_decode(v->decoder, line->text, line->len, &decoded, error) < 0 || decoded.kind != TRACE_LINE_CHANGE)
        return false;
    len = timeline_format_as(&decoded.change, top_model_totals(v->config.model).start_ns,
                             &(struct timeline_style){ .columns = v->width }, buf);
    if (!len)
        return false;
    buf[len - 1] = '\0';
    *ret_style = change_style(&decoded.change);
    return true;
}

/* The first of the lines that are shown: the anchor's, or as many from the end as there is room for. */
static uint32_t first_shown(struct top_view *v, uint32_t count, unsigned room)
{
    char buf[TIMELINE_LINE_MAX];
    enum line_style style;
    uint32_t i = 0;

    if (v->anchor) {
        while (i < count && v->lines[i].n < v->anchor)
            i++;
        return i;
    }
    for (i = count; i && room; i--)
        room -= timeline_text(v, &v->lines[i - 1], &style, buf);
    return i;
}

static void paint_connection_head(struct top_view *v, struct sheet *s, const struct top_row *row, uint64_t now_ns)
{
    char buf[TEXT_MAX];
    struct line l = text_begin(buf);

    columns_fit(&v->columns, s->paint->width, v->sorted);
    sheet_write(s, STYLE_BOLD, true, top_view_heads(v, buf));
    sheet_write(s, top_row_style(row), false, top_row_text(v, row, now_ns, buf));
    l = text_begin(buf);
    for (enum end end = 0; end < END_N; end++) {
        char a[ENDPOINT_TEXT_MAX], figure[FIGURE_TEXT_MAX];

        line_addf(&l, "%s%s %s  %s  sent %s", end ? "    " : "", end == END_CLIENT ? "client" : "server",
                  endpoint_format(&row->endpoints[end], a), tcp_state_name(row->state[end]),
                  figure_count(row->bytes[end], figure));
        if (!row->owner[end].pid)
            continue;
        line_add(&l, "  ");
        line_add_untrusted(&l, row->owner[end].comm, sizeof(row->owner[end].comm));
        line_addf(&l, "[%u]", row->owner[end].pid);
    }
    sheet_write(s, STYLE_PLAIN, false, text_end(&l));
    if (row->cause || row->told)
        sheet_writef(s, row->cause ? STYLE_ALARM : STYLE_PLAIN, false, "%s%s%s", verdict_name(row->verdict),
                     row->cause ? ": " : "", row->cause ? cause_name(row->cause) : "");
}

void top_timeline_paint(struct top_view *v, struct sheet *s, uint64_t now_ns)
{
    const uint32_t place = top_model_find(v->config.model, v->conn);
    char buf[TIMELINE_LINE_MAX];
    enum line_style style;
    uint32_t count;
    bool all;

    v->width = s->paint->width;
    if (!place || !prepare_decoder(v)) {
        sheet_writef(s, STYLE_DIM, false, "Connection %u has made room for others. Esc goes back.", v->conn);
        return;
    }
    paint_connection_head(v, s, top_model_row(v->config.model, place), now_ns);
    count = top_model_history(v->config.model, top_model_row(v->config.model, place), v->lines, &all);
    sheet_write(s, STYLE_DIM, true, all ? "TIMELINE" : "TIMELINE (older lines are forgotten)");
    v->page_lines = s->paint->height > s->y + 1 ? s->paint->height - s->y - 1 : 0;
    for (uint32_t i = first_shown(v, count, v->page_lines); i < count && s->y + 1 < s->paint->height; i++)
        if (timeline_text(v, &v->lines[i], &style, buf))
            sheet_write(s, style, false, buf + text_bytes_of(buf, v->sideways));
}

void top_timeline_move(struct top_view *v, int by)
{
    const uint32_t place = top_model_find(v->config.model, v->conn);
    char buf[TIMELINE_LINE_MAX];
    enum line_style style;
    uint32_t count, at, last;
    bool all;

    if (!place || !prepare_decoder(v))
        return;
    count = top_model_history(v->config.model, top_model_row(v->config.model, place), v->lines, &all);
    at = first_shown(v, count, v->page_lines);
    v->anchor = 0;
    last = first_shown(v, count, v->page_lines);
    for (; by < 0 && at; by += timeline_text(v, &v->lines[at], &style, buf))
        at--;
    for (; by > 0 && at < last; by -= timeline_text(v, &v->lines[at], &style, buf))
        at++;
    if (at < last)
        v->anchor = v->lines[at].n;
}
