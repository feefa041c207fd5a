#include "feed.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tcplens/base/log.h"

pid_t feed_start(int *ret_fd)
{
    const pid_t parent = getpid();
    int ends[2];
    pid_t child;

    if (pipe(ends) < 0 || (child = fork()) < 0) {
        log_error("cannot start a process: %s", strerror(errno));
        return -1;
    }
    if (child == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        _exit(1);
    close(ends[child > 0]);
    *ret_fd = ends[child == 0];
    return child;
}

bool feed_write(int fd, const void *data, size_t len)
{
    const char *bytes = data;

    while (len) {
        const ssize_t n = write(fd, bytes, len);

        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}
