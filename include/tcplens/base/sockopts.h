/* Options of sockets that decide what TCP and UDP do: those that a trace tells of and a lab can set. */
#ifndef TCPLENS_BASE_SOCKOPTS_H
#define TCPLENS_BASE_SOCKOPTS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* X(level, option), by the names of <sys/socket.h>, <netinet/in.h> and <netinet/tcp.h>. */
#define SOCKOPTS(X)                                                                                                    \
    X(SOL_SOCKET, SO_REUSEADDR)                                                                                        \
    X(SOL_SOCKET, SO_REUSEPORT)                                                                                        \
    X(SOL_SOCKET, SO_KEEPALIVE)                                                                                        \
    X(SOL_SOCKET, SO_RCVBUF)                                                                                           \
    X(SOL_SOCKET, SO_SNDBUF)                                                                                           \
    X(SOL_SOCKET, SO_LINGER)                                                                                           \
    X(IPPROTO_TCP, TCP_NODELAY)                                                                                        \
    X(IPPROTO_TCP, TCP_CORK)                                                                                           \
    X(IPPROTO_TCP, TCP_QUICKACK)                                                                                       \
    X(IPPROTO_TCP, TCP_MAXSEG)                                                                                         \
    X(IPPROTO_TCP, TCP_KEEPIDLE)                                                                                       \
    X(IPPROTO_TCP, TCP_KEEPINTVL)                                                                                      \
    X(IPPROTO_TCP, TCP_KEEPCNT)                                                                                        \
    X(IPPROTO_TCP, TCP_SYNCNT)                                                                                         \
    X(IPPROTO_TCP, TCP_LINGER2)                                                                                        \
    X(IPPROTO_TCP, TCP_DEFER_ACCEPT)                                                                                   \
    X(IPPROTO_TCP, TCP_USER_TIMEOUT)                                                                                   \
    X(IPPROTO_TCP, TCP_FASTOPEN)

#endif
