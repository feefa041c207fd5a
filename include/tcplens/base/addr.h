/* Internet addresses and endpoints, one representation for both families. */
#ifndef TCPLENS_BASE_ADDR_H
#define TCPLENS_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* IPv4 is kept as IPv4-mapped IPv6 (::ffff:a.b.c.d, RFC 4291 2.5.5.2): a socket of family AF_INET6
 * that talks IPv4, and the IPv4 packets of that same connection, then compare equal. */
struct addr {
    uint8_t bytes[16];
};

/* An address and a port in host byte order. */
struct endpoint {
    struct addr addr;
    uint16_t port;
};

#define ADDR_TEXT_MAX 46     /* INET6_ADDRSTRLEN */
#define ENDPOINT_TEXT_MAX 56 /* "[" address "]:" port and NUL */

static inline struct addr addr_from_ipv4(const uint8_t bytes[4])
{
    return (struct addr){ { [10] = 0xff, [11] = 0xff, [12] = bytes[0], bytes[1], bytes[2], bytes[3] } };
}

static inline struct addr addr_from_ipv6(const uint8_t bytes[16])
{
    struct addr a;

    memcpy(a.bytes, bytes, sizeof(a.bytes));
    return a;
}

bool addr_is_ipv4(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
/* How well a socket bound to `bound` fits `to`, an address where somebody connects to; 0: not at all. Of IPV6_V6ONLY it
 * knows nothing: :: fits every address. */
unsigned addr_fit(const struct addr *bound, const struct addr *to);
/* ::, which names no host. */
static inline bool addr_is_unspecified(const struct addr *a)
{
    return !memcmp(a->bytes, (const uint8_t[16]){ 0 }, sizeof(a->bytes));
}
/* :: or 0.0.0.0: of a listener, all addresses. */
bool addr_is_any(const struct addr *a);
static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
    return !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Parses "192.0.2.1" or "2001:db8::1". Returns 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *ret_addr);

/* Both write text as inet_ntop() does (IPv4-mapped as IPv4) and return buf.
 * endpoint_format writes "192.0.2.1:80" or "[2001:db8::1]:80". */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *e, char buf[static ENDPOINT_TEXT_MAX]);

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && addr_equal(&a->addr, &b->addr);
}
/* <0, 0, >0; a total order, used to make a pair of endpoints canonical. */
int endpoint_compare(const struct endpoint *a, const struct endpoint *b);

#endif
