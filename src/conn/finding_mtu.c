/* Only large segments are lost: a link on the way takes no packet of that size, and its ICMP error does not come. A segment
 * is large if all that was acknowledged before it is less: none of its size ever arrived. That shorter ones do arrive must have
 * been seen since it was lost: of a host that is gone nothing arrives. */
#include "finding.h"

#define LARGE 1000
#define OFTEN 3

enum { SIZE };

static struct finding_large *large_of(const struct finding_sight *s)
{
    return &s->all->large[s->change->conn % FINDING_WATCHED];
}

static bool is_followed(const struct finding_sight *s, enum end sender)
{
    const struct finding_large *l = large_of(s);

    return l->at.conn == s->change->conn && l->at.by == sender;
}

/* It was sent again. What followed it may have been acknowledged before, by selection. */
static void follow(const struct finding_sight *s)
{
    const struct change *c = s->change;
    struct finding_large *l = large_of(s);

    if (!is_followed(s, c->end) || l->seq != c->segment.seq)
        *l = (struct finding_large){ .at = { c->conn, c->end, c->ts_ns, 0 },
                                     .seq = c->segment.seq,
                                     .shorter_arrives = s->life->notes.end[!c->end].dup_acks > 0 };
    l->times++;
    if (c->segment.segment.payload_len > l->len)
        l->len = c->segment.segment.payload_len;
}

static bool has_large_block(const struct finding_sight *s, uint32_t len)
{
    const struct change *c = s->change;

    for (unsigned i = 0; i < c->segment.segment.sack_count; i++)
        if (c->segment.sack[i][1] - c->segment.sack[i][0] >= len)
            return true;
    return false;
}

/* The receiver says what arrived since. */
static void learn(const struct finding_sight *s)
{
    const struct change *c = s->change;
    struct finding_large *l = large_of(s);

    if (c->segment.ack >= l->seq + l->len || has_large_block(s, l->len))
        l->at.conn = 0;
    else if (c->segment.ack > l->seq || c->segment.segment.sack_count || (c->segment.notes & NOTE_DUPLICATE_ACK))
        l->shorter_arrives = true;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    const uint32_t len = c->segment.segment.payload_len;

    if (!s->life || !s->life->conn.ends.established)
        return false;
    if ((c->segment.notes & NOTE_RETRANSMISSION) && len >= LARGE && c->segment.seq <= len)
        follow(s);
    else if (is_followed(s, !c->end))
        learn(s);
    if (large_of(s)->at.conn != c->conn || large_of(s)->times < OFTEN || !large_of(s)->shorter_arrives ||
        finding_is_shown(s, FINDING_mtu))
        return false;
    *ret_subject = finding_host(s->life, !large_of(s)->at.by, false);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[SIZE], large_of(s)->len);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(
        w,
        "Segments of %llu bytes to %s were sent again and again, on %llu connection%s; none that large was ever "
        "acknowledged, shorter ones were, and still are. A link on the way may be too small for them.",
        (unsigned long long)f->figures[SIZE], finding_where(f, where), (unsigned long long)f->count,
        finding_s(f->count));
    finding_advise(w, "let ICMP \"fragmentation needed\" (IPv6: \"packet too big\") through all filters on the way");
    finding_advise(w, "set net.ipv4.tcp_mtu_probing to 1%s: TCP then tries smaller segments by itself",
                   finding_here(f, SYSCTL_MTU_PROBING, here));
    finding_advise(w,
                   "clamp the MSS to the link (nft: tcp option maxseg size set rt mtu), or lower the interface's MTU");
}

const struct finding_ops finding_mtu_ops = {
    .kind = FINDING_mtu,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(SEGMENT),
    .trail = TRAIL_AGAIN,
    .figures = { "size" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
