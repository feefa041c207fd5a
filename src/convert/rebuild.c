#include "rebuild.h"

#include <string.h>

#define TCP_PROTOCOL 6
#define HOP_LIMIT 64
#define IPV4_LEN 20u
#define IPV6_LEN 40u
#define TCP_LEN 20u
#define TCP_MAX 60u

static uint8_t *put16(uint8_t *p, uint32_t v)
{
    *p++ = (uint8_t)(v >> 8);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    return put16(put16(p, v >> 16), v);
}

/* RFC 1071. */
static uint32_t sum(uint32_t total, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        total += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    return total;
}

static uint32_t fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return ~total & 0xffff;
}

static uint8_t *put_sack(uint8_t *p, const struct change *c, uint32_t isn)
{
    const unsigned count = c->segment.segment.sack_count;

    *p++ = 5;
    *p++ = (uint8_t)(2 + 8 * count);
    for (unsigned i = 0; i < count; i++)
        p = put32(put32(p, isn + (uint32_t)c->segment.sack[i][0]), isn + (uint32_t)c->segment.sack[i][1]);
    return p;
}

/* Those whose bytes the trace has: a cookie, a signature, MPTCP's are only named there. */
static uint8_t *put_options(uint8_t *p, const struct change *c, uint32_t peer_isn)
{
    const struct segment *s = &c->segment.segment;
    uint8_t *const begin = p;

    if (s->options & SEGMENT_OPT_MSS)
        p = put16(put16(p, 0x0204), s->mss);
    if (s->options & SEGMENT_OPT_SACK_OK)
        p = put16(p, 0x0402);
    if (s->options & SEGMENT_OPT_TS)
        p = put32(put32(put16(p, 0x080a), s->ts_val), s->ts_ecr);
    if (s->options & SEGMENT_OPT_WSCALE) {
        p = put16(p, 0x0303);
        *p++ = s->wscale;
    }
    if (s->options & SEGMENT_OPT_SACK && s->sack_count <= (s->options & SEGMENT_OPT_TS ? 3 : 4))
        p = put_sack(p, c, peer_isn);
    while ((p - begin) % 4)
        *p++ = 1; /* no operation */
    return p;
}

static uint32_t window_as_sent(const struct change *c, const struct conn_row *row)
{
    uint64_t window = c->segment.window;

    if (row->scaled[END_CLIENT] && row->scaled[END_SERVER] && !(c->segment.segment.flags & SEGMENT_SYN))
        window >>= row->wscale[c->end];
    return window < 0xffff ? (uint32_t)window : 0xffff;
}

/* Returns the length of the TCP header at p. */
static size_t put_tcp(uint8_t *p, const struct change *c, const struct conn_row *row)
{
    const struct segment *s = &c->segment.segment;
    const enum end peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;
    uint8_t *at = p, *end;

    if (c->segment.header.len >= TCP_LEN) {
        memcpy(p, c->segment.header.bytes, c->segment.header.len);
        return c->segment.header.len;
    }
    at = put16(put16(at, row->at[c->end].port), row->at[peer].port);
    at = put32(at, row->isn[c->end] + (uint32_t)c->segment.seq);
    at = put32(at, s->flags & SEGMENT_ACK ? row->isn[peer] + (uint32_t)c->segment.ack : 0);
    end = put_options(p + TCP_LEN, c, row->isn[peer]);
    at = put16(at, (uint32_t)(end - p) / 4 << 12 | (s->flags & 0x1ff));
    at = put16(at, window_as_sent(c, row));
    put32(at, 0); /* checksum, urgent pointer */
    return (size_t)(end - p);
}

static void put_ipv4(uint8_t *p, const struct change *c, const struct conn_row *row, uint32_t len)
{
    const enum end peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;
    uint8_t *at = put16(p, 0x4500);

    at = put16(at, len < 0xffff ? len : 0xffff);
    at = put32(at, 0x4000); /* do not fragment */
    at = put16(at, HOP_LIMIT << 8 | TCP_PROTOCOL);
    at = put16(at, 0);
    memcpy(at, row->at[c->end].addr.bytes + 12, 4);
    memcpy(at + 4, row->at[peer].addr.bytes + 12, 4);
    put16(p + 10, fold(sum(0, p, IPV4_LEN)));
}

static void put_ipv6(uint8_t *p, const struct change *c, const struct conn_row *row, uint32_t payload)
{
    const enum end peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;
    uint8_t *at = put32(p, 0x60000000);

    at = put16(put16(at, payload < 0xffff ? payload : 0xffff), TCP_PROTOCOL << 8 | HOP_LIMIT);
    memcpy(at, row->at[c->end].addr.bytes, 16);
    memcpy(at + 16, row->at[peer].addr.bytes, 16);
}

size_t rebuild(const struct change *c, const struct conn_row *row, uint8_t buf[static REBUILD_MAX], uint32_t *ret_len)
{
    const bool v4 = addr_is_ipv4(&row->at[END_CLIENT].addr);
    const size_t ip_len = v4 ? IPV4_LEN : IPV6_LEN;
    const size_t tcp_len = put_tcp(buf + ip_len, c, row);
    const uint32_t payload = c->segment.segment.payload_len;
    const unsigned unknown = SEGMENT_OPT_TFO | SEGMENT_OPT_MPTCP | SEGMENT_OPT_MD5 | SEGMENT_OPT_AO;

    *ret_len = (uint32_t)(ip_len + tcp_len) + payload;
    if (v4)
        put_ipv4(buf, c, row, *ret_len);
    else
        put_ipv6(buf, c, row, (uint32_t)tcp_len + payload);
    if (payload || c->segment.header.len || c->segment.segment.options & unknown)
        return ip_len + tcp_len;
    /* the pseudo-header's addresses stand in front, whatever the family (RFC 9293 3.1) */
    put16(buf + ip_len + 16,
          fold(sum((uint32_t)(TCP_PROTOCOL + tcp_len), buf + (v4 ? 12 : 8), (v4 ? 8 : 32) + tcp_len)));
    return ip_len + tcp_len;
}
