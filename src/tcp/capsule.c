/* Theory of operation. A reader takes a tunnel's header off and says what follows, as those of link headers do, and notes which
 * tunnel it is. IP's protocol number, or GRE's, says for sure which reader is right. A UDP port does not: anybody may use it.
 * So a reader behind UDP first looks whether the header has the shape of its protocol (what is reserved is zero, lengths are
 * those of the datagram, what follows is named), and w->doubtful is set: if what follows then makes no sense, it was no
 * tunnel but some datagram.
 *
 * Formats: RFC 2784 and 2890 (GRE), 2637 (PPTP), 7637 (NVGRE), 8086 (GRE in UDP), draft-foschiano-erspan-03, 7348 (VXLAN),
 * draft-ietf-nvo3-vxlan-gpe, 8926 (Geneve), 3GPP TS 29.281 (GTP-U), 4380 (Teredo), draft-massar-v6ops-ayiya-02, 2661 (L2TP),
 * 3378 (EtherIP), 7510 (MPLS in UDP), draft-ietf-intarea-gue-09. */
#include "tcplens/tcp/capsule.h"

#include "tcplens/tcp/link.h"

/* A header, about to be read; addresses are those of the packet around. */
struct capsule {
    struct walk *w;
    const struct ip_packet *outer;
};

/* Goes into the tunnel. Returns what follows, or ETHER_NONE where tunnels nest too deep. */
static uint16_t enter(const struct capsule *p, struct hop hop, uint16_t next)
{
    hop.has_addrs = true;
    hop.from = ip_packet_addr(p->outer, p->outer->src);
    hop.to = ip_packet_addr(p->outer, p->outer->dst);
    return p->w->c.overrun || !walk_enter(p->w, &hop) ? ETHER_NONE : next;
}

static uint16_t enter_plain(const struct capsule *p, enum tunnel_type type, uint16_t next)
{
    return enter(p, (struct hop){ .type = type }, next);
}

static uint16_t enter_id(const struct capsule *p, enum tunnel_type type, uint32_t id, uint16_t next)
{
    return enter(p, (struct hop){ .type = type, .has_id = true, .id = id }, next);
}

static uint16_t nothing_in(const struct capsule *p, enum tunnel_type type)
{
    return walk_skip(p->w, SKIP_TUNNEL, type);
}

/* ---- GRE ---- */

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACK = 0x0080, /* of version 1 */
    GRE_EOIP = 0x6400,
    GRE_WCCP = 0x883e,
    GRE_ERSPAN = 0x88be,
    GRE_ERSPAN_3 = 0x22eb,
    GRE_ARUBA_FIRST = 0x8200,
    GRE_ARUBA_LAST = 0x8370,
    GRE_ARUBA_OTHER = 0x9000,
};

/* Type I has no header; the version of the others comes first. */
static uint16_t erspan_header(const struct capsule *p, uint16_t protocol, bool sequenced)
{
    struct cursor *c = &p->w->c;
    uint16_t session;

    if (protocol == GRE_ERSPAN && !sequenced)
        return enter_plain(p, TUNNEL_ERSPAN, ETHER_TRANSPARENT);
    cursor_skip(c, 2);
    session = cursor_be16(c) & 0x3ff;
    if (protocol == GRE_ERSPAN) {
        cursor_skip(c, 4);
    } else {
        cursor_skip(c, 7);
        if (cursor_u8(c) & 1) /* a subheader of the platform */
            cursor_skip(c, 8);
    }
    return enter_id(p, TUNNEL_ERSPAN, session, ETHER_TRANSPARENT);
}

/* Version 1: the key is the payload's length and the call. */
static uint16_t gre_version_1(const struct capsule *p, uint16_t flags, uint16_t protocol)
{
    struct cursor *c = &p->w->c;
    const uint16_t len = cursor_be16(c);
    uint16_t id = cursor_be16(c);

    if (protocol == GRE_EOIP)
        return enter_id(p, TUNNEL_EOIP, __builtin_bswap16(id), ETHER_TRANSPARENT);
    cursor_skip(c, (flags & GRE_SEQUENCE ? 4 : 0) + (flags & GRE_ACK ? 4 : 0));
    if (protocol != ETHER_PPP || !len) /* an acknowledgment alone */
        return nothing_in(p, TUNNEL_PPTP);
    return enter_id(p, TUNNEL_PPTP, id, ETHER_PPP);
}

/* RFC 1701: routes, each with its length, up to an empty one. */
static void gre_routes(struct cursor *c)
{
    uint8_t len;

    do {
        cursor_skip(c, 3);
        len = cursor_u8(c);
        cursor_skip(c, len);
    } while (len && !c->overrun);
}

static bool is_aruba(uint16_t protocol)
{
    return protocol == GRE_ARUBA_OTHER ||
           (protocol >= GRE_ARUBA_FIRST && protocol <= GRE_ARUBA_LAST && protocol % 16 == 0);
}

static uint16_t gre_header(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint16_t flags = cursor_be16(c), protocol = cursor_be16(c);
    const bool keyed = flags & GRE_KEY;
    uint32_t key = 0;

    if (!c->overrun && (flags & 7) == 1)
        return gre_version_1(p, flags, protocol);
    if (flags & 7)
        return nothing_in(p, TUNNEL_GRE);
    if (flags & (GRE_CHECKSUM | GRE_ROUTING))
        cursor_skip(c, 4);
    if (keyed)
        key = cursor_be32(c);
    if (flags & GRE_SEQUENCE)
        cursor_skip(c, 4);
    if (flags & GRE_ROUTING)
        gre_routes(c);

    if (protocol == GRE_ERSPAN || protocol == GRE_ERSPAN_3)
        return erspan_header(p, protocol, flags & GRE_SEQUENCE);
    /* RFC 7637: a network's number is 0x1000 or more; so small keys are those of plain GRE */
    if (protocol == ETHER_TRANSPARENT && keyed && !(flags & (GRE_CHECKSUM | GRE_SEQUENCE)) && key >> 8 >= 0x1000)
        return enter_id(p, TUNNEL_NVGRE, key >> 8, ETHER_TRANSPARENT);
    if (is_aruba(protocol)) {
        const uint16_t entered = enter(p, (struct hop){ TUNNEL_GRE, .has_id = keyed, .id = key }, 1);

        return entered ? link_wlan(p->w) : ETHER_NONE;
    }
    if (protocol == GRE_WCCP && cursor_peek(c) >> 4 != 4)
        cursor_skip(c, 4); /* version 2 has a header of its own */
    return enter(p, (struct hop){ TUNNEL_GRE, .has_id = keyed, .id = key },
                 protocol == GRE_WCCP ? ETHER_IPV4 : protocol);
}

/* ---- IP's other protocols ---- */

static uint16_t ip_in_ip(const struct capsule *p, uint8_t protocol)
{
    const bool ipv6 = protocol == IP_IPV6;

    if (p->outer->ipv6)
        return enter_plain(p, ipv6 ? TUNNEL_6IN6 : TUNNEL_4IN6, ipv6 ? ETHER_IPV6 : ETHER_IPV4);
    return enter_plain(p, ipv6 ? TUNNEL_6IN4 : TUNNEL_IPIP, ipv6 ? ETHER_IPV6 : ETHER_IPV4);
}

static uint16_t etherip_header(const struct capsule *p)
{
    if (cursor_be16(&p->w->c) != 0x3000)
        return nothing_in(p, TUNNEL_ETHERIP);
    return enter_plain(p, TUNNEL_ETHERIP, ETHER_TRANSPARENT);
}

/* What an IP packet, or a header that names its payload alike, carries. */
static uint16_t of_protocol(const struct capsule *p, uint8_t protocol)
{
    switch (protocol) {
    case IP_IPV4:
    case IP_IPV6: return ip_in_ip(p, protocol);
    case IP_GRE: return gre_header(p);
    case IP_ETHERIP: return etherip_header(p);
    case IP_MPLS: return enter_plain(p, TUNNEL_MPLS, ETHER_MPLS);
    default: return walk_skip(p->w, SKIP_IP, protocol);
    }
}

/* ---- UDP ---- */

/* Bytes of the datagram that are still to come; what is not known is not too little. */
static uint64_t rest(const struct capsule *p)
{
    return p->w->c.wire - p->w->c.at;
}

/* A whole IP packet ends where the datagram ends. */
static uint16_t exact_ip(const struct capsule *p)
{
    struct cursor c = p->w->c;
    const uint8_t *header = cursor_take(&c, 20);

    p->w->c.overrun |= c.overrun;
    if (c.overrun || p->outer->fragment)
        return ETHER_NONE;
    if (header[0] >> 4 == 6)
        return be16_at(header + 4) + 40u == rest(p) ? ETHER_IPV6 : ETHER_NONE;
    if (header[0] >= 0x45 && header[0] <= 0x4f && be16_at(header + 2) == rest(p))
        return ETHER_IPV4;
    return ETHER_NONE;
}

/* The checksum of an IPv4 header of 20 bytes, RFC 1071. */
static bool ipv4_sum_holds(const uint8_t *header)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < 20; i += 2)
        sum += be16_at(header + i);
    sum = (sum >> 16) + (sum & 0xffff);
    return (sum >> 16) + (sum & 0xffff) == 0xffff;
}

/* An IP packet that could not be anything else, on whichever port. */
static uint16_t certain_ip(const struct capsule *p)
{
    struct cursor c = p->w->c;
    const uint8_t *header = cursor_take(&c, 20);

    switch (c.overrun ? ETHER_NONE : exact_ip(p)) {
    case ETHER_IPV4:
        return header[0] == 0x45 && header[8] && header[9] == IP_TCP && ipv4_sum_holds(header) ? ETHER_IPV4
                                                                                               : ETHER_NONE;
    case ETHER_IPV6: return header[6] == IP_TCP && header[7] ? ETHER_IPV6 : ETHER_NONE;
    default: return ETHER_NONE;
    }
}

static uint16_t vxlan(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint32_t flags = cursor_be32(c), network = cursor_be32(c);
    const bool policy = flags & 0x80000000; /* a group (draft-smith-vxlan-group-policy) */

    if ((flags & 0x08000000) == 0 || flags & (policy ? 0x77b70000 : 0xf7ffffff) || network & 0xff)
        return ETHER_NONE;
    return enter_id(p, TUNNEL_VXLAN, network >> 8, ETHER_TRANSPARENT);
}

static uint16_t vxlan_gpe(const struct capsule *p)
{
    static const uint16_t next[] = { 0, ETHER_IPV4, ETHER_IPV6, ETHER_TRANSPARENT, ETHER_NSH, ETHER_MPLS };
    struct cursor *c = &p->w->c;
    const uint32_t flags = cursor_be32(c), network = cursor_be32(c);
    const uint8_t protocol = (uint8_t)flags;

    if ((flags & 0xcc000000) != 0x0c000000 || flags & 0x00ffff00 || network & 0xff || protocol == 0 ||
        protocol >= sizeof(next) / sizeof(*next))
        return ETHER_NONE;
    return enter_id(p, TUNNEL_VXLAN_GPE, network >> 8, next[protocol]);
}

static uint16_t geneve(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint16_t head = cursor_be16(c), protocol = cursor_be16(c);
    const uint32_t network = cursor_be32(c);

    if (head & 0xc03f || network & 0xff)
        return ETHER_NONE;
    if (protocol != ETHER_TRANSPARENT && protocol != ETHER_IPV4 && protocol != ETHER_IPV6 && protocol != ETHER_MPLS)
        return ETHER_NONE;
    cursor_skip(c, (head >> 8) * 4u);
    return enter_id(p, TUNNEL_GENEVE, network >> 8, protocol);
}

/* The length counts what follows the first 8 bytes. */
static uint16_t gtp_u(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint8_t flags = cursor_u8(c), type = cursor_u8(c);
    const uint16_t len = cursor_be16(c);
    const uint32_t endpoint = cursor_be32(c);
    uint8_t extension;

    if (flags >> 4 != 3 || type != 255 || len > rest(p))
        return ETHER_NONE;
    if (flags & 7) { /* sequence number, N-PDU number, what comes next */
        cursor_skip(c, 3);
        extension = cursor_u8(c);
        while (flags & 4 && extension && !c->overrun) {
            const uint8_t words = cursor_u8(c);

            if (!words)
                return ETHER_NONE;
            cursor_skip(c, words * 4u - 2);
            extension = cursor_u8(c);
        }
    }
    switch (cursor_peek(c) >> 4) {
    case 4: return enter_id(p, TUNNEL_GTP_U, endpoint, ETHER_IPV4);
    case 6: return enter_id(p, TUNNEL_GTP_U, endpoint, ETHER_IPV6);
    default: return enter_id(p, TUNNEL_GTP_U, endpoint, ETHER_TRANSPARENT);
    }
}

/* Before the packet may stand an authentication, then what NAT made of the sender. */
static uint16_t teredo(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    struct cursor start = *c;

    if (cursor_be16(c) == 1) {
        const uint8_t client = cursor_u8(c), authentication = cursor_u8(c);

        cursor_skip(c, client + authentication + 9u);
        start = *c;
    } else {
        *c = start;
    }
    if (cursor_be16(c) == 0)
        cursor_skip(c, 6);
    else
        *c = start;
    return exact_ip(p) == ETHER_IPV6 ? enter_plain(p, TUNNEL_TEREDO, ETHER_IPV6) : ETHER_NONE;
}

static uint16_t ayiya(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint8_t identity = cursor_u8(c), signature = cursor_u8(c), operation = cursor_u8(c), next = cursor_u8(c);

    if ((identity & 15) > 2 || (operation & 15) != 1 || (next != IP_IPV4 && next != IP_IPV6))
        return ETHER_NONE;
    cursor_skip(c, 4 + ((uint64_t)1 << (identity >> 4)) + (signature >> 4) * 4u);
    return enter_plain(p, TUNNEL_AYIYA, exact_ip(p));
}

/* Data of version 2: what is there is told by the flags. */
static uint16_t l2tp(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint16_t flags = cursor_be16(c);
    const uint64_t datagram = rest(p) + 2;
    uint32_t id;

    if ((flags & 0xb4ff) != 2)
        return ETHER_NONE;
    if (flags & 0x4000 && cursor_be16(c) != datagram)
        return ETHER_NONE;
    id = cursor_be32(c);
    if (flags & 0x0800)
        cursor_skip(c, 4);
    if (flags & 0x0200)
        cursor_skip(c, cursor_be16(c));
    return enter_id(p, TUNNEL_L2TP, id, ETHER_PPP);
}

static uint16_t gre_in_udp(const struct capsule *p)
{
    struct cursor c = p->w->c;

    return cursor_be16(&c) & 0x0fff ? ETHER_NONE : gre_header(p);
}

static uint16_t mpls_in_udp(const struct capsule *p)
{
    return enter_plain(p, TUNNEL_MPLS, ETHER_MPLS);
}

/* Version 1 is IP without a header: its first bits are those of IP's versions. */
static uint16_t gue(const struct capsule *p)
{
    struct cursor *c = &p->w->c;
    const uint8_t first = cursor_peek(c);
    uint8_t protocol;
    uint16_t next;

    if (first >> 6 == 1)
        return enter_plain(p, TUNNEL_GUE, exact_ip(p));
    if (first & 0xe0) /* another version, or control */
        return ETHER_NONE;
    cursor_skip(c, 1);
    protocol = cursor_u8(c);
    cursor_skip(c, 2 + (first & 0x1f) * 4u);
    switch (protocol) {
    case IP_IPV4: next = ETHER_IPV4; break;
    case IP_IPV6: next = ETHER_IPV6; break;
    case IP_MPLS: next = ETHER_MPLS; break;
    case IP_GRE: return enter_plain(p, TUNNEL_GUE, 1) ? gre_header(p) : ETHER_NONE;
    case IP_ETHERIP:
        cursor_skip(c, 2);
        next = ETHER_TRANSPARENT;
        break;
    default: return ETHER_NONE;
    }
    return enter_plain(p, TUNNEL_GUE, next);
}

static const struct {
    uint16_t port;
    uint16_t (*read)(const struct capsule *p);
} ports[] = {
    { 1701, l2tp },  { 2152, gtp_u }, { 3544, teredo }, { 4754, gre_in_udp },  { 4789, vxlan }, { 4790, vxlan_gpe },
    { 5072, ayiya }, { 6080, gue },   { 6081, geneve }, { 6635, mpls_in_udp }, { 8472, vxlan }, /* Linux, before it had a number */
};

static uint16_t datagram(const struct capsule *p)
{
    struct walk *w = p->w;
    const uint64_t start = w->c.at;
    const uint16_t from = cursor_be16(&w->c), to = cursor_be16(&w->c), len = cursor_be16(&w->c);
    const unsigned hops = w->hop_count;
    uint16_t next = ETHER_NONE;
    struct cursor payload;

    cursor_skip(&w->c, 2);
    if (w->c.overrun)
        return ETHER_NONE;
    if (len >= 8 && start + len < w->c.wire && !p->outer->fragment)
        cursor_end_at(&w->c, start + len);
    w->doubtful = true;
    payload = w->c;
    for (unsigned i = 0; i < sizeof(ports) / sizeof(*ports) && next == ETHER_NONE; i++) {
        if (ports[i].port != from && ports[i].port != to)
            continue;
        next = ports[i].read(p);
        if (next == ETHER_NONE) {
            if (w->c.overrun && payload.have < payload.wire)
                return ETHER_NONE; /* perhaps: the capture was cut */
            if (w->skip.kind == SKIP_NESTED)
                return ETHER_NONE;
            w->c = payload;
            w->hop_count = hops;
        }
    }
    if (next == ETHER_NONE) {
        next = certain_ip(p);
        if (next != ETHER_NONE)
            return enter_plain(p, TUNNEL_FOU, next);
    }
    return next == ETHER_NONE ? walk_skip(w, SKIP_IP, IP_UDP) : next;
}

uint16_t capsule_open(struct walk *w, const struct ip_packet *outer, uint8_t protocol)
{
    const struct capsule p = { w, outer };
    uint16_t type = protocol == IP_UDP ? datagram(&p) : of_protocol(&p, protocol);

    if (type != ETHER_NONE && !w->c.overrun)
        type = link_peel(w, type);
    if (type == ETHER_NONE && w->skip.kind == SKIP_NOTHING && w->hop_count)
        nothing_in(&p, w->hops[w->hop_count - 1].type);
    return type;
}
