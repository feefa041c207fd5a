/* The columns of the list of connections: what they are called, say, and are sorted by. */
#ifndef TCPLENS_TOP_COLUMNS_H
#define TCPLENS_TOP_COLUMNS_H

#include "tcplens/base/line.h"
#include "tcplens/top/model.h"

/* From left to right. */
enum column {
    COLUMN_CONN,
    COLUMN_STATE, /* of the end that has more to say; where there is room, of both */
    COLUMN_CLIENT,
    COLUMN_SERVER,
    COLUMN_ENDS,
    COLUMN_AGE,
    COLUMN_BYTES,
    COLUMN_RTT,
    COLUMN_AGAIN,
    COLUMN_UNACKED,
    COLUMN_OWNER,
    COLUMN_CAUSE,
    COLUMN_N
};

struct columns {
    enum column shown[COLUMN_N];
    unsigned width[COLUMN_N]; /* of each shown, in cells */
    unsigned count;
};

/* Chooses what fits; sorted is among it. */
void columns_fit(struct columns *columns, unsigned width, enum column sorted);
const char *column_title(enum column column);
bool column_is_figure(enum column column); /* at the right of its place */
/* What to sort by. Figures begin with the greatest: their key is the complement. */
uint64_t column_key(enum column column, const struct top_row *row);
/* Adds what it says, at most width cells. */
void column_add(struct line *l, enum column column, const struct top_row *row, uint64_t now_ns, unsigned width);
enum tcp_state column_state(const struct top_row *row);

/* Figures in a few cells: "84us", "1.2ms"; "12s", "3m05s", "2h", "4d"; "999", "1.2k", "34M". */
#define FIGURE_TEXT_MAX 16
const char *figure_time(uint64_t ns, char buf[static FIGURE_TEXT_MAX]);
const char *figure_age(uint64_t ns, char buf[static FIGURE_TEXT_MAX]);
const char *figure_count(uint64_t n, char buf[static FIGURE_TEXT_MAX]);

#endif
