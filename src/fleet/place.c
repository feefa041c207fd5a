/* Whose account of a connection stands where. All that is between two places takes time: what the client sends is seen at the place
 * that is nearer to it first, and what the server sends later. So, for two segments that pass soon after each other in the two
 * directions, the difference of what one clock shows more than the other is the time from the one place to the other and back,
 * whatever the clocks show. The median of these puts all accounts in a row; a clock that was set while they were taken shows in
 * one of them. Where there is none, nothing between two accounts takes time: they were taken at one place. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "whole.h"

/* So many differences are looked at. */
#define SIGHTS_MAX 1024
/* What a conversion of times leaves, and what a capture cuts off that tells microseconds. */
#define ROUNDING_NS 50
#define CUT_NS 1000

/* How far one account is from another. */
struct sight {
    int64_t apart_ns; /* there and back; > 0: the second one is nearer to the server */
    bool known, same_place;
};

/* Accounts of one place. The best stands for them. */
struct place {
    size_t best; /* index in fleet.accounts */
    int64_t at_ns;
    bool known; /* at_ns is */
};

/* ---- two accounts */

static void put(struct tie *t, const struct account *client, const struct account *server)
{
    t->at[END_CLIENT].view = client->view;
    t->at[END_CLIENT].conn = client->conn;
    t->at[END_SERVER].view = server->view;
    t->at[END_SERVER].conn = server->conn;
}

static int pair_tie(struct fleet *f, const struct tie *t)
{
    const struct lane_pair forth = fleet_lane(f, t, END_CLIENT), back = fleet_lane(f, t, END_SERVER);
    const int r = pair_unique(&forth);

    return r < 0 ? r : pair_unique(&back);
}

static void unpair(const struct fleet *f, const struct account *a)
{
    const struct view *v = &f->views[a->view];
    const struct view_conn *conn = fleet_conn(f, a);

    for (uint32_t i = 0; i < conn->count; i++) {
        struct seg *s = &v->segs[v->order[conn->begin + i]];

        s->mate = s->next = NONE;
    }
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* Of the hosts that tell who they are: whether they can be one. */
static bool can_be_same_host(const struct fleet *f, const struct account *a, const struct account *b)
{
    const char *x = f->views[a->view].host.boot_id, *y = f->views[b->view].host.boot_id;

    return !*x || !*y || strcmp(x, y) == 0;
}

/* Whose end an account is, by whose address is its host's. END_UNKNOWN: it does not say, or has both. */
static enum end end_of(const struct fleet *f, const struct account *a)
{
    const struct view_conn *c = fleet_conn(f, a);

    return c->local[END_CLIENT] == c->local[END_SERVER] ? END_UNKNOWN : c->local[END_CLIENT] ? END_CLIENT : END_SERVER;
}

/* The differences of segments that follow each other in opposite directions, in the order in which a saw them. */
struct differences {
    int64_t all[SIGHTS_MAX];
    size_t count;
    bool cut;     /* times of one are of microseconds */
    int64_t rest; /* of one direction alone, by the clocks as they are; 0: none */
};

static void find_differences(const struct fleet *f, const struct account *a, const struct account *b,
                             struct differences *ret)
{
    const struct view *mine = &f->views[a->view], *other = &f->views[b->view];
    const struct view_conn *conn = fleet_conn(f, a);
    bool seen[END_N] = { 0 }, finer[2] = { 0 };
    int64_t later[END_N] = { 0 };
    enum end last = END_UNKNOWN;

    ret->count = 0;
    for (uint32_t i = 0; i < conn->count && ret->count < SIGHTS_MAX; i++) {
        const struct seg *s = &mine->segs[mine->order[conn->begin + i]];

        if (s->mate == NONE)
            continue;
        later[s->from] = (int64_t)(other->segs[s->mate].ts_ns - s->ts_ns);
        seen[s->from] = true;
        finer[0] |= s->ts_ns % CUT_NS != 0;
        finer[1] |= other->segs[s->mate].ts_ns % CUT_NS != 0;
        if (seen[END_CLIENT] && seen[END_SERVER] && last != (enum end)s->from)
            ret->all[ret->count++] = later[END_CLIENT] - later[END_SERVER];
        last = s->from;
    }
    ret->rest = seen[END_CLIENT] ? later[END_CLIENT] : seen[END_SERVER] ? -later[END_SERVER] : 0;
    ret->cut = !finer[0] || !finer[1];
    qsort(ret->all, ret->count, sizeof(*ret->all), by_size);
}

/* Of two accounts whose segments have mates. */
static struct sight sight_of(const struct fleet *f, const struct account *a, const struct account *b)
{
    const enum end end = end_of(f, a), other = end_of(f, b);
    struct differences d;
    struct sight s = { 0 };
    int64_t most;

    find_differences(f, a, b, &d);
    most = ROUNDING_NS + (d.cut ? CUT_NS : 0);
    if (d.count) {
        s.known = true;
        s.apart_ns = d.all[d.count / 2];
        s.same_place = d.all[0] >= -most && d.all[d.count - 1] <= most;
    }
    if (!d.count && d.rest) { /* the best guess: who saw it first is nearer to who sent it */
        s.known = true;
        s.apart_ns = d.rest;
    }
    if (end != END_UNKNOWN && other != END_UNKNOWN)
        s.same_place = end == other;
    s.same_place &= can_be_same_host(f, a, b);
    return s;
}

/* 0 or -ENOMEM. Their segments have mates then. */
static int look(struct fleet *f, struct tie *t, const struct account *a, const struct account *b,
                struct sight *ret_sight)
{
    int r;

    put(t, a, b);
    r = pair_tie(f, t);
    if (r == 0)
        *ret_sight = sight_of(f, a, b);
    return r;
}

/* What both saw, for the clocks: apart_ns says who saw it first. */
static int note_glances(struct fleet *f, const struct account *a, const struct account *b, int64_t apart_ns)
{
    const struct view *mine = &f->views[a->view], *other = &f->views[b->view];
    const struct view_conn *conn = fleet_conn(f, a);

    for (uint32_t i = 0; i < conn->count; i++) {
        const struct seg *s = &mine->segs[mine->order[conn->begin + i]];
        const unsigned first = (apart_ns < 0) != (s->from == END_SERVER);
        struct glance *g;

        if (s->mate == NONE)
            continue;
        if (!view_grow(&f->glances, f->glance_count, &f->glance_room, sizeof(*f->glances)))
            return -ENOMEM;
        g = &f->glances[f->glance_count++];
        g->of[first].view = a->view;
        g->of[first].n = s->n;
        g->of[first].ts_ns = s->ts_ns;
        g->of[!first].view = b->view;
        g->of[!first].n = other->segs[s->mate].n;
        g->of[!first].ts_ns = other->segs[s->mate].ts_ns;
    }
    return 0;
}

/* ---- all accounts of a connection */

/* More to go by: a kernel's word, and then segments. */
static bool is_better(const struct fleet *f, const struct account *a, const struct account *b)
{
    const uint32_t mine = fleet_conn(f, a)->count, other = fleet_conn(f, b)->count;
    const bool kernel = f->views[a->view].has_kernel && mine, other_kernel = f->views[b->view].has_kernel && other;

    return kernel != other_kernel ? kernel : mine > other;
}

/* Where it stands beside those that were looked at. 0 or -ENOMEM. */
static int find_place(struct fleet *f, struct tie *t, size_t account, struct place *places, size_t *count)
{
    struct account *a = &f->accounts[account];
    struct place own = { .best = account };
    int r = 0;

    for (size_t i = 0; i < *count && r == 0; i++) {
        struct account *best = &f->accounts[places[i].best];
        struct sight sight = { 0 };

        r = look(f, t, best, a, &sight);
        if (r < 0)
            return r;
        if (t->count > 2)
            r = note_glances(f, best, a, sight.apart_ns);
        else if (sight.same_place)
            r = note_glances(f, best, a, 0);
        if (t->count > 2 || sight.same_place) { /* else they are the ends: which is which, no mate asks */
            unpair(f, best);
            unpair(f, a);
        }
        if (r == 0 && sight.same_place) {
            f->same_place[0] = best->view;
            f->same_place[1] = a->view;
            f->same_end++;
            if (is_better(f, a, best))
                places[i].best = account;
            return 0;
        }
        if (!own.known && sight.known && places[i].known) {
            own.at_ns = places[i].at_ns + sight.apart_ns;
            own.known = true;
        }
    }
    own.known |= !*count;
    places[(*count)++] = own;
    return r;
}

/* Of the accounts that say whose end they are the one that says this; else of those whose place is known the one that is nearest to
 * it; else one that is not taken yet. except: index of a place; NONE. */
static size_t nearest(const struct fleet *f, const struct place *places, size_t count, enum end end, size_t except)
{
    size_t found = NONE;

    for (size_t i = 0; i < count; i++)
        if (i != except && end_of(f, &f->accounts[places[i].best]) == end)
            return i;
    for (size_t i = 0; i < count; i++) {
        if (i == except || !places[i].known)
            continue;
        if (found == NONE ||
            (end == END_CLIENT ? places[i].at_ns < places[found].at_ns : places[i].at_ns >= places[found].at_ns))
            found = i;
    }
    for (size_t i = 0; i < count && found == NONE; i++)
        if (i != except)
            found = i;
    return found;
}

static void set_tie(struct fleet *f, size_t tie, const struct place *places, size_t count)
{
    struct tie *t = &f->ties[tie];
    size_t client, server = NONE;

    for (size_t i = 0; i < count && count > 1; i++)
        if (end_of(f, &f->accounts[places[i].best]) == END_SERVER)
            server = i;
    client = nearest(f, places, count, END_CLIENT, server);
    server = count > 1 ? nearest(f, places, count, END_SERVER, client) : client;
    put(t, &f->accounts[places[client].best], &f->accounts[places[server].best]);
    for (size_t i = 0; i < t->count; i++) {
        struct account *a = &f->accounts[t->first + i];

        a->elsewhere = t->first + i != places[client].best && t->first + i != places[server].best;
        fleet_conn(f, a)->tie = a->elsewhere ? NONE : (uint32_t)tie;
    }
    f->between += count > 2 ? count - 2 : 0;
    f->joined += count > 1;
}

/* 0 or -ENOMEM. */
static int place_tie(struct fleet *f, size_t tie)
{
    struct place places[LIMIT_MERGED_FILES];
    size_t count = 0;
    int r = 0;

    for (size_t i = 0; i < f->ties[tie].count && r == 0; i++)
        r = find_place(f, &f->ties[tie], f->ties[tie].first + i, places, &count);
    if (r < 0)
        return r;
    set_tie(f, tie, places, count);
    return tie_is_joined(&f->ties[tie]) && f->ties[tie].count > 2 ? pair_tie(f, &f->ties[tie]) : 0;
}

int fleet_place_accounts(struct fleet *f)
{
    int r = 0;

    for (size_t i = 0; i < f->tie_count && r == 0; i++)
        r = place_tie(f, i);
    return r;
}
