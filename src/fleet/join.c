/* The views, and from what they have in common the whole: the steps in their order. */
#include "whole.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fleet_new(struct fleet **ret_fleet)
{
    *ret_fleet = calloc(1, sizeof(**ret_fleet));
    return *ret_fleet ? 0 : -ENOMEM;
}

struct fleet *fleet_free(struct fleet *f)
{
    if (!f)
        return NULL;
    for (unsigned i = 0; i < f->view_count; i++)
        view_free(&f->views[i]);
    free(f->accounts);
    free(f->ties);
    free(f->glances);
    free(f->tie_of);
    free(f);
    return NULL;
}

unsigned fleet_add(struct fleet *f, const char *name, bool read_back)
{
    f->views[f->view_count] = (struct view){ .name = name, .is_trace = read_back, .sources[WITNESS_WIRE] = true };
    return f->view_count++;
}

void fleet_header(struct fleet *f, unsigned view, const struct trace_header *header)
{
    view_header(&f->views[view], header);
}

int fleet_take(struct fleet *f, unsigned view, const struct change *change)
{
    if (change->n > UINT32_MAX || (change->kind == CHANGE_SEGMENT && ++f->seg_count > LIMIT_MERGED_SEGMENTS))
        return -E2BIG;
    return view_take(&f->views[view], change);
}

void fleet_end(struct fleet *f, unsigned view, const struct trace_end *end)
{
    struct view *v = &f->views[view];

    v->packets_lost |= end->lost[WITNESS_WIRE] > 0;
    if (v->has_kernel && end->ts_ns > v->last_ns) /* of packets alone it may be dated later than the last of them */
        v->last_ns = end->ts_ns;
}

/* ---- what is left */

static void time_flights(struct fleet *f, struct tie *t)
{
    for (unsigned from = 0; from < END_N; from++) {
        const struct lane_pair p = fleet_lane(f, t, from);

        for (uint32_t i = 0; i < p.sent_conn->count; i++) {
            const struct seg *s = &p.sent->segs[p.sent->order[p.sent_conn->begin + i]];
            uint64_t sent, received;

            if ((enum end)s->from != (enum end)from || s->mate == NONE)
                continue;
            sent = seg_time(p.sent, s);
            received = seg_time(p.received, &p.received->segs[s->mate]);
            if (received > sent && received - sent < t->shortest_ns[from])
                t->shortest_ns[from] = received - sent;
        }
    }
}

static int complete_ties(struct fleet *f)
{
    int r = 0;

    for (size_t i = 0; i < f->tie_count && r == 0; i++) {
        struct tie *t = &f->ties[i];

        if (!tie_is_joined(t))
            continue;
        time_flights(f, t);
        for (unsigned from = 0; from < END_N && r == 0; from++) {
            const struct lane_pair p = fleet_lane(f, t, from);
            const uint64_t shortest = t->shortest_ns[from] == UINT64_MAX ? 0 : t->shortest_ns[from];

            r = pair_rest(&p, shortest - shortest / 8);
        }
        if (r == 0)
            r = fleet_find_fates(f, t);
    }
    return r;
}

/* Nothing is earlier. */
static void find_start(struct fleet *f)
{
    f->start_ns = UINT64_MAX;
    for (unsigned i = 0; i < f->view_count; i++) {
        const struct view *v = &f->views[i];
        const uint64_t at = view_time(v, 0, v->first_ns);

        if (!v->timed)
            continue;
        if (v->first_ns && at < f->start_ns)
            f->start_ns = at;
        for (size_t s = 0; s < v->seg_count; s++) {
            const uint64_t sent = seg_time(v, &v->segs[s]);

            if (sent < f->start_ns)
                f->start_ns = sent;
        }
    }
}

int fleet_join(struct fleet *f, char error[static FLEET_ERROR_MAX])
{
    int r = 0;

    f->introducing = NONE;
    for (unsigned i = 0; i < f->view_count && r == 0; i++)
        r = view_complete(&f->views[i]);
    if (r == 0)
        r = fleet_tie_accounts(f);
    if (r == 0)
        r = fleet_place_accounts(f);
    if (r < 0) {
        snprintf(error, FLEET_ERROR_MAX, "out of memory");
        return r;
    }
    if (!f->joined && f->same_end) {
        snprintf(
            error, FLEET_ERROR_MAX,
            "%s shows the same as %s, at the same place: one of them is a copy, or both are of one host; what is merged "
            "is what was seen at the two ends",
            f->views[f->same_place[1]].name, f->views[f->same_place[0]].name);
        return -EINVAL;
    }
    r = fleet_time_views(f, error);
    if (r < 0)
        return r;
    r = complete_ties(f);
    if (r < 0)
        snprintf(error, FLEET_ERROR_MAX, "out of memory");
    find_start(f);
    return r;
}

void fleet_summary(const struct fleet *f, struct fleet_summary *ret_summary)
{
    *ret_summary = (struct fleet_summary){ .connections = f->tie_count,
                                           .joined = f->joined,
                                           .both = f->both,
                                           .lost = f->lost,
                                           .missed = f->missed,
                                           .between = f->between,
                                           .same_end = f->same_end,
                                           .tunnelled = f->tunnelled };
    if (f->same_end) {
        ret_summary->same_place[0] = f->views[f->same_place[0]].name;
        ret_summary->same_place[1] = f->views[f->same_place[1]].name;
    }
}

void fleet_clock(const struct fleet *f, unsigned view, struct trace_merged *ret_merged)
{
    const struct view *v = &f->views[view];
    const struct clock_fit *c = &v->clock;

    *ret_merged =
        (struct trace_merged){ .input = v->name, .host = *v->host.name ? v->host.name : NULL, .clock = c->kind };
    if (!c->piece_count)
        return;
    /* what it was ahead then */
    ret_merged->offset_ns = (int64_t)(v->first_ns - view_time(v, 0, v->first_ns));
    ret_merged->skew_ppb = (int64_t)(c->pieces[0].skew * 1e9);
    ret_merged->band_ns = c->band_ns;
    ret_merged->segments = c->count;
    ret_merged->steps = c->piece_count - 1;
}

unsigned fleet_reference(const struct fleet *f)
{
    return f->reference;
}

const struct host *fleet_host(const struct fleet *f, unsigned view)
{
    return &f->views[view].host;
}

uint64_t fleet_start_ns(const struct fleet *f)
{
    return f->start_ns;
}
