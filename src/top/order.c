/* A treap: a search tree by key that is a heap by a number as good as random, and so is not deep (R. Seidel and C. Aragon,
 * Randomized Search Trees, Algorithmica 16, 1996). Each node knows how many are below it. */
#include "tcplens/top/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct order_node {
    uint64_t key;
    uint32_t tie, count; /* count: of its subtree, itself included; 0: not in order */
    uint32_t left, right;
};

int order_init(struct order *o, uint32_t max)
{
    *o = (struct order){ .nodes = calloc((size_t)max + 1, sizeof(*o->nodes)), .max = max };
    return o->nodes ? 0 : -ENOMEM;
}

void order_free(struct order *o)
{
    free(o->nodes);
    *o = (struct order){ 0 };
}

void order_clear(struct order *o)
{
    memset(o->nodes, 0, ((size_t)o->max + 1) * sizeof(*o->nodes));
    o->root = 0;
}

/* A fixed mixture of the place: whoever chooses the keys does not choose the places. */
static uint32_t priority(uint32_t place)
{
    place *= 0x9e3779b1u;
    place ^= place >> 15;
    place *= 0x85ebca77u;
    return place ^ place >> 13;
}

static bool is_before(const struct order *o, uint32_t a, uint32_t b)
{
    const struct order_node *x = &o->nodes[a], *y = &o->nodes[b];

    return x->key != y->key ? x->key < y->key : x->tie != y->tie ? x->tie < y->tie : a < b;
}

static void recount(struct order *o, uint32_t at)
{
    o->nodes[at].count = 1 + o->nodes[o->nodes[at].left].count + o->nodes[o->nodes[at].right].count;
}

/* All that is before `at` goes to one side, the rest to the other. */
static void split(struct order *o, uint32_t tree, uint32_t at, uint32_t *ret_before, uint32_t *ret_after)
{
    if (!tree) {
        *ret_before = *ret_after = 0;
        return;
    }
    if (is_before(o, tree, at)) {
        *ret_before = tree;
        split(o, o->nodes[tree].right, at, &o->nodes[tree].right, ret_after);
    } else {
        *ret_after = tree;
        split(o, o->nodes[tree].left, at, ret_before, &o->nodes[tree].left);
    }
    recount(o, tree);
}

static uint32_t join(struct order *o, uint32_t before, uint32_t after)
{
    if (!before || !after)
        return before ? before : after;
    if (priority(before) > priority(after)) {
        o->nodes[before].right = join(o, o->nodes[before].right, after);
        recount(o, before);
        return before;
    }
    o->nodes[after].left = join(o, before, o->nodes[after].left);
    recount(o, after);
    return after;
}

static uint32_t insert(struct order *o, uint32_t tree, uint32_t at)
{
    if (!tree || priority(at) > priority(tree)) {
        split(o, tree, at, &o->nodes[at].left, &o->nodes[at].right);
        recount(o, at);
        return at;
    }
    if (is_before(o, tree, at))
        o->nodes[tree].right = insert(o, o->nodes[tree].right, at);
    else
        o->nodes[tree].left = insert(o, o->nodes[tree].left, at);
    recount(o, tree);
    return tree;
}

static uint32_t take_out(struct order *o, uint32_t tree, uint32_t at)
{
    if (tree == at)
        return join(o, o->nodes[at].left, o->nodes[at].right);
    if (is_before(o, tree, at))
        o->nodes[tree].right = take_out(o, o->nodes[tree].right, at);
    else
        o->nodes[tree].left = take_out(o, o->nodes[tree].left, at);
    recount(o, tree);
    return tree;
}

void order_drop(struct order *o, uint32_t place)
{
    if (!o->nodes[place].count)
        return;
    o->root = take_out(o, o->root, place);
    o->nodes[place] = (struct order_node){ 0 };
}

void order_put(struct order *o, uint32_t place, uint64_t key, uint32_t tie)
{
    struct order_node *node = &o->nodes[place];

    if (node->count && node->key == key && node->tie == tie)
        return;
    order_drop(o, place);
    *node = (struct order_node){ .key = key, .tie = tie, .count = 1 };
    o->root = insert(o, o->root, place);
}

uint32_t order_count(const struct order *o)
{
    return o->nodes[o->root].count;
}

uint32_t order_at(const struct order *o, uint32_t n)
{
    uint32_t at = o->root;

    while (at) {
        const uint32_t before = o->nodes[o->nodes[at].left].count;

        if (n == before)
            return at;
        if (n < before) {
            at = o->nodes[at].left;
        } else {
            n -= before + 1;
            at = o->nodes[at].right;
        }
    }
    return 0;
}

bool order_rank(const struct order *o, uint32_t place, uint32_t *ret_n)
{
    uint32_t n = 0;

    if (!o->nodes[place].count)
        return false;
    for (uint32_t at = o->root; at != place;) {
        if (is_before(o, at, place)) {
            n += o->nodes[o->nodes[at].left].count + 1;
            at = o->nodes[at].right;
        } else {
            at = o->nodes[at].left;
        }
    }
    *ret_n = n + o->nodes[o->nodes[place].left].count;
    return true;
}
