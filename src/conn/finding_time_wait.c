/* Connections in TIME-WAIT at the end that opened them: each holds a port, towards one server, for a minute. */
#include "finding.h"

#include <stdlib.h>

#define MANY 10000 /* where the range of ports is not known */

enum { PEAK, PORTS };
enum { HELD };

/* Of several witnesses of one end, the one that knows better. */
static bool is_best(const struct finding_sight *s)
{
    return (s->change->state.source != WITNESS_WIRE) == ends_kernel_tells(&s->life->conn.ends, s->change->end);
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (c->end != END_CLIENT || (c->state.to != TCP_STATE_TIME_WAIT && c->state.from != TCP_STATE_TIME_WAIT) ||
        !s->life || !is_best(s))
        return false;
    *ret_subject = finding_host(s->life, END_SERVER, true);
    return true;
}

/* "32768 60999": 28232. 0: not known. */
static uint64_t ports_of(const struct findings *f)
{
    const char *range = f->sysctl ? f->sysctl[SYSCTL_LOCAL_PORT_RANGE] : NULL;
    unsigned long first, last;
    char *end;

    if (!range)
        return 0;
    first = strtoul(range, &end, 10);
    last = strtoul(end, NULL, 10);
    return last >= first ? last - first + 1 : 0;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    if (s->change->state.to != TCP_STATE_TIME_WAIT) {
        f->kept[HELD] -= f->kept[HELD] > 0;
        return false;
    }
    figure_max(&f->figures[PEAK], ++f->kept[HELD]);
    if (!f->figures[PORTS])
        f->figures[PORTS] = ports_of(f->all);
    return true;
}

static bool matters(const struct finding *f)
{
    return f->figures[PEAK] >= (f->figures[PORTS] ? f->figures[PORTS] / 2 : MANY);
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX];

    finding_say(w, "%llu connections to %s were in TIME-WAIT at once, each with a port of its own.",
                (unsigned long long)f->figures[PEAK], finding_where(f, where));
    if (f->figures[PORTS])
        finding_say(w, " There are %llu ports for them.", (unsigned long long)f->figures[PORTS]);
    finding_advise(w, "keep connections and use them again (keep-alive, a pool)");
    finding_advise(w, "set net.ipv4.tcp_tw_reuse to 1%s: connect() then takes a port whose TIME-WAIT is a second old",
                   finding_here(f, SYSCTL_TW_REUSE, here));
    finding_advise(w, "widen net.ipv4.ip_local_port_range%s", finding_here(f, SYSCTL_LOCAL_PORT_RANGE, here));
    finding_advise(w, "let the server close first: TIME-WAIT is then its own, and holds no port of the client");
}

const struct finding_ops finding_time_wait_ops = {
    .kind = FINDING_time_wait,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(STATE),
    .states = 1u << TCP_STATE_TIME_WAIT,
    .figures = { "peak", "ports" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
