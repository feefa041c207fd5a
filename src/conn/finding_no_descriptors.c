/* Calls that failed for want of a descriptor. accept() is the worst of them: the connection stays in the queue. */
#include "finding.h"

#include <errno.h>

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct call *call = &s->change->call.call;

    ret_subject->owner = call->task;
    return call->ret == -EMFILE || call->ret == -ENFILE;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "%s had no more descriptors: %llu call%s failed with EMFILE or ENFILE.", finding_where(f, where),
                (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "close what is no longer used: connections in CLOSE-WAIT are the usual leak");
    finding_advise(w, "raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE= of systemd)");
}

const struct finding_ops finding_no_descriptors_ops = {
    .kind = FINDING_no_descriptors,
    .severity = SEVERITY_ERROR,
    .of = SEEN_IN(CALL),
    .concerns = concerns,
    .say = say,
};
