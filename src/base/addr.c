#include "tcplens/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MAPPED_PREFIX_LEN 12

static const uint8_t mapped_prefix[MAPPED_PREFIX_LEN] = { [10] = 0xff, [11] = 0xff };

bool addr_is_ipv4(const struct addr *a)
{
    return !memcmp(a->bytes, mapped_prefix, sizeof(mapped_prefix));
}

bool addr_is_loopback(const struct addr *a)
{
    static const struct addr loopback6 = { .bytes = { [15] = 1 } };

    /* All of 127/8 is loopback (RFC 1122 3.2.1.3), of IPv6 one address only. */
    return addr_is_ipv4(a) ? a->bytes[MAPPED_PREFIX_LEN] == 127 : addr_equal(a, &loopback6);
}

unsigned addr_fit(const struct addr *bound, const struct addr *to)
{
    static const struct addr any_ipv6, any_ipv4 = { { [10] = 0xff, [11] = 0xff } };

    if (addr_equal(bound, to))
        return 3;
    if (addr_equal(bound, &any_ipv4))
        return addr_is_ipv4(to) ? 2 : 0;
    return addr_equal(bound, &any_ipv6);
}

int addr_parse(const char *text, struct addr *ret_addr)
{
    uint8_t bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1)
        *ret_addr = addr_from_ipv4(bytes);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        *ret_addr = addr_from_ipv6(bytes);
    else
        return -EINVAL;
    return 0;
}

/* What inet_ntop() writes, without its printf. */
static void ipv4_format(const uint8_t bytes[4], char *p)
{
    for (unsigned i = 0; i < 4; i++) {
        if (bytes[i] >= 100)
            *p++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10)
            *p++ = (char)('0' + bytes[i] / 10 % 10);
        *p++ = (char)('0' + bytes[i] % 10);
        *p++ = '.';
    }
    p[-1] = '\0';
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
    if (addr_is_ipv4(a))
        ipv4_format(a->bytes + MAPPED_PREFIX_LEN, buf);
    else
        inet_ntop(AF_INET6, a->bytes, buf, ADDR_TEXT_MAX); /* fails for a short buffer alone */
    return buf;
}

const char *endpoint_format(const struct endpoint *e, char buf[static ENDPOINT_TEXT_MAX])
{
    char text[ADDR_TEXT_MAX];

    addr_format(&e->addr, text);
    snprintf(buf, ENDPOINT_TEXT_MAX, addr_is_ipv4(&e->addr) ? "%s:%u" : "[%s]:%u", text, (unsigned)e->port);
    return buf;
}

int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
    int by_addr = memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));

    return by_addr ? by_addr : (a->port > b->port) - (a->port < b->port);
}
