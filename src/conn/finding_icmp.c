/* Connections that an ICMP error ended: a filter that refuses, a route or a host that is not there. */
#include "finding.h"

/* Whom what the error is about was sent to. */
static enum end receiver_of(const struct finding_sight *s)
{
    const uint8_t *icmp = s->life->wire.icmp;

    return s->change->outcome.cause_end == END_SERVER || (icmp[END_SERVER] && !icmp[END_CLIENT]) ? END_CLIENT
                                                                                                 : END_SERVER;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const enum cause cause = s->change->outcome.cause;

    if (!s->life || cause < CAUSE_ICMP_NET_UNREACHABLE || cause > CAUSE_ICMP_OTHER)
        return false;
    *ret_subject = finding_host(s->life, receiver_of(s), receiver_of(s) == END_SERVER);
    ret_subject->cause = cause;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    const enum cause cause = f->subject.cause;
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(w, "%llu connection%s with %s met an ICMP error: %s.", (unsigned long long)f->count,
                finding_s(f->count), finding_where(f, where), cause_name(cause) + strlen("icmp-"));
    switch (cause) {
    case CAUSE_ICMP_NET_UNREACHABLE:
    case CAUSE_ICMP_HOST_UNREACHABLE:
        finding_advise(w, "see whether the host is up, and whether there is a route to it (ip route get)");
        break;
    case CAUSE_ICMP_FRAGMENTATION_NEEDED:
        finding_advise(w, "see whether the sender gets this ICMP error: a filter that drops it makes a black hole");
        finding_advise(w, "set net.ipv4.tcp_mtu_probing to 1%s, or clamp the MSS where the link is",
                       finding_here(f, SYSCTL_MTU_PROBING, here));
        break;
    case CAUSE_ICMP_TIME_EXCEEDED: finding_advise(w, "look for a loop among the routes (traceroute)"); break;
    case CAUSE_ICMP_OTHER:
    case CAUSE_ICMP_SOURCE_ROUTE_FAILED:
        finding_advise(w, "see who sent it, and why: the packets show its sender");
        break;
    default:
        finding_advise(
            w, "a filter refuses: let it accept this port (nft list ruleset, iptables -S, on the host that sent the "
               "error)");
        finding_advise(w, "see whether the client has the right address and port");
    }
}

const struct finding_ops finding_icmp_ops = {
    .kind = FINDING_icmp,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .concerns = concerns,
    .say = say,
};
