/* Each reader below takes one header off and returns the ethertype of what follows, so that they
 * nest in any order: what the link type promises comes first, then ethertype_layers() goes on until
 * IP is next. A reader that runs out of bytes reads zeros: ETHER_NONE, which ends the walk. */
#include "tcplens/tcp/link.h"

/* Caps against crafted frames; real ones carry two or three of each. */
#define LINK_LAYERS_MAX 8
#define MPLS_LABELS_MAX 16

enum {
    DLT_NULL = 0,
    DLT_EN10MB = 1,
    DLT_PPP = 9,
    DLT_RAW = 12,
    DLT_RAW_OPENBSD = 14,
    DLT_PPP_SERIAL = 50,
    DLT_PPP_ETHER = 51,
    LINKTYPE_RAW = 101,
    DLT_C_HDLC = 104,
    DLT_LOOP = 108,
    DLT_LINUX_SLL = 113,
    DLT_IPV4 = 228,
    DLT_IPV6 = 229,
    DLT_LINUX_SLL2 = 276,
};

/* ETHER_NONE: not a value on the wire, but our word for "carries no IP". */
enum {
    ETHER_NONE = 0,
    ETHER_LENGTH_MAX = 1500, /* up to here the field is a length and LLC follows (IEEE 802.3) */
    ETHER_IPV4 = 0x0800,
    ETHER_VLAN = 0x8100,
    ETHER_IPV6 = 0x86dd,
    ETHER_MPLS = 0x8847,
    ETHER_MPLS_MULTICAST = 0x8848,
    ETHER_PPPOE = 0x8864,
    ETHER_QINQ = 0x88a8,
    ETHER_FABRICPATH = 0x8903,
    ETHER_QINQ_OLD = 0x9100,
};

static uint16_t version_to_ethertype(struct cursor *c)
{
    switch (cursor_peek(c) >> 4) {
    case 4: return ETHER_IPV4;
    case 6: return ETHER_IPV6;
    default: return ETHER_NONE;
    }
}

/* Address family in the capturing host's byte order, or big-endian (LOOP). IPv6 has as many
 * numbers as there are systems: Linux, NetBSD and OpenBSD, FreeBSD, Darwin. */
static uint16_t null_header(struct cursor *c)
{
    uint32_t family = cursor_be32(c);

    if (family & 0xffff0000)
        family = __builtin_bswap32(family);
    switch (family) {
    case 2: return ETHER_IPV4;
    case 10:
    case 24:
    case 28:
    case 30: return ETHER_IPV6;
    default: return ETHER_NONE;
    }
}

/* RFC 1661, with the fields that RFC 1662 lets peers compress away. Cisco HDLC is found on lines of
 * the same link types. */
static uint16_t ppp_header(struct cursor *c)
{
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
    default: return ETHER_NONE;
    }
}

/* RFC 2516 section 4: version and type, code (0: session data), session, length. */
static uint16_t pppoe_header(struct cursor *c)
{
    uint16_t start = cursor_be16(c);

    cursor_skip(c, 4);
    return start == 0x1100 ? ppp_header(c) : ETHER_NONE;
}

/* RFC 3032. Nothing names the payload: as routers do, guess from the version nibble. */
static uint16_t mpls_header(struct cursor *c)
{
    for (int n = 0; n < MPLS_LABELS_MAX; n++)
        if (cursor_be32(c) & 0x100) /* bottom of stack */
            return version_to_ethertype(c);
    return ETHER_NONE;
}

/* IEEE 802.2 with SNAP and no organization: an ethertype in LLC's clothes. */
static uint16_t snap_header(struct cursor *c)
{
    if (cursor_be16(c) != 0xaaaa || cursor_u8(c) != 3)
        return ETHER_NONE;
    if (cursor_be16(c) != 0 || cursor_u8(c) != 0)
        return ETHER_NONE;
    return cursor_be16(c);
}

static uint16_t ethernet_header(struct cursor *c)
{
    cursor_skip(c, 12);
    return cursor_be16(c);
}

/* Peels what may stand between an ethertype and IP.
 * Returns ETHER_IPV4, ETHER_IPV6 or ETHER_NONE. */
static uint16_t ethertype_layers(struct cursor *c, uint16_t type)
{
    for (int n = 0; n < LINK_LAYERS_MAX; n++) {
        switch (type) {
        case ETHER_NONE:
        case ETHER_IPV4:
        case ETHER_IPV6: return type;
        case ETHER_VLAN:
        case ETHER_QINQ:
        case ETHER_QINQ_OLD:
            cursor_skip(c, 2);
            type = cursor_be16(c);
            break;
        case ETHER_PPPOE: type = pppoe_header(c); break;
        case ETHER_MPLS:
        case ETHER_MPLS_MULTICAST: type = mpls_header(c); break;
        case ETHER_FABRICPATH: /* forwarding tag and TTL, then the whole frame */
            cursor_skip(c, 2);
            type = ethernet_header(c);
            break;
        default:
            if (type > ETHER_LENGTH_MAX)
                return ETHER_NONE;
            type = snap_header(c);
        }
    }
    return ETHER_NONE;
}

enum segment_result link_open(int dlt, struct cursor *c, uint8_t *ret_version, uint32_t *ret_ifindex)
{
    uint32_t ifindex = 0;
    uint16_t type;

    switch (dlt) {
    case DLT_EN10MB: type = ethernet_header(c); break;
    case DLT_NULL:
    case DLT_LOOP: type = null_header(c); break;
    case DLT_PPP:
    case DLT_PPP_SERIAL:
    case DLT_C_HDLC: type = ppp_header(c); break;
    case DLT_PPP_ETHER: type = pppoe_header(c); break;
    case DLT_RAW:
    case DLT_RAW_OPENBSD:
    case LINKTYPE_RAW:
    case DLT_IPV4:
    case DLT_IPV6: type = version_to_ethertype(c); break;
    case DLT_LINUX_SLL: /* packet type, hardware type, address length, address[8], ethertype */
        cursor_skip(c, 14);
        type = cursor_be16(c);
        break;
    case DLT_LINUX_SLL2: /* ethertype, reserved, ifindex, then as above without the ethertype */
        type = cursor_be16(c);
        cursor_skip(c, 2);
        ifindex = cursor_be32(c);
        cursor_skip(c, 12);
        break;
    default: return SEGMENT_UNSUPPORTED_LINK;
    }
    type = ethertype_layers(c, type);
    if (c->overrun)
        return link_overrun(c);
    if (type == ETHER_NONE)
        return SEGMENT_NOT_TCP;
    *ret_version = type == ETHER_IPV4 ? 4 : 6;
    *ret_ifindex = ifindex;
    return SEGMENT_OK;
}
