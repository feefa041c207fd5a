/* Theory of operation
 *
 * The IP length decides where a segment ends, so Ethernet padding never counts as payload. It is
 * believed even where it goes beyond the frame: mirror ports cut frames before the capture sees
 * them, and the IP header still tells what was sent. A length of zero is how segmentation offload
 * (and BIG TCP) leaves it; the frame's own length then stands in.
 *
 * Not done: reassembly (of a fragmented segment only the first fragment is told, with the payload
 * of that fragment), the IPv4 header checksum (offload leaves it empty).
 */
#include "tcplens/tcp/ip_header.h"

#define IP_EXTENSIONS_MAX 16 /* against crafted packets; real ones carry one or two */

/* RFC 4302 2.2: its length counts 4-byte words, less two. Returns the protocol behind it. */
static uint8_t authentication_header(struct cursor *c)
{
    uint8_t next = cursor_u8(c);
    uint8_t words = cursor_u8(c);

    cursor_skip(c, (words + 2u) * 4 - 2);
    return next;
}

static enum segment_result later_fragment(struct walk *w)
{
    walk_skip(w, SKIP_FRAGMENT, 0);
    return SEGMENT_NOT_TCP;
}

/* RFC 791: loose (131) and strict (137) source routes. */
static bool ipv4_source_routed(struct cursor options)
{
    while (options.at < options.have) {
        uint8_t kind = cursor_u8(&options);
        uint8_t len;

        if (kind == 0)
            break;
        if (kind == 1)
            continue;
        if (kind == 131 || kind == 137)
            return true;
        len = cursor_u8(&options);
        if (len < 2)
            break;
        cursor_skip(&options, len - 2u);
    }
    return false;
}

static enum segment_result ipv4_header(struct walk *w, struct ip_packet *packet, uint8_t *ret_protocol)
{
    struct cursor *c = &w->c;
    const uint64_t start = c->at;
    const uint8_t *header = cursor_take(c, 20);
    const uint8_t version_ihl = header[0];
    const uint64_t header_len = (version_ihl & 0xfu) * 4;
    const uint16_t total_len = be16_at(header + 2), fragment = be16_at(header + 6);
    uint8_t protocol = header[9];

    if (c->overrun)
        return walk_overrun(c);
    if (version_ihl >> 4 != 4 || header_len < 20)
        return SEGMENT_MALFORMED;
    if (total_len && total_len < header_len)
        return SEGMENT_MALFORMED;
    if (fragment & 0x1fff) /* of a later fragment the ports are not known */
        return later_fragment(w);

    packet->src = header + 12;
    packet->dst = header + 16;
    packet->fragment = fragment & 0x2000;
    packet->length_known = total_len != 0;
    if (packet->length_known)
        cursor_end_at(c, start + total_len);
    if (header_len > 20)
        packet->rerouted = ipv4_source_routed(cursor_split(c, header_len - 20));
    if (protocol == IP_AH)
        protocol = authentication_header(c);
    *ret_protocol = protocol;
    return c->overrun ? ip_packet_overrun(c, packet->fragment) : SEGMENT_OK;
}

/* Looks through a hop-by-hop or destination options header for what bears on the segment. */
static void ipv6_options(struct cursor options, struct ip_packet *packet, uint32_t *jumbo_len)
{
    while (options.at < options.have) {
        uint8_t kind = cursor_u8(&options);
        uint8_t len;
        struct cursor value;

        if (kind == 0) /* Pad1 */
            continue;
        len = cursor_u8(&options);
        value = cursor_split(&options, len);
        if (options.overrun)
            return;
        if (kind == 0xc2 && len == 4) /* jumbo payload, RFC 2675 section 2 */
            *jumbo_len = cursor_be32(&value);
        else if (kind == 0xc9) /* home address, RFC 6275 6.3 */
            packet->rerouted = true;
    }
}

static enum segment_result ipv6_header(struct walk *w, struct ip_packet *packet, uint8_t *ret_protocol)
{
    struct cursor *c = &w->c;
    uint8_t version = cursor_be32(c) >> 28;
    uint16_t payload_len = cursor_be16(c);
    uint8_t next = cursor_u8(c);
    const uint8_t *src, *dst;
    uint64_t start;

    cursor_skip(c, 1);
    src = cursor_take(c, 16);
    dst = cursor_take(c, 16);
    if (c->overrun)
        return walk_overrun(c);
    if (version != 6)
        return SEGMENT_MALFORMED;

    packet->ipv6 = true;
    packet->src = src;
    packet->dst = dst;
    start = c->at;
    packet->length_known = payload_len != 0;
    if (packet->length_known)
        cursor_end_at(c, start + payload_len);

    for (int n = 0; n < IP_EXTENSIONS_MAX && next != IP_TCP; n++) {
        uint8_t header = next;
        uint8_t units;
        uint16_t fragment;
        uint32_t jumbo_len = 0;

        switch (header) {
        case IP_AH: next = authentication_header(c); break;
        case IP_FRAGMENT:
            next = cursor_u8(c);
            cursor_skip(c, 1);
            fragment = cursor_be16(c);
            cursor_skip(c, 4);
            if (!c->overrun && fragment >> 3)
                return later_fragment(w);
            packet->fragment |= fragment & 1;
            break;
        case IP_HOP_BY_HOP:
        case IP_DESTINATION:
            next = cursor_u8(c);
            units = cursor_u8(c); /* of 8 bytes, less one */
            ipv6_options(cursor_split(c, units * 8u + 6), packet, &jumbo_len);
            if (header != IP_HOP_BY_HOP || packet->length_known || !jumbo_len || c->overrun)
                break;
            if (jumbo_len <= UINT16_MAX) /* RFC 2675 section 3 */
                return SEGMENT_MALFORMED;
            packet->length_known = true;
            cursor_end_at(c, start + jumbo_len);
            break;
        case IP_ROUTING:
            next = cursor_u8(c);
            units = cursor_u8(c);
            cursor_skip(c, 1);
            if (cursor_u8(c)) /* segments left: the last destination is in the routing header */
                packet->rerouted = true;
            cursor_skip(c, units * 8u + 4);
            break;
        default: *ret_protocol = header; return SEGMENT_OK;
        }
        if (c->overrun)
            return ip_packet_overrun(c, packet->fragment);
    }
    *ret_protocol = next;
    if (next == IP_TCP)
        return SEGMENT_OK;
    walk_skip(w, SKIP_EXTENSIONS, 0);
    return SEGMENT_NOT_TCP;
}

enum segment_result ip_header(struct walk *w, unsigned version, struct ip_packet *packet, uint8_t *ret_protocol)
{
    return version == 4 ? ipv4_header(w, packet, ret_protocol) : ipv6_header(w, packet, ret_protocol);
}
