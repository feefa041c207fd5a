/* Objects from a slab are apart from each other, zeroed, and used again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tcplens/base/slab.h"

static void check_zero(const unsigned char *p, size_t size)
{
    for (size_t i = 0; i < size; i++)
        assert_int_equal(p[i], 0);
}

/* Sizes below a pointer, odd ones, and one larger than a chunk. */
static void objects_do_not_overlap(void **state)
{
    static const size_t sizes[] = { 1, 8, 100, 512, 4099, 600000 };

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        unsigned char *objects[300];
        struct slab slab;

        slab_init(&slab, sizes[i]);
        for (unsigned n = 0; n < 300; n++) {
            objects[n] = slab_take(&slab);
            assert_non_null(objects[n]);
            assert_int_equal((uintptr_t)objects[n] % 16, 0);
            check_zero(objects[n], sizes[i]);
            memset(objects[n], (int)(n % 255 + 1), sizes[i]);
        }
        for (unsigned n = 0; n < 300; n++)
            for (size_t at = 0; at < sizes[i]; at += sizes[i] / 7 + 1)
                assert_int_equal(objects[n][at], n % 255 + 1);
        slab_free(&slab);
    }
}

static void what_was_given_back_is_taken_first_and_is_zero(void **state)
{
    unsigned char *a, *b, *c;
    struct slab slab;

    (void)state;
    slab_init(&slab, 40);
    a = slab_take(&slab);
    b = slab_take(&slab);
    memset(a, 0xff, 40);
    memset(b, 0xff, 40);
    slab_give(&slab, a);
    slab_give(&slab, b);
    c = slab_take(&slab);
    assert_ptr_equal(c, b);
    check_zero(c, 40);
    c = slab_take(&slab);
    assert_ptr_equal(c, a);
    check_zero(c, 40);
    slab_free(&slab);
    assert_non_null(slab_take(&slab)); /* freed is empty, not dead */
    slab_free(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_do_not_overlap),
        cmocka_unit_test(what_was_given_back_is_taken_first_and_is_zero),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
