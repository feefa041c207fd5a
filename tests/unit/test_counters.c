/* What nstat(8) reads. */
#include "tcplens/base/counters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct counters counters;

static void parse(const char *text)
{
    static char copy[8192];

    counters.count = 0;
    strcpy(copy, text);
    counters_parse(copy, &counters);
}

static int64_t value_of(const char *name)
{
    const struct counter *c = counters_find(&counters, name);

    if (!c)
        fail_msg("no %s", name);
    return c ? c->value : 0;
}

static void test_tables(void **state)
{
    (void)state;
    parse("Tcp: MaxConn ActiveOpens\nTcp: -1 42\nTcpExt: SyncookiesSent\nTcpExt: 7\n");
    assert_int_equal(counters.count, 3);
    assert_int_equal(value_of("TcpMaxConn"), -1);
    assert_int_equal(value_of("TcpActiveOpens"), 42);
    assert_int_equal(value_of("TcpExtSyncookiesSent"), 7);
    assert_null(counters_find(&counters, "ActiveOpens"));
    parse("Ip6InReceives                   \t12\nUdp6InErrors 3\n");
    assert_int_equal(value_of("Udp6InErrors"), 3);
}

static void test_what_is_not_like_that(void **state)
{
    (void)state;
    parse("");
    parse("Tcp: A B C\n");
    parse("Tcp: A B C\nUdp: 1 2 3\n");
    parse("Tcp:\nTcp:\n");
    parse("word\nword x\n");
    assert_int_equal(counters.count, 0);
    parse("Tcp: A B C\nTcp: 1 2\n");
    assert_int_equal(counters.count, 2);
    parse("Tcp: A123456789012345678901234567890123456789012345678901234567890\nTcp: 1\n"); /* cannot be kept */
    assert_int_equal(counters.count, 0);
}

static void test_those_of_this_machine(void **state)
{
    struct counters_files files;

    (void)state;
    assert_int_equal(counters_open(&files), 0);
    assert_int_equal(counters_read(&files, &counters), 0);
    counters_close(&files);
    assert_true(value_of("TcpActiveOpens") >= 0);
    assert_true(value_of("TcpExtListenOverflows") >= 0);
    assert_true(value_of("UdpInCsumErrors") >= 0);
    assert_null(counters_find(&counters, "IpInReceives"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_what_is_not_like_that),
        cmocka_unit_test(test_those_of_this_machine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
