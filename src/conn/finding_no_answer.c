/* SYNs that nothing answered. */
#include "finding.h"

#define LONG_NS 1000000000ull
#define FEW 3

enum { LONGEST, SENT };

/* A SYN at the end of a trace may still be answered. */
static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || c->outcome.verdict != VERDICT_NO_ANSWER ||
        (c->outcome.cause != CAUSE_NONE && c->outcome.cause != CAUSE_SYN_TIMEOUT &&
         c->outcome.cause != CAUSE_SUPERSEDED && c->outcome.cause != CAUSE_SIGNATURE_REFUSED))
        return false;
    if (c->outcome.final[END_CLIENT] == TCP_STATE_SYN_SENT &&
        c->outcome.state_ns[END_CLIENT][TCP_STATE_SYN_SENT] < LONG_NS)
        return false;
    *ret_subject = finding_host(s->life, END_SERVER, true);
    if (c->outcome.cause == CAUSE_SIGNATURE_REFUSED)
        ret_subject->cause = c->outcome.cause;
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], s->change->outcome.state_ns[END_CLIENT][TCP_STATE_SYN_SENT]);
    f->figures[SENT] += s->change->outcome.segments[END_CLIENT];
    return true;
}

/* Clients that gave up sooner were three at least. */
static bool matters(const struct finding *f)
{
    return f->figures[LONGEST] >= LONG_NS || f->count >= FEW;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], time[FINDING_TIME_MAX], here[FINDING_HERE_MAX];

    finding_say(w, "%s answered no SYN of %llu connection%s, for up to %s.", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count), finding_time(f->figures[LONGEST], time));
    if (f->subject.cause == CAUSE_SIGNATURE_REFUSED) {
        finding_say(w, " Their signature was missing, wrong, or not asked for (TCP-MD5, TCP-AO).");
        finding_advise(w, "give both ends the same key for the other's address (BGP: the neighbor's password)");
        return;
    }
    finding_advise(w, "look for a filter that drops in silence, on the way or at the server");
    finding_advise(w, "see whether the host is up and the address right");
    finding_advise(w, "to give up sooner: net.ipv4.tcp_syn_retries%s, or TCP_SYNCNT on the socket",
                   finding_here(f, SYSCTL_SYN_RETRIES, here));
}

const struct finding_ops finding_no_answer_ops = {
    .kind = FINDING_no_answer,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .trail = TRAIL_AGAIN,
    .sums = 1 << SENT,
    .figures = { "longest_ns", "syns" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
