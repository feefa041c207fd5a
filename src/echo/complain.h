/*
 * complain.h - what goes to standard error.
 *
 * Words of the command line and names stand in it, which may hold what a terminal would obey. So all
 * messages go through here.
 */
#ifndef ECHO_COMPLAIN_H
#define ECHO_COMPLAIN_H

#include <stdarg.h>

/*
 * Prints one line, "tcplens-echo COMMAND: ..."; command "": of the program itself. What a terminal
 * would obey, line feeds too, and bytes that are no UTF-8 stand as \xNN; behind 1023 bytes it is cut.
 */
void complain(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
void complain_args(const char *command, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* The second line of one about usage: where to look. command: as above. */
void complain_hint(const char *command);

#endif
