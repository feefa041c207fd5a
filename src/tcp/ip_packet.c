/* A packet that carries no TCP may be a tunnel: the walk then goes on with what that carries, until there is TCP, or nothing
 * that is understood. None of this is on the way of plain TCP. */
#include "tcplens/tcp/ip_packet.h"

#include "tcplens/tcp/capsule.h"
#include "tcplens/tcp/link.h"

static bool is_icmp(const struct ip_packet *packet, uint8_t protocol)
{
    return protocol == (packet->ipv6 ? IP_ICMPV6 : IP_ICMP);
}

/* Off the way of plain TCP. */
static __attribute__((noinline)) enum segment_result look_inside(struct walk *w, struct ip_packet *packet,
                                                                 uint8_t protocol)
{
    enum segment_result result = SEGMENT_OK;

    while (result == SEGMENT_OK && protocol != IP_TCP) {
        const struct ip_packet outer = *packet;
        const struct cursor here = w->c;
        uint16_t type;

        if (is_icmp(packet, protocol))
            return SEGMENT_ICMP;
        type = capsule_open(w, &outer, protocol);
        if (w->c.overrun)
            result = ip_packet_overrun(&w->c, outer.fragment);
        else if (type == ETHER_NONE)
            result = SEGMENT_NOT_TCP;
        if (result == SEGMENT_NOT_TCP && protocol == IP_UDP && w->skip.kind == SKIP_IP) {
            w->c = here;
            return SEGMENT_UDP;
        }
        if (result != SEGMENT_OK)
            break;
        *packet = (struct ip_packet){ 0 };
        result = ip_header(w, type == ETHER_IPV4 ? 4 : 6, packet, &protocol);
    }
    if (result == SEGMENT_MALFORMED && w->doubtful) { /* then it was none of that */
        walk_skip(w, SKIP_IP, IP_UDP);
        return SEGMENT_NOT_TCP;
    }
    return result;
}

enum segment_result ip_packet_open(int dlt, struct walk *w, struct ip_packet *ret_packet)
{
    struct ip_packet packet = { 0 };
    enum segment_result result;
    uint8_t protocol;
    uint16_t type;

    result = link_open(dlt, w, &type);
    if (result != SEGMENT_OK)
        return result;
    result = ip_header(w, type == ETHER_IPV4 ? 4 : 6, &packet, &protocol);
    if (result == SEGMENT_OK && protocol != IP_TCP)
        result = look_inside(w, &packet, protocol);
    if (result == SEGMENT_OK || result == SEGMENT_ICMP || result == SEGMENT_UDP)
        *ret_packet = packet;
    return result;
}
