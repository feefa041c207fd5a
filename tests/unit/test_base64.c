/* RFC 4648, section 10, and what has no printable form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/base/base64.h"

static void expect(const void *data, size_t len, const char *expected)
{
    char out[64];
    const char *end = base64_encode(out, data, len);

    assert_int_equal(end - out, strlen(expected));
    assert_int_equal(end - out, BASE64_LEN(len));
    assert_memory_equal(out, expected, strlen(expected));
}

static void test_vectors(void **state)
{
    (void)state;
    expect("", 0, "");
    expect("f", 1, "Zg==");
    expect("fo", 2, "Zm8=");
    expect("foo", 3, "Zm9v");
    expect("foob", 4, "Zm9vYg==");
    expect("fooba", 5, "Zm9vYmE=");
    expect("foobar", 6, "Zm9vYmFy");
}

static void test_every_bit(void **state)
{
    (void)state;
    expect("\xff\xff\xff", 3, "////");
    expect("\xfb\xef\xbe", 3, "++++");
    expect("\0\0\0\0", 4, "AAAAAA==");
    expect("\x80\0\x01\xff", 4, "gAAB/w==");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_vectors), cmocka_unit_test(test_every_bit) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
