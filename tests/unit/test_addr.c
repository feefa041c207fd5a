#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "tcplens/base/addr.h"

static struct addr parsed(const char *text)
{
    struct addr a;

    assert_int_equal(addr_parse(text, &a), 0);
    return a;
}

static void text_round_trip(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "::ffff:192.0.2.1", "192.0.2.1" },
        { "2001:db8::1", "2001:db8::1" },
        { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
        { "::", "::" },
        { "::1", "::1" },
        { "1111:2222:3333:4444:5555:6666:7777:8888", "1111:2222:3333:4444:5555:6666:7777:8888" },
    };
    char buf[ADDR_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct addr a = parsed(cases[i].in);

        assert_ptr_equal(addr_format(&a, buf), buf);
        assert_string_equal(buf, cases[i].out);
    }
}

static void bad_text_is_refused(void **state)
{
    static const char *const cases[] = { "",      "192.0.2",  "192.0.2.256", "192.0.2.1 ",
                                         "[::1]", "::1%eth0", "1:2:3:4:5",   "example.org" };
    struct addr untouched = parsed("192.0.2.9"), a = untouched;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(addr_parse(cases[i], &a), -EINVAL);
        assert_true(addr_equal(&a, &untouched));
    }
}

static void ipv4_is_mapped(void **state)
{
    static const uint8_t four[4] = { 192, 0, 2, 1 };
    static const uint8_t sixteen[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1 };
    struct addr a = addr_from_ipv4(four), b = addr_from_ipv6(sixteen), c = parsed("192.0.2.1");
    struct addr compatible = parsed("::192.0.2.1");

    (void)state;
    assert_true(addr_equal(&a, &b));
    assert_true(addr_equal(&a, &c));
    assert_true(addr_is_ipv4(&b));
    assert_false(addr_is_ipv4(&compatible));
    assert_false(addr_equal(&a, &compatible));
}

static void loopback(void **state)
{
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = { { "127.0.0.1", true }, { "127.255.0.9", true }, { "::1", true },      { "128.0.0.1", false },
                  { "::2", false },      { "::", false },         { "7f00::1", false }, { "1::1", false } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct addr a = parsed(cases[i].text);

        assert_int_equal(addr_is_loopback(&a), cases[i].loopback);
    }
}

static void listener_fits(void **state)
{
    static const struct {
        const char *bound, *to;
        unsigned fit;
    } cases[] = {
        { "192.0.2.1", "192.0.2.1", 3 },
        { "192.0.2.1", "192.0.2.2", 0 },
        { "0.0.0.0", "192.0.2.1", 2 },
        { "0.0.0.0", "2001:db8::1", 0 },
        { "::", "2001:db8::1", 1 },
        { "::", "192.0.2.1", 1 },
        { "::1", "::1", 3 },
        { "2001:db8::1", "192.0.2.1", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct addr bound, to;

        assert_int_equal(addr_parse(cases[i].bound, &bound), 0);
        assert_int_equal(addr_parse(cases[i].to, &to), 0);
        assert_int_equal(addr_fit(&bound, &to), cases[i].fit);
    }
}

static void endpoint_text(void **state)
{
    struct endpoint four = { parsed("192.0.2.1"), 80 };
    struct endpoint longest = { parsed("1111:2222:3333:4444:5555:6666:7777:8888"), 65535 };
    struct endpoint six = { parsed("::1"), 0 };
    char buf[ENDPOINT_TEXT_MAX];

    (void)state;
    assert_string_equal(endpoint_format(&four, buf), "192.0.2.1:80");
    assert_string_equal(endpoint_format(&six, buf), "[::1]:0");
    assert_string_equal(endpoint_format(&longest, buf), "[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
}

static void endpoint_order_is_total(void **state)
{
    /* ascending: by address bytes, then by port */
    struct endpoint e[] = {
        { parsed("::1"), 9 },           { parsed("192.0.2.1"), 80 },  { parsed("192.0.2.1"), 443 },
        { parsed("192.0.2.1"), 65535 }, { parsed("192.0.2.200"), 1 }, { parsed("2001:db8::1"), 0 },
        { parsed("ff00::"), 0 },
    };
    int n = sizeof(e) / sizeof(e[0]);

    (void)state;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            int order = endpoint_compare(&e[i], &e[j]);

            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(endpoint_equal(&e[i], &e[j]), i == j);
        }
}

/* All places of zero groups, with one digit and with four. */
static void as_inet_ntop(void **state)
{
    (void)state;
    for (unsigned mask = 0; mask < 1u << 16; mask++) {
        struct addr a = { { 0 } };
        char ours[ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];

        for (unsigned i = 0; i < 8; i++) {
            a.bytes[2 * i] = mask >> (8 + i) & mask >> i & 1 ? 0xa0 : 0;
            a.bytes[2 * i + 1] = mask >> i & 1 ? (uint8_t)(0x1b - i) : 0;
        }
        assert_non_null(inet_ntop(AF_INET6, a.bytes, theirs, sizeof(theirs)));
        assert_string_equal(addr_format(&a, ours), theirs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_inet_ntop),
        cmocka_unit_test(text_round_trip),
        cmocka_unit_test(bad_text_is_refused),
        cmocka_unit_test(ipv4_is_mapped),
        cmocka_unit_test(loopback),
        cmocka_unit_test(listener_fits),
        cmocka_unit_test(endpoint_text),
        cmocka_unit_test(endpoint_order_is_total),
    };

    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
