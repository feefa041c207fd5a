/* What the caller left open, besides standard input, output and error: for a command that is run, and for names such as
 * /dev/fd/63, which a shell makes of <(…). */
#ifndef TCPLENS_BASE_INHERITED_H
#define TCPLENS_BASE_INHERITED_H

/* To be called before anything is opened. Where there is no memory, or no /proc, fewer are noted. */
void inherited_note(void);

/* Closes what was noted. Who reads what others made has no use for it, and might not have been given it. Once only: the numbers
 * are used for something else afterwards. */
void inherited_close(void);

#endif
