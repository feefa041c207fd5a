/* A closed end whose kernel no longer waits for the peer's FIN. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || c->timer.name != TIMER_FIN_WAIT_2 || c->timer.phase != TIMER_FIRED)
        return false;
    *ret_subject = finding_host(s->life, !c->end, c->end == END_CLIENT);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(w, "%s did not close %llu connection%s that its peer had closed: the peer's kernel gave up FIN-WAIT-2.",
                finding_where(f, where), (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "let the application there call close() when recv() has returned 0");
    finding_advise(w, "net.ipv4.tcp_fin_timeout%s says how many seconds a closed socket waits",
                   finding_here(f, SYSCTL_FIN_TIMEOUT, here));
}

const struct finding_ops finding_fin_wait_2_ops = {
    .kind = FINDING_fin_wait_2,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(TIMER),
    .concerns = concerns,
    .say = say,
};
