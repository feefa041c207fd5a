/* IEEE 802.11 frames, and what captures put before them. Of an aggregate (A-MSDU) the first frame is read. */
#include "tcplens/tcp/wlan.h"

enum {
    TYPE_DATA = 2,
    SUBTYPE_NULL = 4, /* a bit: no data */
    SUBTYPE_QOS = 8,  /* a bit */
    FLAG_TO_DS = 0x01,
    FLAG_FROM_DS = 0x02,
    FLAG_PROTECTED = 0x40,
    FLAG_ORDER = 0x80,
};

static uint16_t le16(struct cursor *c)
{
    return __builtin_bswap16(cursor_be16(c));
}

static uint32_t le32(struct cursor *c)
{
    return __builtin_bswap32(cursor_be32(c));
}

bool wlan_header(struct walk *w, bool padded)
{
    struct cursor *c = &w->c;
    const uint64_t start = c->at;
    const uint8_t control = cursor_u8(c), flags = cursor_u8(c);
    const unsigned type = control >> 2 & 3, subtype = control >> 4;
    uint8_t qos = 0;

    if (type != TYPE_DATA || subtype & SUBTYPE_NULL) {
        walk_skip(w, SKIP_WLAN_MANAGEMENT, 0);
        return false;
    }
    cursor_skip(c, 22); /* duration, three addresses, sequence */
    if ((flags & FLAG_TO_DS) && (flags & FLAG_FROM_DS))
        cursor_skip(c, 6);
    if (subtype & SUBTYPE_QOS) {
        qos = cursor_u8(c);
        cursor_skip(c, 1);
        if (flags & FLAG_ORDER) /* HT control */
            cursor_skip(c, 4);
    }
    if (flags & FLAG_PROTECTED) {
        walk_skip(w, SKIP_WLAN_PROTECTED, 0);
        return false;
    }
    if (padded)
        cursor_skip(c, (4 - (c->at - start) % 4) % 4);
    if (qos & 0x80) /* A-MSDU: addresses, length */
        cursor_skip(c, 14);
    return true;
}

/* radiotap.org: words of bits that tell which fields follow; the second one is the flags, behind a time of 8 bytes that is
 * aligned to its size. */
void wlan_radiotap(struct walk *w, bool *ret_padded)
{
    struct cursor *c = &w->c;
    const uint64_t start = c->at;
    uint32_t present, more;
    uint16_t len;

    cursor_skip(c, 2);
    len = le16(c);
    more = present = le32(c);
    while (more >> 31 && c->at - start + 4 <= len && !c->overrun)
        more = le32(c);
    if (present & 1) /* time */
        cursor_skip(c, (8 - (c->at - start) % 8) % 8 + 8);
    *ret_padded = (present & 2) && c->at - start < len && cursor_u8(c) & 0x20;
    if (len < c->at - start) {
        c->overrun = true;
        return;
    }
    cursor_skip(c, len - (c->at - start));
}

/* Both are found under one link type. AVS begins with its number and length, in network order; Prism with a message code, and
 * the length in the byte order of the capturing machine. */
void wlan_avs_or_prism(struct walk *w)
{
    struct cursor *c = &w->c;
    const uint32_t magic = cursor_be32(c), len = cursor_be32(c);
    const bool avs = magic >> 12 == 0x80211;
    const uint32_t size = avs || len < 0x10000 ? len : __builtin_bswap32(len);

    if (size < 8)
        c->overrun = true;
    else
        cursor_skip(c, size - 8);
}
