/* What stands between a captured frame and its TCP header: link headers, then IP, which may be in other IP packets. */
#ifndef TCPLENS_TCP_IP_PACKET_H
#define TCPLENS_TCP_IP_PACKET_H

#include "tcplens/tcp/ip_header.h"

/* Reads a frame of libpcap's link type dlt up to its TCP header, where it leaves the walk, with w->c.wire at the end of the IP
 * packet. SEGMENT_ICMP, SEGMENT_UDP: up to such a header. *ret_packet means something only with these three. */
enum segment_result ip_packet_open(int dlt, struct walk *w, struct ip_packet *ret_packet)
    __attribute__((warn_unused_result));

#endif
