/* What stands between the IP header of a tunnel and the packet that it carries. */
#ifndef TCPLENS_TCP_CAPSULE_H
#define TCPLENS_TCP_CAPSULE_H

#include "tcplens/tcp/ip_header.h"

/* The walk stands behind an IP header whose protocol is not TCP. Returns ETHER_IPV4 or ETHER_IPV6, and the walk at that
 * header; or ETHER_NONE with w->skip, or with an overrun. */
uint16_t capsule_open(struct walk *w, const struct ip_packet *outer, uint8_t protocol);

#endif
