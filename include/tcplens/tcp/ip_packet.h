/* What stands between a captured frame and its TCP header: link headers, then IP. */
#ifndef TCPLENS_TCP_IP_PACKET_H
#define TCPLENS_TCP_IP_PACKET_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/cursor.h"
#include "tcplens/tcp/link.h"
#include "tcplens/tcp/result.h"

struct ip_packet {
    const uint8_t *src, *dst; /* addresses in the frame: 4 bytes each, or 16 */
    bool ipv6;
    uint32_t ifindex;  /* where the link type tells (Linux cooked v2), else 0 */
    bool fragment;     /* the first of several */
    bool length_known; /* not the frame's length for want of a better one */
    bool rerouted;     /* source routed: the checksum is over other addresses than these */
};

/* Reads a frame of libpcap's link type dlt up to its TCP header, where it leaves *c, with c->wire
 * at the end of the IP packet. Writes *ret_packet only with SEGMENT_OK. */
enum segment_result ip_packet_open(int dlt, struct cursor *c, struct ip_packet *ret_packet)
    __attribute__((warn_unused_result));

/* As link_overrun(), but of a first fragment the rest may be in the next. */
static inline enum segment_result ip_packet_overrun(const struct cursor *c, bool fragment)
{
    return fragment ? SEGMENT_TRUNCATED : link_overrun(c);
}

#endif
