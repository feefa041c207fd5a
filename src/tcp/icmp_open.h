/* Reads an ICMP error; apart from its struct, which events know. */
#ifndef TCPLENS_TCP_ICMP_OPEN_H
#define TCPLENS_TCP_ICMP_OPEN_H

#include "tcplens/tcp/icmp.h"
#include "tcplens/tcp/ip_header.h"

/* The walk stands at an ICMP header in *packet. SEGMENT_ICMP with *ret_icmp where it is an error that quotes a TCP segment, as far
 * as its sequence number. */
enum segment_result icmp_open(struct walk *w, const struct ip_packet *packet, struct icmp *ret_icmp);

#endif
