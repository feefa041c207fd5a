/* A connection that was silent for longer than keep-alive waits, and got no probe: if the peer is gone, nobody will know. */
#include "finding.h"

#define SECOND_NS 1000000000ull

enum { LONGEST, KEEPALIVE_TIME };

static uint64_t silent(const struct finding_sight *s)
{
    const uint64_t last_ns = s->life->conn.ends.last_ns;

    return s->change->ts_ns > last_ns ? s->change->ts_ns - last_ns : 0;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const uint64_t idle = finding_sysctl(s->all, SYSCTL_KEEPALIVE_TIME);
    const struct life *l = s->life;
    enum end end = END_CLIENT;

    if (!l || !idle || s->change->outcome.verdict != VERDICT_STILL_OPEN || silent(s) <= idle * SECOND_NS)
        return false;
    if (!ends_kernel_tells(&l->conn.ends, end))
        end = END_SERVER;
    if (!ends_kernel_tells(&l->conn.ends, end) || life_kernel_end(l, end)->retried)
        return false;
    *ret_subject = finding_end(l, end);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], silent(s));
    f->figures[KEEPALIVE_TIME] = finding_sysctl(f->all, SYSCTL_KEEPALIVE_TIME);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], time[FINDING_TIME_MAX];

    finding_say(w, "%s has %llu silent connection%s, for up to %s, and sent no keep-alive probe.",
                finding_where(f, where), (unsigned long long)f->count, finding_s(f->count),
                finding_time(f->figures[LONGEST], time));
    finding_advise(w,
                   "set SO_KEEPALIVE, with TCP_KEEPIDLE below %llu s where a NAT or balancer in between forgets sooner",
                   (unsigned long long)f->figures[KEEPALIVE_TIME]);
}

const struct finding_ops finding_no_keep_alive_ops = {
    .kind = FINDING_no_keep_alive,
    .severity = SEVERITY_NOTE,
    .of = SEEN_IN(OUTCOME),
    .only_bad = true,
    .follows_from = OF(local_drop) | OF(half_open),
    .figures = { "longest_ns", "keepalive_time" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
