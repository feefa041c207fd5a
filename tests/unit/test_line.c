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

static const char *fitted(const char *line, unsigned columns, int indent)
{
    static char buf[256];
    const size_t len = line_fit(line, strlen(line), columns, indent, buf, sizeof(buf) - 1);

    buf[len] = '\0';
    return buf;
}

static void lines_fit_into_columns(void **state)
{
    (void)state;
    assert_string_equal(fitted("as it is\n", 8, -1), "as it is\n");
    assert_string_equal(fitted("as it is\n", 0, 4), "as it is\n");
    assert_string_equal(fitted("as it is\n", 7, -1), "as it …\n");
    assert_string_equal(fitted("──────── ▶\n", 6, -1), "─────…\n");
    /* colours have no width, and end with the line */
    assert_string_equal(fitted("\x1b[1mbold\x1b[0m x\n", 6, -1), "\x1b[1mbold\x1b[0m x\n");
    assert_string_equal(fitted("\x1b[1mbold\x1b[0m x\n", 4, -1), "\x1b[1mbol…\x1b[0m\n");
    assert_string_equal(fitted("one two three four\n", 10, 2), "one two \n  three \n  four\n");
    assert_string_equal(fitted("\x1b[1mone two three\x1b[0m four\n", 10, 2),
                        "\x1b[1mone two \n  three\x1b[0m \n  four\n");
    assert_string_equal(fitted("0123456789abcdef\n", 8, 2), "01234567\n  89abcd\n  ef\n");
    /* where there is no room beside the blanks it is cut */
    assert_string_equal(fitted("one two three\n", 8, 5), "one two…\n");
}

static void lines_that_fit_no_buffer(void **state)
{
    char line[512], buf[LINE_FIT_MIN + 1];

    (void)state;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (int indent = -1; indent <= 3; indent++) {
        for (unsigned columns = 1; columns < 200; columns++) {
            buf[LINE_FIT_MIN] = 0x55;
            assert_in_range(line_fit(line, sizeof(line), columns, indent, buf, LINE_FIT_MIN), 1, LINE_FIT_MIN);
            assert_int_equal(buf[LINE_FIT_MIN], 0x55);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_styles),
        cmocka_unit_test(test_does_not_fit),
        cmocka_unit_test(lines_fit_into_columns),
        cmocka_unit_test(lines_that_fit_no_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
