/* The share of data that was sent again: loss, over the whole trace. */
#include "finding.h"

#define FEW 3
#define ENOUGH 1000 /* segments, for a share to mean anything before the end */

enum { SEGMENTS, FAST };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    (void)ret_subject;
    return s->change->segment.segment.payload_len;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    f->figures[SEGMENTS] = f->all->data_segments;
    f->figures[FAST] += s->change->segment.notes & NOTE_FAST_RETRANSMISSION ? 1 : 0;
    return true;
}

static bool matters(const struct finding *f)
{
    const uint64_t all = f->all->data_segments;

    return f->count >= FEW && f->count * 100 > all && (f->all->ending || all >= ENOUGH);
}

static void say(const struct finding *f, struct finding_words *w)
{
    const uint64_t all = f->all->data_segments, per_mille = f->count * 1000 / (all ? all : 1);

    finding_say(w, "%llu of %llu data segments were sent again (%llu.%llu %%), %llu of them by fast retransmission.",
                (unsigned long long)f->count, (unsigned long long)all, (unsigned long long)(per_mille / 10),
                (unsigned long long)(per_mille % 10), (unsigned long long)f->figures[FAST]);
    finding_advise(w,
                   "look for loss on the way: errors and drops of interfaces (ip -s link), a full link, a bad cable");
    finding_advise(w, "see which peers it is: the connections named here show it");
}

const struct finding_ops finding_retransmissions_ops = {
    .kind = FINDING_retransmissions,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(SEGMENT),
    .notes = NOTE_RETRANSMISSION,
    .follows_from = OF(local_drop) | OF(mtu) | OF(half_open) | OF(timed_out),
    .waits = true,
    .sums = 1 << FAST,
    .figures = { "segments", "fast" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
