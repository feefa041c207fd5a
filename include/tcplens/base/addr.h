/* Internet addresses and endpoints, one representation for both families. */
#ifndef TCPLENS_BASE_ADDR_H
#define TCPLENS_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct addr addr_from_ipv4(const uint8_t bytes[4]);
struct addr addr_from_ipv6(const uint8_t bytes[16]);
bool addr_is_ipv4(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);

/* Parses "192.0.2.1" or "2001:db8::1". Returns 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *ret_addr);

/* Both write text as inet_ntop() does (IPv4-mapped as IPv4) and return buf.
 * endpoint_format writes "192.0.2.1:80" or "[2001:db8::1]:80". */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);
const char *endpoint_format(const struct endpoint *e, char buf[static ENDPOINT_TEXT_MAX]);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* <0, 0, >0; a total order, used to make a pair of endpoints canonical. */
int endpoint_compare(const struct endpoint *a, const struct endpoint *b);

#endif
