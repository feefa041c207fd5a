#include "datagram_open.h"

#include "tcplens/base/cursor.h"
#include "tcplens/tcp/checksum.h"

#define HEADER 8

/* RFC 768: a checksum of 0 is none. */
static enum datagram_checksum checksum_of(const struct ip_packet *packet, const struct cursor *whole, uint16_t len,
                                          uint16_t sum)
{
    struct cursor c = *whole;

    if (!sum)
        return DATAGRAM_CHECKSUM_NONE;
    if (packet->fragment || !packet->length_known || packet->rerouted || c.have - c.at < len)
        return DATAGRAM_CHECKSUM_UNKNOWN;
    return checksum_wrong(packet, IP_UDP, cursor_take(&c, len), len, 6) ? DATAGRAM_CHECKSUM_BAD : DATAGRAM_CHECKSUM_OK;
}

enum segment_result datagram_open(struct walk *w, const struct ip_packet *packet, struct datagram *ret_datagram)
{
    struct cursor *c = &w->c;
    const struct cursor whole = *c;
    const uint8_t *header = cursor_take(c, HEADER);
    const uint16_t len = be16_at(header + 4);
    uint64_t captured;

    if (c->overrun)
        return ip_packet_overrun(c, packet->fragment);
    if (len < HEADER || (len > whole.wire - whole.at && !packet->fragment))
        return SEGMENT_MALFORMED;
    *ret_datagram = (struct datagram){
        .src = { .addr = ip_packet_addr(packet, packet->src), .port = be16_at(header) },
        .dst = { .addr = ip_packet_addr(packet, packet->dst), .port = be16_at(header + 2) },
        .len = len - HEADER,
        .checksum = checksum_of(packet, &whole, len, be16_at(header + 6)),
    };
    if (ret_datagram->src.port != DNS_PORT && ret_datagram->dst.port != DNS_PORT)
        return SEGMENT_UDP;
    captured = c->have - c->at < (uint64_t)(len - HEADER) ? c->have - c->at : len - (uint64_t)HEADER;
    ret_datagram->is_dns = dns_read(c->data + c->at, captured, &ret_datagram->dns);
    return SEGMENT_UDP;
}
