/* What a host's own filter, its routes, or a full queue of its own, dropped before the wire. A timer that fires sends something:
 * where nothing is among the packets until it fires once more, it did not get there. */
#include "finding.h"

#define SURE_NS 10000000ull /* more than the clocks of the witnesses differ */

static bool is_of_writing(const struct change *c)
{
    return c->timer.phase == TIMER_FIRED && (c->timer.name == TIMER_PERSIST || c->timer.name == TIMER_RETRANSMIT);
}

/* Nothing of it came by since the time before. */
static bool fired_in_vain(const struct finding_sight *s)
{
    const struct change *c = s->change;
    struct finding_watch *w = &s->all->fired[c->conn % FINDING_WATCHED];
    const struct finding_watch before = *w;

    *w = (struct finding_watch){ c->conn, c->end, c->ts_ns, 0 };
    return before.conn == c->conn && before.by == c->end && c->ts_ns > before.ts_ns &&
           notes_since_last(&s->life->notes, c->end, c->ts_ns) > c->ts_ns - before.ts_ns + SURE_NS;
}

static bool is_shown_by_timer(const struct finding_sight *s)
{
    const struct change *c = s->change;

    return !s->all->unsure && is_of_writing(c) && ends_best(&s->life->conn.ends, c->end) >= TCP_STATE_ESTABLISHED &&
           s->life->conn.streams.of[c->end].segments && fired_in_vain(s);
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    enum end end = c->end;

    if (!s->life || finding_is_shown(s, FINDING_local_drop))
        return false;
    if (c->kind == CHANGE_OUTCOME)
        end = c->outcome.cause_end < END_N ? c->outcome.cause_end : END_CLIENT;
    if (c->kind == CHANGE_OUTCOME ? c->outcome.cause != CAUSE_LOCAL_DROP : !is_shown_by_timer(s))
        return false;
    *ret_subject = finding_end(s->life, end);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "What %s sent on %llu connection%s was dropped on its own host: it never reached an interface.",
                finding_where(f, where), (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "look for a rule of the output chain (nft list ruleset, iptables -S OUTPUT)");
    finding_advise(w, "look for a route that discards it, or none (ip route get, ip rule)");
    finding_advise(w, "look for drops of the interface's queue (tc -s qdisc)");
}

const struct finding_ops finding_local_drop_ops = {
    .kind = FINDING_local_drop,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME) | SEEN_IN(TIMER),
    .only_bad = true,
    .concerns = concerns,
    .say = say,
};
