/* One TCP segment, decoded from captured bytes. Pure: no I/O, no clock, never reads past the bytes given. */
#ifndef TCPLENS_TCP_SEGMENT_H
#define TCPLENS_TCP_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/tcp/datagram.h"
#include "tcplens/tcp/icmp.h"
#include "tcplens/tcp/result.h"
#include "tcplens/tcp/skip.h"
#include "tcplens/tcp/tunnel.h"

/* Header flags as they stand in the TCP header (RFC 9293 3.1; AE is RFC 9768). */
enum segment_flag {
    SEGMENT_FIN = 0x01,
    SEGMENT_SYN = 0x02,
    SEGMENT_RST = 0x04,
    SEGMENT_PSH = 0x08,
    SEGMENT_ACK = 0x10,
    SEGMENT_URG = 0x20,
    SEGMENT_ECE = 0x40,
    SEGMENT_CWR = 0x80,
    SEGMENT_AE = 0x100,
};

/* Which options were present (bits of segment.options). */
enum segment_option {
    SEGMENT_OPT_MSS = 0x01,
    SEGMENT_OPT_WSCALE = 0x02,
    SEGMENT_OPT_SACK_OK = 0x04,
    SEGMENT_OPT_SACK = 0x08,
    SEGMENT_OPT_TS = 0x10,
    SEGMENT_OPT_TFO = 0x20,
    SEGMENT_OPT_MPTCP = 0x40,
    SEGMENT_OPT_MD5 = 0x80, /* RFC 2385 */
    SEGMENT_OPT_AO = 0x100, /* RFC 5925 */
};

#define SEGMENT_SACK_MAX 4

struct segment {
    struct endpoint src, dst;
    uint32_t seq, ack;      /* as sent */
    uint32_t payload_len;   /* bytes, from the IP header: what was sent, not what was captured */
    uint16_t flags;         /* enum segment_flag */
    uint16_t window;        /* as sent, not scaled */
    uint16_t options;       /* enum segment_option */
    uint8_t wscale;         /* shift count as sent (RFC 7323 caps it at 14 where it is used) */
    uint8_t tfo_len;        /* bytes of Fast Open cookie, 0 for a request */
    uint8_t sack_count : 4; /* blocks in sack[] */
    bool bad_checksum  : 1; /* the segment is whole and its TCP checksum is wrong */
    uint16_t mss;           /* bytes */
    bool cut;               /* headers or options go on past the captured bytes */
    uint32_t ts_val, ts_ecr;
    uint32_t sack[SEGMENT_SACK_MAX][2]; /* left, right edge, as sent */
    uint32_t ifindex;                   /* interface, where the link type tells (Linux cooked v2), else 0 */
};

/* A TCP header as it was sent, options included, as much as was captured. */
#define SEGMENT_HEADER_MAX 60
struct segment_header {
    uint8_t len; /* 0: it was not asked for */
    uint8_t bytes[SEGMENT_HEADER_MAX];
};

/* What else a frame tells. */
struct segment_aside {
    const uint8_t *header; /* of SEGMENT_OK: within the captured bytes */
    uint8_t header_len;
    const struct tunnel *tunnel; /* what carries the segment, the ICMP error, the datagram; NULL: nothing */
    struct icmp icmp;            /* of SEGMENT_ICMP */
    struct datagram datagram;    /* of SEGMENT_UDP */
    struct skip skip;            /* where there is no segment: what there is */
};

/* Decodes one captured frame.
 * dlt: libpcap's DLT_ value (numbers are repeated in link.c: <pcap/dlt.h> is not for this layer).
 * data: caplen captured bytes, of a frame that was len bytes on the wire (len >= caplen).
 * tunnels: where those that are met are kept.
 * *ret_segment is written only with SEGMENT_OK; of *ret_aside what goes with the result. */
enum segment_result segment_parse(int dlt, const uint8_t *data, size_t caplen, size_t len, struct tunnels *tunnels,
                                  struct segment *ret_segment, struct segment_aside *ret_aside)
    __attribute__((warn_unused_result));

/* True where segment_parse knows the link type. */
bool segment_link_supported(int dlt);

/* Sequence space a segment takes: payload, and one each for SYN and FIN (RFC 9293 3.4). */
static inline uint32_t segment_seq_len(const struct segment *s)
{
    return s->payload_len + !!(s->flags & SEGMENT_SYN) + !!(s->flags & SEGMENT_FIN);
}

#endif
