#include "socket.h"

#include <byteswap.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int socket_resolve(const char *host, long port, int type, bool numeric, struct addrinfo **ret_list)
{
    /* No AI_ADDRCONFIG: it leaves loopback out of account, and can so hide ::1 on a host without IPv6. */
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = type,
        .ai_flags = AI_NUMERICSERV | (numeric ? AI_NUMERICHOST : 0),
    };
    struct addrinfo *list;
    char service[8];

    snprintf(service, sizeof service, "%ld", port);
    int code = getaddrinfo(host, service, &hints, &list);
    if (code == 0)
        *ret_list = list;
    return code;
}

const char *socket_resolve_error(int code)
{
    return code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code);
}

const char *socket_text(const struct sockaddr *address, socklen_t length, char *buffer)
{
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1], port[8];

    if (getnameinfo(address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(buffer, SOCKET_TEXT_MAX, "unknown");
    else
        snprintf(buffer, SOCKET_TEXT_MAX, address->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return buffer;
}

const char *socket_local_text(int fd, char *buffer)
{
    struct sockaddr_storage address = { 0 };
    socklen_t length = sizeof address;

    if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        length = 0; /* socket_text() then says "unknown" */
    return socket_text((struct sockaddr *)&address, length, buffer);
}

static int bind_any(int fd, const struct addrinfo *where)
{
    int off = 0;

    /* "::" shall mean every address, whatever net.ipv6.bindv6only says. */
    if (where->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
        return -errno;
    return bind(fd, where->ai_addr, where->ai_addrlen) == 0 ? 0 : -errno;
}

static int prepare_listener(int fd, const struct addrinfo *where, int backlog, bool reuse)
{
    int on = 1;

    /* Lets a server restart while connections of its last run are still in TIME-WAIT. */
    if (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        return -errno;
    int r = bind_any(fd, where);
    /* From here on the kernel answers SYNs by itself; accept() only fetches what is complete. */
    if (r == 0 && listen(fd, backlog) != 0)
        r = -errno;
    return r;
}

int socket_listen(const struct addrinfo *where, int backlog, bool reuse, int *ret_fd)
{
    int fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -errno;

    int r = prepare_listener(fd, where, backlog, reuse);
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int socket_bind_datagram(const struct addrinfo *where, int *ret_fd)
{
    int fd = socket(where->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return -errno;

    int r = bind_any(fd, where);
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

const char *socket_bind_remedy(int error)
{
    switch (error) {
    case EADDRINUSE: return " (choose another with --port)";
    case EACCES: return " (only root may take a port below 1024; choose another with --port)";
    case EADDRNOTAVAIL: return " (--bind takes an address of this machine)";
    default: return "";
    }
}

void socket_swap_port(struct sockaddr *address)
{
    in_port_t *port = address->sa_family == AF_INET6 ? &((struct sockaddr_in6 *)address)->sin6_port
                                                     : &((struct sockaddr_in *)address)->sin_port;

    *port = bswap_16(*port);
}

int socket_set_keepalive(int fd, const struct socket_keepalive *keepalive)
{
    int on = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &keepalive->idle_s, sizeof keepalive->idle_s) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &keepalive->interval_s, sizeof keepalive->interval_s) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &keepalive->count, sizeof keepalive->count) != 0)
        return -errno;
    return 0;
}

int socket_set_timeout(int fd, long ms)
{
    struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) != 0)
        return -errno;
    return 0;
}

void socket_raise_limit(long descriptors)
{
    rlim_t wanted = (rlim_t)descriptors;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int socket_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return -errno;
    return 0;
}
