/* ICMP errors: what a host or router says of a segment that it quotes. */
#ifndef TCPLENS_TCP_ICMP_H
#define TCPLENS_TCP_ICMP_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"

/* Whichever version (RFC 792, 1122 3.2.2.1, 1812 5.2.7.1, 4443). ROW is handed X before each row. */
#define ICMP_ERRORS(ROW, X)                                                                                            \
    ROW(X, NET_UNREACHABLE, "net-unreachable", "no route to the network")                                              \
    ROW(X, HOST_UNREACHABLE, "host-unreachable", "the host does not answer")                                           \
    ROW(X, PROTOCOL_UNREACHABLE, "protocol-unreachable", "the host has no TCP")                                        \
    ROW(X, PORT_UNREACHABLE, "port-unreachable", "nobody is at the port, or a filter says so")                         \
    ROW(X, FRAGMENTATION_NEEDED, "fragmentation-needed", "too large for a link on the way")                            \
    ROW(X, SOURCE_ROUTE_FAILED, "source-route-failed", "the route that was asked for does not exist")                  \
    ROW(X, ADMIN_PROHIBITED, "admin-prohibited", "a filter refuses it")                                                \
    ROW(X, TIME_EXCEEDED, "time-exceeded", "too many hops: mostly a loop")                                             \
    ROW(X, OTHER, "other", "another error")
#define ICMP_ENUM(X, id, word, meaning) ICMP_##id,
enum icmp_error { ICMP_ERRORS(ICMP_ENUM, ) ICMP_ERROR_N };

/* An error, and the segment or datagram that it quotes. */
struct icmp {
    enum icmp_error error;
    struct addr by;           /* who sent it */
    struct endpoint src, dst; /* of the segment */
    bool of_udp;
    uint16_t len; /* of the datagram: bytes */
    uint32_t seq; /* of the segment */
    uint32_t mtu; /* of FRAGMENTATION_NEEDED; 0: not told */
};

#endif
