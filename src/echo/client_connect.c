/*
 * client_connect.c - from the options to a connected socket.
 */
#include "client_ways.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "socket.h"

static int set_up(const struct client_config *config, int fd)
{
    int r = 0;

    if (config->keepalive.idle_s > 0)
        r = socket_set_keepalive(fd, &config->keepalive);
    /* It is connect() that this is for; nothing else here blocks. */
    if (r == 0 && config->timeout_ms > 0)
        r = socket_set_timeout(fd, config->timeout_ms);
    return r;
}

/* Returns a socket, or -errno. */
static int connect_one(const struct client_config *config, const struct addrinfo *where)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    int r = set_up(config, fd);
    if (r == 0 && connect(fd, where->ai_addr, where->ai_addrlen) != 0)
        r = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

/* A name may have several addresses: the first one that answers is taken. */
int client_connect(const struct client_config *config)
{
    char text[SOCKET_TEXT_MAX] = "";
    struct addrinfo *list;
    int fd = -EHOSTUNREACH;

    int code = socket_resolve(config->host, config->port, SOCK_STREAM, false, &list);
    if (code != 0)
        return client_failed("cannot find host '%s': %s", config->host, socket_resolve_error(code));
    for (const struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        if (config->fault == CLIENT_FAULT_NO_HTONS)
            socket_swap_port(at->ai_addr);
        socket_text(at->ai_addr, at->ai_addrlen, text);
        client_step(config, "connect() to %s", text);
        fd = connect_one(config, at);
    }
    freeaddrinfo(list);
    if (fd < 0)
        return client_failed("cannot connect to %s: %s%s", text, strerror(-fd),
                             fd == -ECONNREFUSED ? " (is the server running? tcplens-echo server)" : "");
    client_step(config, "connected, this end is %s", socket_local_text(fd, text));
    return fd;
}
