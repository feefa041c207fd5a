/*
 * server_iterative.c - one client after the other: accept() only when the last one has left.
 *
 * The others are not refused meanwhile. The kernel completes their handshakes and takes their
 * bytes; they are ESTABLISHED, and wait in the accept queue for someone to serve them.
 */
#include "blocking.h"
#include "server_models.h"
#include "stop.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int serve(const struct server_config *config, int listener)
{
    while (!stop_requested) {
        char peer[SOCKET_TEXT_MAX];

        int fd = server_accept(config, listener, 0, peer);
        if (fd == -EMFILE)
            blocking_pause(strerror(errno), 0);
        else if (fd < 0 && fd != -EAGAIN)
            return fd;
        if (fd < 0)
            continue;

        stop_connection(fd);
        blocking_serve(config, fd, peer);
        stop_connection(-1);
        blocking_close(config, fd);
    }
    return 0;
}

int server_iterative_run(const struct server_config *config)
{
    int listener;

    stop_on_signals();
    int r = server_listen(config, &listener);
    if (r < 0)
        return r;
    stop_listener(listener);
    r = serve(config, listener);
    close(listener);
    return r;
}
