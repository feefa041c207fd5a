/* Connections that stand still until the retransmission timer fires: too little is under way for duplicate ACKs to tell of a
 * loss sooner. */
#include "finding.h"

#define LONG_NS 1000000000ull
#define FEW 3

enum { LONGEST, STALLED };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (c->timer.name != TIMER_RETRANSMIT || c->timer.phase != TIMER_FIRED || !s->life ||
        ends_best(&s->life->conn.ends, c->end) < TCP_STATE_ESTABLISHED)
        return false;
    *ret_subject = finding_host(s->life, !c->end, false);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], s->change->timer.rto_ns);
    f->figures[STALLED] += s->change->timer.rto_ns;
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

    finding_say(w, "What was sent to %s was not acknowledged until a timer fired, %llu time%s", finding_where(f, where),
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
    .of = SEEN_IN(TIMER),
    .figures = { "longest_ns", "stalled_ns" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
