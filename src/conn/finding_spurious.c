/* What had arrived, and was sent again: a timer that was too short, or ACKs that were lost. */
#include "finding.h"

#define FEW 3

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    if (!s->life)
        return false;
    *ret_subject = finding_host(s->life, !s->change->end, false);
    return true;
}

static bool matters(const struct finding *f)
{
    return f->count >= FEW;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(w, "%llu segments were sent to %s again although it had acknowledged them.",
                (unsigned long long)f->count, finding_where(f, where));
    finding_advise(w, "look for ACKs that are lost or come late on the way back, and for reordering");
}

const struct finding_ops finding_spurious_ops = {
    .kind = FINDING_spurious,
    .severity = SEVERITY_NOTE,
    .of = SEEN_IN(SEGMENT),
    .notes = NOTE_SPURIOUS_RETRANSMISSION,
    .concerns = concerns,
    .matters = matters,
    .say = say,
};
