/* One line for a terminal, put together from left to right: columns counted in terminal cells, colours, and nothing
 * that comes from outside gets to control the terminal. */
#ifndef TCPLENS_BASE_LINE_H
#define TCPLENS_BASE_LINE_H

#include <stdbool.h>
#include <stddef.h>

enum line_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_ALARM, /* bold red */
    STYLE_YELLOW,
    STYLE_GREEN,
    STYLE_MAGENTA,
    STYLE_CYAN,
    STYLE_BLUE,
    LINE_STYLE_N
};

/* A line, or a piece of one. The fields are for line_x() to write. */
struct line {
    char *buf, *p, *end;
    unsigned cells;  /* wide so far */
    unsigned column; /* where the next text begins: blanks are written with what follows them, or not at all */
    unsigned lane;   /* for who writes the line: how wide its widest column is */
    bool colour;     /* styles are written, as ANSI sequences */
    bool cut;        /* something did not fit, and is missing whole */
};

/* buf is borrowed, and has size bytes; room for line_end() is kept. */
struct line line_begin(char *buf, size_t size, bool colour);
/* Ends the line with a newline, without colour, and returns its length. */
size_t line_end(struct line *l);

/* Our own text: UTF-8, every character one cell wide. line_addf() takes at most 511 bytes. */
void line_add(struct line *l, const char *text);
void line_addf(struct line *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Bytes from outside, up to NUL or max: all but printable ASCII is escaped as \x1b. A terminal obeys control
 * characters, those of C1 in UTF-8 too, and bidirectional marks would reorder the rest of the line. */
void line_add_untrusted(struct line *l, const char *text, size_t max);

/* The column where the next text begins. */
unsigned line_here(const struct line *l);
/* The next text begins at that column, or that many blanks after what is there already. */
void line_go_to(struct line *l, unsigned column, unsigned blanks);

/* Sets the style of what follows; faint: with less contrast. */
void line_style(struct line *l, enum line_style style, bool faint);
void line_reset_style(struct line *l);

/* A piece is put together apart, so that its width is known before its place; line_join() puts it there. */
struct line line_piece(const struct line *l, char *buf, size_t size);
void line_join(struct line *l, const struct line *piece);

/* Fits a whole line, newline and colours included, into columns (0: any number). indent < 0: what is beyond is cut, with an
 * ellipsis; else it goes on in further lines that begin with so many blanks, broken between words where there are some.
 * Returns the length; what has no room in size bytes, at least LINE_FIT_MIN, is left out. */
#define LINE_FIT_MIN 64
size_t line_fit(const char *line, size_t len, unsigned columns, int indent, char *buf, size_t size);

#endif
