/* Work that parses what may be hostile is done in a process of its own, which gives its rights up, and ends with this one. This one
 * keeps them: it removes the files that were made for nothing. */
#ifndef TCPLENS_COMMAND_APART_H
#define TCPLENS_COMMAND_APART_H

#include "tcplens/command/command.h"

struct apart {
    int (*work)(void *arg); /* in the child; an exit status */
    void *arg;
    const char *input;           /* what is read, as a person reads it */
    const struct command_io *io; /* its outputs that were not there go again if the work fails and they are empty */
};

/* An exit status: of the work; EXIT_FAILED, and it was told, where there was none. */
int apart_run(const struct apart *apart);

#endif
