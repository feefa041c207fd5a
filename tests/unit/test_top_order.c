/* The order of the list that `tcplens top` shows, beside a sort of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tcplens/top/order.h"

struct item {
    uint64_t key;
    uint32_t place;
};

static int by_key(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->key != y->key ? (x->key < y->key ? -1 : 1) : x->place < y->place ? -1 : x->place > y->place;
}

#define ITEMS 500

static void check_order(const struct order *o, const uint64_t *keys)
{
    struct item sorted[ITEMS];
    uint32_t n = 0, rank;

    for (uint32_t place = 1; place <= ITEMS; place++) {
        assert_int_equal(order_rank(o, place, &rank), keys[place] != 0);
        if (keys[place])
            sorted[n++] = (struct item){ keys[place], place };
    }
    qsort(sorted, n, sizeof(*sorted), by_key);
    assert_int_equal(order_count(o), n);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(order_at(o, i), sorted[i].place);
        assert_true(order_rank(o, sorted[i].place, &rank));
        assert_int_equal(rank, i);
    }
    assert_int_equal(order_at(o, n), 0);
}

static void order_is_that_of_a_sort(void **state)
{
    uint64_t keys[ITEMS + 1] = { 0 };
    uint32_t chance = 1;
    struct order o;

    (void)state;
    assert_int_equal(order_init(&o, ITEMS), 0);
    for (unsigned step = 0; step < 6000; step++) {
        const uint32_t place = 1 + (chance = chance * 1664525 + 1013904223) / 7 % ITEMS;

        keys[place] = chance % 4 ? 1 + chance / 16 % 50 : 0; /* many are equal */
        if (keys[place])
            order_put(&o, place, keys[place], place);
        else
            order_drop(&o, place);
        if (step % 500 == 0)
            check_order(&o, keys);
    }
    check_order(&o, keys);
    order_clear(&o);
    assert_int_equal(order_count(&o), 0);
    order_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_a_sort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
