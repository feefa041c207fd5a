/* Peers that were gone and had not said so: keep-alive, or TCP_USER_TIMEOUT, found it out, or nobody yet. */
#include "finding.h"

#define LONG_NS 3000000000ull
#define OFTEN 3

enum { SILENT, UNACKNOWLEDGED };

static bool was_found_out(const struct change *c)
{
    return c->outcome.cause == CAUSE_KEEP_ALIVE_TIMEOUT || c->outcome.cause == CAUSE_USER_TIMEOUT;
}

/* It is not over: the peer was there, and nothing at all came from it since what was sent is sent again. */
static bool is_silent(const struct finding_sight *s)
{
    const struct change *c = s->change;
    const enum end end = c->outcome.stalled.end;
    const struct stream *peer = &s->life->conn.streams.of[!end];

    return c->outcome.cause == CAUSE_NONE && c->outcome.reset_by == END_UNKNOWN && c->outcome.stalled.what &&
           c->outcome.stalled.count >= OFTEN && c->outcome.stalled.ns >= LONG_NS && peer->segments &&
           s->life->conn.ends.established && notes_silence(&s->life->notes, !end) >= LONG_NS;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    enum end waits;

    if (!s->life || (!was_found_out(c) && !is_silent(s)))
        return false;
    waits = was_found_out(c) ? c->outcome.cause_end : c->outcome.stalled.end;
    *ret_subject = finding_host(s->life, waits == END_SERVER ? END_CLIENT : END_SERVER, false);
    ret_subject->cause = c->outcome.cause;
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const struct change *c = s->change;
    const struct streams *streams = &s->life->conn.streams;
    const enum end end = c->outcome.stalled.end;

    if (was_found_out(c))
        return true;
    figure_max(&f->figures[SILENT], notes_since_last(&s->life->notes, !end, c->ts_ns));
    if (streams->of[end].snd_max > streams->of[!end].acked)
        f->figures[UNACKNOWLEDGED] += (uint64_t)(streams->of[end].snd_max - streams->of[!end].acked);
    return true;
}

static void say_gone(const struct finding *f, struct finding_words *w)
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

static void say_silent(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], here[FINDING_HERE_MAX], time[FINDING_TIME_MAX];

    finding_say(w, "%s fell silent on %llu connection%s, for %s when last seen", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count), finding_time(f->figures[SILENT], time));
    if (f->figures[UNACKNOWLEDGED])
        finding_say(w, ": %llu byte%s, sent again and again, %s never acknowledged.",
                    (unsigned long long)f->figures[UNACKNOWLEDGED], finding_s(f->figures[UNACKNOWLEDGED]),
                    f->figures[UNACKNOWLEDGED] == 1 ? "was" : "were");
    else
        finding_say(w, ": probes were not answered.");
    finding_advise(w, "see what became of it: a crash, a cable, an address or a route that changed, a filter or a NAT");
    finding_advise(w, "to know sooner: TCP_USER_TIMEOUT on the socket, or net.ipv4.tcp_retries2%s",
                   finding_here(f, SYSCTL_RETRIES2, here));
}

static void say(const struct finding *f, struct finding_words *w)
{
    if (f->subject.cause == CAUSE_NONE)
        say_silent(f, w);
    else
        say_gone(f, w);
}

const struct finding_ops finding_half_open_ops = {
    .kind = FINDING_half_open,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .follows_from = OF(local_drop) | OF(mtu),
    .trail = TRAIL_AGAIN,
    .sums = 1 << UNACKNOWLEDGED,
    .figures = { "silent_ns", "unacknowledged" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
