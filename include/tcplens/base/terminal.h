/* What a terminal is told, and how much of it fits. */
#ifndef TCPLENS_BASE_TERMINAL_H
#define TCPLENS_BASE_TERMINAL_H

#include <stdbool.h>

/* "auto": where a terminal shows colours. */
enum terminal_colour { TERMINAL_COLOUR_AUTO, TERMINAL_COLOUR_ALWAYS, TERMINAL_COLOUR_NEVER };

/* Whether what is written to fd may have colours: it is a terminal that knows them (TERM is not "dumb"), and nobody said
 * otherwise (no-color.org). */
bool terminal_has_colour(int fd, enum terminal_colour colour);
/* Cells in a row; 0: not a terminal, or it does not say. */
unsigned terminal_columns(int fd);

#endif
