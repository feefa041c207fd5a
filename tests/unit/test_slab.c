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

/* Sizes below a pointer, odd ones, and more objects than one chunk holds. */
static void objects_do_not_overlap(void **state)
{
    static const size_t sizes[] = { 1, 8, 100, 496, 4099 };
    const unsigned count = (1u << SLAB_CHUNK_BITS) + 300;

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct slab slab;

        slab_init(&slab, sizes[i]);
        for (unsigned n = 1; n < count; n++) {
            unsigned char *object;

            assert_int_equal(slab_take(&slab), n);
            object = slab_at(&slab, n);
            assert_int_equal((uintptr_t)object % 16, 0);
            check_zero(object, sizes[i]);
            memset(object, (int)(n % 255 + 1), sizes[i]);
        }
        for (unsigned n = 1; n < count; n++) {
            const unsigned char *object = slab_at(&slab, n);

            for (size_t at = 0; at < sizes[i]; at += sizes[i] / 7 + 1)
                assert_int_equal(object[at], n % 255 + 1);
        }
        slab_free(&slab);
    }
}

static void what_was_given_back_is_taken_first_and_is_zero(void **state)
{
    struct slab slab;
    uint32_t a, b;

    (void)state;
    slab_init(&slab, 40);
    a = slab_take(&slab);
    b = slab_take(&slab);
    memset(slab_at(&slab, a), 0xff, 40);
    memset(slab_at(&slab, b), 0xff, 40);
    slab_give(&slab, a);
    slab_give(&slab, b);
    assert_int_equal(slab_take(&slab), b);
    check_zero(slab_at(&slab, b), 40);
    assert_int_equal(slab_take(&slab), a);
    check_zero(slab_at(&slab, a), 40);
    slab_free(&slab);
    assert_int_equal(slab_take(&slab), 1); /* freed is empty, not dead */
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
