/* Handshakes that the server answered and nobody completed: its SYN,ACK is lost, or the client is not there. */
#include "finding.h"

#define LONG_NS 1000000000ull
#define FEW 3

enum { LONGEST };

/* The last ACK may still be on its way when a trace ends. */
static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (!s->life || c->outcome.verdict != VERDICT_HANDSHAKE_INCOMPLETE ||
        (c->outcome.cause != CAUSE_NONE && c->outcome.cause != CAUSE_NO_ACK &&
         c->outcome.cause != CAUSE_ACK_UNACCEPTABLE))
        return false;
    if (c->outcome.cause != CAUSE_ACK_UNACCEPTABLE && c->outcome.final[END_SERVER] == TCP_STATE_SYN_RECEIVED &&
        c->outcome.state_ns[END_SERVER][TCP_STATE_SYN_RECEIVED] < LONG_NS)
        return false;
    *ret_subject = finding_host(s->life, END_SERVER, true);
    ret_subject->cause = c->outcome.cause;
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], s->change->outcome.state_ns[END_SERVER][TCP_STATE_SYN_RECEIVED]);
    return true;
}

static bool matters(const struct finding *f)
{
    return f->figures[LONGEST] >= LONG_NS || f->count >= FEW;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(w, "%llu handshake%s with %s %s not completed: ", (unsigned long long)f->count, finding_s(f->count),
                finding_where(f, where), f->count == 1 ? "was" : "were");
    if (f->subject.cause == CAUSE_ACK_UNACCEPTABLE) {
        finding_say(w, "what the client answered the SYN,ACK with was not acceptable.");
        finding_advise(w, "look for a device in between that changes sequence numbers, or for forged segments");
        return;
    }
    finding_say(w,
                f->subject.cause == CAUSE_NO_ACK ? "no ACK of the SYN,ACK came." : "no ACK was taken for the SYN,ACK.");
    finding_advise(w, "see whether the SYN,ACK reaches the client: a route back that differs, or a filter on it");
    finding_advise(w, "where the clients are forged (a SYN flood), net.ipv4.tcp_syncookies%s keeps the queue free",
                   finding_here(f, SYSCTL_SYNCOOKIES, here));
}

const struct finding_ops finding_handshake_ops = {
    .kind = FINDING_handshake,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .figures = { "longest_ns" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
