/* The clocks. Of each view that has segments in common with one whose clock is known, the clock follows from these, and so on. What
 * stands between the ends tells of the others' clocks as they do of its. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "whole.h"

struct bounds {
    struct clock_bound *bounds;
    size_t count, room;
};

static int add_bound(struct bounds *b, const struct clock_bound *bound)
{
    if (!view_grow(&b->bounds, b->count, &b->room, sizeof(*b->bounds)))
        return -ENOMEM;
    b->bounds[b->count++] = *bound;
    return 0;
}

/* Of the segments that one view and those whose clocks are known both saw. */
static int add_bounds(struct fleet *f, struct bounds *b, const struct tie *t, unsigned view)
{
    for (unsigned from = 0; from < END_N; from++) {
        const struct lane_pair p = fleet_lane(f, t, from);
        const bool is_sender = p.sent == &f->views[view];

        for (uint32_t i = 0; i < p.sent_conn->count; i++) {
            const struct seg *s = &p.sent->segs[p.sent->order[p.sent_conn->begin + i]], *r;
            const struct seg *mine;
            uint64_t there;

            if ((enum end)s->from != (enum end)from || s->mate == NONE)
                continue;
            r = &p.received->segs[s->mate];
            mine = is_sender ? s : r;
            there = is_sender ? seg_time(p.received, r) : seg_time(p.sent, s);
            if (add_bound(b, &(struct clock_bound){ mine->n, mine->ts_ns, (int64_t)(mine->ts_ns - there), !is_sender }))
                return -ENOMEM;
        }
    }
    return 0;
}

static bool is_known_beside(const struct fleet *f, const struct tie *t, unsigned view)
{
    for (unsigned i = 0; i < END_N; i++)
        if (t->at[i].view == view && tie_is_joined(t) && f->views[t->at[!i].view].timed)
            return true;
    return false;
}

/* Of those that this view and one whose clock is known saw, where one of both is at no end. */
static int add_glances(struct fleet *f, struct bounds *b, unsigned view)
{
    for (size_t i = 0; i < f->glance_count; i++) {
        const struct glance *g = &f->glances[i];
        const bool later = g->of[1].view == view;
        uint64_t there;

        if (g->of[later].view != view || !f->views[g->of[!later].view].timed)
            continue;
        there = view_time(&f->views[g->of[!later].view], g->of[!later].n, g->of[!later].ts_ns);
        if (add_bound(b, &(struct clock_bound){ g->of[later].n, g->of[later].ts_ns,
                                                (int64_t)(g->of[later].ts_ns - there), later }))
            return -ENOMEM;
    }
    return 0;
}

static bool is_same_host(const struct fleet *f, unsigned view)
{
    for (unsigned i = 0; i < f->view_count; i++)
        if (i != view && f->views[i].timed && *f->views[i].host.boot_id && f->views[i].clock.kind == CLOCK_SAME &&
            strcmp(f->views[i].host.boot_id, f->views[view].host.boot_id) == 0)
            return true;
    return false;
}

static int fit(struct fleet *f, unsigned view, struct bounds *b, char error[static FLEET_ERROR_MAX])
{
    struct view *v = &f->views[view];
    int r;

    r = clock_fit(b->bounds, b->count, is_same_host(f, view), &v->clock);
    v->timed = true;
    if (r == -ERANGE)
        snprintf(
            error, FLEET_ERROR_MAX,
            "%s: no clock fits what it saw and what the others did: segments would be received before they were sent, "
            "however its time is put right",
            v->name);
    else if (r < 0)
        snprintf(error, FLEET_ERROR_MAX, "out of memory");
    return r;
}

/* One view more, of those that have a segment in common with one whose clock is known. 1: there was one; 0; or as fleet_join(). */
static int time_next(struct fleet *f, char error[static FLEET_ERROR_MAX])
{
    struct bounds b = { 0 };
    int r = 0;

    for (unsigned view = 0; view < f->view_count && !b.count && r == 0; view++) {
        if (f->views[view].timed)
            continue;
        for (size_t i = 0; i < f->tie_count && r == 0; i++)
            if (is_known_beside(f, &f->ties[i], view))
                r = add_bounds(f, &b, &f->ties[i], view);
        if (r == 0)
            r = add_glances(f, &b, view);
        if (r < 0)
            snprintf(error, FLEET_ERROR_MAX, "out of memory");
        else if (b.count)
            r = fit(f, view, &b, error);
    }
    r = r < 0 ? r : b.count > 0;
    free(b.bounds);
    return r;
}

static bool is_joined(const struct fleet *f, unsigned view)
{
    for (size_t i = 0; i < f->tie_count; i++)
        if (tie_is_joined(&f->ties[i]) &&
            (f->ties[i].at[END_CLIENT].view == view || f->ties[i].at[END_SERVER].view == view))
            return true;
    return false;
}

/* The first view that stands at an end of anything: its clock counts. One that was set back would show some times twice. */
static unsigned find_reference(const struct fleet *f)
{
    unsigned first = f->view_count;

    for (unsigned i = f->view_count; i-- > 0;)
        if (is_joined(f, i) && (first == f->view_count || !f->views[i].set_back || f->views[first].set_back))
            first = i;
    return first < f->view_count ? first : 0;
}

int fleet_time_views(struct fleet *f, char error[static FLEET_ERROR_MAX])
{
    const unsigned first = find_reference(f);
    int r;

    f->reference = first;
    f->views[first].timed = true;
    f->views[first].clock.kind = CLOCK_SAME;
    while ((r = time_next(f, error)) > 0)
        ;
    for (unsigned i = 0; i < f->view_count && r == 0; i++) {
        if (f->views[i].timed)
            continue;
        fleet_explain_apart(f, i, error);
        r = -EINVAL;
    }
    return r;
}
