/* The terminal, by ncurses: one at a time. Whatever ends the program, the terminal is given back as it was. */
#ifndef TCPLENS_TOP_SCREEN_H
#define TCPLENS_TOP_SCREEN_H

#include <stdbool.h>

#include "tcplens/top/view.h"

#define TOP_SCREEN_ERROR_MAX 256

/* Whether standard output and $TERM can show it: 0, or -ENOTTY with one line in error. */
int top_screen_check(char error[static TOP_SCREEN_ERROR_MAX]) __attribute__((warn_unused_result));
/* Takes the terminal. Reads files (terminfo, the locale): to be called before the process is confined. 0 or -errno with one
 * line in error. colour: where the terminal has it. */
int top_screen_open(bool colour, char error[static TOP_SCREEN_ERROR_MAX]) __attribute__((warn_unused_result));
/* What is printed now stands on the screen that was there before; the next top_screen_paint() takes it again. */
void top_screen_leave(void);
/* Gives it back. Nothing happens where it was not taken, as with the one above. */
void top_screen_close(void);

/* Draws, and does not wait for the terminal: while one takes nothing, this is left out. */
void top_screen_paint(struct top_view *view, uint64_t now_ns);
/* The next key that was pressed, as top_view_key() takes it; *ret_resized: the terminal has another size now. 0: none. */
int top_screen_key(bool *ret_resized);
/* Nobody is at the terminal any more, or it has become larger than any screen is. */
bool top_screen_is_gone(void);

#endif
