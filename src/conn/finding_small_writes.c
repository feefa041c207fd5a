/* Nagle's algorithm against delayed ACKs: a small segment is held back until the one before it is acknowledged, and its
 * receiver acknowledges that late, as it has nothing to send. What shows it: an ACK that comes alone after the time of a
 * delayed ACK, and a small segment of the peer at once. */
#include "finding.h"

#define DELAYED_MIN_NS 35000000ull  /* TCP_DELACK_MIN is 40 ms */
#define DELAYED_MAX_NS 250000000ull /* TCP_DELACK_MAX, and others': 200 ms */
#define AT_ONCE_NS 2000000ull
#define SMALL 1000
#define FEW 3

enum { LONGEST, STALLED };

static struct finding_watch *delayed_of(const struct finding_sight *s)
{
    return &s->all->delayed[s->change->conn % FINDING_WATCHED];
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    const uint32_t len = c->segment.segment.payload_len;
    struct finding_watch *w = delayed_of(s);

    if (!len && c->segment.rtt_ns >= DELAYED_MIN_NS && c->segment.rtt_ns <= DELAYED_MAX_NS &&
        !(c->segment.segment.flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) && s->life &&
        notes_rtt_ns(&s->life->notes) < c->segment.rtt_ns / 2) {
        *w = (struct finding_watch){ c->conn, c->end, c->ts_ns, c->segment.rtt_ns };
        return false;
    }
    if (w->conn != c->conn)
        return false;
    w->conn = 0;
    if (w->by == c->end || !len || len >= SMALL || c->segment.notes || c->ts_ns - w->ts_ns > AT_ONCE_NS || !s->life)
        return false;
    *ret_subject = finding_end(s->life, c->end);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const uint64_t waited = delayed_of(s)->waited_ns;

    figure_max(&f->figures[LONGEST], waited);
    f->figures[STALLED] += waited;
    return true;
}

static bool matters(const struct finding *f)
{
    return f->count >= FEW;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], longest[FINDING_TIME_MAX], stalled[FINDING_TIME_MAX];

    finding_say(
        w,
        "%s held small segments back until a delayed ACK came, %llu times: %s altogether, up to %s at once (Nagle's "
        "algorithm).",
        finding_where(f, where), (unsigned long long)f->count, finding_time(f->figures[STALLED], stalled),
        finding_time(f->figures[LONGEST], longest));
    finding_advise(w, "write each message with one call: gather its pieces (writev, a buffer, MSG_MORE)");
    finding_advise(w, "set TCP_NODELAY on that socket; each small write is then a packet of its own");
    finding_advise(w, "at the receiver TCP_QUICKACK shortens the wait, until the kernel takes it back");
}

const struct finding_ops finding_small_writes_ops = {
    .kind = FINDING_small_writes,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(SEGMENT),
    .sums = 1 << STALLED,
    .figures = { "longest_ns", "stalled_ns" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
