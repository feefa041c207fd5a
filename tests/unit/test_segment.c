/* Every frame that segment_frames.h can build, decoded whole, damaged, and cut at every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "segment_frames.h"
#include "tcplens/tcp/segment.h"
static struct tunnels *tunnels;
static struct segment_aside aside; /* of the last frame */

/* Decodes a copy that ends where its allocation does, for the address sanitizer to watch. */
static enum segment_result decode(const struct frame *f, size_t caplen, size_t len, struct segment *ret_segment)
{
    uint8_t *copy = malloc(caplen + 1);
    enum segment_result result;

    assert_non_null(copy);
    memcpy(copy + 1, f->bytes, caplen);
    result = segment_parse(f->dlt, copy + 1, caplen, len, tunnels, ret_segment, &aside);
    free(copy);
    return result;
}

static void check_fixed_fields(const struct segment *s, int version, const struct tcp *tcp)
{
    struct endpoint src = { .port = SPORT }, dst = { .port = DPORT };

    assert_int_equal(addr_parse(version == 4 ? "192.0.2.1" : "2001:db8::1", &src.addr), 0);
    assert_int_equal(addr_parse(version == 4 ? "198.51.100.7" : "2001:db8::2", &dst.addr), 0);
    assert_true(endpoint_equal(&s->src, &src));
    assert_true(endpoint_equal(&s->dst, &dst));
    assert_int_equal(s->seq, SEQ);
    assert_int_equal(s->ack, ACK);
    assert_int_equal(s->flags, tcp->flags);
    assert_int_equal(s->window, WINDOW);
}

static void check_options(const struct segment *s)
{
    if (s->options & SEGMENT_OPT_MSS)
        assert_int_equal(s->mss, 1460);
    if (s->options & SEGMENT_OPT_WSCALE)
        assert_int_equal(s->wscale, 7);
    if (s->options & SEGMENT_OPT_TS)
        assert_int_equal(s->ts_val, 0x01020304);
    if (s->options & SEGMENT_OPT_SACK) {
        assert_int_equal(s->sack_count, 2);
        assert_int_equal(s->sack[0][0], 1);
        assert_int_equal(s->sack[0][1], 9);
        assert_int_equal(s->sack[1][0], 0xfffffff0);
        assert_int_equal(s->sack[1][1], 4);
    }
}

/* Calls check for every link that can carry net, every net and every tcp. */
typedef void check_fn(struct frame *f, const struct link *, const struct net *, const struct tcp *);

static void for_each_frame(check_fn *check)
{
    for (size_t l = 0; l < COUNT(links); l++)
        for (size_t n = 0; n < COUNT(nets); n++)
            for (size_t t = 0; t < COUNT(tcps); t++) {
                struct frame f = build(&links[l], &nets[n], &tcps[t]);

                if (nets[n].length != LENGTH_JUMBO)
                    check(&f, &links[l], &nets[n], &tcps[t]);
            }
}

static void check_whole(struct frame *f, const struct link *link, const struct net *net, const struct tcp *tcp)
{
    struct segment s;

    if (decode(f, f->len, f->len, &s) != SEGMENT_OK)
        fail_msg("%s: not decoded", f->name);
    check_fixed_fields(&s, net->version, tcp);
    check_options(&s);
    assert_int_equal(s.options, tcp->present);
    assert_int_equal(s.payload_len, tcp->payload_len);
    assert_int_equal(s.ifindex, link->ifindex);
    assert_false(s.cut);
    if (s.bad_checksum)
        fail_msg("%s: checksum called bad", f->name);
    assert_int_equal(segment_seq_len(&s),
                     tcp->payload_len + !!(tcp->flags & SEGMENT_SYN) + !!(tcp->flags & SEGMENT_FIN));
}

static void whole_frames(void **state)
{
    (void)state;
    for_each_frame(check_whole);
}

static void check_checksum(struct frame *f, const struct link *link, const struct net *net, const struct tcp *tcp)
{
    struct segment s;

    (void)link;
    (void)tcp;
    for (size_t i = f->tcp_at + 18; i < f->len; i++) { /* any byte that decides no length */
        if (i == f->tcp_at + 20)
            i = f->tcp_at + f->tcp_header_len;
        if (i >= f->len)
            break;
        f->bytes[i] ^= 0x10;
        assert_int_equal(decode(f, f->len, f->len, &s), SEGMENT_OK);
        if (s.bad_checksum == net->unverifiable)
            fail_msg("%s: damaged byte %zu", f->name, i - f->tcp_at);
        f->bytes[i] ^= 0x10;
    }
    for (int with_length = 0; with_length < 2; with_length++) {
        store16(checksum_of(f), plain_sum(f, net->version, with_length, false));
        assert_int_equal(decode(f, f->len, f->len, &s), SEGMENT_OK);
        assert_false(s.bad_checksum);
    }
    checksum_of(f)[1] ^= 1;
    assert_int_equal(decode(f, f->len, f->len, &s), SEGMENT_OK);
    assert_int_equal(s.bad_checksum, !net->unverifiable);
}

static void checksums(void **state)
{
    (void)state;
    for_each_frame(check_checksum);
}

static void check_cuts(struct frame *f, const struct link *link, const struct net *net, const struct tcp *tcp)
{
    struct segment s;

    for (size_t caplen = 0; caplen < f->len; caplen++) {
        enum segment_result result = decode(f, caplen, f->len, &s);

        if (result != (caplen < f->tcp_at + 16 ? SEGMENT_TRUNCATED : SEGMENT_OK))
            fail_msg("%s cut to %zu: result %d", f->name, caplen, result);
        if (result != SEGMENT_OK)
            continue;
        check_fixed_fields(&s, net->version, tcp);
        check_options(&s);
        assert_int_equal(s.options & ~tcp->present, 0);
        assert_int_equal(s.payload_len, tcp->payload_len);
        assert_int_equal(s.ifindex, link->ifindex);
        assert_int_equal(s.cut, caplen < f->tcp_at + f->tcp_header_len);
        assert_false(s.bad_checksum);
        if (!s.cut)
            assert_int_equal(s.options, tcp->present);
    }
}

static void every_capture_length(void **state)
{
    (void)state;
    for_each_frame(check_cuts);
}

/* As a mirror port or a broken sender leaves it: the frame itself is short. */
static void check_short_frames(struct frame *f, const struct link *link, const struct net *net, const struct tcp *tcp)
{
    struct segment s;

    (void)link;
    for (size_t len = 0; len < f->len; len++) {
        enum segment_result result = decode(f, len, len, &s);

        if (result == SEGMENT_OK ? len < f->tcp_at + 16 : result != SEGMENT_TRUNCATED && result != SEGMENT_MALFORMED)
            fail_msg("%s, %zu bytes long: result %d", f->name, len, result);
        if (result != SEGMENT_OK)
            continue;
        check_fixed_fields(&s, net->version, tcp);
        if (net->length == LENGTH_HEADER)
            assert_int_equal(s.payload_len, tcp->payload_len);
    }
}

static void every_frame_length(void **state)
{
    (void)state;
    for_each_frame(check_short_frames);
}

static void padding_is_not_payload(void **state)
{
    struct segment s;

    (void)state;
    for (size_t n = 0; n < COUNT(nets); n++) {
        struct frame f = build(&links[0], &nets[n], &tcps[0]);

        if (nets[n].length != LENGTH_HEADER)
            continue;
        put(&f, "\x55\x55\x55\x55\x55\x55\x55", 7);
        assert_int_equal(decode(&f, f.len, f.len, &s), SEGMENT_OK);
        assert_int_equal(s.payload_len, 0);
        assert_false(s.bad_checksum);
        /* snapped within the padding the segment is whole all the same */
        store16(checksum_of(&f), 0x1234);
        assert_int_equal(decode(&f, f.len - 3, f.len, &s), SEGMENT_OK);
        assert_int_equal(s.bad_checksum, !nets[n].unverifiable);
    }
}

static const struct net *net_named(const char *name)
{
    for (size_t n = 0; n < COUNT(nets); n++)
        if (!strcmp(nets[n].name, name))
            return &nets[n];
    fail_msg("no net %s", name);
    return NULL;
}

static void super_segments(void **state)
{
    struct frame v4 = build(&links[0], net_named("v4 offload"), &tcps[0]);
    struct frame v6 = build(&links[0], net_named("v6 big tcp"), &tcps[0]);
    struct frame jumbo = build(&links[0], net_named("v6 jumbo"), &tcps[0]);
    const uint32_t payload = 180000;
    uint8_t *jumbo_len = jumbo.bytes + jumbo.net_at + 44;
    struct segment s;

    (void)state;
    assert_int_equal(decode(&v4, v4.len, v4.len + payload, &s), SEGMENT_OK);
    assert_int_equal(s.payload_len, payload);
    assert_int_equal(decode(&v6, v6.len, v6.len + payload, &s), SEGMENT_OK);
    assert_int_equal(s.payload_len, payload);

    store16(jumbo_len, (uint16_t)((payload + 28) >> 16));
    store16(jumbo_len + 2, (uint16_t)(payload + 28)); /* hop-by-hop header, TCP header, payload */
    /* the frame's own length is another, so that only the option can have told */
    assert_int_equal(decode(&jumbo, jumbo.len, jumbo.len + payload + 99, &s), SEGMENT_OK);
    assert_int_equal(s.payload_len, payload);
    check_fixed_fields(&s, 6, &tcps[0]);
    store16(jumbo_len, 0); /* a jumbogram of less than 65536 bytes */
    assert_int_equal(decode(&jumbo, jumbo.len, jumbo.len + payload, &s), SEGMENT_MALFORMED);
    store16(jumbo_len, 0xffff); /* 4 GiB: no sum may wrap */
    store16(jumbo_len + 2, 0xffff);
    assert_int_equal(decode(&jumbo, jumbo.len, jumbo.len, &s), SEGMENT_OK);
    assert_int_equal(s.payload_len, 0xffffffffu - 28);
}

/* The whole jumbogram, checksum and all. */
static void jumbogram_checksum(void **state)
{
    struct frame f = build(&links[0], net_named("v6 jumbo"), &tcps[0]);
    const size_t len = f.len + 66001;
    uint8_t *bytes = calloc(1, len);
    uint32_t ip_len = (uint32_t)(len - f.net_at - 40), tcp_len = (uint32_t)(len - f.tcp_at);
    uint32_t sum = plain_sum(&f, 6, false, true) + (tcp_len >> 16) + (tcp_len & 0xffff);
    struct segment s;

    (void)state;
    assert_non_null(bytes);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    store16(f.bytes + f.net_at + 44, (uint16_t)(ip_len >> 16));
    store16(f.bytes + f.net_at + 46, (uint16_t)ip_len);
    store16(checksum_of(&f), (uint16_t)~sum);
    memcpy(bytes, f.bytes, f.len);
    assert_int_equal(segment_parse(1, bytes, len, len, tunnels, &s, &aside), SEGMENT_OK);
    assert_int_equal(s.payload_len, 66001);
    assert_false(s.bad_checksum);
    bytes[len - 1] ^= 1;
    assert_int_equal(segment_parse(1, bytes, len, len, tunnels, &s, &aside), SEGMENT_OK);
    assert_true(s.bad_checksum);
    free(bytes);
}

static void fragmented_headers(void **state)
{
    static const char *const names[] = { "v4 first fragment", "v6 first fragment" };
    struct segment s;

    (void)state;
    for (size_t i = 0; i < COUNT(names); i++) {
        struct frame f = build(&links[0], net_named(names[i]), &tcps[1]);

        f.len = f.tcp_at + 24; /* the options go on in the next fragment */
        set_length(&f, net_named(names[i]));
        assert_int_equal(decode(&f, f.len, f.len, &s), SEGMENT_OK);
        check_fixed_fields(&s, net_named(names[i])->version, &tcps[1]);
        assert_int_equal(s.payload_len, 0);
        assert_int_equal(s.options, SEGMENT_OPT_MSS);
        assert_true(s.cut);
        f.len = f.tcp_at + 8; /* ports and sequence number alone */
        set_length(&f, net_named(names[i]));
        assert_int_equal(decode(&f, f.len, f.len, &s), SEGMENT_TRUNCATED);
    }
}

static void failures(void **state)
{
    static const struct {
        const char *name;
        int dlt;
        struct bytes frame;
        enum segment_result result;
    } cases[] = {
/* clang-format off */
#define TCP20 "\xc0\x01\x01\xbb" "\0\0\0\x01" "\0\0\0\x02" "\x50\x10\x20\0" "\0\0\0\0"
#define V4LEN(first, len, fragment, protocol) \
    first "\0" len "\0\0" fragment "\x40" protocol "\0\0" V4_ADDRS
#define V6LEN(len, next) "\x60\0\0\0" len next "\x40" V6_ADDRS
        {"unknown link", 147, BYTES(V4LEN("\x45", "\0\x28", "\0\0", "\x06") TCP20), SEGMENT_UNSUPPORTED_LINK},
        {"arp", 1, BYTES(MACS "\x08\x06" "\0\x01\x08\0\x06\x04\0\x01"), SEGMENT_NOT_TCP},
        {"spanning tree", 1, BYTES(MACS "\0\x26" "\x42\x42\x03\0\0\0\0"), SEGMENT_NOT_TCP},
        {"snap of an organization", 1, BYTES(MACS "\0\x26" "\xaa\xaa\x03\0\0\x0c\x20\0"), SEGMENT_NOT_TCP},
        {"pppoe discovery", 1, BYTES(MACS "\x88\x63" "\x11\x09\0\0\0\0"), SEGMENT_NOT_TCP},
        {"pppoe session, code of discovery", 1,
         BYTES(MACS "\x88\x64" "\x11\xa7\0\0\0\0" "\0\x21" V4LEN("\x45", "\0\x28", "\0\0", "\x06") TCP20),
         SEGMENT_NOT_TCP},
        {"ppp lcp", 9, BYTES("\xff\x03\xc0\x21\x01\x01\0\x04"), SEGMENT_NOT_TCP},
        {"mpls pseudo-wire of something else", 1, BYTES(MACS "\x88\x47" "\0\0\x11\x40" "\0\0\0\0" MACS "\x88\xcc"),
         SEGMENT_NOT_TCP},
        {"null, other family", 0, BYTES("\x07\0\0\0\x45"), SEGMENT_NOT_TCP},
        {"raw, neither version", 101, BYTES("\x50\0\0\0"), SEGMENT_NOT_TCP},
        {"v4 udp", 101, BYTES(V4LEN("\x45", "\0\x1c", "\0\0", "\x11") "\0\x35\0\x35\0\x08\0\0"), SEGMENT_UDP},
        {"v4 udp shorter than its header", 101, BYTES(V4LEN("\x45", "\0\x1c", "\0\0", "\x11") "\0\x35\0\x35\0\x07\0\0"), SEGMENT_MALFORMED},
        {"v4 udp beyond total", 101, BYTES(V4LEN("\x45", "\0\x1c", "\0\0", "\x11") "\0\x35\0\x35\0\x09\0\0"), SEGMENT_MALFORMED},
        {"v4 later fragment", 101, BYTES(V4LEN("\x45", "\0\x28", "\x20\x01", "\x06") TCP20), SEGMENT_NOT_TCP},
        {"v4 tunnel of nothing", 101, BYTES(V4LEN("\x45", "\0\x28", "\0\0", "\x04") TCP20), SEGMENT_MALFORMED},
        {"v6 icmp", 101, BYTES(V6LEN("\0\x08", "\x3a") "\x80\0\0\0\0\0\0\0"), SEGMENT_NOT_TCP},
        {"v6 no next header", 101, BYTES(V6LEN("\0\0", "\x3b")), SEGMENT_NOT_TCP},
        {"v6 later fragment", 101, BYTES(V6LEN("\0\x1c", "\x2c") "\x06\0\0\x08\0\0\0\x01" TCP20), SEGMENT_NOT_TCP},
        {"ethernet header alone", 1, BYTES(MACS "\x08"), SEGMENT_MALFORMED},
        {"v4 in v6's clothes", 1,
         BYTES(MACS "\x86\xdd" V4LEN("\x45", "\0\x28", "\0\0", "\x06") TCP20), SEGMENT_MALFORMED},
        {"v6 in v4's clothes", 1, BYTES(MACS "\x08\0" V6LEN("\0\x14", "\x06") TCP20), SEGMENT_MALFORMED},
        {"v7 in v6's clothes", 1,
         BYTES(MACS "\x86\xdd" "\x70\0\0\0" "\0\x14" "\x06" "\x40" V6_ADDRS TCP20), SEGMENT_MALFORMED},
        {"v4 header of 16 bytes", 101, BYTES(V4LEN("\x44", "\0\x28", "\0\0", "\x06") TCP20), SEGMENT_MALFORMED},
        {"v4 total < header", 101, BYTES(V4LEN("\x45", "\0\x13", "\0\0", "\x06") TCP20), SEGMENT_MALFORMED},
        {"v4 total < tcp header", 101, BYTES(V4LEN("\x45", "\0\x27", "\0\0", "\x06") TCP20), SEGMENT_MALFORMED},
        {"v4 total ends in options", 101,
         BYTES(V4LEN("\x46", "\0\x18", "\0\0", "\x06") "\0\0\0\0" TCP20), SEGMENT_MALFORMED},
        {"v4 ah beyond total", 101,
         BYTES(V4LEN("\x45", "\0\x28", "\0\0", "\x33") "\x06\xff\0\0" TCP20), SEGMENT_MALFORMED},
        {"v6 extension beyond payload", 101, BYTES(V6LEN("\0\x1c", "\0") "\x06\x09\0\0\0\0\0\0" TCP20),
         SEGMENT_MALFORMED},
        {"v6 payload < tcp header", 101, BYTES(V6LEN("\0\x13", "\x06") TCP20), SEGMENT_MALFORMED},
        {"data offset 4", 101,
         BYTES(V4LEN("\x45", "\0\x28", "\0\0", "\x06") "\xc0\x01\x01\xbb\0\0\0\x01\0\0\0\x02\x40\x10\x20\0\0\0\0\0"),
         SEGMENT_MALFORMED},
        {"data offset beyond total", 101,
         BYTES(V4LEN("\x45", "\0\x28", "\0\0", "\x06")
               "\xc0\x01\x01\xbb\0\0\0\x01\0\0\0\x02\x60\x10\x20\0\0\0\0\0\0\0\0\0"),
         SEGMENT_MALFORMED},
        /* clang-format on */
    };
    struct segment s, untouched;

    (void)state;
    memset(&s, 0xa5, sizeof(s));
    untouched = s;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct frame f = { .dlt = cases[i].dlt };
        enum segment_result result;

        put(&f, cases[i].frame.at, cases[i].frame.len);
        result = decode(&f, f.len, f.len, &s);
        if (result != cases[i].result)
            fail_msg("%s: result %d", cases[i].name, result);
        assert_memory_equal(&s, &untouched, sizeof(s));
    }
}

static void nesting_is_bounded(void **state)
{
    struct frame plain = build(&links[0], &nets[0], &tcps[0]), f = { .dlt = 1 };
    struct frame v6 = { .dlt = 101 };
    struct segment s;

    (void)state;
    put(&f, MACS, 12);
    for (int i = 0; i < 8; i++)
        put(&f, "\x81\x00\0\x01", 4);
    put(&f, plain.bytes + 12, plain.len - 12);
    assert_int_equal(decode(&f, f.len, f.len, &s), SEGMENT_NOT_TCP);

    put(&v6, V6LEN("\0\xa4", "\x3c"), 40);
    for (int i = 0; i < 17; i++)
        put(&v6, "\x3c\0\x01\x04\0\0\0\0", 8);
    v6.bytes[v6.len - 8] = 6;
    put(&v6, TCP20, 20);
    assert_int_equal(decode(&v6, v6.len, v6.len, &s), SEGMENT_NOT_TCP);
    memmove(v6.bytes + 40, v6.bytes + 48, v6.len - 48); /* one fewer */
    v6.len -= 8;
    assert_int_equal(decode(&v6, v6.len, v6.len, &s), SEGMENT_OK);
}

static void options(void **state)
{
    static const struct {
        const char *name;
        struct bytes bytes;
        struct segment want; /* options and their values */
    } cases[] = {
/* clang-format off */
#define NONE {.options = 0}
        {"none", BYTES(""), NONE},
        {"end, then rubbish", BYTES("\0\x02\x04\x05"), NONE},
        {"size 0", BYTES("\x02\0\x05\xb4" "\x04\x02\x01\x01"), NONE},
        {"size 1", BYTES("\x02\x01\x05\xb4" "\x04\x02\x01\x01"), NONE},
        {"beyond the header", BYTES("\x04\x02\x08\x0a"), {.options = SEGMENT_OPT_SACK_OK}},
        {"kind at the very end", BYTES("\x04\x02\x01\x02"), {.options = SEGMENT_OPT_SACK_OK}},
        {"wrong sizes passed over",
         BYTES("\x02\x03\x01" "\x03\x04\0\0" "\x04\x03\0" "\x05\x04\0\0" "\x08\x04\0\0" "\x03\x03\x0e" "\x01\x01\x01"),
         {.options = SEGMENT_OPT_WSCALE, .wscale = 14}},
        {"unknown passed over", BYTES("\xf0\x06\0\0\0\0" "\x04\x02"), {.options = SEGMENT_OPT_SACK_OK}},
        {"mss", BYTES("\x02\x04\xff\xd7"), {.options = SEGMENT_OPT_MSS, .mss = 65495}},
        {"later mss counts", BYTES("\x02\x04\x01\0\x02\x04\x02\0"), {.options = SEGMENT_OPT_MSS, .mss = 512}},
        {"window scale as sent", BYTES("\x03\x03\xff\x01"), {.options = SEGMENT_OPT_WSCALE, .wscale = 255}},
        {"timestamps", BYTES("\x01\x01\x08\x0a\xff\xff\xff\xff\x80\0\0\0"),
         {.options = SEGMENT_OPT_TS, .ts_val = 0xffffffff, .ts_ecr = 0x80000000}},
        {"four sack blocks",
         BYTES("\x05\x22" "\0\0\0\x01\0\0\0\x02" "\0\0\0\x03\0\0\0\x04"
               "\0\0\0\x05\0\0\0\x06" "\0\0\0\x07\0\0\0\x08" "\0\0"),
         {.options = SEGMENT_OPT_SACK, .sack_count = 4, .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}}},
        {"fast open request", BYTES("\x22\x02\x01\x01"), {.options = SEGMENT_OPT_TFO}},
        {"fast open cookie",
         BYTES("\x22\x0a\x01\x02\x03\x04\x05\x06\x07\x08\x01\x01"), {.options = SEGMENT_OPT_TFO, .tfo_len = 8}},
        {"fast open experiment", BYTES("\xfe\x08\xf9\x89\x01\x02\x03\x04"), {.options = SEGMENT_OPT_TFO, .tfo_len = 4}},
        {"another experiment", BYTES("\xfd\x08\xf9\x88\x01\x02\x03\x04"), NONE},
        {"md5", BYTES("\x13\x12" "0123456789abcdef" "\0\0"), {.options = SEGMENT_OPT_MD5}},
        {"md5 of a wrong size", BYTES("\x13\x04\0\0"), NONE},
        {"ao", BYTES("\x1d\x10\1\2" "0123456789ab"), {.options = SEGMENT_OPT_AO}},
        {"mptcp", BYTES("\x1e\x04\0\x01"), {.options = SEGMENT_OPT_MPTCP}},
        /* clang-format on */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct tcp tcp = { cases[i].name, SEGMENT_SYN, cases[i].bytes, 9, 0 };
        struct frame f = build(&links[0], &nets[0], &tcp);
        const struct segment *want = &cases[i].want;
        struct segment s;

        assert_int_equal(decode(&f, f.len, f.len, &s), SEGMENT_OK);
        check_fixed_fields(&s, 4, &tcp);
        if (s.options != want->options)
            fail_msg("%s: options %#x", tcp.name, s.options);
        assert_int_equal(s.mss, want->mss);
        assert_int_equal(s.wscale, want->wscale);
        assert_int_equal(s.tfo_len, want->tfo_len);
        assert_int_equal(s.ts_val, want->ts_val);
        assert_int_equal(s.ts_ecr, want->ts_ecr);
        assert_int_equal(s.sack_count, want->sack_count);
        assert_memory_equal(s.sack, want->sack, sizeof(s.sack));
        assert_int_equal(s.payload_len, 9);
        assert_false(s.cut);
        assert_false(s.bad_checksum);
    }
}

static void supported_links(void **state)
{
    static const int unknown[] = { -1, 2, 147, 277 };

    (void)state;
    for (size_t l = 0; l < COUNT(links); l++)
        assert_true(segment_link_supported(links[l].dlt));
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_false(segment_link_supported(unknown[i]));
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
        cmocka_unit_test(whole_frames),
        cmocka_unit_test(checksums),
        cmocka_unit_test(every_capture_length),
        cmocka_unit_test(every_frame_length),
        cmocka_unit_test(padding_is_not_payload),
        cmocka_unit_test(super_segments),
        cmocka_unit_test(jumbogram_checksum),
        cmocka_unit_test(fragmented_headers),
        cmocka_unit_test(failures),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(options),
        cmocka_unit_test(supported_links),
    };

    return cmocka_run_group_tests_name("segment", tests, begin, end);
}
