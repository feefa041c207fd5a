/* Every tunnel: decoded whole, cut at every length, damaged at every byte of its headers; and which of two is which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/tcp/segment.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What a frame is made of, in this order; the lengths of IP and UDP are set when it is whole. */
enum part_kind { END, BYTES, IP4, IP6, UDP };
struct part {
    enum part_kind kind;
    unsigned value; /* IP's protocol, UDP's destination */
    const char *bytes;
    size_t len;
};
/* clang-format off */
#define B(literal) { BYTES, 0, literal, sizeof(literal) - 1 }
#define IP4(protocol) { IP4, protocol, NULL, 0 }
#define IP6(protocol) { IP6, protocol, NULL, 0 }
#define UDP(port) { UDP, port, NULL, 0 }
#define MACS "\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
#define ETHER4 MACS "\x08\0"
#define ETHER6 MACS "\x86\xdd"

static const struct {
    const char *name, *tunnels; /* as tell() says it */
    struct part parts[12];
} frames[] = {
    { "ipip", "ipip a>b", { IP4(4), IP4(6) } },
    { "6in4", "6in4 a>b", { IP4(41), IP6(6) } },
    { "4in6", "4in6 a>b", { IP6(4), IP4(6) } },
    { "6in6, extensions", "6in6 a>b", { IP6(60), B("\x29\0\x01\x04\0\0\0\0"), IP6(0), B("\x06\0\x05\x02\0\0\x01\0") } },
    { "gre", "gre a>b", { IP4(47), B("\0\0\x08\0"), IP4(6) } },
    { "gre, v6", "gre a>b", { IP6(47), B("\0\0\x86\xdd"), IP6(6) } },
    { "gre, checksum, key, sequence", "gre 7 a>b",
      { IP4(47), B("\xb0\0\x08\0" "\x12\x34\0\0" "\0\0\0\x07" "\0\0\0\x01"), IP4(6) } },
    { "gre, routing", "gre a>b",
      { IP4(47), B("\x40\0\x08\0" "\0\0\0\0" "\x08\0\0\x04" "\x0a\0\0\x01" "\0\0\0\0"), IP4(6) } },
    { "gre, ethernet", "gre 256 a>b", { IP4(47), B("\x20\0\x65\x58" "\0\0\x01\0" ETHER4), IP4(6) } },
    { "gre, mpls", "gre a>b", { IP4(47), B("\0\0\x88\x47" "\0\0\x11\x40"), IP4(6) } },
    { "gre, ppp", "gre a>b", { IP4(47), B("\0\0\x88\x0b" "\xff\x03\0\x21"), IP4(6) } },
    { "gre, wccp 1", "gre a>b", { IP4(47), B("\0\0\x88\x3e"), IP4(6) } },
    { "gre, wccp 2", "gre a>b", { IP4(47), B("\0\0\x88\x3e" "\0\0\0\0"), IP4(6) } },
    { "gre, aruba", "gre a>b", { IP4(47), B("\0\0\x82\0" "\x88\x01\0\0" MACS "\x02\0\0\0\0\x03" "\0\0" "\0\0"
      "\xaa\xaa\x03\0\0\0\x08\0"), IP4(6) } },
    { "gre in udp", "gre 9 a>b", { IP4(17), UDP(4754), B("\x20\0\x86\xdd" "\0\0\0\x09"), IP6(6) } },
    { "nvgre", "nvgre 5001 a>b", { IP4(47), B("\x20\0\x65\x58" "\0\x13\x89\x33" ETHER4), IP4(6) } },
    { "pptp", "pptp 17 a>b", { IP4(47), B("\x30\x81\x88\x0b" "\0\x2c\0\x11" "\0\0\0\x01" "\0\0\0\x02" "\xff\x03\0\x21"), IP4(6) } },
    { "eoip", "eoip 17 a>b", { IP4(47), B("\x20\x01\x64\0" "\0\x36\x11\0" ETHER4), IP4(6) } },
    { "erspan 1", "erspan a>b", { IP4(47), B("\0\0\x88\xbe" ETHER4), IP4(6) } },
    { "erspan 2", "erspan 5 a>b", { IP4(47), B("\x10\0\x88\xbe" "\0\0\0\x01" "\x10\x01\0\x05" "\0\0\0\0" ETHER4), IP4(6) } },
    { "erspan 3", "erspan 5 a>b",
      { IP4(47), B("\x10\0\x22\xeb" "\0\0\0\x01" "\x20\x01\0\x05" "\0\0\0\0" "\0\0\0\0" ETHER6), IP6(6) } },
    { "erspan 3, platform", "erspan 5 a>b", { IP4(47), B("\x10\0\x22\xeb" "\0\0\0\x01" "\x20\x01\0\x05" "\0\0\0\0"
      "\0\0\0\x01" "\0\0\0\0\0\0\0\0" ETHER4), IP4(6) } },
    { "etherip", "etherip a>b", { IP4(97), B("\x30\0" ETHER4), IP4(6) } },
    { "mpls in ip", "mpls a>b", { IP4(137), B("\0\0\x11\x40"), IP4(6) } },
    { "mpls in udp", "mpls a>b", { IP6(17), UDP(6635), B("\0\0\x11\x40"), IP6(6) } },
    { "vxlan", "vxlan 42 a>b", { IP4(17), UDP(4789), B("\x08\0\0\0\0\0\x2a\0" ETHER4), IP4(6) } },
    { "vxlan, vlan inside", "vxlan 42 a>b", { IP6(17), UDP(4789), B("\x08\0\0\0\0\0\x2a\0" MACS "\x81\0\0\x05\x86\xdd"), IP6(6) } },
    { "vxlan, old port", "vxlan 42 a>b", { IP4(17), UDP(8472), B("\x08\0\0\0\0\0\x2a\0" ETHER4), IP4(6) } },
    { "vxlan, group policy", "vxlan 42 a>b", { IP4(17), UDP(4789), B("\x88\0\x12\x34\0\0\x2a\0" ETHER4), IP4(6) } },
    { "vxlan-gpe", "vxlan-gpe 42 a>b", { IP4(17), UDP(4790), B("\x0c\0\0\x01\0\0\x2a\0"), IP4(6) } },
    { "vxlan-gpe, ethernet", "vxlan-gpe 42 a>b", { IP4(17), UDP(4790), B("\x0c\0\0\x03\0\0\x2a\0" ETHER6), IP6(6) } },
    { "vxlan-gpe, nsh", "vxlan-gpe 42 a>b",
      { IP4(17), UDP(4790), B("\x0c\0\0\x04\0\0\x2a\0" "\x0f\xc2\x02\x03" "\0\0\x01\xff" ETHER4), IP4(6) } },
    { "geneve", "geneve 42 a>b", { IP4(17), UDP(6081), B("\0\0\x65\x58\0\0\x2a\0" ETHER4), IP4(6) } },
    { "geneve, options", "geneve 42 a>b",
      { IP4(17), UDP(6081), B("\x04\x40\x08\0\0\0\x2a\0" "\x01\x02\x80\x03" "12345678" "\x01\x02\x80\0"), IP4(6) } },
    { "gtp-u", "gtp-u 305419896 a>b", { IP4(17), UDP(2152), B("\x30\xff\0\x28\x12\x34\x56\x78"), IP4(6) } },
    { "gtp-u, extension", "gtp-u 305419896 a>b",
      { IP4(17), UDP(2152), B("\x34\xff\0\x30\x12\x34\x56\x78" "\0\0\0\x85" "\x01\x10\x01\0"), IP4(6) } },
    { "gtp-u, sequence", "gtp-u 1 a>b", { IP4(17), UDP(2152), B("\x32\xff\0\x40\0\0\0\x01" "\0\x07\0\0"), IP6(6) } },
    { "teredo", "teredo a>b", { IP4(17), UDP(3544), IP6(6) } },
    { "teredo, authentication, origin", "teredo a>b",
      { IP4(17), UDP(3544), B("\0\x01\x01\x02" "i" "ab" "12345678" "\0" "\0\0\x12\x34" "\xff\xff\xff\xff"), IP6(6) } },
    { "ayiya", "ayiya a>b", { IP4(17), UDP(5072), B("\x42\x52\x11\x29" "\0\0\0\x01" "0123456789012345" "01234567890123456789"), IP6(6) } },
    { "l2tp", "l2tp 131075 a>b", { IP4(17), UDP(1701), B("\0\x02\0\x02\0\x03" "\xff\x03\0\x21"), IP4(6) } },
    { "l2tp, sequence, offset", "l2tp 131075 a>b",
      { IP4(17), UDP(1701), B("\x0a\x02\0\x02\0\x03" "\0\x01\0\x01" "\0\x02\0\0" "\0\x57"), IP6(6) } },
    { "gue", "gue a>b", { IP4(17), UDP(6080), B("\0\x04\0\0"), IP4(6) } },
    { "gue, options", "gue a>b", { IP4(17), UDP(6080), B("\x01\x29\0\0" "\0\0\0\0"), IP6(6) } },
    { "gue, gre", "gue a>b, gre a>b", { IP4(17), UDP(6080), B("\0\x2f\0\0" "\0\0\x08\0"), IP4(6) } },
    { "gue without a header", "gue a>b", { IP4(17), UDP(6080), IP4(6) } },
    { "fou", "fou a>b", { IP4(17), UDP(5555), IP4(6) } },
    { "fou, v6", "fou a>b", { IP6(17), UDP(5555), IP6(6) } },
    { "802.1ah", "802.1ah 66051", { B("\x88\xe7" "\0\x01\x02\x03" ETHER4), IP4(6) } },
    { "802.1ah in a backbone vlan", "802.1ah 66051", { B("\x88\xa8\0\x01" "\x88\xe7" "\0\x01\x02\x03" ETHER6), IP6(6) } },
    { "vxlan in gre in ipip", "ipip a>b, gre a>b, vxlan 42 a>b",
      { IP4(4), IP4(47), B("\0\0\x08\0"), IP4(17), UDP(4789), B("\x08\0\0\0\0\0\x2a\0" ETHER4), IP4(6) } },
    { "eight deep", "ipip a>b, ipip a>b, ipip a>b, ipip a>b, ipip a>b, ipip a>b, ipip a>b, ipip a>b",
      { IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(6) } },
};
/* clang-format on */

struct frame {
    uint8_t bytes[1024];
    size_t len, inner_at, tcp_at;
};

static struct tunnels *tunnels;

static void store16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put(struct frame *f, const void *bytes, size_t len)
{
    assert_true(f->len + len <= sizeof(f->bytes));
    memcpy(f->bytes + f->len, bytes, len);
    f->len += len;
}

static void sign_ipv4(uint8_t *header)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)header[i] << 8 | header[i + 1];
    sum = (sum >> 16) + (sum & 0xffff);
    store16(header + 10, ~(sum + (sum >> 16)) & 0xffff);
}

/* swapped: a packet the other way. id: is put over the last byte of what is BYTES, where not 0. */
static struct frame build(const struct part *parts, bool swapped)
{
    static const char v4[] = "\x45\0\0\0\0\0\0\0\x40\0\0\0", v6[] = "\x60\0\0\0\0\0\0\x40";
    static const char a4[] = "\xc0\0\x02\x01", b4[] = "\xc0\0\x02\x02";
    static const char a6[] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
                      b6[] = "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02";
    static const char tcp[] = "\xc0\x01\x01\xbb\0\0\x10\0\0\0\0\x02\x50\x10\x20\0\0\0\0\0";
    size_t at[12] = { 0 };
    struct frame f = { .len = 0 };

    put(&f, MACS, 12);
    if (parts[0].kind != BYTES)
        put(&f, parts[0].kind == IP4 ? "\x08\0" : "\x86\xdd", 2);
    for (unsigned i = 0; parts[i].kind != END; i++) {
        at[i] = f.len;
        switch (parts[i].kind) {
        case BYTES: put(&f, parts[i].bytes, parts[i].len); break;
        case IP4:
            put(&f, v4, 12);
            f.bytes[at[i] + 9] = (uint8_t)parts[i].value;
            put(&f, swapped ? b4 : a4, 4);
            put(&f, swapped ? a4 : b4, 4);
            break;
        case IP6:
            put(&f, v6, 8);
            f.bytes[at[i] + 6] = (uint8_t)parts[i].value;
            put(&f, swapped ? b6 : a6, 16);
            put(&f, swapped ? a6 : b6, 16);
            break;
        case UDP:
            put(&f, "\x30\x39\0\0\0\0\0\0", 8);
            store16(f.bytes + at[i] + 2, parts[i].value);
            break;
        case END: break;
        }
        if (parts[i].kind == IP4 || parts[i].kind == IP6)
            f.inner_at = at[i];
    }
    f.tcp_at = f.len;
    put(&f, tcp, 20);
    for (unsigned i = 0; parts[i].kind != END; i++) {
        if (parts[i].kind == IP4) {
            store16(f.bytes + at[i] + 2, f.len - at[i]);
            sign_ipv4(f.bytes + at[i]);
        } else if (parts[i].kind == IP6 || parts[i].kind == UDP) {
            store16(f.bytes + at[i] + 4, f.len - at[i] - (parts[i].kind == IP6 ? 40 : 0));
        }
    }
    return f;
}

/* Decodes a copy that ends where its allocation does, for the address sanitizer to watch. */
static enum segment_result decode(const struct frame *f, size_t caplen, size_t len, struct segment *ret_segment,
                                  struct segment_aside *ret_aside)
{
    uint8_t *copy = malloc(caplen + 1);
    enum segment_result result;

    assert_non_null(copy);
    memcpy(copy + 1, f->bytes, caplen);
    result = segment_parse(1, copy + 1, caplen, len, tunnels, ret_segment, ret_aside);
    free(copy);
    return result;
}

/* "vxlan 42 a>b", the outermost first. */
static void tell(const struct tunnel *t, char buf[static 256])
{
    struct addr a4, a6;
    size_t len;

    buf[0] = '\0';
    if (!t)
        return;
    tell(t->outer, buf);
    len = strlen(buf);
    len += (size_t)snprintf(buf + len, 256 - len, "%s%s", len ? ", " : "", tunnel_type_name(t->hop.type));
    if (t->hop.has_id)
        len += (size_t)snprintf(buf + len, 256 - len, " %u", t->hop.id);
    if (!t->hop.has_addrs)
        return;
    assert_int_equal(addr_parse("192.0.2.1", &a4), 0);
    assert_int_equal(addr_parse("2001:db8::1", &a6), 0);
    snprintf(buf + len, 256 - len, " %s",
             addr_equal(&t->hop.from, &a4) || addr_equal(&t->hop.from, &a6) ? "a>b" : "b>a");
}

static void each_is_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        const struct frame f = build(frames[i].parts, false);
        struct segment_aside aside;
        struct segment s;
        char text[256];

        if (decode(&f, f.len, f.len, &s, &aside) != SEGMENT_OK)
            fail_msg("%s: not decoded: %s", frames[i].name, skip_name(&aside.skip, text));
        assert_int_equal(s.seq, 0x1000);
        assert_int_equal(s.dst.port, 443);
        assert_int_equal(s.payload_len, 0);
        tell(aside.tunnel, text);
        if (strcmp(text, frames[i].tunnels) != 0)
            fail_msg("%s: said to be in %s", frames[i].name, text);
    }
}

/* A packet that was cut is truncated, never something else; one that is short holds no segment. */
static void each_is_cut_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        const struct frame f = build(frames[i].parts, false);

        for (size_t len = 0; len < f.len; len++) {
            struct segment_aside aside;
            struct segment s;
            const enum segment_result cut = decode(&f, len, f.len, &s, &aside);
            const bool held = len >= f.tcp_at + 16;

            /* without a port of its own nothing but the whole header shows an IP packet in UDP */
            if (cut != (held ? SEGMENT_OK : SEGMENT_TRUNCATED) && strncmp(frames[i].tunnels, "fou", 3) != 0)
                fail_msg("%s cut to %zu: result %d", frames[i].name, len, cut);
            if (decode(&f, len, len, &s, &aside) == SEGMENT_OK && !held)
                fail_msg("%s, %zu bytes long: decoded", frames[i].name, len);
        }
    }
}

static void each_is_damaged_everywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        struct frame f = build(frames[i].parts, false);

        for (size_t at = 12; at < f.tcp_at; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                struct segment_aside aside;
                struct segment s;
                char name[SKIP_NAME_MAX];

                f.bytes[at] ^= (uint8_t)(1 << bit);
                switch (decode(&f, f.len, f.len, &s, &aside)) {
                case SEGMENT_OK:
                case SEGMENT_ICMP: break;
                default: assert_true(*skip_name(&aside.skip, name) != '\0');
                }
                f.bytes[at] ^= (uint8_t)(1 << bit);
            }
        }
    }
}

static const struct tunnel *tunnel_of(const struct frame *f)
{
    struct segment_aside aside;
    struct segment s;

    assert_int_equal(decode(f, f->len, f->len, &s, &aside), SEGMENT_OK);
    return aside.tunnel;
}

static unsigned number_of(const struct frame *f)
{
    return tunnel_of(f)->number;
}

/* Whichever way a packet goes, it is one tunnel; those of any two rows that say something else are two. */
static void both_directions_are_one(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(frames); i++) {
        const struct frame there = build(frames[i].parts, false), back = build(frames[i].parts, true);

        if (number_of(&there) != number_of(&back))
            fail_msg("%s: two tunnels", frames[i].name);
        for (size_t j = 0; j < i; j++) {
            const struct frame other = build(frames[j].parts, false);

            if (strcmp(frames[i].tunnels, frames[j].tunnels) != 0 && strncmp(frames[i].tunnels, "gtp-u", 5) != 0 &&
                number_of(&there) == number_of(&other))
                fail_msg("%s and %s: one tunnel", frames[i].name, frames[j].name);
        }
    }
}

static size_t row_named(const char *name)
{
    for (size_t i = 0; i < COUNT(frames); i++)
        if (strcmp(frames[i].name, name) == 0)
            return i;
    fail_msg("no frame %s", name);
    return 0;
}

/* What tells two tunnels apart: the id, the gateways, or both. */
static void identities(void **state)
{
    static const struct {
        const char *name;
        size_t id_at; /* from the end of the outer header */
        bool by_id, by_ends;
    } cases[] = {
        { "vxlan", 8 + 6, true, false }, { "geneve", 8 + 6, true, false }, { "gre, ethernet", 7, true, true },
        { "erspan 2", 11, true, true },  { "gtp-u", 8 + 7, false, true },  { "pptp", 7, false, true },
        { "l2tp", 8 + 5, false, true },  { "ipip", 0, false, true },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct frame one = build(frames[row_named(cases[i].name)].parts, false);
        struct frame other = one;

        if (cases[i].id_at) {
            other.bytes[34 + cases[i].id_at] ^= 1;
            if ((number_of(&one) != number_of(&other)) != cases[i].by_id)
                fail_msg("%s: by its id", cases[i].name);
        }
        other = one;
        other.bytes[14 + 19] ^= 7; /* of the gateway that it goes to */
        if ((number_of(&one) != number_of(&other)) != cases[i].by_ends)
            fail_msg("%s: by its ends", cases[i].name);
    }
}

/* Where each end chooses an id of its own, what it chose is known by direction and id; else nothing is chosen. */
static void ids_are_chosen(void **state)
{
    static const struct {
        const char *name;
        size_t id_at; /* from the end of the outer header */
    } cases[] = { { "gtp-u", 8 + 7 }, { "pptp", 7 }, { "l2tp", 8 + 5 }, { "vxlan", 0 }, { "ipip", 0 } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct frame one = build(frames[row_named(cases[i].name)].parts, false),
                           back = build(frames[row_named(cases[i].name)].parts, true);
        const unsigned chosen = tunnel_of(&one)->chosen;
        struct frame other = one;

        if (!cases[i].id_at) {
            assert_int_equal(chosen, 0);
            continue;
        }
        other.bytes[34 + cases[i].id_at] ^= 1;
        assert_int_not_equal(chosen, 0);
        assert_int_equal(tunnel_of(&one)->chosen, chosen);
        assert_int_not_equal(tunnel_of(&other)->chosen, chosen);
        assert_int_not_equal(tunnel_of(&back)->chosen, chosen);
        assert_int_equal(number_of(&other), number_of(&one));
    }
}

/* Other traffic on the port of a tunnel, and what looks like one and leads nowhere. */
static void no_tunnels(void **state)
{
    /* clang-format off */
    static const struct {
        const char *name, *what;
        struct part parts[12];
    } cases[] = {
        { "dns on vxlan's port", "udp", { IP4(17), UDP(4789), B("\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07" "example" "\x03" "com\0\0\x01\0\x01") } },
        { "vxlan, reserved bits", "udp", { IP4(17), UDP(4789), B("\x08\0\0\x01\0\0\x2a\0" ETHER4), IP4(6) } },
        { "vxlan without a network", "udp", { IP4(17), UDP(4789), B("\0\0\0\0\0\0\x2a\0" ETHER4), IP4(6) } },
        { "geneve, other version", "udp", { IP4(17), UDP(6081), B("\x40\0\x65\x58\0\0\x2a\0" ETHER4), IP4(6) } },
        { "gtp echo", "udp", { IP4(17), UDP(2152), B("\x32\x01\0\x04\0\0\0\0" "\0\0\0\0") } },
        { "l2tp control", "udp", { IP4(17), UDP(1701), B("\xc8\x02\0\x0c\0\0\0\0" "\0\0\0\0") } },
        { "text", "udp", { IP4(17), UDP(4789), B("Hello, this is no tunnel at all") } },
        { "voice beginning like ip", "udp", { IP4(17), UDP(5555), B("E012345678901234567890123456789012345678") } },
        { "arp in vxlan", "arp", { IP4(17), UDP(4789), B("\x08\0\0\0\0\0\x2a\0" MACS "\x08\x06" "\0\x01\x08\0\x06\x04\0\x01") } },
        { "gre keep-alive", "gre", { IP4(47), B("\0\0\0\0") } },
        { "gre of another version", "gre", { IP4(47), B("\0\x02\x08\0"), IP4(6) } },
        { "pptp acknowledgment", "pptp", { IP4(47), B("\x20\x81\x88\x0b" "\0\0\0\x11" "\0\0\0\x02") } },
        { "ppp lcp in l2tp", "ppp 0xc021", { IP4(17), UDP(1701), B("\0\x02\0\x02\0\x03" "\xff\x03\xc0\x21\x01\x01\0\x04") } },
        { "udp in ipip", "udp", { IP4(4), IP4(17), UDP(53) } },
        { "nine deep", "nested too deep",
          { IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(4), IP4(6) } },
        { "esp", "esp", { IP4(50), B("\0\0\0\x01\0\0\0\x01") } },
        { "sctp", "sctp", { IP6(132) } },
        { "experiment", "ip protocol 253", { IP4(253) } },
    };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f = build(cases[i].parts, false);
        struct segment_aside aside;
        struct segment s;
        char name[SKIP_NAME_MAX];
        const enum segment_result result = decode(&f, f.len, f.len, &s, &aside);
        const bool is_datagram = strcmp(cases[i].what, "udp") == 0; /* of no tunnel */

        if (result != (is_datagram ? SEGMENT_UDP : SEGMENT_NOT_TCP) ||
            strcmp(skip_name(&aside.skip, name), cases[i].what) != 0)
            fail_msg("%s: result %d, %s", cases[i].name, result, skip_name(&aside.skip, name));
    }
}

/* Of a packet that IP cut into fragments the first one holds the headers, and may end anywhere behind them. */
static void first_fragment(void **state)
{
    struct frame f = build(frames[row_named("vxlan")].parts, false);
    struct segment_aside aside;
    struct segment s;

    (void)state;
    f.bytes[14 + 6] = 0x20;                                      /* more fragments */
    store16(f.bytes + f.inner_at + 2, f.len - f.inner_at + 500); /* which hold the rest */
    assert_int_equal(decode(&f, f.len, f.len, &s, &aside), SEGMENT_OK);
    assert_int_equal(s.payload_len, 500);
    assert_false(s.bad_checksum);
    f.bytes[14 + 7] = 1;
    assert_int_equal(decode(&f, f.len, f.len, &s, &aside), SEGMENT_NOT_TCP);
    assert_int_equal(aside.skip.kind, SKIP_FRAGMENT);
}

/* An error quotes a header and 8 bytes of the segment. */
static void icmp_errors(void **state)
{
    /* clang-format off */
    static const struct {
        bool ipv6;
        uint8_t type, code;
        enum icmp_error error; /* ICMP_ERROR_N: none */
        uint32_t mtu;
    } cases[] = {
        { false, 3, 0, ICMP_NET_UNREACHABLE, 0 },  { false, 3, 1, ICMP_HOST_UNREACHABLE, 0 },
        { false, 3, 3, ICMP_PORT_UNREACHABLE, 0 }, { false, 3, 4, ICMP_FRAGMENTATION_NEEDED, 1400 },
        { false, 3, 13, ICMP_ADMIN_PROHIBITED, 0 }, { false, 3, 15, ICMP_OTHER, 0 }, { false, 11, 0, ICMP_TIME_EXCEEDED, 0 },
        { false, 12, 0, ICMP_OTHER, 0 }, { false, 8, 0, ICMP_ERROR_N, 0 }, { false, 5, 1, ICMP_ERROR_N, 0 },
        { true, 1, 0, ICMP_NET_UNREACHABLE, 0 }, { true, 1, 4, ICMP_PORT_UNREACHABLE, 0 },
        { true, 2, 0, ICMP_FRAGMENTATION_NEEDED, 1400 }, { true, 3, 0, ICMP_TIME_EXCEEDED, 0 },
        { true, 4, 1, ICMP_PROTOCOL_UNREACHABLE, 0 }, { true, 135, 0, ICMP_ERROR_N, 0 },
    };
    static const struct part v4[] = { IP4(1), B("\0\0\0\0\0\0\x05\x78"), IP4(6), { END, 0, NULL, 0 } };
    static const struct part v6[] = { IP6(58), B("\0\0\0\0\0\0\x05\x78"), IP6(6), { END, 0, NULL, 0 } };
    /* clang-format on */

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f = build(cases[i].ipv6 ? v6 : v4, true);
        const size_t icmp_at = 14 + (cases[i].ipv6 ? 40 : 20);
        struct segment_aside aside;
        struct segment s;

        f.bytes[icmp_at] = cases[i].type;
        f.bytes[icmp_at + 1] = cases[i].code;
        f.len = f.tcp_at + 8;
        if (cases[i].error == ICMP_ERROR_N) {
            assert_int_equal(decode(&f, f.len, f.len, &s, &aside), SEGMENT_NOT_TCP);
            continue;
        }
        assert_int_equal(decode(&f, f.len, f.len, &s, &aside), SEGMENT_ICMP);
        assert_int_equal(aside.icmp.error, cases[i].error);
        assert_int_equal(aside.icmp.mtu, cases[i].mtu);
        assert_int_equal(aside.icmp.src.port, 49153);
        assert_int_equal(aside.icmp.dst.port, 443);
        assert_int_equal(aside.icmp.seq, 0x1000);
        for (size_t len = 0; len < f.len; len++)
            assert_int_equal(decode(&f, len, f.len, &s, &aside), SEGMENT_TRUNCATED);
    }
}

static void more_than_are_told_apart(void **state)
{
    struct frame f = build(frames[row_named("vxlan")].parts, false);
    struct tunnels *kept = tunnels;
    struct segment_aside aside;
    unsigned met = 0;
    struct segment s;

    (void)state;
    assert_int_equal(tunnels_new(&tunnels), 0);
    for (unsigned id = 0; id < 40000; id++) {
        store16(f.bytes + 34 + 8 + 5, id);
        if (decode(&f, f.len, f.len, &s, &aside) == SEGMENT_OK)
            met = aside.tunnel->number;
        else
            assert_int_equal(aside.skip.kind, SKIP_FURTHER);
    }
    assert_in_range(met, LIMIT_TUNNELS / 2, LIMIT_TUNNELS);
    store16(f.bytes + 34 + 8 + 5, 0); /* those that are known stay so */
    assert_int_equal(decode(&f, f.len, f.len, &s, &aside), SEGMENT_OK);
    tunnels_free(tunnels);
    tunnels = kept;
}

static int begin(void **state)
{
    (void)state;
    return tunnels_new(&tunnels);
}

static int end(void **state)
{
    (void)state;
    tunnels_free(tunnels);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_decoded),
        cmocka_unit_test(each_is_cut_everywhere),
        cmocka_unit_test(each_is_damaged_everywhere),
        cmocka_unit_test(both_directions_are_one),
        cmocka_unit_test(identities),
        cmocka_unit_test(ids_are_chosen),
        cmocka_unit_test(no_tunnels),
        cmocka_unit_test(first_fragment),
        cmocka_unit_test(icmp_errors),
        cmocka_unit_test(more_than_are_told_apart),
    };

    return cmocka_run_group_tests_name("tunnel", tests, begin, end);
}
