/* IP headers, with what extends them. */
#ifndef TCPLENS_TCP_IP_HEADER_H
#define TCPLENS_TCP_IP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/tcp/result.h"
#include "tcplens/tcp/walk.h"

enum {
    IP_HOP_BY_HOP = 0,
    IP_ICMP = 1,
    IP_IPV4 = 4,
    IP_TCP = 6,
    IP_UDP = 17,
    IP_IPV6 = 41,
    IP_ROUTING = 43,
    IP_FRAGMENT = 44,
    IP_GRE = 47,
    IP_AH = 51,
    IP_ICMPV6 = 58,
    IP_DESTINATION = 60,
    IP_ETHERIP = 97,
    IP_MPLS = 137,
};

struct ip_packet {
    const uint8_t *src, *dst; /* addresses in the frame: 4 bytes each, or 16 */
    bool ipv6;
    bool fragment;     /* the first of several */
    bool length_known; /* not the frame's length for want of a better one */
    bool rerouted;     /* source routed: the checksum is over other addresses than these */
};

/* Reads one IP header with its extensions. version: 4 or 6. *packet is all zeros before. */
enum segment_result ip_header(struct walk *w, unsigned version, struct ip_packet *packet, uint8_t *ret_protocol)
    __attribute__((warn_unused_result));

static inline struct addr ip_packet_addr(const struct ip_packet *packet, const uint8_t *bytes)
{
    return packet->ipv6 ? addr_from_ipv6(bytes) : addr_from_ipv4(bytes);
}

/* As walk_overrun(), but of a first fragment the rest may be in the next. */
static inline enum segment_result ip_packet_overrun(const struct cursor *c, bool fragment)
{
    return fragment ? SEGMENT_TRUNCATED : walk_overrun(c);
}

#endif
