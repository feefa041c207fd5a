#include "client_common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "complain.h"

int client_failed(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain_args("client", format, args);
    va_end(args);
    return -1;
}

void client_step(const struct client_config *config, const char *format, ...)
{
    va_list args;

    if (!config->verbose)
        return;
    fputs("client: ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

int64_t client_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int client_wait(struct pollfd *fds, nfds_t n, int64_t deadline_ms)
{
    for (;;) {
        int64_t left = deadline_ms < 0 ? -1 : deadline_ms - client_now_ms();
        int r = poll(fds, n, left < 0 && deadline_ms >= 0 ? 0 : (int)left);
        if (r >= 0)
            return r > 0;
        if (errno != EINTR)
            return client_failed("cannot wait for the connection: %s", strerror(errno));
    }
}
