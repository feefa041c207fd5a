/* A UDP header and what is behind it. */
#ifndef TCPLENS_TCP_DATAGRAM_OPEN_H
#define TCPLENS_TCP_DATAGRAM_OPEN_H

#include "tcplens/tcp/datagram.h"
#include "tcplens/tcp/ip_header.h"

/* The walk is at the header. SEGMENT_UDP, or what is wrong; *ret_datagram is written only with the former. */
enum segment_result datagram_open(struct walk *w, const struct ip_packet *packet, struct datagram *ret_datagram)
    __attribute__((warn_unused_result));

#endif
