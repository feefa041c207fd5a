/* An application that does not close what its peer has closed: each such connection holds a descriptor for ever. */
#include "finding.h"

#define LONG_NS 10000000000ull

enum { LONGEST, OPEN };

static enum end holder(const struct change *c)
{
    for (unsigned i = 0; i < END_N; i++)
        if (c->outcome.state_ns[i][TCP_STATE_CLOSE_WAIT] >= LONG_NS)
            return (enum end)i;
    return END_UNKNOWN;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const enum end end = holder(s->change);

    if (!s->life || end == END_UNKNOWN)
        return false;
    *ret_subject = finding_end(s->life, end);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const enum end end = holder(s->change);

    figure_max(&f->figures[LONGEST], s->change->outcome.state_ns[end][TCP_STATE_CLOSE_WAIT]);
    f->figures[OPEN] += s->change->outcome.final[end] == TCP_STATE_CLOSE_WAIT;
    return true;
}

static bool goes_on(const struct life *l, uint64_t ts_ns, struct finding_subject *ret_subject)
{
    for (unsigned i = 0; i < END_N; i++) {
        uint64_t ns[TCP_STATE_N] = { 0 };

        if (ends_best(&l->conn.ends, i) != TCP_STATE_CLOSE_WAIT)
            continue;
        ends_state_times(&l->conn.ends, i, ts_ns, ns);
        if (ns[TCP_STATE_CLOSE_WAIT] < LONG_NS)
            continue;
        *ret_subject = finding_end(l, i);
        return true;
    }
    return false;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], time[FINDING_TIME_MAX];

    finding_say(w, "%s held %llu connection%s in CLOSE-WAIT that the peer had closed", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count));
    if (f->figures[LONGEST])
        finding_say(w, ", up to %s.", finding_time(f->figures[LONGEST], time));
    else
        finding_say(w, ", for more than %llu s.", LONG_NS / 1000000000);
    if (f->figures[OPEN])
        finding_say(w, " %llu %s not closed when last seen.", (unsigned long long)f->figures[OPEN],
                    f->figures[OPEN] == 1 ? "was" : "were");
    finding_advise(w, "call close() when recv() has returned 0; look for a path through the program that does not");
    finding_advise(w, "no sysctl ends CLOSE-WAIT: only the application, or its end");
}

const struct finding_ops finding_close_wait_ops = {
    .kind = FINDING_close_wait,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(OUTCOME),
    .trail = TRAIL_CLOSE_WAIT,
    .sums = 1 << OPEN,
    .figures = { "longest_ns", "open" },
    .concerns = concerns,
    .take = take,
    .goes_on = goes_on,
    .say = say,
};
