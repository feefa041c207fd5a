/* Each reader below takes one header off and returns the ethertype of what follows, so that they
 * nest in any order: what the link type promises comes first, then link_peel() goes on until IP is
 * next. A reader that runs out of bytes reads zeros: ETHER_NONE, which ends the walk. */
#include "tcplens/tcp/link.h"

#include "tcplens/tcp/wlan.h"

/* Caps against crafted frames; real ones carry two or three of each. */
#define LINK_LAYERS_MAX 8
#define MPLS_LABELS_MAX 16

enum {
    DLT_NULL = 0,
    DLT_IEEE802_5 = 6,
    DLT_PPP = 9,
    DLT_FDDI = 10,
    DLT_RAW = 12,
    DLT_RAW_OPENBSD = 14,
    DLT_PPP_SERIAL = 50,
    DLT_PPP_ETHER = 51,
    LINKTYPE_ATM_RFC1483 = 100,
    LINKTYPE_RAW = 101,
    DLT_C_HDLC = 104,
    DLT_IEEE802_11 = 105,
    DLT_FRELAY = 107,
    DLT_LOOP = 108,
    DLT_ENC = 109,
    DLT_LINUX_SLL = 113,
    DLT_PFLOG = 117,
    DLT_PRISM_HEADER = 119,
    DLT_IP_OVER_FC = 122,
    DLT_IEEE802_11_RADIO = 127,
    DLT_IEEE802_11_RADIO_AVS = 163,
    DLT_PPI = 192,
    DLT_PPP_WITH_DIR = 204,
    DLT_C_HDLC_WITH_DIR = 205,
    DLT_MPLS = 219,
    DLT_IPV4 = 228,
    DLT_IPV6 = 229,
    DLT_NFLOG = 239,
    DLT_NETANALYZER = 240,
    DLT_NETANALYZER_TRANSPARENT = 241,
    DLT_IPOIB = 242,
    DLT_INFINIBAND = 247,
    DLT_PKTAP = 258,
    DLT_ETHERNET_MPACKET = 274,
    DLT_LINUX_SLL2 = 276,
    DLT_DSA_TAG_BRCM = 281,
    DLT_DSA_TAG_BRCM_PREPEND = 282,
    DLT_DSA_TAG_DSA = 284,
    DLT_DSA_TAG_EDSA = 285,
};

uint16_t link_version(struct walk *w)
{
    const uint8_t first = cursor_peek(&w->c);

    switch (first >> 4) {
    case 4: return ETHER_IPV4;
    case 6: return ETHER_IPV6;
    default: return walk_skip(w, SKIP_IP_VERSION, first >> 4);
    }
}

/* Address family in the capturing host's byte order, or big-endian (LOOP). IPv6 has as many
 * numbers as there are systems: Linux, NetBSD and OpenBSD, FreeBSD, Darwin. */
static uint16_t family_to_ethertype(struct walk *w, uint32_t family)
{
    if (family & 0xffff0000)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2: return ETHER_IPV4;
    case 10:
    case 24:
    case 28:
    case 30: return ETHER_IPV6;
    default: return walk_skip(w, SKIP_FAMILY, family);
    }
}

static uint16_t null_header(struct walk *w)
{
    return family_to_ethertype(w, cursor_be32(&w->c));
}

/* RFC 1661, with the fields that RFC 1662 lets peers compress away. Cisco HDLC is found on lines of
 * the same link types. */
static uint16_t ppp_header(struct walk *w)
{
    struct cursor *c = &w->c;
    uint16_t protocol = cursor_u8(c);

    if (protocol == 0x0f || protocol == 0x8f) { /* Cisco HDLC, unicast or broadcast */
        cursor_skip(c, 1);
        return cursor_be16(c);
    }
    if (protocol == 0xff) {
        cursor_skip(c, 1);
        protocol = cursor_u8(c);
    }
    if (!(protocol & 1)) /* the last byte of a protocol number is odd */
        protocol = (uint16_t)(protocol << 8 | cursor_u8(c));
    switch (protocol) {
    case 0x21: return ETHER_IPV4;
    case 0x57: return ETHER_IPV6;
    case 0x281: return ETHER_MPLS;
    default: return walk_skip(w, SKIP_PPP, protocol);
    }
}

/* RFC 2516 section 4: version and type, code (0: session data), session, length. */
static uint16_t pppoe_header(struct walk *w)
{
    uint16_t start = cursor_be16(&w->c);

    cursor_skip(&w->c, 4);
    return start == 0x1100 ? ppp_header(w) : walk_skip(w, SKIP_ETHERTYPE, ETHER_PPPOE);
}

/* An Ethernet frame that carries what is understood lies so many bytes ahead. Where bytes end before that shows, so does the
 * walk. */
static bool is_ethernet_at(struct cursor *c, uint64_t ahead)
{
    struct cursor there = *c;
    uint16_t type;

    cursor_skip(&there, ahead + 12);
    type = cursor_be16(&there);
    c->overrun |= there.overrun;
    switch (type) {
    case ETHER_IPV4:
    case ETHER_IPV6:
    case ETHER_VLAN:
    case ETHER_QINQ: return true;
    default: return false;
    }
}

/* RFC 3032. Nothing names the payload: as routers do, guess from the version nibble. Where that is
 * none of IP's it is a pseudo-wire, with a control word (RFC 4385) or without. A MAC address may
 * begin like IP too: an Ethernet type in its place speaks for Ethernet, where IP has address bytes. */
static uint16_t mpls_header(struct walk *w)
{
    struct cursor *c = &w->c;
    unsigned n = 0;

    while (!(cursor_be32(c) & 0x100)) /* bottom of stack */
        if (++n == MPLS_LABELS_MAX || c->overrun)
            return walk_skip(w, SKIP_ETHERTYPE, ETHER_MPLS);
    switch (cursor_peek(c) >> 4) {
    case 4:
    case 6:
        if ((cursor_peek(c) >= 0x45 && cursor_peek(c) <= 0x4f) || !is_ethernet_at(c, 0))
            return link_version(w);
        return ETHER_TRANSPARENT;
    case 0:
        if (is_ethernet_at(c, 4)) {
            cursor_skip(c, 4);
            return ETHER_TRANSPARENT;
        }
        break;
    }
    return is_ethernet_at(c, 0) ? ETHER_TRANSPARENT : walk_skip(w, SKIP_ETHERTYPE, ETHER_MPLS);
}

/* IEEE 802.2 with SNAP and no organization: an ethertype in LLC's clothes. The organization of
 * RFC 1042 and that of bridged Ethernet (00-00-F8) say the same. */
uint16_t link_llc(struct walk *w)
{
    struct cursor *c = &w->c;
    const uint8_t destination = cursor_u8(c), source = cursor_u8(c), control = cursor_u8(c);
    uint32_t organization;

    if (destination == 6 && source == 6 && control == 3) /* IP has a SAP of its own */
        return ETHER_IPV4;
    if (destination != 0xaa || source != 0xaa || control != 3)
        return walk_skip(w, SKIP_LLC, destination);
    organization = (uint32_t)cursor_be16(c) << 8;
    organization |= cursor_u8(c);
    if (organization != 0 && organization != 0xf8)
        return walk_skip(w, SKIP_LLC, destination);
    return cursor_be16(c);
}

uint16_t link_ethernet(struct walk *w)
{
    cursor_skip(&w->c, 12);
    return cursor_be16(&w->c);
}

/* IEEE 802.1ah 9.7: priorities and the service's number, then the customer's whole frame. */
static uint16_t backbone_header(struct walk *w)
{
    const struct hop hop = { .type = TUNNEL_PBB, .has_id = true, .id = cursor_be32(&w->c) & 0xffffff };

    return w->c.overrun || !walk_enter(w, &hop) ? ETHER_NONE : link_ethernet(w);
}

/* RFC 8300 section 2.2: version, flags and length, then the next protocol. */
static uint16_t service_header(struct walk *w)
{
    struct cursor *c = &w->c;
    const unsigned words = cursor_be16(c) & 0x3f;
    uint8_t next;

    cursor_skip(c, 1);
    next = cursor_u8(c);
    if (words < 2)
        return walk_skip(w, SKIP_ETHERTYPE, ETHER_NSH);
    cursor_skip(c, words * 4 - 4);
    switch (next) {
    case 1: return ETHER_IPV4;
    case 2: return ETHER_IPV6;
    case 3: return ETHER_TRANSPARENT;
    case 5: return ETHER_MPLS;
    default: return walk_skip(w, SKIP_ETHERTYPE, ETHER_NSH);
    }
}

/* A tag of so many bytes, then another ethertype. */
static uint16_t tag(struct walk *w, unsigned bytes)
{
    cursor_skip(&w->c, bytes);
    return cursor_be16(&w->c);
}

uint16_t link_peel(struct walk *w, uint16_t type)
{
    for (int n = 0; n < LINK_LAYERS_MAX; n++) {
        switch (type) {
        case ETHER_NONE:
        case ETHER_IPV4:
        case ETHER_IPV6: return type;
        case ETHER_VLAN:
        case ETHER_QINQ:
        case ETHER_QINQ_OLD: type = tag(w, 2); break;
        case ETHER_VN_TAG: type = tag(w, 4); break;
        case ETHER_E_TAG: type = tag(w, 6); break;
        case ETHER_PBB: type = backbone_header(w); break;
        case ETHER_PPPOE: type = pppoe_header(w); break;
        case ETHER_PPP: type = ppp_header(w); break;
        case ETHER_NSH: type = service_header(w); break;
        case ETHER_MPLS:
        case ETHER_MPLS_MULTICAST: type = mpls_header(w); break;
        case ETHER_TRANSPARENT: type = link_ethernet(w); break;
        case ETHER_FABRICPATH: /* forwarding tag and TTL, then the whole frame */
            cursor_skip(&w->c, 2);
            type = link_ethernet(w);
            break;
        default:
            if (type > ETHER_LENGTH_MAX)
                return walk_skip(w, SKIP_ETHERTYPE, type);
            type = link_llc(w);
        }
    }
    return walk_skip(w, SKIP_EXTENSIONS, 0);
}

/* RFC 2427: a Q.922 address of two bytes, then LLC's control field and who comes next. */
static uint16_t frame_relay_header(struct walk *w)
{
    uint8_t next;

    cursor_skip(&w->c, 3);
    next = cursor_u8(&w->c);
    if (next == 0) /* padding */
        next = cursor_u8(&w->c);
    switch (next) {
    case 0xcc: return ETHER_IPV4;
    case 0x8e: return ETHER_IPV6;
    case 0x80: /* SNAP */ cursor_skip(&w->c, 3); return cursor_be16(&w->c);
    default: return walk_skip(w, SKIP_LLC, next);
    }
}

/* IEEE 802.5: a bit of the source address says that a source route follows, which tells its own length. */
static uint16_t token_ring_header(struct walk *w)
{
    const uint8_t *header;

    cursor_skip(&w->c, 2);
    header = cursor_take(&w->c, 12);
    if (header[6] & 0x80)
        cursor_skip(&w->c, (cursor_peek(&w->c) & 0x1fu));
    return link_llc(w);
}

/* Attributes of netlink in the byte order of the capturing machine, which tells itself: lengths are small. */
static uint16_t nflog_header(struct walk *w)
{
    struct cursor *c = &w->c;

    cursor_skip(c, 4);
    while (!c->overrun) {
        const struct cursor start = *c;
        uint16_t len = cursor_be16(c), type = cursor_be16(c);

        if (type > 0xff) {
            len = __builtin_bswap16(len);
            type = __builtin_bswap16(type);
        }
        if (len < 4)
            return walk_skip(w, SKIP_LINK_TYPE, DLT_NFLOG);
        if (type == 9) /* NFULA_PAYLOAD */
            return link_version(w);
        *c = start;
        cursor_skip(c, (len + 3u) & ~3u);
    }
    return ETHER_NONE;
}

/* InfiniBand's local route header tells whether a global one follows; datagrams carry IP (RFC 4391). */
static uint16_t infiniband_header(struct walk *w)
{
    struct cursor *c = &w->c;
    uint8_t next, opcode;
    uint16_t type;

    cursor_skip(c, 1);
    next = cursor_u8(c) & 3;
    cursor_skip(c, 6 + (next == 3 ? 40 : 0));
    opcode = cursor_u8(c);
    if (next < 2 || (opcode & 0xfe) != 0x64) /* not a datagram (UD, SEND only) */
        return walk_skip(w, SKIP_LINK_TYPE, DLT_INFINIBAND);
    type = tag(w, 11 + 8 + (opcode & 1 ? 4 : 0));
    cursor_skip(c, 2);
    return type;
}

static uint16_t skip_then(struct walk *w, uint64_t bytes, uint16_t (*read)(struct walk *))
{
    cursor_skip(&w->c, bytes);
    return read(w);
}

static uint32_t le32(struct cursor *c)
{
    return __builtin_bswap32(cursor_be32(c));
}

static uint16_t le16(struct cursor *c)
{
    return __builtin_bswap16(cursor_be16(c));
}

/* PPI and PKTAP begin with a length, and tell the link type of what follows. */
static void capture_header(struct walk *w, int *dlt)
{
    struct cursor *c = &w->c;
    uint32_t len;

    if (*dlt == DLT_PPI) {
        cursor_skip(c, 2);
        len = le16(c);
        *dlt = (int)le32(c);
        cursor_skip(c, len >= 8 ? len - 8 : 0);
        return;
    }
    len = le32(c);
    cursor_skip(c, 4);
    *dlt = (int)le32(c);
    cursor_skip(c, len >= 12 ? len - 12 : 0);
}

uint16_t link_wlan(struct walk *w)
{
    return wlan_header(w, false) ? link_llc(w) : ETHER_NONE;
}

static uint16_t radiotap_header(struct walk *w)
{
    bool padded;

    wlan_radiotap(w, &padded);
    return wlan_header(w, padded) ? link_llc(w) : ETHER_NONE;
}

static uint16_t wlan_with_header(struct walk *w)
{
    wlan_avs_or_prism(w);
    return link_wlan(w);
}

enum segment_result link_open(int dlt, struct walk *w, uint16_t *ret_type)
{
    struct cursor *c = &w->c;
    const bool wrapped = dlt == DLT_PPI || dlt == DLT_PKTAP;
    uint16_t type;

    if (wrapped) {
        capture_header(w, &dlt);
        if (c->overrun)
            return walk_overrun(c);
    }
    switch (dlt) {
    case LINK_ETHERNET: type = link_ethernet(w); break;
    case DLT_NULL:
    case DLT_LOOP: type = null_header(w); break;
    case DLT_PPP:
    case DLT_PPP_SERIAL:
    case DLT_C_HDLC: type = ppp_header(w); break;
    case DLT_PPP_WITH_DIR:
    case DLT_C_HDLC_WITH_DIR: type = skip_then(w, 1, ppp_header); break;
    case DLT_PPP_ETHER: type = pppoe_header(w); break;
    case DLT_RAW:
    case DLT_RAW_OPENBSD:
    case LINKTYPE_RAW:
    case DLT_IPV4:
    case DLT_IPV6: type = link_version(w); break;
    case DLT_ENC: type = skip_then(w, 12, link_version); break;
    case DLT_PFLOG: /* begins with its length, which leaves out what fills it up */
        type = skip_then(w, (cursor_peek(c) + 3u) & ~3u, link_version);
        break;
    case DLT_LINUX_SLL: /* packet type, hardware type, address length, address[8], ethertype */
        type = tag(w, 14);
        break;
    case DLT_LINUX_SLL2: /* ethertype, reserved, ifindex, then as above without the ethertype */
        type = cursor_be16(c);
        cursor_skip(c, 2);
        w->ifindex = cursor_be32(c);
        cursor_skip(c, 12);
        break;
    case DLT_MPLS: type = ETHER_MPLS; break;
    case DLT_NFLOG: type = nflog_header(w); break;
    case DLT_IPOIB: /* global route header, ethertype, reserved */
        type = tag(w, 40);
        cursor_skip(c, 2);
        break;
    case DLT_INFINIBAND: type = infiniband_header(w); break;
    case DLT_FRELAY: type = frame_relay_header(w); break;
    case LINKTYPE_ATM_RFC1483: type = link_llc(w); break;
    case DLT_IEEE802_5: type = token_ring_header(w); break;
    case DLT_FDDI: type = skip_then(w, 13, link_llc); break;
    case DLT_IP_OVER_FC: type = skip_then(w, 16, link_llc); break;
    case DLT_NETANALYZER: type = skip_then(w, 4, link_ethernet); break;
    case DLT_NETANALYZER_TRANSPARENT: type = skip_then(w, 12, link_ethernet); break;
    case DLT_ETHERNET_MPACKET: type = skip_then(w, 8, link_ethernet); break;
    case DLT_DSA_TAG_BRCM_PREPEND: type = skip_then(w, 4, link_ethernet); break;
    case DLT_DSA_TAG_BRCM:
    case DLT_DSA_TAG_DSA: type = tag(w, 16); break;
    case DLT_DSA_TAG_EDSA: type = tag(w, 20); break;
    case DLT_IEEE802_11: type = link_wlan(w); break;
    case DLT_IEEE802_11_RADIO: type = radiotap_header(w); break;
    case DLT_PRISM_HEADER:
    case DLT_IEEE802_11_RADIO_AVS: type = wlan_with_header(w); break;
    default: walk_skip(w, SKIP_LINK_TYPE, (uint32_t)dlt); return wrapped ? SEGMENT_NOT_TCP : SEGMENT_UNSUPPORTED_LINK;
    }
    type = link_peel(w, type);
    if (c->overrun)
        return walk_overrun(c);
    if (type == ETHER_NONE) {
        if (w->skip.kind == SKIP_NOTHING)
            walk_skip(w, SKIP_ETHERTYPE, ETHER_NONE);
        return SEGMENT_NOT_TCP;
    }
    *ret_type = type;
    return SEGMENT_OK;
}
