/* Who called listen() has ended, or handed its socket on: a daemon does so, and a program started with a descriptor too many. */
#include "finding.h"

enum { OPENED_BY };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    ret_subject->listener = s->change->listener;
    ret_subject->owner = s->change->listening.owner;
    return s->change->listening.opened_by.pid && !s->change->listening.closed;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    f->figures[OPENED_BY] = s->change->listening.opened_by.pid;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "L%u, which process %llu opened, is held by %s.", f->subject.listener,
                (unsigned long long)f->figures[OPENED_BY], finding_where(f, where));
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
