#include "tcplens/base/line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RESET "\x1b[0m"
/* Kept free, so that a line that is cut still ends its colour and itself. */
#define END_SIZE (sizeof(RESET "\n") - 1)

/* The codes of ECMA-48 8.3.117 (SGR). */
static const char *const codes[LINE_STYLE_N] = {
    [STYLE_PLAIN] = "",   [STYLE_BOLD] = "1",  [STYLE_DIM] = "2",      [STYLE_ALARM] = "1;31", [STYLE_YELLOW] = "33",
    [STYLE_GREEN] = "32", [STYLE_BLUE] = "34", [STYLE_MAGENTA] = "35", [STYLE_CYAN] = "36",
};

struct line line_begin(char *buf, size_t size, bool colour)
{
    return (struct line){ .buf = buf, .p = buf, .end = buf + size - END_SIZE, .colour = colour };
}

struct line line_piece(const struct line *l, char *buf, size_t size)
{
    return (struct line){ .buf = buf, .p = buf, .end = buf + size, .colour = l->colour };
}

/* All or nothing: half an escape sequence or half a character would spoil what follows. */
static void add_bytes(struct line *l, const char *s, size_t len, unsigned cells)
{
    const size_t blanks = cells && l->column > l->cells ? l->column - l->cells : 0;

    if (blanks + len > (size_t)(l->end - l->p)) {
        l->cut = true;
        return;
    }
    memset(l->p, ' ', blanks);
    memcpy(l->p + blanks, s, len);
    l->p += blanks + len;
    l->cells += (unsigned)blanks + cells;
}

size_t line_end(struct line *l)
{
    l->end += END_SIZE;
    if (l->cut)
        line_reset_style(l);
    add_bytes(l, "\n", 1, 0);
    return (size_t)(l->p - l->buf);
}

void line_add(struct line *l, const char *text)
{
    unsigned cells = 0;

    for (const char *s = text; *s; s++)
        cells += (*s & 0xc0) != 0x80;
    add_bytes(l, text, strlen(text), cells);
}

void line_addf(struct line *l, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    line_add(l, text);
}

void line_add_untrusted(struct line *l, const char *text, size_t max)
{
    for (size_t i = 0; i < max && text[i]; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\\')
            add_bytes(l, "\\\\", 2, 2);
        else if (c >= 0x20 && c < 0x7f)
            add_bytes(l, text + i, 1, 1);
        else
            line_addf(l, "\\x%02x", c);
    }
}

unsigned line_here(const struct line *l)
{
    return l->column > l->cells ? l->column : l->cells;
}

void line_go_to(struct line *l, unsigned column, unsigned blanks)
{
    l->column = l->cells + blanks > column ? l->cells + blanks : column;
}

void line_style(struct line *l, enum line_style style, bool faint)
{
    const char *dim = faint && style != STYLE_DIM ? "2" : "";
    char code[16];
    int len;

    if (!l->colour || (style == STYLE_PLAIN && !faint))
        return;
    len = snprintf(code, sizeof(code), "\x1b[%s%s%sm", dim, *dim && *codes[style] ? ";" : "", codes[style]);
    add_bytes(l, code, (size_t)len, 0);
}

void line_reset_style(struct line *l)
{
    if (l->colour)
        add_bytes(l, RESET, sizeof(RESET) - 1, 0);
}

void line_join(struct line *l, const struct line *piece)
{
    add_bytes(l, piece->buf, (size_t)(piece->p - piece->buf), piece->cells);
    l->cut |= piece->cut;
}

/* Bytes of the character, or of the escape sequence, that begins a text. *ret_cells: how wide it is. */
static size_t next_of(const char *text, const char *end, unsigned *ret_cells)
{
    const char *p = text + 1;

    *ret_cells = *text != '\x1b';
    while (p < end && (*ret_cells ? (*p & 0xc0) == 0x80 : p[-1] != 'm'))
        p++;
    return (size_t)(p - text);
}

/* As much of the text as columns hold, colours that follow included. */
static const char *fill(const char *text, const char *end, unsigned columns)
{
    unsigned cells;

    while (text < end) {
        const size_t len = next_of(text, end, &cells);

        if (cells > columns)
            break;
        columns -= cells;
        text += len;
    }
    return text;
}

static unsigned count_cells(const char *text, const char *end)
{
    unsigned cells = 0, wide;

    while (text < end) {
        text += next_of(text, end, &wide);
        cells += wide;
    }
    return cells;
}

/* The place to break before: behind the last blank, but not in the first half. */
static const char *break_of(const char *text, const char *full)
{
    for (const char *p = full; p - text > (full - text) / 2; p--)
        if (p[-1] == ' ')
            return p;
    return full;
}

static char *put(char *p, const char *end, const char *text, size_t len)
{
    if (len > (size_t)(end - p))
        return p;
    memcpy(p, text, len);
    return p + len;
}

static size_t cut(const char *line, const char *end, unsigned columns, char *buf, size_t size)
{
    const char *full = fill(line, end, columns - 1), *room = buf + size - sizeof("…" RESET "\n") + 1;
    char *p = put(buf, room, line, (size_t)(full - line));

    p = stpcpy(p, "…");
    if (memchr(line, '\x1b', (size_t)(end - line)))
        p = stpcpy(p, RESET);
    *p++ = '\n';
    return (size_t)(p - buf);
}

static size_t wrap(const char *line, const char *end, unsigned columns, unsigned indent, char *buf, size_t size)
{
    const char *room = buf + size - 1;
    unsigned blanks = 0;
    char *p = buf;

    while (line < end) {
        const char *full = fill(line, end, columns - blanks);
        const char *next = full < end ? break_of(line, full) : full;

        for (unsigned i = 0; i < blanks; i++)
            p = put(p, room, " ", 1);
        p = put(p, room, line, (size_t)(next - line));
        if (next < end)
            p = put(p, room, "\n", 1);
        line = next;
        blanks = indent;
    }
    *p++ = '\n';
    return (size_t)(p - buf);
}

size_t line_fit(const char *line, size_t len, unsigned columns, int indent, char *buf, size_t size)
{
    const char *end = line + len - (len && line[len - 1] == '\n');

    if (columns < 2 || count_cells(line, end) <= columns) {
        len = len < size ? len : size;
        memcpy(buf, line, len);
        return len;
    }
    if (indent < 0 || 2 * (unsigned)indent > columns)
        return cut(line, end, columns, buf, size);
    return wrap(line, end, columns, (unsigned)indent, buf, size);
}
