#include "server_common.h"

#include "socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void server_step(const struct server_config *config, const char *format, ...)
{
    va_list args;

    if (!config->verbose)
        return;
    fputs("server: ", stdout);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

int server_failed(int error, const char *action)
{
    fprintf(stderr, "tcplens-echo server: cannot %s: %s\n", action, strerror(error));
    return -error;
}

int server_listen(const struct server_config *config, int *ret_fd)
{
    char text[SOCKET_TEXT_MAX];
    struct addrinfo *where;

    int code = socket_resolve(config->bind, config->port, true, &where);
    if (code != 0) {
        fprintf(stderr, "tcplens-echo server: --bind %s: %s (a numeric address is expected)\n", config->bind,
                socket_resolve_error(code));
        return -EINVAL;
    }

    int fd;
    int r = socket_listen(where, (int)config->backlog, &fd);
    if (r < 0)
        fprintf(stderr, "tcplens-echo server: cannot listen on %s: %s%s\n",
                socket_text(where->ai_addr, where->ai_addrlen, text), strerror(-r),
                r == -EADDRINUSE ? " (choose another with --port)" : "");
    freeaddrinfo(where);
    if (r < 0)
        return r;

    printf(SERVER_LINE_LISTENING "%s\n", socket_local_text(fd, text));
    *ret_fd = fd;
    return 0;
}
