/* TCP_DEFER_ACCEPT: the handshake is complete for the client, and the server waits for data. */
#include "finding.h"

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    ret_subject->listener = s->change->listener;
    return s->change->queue.why == QUEUE_DEFERRED;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(
        w,
        "%s waits for data first (TCP_DEFER_ACCEPT): it dropped %llu ACK%s that completed a handshake, which the "
        "client takes for done.",
        finding_where(f, where), (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "where the server has to speak first, do not set TCP_DEFER_ACCEPT on its socket");
    finding_advise(w, "let the client send its request at once");
}

const struct finding_ops finding_deferred_ops = {
    .kind = FINDING_deferred,
    .severity = SEVERITY_NOTE,
    .of = SEEN_IN(QUEUE),
    .concerns = concerns,
    .say = say,
};
