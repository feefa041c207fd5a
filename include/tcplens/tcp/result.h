/* What decoding a captured frame came to, in each of its layers. */
#ifndef TCPLENS_TCP_RESULT_H
#define TCPLENS_TCP_RESULT_H

enum segment_result {
    SEGMENT_OK = 0,
    SEGMENT_ICMP,      /* no segment, but an ICMP error that quotes one */
    SEGMENT_UDP,       /* no segment, but a UDP datagram */
    SEGMENT_NOT_TCP,   /* another protocol, or a later fragment */
    SEGMENT_TRUNCATED, /* captured bytes end before the TCP window */
    SEGMENT_MALFORMED, /* lengths contradict each other */
    SEGMENT_UNSUPPORTED_LINK,
};

#endif
