/* A SYN at endpoints that the peer still holds, mostly in TIME-WAIT: it answers for the earlier connection. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    if (!s->life || s->change->outcome.cause != CAUSE_TIME_WAIT_ANSWERED)
        return false;
    *ret_subject = finding_host(s->life, END_SERVER, true);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "%s still held the endpoints of an earlier connection, and answered %llu SYN%s for that.",
                finding_where(f, where), (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "do not bind the client to a port: the kernel chooses one that is free");
    finding_advise(w, "leave net.ipv4.tcp_timestamps on at both ends: a newer SYN then ends TIME-WAIT");
    finding_advise(w, "behind a NAT: let it keep a mapping for longer than 60 s after the close");
}

const struct finding_ops finding_port_reuse_ops = {
    .kind = FINDING_port_reuse,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .concerns = concerns,
    .say = say,
};
