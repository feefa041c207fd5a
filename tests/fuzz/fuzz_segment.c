/* Any bytes as a frame of any link type. The first byte of the input selects the link type, the second says how much of
 * the frame was captured. Besides memory safety (the frame is copied to where it just fits) this holds: a cut frame
 * never decodes to anything but what the whole frame decodes to. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/tcp/segment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* make_corpus.py knows the order. */
static const int link_types[] = { 1,   0,   9,   12,  14,  50,  51,  101, 104, 108, 113, 228, 229, 276, 147,
                                  105, 127, 119, 163, 192, 239, 242, 247, 107, 6,   10,  117, 109, 219, 284 };

#define HEAD 2
#define INVARIANT(condition)                                                                                           \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            abort();                                                                                                   \
    } while (0)

static void check_tunnel(const struct tunnel *t)
{
    unsigned depth = 0;

    for (; t; t = t->outer, depth++)
        INVARIANT(t->number && (unsigned)t->hop.type < TUNNEL_TYPE_N);
    INVARIANT(depth <= LIMIT_NESTED_TUNNELS);
}

static void check_datagram(const struct datagram *d, size_t caplen)
{
    char word[DNS_WORD_MAX];

    INVARIANT(d->checksum < DATAGRAM_CHECKSUM_N && !d->is_error);
    INVARIANT(d->checksum == DATAGRAM_CHECKSUM_NONE || d->checksum == DATAGRAM_CHECKSUM_UNKNOWN || d->len < caplen);
    if (!d->is_dns)
        return;
    INVARIANT(memchr(d->dns.name, '\0', sizeof(d->dns.name)) && d->dns.addresses <= DNS_ANSWERS_MAX);
    for (const char *c = d->dns.name; *c; c++)
        INVARIANT(*c > ' ' && *c < 0x7f);
    INVARIANT(dns_type_value(dns_type_name(d->dns.type, word)) == d->dns.type);
    INVARIANT(dns_rcode_value(dns_rcode_name(d->dns.rcode, word)) == d->dns.rcode);
    INVARIANT(d->dns.response || (!d->dns.addresses && !d->dns.count));
}

static enum segment_result decode(int dlt, const uint8_t *frame, size_t caplen, size_t len, struct segment *ret_segment)
{
    uint8_t *copy = malloc(caplen ? caplen : 1);
    struct segment_aside aside;
    struct tunnels *tunnels;
    char name[SKIP_NAME_MAX];
    enum segment_result result;

    INVARIANT(copy);
    if (caplen)
        memcpy(copy, frame, caplen);
    INVARIANT(tunnels_new(&tunnels) == 0);
    result = segment_parse(dlt, copy, caplen, len, tunnels, ret_segment, &aside);
    if (result == SEGMENT_OK || result == SEGMENT_ICMP || result == SEGMENT_UDP)
        check_tunnel(aside.tunnel);
    else
        INVARIANT(*skip_name(&aside.skip, name));
    if (result == SEGMENT_UDP)
        check_datagram(&aside.datagram, caplen);
    tunnels_free(tunnels);
    free(copy);
    return result;
}

static void check_segment(const struct segment *s, size_t len)
{
    char text[ENDPOINT_TEXT_MAX];
    struct addr parsed;

    INVARIANT(s->flags <= 0x1ff);
    INVARIANT(s->sack_count <= SEGMENT_SACK_MAX);
    INVARIANT(!(s->options & SEGMENT_OPT_SACK) == !s->sack_count);
    INVARIANT(s->tfo_len <= 38);
    INVARIANT(!s->bad_checksum || (!s->cut && s->payload_len < len));
    INVARIANT(strlen(endpoint_format(&s->src, text)) < sizeof(text));
    INVARIANT(addr_parse(addr_format(&s->src.addr, text), &parsed) == 0 && addr_equal(&parsed, &s->src.addr));
    INVARIANT(addr_parse(addr_format(&s->dst.addr, text), &parsed) == 0 && addr_equal(&parsed, &s->dst.addr));
}

static void check_same(const struct segment *cut, const struct segment *whole)
{
    INVARIANT(endpoint_equal(&cut->src, &whole->src) && endpoint_equal(&cut->dst, &whole->dst));
    INVARIANT(cut->seq == whole->seq && cut->ack == whole->ack);
    INVARIANT(cut->flags == whole->flags && cut->window == whole->window);
    INVARIANT(cut->payload_len == whole->payload_len && cut->ifindex == whole->ifindex);
    INVARIANT(!(cut->options & ~whole->options));
    INVARIANT(cut->cut || (cut->options == whole->options && cut->sack_count == whole->sack_count));
    INVARIANT(!cut->bad_checksum || whole->bad_checksum);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct segment whole, cut;
    size_t len, caplen;
    enum segment_result result, cut_result;
    int dlt;

    if (size < HEAD)
        return 0;
    dlt = link_types[data[0] % (sizeof(link_types) / sizeof(link_types[0]))];
    len = size - HEAD;
    caplen = data[1] < len ? data[1] : len;

    result = decode(dlt, data + HEAD, len, len, &whole);
    INVARIANT((result == SEGMENT_UNSUPPORTED_LINK) == !segment_link_supported(dlt));
    if (result == SEGMENT_OK)
        check_segment(&whole, len);

    cut_result = decode(dlt, data + HEAD, caplen, len, &cut);
    if (cut_result == SEGMENT_OK) {
        INVARIANT(result == SEGMENT_OK);
        check_segment(&cut, len);
        check_same(&cut, &whole);
    }
    return 0;
}
