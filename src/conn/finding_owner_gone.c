/* Who called listen() has ended, and another process holds the socket: a daemon does so, and a program started with a descriptor
 * too many. That children call accept() (prefork) is no news. */
#include "finding.h"

enum { OPENED_BY };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    ret_subject->listener = s->change->listener;
    ret_subject->owner = s->change->listening.owner;
    return s->change->listening.handed_on && !s->change->listening.closed;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    f->figures[OPENED_BY] = s->change->listening.opened_by.pid;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    const struct task *owner = &f->subject.owner;

    finding_say(w, "L%u, which process %llu opened before it ended, is held by %.*s (pid %u).", f->subject.listener,
                (unsigned long long)f->figures[OPENED_BY], (int)sizeof(owner->comm), owner->comm, owner->pid);
    finding_advise(
        w, "where that one is no server: close the socket before exec (SOCK_CLOEXEC), as its clients wait for ever");
}

const struct finding_ops finding_owner_gone_ops = {
    .kind = FINDING_owner_gone,
    .severity = SEVERITY_NOTE,
    .of = SEEN_IN(LISTENER),
    .figures = { "opened_by" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
