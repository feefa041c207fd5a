#include "tcplens/base/output.h"

#include <errno.h>
#include <fcntl.h>
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

/* Only of a file that was made here: another may be anybody's. */
static void give_to_caller(int fd)
{
    unsigned uid, gid;

    if (geteuid() == 0 && id_of("SUDO_UID", &uid) && id_of("SUDO_GID", &gid))
        (void)!fchown(fd, uid, gid); /* where it cannot be theirs, root can still hand it on */
}

int output_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0600);

    if (fd >= 0)
        give_to_caller(fd);
    else if (errno == EEXIST && !(flags & O_EXCL))
        fd = open(path, flags | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    return fd < 0 ? -errno : fd;
}
