/* Theory of operation
 *
 * ip_packet_open() leaves the cursor at the TCP header and its `wire` limit at the end of the IP
 * packet; from there the header is read straight through and checked once. Nothing is written to
 * the caller's struct before the segment is known to be good.
 *
 * What must be there: the header up to and with the window. Without the window a short capture
 * would read as a closed one. Options may be cut or nonsense: what can be read of them is told, and
 * the segment stands. The checksum is judged only where all it covers was captured.
 */
#include "tcplens/tcp/segment.h"

#include "datagram_open.h"
#include "icmp_open.h"
#include "tcplens/base/cursor.h"
#include "tcplens/base/no_zeros.h"
#include "tcplens/base/rare.h"
#include "tcplens/tcp/checksum.h"
#include "tcplens/tcp/ip_packet.h"
#include "tcplens/tcp/link.h"

static void sack_blocks(struct cursor *c, uint8_t count, struct segment *s)
{
    s->options |= SEGMENT_OPT_SACK;
    s->sack_count = count;
    for (uint8_t i = 0; i < count; i++) {
        s->sack[i][0] = cursor_be32(c);
        s->sack[i][1] = cursor_be32(c);
    }
}

static void fast_open_cookie(uint8_t len, struct segment *s)
{
    s->options |= SEGMENT_OPT_TFO;
    s->tfo_len = len;
}

static void no_options(struct segment *s)
{
    s->options = s->wscale = s->tfo_len = s->sack_count = 0;
    s->mss = 0;
    s->ts_val = s->ts_ecr = 0;
    memset(s->sack, 0, sizeof(s->sack));
}

/* As receivers do: an option of a wrong size is passed over, one that goes on past the header ends
 * the list, of two of a kind the later counts. */
static void tcp_options(struct cursor *options, struct segment *s)
{
    while (options->at < options->have) {
        uint8_t kind = cursor_u8(options);
        uint8_t size, len;
        struct cursor value;

        if (kind == 0)
            return;
        if (kind == 1)
            continue;
        size = cursor_u8(options);
        if (size < 2)
            return;
        len = size - 2;
        value = cursor_split(options, len);
        if (options->overrun)
            return;

        switch (kind) {
        case 2: /* RFC 9293 3.2 */
            if (len == 2) {
                s->options |= SEGMENT_OPT_MSS;
                s->mss = cursor_be16(&value);
            }
            break;
        case 3: /* RFC 7323 2.2 */
            if (len == 1) {
                s->options |= SEGMENT_OPT_WSCALE;
                s->wscale = cursor_u8(&value);
            }
            break;
        case 4: /* RFC 2018 section 2 */
            if (len == 0)
                s->options |= SEGMENT_OPT_SACK_OK;
            break;
        case 5: /* RFC 2018 section 3 */
            if (len && len % 8 == 0 && len / 8 <= SEGMENT_SACK_MAX)
                sack_blocks(&value, len / 8, s);
            break;
        case 8: /* RFC 7323 3.2 */
            if (len == 8) {
                s->options |= SEGMENT_OPT_TS;
                s->ts_val = cursor_be32(&value);
                s->ts_ecr = cursor_be32(&value);
            }
            break;
        case 19: /* RFC 2385 3.0 */
            if (len == 16)
                s->options |= SEGMENT_OPT_MD5;
            break;
        case 29: /* RFC 5925 2.2 */
            if (len >= 2)
                s->options |= SEGMENT_OPT_AO;
            break;
        case 30: /* RFC 8684 section 3 */ s->options |= SEGMENT_OPT_MPTCP; break;
        case 34: /* RFC 7413 4.1.1 */ fast_open_cookie(len, s); break;
        case 253: /* shared by experiments; the number of Fast Open's is in RFC 7413 section 7 */
        case 254:
            if (len >= 2 && cursor_be16(&value) == 0xf989)
                fast_open_cookie(len - 2, s);
            break;
        }
    }
}

static inline void set_endpoint(struct endpoint *e, const struct ip_packet *packet, const uint8_t *addr, uint16_t port)
{
    if (packet->ipv6)
        e->addr = addr_from_ipv6(addr);
    else
        e->addr = addr_from_ipv4(addr);
    e->port = port;
}

static enum segment_result tcp_header(const struct walk *w, const struct ip_packet *packet, struct segment *ret_segment,
                                      struct segment_aside *ret_aside)
{
    struct cursor c = w->c;
    const uint64_t start = c.at, len = c.wire - start, have = c.have - start;
    const uint8_t *header = cursor_take(&c, 16); /* up to the window */
    const uint16_t offset_flags = be16_at(header + 12);
    const uint64_t header_len = (offset_flags >> 12) * 4u;

    if (c.overrun)
        return ip_packet_overrun(&c, packet->fragment);
    if (header_len < 20 || (header_len > len && !packet->fragment))
        return SEGMENT_MALFORMED;

    set_endpoint(&ret_segment->src, packet, packet->src, be16_at(header));
    set_endpoint(&ret_segment->dst, packet, packet->dst, be16_at(header + 2));
    ret_segment->seq = be32_at(header + 4);
    ret_segment->ack = be32_at(header + 8);
    ret_segment->payload_len = len > header_len ? (uint32_t)(len - header_len) : 0;
    ret_segment->flags = offset_flags & 0x1ff;
    ret_segment->window = be16_at(header + 14);
    ret_segment->cut = header_len > have;
    ret_segment->bad_checksum = !packet->fragment && packet->length_known && !packet->rerouted && have == len &&
                                checksum_wrong(packet, IP_TCP, header, len, 16);
    ret_segment->ifindex = w->ifindex;
    no_options(ret_segment);
    ret_aside->header = header;
    ret_aside->header_len = (uint8_t)(ret_segment->cut ? have : header_len);

    if (header_len == 20)
        return SEGMENT_OK;
    cursor_skip(&c, 4); /* checksum, urgent pointer */
    if (!ret_segment->cut)
        c = cursor_split(&c, header_len - 20);
    tcp_options(&c, ret_segment);
    return SEGMENT_OK;
}

/* The walk's beginning; its hops need no zeros. */
static void begin(struct walk *w, const uint8_t *data, size_t caplen, size_t len)
{
    w->c = (struct cursor){ .data = data, .have = caplen, .wire = len > caplen ? len : caplen };
    w->ifindex = 0;
    w->skip = (struct skip){ .kind = SKIP_NOTHING };
    w->doubtful = false;
    w->hop_count = 0;
}

bool segment_link_supported(int dlt)
{
    struct walk w;
    uint16_t type;

    begin(&w, (const uint8_t[]){ 0 }, 0, 0);
    return link_open(dlt, &w, &type) != SEGMENT_UNSUPPORTED_LINK;
}

/* Which tunnel it came through; where that cannot be kept, its connection would be mistaken for another's. */
static RARE enum segment_result name_tunnel(struct walk *w, struct tunnels *tunnels, enum segment_result result,
                                            struct segment_aside *ret_aside)
{
    ret_aside->tunnel = tunnels_find(tunnels, w->hops, w->hop_count);
    if (ret_aside->tunnel)
        return result;
    walk_skip(w, SKIP_FURTHER, 0);
    return SEGMENT_NOT_TCP;
}

enum segment_result segment_parse(int dlt, const uint8_t *data, size_t caplen, size_t len, struct tunnels *tunnels,
                                  struct segment *ret_segment, struct segment_aside *ret_aside)
{
    struct walk w NO_ZEROS;
    struct ip_packet packet NO_ZEROS;
    enum segment_result result;

    begin(&w, data, caplen, len);
    ret_aside->tunnel = NULL;
    result = ip_packet_open(dlt, &w, &packet);
    if (w.hop_count && (result == SEGMENT_OK || result == SEGMENT_ICMP || result == SEGMENT_UDP))
        result = name_tunnel(&w, tunnels, result, ret_aside);
    if (result == SEGMENT_OK)
        result = tcp_header(&w, &packet, ret_segment, ret_aside);
    else if (result == SEGMENT_ICMP)
        result = icmp_open(&w, &packet, &ret_aside->icmp);
    else if (result == SEGMENT_UDP)
        result = datagram_open(&w, &packet, &ret_aside->datagram);
    if (result == SEGMENT_TRUNCATED || result == SEGMENT_MALFORMED)
        walk_skip(&w, result == SEGMENT_TRUNCATED ? SKIP_TRUNCATED : SKIP_MALFORMED, 0);
    if (result != SEGMENT_OK)
        ret_aside->skip = w.skip;
    return result;
}
