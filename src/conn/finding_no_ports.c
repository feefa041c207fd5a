/* connect(), or bind() to any port, that found none. */
#include "finding.h"

#include <errno.h>

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct call *call = &s->change->call.call;

    ret_subject->owner = call->task;
    return call->ret == -EADDRNOTAVAIL && strcmp(call->name, "connect") == 0;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(
        w, "connect() of %s failed %llu time%s with EADDRNOTAVAIL: no local port was free, or the address is not here.",
        finding_where(f, where), (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "keep connections and use them again (keep-alive, a pool)");
    finding_advise(w, "widen net.ipv4.ip_local_port_range%s", finding_here(f, SYSCTL_LOCAL_PORT_RANGE, here));
    finding_advise(w, "set net.ipv4.tcp_tw_reuse to 1%s, or connect from several addresses",
                   finding_here(f, SYSCTL_TW_REUSE, here));
}

const struct finding_ops finding_no_ports_ops = {
    .kind = FINDING_no_ports,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(CALL),
    .concerns = concerns,
    .say = say,
};
