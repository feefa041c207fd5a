/* Link headers of captured frames: what stands before IP. */
#ifndef TCPLENS_TCP_LINK_H
#define TCPLENS_TCP_LINK_H

#include <stdint.h>

#include "tcplens/tcp/walk.h"

/* What follows a header. ETHER_NONE: not a value on the wire, but our word for "carries no IP". */
enum {
    ETHER_NONE = 0,
    ETHER_LENGTH_MAX = 1500, /* up to here the field is a length and LLC follows (IEEE 802.3) */
    ETHER_IPV4 = 0x0800,
    ETHER_TRANSPARENT = 0x6558, /* an Ethernet frame (RFC 1701) */
    ETHER_VLAN = 0x8100,
    ETHER_IPV6 = 0x86dd,
    ETHER_PPP = 0x880b,
    ETHER_MPLS = 0x8847,
    ETHER_MPLS_MULTICAST = 0x8848,
    ETHER_PPPOE = 0x8864,
    ETHER_QINQ = 0x88a8,
    ETHER_PBB = 0x88e7,
    ETHER_FABRICPATH = 0x8903,
    ETHER_VN_TAG = 0x8926,
    ETHER_E_TAG = 0x893f,
    ETHER_NSH = 0x894f,
    ETHER_QINQ_OLD = 0x9100,
};

#define LINK_ETHERNET 1 /* DLT_EN10MB */

/* Reads a frame of libpcap's link type dlt up to its IP header, where it leaves the walk. *ret_type: ETHER_IPV4 or
 * ETHER_IPV6, written only with SEGMENT_OK. SEGMENT_NOT_TCP where the frame carries no IP. */
enum segment_result link_open(int dlt, struct walk *w, uint16_t *ret_type) __attribute__((warn_unused_result));

/* Takes off what stands between an ethertype and IP. ETHER_IPV4, ETHER_IPV6, or ETHER_NONE with w->skip. */
uint16_t link_peel(struct walk *w, uint16_t type);

/* Each takes one header off, and returns the ethertype of what follows, or ETHER_NONE with w->skip. A reader that runs out of
 * bytes reads zeros. */
uint16_t link_ethernet(struct walk *w);
uint16_t link_llc(struct walk *w);
uint16_t link_version(struct walk *w); /* no header: IP's version nibble tells */
uint16_t link_wlan(struct walk *w);    /* IEEE 802.11 */

#endif
