#include "tcplens/base/inherited.h"

#include <dirent.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
    int *fds;
    size_t count;
} inherited;

static void note(int fd)
{
    int *const more = realloc(inherited.fds, (inherited.count + 1) * sizeof(*more));

    if (!more)
        return;
    inherited.fds = more;
    inherited.fds[inherited.count++] = fd;
}

void inherited_note(void)
{
    DIR *const list = opendir("/proc/self/fd");
    const struct dirent *entry;

    while (list && (entry = readdir(list))) {
        const int fd = atoi(entry->d_name); /* 0 of "." */

        if (fd > STDERR_FILENO && fd != dirfd(list))
            note(fd);
    }
    if (list)
        closedir(list);
}

void inherited_close(void)
{
    for (size_t i = 0; i < inherited.count; i++)
        close(inherited.fds[i]);
    free(inherited.fds);
    inherited.fds = NULL;
    inherited.count = 0;
}
