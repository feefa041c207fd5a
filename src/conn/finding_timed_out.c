/* A kernel that gave up: what it sent again was never acknowledged. */
#include "finding.h"

enum { LONGEST };

/* The end that drops is named itself; else who gave up is. */
static enum end waited_for(const struct change *c)
{
    if (c->outcome.cause == CAUSE_SIGNATURE_REFUSED)
        return c->outcome.cause_end;
    return c->outcome.cause_end == END_SERVER ? END_CLIENT : END_SERVER;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || c->outcome.verdict != VERDICT_TIMED_OUT || c->outcome.cause == CAUSE_KEEP_ALIVE_TIMEOUT ||
        c->outcome.cause == CAUSE_USER_TIMEOUT)
        return false;
    *ret_subject = finding_host(s->life, waited_for(c), false);
    ret_subject->cause = c->outcome.cause;
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], s->change->outcome.duration_ns);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    if (f->subject.cause == CAUSE_SIGNATURE_REFUSED) {
        finding_say(w, "%llu connection%s timed out: %s dropped what came for its signature (TCP-MD5, TCP-AO).",
                    (unsigned long long)f->count, finding_s(f->count), finding_where(f, where));
        finding_advise(w, "give both ends the same key for the other's address (BGP: the neighbor's password)");
        return;
    }
    finding_say(w, "%llu connection%s timed out waiting for %s", (unsigned long long)f->count, finding_s(f->count),
                finding_where(f, where));
    switch (f->subject.cause) {
    case CAUSE_RETRANSMISSION_TIMEOUT: finding_say(w, ": what was sent again was never acknowledged."); break;
    case CAUSE_PROBE_TIMEOUT:
        finding_say(w, ": its window was zero, and no probe brought an open one.");
        finding_advise(w, "let the application there read: its receive buffer was full");
        finding_advise_to_look(w);
        break;
    case CAUSE_ORPHAN_TIMEOUT:
        finding_say(w, ": the application had closed, and the kernel waits for so long only.");
        finding_advise(w, "net.ipv4.tcp_orphan_retries%s says how often a closed socket tries again",
                       finding_here(f, SYSCTL_ORPHAN_RETRIES, here));
        break;
    default: finding_say(w, ".");
    }
    finding_advise(w, "see whether that host, or the way to it, was gone: a restart, a filter, a NAT that forgot");
    finding_advise(w, "to know sooner: TCP_USER_TIMEOUT on the socket, or net.ipv4.tcp_retries2%s",
                   finding_here(f, SYSCTL_RETRIES2, here));
}

const struct finding_ops finding_timed_out_ops = {
    .kind = FINDING_timed_out,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .follows_from = OF(local_drop) | OF(mtu),
    .trail = TRAIL_AGAIN,
    .figures = { "longest_ns" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
