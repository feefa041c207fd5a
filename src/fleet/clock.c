#include "tcplens/fleet/clock.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* No clock of a computer is off by more: what seems to be was set. */
#define SKEW_MAX 1e-3
/* Captures tell microseconds, cut off at both hosts. */
#define SLACK_NS 2000.0
/* So many of the shortest delays of the first and of the last third of the time are looked at. */
#define SHORTEST 3
/* Less than that over all of the time makes no difference. */
#define DRIFT_MIN_NS 1000
/* A drift counts that is so many times as large as what the shortest delays at its ends differ by. */
#define DRIFT_TIMES 4

struct point {
    double x, y;
};

/* Some bounds as points beside the first one, in order of time, and the two hulls that face each other. */
struct piece {
    const struct clock_bound *bounds;
    size_t count;
    struct spot {
        struct point at;
        bool above;
    } * spots;
    struct point *above, *below; /* the lower hull of the bounds from above, the upper hull of those from below */
    size_t above_count, below_count;
};

static int by_time(const void *a, const void *b)
{
    const struct spot *x = a, *y = b;

    return x->at.x < y->at.x ? -1 : x->at.x > y->at.x;
}

/* Captures are nearly in order of time by themselves. */
static void place_spots(struct piece *p)
{
    bool ordered = true;

    for (size_t i = 0; i < p->count; i++) {
        const struct clock_bound *b = &p->bounds[i];

        p->spots[i] = (struct spot){
            { (double)(int64_t)(b->at_ns - p->bounds->at_ns), (double)(b->ahead_ns - p->bounds->ahead_ns) }, b->above
        };
        ordered &= !i || p->spots[i - 1].at.x <= p->spots[i].at.x;
    }
    if (!ordered)
        qsort(p->spots, p->count, sizeof(*p->spots), by_time);
}

/* > 0: c lies left of the way from a to b. */
static double turn(struct point a, struct point b, struct point c)
{
    return (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
}

/* Andrew's monotone chain; side 1: the lower hull, -1: the upper one. */
static size_t add_to_hull(struct point *hull, size_t count, struct point p, double side)
{
    while (count >= 2 && side * turn(hull[count - 2], hull[count - 1], p) <= 0)
        count--;
    hull[count] = p;
    return count + 1;
}

static void make_hulls(struct piece *p)
{
    place_spots(p);
    p->above_count = p->below_count = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (p->spots[i].above)
            p->above_count = add_to_hull(p->above, p->above_count, p->spots[i].at, 1);
        else
            p->below_count = add_to_hull(p->below, p->below_count, p->spots[i].at, -1);
    }
}

/* Where a line of that slope touches a hull. */
static struct point touch(const struct point *hull, size_t count, double slope, double side)
{
    size_t low = 0, high = count - 1;

    while (low < high) { /* along a hull the height above the line falls, then rises */
        const size_t middle = (low + high) / 2;
        const struct point a = hull[middle], b = hull[middle + 1];

        if (side * (b.y - a.y - slope * (b.x - a.x)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return hull[low];
}

/* Two lines of one slope, each at a hull: their heights at x = 0, and where they touch. */
struct strip {
    double above, below, x_above, x_below;
};

static struct strip strip_of(const struct piece *p, double slope)
{
    struct strip s = { 0 };

    if (p->above_count) {
        const struct point t = touch(p->above, p->above_count, slope, 1);

        s.above = t.y - slope * t.x;
        s.x_above = t.x;
    }
    if (p->below_count) {
        const struct point t = touch(p->below, p->below_count, slope, -1);

        s.below = t.y - slope * t.x;
        s.x_below = t.x;
    }
    return s;
}

static double width(const struct piece *p, double slope)
{
    const struct strip s = strip_of(p, slope);

    return s.above - s.below;
}

/* The slope of the widest strip. Its width as a function of the slope is concave, and its derivative the distance between the
 * points that it touches: the search ends where these pass each other. */
static double widest(const struct piece *p)
{
    double low = -SKEW_MAX, high = SKEW_MAX;

    if (!p->above_count || !p->below_count)
        return 0;
    for (unsigned i = 0; i < 64; i++) {
        const double middle = (low + high) / 2;
        const struct strip s = strip_of(p, middle);

        if (s.x_below > s.x_above)
            low = middle;
        else if (s.x_below < s.x_above)
            high = middle;
        else
            return middle;
    }
    return (low + high) / 2;
}

static bool fits(const struct piece *p, double slope)
{
    return !p->above_count || !p->below_count || width(p, slope) >= -SLACK_NS;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

/* The shortest delays of a third, in one direction, beyond the shortest of all; ascending. */
struct shortest {
    double delay[SHORTEST];
    unsigned count;
};

static void note_delay(struct shortest *s, double delay)
{
    unsigned i = s->count < SHORTEST ? s->count++ : SHORTEST;

    for (; i > 0 && s->delay[i - 1] > delay; i--)
        if (i < SHORTEST)
            s->delay[i] = s->delay[i - 1];
    if (i < SHORTEST)
        s->delay[i] = delay;
}

/* How far the short delays of the first and last third lie above a line of that slope, in the direction where they do so least.
 * The very shortest say nothing: the line was laid along them. *ret_span: the time between the first and the last. */
static double unevenness(const struct piece *p, double slope, double *ret_span)
{
    const struct strip s = strip_of(p, slope);
    const double first = p->spots[0].at.x, span = p->spots[p->count - 1].at.x - first;
    struct shortest thirds[2][2] = { 0 };
    double least = INFINITY;

    *ret_span = span;
    for (size_t i = 0; i < p->count; i++) {
        const struct spot *at = &p->spots[i];
        const double height = at->at.y - slope * at->at.x, since = at->at.x - first;

        if (since < span / 3 || since > span * 2 / 3)
            note_delay(&thirds[at->above][since > span / 2], at->above ? height - s.above : s.below - height);
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct shortest *early = &thirds[i][0], *late = &thirds[i][1];

        if (early->count < SHORTEST || late->count < SHORTEST)
            continue;
        least = smaller(least, larger(early->delay[SHORTEST - 1], late->delay[SHORTEST - 1]));
    }
    return least;
}

/* A drift that is no more than what the delays vary by is none. */
static double skew_of(const struct piece *p, enum clock_fit_kind *ret_kind)
{
    const double slope = widest(p), drift = slope < 0 ? -slope : slope;
    double span, uneven = unevenness(p, slope, &span);

    *ret_kind = CLOCK_LINE;
    if (!p->above_count || !p->below_count)
        *ret_kind = CLOCK_ONE_SIDED;
    else if (drift * span <= larger(DRIFT_MIN_NS, DRIFT_TIMES * uneven) && fits(p, 0))
        *ret_kind = CLOCK_CONSTANT;
    return *ret_kind == CLOCK_LINE ? slope : 0;
}

static int by_order(const void *a, const void *b)
{
    const struct clock_bound *x = a, *y = b;

    return x->order < y->order ? -1 : x->order > y->order;
}

/* The most of what is left that one line fits. What does not fit some does not fit more. */
static void take_fitting(struct piece *p)
{
    size_t low = 1, high = p->count;

    make_hulls(p);
    if (fits(p, widest(p)))
        return;
    while (high - low > 1) {
        p->count = low + (high - low) / 2;
        make_hulls(p);
        if (fits(p, widest(p)))
            low = p->count;
        else
            high = p->count;
    }
    p->count = low;
    make_hulls(p);
}

static void settle(const struct piece *p, struct clock_fit *fit)
{
    enum clock_fit_kind kind;
    const double skew = skew_of(p, &kind);
    const struct strip s = strip_of(p, skew);
    const double half = kind == CLOCK_ONE_SIDED ? 0 : (s.above - s.below) / 2;

    if (!fit->piece_count)
        fit->kind = kind;
    if (half > (double)fit->band_ns)
        fit->band_ns = (uint64_t)half;
    fit->pieces[fit->piece_count++] = (struct clock_piece){
        .from = p->bounds->order,
        .at_ns = p->bounds->at_ns,
        .ahead_ns = p->bounds->ahead_ns,
        .rest_ns = kind == CLOCK_ONE_SIDED ? s.above + s.below : (s.above + s.below) / 2,
        .skew = skew,
    };
}

/* What it took, by that piece, beyond the middle of its strip. */
static double delay_by(const struct clock_piece *p, const struct clock_bound *b)
{
    const double ahead =
        (double)(b->ahead_ns - p->ahead_ns) - p->rest_ns - p->skew * (double)(int64_t)(b->at_ns - p->at_ns);

    return b->above ? ahead : -ahead;
}

/* A clock that was set contradicts its piece at the first segment of one direction alone: those of the other that came before it
 * would have taken the longer. They belong to the next piece, where they took less. border: the first of that. */
static void move_border(struct clock_fit *fit, const struct clock_bound *border)
{
    struct clock_piece *piece = &fit->pieces[fit->piece_count - 1];

    for (const struct clock_bound *b = border - 1; b->order > piece[-1].from; b--) {
        const double delay = delay_by(piece, b);

        if (delay < -SLACK_NS || delay >= delay_by(piece - 1, b))
            return;
        piece->from = b->order;
    }
}

static bool contradicts_none(const struct clock_bound *bounds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bounds[i].above ? bounds[i].ahead_ns < -SLACK_NS : bounds[i].ahead_ns > SLACK_NS)
            return false;
    return true;
}

static int fit_pieces(struct piece *p, const struct clock_bound *end, struct clock_fit *fit)
{
    while (p->bounds < end) {
        if (fit->piece_count == CLOCK_PIECES_MAX)
            return -ERANGE;
        p->count = (size_t)(end - p->bounds);
        take_fitting(p);
        settle(p, fit);
        if (fit->piece_count > 1)
            move_border(fit, p->bounds);
        p->bounds += p->count;
    }
    return 0;
}

int clock_fit(struct clock_bound *bounds, size_t count, bool same_host, struct clock_fit *ret_fit)
{
    struct piece p = { .bounds = bounds };
    int r;

    *ret_fit = (struct clock_fit){ .kind = CLOCK_UNKNOWN, .count = count };
    if (same_host && contradicts_none(bounds, count)) {
        ret_fit->kind = CLOCK_SAME;
        return 0;
    }
    if (!count)
        return 0;
    qsort(bounds, count, sizeof(*bounds), by_order);
    p.spots = malloc(count * sizeof(*p.spots));
    p.above = malloc(count * sizeof(*p.above));
    p.below = malloc(count * sizeof(*p.below));
    r = p.spots && p.above && p.below ? fit_pieces(&p, bounds + count, ret_fit) : -ENOMEM;
    free(p.spots);
    free(p.above);
    free(p.below);
    return r;
}

uint64_t clock_convert(const struct clock_fit *fit, uint64_t order, uint64_t ts_ns)
{
    const struct clock_piece *piece = fit->pieces;
    double rest;

    if (!fit->piece_count)
        return ts_ns;
    for (unsigned i = 1; i < fit->piece_count && fit->pieces[i].from <= order; i++)
        piece = &fit->pieces[i];
    rest = piece->rest_ns + piece->skew * (double)(int64_t)(ts_ns - piece->at_ns);
    return ts_ns - (uint64_t)piece->ahead_ns - (uint64_t)(int64_t)(rest + (rest < 0 ? -0.5 : 0.5));
}
