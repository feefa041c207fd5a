#include "tcplens/base/caller.h"

#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* An id as sudo(8) gives it in the environment. */
static bool id_of(const char *variable, unsigned *ret_id)
{
    const char *text = getenv(variable);
    unsigned long id;
    char *end;

    if (!text || *text < '0' || *text > '9')
        return false;
    id = strtoul(text, &end, 10);
    *ret_id = (unsigned)id;
    return !*end && id < (unsigned)-1;
}

void caller_give(int fd)
{
    unsigned uid, gid;

    if (geteuid() == 0 && id_of("SUDO_UID", &uid) && id_of("SUDO_GID", &gid))
        (void)!fchown(fd, uid, gid); /* where it cannot be theirs, root can still hand it on */
}
