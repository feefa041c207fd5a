/* More handshakes under way than a listener keeps: the kernel drops SYNs. */
#include "finding.h"

enum { LIMIT, PEAK, MAX_SYN_BACKLOG };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;

    ret_subject->listener = c->listener;
    return c->queue.cause == CAUSE_SYN_QUEUE_FULL || c->queue.cause == CAUSE_SYN_BACKLOG_FULL;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const struct change *c = s->change;

    f->figures[MAX_SYN_BACKLOG] =
        c->queue.max_syn_backlog ? c->queue.max_syn_backlog : finding_sysctl(f->all, SYSCTL_MAX_SYN_BACKLOG);
    if (c->queue.cause == CAUSE_SYN_QUEUE_FULL)
        f->figures[LIMIT] = c->queue.limit;
    figure_max(&f->figures[PEAK], c->queue.syn);
    return true;
}

/* With cookies no SYN would have been dropped, whatever the setting was when the trace began (tcp_conn_request()). */
static void advise_cookies(struct finding_words *w)
{
    finding_advise(w, "set net.ipv4.tcp_syncookies to 1 (it was 0): what finds no room is then answered with a cookie");
}

static void say(const struct finding *f, struct finding_words *w)
{
    char here[FINDING_HERE_MAX];

    finding_say(w, "The SYN queue of L%u had no room: SYNs were dropped %llu time%s.", f->subject.listener,
                (unsigned long long)f->count, finding_s(f->count));
    if (!f->figures[LIMIT]) {
        finding_say(w, " Without cookies a net.ipv4.tcp_max_syn_backlog of %llu lets it keep %llu requests.",
                    (unsigned long long)f->figures[MAX_SYN_BACKLOG], (unsigned long long)f->figures[PEAK]);
        advise_cookies(w);
        finding_advise(w, "raise net.ipv4.tcp_max_syn_backlog: it keeps three quarters of that, and one more");
        return;
    }
    finding_say(w, " It held %llu requests, its limit is %llu.", (unsigned long long)f->figures[PEAK],
                (unsigned long long)f->figures[LIMIT]);
    advise_cookies(w);
    finding_advise(w, "raise net.ipv4.tcp_max_syn_backlog%s, and the backlog of listen()",
                   finding_here(f, SYSCTL_MAX_SYN_BACKLOG, here));
    finding_advise(w, "where the clients are forged (a SYN flood), drop them before they reach TCP");
}

const struct finding_ops finding_syn_queue_ops = {
    .kind = FINDING_syn_queue,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(QUEUE),
    .figures = { "limit", "peak", "max_syn_backlog" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
