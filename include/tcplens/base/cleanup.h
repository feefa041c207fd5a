/* What a local variable holds is given back wherever its function returns. */
#ifndef TCPLENS_BASE_CLEANUP_H
#define TCPLENS_BASE_CLEANUP_H

#include <unistd.h>

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* A descriptor, -1: none. */
#define CLEANUP_CLOSE __attribute__((cleanup(cleanup_close)))

/* Gives it to the caller: the local variable holds none any more. */
static inline int cleanup_keep(int *fd)
{
    const int kept = *fd;

    *fd = -1;
    return kept;
}

#endif
