/* Connections that are complete, and wait for accept(). */
#include "finding.h"

#define LONG_NS 200000000ull

enum { LONGEST, NEVER };

/* Since the server's kernel completed the handshake. */
static uint64_t waited(const struct finding_sight *s)
{
    uint64_t ns[TCP_STATE_N] = { 0 };

    ends_state_times(&s->life->conn.ends, END_SERVER, s->change->ts_ns, ns);
    return ns[TCP_STATE_ESTABLISHED] + ns[TCP_STATE_CLOSE_WAIT];
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    const struct life *l = s->life;

    if (!l || !l->has_kernel || !life_kernel_end(l, END_SERVER)->established || !l->kernel->lane.listener)
        return false;
    ret_subject->listener = l->kernel->lane.listener;
    if (c->kind == CHANGE_QUEUE ? c->queue.why != QUEUE_ACCEPT : l->kernel->lane.accepted)
        return false;
    return waited(s) >= LONG_NS;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    figure_max(&f->figures[LONGEST], waited(s));
    f->figures[NEVER] += s->change->kind == CHANGE_OUTCOME;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char time[FINDING_TIME_MAX];

    finding_say(w, "%llu connection%s of L%u waited for accept(), up to %s.", (unsigned long long)f->count,
                finding_s(f->count), f->subject.listener, finding_time(f->figures[LONGEST], time));
    if (f->figures[NEVER])
        finding_say(w, " %llu of them it never took.", (unsigned long long)f->figures[NEVER]);
    finding_advise(w, "call accept() sooner: what is done between two calls belongs to another thread or process");
}

const struct finding_ops finding_slow_accept_ops = {
    .kind = FINDING_slow_accept,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(QUEUE) | SEEN_IN(OUTCOME),
    .figures = { "longest_ns", "never" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
