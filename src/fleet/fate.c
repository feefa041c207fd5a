/* What became of each segment that one end sent. One that the other host's capture has arrived. One that it has not was lost, or was
 * not captured: which of both, the other end says, as it acknowledges. Bytes that it had before the capture has any that hold
 * them came in a segment that was not captured; and of a capture that misses some nobody knows what else it misses. So sequence
 * ranges are compared, not packets: a network card may have cut or joined these. */
#include <errno.h>
#include <stdlib.h>

#include "whole.h"

/* Sequence space, as numbers that do not wrap, and when the other end had it. */
struct range {
    int64_t from, to; /* of an ACK: all before `to` */
    uint64_t at_ns;
};

struct ranges {
    struct range *all;
    size_t count, room;
};

/* What is known of one direction. All times are by the clock of the first view. */
struct lane {
    struct lane_pair p;
    struct ranges captured; /* by the receiver's host; in order of where they end */
    struct ranges acknowledged,
        sacked; /* by the receiver: in order of where they end, the earliest time of all that follow;
                                           without times, in order of where they begin, none overlaps */
};

/* The number that is nearest to the last one. */
static int64_t unwrapped(int64_t last, uint32_t base, uint32_t number)
{
    return last + (int32_t)(number - base - (uint32_t)last);
}

static uint32_t space_of(const struct seg *s)
{
    return s->len + !!(s->flags & SEGMENT_SYN) + !!(s->flags & SEGMENT_FIN);
}

static int add(struct ranges *r, int64_t from, int64_t to, uint64_t at_ns)
{
    if (!view_grow(&r->all, r->count, &r->room, sizeof(*r->all)))
        return -ENOMEM;
    r->all[r->count++] = (struct range){ from, to, at_ns };
    return 0;
}

static int by_end(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return x->to < y->to ? -1 : x->to > y->to;
}

static int by_begin(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    return x->from < y->from ? -1 : x->from > y->from;
}

static size_t first_to(const struct ranges *r, int64_t to)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        const size_t middle = (low + high) / 2;

        if (r->all[middle].to < to)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of none there is no array, which qsort() must have. */
static void sort(struct ranges *r, int (*compare)(const void *, const void *))
{
    if (r->count)
        qsort(r->all, r->count, sizeof(*r->all), compare);
}

/* ---- what the other end had */

static int add_captured(struct lane *l)
{
    const struct lane_pair *p = &l->p;
    int64_t last = 0;
    int r = 0;

    for (uint32_t i = 0; i < p->received_conn->count && r == 0; i++) {
        const struct seg *s = &p->received->segs[p->received->order[p->received_conn->begin + i]];

        if ((enum end)s->from != p->from || s->bad || !space_of(s))
            continue;
        last = unwrapped(last, p->base, s->seq);
        r = add(&l->captured, last, last + space_of(s), seg_time(p->received, s));
    }
    sort(&l->captured, by_end);
    return r;
}

/* What this host saw of it: the receiver's host when it was sent, the sender's when it came. */
static int add_acknowledged(struct lane *l, const struct view *v, const struct view_conn *conn)
{
    int64_t last = 0;
    int r = 0;

    for (uint32_t i = 0; i < conn->count && r == 0; i++) {
        const struct seg *s = &v->segs[v->order[conn->begin + i]];
        const struct rare *rare = s->rare ? &v->rares[s->rare - 1] : NULL;

        if ((enum end)s->from == l->p.from || s->bad || !(s->flags & SEGMENT_ACK) || s->flags & SEGMENT_RST)
            continue;
        last = unwrapped(last, l->p.base, s->ack);
        r = add(&l->acknowledged, 0, last, seg_time(v, s));
        for (unsigned k = 0; rare && k < rare->sack_count && r == 0; k++)
            r = add(&l->sacked, unwrapped(last, l->p.base, rare->sack[k][0]),
                    unwrapped(last, l->p.base, rare->sack[k][1]), 0);
    }
    return r;
}

static void complete_acknowledged(struct ranges *r)
{
    sort(r, by_end);
    for (size_t i = r->count; i-- > 1;)
        if (r->all[i].at_ns < r->all[i - 1].at_ns)
            r->all[i - 1].at_ns = r->all[i].at_ns;
}

static void complete_sacked(struct ranges *r)
{
    size_t kept = 0;

    sort(r, by_begin);
    for (size_t i = 0; i < r->count; i++) {
        if (kept && r->all[i].from <= r->all[kept - 1].to) {
            if (r->all[i].to > r->all[kept - 1].to)
                r->all[kept - 1].to = r->all[i].to;
        } else {
            r->all[kept++] = r->all[i];
        }
    }
    r->count = kept;
}

static int learn(struct lane *l)
{
    int r = add_captured(l);

    if (r == 0)
        r = add_acknowledged(l, l->p.received, l->p.received_conn);
    if (r == 0)
        r = add_acknowledged(l, l->p.sent, l->p.sent_conn);
    complete_acknowledged(&l->acknowledged);
    complete_sacked(&l->sacked);
    return r;
}

/* The earliest that the receiver's host has of what this byte is the last of. UINT64_MAX: nothing. */
static uint64_t captured_ns(const struct lane *l, int64_t to)
{
    uint64_t earliest = UINT64_MAX;

    for (size_t i = first_to(&l->captured, to); i < l->captured.count && l->captured.all[i].to - to < FLEET_SUPER_MAX;
         i++)
        if (l->captured.all[i].from < to && l->captured.all[i].at_ns < earliest)
            earliest = l->captured.all[i].at_ns;
    return earliest;
}

static bool is_sacked(const struct lane *l, int64_t to)
{
    const size_t i = first_to(&l->sacked, to);

    return i < l->sacked.count && l->sacked.all[i].from < to;
}

/* It came, in whatever segment, and that was not captured. */
static bool is_missed(const struct lane *l, int64_t to)
{
    const uint64_t captured = captured_ns(l, to);
    const size_t ack = first_to(&l->acknowledged, to);

    if (ack < l->acknowledged.count &&
        (captured == UINT64_MAX || l->acknowledged.all[ack].at_ns + FLEET_SLACK_NS < captured))
        return true;
    return captured == UINT64_MAX && is_sacked(l, to);
}

/* ---- fates */

/* The other host saw packets before and after it would have come. */
static bool was_watched(const struct view *v, uint64_t sent_ns, uint64_t shortest_ns)
{
    const uint64_t at = sent_ns + (shortest_ns == UINT64_MAX ? 0 : shortest_ns);

    return at >= view_time(v, 0, v->first_ns) && at <= view_time(v, v->last_n, v->last_ns);
}

/* It dropped none, and told of all. */
static bool is_complete(const struct lane_pair *p)
{
    return !p->received->packets_lost && p->received_conn->told[p->from] >= p->received_conn->segments[p->from];
}

/* Whether the segments of the lane tell that the capture misses some, or it has none of them at all. */
static bool find_missed(struct fleet *f, const struct tie *t, const struct lane *l)
{
    const struct lane_pair *p = &l->p;
    bool any = false, seen = l->captured.count > 0;
    int64_t last = 0;

    for (uint32_t i = 0; i < p->sent_conn->count; i++) {
        struct seg *s = &p->sent->segs[p->sent->order[p->sent_conn->begin + i]];

        if ((enum end)s->from != p->from)
            continue;
        seen |= s->mate != NONE;
        last = unwrapped(last, p->base, s->seq);
        if (s->mate != NONE || s->bad || !space_of(s) || !is_missed(l, last + space_of(s)))
            continue;
        s->missed = true;
        if (is_complete(p) && was_watched(p->received, seg_time(p->sent, s), t->shortest_ns[p->from])) {
            any = true;
            f->missed++;
        }
    }
    return any || !seen;
}

static void find_fate(struct fleet *f, const struct tie *t, const struct lane_pair *p, struct seg *s, bool leaks)
{
    /* of what holds no byte nobody says that it came */
    const bool told = s->mate == NONE && !s->bad && !s->missed && is_complete(p) && (space_of(s) || !leaks);

    s->unseen = told;
    s->lost = told && was_watched(p->received, seg_time(p->sent, s), t->shortest_ns[p->from]);
    f->both += s->mate != NONE;
    f->lost += s->lost;
}

static bool has_unpaired(const struct lane_pair *p)
{
    for (uint32_t i = 0; i < p->sent_conn->count; i++) {
        const struct seg *s = &p->sent->segs[p->sent->order[p->sent_conn->begin + i]];

        if ((enum end)s->from == p->from && s->mate == NONE)
            return true;
    }
    return false;
}

static int find_lane_fates(struct fleet *f, const struct tie *t, enum end from)
{
    struct lane l = { .p = fleet_lane(f, t, from) };
    bool leaks = false;
    int r = 0;

    if (has_unpaired(&l.p)) {
        r = learn(&l);
        leaks = r == 0 && find_missed(f, t, &l);
    }
    for (uint32_t i = 0; i < l.p.sent_conn->count && r == 0; i++) {
        struct seg *s = &l.p.sent->segs[l.p.sent->order[l.p.sent_conn->begin + i]];

        if ((enum end)s->from == from)
            find_fate(f, t, &l.p, s, leaks);
    }
    free(l.captured.all);
    free(l.acknowledged.all);
    free(l.sacked.all);
    return r;
}

int fleet_find_fates(struct fleet *f, const struct tie *t)
{
    const int r = find_lane_fates(f, t, END_CLIENT);

    return r < 0 ? r : find_lane_fates(f, t, END_SERVER);
}
