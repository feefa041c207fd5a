/* Standard input, standard output and standard error, where the program is started without one of them (`>&-`). */
#ifndef TCPLENS_BASE_STANDARD_H
#define TCPLENS_BASE_STANDARD_H

/* To be called before anything is opened: what else would take its number would be read or written in its place. One that is
 * missing can be neither read nor written afterwards: EBADF, as before. 0 or -errno. */
int standard_open(void) __attribute__((warn_unused_result));

#endif
