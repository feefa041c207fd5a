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
 * numeric: take an address only, ask no name server.
 */
int socket_resolve(const char *host, long port, bool numeric, struct addrinfo **ret_list)
    __attribute__((warn_unused_result));
const char *socket_resolve_error(int code);

/* "127.0.0.1:7007", "[::1]:7007". buffer: SOCKET_TEXT_MAX bytes; returned. */
const char *socket_text(const struct sockaddr *address, socklen_t length, char *buffer);

/* The same for this end of a socket. */
const char *socket_local_text(int fd, char *buffer);

/*
 * socket(), bind(), listen(). The socket blocks and closes on exec. A wildcard IPv6 address takes
 * IPv4 clients too. backlog: length of the accept queue, cut by net.core.somaxconn.
 * Returns 0 or -errno.
 */
int socket_listen(const struct addrinfo *where, int backlog, int *ret_fd) __attribute__((warn_unused_result));

/* Returns 0 or -errno. */
int socket_set_nonblocking(int fd) __attribute__((warn_unused_result));

#endif
