/* Theory of operation. The picture is the viewer's: places, measures and colours come from its own sources (drawing.h is made of
 * them by web/drawing.mjs), so that there is one drawing. The ladder grows row by row; lanes of states are apart, for they lie
 * below; the state machine stands above both and shows the way that each end has come. Colours are classes, once for a light
 * page and once for a dark one: there is no script and nothing to load. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "picture.h"
#include "tcplens/trace/sentence.h"

#include "drawing.h"

#define MACHINE_SCALE 1.5
#define TOP 48 /* the sentence's */
#define LADDER_TOP (TOP + (unsigned)(MACHINE_SCALE * DRAWING_MACHINE_HEIGHT) + 16)
#define STEPS_MAX 64  /* of the way of an end: connections take a dozen */
#define LINE_CHARS 76 /* of a row, between the rails */
#define WRAP_CHARS 118
#define LINE_HEIGHT 20
#define LANE_NAME_HEIGHT 16
#define MIDDLE 15 /* of a row: where a change of state is */

static const int rails[END_N] = DRAWING_RAILS, lanes[END_N] = DRAWING_LANES;

struct part {
    FILE *to;
    char *text;
    size_t len;
};

struct way {
    bool begun;
    enum tcp_state state;
    unsigned top; /* of the lane of that state */
    unsigned count;
    struct {
        enum tcp_state from, to;
        bool figure; /* an edge of the RFC's figure */
    } steps[STEPS_MAX];
};

struct svg {
    struct writer *writer;
    struct picture picture;
    struct part lanes, rows;
    unsigned y, count;
    uint64_t left_out;
    struct way ways[END_N];
    char ending[VERDICT_TEXT_MAX];
};

/* ---- text ---- */

static void put_char(FILE *to, char c)
{
    switch (c) {
    case '&': fputs("&amp;", to); break;
    case '<': fputs("&lt;", to); break;
    case '>': fputs("&gt;", to); break;
    case '"': fputs("&quot;", to); break;
    default: fputc((unsigned char)c < 0x20 || c == 0x7f ? '?' : c, to);
    }
}

static void put_text(FILE *to, const char *text, size_t max)
{
    for (size_t i = 0; i < max && text[i]; i++)
        put_char(to, text[i]);
}

/* Bytes of the first `chars` characters; all of them where there are fewer. */
static size_t bytes_of(const char *text, unsigned chars)
{
    size_t i = 0;

    for (; text[i]; i++)
        if ((text[i] & 0xc0) != 0x80 && chars-- == 0)
            break;
    return i;
}

/* The rest shows where a pointer stands upon it. */
static void put_cut(FILE *to, const char *text)
{
    const size_t len = bytes_of(text, LINE_CHARS);

    put_text(to, text, len);
    if (!text[len])
        return;
    fputs("…<title>", to);
    put_text(to, text, SIZE_MAX);
    fputs("</title>", to);
}

/* Lines of a paragraph, broken at blanks. Returns where the next one stands. */
static unsigned put_paragraph(FILE *to, unsigned y, const char *text)
{
    while (*text) {
        size_t len = bytes_of(text, WRAP_CHARS);

        if (text[len])
            for (size_t i = len; i > len / 2; i--)
                if (text[i] == ' ') {
                    len = i;
                    break;
                }
        fprintf(to, "<text x=\"%d\" y=\"%u\" class=\"m\">", DRAWING_WIDTH / 2, y);
        put_text(to, text, len);
        fputs("</text>\n", to);
        text += len + (text[len] == ' ');
        y += LINE_HEIGHT;
    }
    return y;
}

/* ---- the ladder ---- */

static const char *anchor_of(int at)
{
    return at < 0 ? "start" : at > 0 ? "end" : "middle";
}

static void draw_lane(struct svg *s, enum end end, unsigned bottom)
{
    const struct way *w = &s->ways[end];
    const char *group = drawing_groups[w->state];
    FILE *to = s->lanes.to;

    if (bottom <= w->top)
        return;
    fprintf(to, "<g class=\"s-%s\"><rect class=\"state lane\" x=\"%d\" y=\"%u\" width=\"%d\" height=\"%u\"/>", group,
            lanes[end], w->top, DRAWING_LANE_WIDTH, bottom - w->top);
    if (bottom - w->top > LANE_NAME_HEIGHT)
        fprintf(to, "<g transform=\"translate(%d %u)\">%s</g><text class=\"m name\" x=\"%d\" y=\"%u\">%s</text>",
                lanes[end] + 5, w->top + 5, drawing_glyphs[w->state], lanes[end] + DRAWING_LANE_WIDTH / 2 + 6,
                w->top + 15, tcp_state_name(w->state));
    fputs("</g>\n", to);
}

static void step(struct svg *s, const struct change *c)
{
    struct way *w = &s->ways[c->end];

    if (!w->begun) {
        w->begun = true;
        w->state = c->state.from;
        w->top = DRAWING_HEAD;
    }
    draw_lane(s, c->end, s->y + MIDDLE);
    w->state = c->state.to;
    w->top = s->y + MIDDLE;
    if (w->count == STEPS_MAX) /* the newest count */
        memmove(w->steps, w->steps + 1, --w->count * sizeof(*w->steps));
    w->steps[w->count].from = c->state.from;
    w->steps[w->count].to = c->state.to;
    w->steps[w->count++].figure = c->state.rfc != NULL;
}

static void draw_time(struct svg *s, uint64_t t)
{
    fprintf(s->rows.to, "<text class=\"soft time\" x=\"120\" y=\"%u\">%llu.%06llu</text>", s->y + 22,
            (unsigned long long)(t / 1000000000), (unsigned long long)(t / 1000 % 1000000));
}

static void draw_segment(struct svg *s, const struct change *c, const char *text)
{
    const bool right = c->end == END_CLIENT, lost = (c->segment.notes & NOTE_LOST_ON_WIRE) != 0;
    const bool again = c->segment.segment.flags & SEGMENT_RST || c->segment.notes & NOTE_RETRANSMISSION;
    const int from = right ? rails[END_CLIENT] + 2 : rails[END_SERVER] - 2;
    const int whole = right ? rails[END_SERVER] - 2 : rails[END_CLIENT] + 2;
    const int to = lost ? from + (whole - from) * 62 / 100 : whole, back = right ? -10 : 10;
    const char *more = again ? " again" : "";

    fprintf(s->rows.to, "<line class=\"wire%s\" x1=\"%d\" y1=\"%u\" x2=\"%d\" y2=\"%u\"/>", more, from, s->y + 22, to,
            s->y + 32);
    if (lost)
        fprintf(s->rows.to, "<path class=\"wire\" d=\"M%d %ul10 10m0-10l-10 10\"/>", to - 5, s->y + 27);
    else
        fprintf(s->rows.to, "<path class=\"tip%s\" d=\"M%d %ul%d -6l0 10z\"/>", more, to, s->y + 32, back);
    fprintf(s->rows.to, "<text class=\"m%s\" x=\"%d\" y=\"%u\">", again ? " bad" : "", DRAWING_WIDTH / 2, s->y + 17);
    put_cut(s->rows.to, text);
    fputs("</text>\n", s->rows.to);
}

static void draw_event(struct svg *s, const struct change *c, const char *text)
{
    const bool of_end = (unsigned)c->end < END_N && c->conn && c->kind != CHANGE_QUEUE && c->kind != CHANGE_OUTCOME &&
                        (c->kind != CHANGE_CALL || c->call.has_end);
    const int side = !of_end ? 0 : c->end == END_CLIENT ? -1 : 1;
    const int x = side < 0 ? rails[END_CLIENT] + 14 : side > 0 ? rails[END_SERVER] - 14 : DRAWING_WIDTH / 2;

    fprintf(s->rows.to, "<text class=\"%s\" text-anchor=\"%s\" x=\"%d\" y=\"%u\">",
            c->kind == CHANGE_STATE ? "state" : "soft", anchor_of(side), x, s->y + 20);
    put_cut(s->rows.to, text);
    fputs("</text>\n", s->rows.to);
}

static void ops_change(void *conversion, const struct change *c, uint64_t start_ns)
{
    struct svg *s = conversion;
    char text[SAY_MAX];

    if (!picture_take(&s->picture, c) || c->kind == CHANGE_CONNECTION ||
        (c->kind == CHANGE_STATE && !picture_leads(&s->picture, c)))
        return;
    if (c->kind == CHANGE_OUTCOME) {
        verdict_format(c, s->ending, sizeof(s->ending));
        return;
    }
    if (s->count == DRAWING_ROWS) {
        s->left_out++;
        return;
    }
    s->count++;
    if (c->kind == CHANGE_STATE && (unsigned)c->end < END_N)
        step(s, c);
    draw_time(s, trace_time(c->ts_ns, start_ns));
    if (c->kind == CHANGE_SEGMENT)
        draw_segment(s, c, say(c, text));
    else
        draw_event(s, c, picture_say(c, text));
    s->y += (unsigned)drawing_heights[c->kind];
}

static void draw_rail(FILE *to, const struct picture *p, enum end end, unsigned bottom)
{
    char at[ENDPOINT_TEXT_MAX];

    fprintf(to,
            "<line class=\"rail\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%u\"/><text class=\"m head\" x=\"%d\" "
            "y=\"24\">%s</text><text class=\"m soft\" x=\"%d\" y=\"46\">",
            rails[end], rails[end], DRAWING_HEAD, bottom, rails[end], end_name(end), rails[end]);
    put_text(to, endpoint_format(&p->at[end], at), SIZE_MAX);
    fputs("</text>\n", to);
}

/* ---- the state machine ---- */

/* Where an end stands: CLOSED is at two places, and only two edges of the figure lead back to the upper one. */
static struct drawing_point place_of(enum tcp_state state, enum tcp_state from)
{
    const bool above = from == TCP_STATE_UNKNOWN || from == TCP_STATE_LISTEN || from == TCP_STATE_SYN_SENT;

    return drawing_places[state == TCP_STATE_CLOSED && !above ? 0 : state];
}

static void draw_trail(FILE *to, const char *path, enum end end, bool last)
{
    fprintf(to, "<path class=\"%s%s\" d=\"%s\" marker-end=\"url(#%s)\"/>", end_name(end), last ? " last" : "", path,
            end_name(end));
}

static void draw_label(FILE *to, const struct drawing_edge *e)
{
    const unsigned most = sizeof(e->lines) / sizeof(*e->lines);

    fprintf(to, "<text text-anchor=\"%s\" x=\"%d\" y=\"%d\">", e->anchor, e->label.x, e->label.y);
    for (unsigned i = 0; i < most && e->lines[i]; i++)
        fprintf(to, "<tspan x=\"%d\"%s>%s</tspan>", e->label.x, i ? " dy=\"1.05em\"" : "", e->lines[i]);
    fputs("</text>", to);
}

/* Ends that took an edge, as bits; draws their trails where they are to be drawn. */
static unsigned trails(const struct svg *s, const struct drawing_edge *e, bool figure, FILE *to)
{
    unsigned taken = 0;

    for (unsigned end = 0; end < END_N; end++)
        for (unsigned i = 0; i < s->ways[end].count; i++) {
            const struct way *w = &s->ways[end];

            if (w->steps[i].from != e->from || w->steps[i].to != e->to || w->steps[i].figure != figure)
                continue;
            if (to && !(taken & 1u << end))
                draw_trail(to, e->path, end, i + 1 == w->count);
            taken |= 1u << end;
        }
    return taken;
}

static void draw_edges(const struct svg *s, FILE *to)
{
    for (size_t i = 0; i < sizeof(drawing_edges) / sizeof(*drawing_edges); i++) {
        const struct drawing_edge *e = &drawing_edges[i];

        fprintf(to, "<g class=\"edge%s\"><path d=\"%s\" marker-end=\"url(#edge)\"/>",
                trails(s, e, true, NULL) ? " trail" : "", e->path);
        trails(s, e, true, to);
        draw_label(to, e);
        fputs("</g>\n", to);
    }
    for (size_t i = 0; i < sizeof(drawing_off) / sizeof(*drawing_off); i++)
        if (trails(s, &drawing_off[i], false, NULL)) {
            fputs("<g class=\"off\">", to);
            trails(s, &drawing_off[i], false, to);
            fputs("</g>\n", to);
        }
}

static void draw_box(FILE *to, struct drawing_point at, enum tcp_state state, bool on)
{
    const int w = DRAWING_BOX_WIDTH, h = DRAWING_BOX_HEIGHT;

    fprintf(
        to,
        "<g class=\"box s-%s%s\" transform=\"translate(%d %d)\"><rect class=\"under\" x=\"%d\" y=\"%d\" width=\"%d\" "
        "height=\"%d\" rx=\"4\"/><rect class=\"state\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\"/>"
        "<g transform=\"translate(%d -6)\">%s</g><text class=\"m\" x=\"8\" y=\"4.2\">%s</text></g>\n",
        drawing_groups[state], on ? " on" : "", at.x, at.y, -w / 2, -h / 2, w, h, -w / 2, -h / 2, w, h, 5 - w / 2,
        drawing_glyphs[state], tcp_state_name(state));
}

/* False: the end stands nowhere. */
static bool stands(const struct svg *s, enum end end, struct drawing_point *ret_at)
{
    const struct way *w = &s->ways[end];

    if (!w->count || w->state == TCP_STATE_UNKNOWN)
        return false;
    *ret_at = place_of(w->state, w->steps[w->count - 1].from);
    return true;
}

static bool is_on(const struct svg *s, struct drawing_point at)
{
    struct drawing_point here;

    for (unsigned end = 0; end < END_N; end++)
        if (stands(s, end, &here) && here.x == at.x && here.y == at.y)
            return true;
    return false;
}

/* At opposite corners, so that both can stand on one state. */
static void draw_token(const struct svg *s, enum end end, FILE *to)
{
    const int aside = DRAWING_BOX_WIDTH / 2 - 2;
    struct drawing_point at;

    if (stands(s, end, &at))
        fprintf(
            to,
            "<g class=\"token %s\" transform=\"translate(%d %d)\"><circle r=\"9\"/><text class=\"m\" y=\"3.8\">%s</text></g>\n",
            end_name(end), at.x + (end == END_CLIENT ? -aside : aside), at.y - DRAWING_BOX_HEIGHT / 2,
            end == END_CLIENT ? "C" : "S");
}

static void draw_machine(const struct svg *s, FILE *to)
{
    fprintf(to, "<g transform=\"translate(%.1f %d) scale(%.1f)\">\n",
            (DRAWING_WIDTH - MACHINE_SCALE * DRAWING_MACHINE_WIDTH) / 2 - MACHINE_SCALE * DRAWING_MACHINE_LEFT, TOP,
            MACHINE_SCALE);
    draw_edges(s, to);
    for (unsigned state = TCP_STATE_CLOSED; state < TCP_STATE_N; state++)
        draw_box(to, drawing_places[state], state, is_on(s, drawing_places[state]));
    draw_box(to, drawing_places[0], TCP_STATE_CLOSED, is_on(s, drawing_places[0]));
    for (unsigned end = 0; end < END_N; end++)
        draw_token(s, end, to);
    fputs("</g>\n", to);
}

/* ---- the whole ---- */

static void begin(FILE *to, unsigned height, const char *title)
{
    static const char *const heads[] = { "edge", "client", "server" };

    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" viewBox=\"0 0 %d %u\" role=\"img\" "
            "font-family=\"system-ui, sans-serif\" font-size=\"14\">\n<title>",
            DRAWING_WIDTH, height, DRAWING_WIDTH, height);
    put_text(to, title, SIZE_MAX);
    fputs(
        "</title>\n<style>" DRAWING_CSS
        ".m{text-anchor:middle}.time{text-anchor:end;font:12px monospace}.head{font-weight:700;font-size:16px}"
        ".name{font-weight:600;font-size:12px;letter-spacing:-.3px}.state{font-weight:600}.rail{stroke-width:3}.wire{stroke-width:1.5;fill:none}"
        ".lane{fill-opacity:.22}.box rect.state{fill-opacity:.1;stroke-width:1.3}.box.on rect.state{fill-opacity:.26;stroke-width:2.6}"
        ".box text{font-size:11.6px;letter-spacing:-.25px;font-weight:500}.edge text{font:11px monospace;letter-spacing:-.3px;paint-order:stroke;stroke-width:3px}"
        ".edge path{stroke-width:1.2}.edge path.client,.edge path.server,.off path{stroke-width:1.8}.edge path.last,.off path.last{stroke-width:3}"
        ".off path{stroke-dasharray:6 4}.token circle{stroke-width:2}.token text{font-size:12px;font-weight:700}"
        "</style>\n<defs>",
        to);
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++)
        fprintf(
            to,
            "<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
            "orient=\"auto\" markerUnits=\"userSpaceOnUse\"><path class=\"arrow %s\" d=\"M0 0.5 7 4 0 7.5z\"/></marker>",
            heads[i], heads[i]);
    fputs("</defs>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n", to);
}

/* What stands below the ladder. */
static void draw_rest(const struct svg *s, FILE *to, unsigned *y)
{
    char text[96];

    if (s->left_out) {
        snprintf(text, sizeof(text), "%llu further rows are left out", (unsigned long long)s->left_out);
        *y = put_paragraph(to, *y, text);
    }
    for (unsigned i = 0; i < s->picture.findings.count; i++)
        *y = put_paragraph(to, *y, s->picture.findings.of[i].text);
}

static int close_part(struct part *part)
{
    const int r = part->to && fclose(part->to) == 0 ? 0 : -ENOMEM;

    part->to = NULL;
    return r;
}

static int assemble(struct svg *s, struct part *rest, struct part *page)
{
    const unsigned bottom = s->y + 10;
    unsigned y = LADDER_TOP + bottom + 2 * LINE_HEIGHT;
    int r;

    draw_rest(s, rest->to, &y);
    if (close_part(rest) < 0 || close_part(&s->rows) < 0)
        return -ENOMEM;
    for (unsigned end = 0; end < END_N; end++) {
        if (s->ways[end].begun)
            draw_lane(s, end, bottom);
        draw_rail(s->lanes.to, &s->picture, end, bottom);
    }
    if (close_part(&s->lanes) < 0)
        return -ENOMEM;
    begin(page->to, y, *s->ending ? s->ending : "A TCP connection");
    put_paragraph(page->to, 26, s->ending);
    draw_machine(s, page->to);
    fprintf(page->to, "<g transform=\"translate(0 %u)\">\n%s%s</g>\n%s</svg>\n", LADDER_TOP, s->lanes.text,
            s->rows.text, rest->text);
    r = close_part(page);
    if (r == 0)
        writer_write(s->writer, page->text, page->len);
    return r;
}

static bool open_part(struct part *part)
{
    part->to = open_memstream(&part->text, &part->len);
    return part->to != NULL;
}

static void free_part(struct part *part)
{
    if (part->to)
        fclose(part->to);
    free(part->text);
}

static int ops_finish(void *conversion)
{
    struct part rest = { 0 }, page = { 0 };
    const int r = open_part(&rest) && open_part(&page) ? assemble(conversion, &rest, &page) : -ENOMEM;

    free_part(&rest);
    free_part(&page);
    return r;
}

static void ops_close(void *conversion)
{
    struct svg *s = conversion;

    if (!s)
        return;
    free_part(&s->lanes);
    free_part(&s->rows);
    free(s);
}

static int ops_open(const struct convert_config *config, void **ret_conversion)
{
    struct svg *s = calloc(1, sizeof(*s));

    if (!s)
        return -ENOMEM;
    s->writer = config->writer;
    s->y = DRAWING_HEAD;
    if (!open_part(&s->lanes) || !open_part(&s->rows)) {
        ops_close(s);
        return -ENOMEM;
    }
    *ret_conversion = s;
    return 0;
}

static void ops_header(void *conversion, const struct trace_header *header)
{
    picture_header(&((struct svg *)conversion)->picture, header);
}

const struct convert_ops convert_svg_ops = {
    .name = "svg",
    .one = true,
    .open = ops_open,
    .header = ops_header,
    .change = ops_change,
    .finish = ops_finish,
    .close = ops_close,
};
