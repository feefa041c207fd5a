/* RFC 3629's UTF-8, without what a terminal obeys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/base/printable.h"

static void characters(void **state)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        { "a", 1 },
        { "~", 1 },
        { "\xc2\xa0", 2 },
        { "\xe4\xbd\x9c", 3 },
        { "\xf4\x8f\xbf\xbf", 4 }, /* U+10FFFF, the last */
        { "\x1b", 0 },
        { "\n", 0 },
        { "\x7f", 0 },
        { "\xc2\x9b", 0 },     /* U+009B, CSI in eight bits */
        { "\x9b", 0 },         /* a byte of none */
        { "\xe2\x80\xae", 0 }, /* U+202E reorders the line */
        { "\xe2\x80\xa8", 0 }, /* U+2028 breaks it */
        { "\xc0\xaf", 0 },     /* longer than it has to be */
        { "\xe0\x80\xaf", 0 },
        { "\xed\xa0\x80", 0 },     /* half of a pair */
        { "\xf4\x90\x80\x80", 0 }, /* beyond the last */
        { "\xe4\xbd", 0 },         /* cut */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(printable(cases[i].text, strlen(cases[i].text)), cases[i].size);
}

static void mended(void **state)
{
    char untouched[] = "port=80 \xe4\xbd\x9c", obeyed[] = "a\x1b[2J\nb", reordered[] = "\xe2\x80\xae x",
         cut[] = "x\xe4\xbd", empty[] = "";

    (void)state;
    printable_mend(untouched);
    assert_string_equal(untouched, "port=80 \xe4\xbd\x9c");
    printable_mend(obeyed);
    assert_string_equal(obeyed, "a?[2J?b");
    printable_mend(reordered);
    assert_string_equal(reordered, "??? x");
    printable_mend(cut);
    assert_string_equal(cut, "x??");
    printable_mend(empty);
    assert_string_equal(empty, "");
}

/* Whatever it was, it can be printed then: each first byte, with each that may follow. */
static void any_bytes(void **state)
{
    (void)state;
    for (unsigned first = 1; first < 256; first++)
        for (unsigned second = 1; second < 256; second++) {
            char text[] = { (char)first, (char)second, (char)0x80, 'x', '\0' };

            printable_mend(text);
            assert_null(printable_fault(text));
            assert_int_equal(strlen(text), 4);
        }
}

static void faults(void **state)
{
    static const char text[] = "two\nlines\tand\r\nthree", bad[] = "a\n\rb";

    (void)state;
    assert_null(printable_fault(text));
    assert_ptr_equal(printable_fault(bad), bad + 2); /* alone, it goes back to the line's start */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters),
        cmocka_unit_test(mended),
        cmocka_unit_test(any_bytes),
        cmocka_unit_test(faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
