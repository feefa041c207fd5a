/* Records as the page keeps them: which line a record is like, and the numbers in which it differs from it. So what would be
 * written as text and read again is neither. Segments and changes of state, which most of a trace is, come this way; all else
 * comes as lines, in its order. */
#ifndef TCPLENS_WASM_COLUMNS_H
#define TCPLENS_WASM_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "export.h"

#define COLUMNS_RECORDS 4096 /* web/src/trace/columns.ts: SLICE */
#define COLUMNS_BYTES 65536  /* of their other numbers, as putInteger() there writes them */

/* What is gathered. The page empties it, and may add to it: it writes down the lines that it is given in the same place. */
struct columns {
    uint32_t count, used;
    uint16_t like[COLUMNS_RECORDS]; /* the page's number of the template */
    double n[COLUMNS_RECORDS], t[COLUMNS_RECORDS];
    uint32_t at[COLUMNS_RECORDS]; /* where the other numbers of each begin in `bytes` */
    uint8_t bytes[COLUMNS_BYTES];
};

/* From now on numbers are put aside. Before engine_begin(). Returns the columns; where what is in them is at is told by the
 * order and the sizes of its members. */
ENGINE_EXPORT("engine_columns") struct columns *engine_columns(void);

bool columns_wanted(void);
/* Room for a line whose numbers are put aside until columns_look() is given it: TRACE_LINE_MAX. */
char *columns_room(void);

enum columns_answer {
    COLUMNS_NO,    /* it is for the page, as text */
    COLUMNS_FIRST, /* likewise, and columns_learn() is to be told what the page made of it */
    COLUMNS_YES,   /* it is like a line that the page knows: columns_add() takes it */
};
enum columns_answer columns_look(const char *line, size_t len);
/* Whether there is room for it; else the page has to be asked to empty the columns first. */
bool columns_fit(void);
void columns_add(void);
/* like: the page's number of the line's template; 0: it has one with other holes, or none. */
void columns_learn(uint32_t like);
/* Writes the line with its numbers, at most TRACE_LINE_MAX bytes, and forgets them. Returns the length. */
size_t columns_text(const char *line, size_t len, char *text);
/* How many numbers the line at hand has. */
uint32_t columns_holes(void);

#endif
