/* Peers that were gone and had not said so: keep-alive, or TCP_USER_TIMEOUT, found it out. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || (c->outcome.cause != CAUSE_KEEP_ALIVE_TIMEOUT && c->outcome.cause != CAUSE_USER_TIMEOUT))
        return false;
    *ret_subject = finding_host(s->life, c->outcome.cause_end == END_SERVER ? END_CLIENT : END_SERVER, false);
    ret_subject->cause = c->outcome.cause;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(w, "%s was gone, and did not say so, on %llu connection%s: %s.", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count),
                f->subject.cause == CAUSE_KEEP_ALIVE_TIMEOUT ? "keep-alive probes were not answered"
                                                             : "nothing was acknowledged for TCP_USER_TIMEOUT");
    finding_advise(w, "see what became of it: a crash, a cable, a NAT or filter that forgot the idle connection");
    if (f->subject.cause == CAUSE_KEEP_ALIVE_TIMEOUT)
        finding_advise(w, "to know sooner: TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT (net.ipv4.tcp_keepalive_time%s)",
                       finding_here(f, SYSCTL_KEEPALIVE_TIME, here));
    else
        finding_advise(w, "to wait longer: a larger TCP_USER_TIMEOUT");
}

const struct finding_ops finding_half_open_ops = {
    .kind = FINDING_half_open,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .concerns = concerns,
    .say = say,
};
