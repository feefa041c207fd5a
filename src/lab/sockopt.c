#include "sockopt.h"

#include <errno.h>
#include <string.h>
#include <sys/time.h>

#include "tcplens/base/sockopts.h"

#define OPTIONS(X)                                                                                                     \
    SOCKOPTS(X)                                                                                                        \
    X(SOL_SOCKET, SO_RCVTIMEO)                                                                                         \
    X(SOL_SOCKET, SO_SNDTIMEO)

#define NAME(level, option) #option,
const char *const sockopt_names[] = { OPTIONS(NAME) NULL };

#define ROW(level, option) { level, option },
static const int options[][2] = { OPTIONS(ROW) };

static int set_time(int fd, int option, long ms)
{
    const struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    return setsockopt(fd, SOL_SOCKET, option, &time, sizeof(time));
}

int sockopt_set(int fd, const char *name, long value)
{
    const struct linger linger = { .l_onoff = 1, .l_linger = (int)value };
    const int number = (int)value;
    size_t i = 0;
    int r;

    while (sockopt_names[i] && strcmp(sockopt_names[i], name) != 0)
        i++;
    if (!sockopt_names[i])
        return -ENOPROTOOPT;
    if (options[i][0] == SOL_SOCKET && (options[i][1] == SO_RCVTIMEO || options[i][1] == SO_SNDTIMEO))
        r = set_time(fd, options[i][1], value);
    else if (options[i][0] == SOL_SOCKET && options[i][1] == SO_LINGER)
        r = setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    else
        r = setsockopt(fd, options[i][0], options[i][1], &number, sizeof(number));
    return r < 0 ? -errno : 0;
}
