#include "align.h"

#include <errno.h>
#include <stdlib.h>

/* So many have to agree. */
#define AGREE_MIN 3

/* A segment, by what does not depend on the numbers that are looked for. */
struct likeness {
    uint64_t key;
    uint32_t number; /* what is looked for, as this account has it */
};

struct likenesses {
    struct likeness *all;
    size_t count;
};

static int by_key(const void *a, const void *b)
{
    const struct likeness *x = a, *y = b;

    return x->key < y->key ? -1 : x->key > y->key;
}

/* end: whose numbers are looked for; with_other: those of the other end can be compared. */
static uint64_t key_of(const struct seg *s, enum end end, bool with_other)
{
    const bool stamped = s->options & SEGMENT_OPT_TS;
    uint64_t h = hash_mix(s->flags, (uint64_t)s->len << 2 | (uint64_t)s->from << 1 | stamped);

    if (stamped)
        h = hash_mix(h, (uint64_t)s->ts_val << 32 | s->ts_ecr);
    return with_other ? hash_mix(h, (enum end)s->from == end ? s->ack : s->seq) : h;
}

static int list(const struct view *v, const struct view_conn *c, enum end end, bool with_other,
                struct likenesses *ret_list)
{
    *ret_list = (struct likenesses){ .all = malloc((c->count + 1) * sizeof(*ret_list->all)) };
    if (!ret_list->all)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct seg *s = &v->segs[v->order[c->begin + i]];

        if (!s->bad && ((enum end)s->from == end || s->flags & SEGMENT_ACK))
            ret_list->all[ret_list->count++] =
                (struct likeness){ key_of(s, end, with_other), (enum end)s->from == end ? s->seq : s->ack };
    }
    qsort(ret_list->all, ret_list->count, sizeof(*ret_list->all), by_key);
    return 0;
}

static size_t run_of(const struct likenesses *l, size_t i)
{
    size_t n = 0;

    while (i + n < l->count && l->all[i + n].key == l->all[i].key)
        n++;
    return n;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* What most of those say that there is one of in each. False: they do not agree. */
static bool find_shift(const struct likenesses *mine, const struct likenesses *other, uint32_t *shifts,
                       uint32_t *ret_shift)
{
    size_t count = 0, most = 0;

    for (size_t i = 0, k = 0; i < mine->count && k < other->count;) {
        const size_t mine_run = run_of(mine, i), other_run = run_of(other, k);

        if (mine->all[i].key == other->all[k].key && mine_run == 1 && other_run == 1)
            shifts[count++] = other->all[k].number - mine->all[i].number;
        if (mine->all[i].key <= other->all[k].key) {
            k += mine->all[i].key == other->all[k].key ? other_run : 0;
            i += mine_run;
        } else {
            k += other_run;
        }
    }
    qsort(shifts, count, sizeof(*shifts), by_number);
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && shifts[i + n] == shifts[i]; n++)
            ;
        if (n > most) {
            most = n;
            *ret_shift = shifts[i];
        }
    }
    return most >= AGREE_MIN && most * 2 > count;
}

static void shift(struct view *v, struct view_conn *c, enum end end, uint32_t by)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct seg *s = &v->segs[v->order[c->begin + i]];

        if ((enum end)s->from == end) {
            s->seq += by;
            continue;
        }
        if (s->flags & SEGMENT_ACK)
            s->ack += by;
        for (unsigned block = 0; s->rare && block < v->rares[s->rare - 1].sack_count; block++) {
            v->rares[s->rare - 1].sack[block][0] += by;
            v->rares[s->rare - 1].sack[block][1] += by;
        }
    }
    c->base[end] += by;
    c->relative[end] = false;
}

static int align_end(struct view *v, struct view_conn *c, const struct view *other, const struct view_conn *other_conn,
                     enum end end)
{
    const bool with_other = c->relative[!end] == other_conn->relative[!end] && !c->relative[!end];
    struct likenesses mine, theirs = { 0 };
    uint32_t *shifts = malloc((c->count + 1) * sizeof(*shifts)), by;
    int r = list(v, c, end, with_other, &mine);

    if (r == 0)
        r = list(other, other_conn, end, with_other, &theirs);
    if (r == 0 && !shifts)
        r = -ENOMEM;
    if (r == 0 && find_shift(&mine, &theirs, shifts, &by))
        shift(v, c, end, by);
    free(mine.all);
    free(theirs.all);
    free(shifts);
    return r;
}

int align_accounts(struct view *v, struct view_conn *c, const struct view *other, const struct view_conn *other_conn)
{
    int r = 0;

    for (unsigned end = 0; end < END_N && r == 0; end++)
        if (c->relative[end])
            r = align_end(v, c, other, other_conn, end);
    return r;
}
