/* The two capture file formats, block by block: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng).
 * Pure: bytes in, packets out. */
#ifndef TCPLENS_SOURCE_CAPTURE_BLOCK_H
#define TCPLENS_SOURCE_CAPTURE_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many bytes at a file's begin tell which format it is; these alone hold no packet. */
#define CAPTURE_FILE_HEADER 24

struct capture_interface {
    int dlt;
    uint32_t snaplen;   /* 0: none */
    uint8_t resolution; /* if_tsresol: 10^-n, or 2^-n with the highest bit set */
    int64_t offset_s;
};

struct capture_format {
    bool ng, swapped;
    int dlt;           /* of a pcap file; -1: the interface says */
    size_t header_len; /* of a block: what capture_block_header() looks at */
    uint32_t unit_ns;  /* pcap: 1000 or 1 */
    uint64_t last_ns;
    struct capture_interface *interfaces;
    uint32_t interface_count, interface_room;
};

struct capture_packet {
    int dlt;
    uint32_t caplen, len;
    size_t data_offset; /* from the block's begin; caplen bytes are there */
    uint64_t ts_ns;     /* UNIX time */
};

enum { CAPTURE_PACKET = 1, CAPTURE_SKIP, CAPTURE_OTHER };

/* header: CAPTURE_FILE_HEADER bytes. 1 with the format and the bytes it took, or -EINVAL. */
int capture_format_detect(const uint8_t *header, struct capture_format *ret_format, size_t *ret_used);
/* header: format->header_len bytes. *ret_len: of the whole block, header included. CAPTURE_SKIP: it is of no interest
 * and may be of any length; CAPTURE_OTHER: pass it to capture_block(); -EINVAL: damaged. */
int capture_block_header(const struct capture_format *format, const uint8_t *header, uint64_t *ret_len);
/* CAPTURE_PACKET, with *ret_packet; CAPTURE_OTHER; -EINVAL: damaged; -ENOMEM. */
int capture_block(struct capture_format *format, const uint8_t *block, size_t len, struct capture_packet *ret_packet);
void capture_format_free(struct capture_format *format);

#endif
