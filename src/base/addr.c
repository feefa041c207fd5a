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

bool addr_is_any(const struct addr *a)
{
    return addr_is_unspecified(a) || (addr_is_ipv4(a) && !memcmp(a->bytes + 12, (const uint8_t[4]){ 0 }, 4));
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

/* What glibc's inet_ntop() writes, without its printf; those of other C libraries shorten IPv6 in other places. */
static char *ipv4_format(const uint8_t bytes[4], char *p)
{
    for (unsigned i = 0; i < 4; i++) {
        if (bytes[i] >= 100)
            *p++ = (char)('0' + bytes[i] / 100);
        if (bytes[i] >= 10)
            *p++ = (char)('0' + bytes[i] / 10 % 10);
        *p++ = (char)('0' + bytes[i] % 10);
        *p++ = '.';
    }
    *--p = '\0';
    return p;
}

static char *put_group(char *p, unsigned group)
{
    static const char hex[] = "0123456789abcdef";
    bool begun = false;

    for (int shift = 12; shift >= 0; shift -= 4) {
        begun = begun || group >> shift || !shift;
        if (begun)
            *p++ = hex[group >> shift & 0xf];
    }
    return p;
}

/* The longest run of zero groups, of two at least; of equal ones the first. Returns its length. */
static unsigned zero_groups(const uint8_t bytes[16], unsigned *ret_begin)
{
    unsigned longest = 1;

    for (unsigned i = 0, len = 0; i < 8; i++) {
        len = bytes[2 * i] || bytes[2 * i + 1] ? 0 : len + 1;
        if (len > longest) {
            longest = len;
            *ret_begin = i + 1 - len;
        }
    }
    return longest > 1 ? longest : 0;
}

/* RFC 5952, but that what begins with 96 zero bits ends as IPv4, as "::192.0.2.1". */
static void ipv6_format(const uint8_t bytes[16], char *p)
{
    unsigned begin = 8, zeros = zero_groups(bytes, &begin);

    for (unsigned i = 0; i < 8; i++) {
        if (i == begin) {
            *p++ = ':';
            i += zeros - 1;
            if (i == 7)
                *p++ = ':';
            continue;
        }
        if (i)
            *p++ = ':';
        if (i == 6 && begin == 0 && zeros == 6) {
            p = ipv4_format(bytes + 12, p);
            break;
        }
        p = put_group(p, (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1]);
    }
    *p = '\0';
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
    if (addr_is_ipv4(a))
        ipv4_format(a->bytes + MAPPED_PREFIX_LEN, buf);
    else
        ipv6_format(a->bytes, buf);
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
