/* An account of a connection is one view's. Accounts of the same connection have the same endpoints, and the same initial sequence
 * numbers where these were seen. Where a SYN was not, the numbers that follow say it: those of one connection overlap, and those of
 * two are anywhere in 2^32. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "align.h"
#include "whole.h"

/* ---- in order: those of the same endpoints together, those that have the most to go by first */

struct entry {
    const struct view_conn *of;
    struct account account;
    bool is_trace;
};

static const struct endpoint *lower(const struct view_conn *c)
{
    return endpoint_compare(&c->at[0], &c->at[1]) < 0 ? &c->at[0] : &c->at[1];
}

static const struct endpoint *higher(const struct view_conn *c)
{
    return lower(c) == &c->at[0] ? &c->at[1] : &c->at[0];
}

static int by_endpoints(const struct view_conn *x, const struct view_conn *y)
{
    const int r = endpoint_compare(lower(x), lower(y));

    return r ? r : endpoint_compare(higher(x), higher(y));
}

static int by_identity(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const int r = by_endpoints(x->of, y->of);

    if (r)
        return r;
    for (unsigned i = 0; i < END_N; i++) {
        if (x->of->based[i] != y->of->based[i])
            return x->of->based[i] ? -1 : 1;
        if (x->of->based[i] && x->of->base[i] != y->of->base[i])
            return x->of->base[i] < y->of->base[i] ? -1 : 1;
    }
    if (x->is_trace != y->is_trace)
        return x->is_trace ? 1 : -1;
    if (x->account.view != y->account.view)
        return x->account.view < y->account.view ? -1 : 1;
    return x->account.conn < y->account.conn ? -1 : x->account.conn > y->account.conn;
}

/* ---- the same */

/* From where to where the numbers of an end go. False: none of it were seen. */
struct range {
    uint32_t from, to;
    bool any;
};

static void extend(struct range *r, uint32_t at)
{
    if (!r->any)
        *r = (struct range){ at, at, true };
    else if ((int32_t)(at - r->from) < 0)
        r->from = at;
    else if ((int32_t)(at - r->to) > 0)
        r->to = at;
}

static struct range range_of(const struct view *v, const struct view_conn *c, enum end end)
{
    struct range r = { 0 };

    for (uint32_t i = 0; i < c->count; i++) {
        const struct seg *s = &v->segs[v->order[c->begin + i]];

        if (s->bad || s->flags & SEGMENT_RST) /* whose numbers may be nobody's */
            continue;
        if ((enum end)s->from == end)
            extend(&r, s->seq);
        if ((enum end)s->from == end)
            extend(&r, s->seq + s->len);
        else if (s->flags & SEGMENT_ACK)
            extend(&r, s->ack);
    }
    return r;
}

static bool overlap(const struct range *a, const struct range *b)
{
    return a->any && b->any && (int32_t)(a->to - b->from) >= 0 && (int32_t)(b->to - a->from) >= 0;
}

/* Both tell of the same numbers, of each end of which both have any; and of one at least. */
static bool is_same_talk(const struct fleet *f, const struct account *a, const struct account *b)
{
    bool any = false;

    for (unsigned end = 0; end < END_N; end++) {
        const struct range x = range_of(&f->views[a->view], fleet_conn(f, a), end),
                           y = range_of(&f->views[b->view], fleet_conn(f, b), end);

        if (fleet_conn(f, a)->relative[end]) /* still: they compare with nothing */
            continue;
        if (x.any && y.any && !overlap(&x, &y))
            return false;
        any |= x.any && y.any;
    }
    return any;
}

static bool contradicts(const struct view_conn *a, const struct view_conn *b)
{
    for (unsigned i = 0; i < END_N; i++)
        if (a->based[i] && b->based[i] && a->base[i] != b->base[i])
            return true;
    return false;
}

/* Of the client's SYN, as the numbers of an earlier connection of the same endpoints may go on in the server's (RFC 6191). */
static bool has_same_syn(const struct view_conn *a, const struct view_conn *b)
{
    return a->based[END_CLIENT] && b->based[END_CLIENT] && a->base[END_CLIENT] == b->base[END_CLIENT];
}

/* Who has not seen the SYN guesses which end is the client: who has, knows. False: both know, and differ. */
static bool agree_on_ends(struct fleet *f, struct account *a, const struct tie *t)
{
    const struct view_conn *x = fleet_conn(f, a);

    for (size_t i = 0; i < t->count; i++) {
        const struct account *b = &f->accounts[t->first + i];
        const struct view_conn *y = fleet_conn(f, b);

        if (endpoint_compare(&x->at[END_CLIENT], &y->at[END_CLIENT]) == 0)
            continue;
        if (x->roles_assumed)
            view_turn(&f->views[a->view], a->conn);
        else if (y->roles_assumed)
            view_turn(&f->views[b->view], b->conn);
        else
            return false;
    }
    return true;
}

/* 1: a is of the same connection as b, and counts from the same numbers by now; 0: it is not; -ENOMEM. */
static int is_same(struct fleet *f, const struct account *a, const struct account *b)
{
    struct view_conn *x = fleet_conn(f, a);
    const struct view_conn *y = fleet_conn(f, b);
    const int r = align_accounts(&f->views[a->view], x, &f->views[b->view], y);

    return r < 0 ? r : has_same_syn(x, y) || is_same_talk(f, a, b);
}

/* One account a view: a second one with the same numbers is another connection. 1, 0 or -ENOMEM. */
static int belongs(struct fleet *f, struct account *a, const struct tie *t)
{
    int r = 0;

    for (size_t i = 0; i < t->count; i++)
        if (f->accounts[t->first + i].view == a->view)
            return 0;
    if (!agree_on_ends(f, a, t))
        return 0;
    for (size_t i = 0; i < t->count; i++)
        if (contradicts(fleet_conn(f, a), fleet_conn(f, &f->accounts[t->first + i])))
            return 0;
    for (size_t i = 0; i < t->count && r == 0; i++)
        r = is_same(f, a, &f->accounts[t->first + i]);
    return r;
}

/* ---- ties */

/* Of the ties of the same endpoints the one that it is of. All that have the client's SYN stand in the order of its number. NONE: of
 * none yet. */
static int find_tie(struct fleet *f, struct account *a, size_t from, uint32_t *ret_tie)
{
    const bool by_number = fleet_conn(f, a)->based[END_CLIENT];

    *ret_tie = NONE;
    for (size_t i = f->tie_count; i-- > from && (!by_number || i + 2 > f->tie_count);) {
        const int r = belongs(f, a, &f->ties[i]);

        if (r < 0)
            return r;
        if (r > 0) {
            *ret_tie = (uint32_t)i;
            return 0;
        }
    }
    return 0;
}

/* Those of a tie stand together: room is made at its end. Later ties of the same endpoints move on. */
static void put_account(struct fleet *f, const struct account *a, uint32_t tie)
{
    struct tie *t = &f->ties[tie];
    const size_t at = t->first + t->count++;

    memmove(&f->accounts[at + 1], &f->accounts[at], (f->account_count++ - at) * sizeof(*a));
    f->accounts[at] = *a;
    for (size_t i = tie + 1; i < f->tie_count; i++)
        f->ties[i].first++;
}

static int take_account(struct fleet *f, struct account a, size_t from)
{
    uint32_t tie;
    const int r = find_tie(f, &a, from, &tie);

    if (r < 0)
        return r;
    if (tie == NONE) {
        tie = (uint32_t)f->tie_count++;
        f->ties[tie] =
            (struct tie){ .first = f->account_count, .netns = tie + 1, .shortest_ns = { UINT64_MAX, UINT64_MAX } };
    }
    memset(fleet_conn(f, &a)->relative, false, sizeof(fleet_conn(f, &a)->relative)); /* to those of the tie */
    put_account(f, &a, tie);
    return 0;
}

/* From where the numbers of a tie are counted: before all that were seen of it. */
static void set_bases(struct fleet *f, struct tie *t)
{
    for (unsigned end = 0; end < END_N; end++) {
        struct range all = { 0 };

        for (size_t i = 0; i < t->count; i++) {
            const struct account *a = &f->accounts[t->first + i];
            const struct view_conn *c = fleet_conn(f, a);
            const struct range r = c->based[end] ? (struct range){ c->base[end], c->base[end], true }
                                                 : range_of(&f->views[a->view], c, end);

            if (r.any)
                extend(&all, r.from);
        }
        t->base[end] = all.from;
    }
}

static size_t list_entries(struct fleet *f, struct entry *entries)
{
    size_t count = 0;

    for (unsigned v = 0; v < f->view_count; v++)
        for (size_t i = 0; i < f->views[v].conn_count; i++) {
            const struct view_conn *of = &f->views[v].conns[i];

            if (of->tunnelled)
                f->tunnelled++;
            else
                entries[count++] = (struct entry){ of, { .view = v, .conn = (uint32_t)i }, f->views[v].is_trace };
        }
    qsort(entries, count, sizeof(*entries), by_identity);
    return count;
}

int fleet_tie_accounts(struct fleet *f)
{
    struct entry *entries;
    size_t count, from = 0, room = 1;
    int r = 0;

    for (unsigned v = 0; v < f->view_count; v++)
        room += f->views[v].conn_count;
    entries = malloc(room * sizeof(*entries));
    f->accounts = malloc(room * sizeof(*f->accounts));
    f->ties = malloc(room * sizeof(*f->ties));
    if (!entries || !f->accounts || !f->ties) {
        free(entries);
        return -ENOMEM;
    }
    count = list_entries(f, entries);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (i && by_endpoints(entries[i - 1].of, entries[i].of))
            from = f->tie_count;
        r = take_account(f, entries[i].account, from);
    }
    free(entries);
    for (size_t i = 0; i < f->tie_count && r == 0; i++)
        set_bases(f, &f->ties[i]);
    return r;
}
