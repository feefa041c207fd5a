#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tcplens/base/filter.h"
#include "tcplens/base/limits.h"

static struct prefix parsed(const char *text)
{
    struct prefix p;

    assert_int_equal(prefix_parse(text, &p), 0);
    return p;
}

static struct endpoint at(const char *addr, uint16_t port)
{
    struct endpoint e = { .port = port };

    assert_int_equal(addr_parse(addr, &e.addr), 0);
    return e;
}

static void text_round_trip(void **state)
{
    static const char *const cases[][2] = {
        { "192.0.2.1", "192.0.2.1" },
        { "192.0.2.1/32", "192.0.2.1" },
        { "10.0.0.0/8", "10.0.0.0/8" },
        { "0.0.0.0/0", "0.0.0.0/0" },
        { "192.0.2.128/25", "192.0.2.128/25" },
        { "2001:db8::1", "2001:db8::1" },
        { "2001:db8::/32", "2001:db8::/32" },
        { "::/0", "::/0" },
        { "::ffff:10.0.0.0/104", "10.0.0.0/8" },
        { "fe80::/10", "fe80::/10" },
    };
    char buf[PREFIX_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct prefix p = parsed(cases[i][0]);

        assert_string_equal(prefix_format(&p, buf), cases[i][1]);
    }
}

static void no_prefixes(void **state)
{
    static const char *const cases[] = {
        "",
        "/",
        "/8",
        "localhost",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/8x",
        "10.0.0/8",
        "2001:db8::1/64",
        "::/129",
        "::ffff:1.2.3.4.5",
        "[::1]",
        "1111:2222:3333:4444:5555:6666:7777:8888:9999/1",
    };
    struct prefix p = { .len = 77 };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(prefix_parse(cases[i], &p), -EINVAL);
    assert_int_equal(p.len, 77); /* untouched */
}

static bool has(const char *prefix, const char *addr)
{
    struct prefix p = parsed(prefix);
    struct endpoint e = at(addr, 0);

    return prefix_has(&p, &e.addr);
}

static void membership(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.0.1"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("192.0.2.128/25", "192.0.2.129"));
    assert_false(has("192.0.2.128/25", "192.0.2.127"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "2001:db8::1"));
    assert_false(has("::/0", "203.0.113.9"));
    assert_true(has("fe80::/10", "febf::1"));
    assert_false(has("fe80::/10", "fec0::1"));
}

static void kinds_narrow_and_values_widen(void **state)
{
    const struct endpoint client = at("192.0.2.1", 40000), server = at("192.0.2.2", 443), any4 = at("0.0.0.0", 443),
                          any6 = at("::", 443), nobody = at("::", 0);
    struct filter f = { .port_count = 0 };

    (void)state;
    assert_true(filter_wants(&f, &client, &server));
    f = (struct filter){ .ports = { { 80, 80 }, { 440, 443 } }, .port_count = 2 };
    assert_true(filter_wants(&f, &client, &server));
    assert_true(filter_wants(&f, &server, &client));
    f.hosts[f.host_count++] = parsed("192.0.2.3");
    assert_false(filter_wants(&f, &client, &server));
    f.hosts[f.host_count++] = parsed("192.0.2.0/31");
    assert_true(filter_wants(&f, &client, &server));
    assert_true(filter_wants(&f, &server, &client));
    f.port_count = 1;
    assert_false(filter_wants(&f, &client, &server));
    f.port_count = 2;
    /* who listens on all addresses */
    assert_true(filter_wants(&f, &any4, &nobody));
    assert_true(filter_wants(&f, &any6, &nobody));
}

static void packets(void **state)
{
    struct filter f = { .port_count = 0 };
    char buf[FILTER_PACKETS_MAX];

    (void)state;
    assert_string_equal(filter_packets(&f, false, buf), "tcp");
    f = (struct filter){ .ports = { { 80, 80 }, { 440, 443 } },
                         .port_count = 2,
                         .hosts = { parsed("10.0.0.0/8"), parsed("::1") } };
    assert_string_equal(filter_packets(&f, false, buf), "tcp and (port 80 or portrange 440-443)");
    assert_string_equal(filter_packets(&f, true, buf), "(tcp or udp) and (port 80 or portrange 440-443)");
    f.host_count = 2;
    assert_string_equal(filter_packets(&f, false, buf),
                        "tcp and (port 80 or portrange 440-443) and (net 10.0.0.0/8 or host ::1)");
    f.port_count = LIMIT_FILTER_PORTS;
    f.host_count = LIMIT_FILTER_HOSTS;
    memset(f.ports, 0xff, sizeof(f.ports));
    for (int i = 0; i < LIMIT_FILTER_HOSTS; i++)
        f.hosts[i] = parsed("1111:2222:3333:4444:5555:6666:7777:8880/127");
    filter_packets(&f, true, buf);
    assert_int_equal(buf[strlen(buf) - 1], ')'); /* the longest fits */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trip), cmocka_unit_test(no_prefixes),
        cmocka_unit_test(membership),      cmocka_unit_test(kinds_narrow_and_values_widen),
        cmocka_unit_test(packets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
