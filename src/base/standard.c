#include "tcplens/base/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int standard_begin(void)
{
    signal(SIGCHLD, SIG_DFL);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        const int use = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY; /* the other than its own: that fails (EBADF) */

        /* the lowest that is free: this one */
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", use | O_NOCTTY) < 0)
            return -errno;
    }
    return 0;
}
