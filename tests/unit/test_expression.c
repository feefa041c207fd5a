/* Expressions over connections: what matches, what no match is without, and what cannot be asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tcplens/base/expression.h"

static struct endpoint at(const char *addr, uint16_t port)
{
    struct endpoint e = { .port = port };

    assert_int_equal(addr_parse(addr, &e.addr), 0);
    return e;
}

static struct expression *compiled(const char *text)
{
    char error[EXPRESSION_ERROR_MAX] = "";
    struct expression *x;

    if (expression_new(text, &x, error) < 0)
        fail_msg("%s: %s", text, error);
    return x;
}

static bool wants(const char *text, struct endpoint local, struct endpoint remote)
{
    struct expression *x = compiled(text);
    const bool is = expression_wants(x, false, &local, &remote);

    if (local.port && remote.port)
        assert_int_equal(is, expression_wants(x, false, &remote, &local));
    expression_free(x);
    return is;
}

static void either_direction_counts(void **state)
{
    const struct endpoint client = at("10.0.0.1", 40000), server = at("10.0.0.2", 443);
    const struct endpoint client6 = at("2001:db8::1", 40000), server6 = at("2001:db8::2", 443);

    (void)state;
    assert_true(wants("port 443 and host 10.0.0.1", client, server));
    assert_false(wants("port 80 and host 10.0.0.1", client, server));
    assert_true(wants("src host 10.0.0.2", client, server));
    assert_true(wants("tcp dst port 443 and src net 10.0.0.0/31", client, server));
    assert_false(wants("src 10.0.0.1 and src port 443", client, server));
    assert_true(wants("not port 80 and (host 10.0.0.9 or portrange 440-450)", client, server));
    assert_true(wants("port https", client, server));
    assert_true(wants("ip", client, server));
    assert_false(wants("ip6", client, server));
    assert_true(wants("ip6 and dst port 443", client6, server6));
    assert_true(wants("src host 2001:db8::2 && !port 80", client6, server6));
    assert_false(wants("host 10.0.0.1", client6, server6));
}

static void datagrams_are_udp(void **state)
{
    const struct endpoint client = at("10.0.0.1", 40000), server = at("10.0.0.2", 53);
    struct expression *x = compiled("udp port 53");

    (void)state;
    assert_true(expression_names_udp(x));
    assert_true(expression_wants(x, true, &client, &server));
    assert_false(expression_wants(x, false, &client, &server));
    expression_free(x);
    x = compiled("tcp port 53");
    assert_false(expression_names_udp(x));
    assert_false(expression_wants(x, true, &client, &server));
    expression_free(x);
}

/* A listener is wanted where a peer of its could be. */
static void peers_that_are_not_known(void **state)
{
    const struct endpoint nobody = at("::", 0), any = at("0.0.0.0", 443), any6 = at("::", 443),
                          one = at("10.0.0.2", 443);

    (void)state;
    assert_true(wants("port 443", any, nobody));
    assert_true(wants("dst port 443 and src net 10.0.0.0/8", one, nobody));
    assert_true(wants("host 10.0.0.9", any, nobody));
    assert_true(wants("host 10.0.0.9", any6, nobody));
    assert_true(wants("src host 10.0.0.7 and dst host 10.0.0.2", one, nobody));
    assert_true(wants("host 2001:db8::1", any6, nobody));
    assert_false(wants("host 2001:db8::1", any, nobody));
    assert_false(wants("not port 443", any, nobody));
    assert_false(wants("dst host 10.0.0.7 and dst port 443 and src port 1", one, nobody));
    assert_false(wants("port 80 and src portrange 1-79", one, nobody));
}

/* "ports hosts" that no match is without, as the kernel is asked for them. */
static void check_bounds(const char *text, const char *expected)
{
    struct expression *x = compiled(text);
    struct filter f = { .port_count = 0 };
    char buf[FILTER_PACKETS_MAX];

    expression_narrow(x, &f);
    assert_string_equal(filter_packets(&f, false, buf), expected);
    expression_free(x);
}

static void bounds(void **state)
{
    (void)state;
    check_bounds("port 443 and host 10.0.0.1", "tcp and (port 443) and (host 10.0.0.1)");
    check_bounds("port 80 or port 443", "tcp and (port 80 or port 443)");
    check_bounds("port 80 or 443", "tcp and (port 80 or port 443)");
    check_bounds("tcp portrange 8000-8010", "tcp and (portrange 8000-8010)");
    check_bounds("src net 10.0.0.0/8 and not port 22", "tcp and (net 10.0.0.0/8)");
    check_bounds("src or dst port 7", "tcp and (port 7)");
    check_bounds("src and dst port 7", "tcp and (port 7)");
    check_bounds("(port 80 or port 81) and (host 10.0.0.1 or host 10.0.0.2)",
                 "tcp and (port 80 or port 81) and (host 10.0.0.1 or host 10.0.0.2)");
    check_bounds("tcp port 443", "tcp and (port 443)");
    check_bounds("port https", "tcp and (port 443 or port 443)");
    /* nothing that one alternative has and the other has not */
    check_bounds("port 80 or host 10.0.0.1", "tcp");
    check_bounds("port 80 and host 10.0.0.1 or port 443", "tcp and (port 80 or port 443)");
    check_bounds("port 443 or tcp", "tcp");
    check_bounds("not port 80", "tcp");
    check_bounds("not (port 80 and host 10.0.0.1)", "tcp");
    check_bounds("net 10.0.0.0 mask 255.0.0.0", "tcp");
    check_bounds("tcp", "tcp");
}

static void what_was_asked_otherwise_stays(void **state)
{
    struct filter f = { .ports = { { 80, 80 } }, .port_count = 1 };
    struct expression *x = compiled("port 443 and host 10.0.0.1");
    char buf[FILTER_PACKETS_MAX];

    (void)state;
    expression_narrow(x, &f);
    assert_string_equal(filter_packets(&f, false, buf), "tcp and (port 80) and (host 10.0.0.1)");
    expression_free(x);
}

static void refused(const char *text, const char *word)
{
    char error[EXPRESSION_ERROR_MAX] = "";
    struct expression *x;

    assert_int_equal(expression_new(text, &x, error), -EINVAL);
    assert_null(x);
    if (!strstr(error, word) || strchr(error, '\n'))
        fail_msg("%s: %s, without %s", text, error, word);
}

static void what_only_packets_have(void **state)
{
    char many[4096] = "";

    (void)state;
    refused("tcp[tcpflags] & tcp-syn != 0", "'tcp[tcpflags]'");
    refused("tcp [13] & 2 != 0", "'[13]'");
    refused("port 80 and greater 100", "length");
    refused("len <= 60", "length");
    refused("ether host 00:00:5e:00:53:01", "link layer");
    refused("vlan 7 and port 80", "link layer");
    refused("icmp or port 80", "another protocol");
    refused("inbound", "--iface");
    refused("port 80 and and", "syntax error");
    refused("port 70000", "70000");
    refused("port nonsense", "nonsense");
    for (int i = 0; i < 300; i++)
        strcat(many, "not ");
    refused(many, "at most");
    memset(many, '(', 200);
    strcpy(many + 200, "port 80");
    refused(many, "syntax error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_direction_counts),        cmocka_unit_test(datagrams_are_udp),
        cmocka_unit_test(peers_that_are_not_known),       cmocka_unit_test(bounds),
        cmocka_unit_test(what_was_asked_otherwise_stays), cmocka_unit_test(what_only_packets_have),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
