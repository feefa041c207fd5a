/* What the socket tells against what the C library finds by its own. */
#include "tcplens/base/addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool is_among(const struct addr *a, const struct addr *addrs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (addr_equal(a, &addrs[i]))
            return true;
    return false;
}

static void finds_what_getifaddrs_finds(void **state)
{
    struct ifaddrs *list;
    struct addr *addrs = NULL;
    size_t count = 0, known = 0;
    int fd = addresses_open();

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(addresses_add(fd, &addrs, &count), 0);
    assert_int_equal(getifaddrs(&list), 0);
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        const int family = i->ifa_addr ? i->ifa_addr->sa_family : AF_UNSPEC;
        struct addr a;

        if (family == AF_INET)
            a = addr_from_ipv4((const uint8_t *)&((struct sockaddr_in *)i->ifa_addr)->sin_addr);
        else if (family == AF_INET6)
            a = addr_from_ipv6(((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr.s6_addr);
        else
            continue;
        known++;
        assert_true(is_among(&a, addrs, count));
    }
    assert_int_equal(count, known);
    freeifaddrs(list);
    free(addrs);
    close(fd);
}

static void appends_each_time(void **state)
{
    struct addr *addrs = NULL;
    size_t count = 0, once;
    int fd = addresses_open();

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(addresses_add(fd, &addrs, &count), 0);
    once = count;
    assert_int_equal(addresses_add(fd, &addrs, &count), 0);
    assert_int_equal(count, 2 * once);
    free(addrs);
    close(fd);
}

static void a_wrong_descriptor_leaves_what_there_is(void **state)
{
    struct addr *addrs = NULL;
    size_t count = 0;

    (void)state;
    assert_true(addresses_add(-1, &addrs, &count) < 0);
    assert_null(addrs);
    assert_int_equal(count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_getifaddrs_finds),
        cmocka_unit_test(appends_each_time),
        cmocka_unit_test(a_wrong_descriptor_leaves_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
