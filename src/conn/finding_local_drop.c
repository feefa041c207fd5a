/* What a host's own filter, or a full queue of its own, dropped before the wire. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || c->outcome.cause != CAUSE_LOCAL_DROP)
        return false;
    *ret_subject = finding_end(s->life, c->outcome.cause_end < END_N ? c->outcome.cause_end : END_CLIENT);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "What %s sent on %llu connection%s was dropped on its own host.", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "look for a rule of the output chain (nft list ruleset, iptables -S OUTPUT)");
    finding_advise(w, "look for drops of the interface's queue (tc -s qdisc)");
}

const struct finding_ops finding_local_drop_ops = {
    .kind = FINDING_local_drop,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .concerns = concerns,
    .say = say,
};
