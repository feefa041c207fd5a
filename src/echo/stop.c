#include "stop.h"

#include <errno.h>
#include <sys/socket.h>

volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t listener = -1, connection = -1;

static void shut_down(int fd)
{
    if (fd >= 0)
        shutdown(fd, SHUT_RDWR);
}

static void on_signal(int number)
{
    int error = errno;

    (void)number;
    stop_requested = 1;
    shut_down(listener);
    shut_down(connection);
    errno = error;
}

void stop_on_signals(void)
{
    struct sigaction action = { .sa_handler = on_signal };

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

void stop_listener(int fd)
{
    listener = fd;
    if (stop_requested)
        shut_down(fd);
}

void stop_connection(int fd)
{
    connection = fd;
    if (stop_requested)
        shut_down(fd);
}
