#include "capture_block.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"

#define NS_PER_S 1000000000ull

enum {
    BLOCK_INTERFACE = 1,
    BLOCK_OLD_PACKET = 2,
    BLOCK_SIMPLE_PACKET = 3,
    BLOCK_PACKET = 6,
    BLOCK_SECTION = 0x0a0d0d0a,
};

static uint32_t u32(const struct capture_format *f, const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return f->swapped ? __builtin_bswap32(v) : v;
}

static uint16_t u16(const struct capture_format *f, const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return f->swapped ? __builtin_bswap16(v) : v;
}

int capture_format_detect(const uint8_t *header, struct capture_format *ret_format, size_t *ret_used)
{
    struct capture_format f = { .dlt = -1 };
    uint32_t magic = u32(&f, header);

    if (magic == BLOCK_SECTION) { /* a palindrome: the byte order is told inside */
        f.ng = true;
        f.header_len = 12;
        *ret_format = f;
        *ret_used = 0;
        return 1;
    }
    for (int turn = 0; turn < 2; turn++) {
        f.swapped = turn;
        magic = u32(&f, header);
        f.header_len = magic == 0xa1b2cd34 ? 24 : 16; /* Kuznetzov's patch adds interface and protocol */
        f.unit_ns = magic == 0xa1b23c4d ? 1 : 1000;
        if (magic != 0xa1b2c3d4 && magic != 0xa1b23c4d && magic != 0xa1b2cd34)
            continue;
        f.dlt = (int)(u32(&f, header + 20) & 0xffff); /* above: FCS length */
        *ret_format = f;
        *ret_used = 24;
        return 1;
    }
    return -EINVAL;
}

int capture_block_header(const struct capture_format *f, const uint8_t *header, uint64_t *ret_len)
{
    uint32_t type, len;

    if (!f->ng) {
        uint32_t caplen = u32(f, header + 8);

        if (caplen > LIMIT_CAPTURE_PACKET)
            return -EINVAL;
        *ret_len = f->header_len + caplen;
        return CAPTURE_OTHER;
    }
    type = u32(f, header);
    len = u32(f, header + 4);
    if (type == BLOCK_SECTION) {
        struct capture_format swapped = { .swapped = true }, plain = { 0 };
        const uint32_t order = u32(&plain, header + 8);

        if (order != 0x1a2b3c4d && order != 0x4d3c2b1a)
            return -EINVAL;
        len = u32(order == 0x1a2b3c4d ? &plain : &swapped, header + 4);
    }
    if (len < 12 || len % 4)
        return -EINVAL;
    *ret_len = len;
    switch (type) {
    case BLOCK_INTERFACE:
    case BLOCK_OLD_PACKET:
    case BLOCK_SIMPLE_PACKET:
    case BLOCK_PACKET:
    case BLOCK_SECTION: return len > LIMIT_CAPTURE_BLOCK ? -EINVAL : CAPTURE_OTHER;
    default: return CAPTURE_SKIP;
    }
}

static void interface_options(const struct capture_format *f, const uint8_t *p, const uint8_t *end,
                              struct capture_interface *i)
{
    while (end - p >= 4) {
        uint16_t code = u16(f, p), len = u16(f, p + 2);

        p += 4;
        if (code == 0 || len > end - p)
            return;
        if (code == 9 && len == 1) {
            i->resolution = *p;
        } else if (code == 14 && len == 8) {
            uint64_t v;

            memcpy(&v, p, sizeof(v));
            i->offset_s = (int64_t)(f->swapped ? __builtin_bswap64(v) : v);
        }
        p += (len + 3u) & ~3u;
        if (p > end)
            return;
    }
}

static int interface_block(struct capture_format *f, const uint8_t *block, size_t len)
{
    struct capture_interface i = { .resolution = 6 };

    if (len < 20)
        return -EINVAL;
    i.dlt = u16(f, block + 8);
    i.snaplen = u32(f, block + 12);
    interface_options(f, block + 16, block + len - 4, &i);
    if (f->interface_count == LIMIT_CAPTURE_INTERFACES)
        return -EINVAL;
    if (f->interface_count == f->interface_room) {
        uint32_t room = f->interface_room ? f->interface_room * 2 : 4;
        struct capture_interface *grown = realloc(f->interfaces, room * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        f->interfaces = grown;
        f->interface_room = room;
    }
    f->interfaces[f->interface_count++] = i;
    return CAPTURE_OTHER;
}

static uint64_t to_ns(const struct capture_interface *i, uint64_t units)
{
    static const uint64_t powers[] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, NS_PER_S };
    unsigned n = i->resolution & 0x7f;
    __uint128_t ns;

    if (i->resolution & 0x80)
        ns = n > 63 ? 0 : ((__uint128_t)units * NS_PER_S) >> n;
    else if (n <= 9)
        ns = (__uint128_t)units * powers[9 - n];
    else
        ns = n > 18 ? 0 : units / powers[n - 9];
    return (uint64_t)ns + (uint64_t)i->offset_s * NS_PER_S;
}

static int packet_block(struct capture_format *f, const uint8_t *block, size_t len, struct capture_packet *p)
{
    const struct capture_interface *i;
    const uint32_t type = u32(f, block);
    uint32_t interface = 0, header = type == BLOCK_SIMPLE_PACKET ? 12 : 28;

    if (len < header + 4)
        return -EINVAL;
    if (type == BLOCK_PACKET)
        interface = u32(f, block + 8);
    else if (type == BLOCK_OLD_PACKET)
        interface = u16(f, block + 8);
    if (interface >= f->interface_count)
        return -EINVAL;
    i = &f->interfaces[interface];
    p->dlt = i->dlt;
    p->data_offset = header;
    if (type == BLOCK_SIMPLE_PACKET) { /* has no time: the last one's */
        p->len = u32(f, block + 8);
        p->caplen = p->len;
        if (i->snaplen && p->caplen > i->snaplen)
            p->caplen = i->snaplen;
        if (p->caplen > len - header - 4)
            p->caplen = (uint32_t)(len - header - 4);
        p->ts_ns = f->last_ns;
        return CAPTURE_PACKET;
    }
    p->caplen = u32(f, block + 20);
    p->len = u32(f, block + 24);
    if (p->caplen > len - header - 4)
        return -EINVAL;
    p->ts_ns = f->last_ns = to_ns(i, (uint64_t)u32(f, block + 12) << 32 | u32(f, block + 16));
    return CAPTURE_PACKET;
}

int capture_block(struct capture_format *f, const uint8_t *block, size_t len, struct capture_packet *p)
{
    if (!f->ng) {
        p->dlt = f->dlt;
        p->caplen = u32(f, block + 8);
        p->len = u32(f, block + 12);
        if (p->len < p->caplen) /* old versions of the format had the two the other way round */
            p->len = p->caplen;
        p->data_offset = f->header_len;
        p->ts_ns = (uint64_t)u32(f, block) * NS_PER_S + (uint64_t)u32(f, block + 4) * f->unit_ns;
        return CAPTURE_PACKET;
    }
    switch (u32(f, block)) {
    case BLOCK_SECTION: /* numbers its interfaces anew */
        f->swapped = false;
        f->swapped = u32(f, block + 8) != 0x1a2b3c4d;
        f->interface_count = 0;
        return CAPTURE_OTHER;
    case BLOCK_INTERFACE: return interface_block(f, block, len);
    default: return packet_block(f, block, len, p);
    }
}

void capture_format_free(struct capture_format *f)
{
    free(f->interfaces);
    f->interfaces = NULL;
}
