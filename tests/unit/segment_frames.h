/* Frames for test_segment.c: link header + IP header + TCP header, all combinations of the tables
 * here. The parts are written out byte for byte, so that no code is shared with the decoder. */
#ifndef TCPLENS_TESTS_SEGMENT_FRAMES_H
#define TCPLENS_TESTS_SEGMENT_FRAMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tcplens/tcp/segment.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct bytes {
    const char *at;
    size_t len;
};
/* A row of bytes stays a row. */
/* clang-format off */
#define BYTES(literal) {(literal), sizeof(literal) - 1}

struct link {
    const char *name;
    int dlt;
    struct bytes v4, v6;
    uint32_t ifindex;
};
#define TAIL(name, dlt, head, v4, v6) {name, dlt, BYTES(head v4), BYTES(head v6), 0}
#define ETHER(name, dlt, head) TAIL(name, dlt, head, "\x08\x00", "\x86\xdd")
#define PPP(name, dlt, head) TAIL(name, dlt, head, "\x00\x21", "\x00\x57")
#define BARE(name, dlt, head) TAIL(name, dlt, head, "", "")
#define MACS "\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
#define SLL2_TAIL "\0\0" "\0\0\x01\x07" "\0\x01" "\x04\x06" "\x02\0\0\0\0\x01\0\0"

#define SNAP "\xaa\xaa\x03" "\0\0\0"
#define WLAN(control) control "\0\0" MACS "\x02\0\0\0\0\x03" "\0\0"
#define GRH "\x60\0\0\0" "\0\0\x1b\x40" V6_ADDRS
#define UD "\x64\0\xff\xff\0\0\0\x01\0\0\0\x01" "\0\0\x0b\x1b\0\0\0\x02"
#define V6_ADDRS "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02"

static const struct link links[] = {
    ETHER("ethernet", 1, MACS),
    ETHER("vlan", 1, MACS "\x81\x00" "\x20\x0a"),
    ETHER("802.1ad", 1, MACS "\x88\xa8" "\0\x01" "\x81\x00" "\0\x02"),
    ETHER("old qinq, 7 deep", 1, MACS "\x91\x00" "\0\x01" "\x91\x00" "\0\x02" "\x91\x00" "\0\x03"
          "\x91\x00" "\0\x04" "\x91\x00" "\0\x05" "\x91\x00" "\0\x06" "\x91\x00" "\0\x07"),
    ETHER("snap", 1, MACS "\x00\x80" "\xaa\xaa\x03" "\0\0\0"),
    ETHER("fabricpath", 1, MACS "\x89\x03" "\x12\x34" MACS),
    BARE("mpls", 1, MACS "\x88\x47" "\x00\x01\x00\x40" "\x00\x02\x01\x40"),
    BARE("mpls multicast", 1, MACS "\x88\x48" "\x00\x02\x01\x40"),
    PPP("pppoe", 1, MACS "\x88\x64" "\x11\0" "\0\x09" "\x01\0"),
    PPP("pppoe in vlan", 1, MACS "\x81\x00" "\0\x01" "\x88\x64" "\x11\0" "\0\x09" "\x01\0"),
    PPP("pppoe alone", 51, "\x11\0" "\0\x09" "\x01\0"),
    PPP("ppp", 9, ""),
    PPP("ppp, hdlc-like framing", 9, "\xff\x03"),
    PPP("ppp serial", 50, "\xff\x03"),
    TAIL("ppp, compressed protocol", 9, "", "\x21", "\x57"),
    BARE("ppp, mpls", 9, "\x02\x81" "\x00\x02\x01\x40"),
    ETHER("cisco hdlc on ppp serial", 50, "\x0f\0"),
    ETHER("cisco hdlc", 104, "\x8f\0"),
    TAIL("null, little-endian, linux", 0, "", "\x02\0\0\0", "\x0a\0\0\0"),
    TAIL("null, big-endian, netbsd", 0, "", "\0\0\0\x02", "\0\0\0\x18"),
    TAIL("null, freebsd", 0, "", "\x02\0\0\0", "\x1c\0\0\0"),
    TAIL("loop, darwin", 108, "", "\0\0\0\x02", "\0\0\0\x1e"),
    BARE("raw", 12, ""),
    BARE("raw, openbsd", 14, ""),
    BARE("raw, file", 101, ""),
    BARE("ipv4", 228, ""),
    BARE("ipv6", 229, ""),
    ETHER("cooked", 113, "\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0"),
    ETHER("cooked, vlan", 113, "\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0" "\x81\x00" "\0\x05"),
    {"cooked v2", 276, BYTES("\x08\x00" SLL2_TAIL), BYTES("\x86\xdd" SLL2_TAIL), 0x107},
    ETHER("vn-tag", 1, MACS "\x89\x26" "\x80\0\0\x01"),
    ETHER("e-tag", 1, MACS "\x89\x3f" "\0\0\x10\x01\0\0"),
    ETHER("vlan in vn-tag", 1, MACS "\x89\x26" "\x80\0\0\x01" "\x81\0" "\0\x07"),
    ETHER("mpls pseudo-wire, control word", 1, MACS "\x88\x47" "\0\0\x11\x40" "\0\0\0\0" MACS),
    ETHER("mpls pseudo-wire", 1, MACS "\x88\x47" "\0\0\x11\x40" MACS),
    BARE("mpls alone", 219, "\0\0\x11\x40"),
    ETHER("802.11, data", 105, WLAN("\x08\x01") SNAP),
    ETHER("802.11, qos, four addresses", 105, WLAN("\x88\x03") "\0\0\0\0\0\x04" "\0\0" SNAP),
    ETHER("802.11, qos, ht control", 105, WLAN("\x88\x81") "\0\0" "\0\0\0\0" SNAP),
    ETHER("802.11, aggregate", 105, WLAN("\x88\x02") "\x80\0" MACS "\0\x64" SNAP),
    ETHER("radiotap", 127, "\0\0\x08\0\0\0\0\0" WLAN("\x08\x01") SNAP),
    ETHER("radiotap, time and flags, padded", 127,
          "\0\0\x12\0\x03\0\0\0" "\0\0\0\0\0\0\0\0" "\x20\0" WLAN("\x88\x01") "\0\0" "\0\0" SNAP),
    ETHER("radiotap, two words", 127, "\0\0\x0e\0\x02\0\0\x80\0\0\0\0" "\0\0" WLAN("\x08\x01") SNAP),
    ETHER("avs", 163, "\x80\x21\x10\x01" "\0\0\0\x0c" "\0\0\0\0" WLAN("\x08\x01") SNAP),
    ETHER("prism", 119, "\x44\0\0\0" "\x0c\0\0\0" "\0\0\0\0" WLAN("\x08\x01") SNAP),
    ETHER("ppi, 802.11", 192, "\0\0\x0c\0" "\x69\0\0\0" "\0\0\0\0" WLAN("\x08\x01") SNAP),
    ETHER("pktap, ethernet", 258, "\x10\0\0\0" "\x01\0\0\0" "\x01\0\0\0" "\0\0\0\0" MACS),
    BARE("nflog, little-endian", 239, "\x02\0\0\0" "\x05\0\x0a\0" "x\0\0\0" "\x2c\0\x09\0"),
    BARE("nflog, big-endian", 239, "\x02\0\0\0" "\0\x05\0\x0a" "x\0\0\0" "\0\x2c\0\x09"),
    {"ipoib", 242, BYTES(GRH "\x08\0" "\0\0"), BYTES(GRH "\x86\xdd" "\0\0"), 0},
    {"infiniband", 247, BYTES("\0\x02\0\0\0\0\0\0" UD "\x08\0" "\0\0"),
     BYTES("\0\x02\0\0\0\0\0\0" UD "\x86\xdd" "\0\0"), 0},
    {"infiniband, global", 247, BYTES("\0\x03\0\0\0\0\0\0" GRH UD "\x08\0" "\0\0"),
     BYTES("\0\x03\0\0\0\0\0\0" GRH UD "\x86\xdd" "\0\0"), 0},
    TAIL("frame relay", 107, "\x18\x41\x03", "\xcc", "\x8e"),
    ETHER("frame relay, snap", 107, "\x18\x41\x03" "\0\x80" "\0\0\0"),
    ETHER("token ring", 6, "\x10\x40" MACS SNAP),
    ETHER("token ring, routed", 6, "\x10\x40" "\x02\0\0\0\0\x01\x82\0\0\0\0\x02" "\x06\x30\0\x11\0\x20" SNAP),
    ETHER("fddi", 10, "\x50" MACS SNAP),
    ETHER("rfc 1483", 100, SNAP),
    ETHER("rfc 2625", 122, "\0\0\x10\0\0\0\0\x01\x10\0\0\0\0\0\0\x02" SNAP),
    BARE("pflog", 117, "\x3d\x02\0\0" "0123456789" "0123456789" "0123456789" "0123456789" "0123456789" "0123456789"),
    BARE("enc", 109, "\x02\0\0\0" "\0\0\0\0" "\0\0\0\0"),
    PPP("ppp with direction", 204, "\x01" "\xff\x03"),
    ETHER("netanalyzer", 240, "\0\0\0\0" MACS),
    ETHER("mpacket", 274, "\x55\x55\x55\x55\x55\x55\x55\xd5" MACS),
    ETHER("dsa", 284, MACS "\x40\0\0\0"),
    ETHER("edsa", 285, MACS "\xda\xda\0\0" "\x40\0\0\0"),
    {"cooked v2, vlan", 276, BYTES("\x81\x00" SLL2_TAIL "\0\x05" "\x08\x00"),
     BYTES("\x81\x00" SLL2_TAIL "\0\x05" "\x86\xdd"), 0x107},
};

enum length_field { LENGTH_HEADER, LENGTH_ZERO, LENGTH_JUMBO };

struct net {
    const char *name;
    int version;
    struct bytes header;
    enum length_field length;
    bool unverifiable; /* the checksum covers what this header does not tell */
};
#define V4_ADDRS "\xc0\0\x02\x01" "\xc6\x33\x64\x07"
#define V4(first, fragment, protocol) first "\0" "\0\0" "\x12\x34" fragment "\x40" protocol "\0\0" V4_ADDRS
#define V6(next) "\x60\x01\x23\x45" "\0\0" next "\x40" V6_ADDRS
#define AH(next) next "\x04" "\0\0" "\0\0\0\x01" "\0\0\0\x02" "\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc"

static const struct net nets[] = {
    {"v4", 4, BYTES(V4("\x45", "\x40\0", "\x06")), LENGTH_HEADER, false},
    {"v4 options", 4, BYTES(V4("\x47", "\0\0", "\x06") "\x01\x94\x04\0\0\0\0\0"), LENGTH_HEADER, false},
    {"v4 bad options", 4, BYTES(V4("\x46", "\0\0", "\x06") "\x07\x01\x83\0"), LENGTH_HEADER, false},
    {"v4 loose source route", 4, BYTES(V4("\x47", "\0\0", "\x06") "\x01\x83\x07\x04\x0a\0\0\x01"), LENGTH_HEADER, true},
    {"v4 strict source route", 4, BYTES(V4("\x47", "\0\0", "\x06") "\x01\x89\x07\x04\x0a\0\0\x01"),
     LENGTH_HEADER, true},
    {"v4 ah", 4, BYTES(V4("\x45", "\0\0", "\x33") AH("\x06")), LENGTH_HEADER, false},
    {"v4 first fragment", 4, BYTES(V4("\x45", "\x20\0", "\x06")), LENGTH_HEADER, true},
    {"v4 offload", 4, BYTES(V4("\x45", "\x40\0", "\x06")), LENGTH_ZERO, true},
    {"v6", 6, BYTES(V6("\x06")), LENGTH_HEADER, false},
    {"v6 extensions", 6,
     BYTES(V6("\0") "\x3c\0" "\x05\x02\0\0\x01\0"     /* hop-by-hop: router alert */
           "\x2b\x01" "\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0" /* destination: padding */
           "\x2c\x04\0\0\0\0\0\0" V6_ADDRS                /* routing, at its end */
           "\x06\0\0\0\0\0\0\x02"                         /* fragment, of one */),
     LENGTH_HEADER, false},
    {"v6 ah", 6, BYTES(V6("\x33") AH("\x06")), LENGTH_HEADER, false},
    {"v6 atomic fragment", 6, BYTES(V6("\x2c") "\x06\0\0\0\0\0\0\x01"), LENGTH_HEADER, false},
    {"v6 first fragment", 6, BYTES(V6("\x2c") "\x06\0\0\x01\0\0\0\x01"), LENGTH_HEADER, true},
    {"v6 segments left", 6, BYTES(V6("\x2b") "\x06\x04\x04\x01\0\0\0\0" V6_ADDRS), LENGTH_HEADER, true},
    {"v6 home address", 6,
     BYTES(V6("\x3c") "\x06\x02" "\x01\x02\0\0" "\xc9\x10" "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x03"),
     LENGTH_HEADER, true},
    {"v6 big tcp", 6, BYTES(V6("\x06")), LENGTH_ZERO, true},
    {"v6 jumbo", 6, BYTES(V6("\0") "\x06\0" "\xc2\x04\0\0\0\0"), LENGTH_JUMBO, false},
};

struct tcp {
    const char *name;
    uint16_t flags;
    struct bytes options;
    uint32_t payload_len;
    uint8_t present; /* enum segment_option */
};

static const struct tcp tcps[] = {
    {"ack", SEGMENT_ACK, BYTES(""), 0, 0},
    {"syn", SEGMENT_SYN | SEGMENT_ECE | SEGMENT_CWR | SEGMENT_AE,
     BYTES("\x02\x04\x05\xb4" "\x04\x02" "\x08\x0a\x01\x02\x03\x04\0\0\0\0" "\x01" "\x03\x03\x07"), 0,
     SEGMENT_OPT_MSS | SEGMENT_OPT_SACK_OK | SEGMENT_OPT_TS | SEGMENT_OPT_WSCALE},
    {"data", SEGMENT_ACK | SEGMENT_PSH,
     BYTES("\x01\x01\x08\x0a\x01\x02\x03\x04\x05\x06\x07\x08" "\x01\x01\x05\x12" "\0\0\0\x01\0\0\0\x09"
           "\xff\xff\xff\xf0\0\0\0\x04"), 77, SEGMENT_OPT_TS | SEGMENT_OPT_SACK},
    {"fin", SEGMENT_ACK | SEGMENT_FIN | SEGMENT_URG, BYTES(""), 1, 0},
};
/* clang-format on */

#define SPORT 49153
#define DPORT 443
#define SEQ 0xfffffff0u
#define ACK 0x8899aabbu
#define WINDOW 0x7ffe

struct frame {
    char name[96];
    int dlt;
    size_t len, net_at, tcp_at, tcp_header_len;
    uint8_t bytes[512];
};

static void put(struct frame *f, const void *bytes, size_t len)
{
    assert_true(f->len + len <= sizeof(f->bytes));
    if (len)
        memcpy(f->bytes + f->len, bytes, len);
    f->len += len;
}

static void store16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put16(struct frame *f, uint16_t value)
{
    uint8_t b[2];

    store16(b, value);
    put(f, b, sizeof(b));
}

static void put32(struct frame *f, uint32_t value)
{
    put16(f, (uint16_t)(value >> 16));
    put16(f, (uint16_t)value);
}

/* The textbook sum of RFC 1071 4.1 over pseudo header and, if asked, segment; not inverted. */
static uint16_t plain_sum(const struct frame *f, int version, bool with_length, bool with_segment)
{
    const uint8_t *addrs = f->bytes + f->net_at + (version == 4 ? 12 : 8);
    size_t addrs_len = version == 4 ? 8 : 32, len = f->len - f->tcp_at;
    uint32_t sum = 6 + (with_length ? (uint32_t)len : 0);

    for (size_t i = 0; i < addrs_len; i += 2)
        sum += (uint32_t)addrs[i] << 8 | addrs[i + 1];
    for (size_t i = 0; with_segment && i < len; i++)
        sum += (uint32_t)f->bytes[f->tcp_at + i] << (i % 2 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint8_t *checksum_of(struct frame *f)
{
    return f->bytes + f->tcp_at + 16;
}

static void sign(struct frame *f, int version)
{
    store16(checksum_of(f), 0);
    store16(checksum_of(f), (uint16_t)~plain_sum(f, version, true, true));
}

static void set_length(struct frame *f, const struct net *net)
{
    uint8_t *ip = f->bytes + f->net_at;
    uint16_t len = (uint16_t)(f->len - f->net_at);

    if (net->length == LENGTH_HEADER)
        store16(net->version == 4 ? ip + 2 : ip + 4, net->version == 4 ? len : len - 40);
}

static struct frame build(const struct link *link, const struct net *net, const struct tcp *tcp)
{
    struct frame f = { .dlt = link->dlt };
    const struct bytes *l = net->version == 4 ? &link->v4 : &link->v6;

    snprintf(f.name, sizeof(f.name), "%s / %s / %s", link->name, net->name, tcp->name);
    put(&f, l->at, l->len);
    f.net_at = f.len;
    put(&f, net->header.at, net->header.len);
    f.tcp_at = f.len;
    assert_int_equal(tcp->options.len % 4, 0);
    f.tcp_header_len = 20 + tcp->options.len;
    put16(&f, SPORT);
    put16(&f, DPORT);
    put32(&f, SEQ);
    put32(&f, ACK);
    put16(&f, (uint16_t)(f.tcp_header_len / 4 << 12 | tcp->flags));
    put16(&f, WINDOW);
    put32(&f, 0);
    put(&f, tcp->options.at, tcp->options.len);
    for (uint32_t i = 0; i < tcp->payload_len; i++)
        put(&f, &(uint8_t){ (uint8_t)(0xc1 + i * 7) }, 1);
    set_length(&f, net);
    if (net->length != LENGTH_JUMBO) /* longer than this frame: has its own test */
        sign(&f, net->version);
    return f;
}

#endif
