/* A receiver whose buffer is full: its application does not read, and its peer stands still. */
#include "finding.h"

#define LONG_NS 200000000ull

enum { LONGEST, STALLED };

/* A window of zero, the segment that opens it again, or the end of the connection. ret_shut: since when it was shut. */
static struct finding_watch *shut_of(const struct finding_sight *s, enum end end)
{
    struct finding_watch *w = &s->all->shut[s->change->conn % FINDING_WATCHED];

    return w->conn == s->change->conn && w->by == end ? w : NULL;
}

static struct finding_watch *shut_at_the_end(const struct finding_sight *s)
{
    struct finding_watch *w = shut_of(s, END_CLIENT);

    return w ? w : shut_of(s, END_SERVER);
}

static bool concerns(const struct finding_sight *s, struct finding_subject *ret_subject)
{
    const struct change *c = s->change;
    struct finding_watch *w;
    uint64_t until_ns = c->ts_ns;

    if (c->kind == CHANGE_OUTCOME) {
        w = shut_at_the_end(s);
        until_ns = s->life ? s->life->conn.ends.last_ns : 0;
    } else {
        w = shut_of(s, c->end);
        if (!c->segment.window) { /* of a FIN it is not noted */
            if (!w && (c->segment.notes & NOTE_ZERO_WINDOW)) {
                s->all->shut[c->conn % FINDING_WATCHED] = (struct finding_watch){ c->conn, c->end, c->ts_ns, 0 };
                finding_leave_trail(s, TRAIL_SHUT);
            }
            return false;
        }
    }
    if (!w)
        return false;
    w->conn = 0;
    w->waited_ns = until_ns > w->ts_ns ? until_ns - w->ts_ns : 0;
    if (!s->life || w->waited_ns < LONG_NS)
        return false;
    *ret_subject = finding_end(s->life, w->by);
    return true;
}

static bool take(struct finding *f, const struct finding_sight *s)
{
    const uint64_t waited = s->all->shut[s->change->conn % FINDING_WATCHED].waited_ns;

    figure_max(&f->figures[LONGEST], waited);
    f->figures[STALLED] += waited;
    return true;
}

static void say(const struct finding *f, struct finding_words *w)
{
    char where[FINDING_WHERE_MAX], longest[FINDING_TIME_MAX], stalled[FINDING_TIME_MAX];

    finding_say(w, "%s did not read: its window was zero %llu time%s, for %s altogether, up to %s at once.",
                finding_where(f, where), (unsigned long long)f->count, finding_s(f->count),
                finding_time(f->figures[STALLED], stalled), finding_time(f->figures[LONGEST], longest));
    finding_advise(w, "let that application read sooner: what takes so long belongs to another thread");
    finding_advise_to_look(w);
    finding_advise(w, "a larger receive buffer (SO_RCVBUF, net.ipv4.tcp_rmem) helps against bursts only");
}

const struct finding_ops finding_zero_window_ops = {
    .kind = FINDING_zero_window,
    .severity = SEVERITY_WARNING,
    .of = SEEN_IN(SEGMENT) | SEEN_IN(OUTCOME),
    .trail = TRAIL_SHUT,
    .sums = 1 << STALLED,
    .figures = { "longest_ns", "stalled_ns" },
    .concerns = concerns,
    .take = take,
    .say = say,
};
