/* What a program counts on, however it was started. */
#ifndef TCPLENS_BASE_STANDARD_H
#define TCPLENS_BASE_STANDARD_H

/* To be called before anything is opened. Where standard input, output or error is missing (`>&-`), what else would take its
 * number would be read or written in its place: it can be neither read nor written afterwards: EBADF, as before. An ignored
 * SIGCHLD, which survives exec(), is not any more: children could not be waited for. 0 or -errno. */
int standard_begin(void) __attribute__((warn_unused_result));

#endif
