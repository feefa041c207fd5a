/* Only large segments are lost: a link on the way takes no packet of that size, and its ICMP error does not come. A segment
 * is large if all that was acknowledged before it is less: none of its size ever arrived. */
#include "finding.h"

#define LARGE 1000
#define OFTEN 3

enum { SIZE };
enum { FOLLOWED, SEQ, TIMES };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    const uint32_t len = c->segment.segment.payload_len;

    if (len < LARGE || c->segment.seq > len || !s->life || !s->life->conn.ends.established)
        return false;
    *ret_subject = finding_host(s->life, !c->end, false);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const struct change *c = s->change;

    if (f->kept[FOLLOWED] != c->conn || f->kept[SEQ] != (uint64_t)c->segment.seq) {
        f->kept[FOLLOWED] = c->conn;
        f->kept[SEQ] = (uint64_t)c->segment.seq;
        f->kept[TIMES] = 0;
    }
    figure_max(&f->figures[SIZE], c->segment.segment.payload_len);
    return ++f->kept[TIMES] == OFTEN;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(
        w,
        "Segments of %llu bytes to %s were sent again and again, on %llu connection%s; none that large was ever "
        "acknowledged, shorter ones were. A link on the way may be too small for them.",
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
    .notes = NOTE_RETRANSMISSION,
    .figures = { "size" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
