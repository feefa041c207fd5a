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

/* Nearly all frames of nearly all captures: Ethernet, then IPv4 without options, that carries TCP and is no fragment. What
 * the way through link_open() and ip_header() would find is found at fixed places. False: it is something else, or cut. */
static bool is_plain(int dlt, struct walk *w, struct ip_packet *ret_packet)
{
    struct cursor *c = &w->c;
    const uint8_t *ethernet = c->data, *ip = ethernet + 14;
    uint16_t total_len;

    if (dlt != LINK_ETHERNET || c->have < 14 + 20 || be16_at(ethernet + 12) != ETHER_IPV4 || ip[0] != 0x45 ||
        ip[9] != IP_TCP || (be16_at(ip + 6) & 0x3fff))
        return false;
    total_len = be16_at(ip + 2);
    if (total_len < 20)
        return false;
    c->at = 14 + 20;
    cursor_end_at(c, 14 + total_len);
    *ret_packet = (struct ip_packet){ .src = ip + 12, .dst = ip + 16, .length_known = true };
    return true;
}

enum segment_result ip_packet_open(int dlt, struct walk *w, struct ip_packet *ret_packet)
{
    enum segment_result result;
    uint8_t protocol;
    uint16_t type;

    if (is_plain(dlt, w, ret_packet))
        return SEGMENT_OK;
    result = link_open(dlt, w, &type);
    if (result != SEGMENT_OK)
        return result;
    *ret_packet = (struct ip_packet){ 0 };
    result = ip_header(w, type == ETHER_IPV4 ? 4 : 6, ret_packet, &protocol);
    return result == SEGMENT_OK && protocol != IP_TCP ? look_inside(w, ret_packet, protocol) : result;
}
