/* An application that does not call accept() as often as clients come: the kernel drops what it has no room for. */
#include "finding.h"

enum { LIMIT, PEAK, SOMAXCONN, CLIENTS, DELAY };
enum { ABORTED };

/* A drop; or what became of a connection that one happened to. */
static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    if (c->kind == CHANGE_QUEUE) {
        ret_subject->listener = c->listener;
        return c->queue.cause == CAUSE_ACCEPT_QUEUE_FULL;
    }
    if (!s->life || !life_kernel_end(s->life, END_SERVER)->overflowed)
        return false;
    ret_subject->listener = s->life->kernel->lane.listener;
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const struct change *c = s->change;

    if (c->kind == CHANGE_OUTCOME) {
        f->kept[ABORTED] |= c->outcome.abort_on_overflow;
        f->figures[CLIENTS]++;
        figure_max(&f->figures[DELAY], c->outcome.state_ns[END_SERVER][TCP_STATE_SYN_RECEIVED]);
        figure_max(&f->figures[DELAY], c->outcome.state_ns[END_CLIENT][TCP_STATE_SYN_SENT]);
        return false;
    }
    f->figures[LIMIT] = c->queue.limit;
    f->figures[SOMAXCONN] = finding_sysctl(f->all, SYSCTL_SOMAXCONN);
    figure_max(&f->figures[PEAK], c->queue.accept);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    const unsigned long long limit = f->figures[LIMIT], somaxconn = f->figures[SOMAXCONN];
    const bool at_somaxconn = somaxconn && limit - 1 >= somaxconn;
    char time[FINDING_TIME_MAX];

    finding_say(w,
                "The accept queue of L%u was full: it holds %llu connection%s that accept() has not taken, and %llu "
                "segment%s that would have joined it %s been dropped.",
                f->subject.listener, limit, finding_s(limit), (unsigned long long)f->count, finding_s(f->count),
                finding_have(f->count));
    if (f->figures[CLIENTS])
        finding_say(w, " %llu client%s met that, opening took up to %s.", (unsigned long long)f->figures[CLIENTS],
                    finding_s(f->figures[CLIENTS]), finding_time(f->figures[DELAY], time));
    if (f->kept[ABORTED]) {
        finding_say(w, " The kernel answered with a RST.");
        finding_advise(w, "set net.ipv4.tcp_abort_on_overflow to 0: the client then tries again");
    }
    finding_advise(w, "call accept() sooner, or from more threads");
    if (at_somaxconn)
        finding_advise(w, "raise net.core.somaxconn (%llu here), which binds, and the backlog of listen() with it",
                       somaxconn);
    else if (somaxconn)
        finding_advise(w, "give listen() a larger backlog than %llu: net.core.somaxconn allows %llu here", limit - 1,
                       somaxconn);
    else
        finding_advise(w, "give listen() a larger backlog than %llu, up to net.core.somaxconn", limit - 1);
}

const struct finding_ops finding_accept_queue_ops = {
    .kind = FINDING_accept_queue,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(QUEUE) | SEEN_IN(OUTCOME),
    .figures = { "limit", "peak", "somaxconn", "clients", "delay_ns" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
