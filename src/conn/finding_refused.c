/* Connections that a RST refused. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || c->outcome.verdict != VERDICT_REFUSED)
        return false;
    *ret_subject = finding_host(s->life, END_SERVER, true);
    ret_subject->cause = c->outcome.cause;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "%s refused %llu connection%s with a RST.", finding_where(f, where), (unsigned long long)f->count,
                finding_s(f->count));
    if (f->subject.cause == CAUSE_NO_LISTENER)
        finding_say(w, " Nobody listened on that port.");
    if (f->subject.cause == CAUSE_FILTER_RESET) {
        finding_say(w, " The TCP there did not send it: a packet filter did.");
        finding_advise(w, "a filter refuses: let it accept this port (nft list ruleset, iptables -S, on that host)");
        return;
    }
    finding_advise(w, "start the server, or let it listen on this address and port (ss -ltn shows who does)");
    finding_advise(w, "see whether the client has the right address and port");
    if (f->subject.cause != CAUSE_NO_LISTENER)
        finding_advise(w,
                       "where the server listens: look for a filter that answers with a RST, or tcp_abort_on_overflow");
}

const struct finding_ops finding_refused_ops = {
    .kind = FINDING_refused,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .trail = TRAIL_RESET,
    .concerns = concerns,
    .say = say,
};
