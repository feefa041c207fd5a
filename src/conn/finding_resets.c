/* Connections that a RST ended, by who sent it and why. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    const bool by_client = c->outcome.verdict == VERDICT_RESET_BY_CLIENT;

    if (!s->life || (!by_client && c->outcome.verdict != VERDICT_RESET_BY_SERVER))
        return false;
    *ret_subject = finding_host(s->life, by_client ? END_CLIENT : END_SERVER, !by_client);
    ret_subject->cause = c->outcome.cause;
    return true;
}

/* What that end did, and what helps. */
static const struct {
    const char *what, *remedy[2];
} known[CAUSE_N] = {
    [CAUSE_LISTENER_CLOSED] = { "its listener was closed before accept() took them",
                                { "let a server that stops take what waits first: shutdown comes after the last accept()" } },
    [CAUSE_UNREAD_DATA] = { "it closed with data unread",
                            { "read until recv() returns 0 before close(); else what was sent last may be lost with the RST",
                              "shutdown(SHUT_WR), read on, then close()" } },
    [CAUSE_ABORT] = { "it asked for that: SO_LINGER with a time of 0, TCP_LINGER2 below 0, or a call that aborts",
                      { "do not set SO_LINGER to 0 where the peer must get all that was sent" } },
    [CAUSE_DATA_AFTER_CLOSE] = { "data came after its application had closed",
                                 { "let the end that closes wait for the other's last data: shutdown(SHUT_WR), read until 0" } },
    [CAUSE_NO_SOCKET] = { "it had no such connection, or no longer",
                          { "look for a restart, or a timeout of idle connections in between (a NAT, a load balancer)",
                            "keep long connections alive: SO_KEEPALIVE, with TCP_KEEPIDLE below that timeout" } },
    [CAUSE_KILLED] = { "their sockets were destroyed from outside (ss -K)", { NULL } },
    [CAUSE_FILTER_RESET] = { "a packet filter did, or somebody forged it",
                             { "see whether a filter there refuses the connection (nft list ruleset, iptables -S)" } },
    [CAUSE_ACCEPT_QUEUE_FULL] = { "its accept queue was full", { "set net.ipv4.tcp_abort_on_overflow to 0" } },
};

static void say(const struct finding *f, struct finding_words *w)
{
    const enum cause cause = f->subject.cause;
    char where[FINDING_WHERE_MAX];

    if (cause == CAUSE_FILTER_RESET)
        finding_say(w, "%llu connection%s ended by a RST in the name of %s, whose TCP did not send it",
                    (unsigned long long)f->count, f->count == 1 ? " was" : "s were", finding_where(f, where));
    else
        finding_say(w, "%s ended %llu connection%s with a RST", finding_where(f, where), (unsigned long long)f->count,
                    finding_s(f->count));
    if (cause == CAUSE_NONE)
        finding_say(w, "; why was not seen.");
    else
        finding_say(w, ": %s.", known[cause].what ? known[cause].what : cause_name(cause));
    for (unsigned i = 0; i < 2 && known[cause].remedy[i]; i++)
        finding_advise(w, "%s", known[cause].remedy[i]);
    if (cause == CAUSE_NONE)
        finding_advise(w, "trace on the host that sends the RST: its kernel tells why");
}

const struct finding_ops finding_resets_ops = {
    .kind = FINDING_resets,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .trail = TRAIL_RESET,
    .concerns = concerns,
    .say = say,
};
