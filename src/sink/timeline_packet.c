/* Packets as lines of the timeline: an arrow from the end that sent. */
#include "timeline_parts.h"

#define ARROW_MIN 2 /* dashes at either side of a segment's text */

/* Where Wireshark shows it. */
static void add_frame(struct line *l, uint64_t frame)
{
    if (frame)
        line_addf(l, "  frame %llu", (unsigned long long)frame);
}

static void add_flags(struct line *l, unsigned flags)
{
    static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };
    const char *comma = "";

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(flags & 1U << i))
            continue;
        line_addf(l, "%s%s", comma, names[i]);
        comma = ",";
    }
    if (!*comma)
        line_add(l, "no flags");
}

static enum line_style segment_style(const struct change *c)
{
    const unsigned harmless = NOTE_KEEP_ALIVE;
    const struct segment *s = &c->segment.segment;

    if (c->segment.notes & ~harmless || s->flags & SEGMENT_RST)
        return STYLE_ALARM;
    if (s->flags & (SEGMENT_SYN | SEGMENT_FIN))
        return STYLE_BOLD;
    return s->payload_len ? STYLE_PLAIN : STYLE_DIM;
}

/* "── SYN seq=0 ────▶" from the client, "◀──── SYN,ACK seq=0 ack=1 ──" from the server: the text is at the sender. */
static void add_arrow(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const bool from_client = c->end == END_CLIENT;
    const unsigned around = ARROW_MIN + 2 + 1; /* dashes at the sender, two spaces, the head */
    unsigned dashes = ARROW_MIN;
    char buf[192];
    struct line text = line_piece(l, buf, sizeof(buf));

    add_flags(&text, s->flags);
    line_addf(&text, " seq=%lld", (long long)c->segment.seq);
    if (s->flags & SEGMENT_ACK)
        line_addf(&text, " ack=%lld", (long long)c->segment.ack);
    if (s->payload_len)
        line_addf(&text, " len=%u", s->payload_len);
    if (text.cells + around + dashes < l->lane)
        dashes = l->lane - text.cells - around;

    line_add(l, from_client ? "── " : "◀");
    for (unsigned i = 0; !from_client && i < dashes; i++)
        line_add(l, "─");
    if (!from_client)
        line_add(l, " ");
    line_join(l, &text);
    if (from_client)
        line_add(l, " ");
    for (unsigned i = 0; from_client && i < dashes; i++)
        line_add(l, "─");
    line_add(l, from_client ? "▶" : " ──");
}

void timeline_segment(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const enum line_style style = segment_style(c);
    const char *comma = "";

    line_style(l, style, false);
    add_arrow(l, c);
    if (style != STYLE_PLAIN)
        line_reset_style(l);
    line_add(l, "  ");
    if (c->segment.notes) {
        line_style(l, style, false);
        for (unsigned bit = 0; bit < NOTE_N; bit++) {
            if (!(c->segment.notes & 1U << bit))
                continue;
            line_addf(l, "%s%s", comma, segment_note_name(bit));
            comma = ", ";
        }
        line_reset_style(l);
        line_add(l, "  ");
    }
    line_style(l, STYLE_DIM, false);
    line_addf(l, "win=%llu", (unsigned long long)c->segment.window);
    if (s->options & SEGMENT_OPT_MSS)
        line_addf(l, " mss=%u", s->mss);
    if (s->options & SEGMENT_OPT_WSCALE)
        line_addf(l, " wscale=%u", s->wscale);
    if (s->options & SEGMENT_OPT_SACK_OK)
        line_add(l, " sack_ok");
    if (s->options & SEGMENT_OPT_SACK)
        for (unsigned i = 0; i < s->sack_count && i < SEGMENT_SACK_MAX; i++)
            line_addf(l, " sack=%llu-%llu", (unsigned long long)c->segment.sack[i][0],
                      (unsigned long long)c->segment.sack[i][1]);
    if (s->options & SEGMENT_OPT_TFO)
        line_addf(l, " tfo=%u", s->tfo_len);
    if (s->options & SEGMENT_OPT_MPTCP)
        line_add(l, " mptcp");
    if (s->options & SEGMENT_OPT_MD5)
        line_add(l, " md5");
    if (s->options & SEGMENT_OPT_AO)
        line_add(l, " ao");
    if (s->cut)
        line_add(l, " cut");
    add_frame(l, c->segment.frame);
    line_reset_style(l);
}

void timeline_icmp(struct line *l, const struct change *c)
{
    char buf[192], by[ADDR_TEXT_MAX];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_ALARM, false);
    timeline_begin_side(&lane, c);
    line_addf(&lane, "ICMP %s", icmp_error_name(c->icmp.error));
    timeline_end_side(l, c, &lane);
    line_addf(l, "by %s", addr_format(&c->icmp.by, by));
    if (c->icmp.mtu)
        line_addf(l, ": at most %u bytes pass", c->icmp.mtu);
    add_frame(l, c->icmp.frame);
}

static void add_dns(struct line *l, const struct dns *d)
{
    char word[DNS_WORD_MAX], addr[ADDR_TEXT_MAX];

    line_add(l, "  DNS ");
    if (d->type) {
        line_addf(l, "%s ", dns_type_name(d->type, word));
        line_add_untrusted(l, d->name, sizeof(d->name));
    }
    if (!d->response) {
        line_add(l, "?");
        return;
    }
    line_addf(l, ": %s", dns_rcode_name(d->rcode, word));
    for (unsigned i = 0; i < d->addresses && i < DNS_ANSWERS_MAX; i++)
        line_addf(l, "%s %s", i ? "," : "", addr_format(&d->answers[i], addr));
}

void timeline_datagram(struct line *l, const struct change *c)
{
    const struct datagram *d = &c->datagram.datagram;
    const bool problem = d->is_error || d->checksum == DATAGRAM_CHECKSUM_BAD || c->datagram.lost;
    char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX], by[ADDR_TEXT_MAX];

    line_style(l, problem ? STYLE_ALARM : STYLE_PLAIN, false);
    line_addf(l, "   %s ╌╌ UDP len=%u ╌╌▷ %s", endpoint_format(&d->src, from), d->len, endpoint_format(&d->dst, to));
    if (d->is_error)
        line_addf(l, "  refused: ICMP %s by %s", icmp_error_name(d->error), addr_format(&d->by, by));
    if (d->checksum == DATAGRAM_CHECKSUM_BAD)
        line_add(l, "  bad checksum");
    if (c->datagram.lost)
        line_add(l, "  lost on the wire");
    if (problem)
        line_reset_style(l);
    if (d->is_dns)
        add_dns(l, &d->dns);
    add_frame(l, c->datagram.frame);
}

void timeline_arrival(struct line *l, const struct change *c)
{
    char buf[128];
    struct line lane = line_piece(l, buf, sizeof(buf));

    timeline_begin_side(&lane, c);
    line_add(&lane, "segment arrives");
    timeline_end_side(l, c, &lane);
    timeline_duration(l, c->arrival.delay_ns);
    line_add(l, " after it was sent");
}
