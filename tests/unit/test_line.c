/* A line for a terminal: columns, colours, and what happens where it does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/base/line.h"

static void check(struct line *l, const char *expected)
{
    size_t len = line_end(l);

    assert_int_equal(len, strlen(expected));
    assert_memory_equal(l->buf, expected, len);
}

static void test_columns(void **state)
{
    char buf[256], part[64];
    struct line l = line_begin(buf, sizeof(buf), false), piece;

    (void)state;
    line_add(&l, "→é中");
    assert_int_equal(line_here(&l), 3);
    line_go_to(&l, 6, 1);
    assert_int_equal(line_here(&l), 6);
    line_add(&l, "x");
    /* Past the column: the blanks asked for are kept. */
    line_go_to(&l, 3, 2);
    line_addf(&l, "%d", 42);
    piece = line_piece(&l, part, sizeof(part));
    line_add(&piece, "──");
    line_go_to(&l, 15, 1);
    line_join(&l, &piece);
    assert_int_equal(line_here(&l), 17);
    /* Blanks that nothing follows are not written. */
    line_go_to(&l, 100, 1);
    line_add(&l, "");
    check(&l, "→é中   x  42    ──\n");
}

static void test_styles(void **state)
{
    char buf[256];
    struct line l = line_begin(buf, sizeof(buf), true);

    (void)state;
    line_style(&l, STYLE_PLAIN, false);
    line_style(&l, STYLE_PLAIN, true);
    line_style(&l, STYLE_DIM, true);
    line_style(&l, STYLE_ALARM, true);
    line_style(&l, STYLE_BLUE, false);
    line_add(&l, "x");
    assert_int_equal(line_here(&l), 1);
    line_reset_style(&l);
    check(&l, "\x1b[2m\x1b[2m\x1b[2;1;31m\x1b[34mx\x1b[0m\n");
    l = line_begin(buf, sizeof(buf), false);
    line_style(&l, STYLE_ALARM, true);
    line_add(&l, "x");
    line_reset_style(&l);
    check(&l, "x\n");
}

/* At every size: nothing is written past the end, no character and no sequence is cut, the colour is ended. */
static void test_does_not_fit(void **state)
{
    char buf[64], part[64];

    (void)state;
    for (size_t size = 8; size <= 40; size++) {
        struct line l, piece;
        size_t len;

        memset(buf, '#', sizeof(buf));
        l = line_begin(buf, size, true);
        line_style(&l, STYLE_ALARM, false);
        line_add(&l, "中");
        piece = line_piece(&l, part, 4);
        line_add(&piece, "too long for its piece");
        line_join(&l, &piece);
        line_add(&l, "中文");
        len = line_end(&l);
        assert_in_range(len, 5, size);
        assert_int_equal(buf[size], '#');
        assert_memory_equal(buf + len - 5, "\x1b[0m\n", 5);
        /* What is left is made of whole parts; the first that fits is there. */
        buf[len - 5] = '\0';
        assert_true(len > 5);
        for (const char *p = buf; *p;) {
            const char *parts[] = { "\x1b[1;31m", "中文", "中" };
            size_t step = 0;

            for (unsigned i = 0; !step && i < 3; i++)
                step = strncmp(p, parts[i], strlen(parts[i])) == 0 ? strlen(parts[i]) : 0;
            assert_int_not_equal(step, 0);
            p += step;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_styles),
        cmocka_unit_test(test_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
