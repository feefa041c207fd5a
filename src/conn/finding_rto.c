/* Connections that stand still until the retransmission timer fires: too little is under way for duplicate ACKs to tell of a
 * loss sooner. */
#include "finding.h"

#define RTO_MIN_NS 200000000ull /* TCP_RTO_MIN: what is sent again sooner was asked for otherwise */
#define LONG_NS 1000000000ull
#define FEW 3

enum { LONGEST, STALLED };
enum { FOLLOWED, LAST };

/* Packets show that time has passed, where no kernel tells of the timer. */
static bool is_shown(const struct finding_sight *s)
{
    const struct change *c = s->change;

    return c->segment.segment.payload_len &&
           !(c->segment.notes & (NOTE_FAST_RETRANSMISSION | NOTE_SPURIOUS_RETRANSMISSION)) &&
           !ends_kernel_tells(&s->life->conn.ends, c->end) &&
           notes_since_new(&s->life->notes, c->end, c->ts_ns) >= RTO_MIN_NS;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || ends_best(&s->life->conn.ends, c->end) < TCP_STATE_ESTABLISHED)
        return false;
    if (c->kind == CHANGE_SEGMENT ? !is_shown(s) : c->timer.name != TIMER_RETRANSMIT || c->timer.phase != TIMER_FIRED)
        return false;
    *ret_subject = finding_host(s->life, !c->end, false);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const struct change *c = s->change;
    uint64_t waited = c->timer.waited_ns ? c->timer.waited_ns : c->timer.rto_ns;

    if (c->kind == CHANGE_SEGMENT) {
        waited = notes_since_new(&s->life->notes, c->end, c->ts_ns);
        if (f->kept[FOLLOWED] == c->conn && c->ts_ns - f->kept[LAST] < waited) /* not the first time */
            waited = c->ts_ns - f->kept[LAST];
        f->kept[FOLLOWED] = c->conn;
        f->kept[LAST] = c->ts_ns;
    }
    figure_max(&f->figures[LONGEST], waited);
    f->figures[STALLED] += waited;
    return true;
}

/* One tail loss is nothing to tell. */
static bool matters(const struct finding *f)
{
    return f->figures[STALLED] >= LONG_NS || f->count >= FEW;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], longest[FINDING_TIME_MAX], stalled[FINDING_TIME_MAX];

    finding_say(w, "What was sent to %s waited for its retransmission timer %llu time%s", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count));
    if (f->figures[STALLED])
        finding_say(w, ": %s of standing still, up to %s at once", finding_time(f->figures[STALLED], stalled),
                    finding_time(f->figures[LONGEST], longest));
    finding_say(w, ".");
    finding_advise(w, "look for loss on the way to it, or a host that does not answer");
    finding_advise(w, "leave net.ipv4.tcp_sack and TCP's tail loss probes on (net.ipv4.tcp_early_retrans 3)");
}

const struct finding_ops finding_rto_ops = {
    .kind = FINDING_rto,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(TIMER) | SEEN_IN(SEGMENT),
    .notes = NOTE_RETRANSMISSION,
    .follows_from = OF(local_drop) | OF(mtu) | OF(half_open) | OF(timed_out),
    .waits = true,
    .sums = 1 << STALLED,
    .figures = { "longest_ns", "stalled_ns" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
