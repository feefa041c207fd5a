/* An error quotes the packet it is about: its IP header and, at the least, 8 bytes more, which hold the ports and the sequence
 * number. A quotation is as long as whoever sent it liked: that it is shorter than its own header says is no damage. */
#include "icmp_open.h"

#define ANY 0xff

/* Which errors there are; a code that is not listed is another error of its type. Types that are no errors have no row. */
static const struct {
    bool ipv6;
    uint8_t type, code;
    enum icmp_error error;
} errors[] = {
    { false, 3, 0, ICMP_NET_UNREACHABLE },
    { false, 3, 1, ICMP_HOST_UNREACHABLE },
    { false, 3, 2, ICMP_PROTOCOL_UNREACHABLE },
    { false, 3, 3, ICMP_PORT_UNREACHABLE },
    { false, 3, 4, ICMP_FRAGMENTATION_NEEDED },
    { false, 3, 5, ICMP_SOURCE_ROUTE_FAILED },
    { false, 3, 6, ICMP_NET_UNREACHABLE },
    { false, 3, 7, ICMP_HOST_UNREACHABLE },
    { false, 3, 9, ICMP_ADMIN_PROHIBITED },
    { false, 3, 10, ICMP_ADMIN_PROHIBITED },
    { false, 3, 11, ICMP_NET_UNREACHABLE },
    { false, 3, 12, ICMP_HOST_UNREACHABLE },
    { false, 3, 13, ICMP_ADMIN_PROHIBITED },
    { false, 3, ANY, ICMP_OTHER },
    { false, 11, 0, ICMP_TIME_EXCEEDED },
    { false, 11, ANY, ICMP_OTHER },
    { false, 12, ANY, ICMP_OTHER },
    { true, 1, 0, ICMP_NET_UNREACHABLE },
    { true, 1, 1, ICMP_ADMIN_PROHIBITED },
    { true, 1, 3, ICMP_HOST_UNREACHABLE },
    { true, 1, 4, ICMP_PORT_UNREACHABLE },
    { true, 1, 5, ICMP_ADMIN_PROHIBITED }, /* of the source address */
    { true, 1, ANY, ICMP_OTHER },
    { true, 2, ANY, ICMP_FRAGMENTATION_NEEDED },
    { true, 3, 0, ICMP_TIME_EXCEEDED },
    { true, 3, ANY, ICMP_OTHER },
    { true, 4, 1, ICMP_PROTOCOL_UNREACHABLE }, /* next header not known */
    { true, 4, ANY, ICMP_OTHER },
};

static enum icmp_error error_of(bool ipv6, uint8_t type, uint8_t code)
{
    for (unsigned i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        if (errors[i].ipv6 == ipv6 && errors[i].type == type && (errors[i].code == code || errors[i].code == ANY))
            return errors[i].error;
    return ICMP_ERROR_N;
}

static enum segment_result no_tcp(struct walk *w, bool ipv6)
{
    walk_skip(w, SKIP_IP, ipv6 ? IP_ICMPV6 : IP_ICMP);
    return SEGMENT_NOT_TCP;
}

enum segment_result icmp_open(struct walk *w, const struct ip_packet *packet, struct icmp *ret_icmp)
{
    struct cursor *c = &w->c;
    const uint8_t type = cursor_u8(c), code = cursor_u8(c);
    const enum icmp_error error = error_of(packet->ipv6, type, code);
    struct ip_packet quoted = { 0 };
    enum segment_result result;
    uint8_t protocol;
    uint32_t rest;

    cursor_skip(c, 2);
    rest = cursor_be32(c);
    if (c->overrun)
        return walk_overrun(c);
    if (error == ICMP_ERROR_N)
        return no_tcp(w, packet->ipv6);
    result = ip_header(w, packet->ipv6 ? 6 : 4, &quoted, &protocol);
    if (result == SEGMENT_OK && (protocol == IP_TCP || protocol == IP_UDP)) {
        const uint8_t *tcp = cursor_take(c, 8); /* or UDP: the ports are at the same place */

        if (c->overrun)
            return SEGMENT_TRUNCATED;
        *ret_icmp = (struct icmp){
            .error = error,
            .by = ip_packet_addr(packet, packet->src),
            .src = { ip_packet_addr(&quoted, quoted.src), be16_at(tcp) },
            .dst = { ip_packet_addr(&quoted, quoted.dst), be16_at(tcp + 2) },
        };
        if (protocol == IP_UDP) {
            no_tcp(w, packet->ipv6);
            ret_icmp->of_udp = true;
            ret_icmp->len = (uint16_t)(be16_at(tcp + 4) > 8 ? be16_at(tcp + 4) - 8 : 0);
        } else {
            ret_icmp->seq = be32_at(tcp + 4);
        }
        if (error == ICMP_FRAGMENTATION_NEEDED)
            ret_icmp->mtu = packet->ipv6 ? rest : rest & 0xffff; /* RFC 1191: below what was unused */
        return SEGMENT_ICMP;
    }
    return result == SEGMENT_TRUNCATED ? result : no_tcp(w, packet->ipv6);
}
