/* Link headers of captured frames: what stands before IP. */
#ifndef TCPLENS_TCP_LINK_H
#define TCPLENS_TCP_LINK_H

#include <stdint.h>

#include "tcplens/base/cursor.h"
#include "tcplens/tcp/result.h"

/* Reads a frame of libpcap's link type dlt up to its IP header, where it leaves *c.
 * *ret_version: 4 or 6. *ret_ifindex: the interface where the link type tells (Linux cooked v2),
 * else 0. SEGMENT_NOT_TCP where the frame carries no IP. Both are written only with SEGMENT_OK. */
enum segment_result link_open(int dlt, struct cursor *c, uint8_t *ret_version, uint32_t *ret_ifindex)
    __attribute__((warn_unused_result));

/* Why a read overran: the capture was cut, or the frame is shorter than its headers say. */
static inline enum segment_result link_overrun(const struct cursor *c)
{
    return c->have < c->wire ? SEGMENT_TRUNCATED : SEGMENT_MALFORMED;
}

#endif
