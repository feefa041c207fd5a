/* The lines of a screen: where they are written, what each says of what a view shows, and in which style. */
#ifndef TCPLENS_TOP_VIEW_LINES_H
#define TCPLENS_TOP_VIEW_LINES_H

#include "view_state.h"

#define TEXT_MAX 2048 /* bytes of a line on the screen */

/* Is written from above. */
struct sheet {
    const struct top_paint *paint;
    unsigned y;
};

/* One line, cut at the edge; inverse: to the edge. */
void sheet_write(struct sheet *s, enum line_style style, bool inverse, const char *text);
void sheet_writef(struct sheet *s, enum line_style style, bool inverse, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Words, as many to a line as there is room for. */
void sheet_write_wrapped(struct sheet *s, enum line_style style, unsigned indent, const char *text);

struct line text_begin(char buf[static TEXT_MAX]);
/* Without the newline. */
const char *text_end(struct line *l);
/* Where the first `cells` characters of a text end. */
size_t text_bytes_of(const char *text, unsigned cells);

/* "tcplens top  kernel, wire  for 3m05  20,000 of 20,412 open  1,234 events/s" */
const char *top_view_title(struct top_view *v, uint64_t now_ns, char buf[static TEXT_MAX]);
/* How many connections are in each state, at this end. */
const char *top_view_states(struct top_view *v, enum end end, char buf[static TEXT_MAX]);
/* What is sorted by is marked in the blank beside its title. */
const char *top_view_heads(struct top_view *v, char buf[static TEXT_MAX]);
const char *top_row_text(struct top_view *v, const struct top_row *row, uint64_t now_ns, char buf[static TEXT_MAX]);
enum line_style top_row_style(const struct top_row *row);
const char *top_listener_text(const struct top_listener *listener, char buf[static TEXT_MAX]);
enum line_style top_listener_style(const struct top_listener *listener);
const char *top_finding_text(const struct top_finding *f, char buf[static TEXT_MAX]);
enum line_style top_finding_style(const struct top_finding *f);

#endif
