/*
 * socket.h - from what a person writes (an address, a port) to a socket, and back.
 */
#ifndef ECHO_SOCKET_H
#define ECHO_SOCKET_H

#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/* "[ADDRESS%INTERFACE]:PORT" and the final zero byte. */
enum { SOCKET_TEXT_MAX = INET6_ADDRSTRLEN + IF_NAMESIZE + sizeof "[%]:65535" };

/*
 * Looks a host up: a name, or an address of IPv4 or IPv6. Returns 0 or an EAI_ code that
 * socket_resolve_error() puts into words. The caller frees the list with freeaddrinfo().
 * type: SOCK_STREAM or SOCK_DGRAM. numeric: take an address only, ask no name server.
 */
int socket_resolve(const char *host, long port, int type, bool numeric, struct addrinfo **ret_list)
    __attribute__((warn_unused_result));
const char *socket_resolve_error(int code);

/* "127.0.0.1:7007", "[::1]:7007". buffer: SOCKET_TEXT_MAX bytes; returned. */
const char *socket_text(const struct sockaddr *address, socklen_t length, char *buffer);

/* The same for this end of a socket. */
const char *socket_local_text(int fd, char *buffer);

/*
 * socket(), bind(), listen(). The socket blocks and closes on exec. A wildcard IPv6 address takes
 * IPv4 clients too. backlog: length of the accept queue, cut by net.core.somaxconn.
 * reuse: set SO_REUSEADDR. Returns 0 or -errno.
 */
int socket_listen(const struct addrinfo *where, int backlog, bool reuse, int *ret_fd)
    __attribute__((warn_unused_result));

/* The same for datagrams, without listen(): there is no connection to wait for. */
int socket_bind_datagram(const struct addrinfo *where, int *ret_fd) __attribute__((warn_unused_result));

/* What helps where either of the two has failed, in brackets, to follow what strerror() says; maybe empty. error: errno. */
const char *socket_bind_remedy(int error);

/* Swaps the two bytes of the port, as who forgets htons() on a little-endian machine does. */
void socket_swap_port(struct sockaddr *address);

/* What keep-alive of TCP goes by (tcp(7)); idle_s 0: it is off. */
struct socket_keepalive {
    int idle_s;     /* TCP_KEEPIDLE: silence before the first probe, seconds */
    int interval_s; /* TCP_KEEPINTVL: between two probes, seconds */
    int count;      /* TCP_KEEPCNT: unanswered probes until the connection counts as lost */
};
/* Returns 0 or -errno; on a connected socket it does not fail. */
int socket_set_keepalive(int fd, const struct socket_keepalive *keepalive);

/* Lets no read, write or connect() block for longer (SO_RCVTIMEO, SO_SNDTIMEO): EAGAIN, or EINPROGRESS of connect().
 * Returns 0 or -errno; on a socket it does not fail. */
int socket_set_timeout(int fd, long ms);

/* Makes room for so many descriptors, as far as the administrator's limit goes: a shell's own is often 1024. */
void socket_raise_limit(long descriptors);

/* Returns 0 or -errno. */
int socket_set_nonblocking(int fd) __attribute__((warn_unused_result));

#endif
