/* All that a sender sent has a wrong checksum: captured before its network card filled them in, or changed afterwards. One
 * connection at a time is followed from its first segment on, to see whether it is all. A few are no proof while more may come;
 * that they were read as if they were right is told at last, however few they are. */
#include "finding.h"

#define FEW 3

enum { WHOLE };
enum { FOLLOWED, BAD };

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    if (!s->life)
        return false;
    *ret_subject = finding_host(s->life, s->change->end, false);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const uint64_t before = s->life->conn.streams.of[s->change->end].segments;

    if (!before && f->figures[WHOLE] < FEW) {
        f->kept[FOLLOWED] = s->change->conn;
        f->kept[BAD] = 0;
    }
    if (f->kept[FOLLOWED] != s->change->conn)
        return true;
    if (++f->kept[BAD] == before + 1)
        figure_max(&f->figures[WHOLE], f->kept[BAD]);
    else
        f->kept[FOLLOWED] = 0;
    return true;
}

static bool matters(const struct finding *f)
{
    return f->figures[WHOLE] >= FEW ||
           (f->figures[WHOLE] && f->all->ending && senders_none_right(f->all->senders, &f->subject.peer.addr));
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX];

    finding_say(
        w,
        "All that %s sent on a connection has a wrong checksum, %llu segment%s in all: it was captured before a "
        "network card filled them in, or changed afterwards. Read as if they were right.",
        finding_where(f, where), (unsigned long long)f->count, finding_s(f->count));
    finding_advise(w, "capture at the other end, or switch the offload off for the capture (ethtool -K DEVICE tx off)");
    finding_advise(w, "where they are wrong on the wire, read the capture with --checksums check");
}

const struct finding_ops finding_bad_checksums_ops = {
    .kind = FINDING_bad_checksums,
    .severity = SEVERITY_NOTE,
    .of = SEEN_IN(SEGMENT),
    .notes = NOTE_BAD_CHECKSUM,
    .figures = { "whole" },
    .concerns = concerns,
    .take = take,
    .matters = matters,
    .say = say,
};
