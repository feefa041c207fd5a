/* SYN cookies: a listener that keeps nothing of a SYN, for its queue is full. Options are lost with them, and a client whose
 * last ACK is dropped believes to be connected. */
#include "finding.h"

enum { LIMIT, PEAK };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    ret_subject->listener = s->change->listener;
    return s->change->queue.why == QUEUE_COOKIE;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    f->figures[LIMIT] = s->change->queue.limit;
    figure_max(&f->figures[PEAK], s->change->queue.syn);
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char here[FINDING_HERE_MAX];

    finding_say(w, "L%u answered %llu SYN%s with a cookie: it keeps no request of %s.", f->subject.listener,
                (unsigned long long)f->count, finding_s(f->count), f->count == 1 ? "it" : "them");
    finding_advise(w, "give listen() a larger backlog than %llu, and raise net.ipv4.tcp_max_syn_backlog%s",
                   (unsigned long long)(f->figures[LIMIT] ? f->figures[LIMIT] - 1 : 0),
                   finding_here(f, SYSCTL_MAX_SYN_BACKLOG, here));
    finding_advise(w, "call accept() sooner: a full accept queue is a reason for cookies too");
    finding_advise(w, "where the clients are forged (a SYN flood), cookies are what helps: leave them on");
}

const struct finding_ops finding_syn_cookies_ops = {
    .kind = FINDING_syn_cookies,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(QUEUE),
    .figures = { "limit", "peak" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
