/* For a library that is preloaded: the descriptor it talks to the test on is the caller's, which the program closes as it drops
 * its rights (src/base/inherited.c). Put in its place, close() leaves alone what the variables of the environment name that
 * kept_open[] has, defined before this is included; NULL is its last. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int close(int fd)
{
    for (unsigned i = 0; kept_open[i]; i++) {
        const char *told = getenv(kept_open[i]);

        if (told && fd == atoi(told))
            return 0;
    }
    return (int)syscall(SYS_close, fd);
}
