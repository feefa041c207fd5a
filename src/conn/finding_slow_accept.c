/* Connections that are complete, and wait for accept(). */
#include "finding.h"

#define LONG_NS 200000000ull

enum { LONGEST, NEVER };

/* Since the server's kernel completed the handshake. */
static uint64_t waited(const struct life *l, uint64_t ts_ns)
{
    return ends_queued_ns(&l->conn.ends, ts_ns);
}

static bool was_queued(const struct life *l)
{
    return l->has_kernel && life_kernel_end(l, END_SERVER)->established && l->kernel->lane.listener;
}

static bool goes_on(const struct life *l, uint64_t ts_ns, struct finding_subject *ret_subject)
{
    if (!was_queued(l) || l->kernel->lane.accepted || waited(l, ts_ns) < LONG_NS)
        return false;
    ret_subject->listener = l->kernel->lane.listener;
    return true;
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    const struct life *l = s->life;

    if (!l || !was_queued(l))
        return false;
    ret_subject->listener = l->kernel->lane.listener;
    if (c->kind == CHANGE_QUEUE ? c->queue.why != QUEUE_ACCEPT : l->kernel->lane.accepted)
        return false;
    return waited(l, c->ts_ns) >= LONG_NS;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], waited(s->life, s->change->ts_ns));
    f->figures[NEVER] += s->change->kind == CHANGE_OUTCOME;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char time[FINDING_TIME_MAX];

    finding_say(w, "%llu connection%s of L%u waited for accept()", (unsigned long long)f->count, finding_s(f->count),
                f->subject.listener);
    if (f->figures[LONGEST])
        finding_say(w, ", up to %s", finding_time(f->figures[LONGEST], time));
    finding_say(w, ".");
    if (f->figures[NEVER])
        finding_say(w, " %llu of them it never took.", (unsigned long long)f->figures[NEVER]);
    finding_advise(w, "call accept() sooner: what is done between two calls belongs to another thread or process");
    finding_advise_to_look(w);
}

const struct finding_ops finding_slow_accept_ops = {
    .kind = FINDING_slow_accept,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(QUEUE) | SEEN_IN(OUTCOME),
    .figures = { "longest_ns", "never" },
    .concerns = concerns,
    .take = take,
    .goes_on = goes_on,
    .say = say,
};
