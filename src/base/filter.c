#include "tcplens/base/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_AT 96

struct prefix prefix_cut(const struct addr *addr, uint8_t len)
{
    struct prefix p = { *addr, len };

    for (unsigned i = 0; i < sizeof(p.addr.bytes); i++) {
        unsigned bits = len > 8 * i ? len - 8 * i : 0;

        if (bits < 8)
            p.addr.bytes[i] &= (uint8_t)(0xff00u >> bits);
    }
    return p;
}

int prefix_parse(const char *text, struct prefix *ret_prefix)
{
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    char addr[ADDR_TEXT_MAX], *rest;
    unsigned base, len = 128;
    struct addr whole;
    struct prefix p;

    if (size >= sizeof(addr))
        return -EINVAL;
    memcpy(addr, text, size);
    addr[size] = '\0';
    if (addr_parse(addr, &whole) < 0)
        return -EINVAL;
    /* ::ffff:0:0/96 and what lies in it is IPv4 by another name: lengths count as they are written */
    base = strchr(addr, ':') ? 0 : IPV4_AT;
    if (slash) {
        unsigned long value = strtoul(slash + 1, &rest, 10);

        if (slash[1] < '0' || slash[1] > '9' || *rest || value > 128 - base)
            return -EINVAL;
        len = base + (unsigned)value;
    }
    p = prefix_cut(&whole, (uint8_t)len);
    if (!addr_equal(&p.addr, &whole))
        return -EINVAL;
    *ret_prefix = p;
    return 0;
}

bool prefix_is_ipv4(const struct prefix *p)
{
    return p->len >= IPV4_AT && addr_is_ipv4(&p->addr);
}

const char *prefix_format(const struct prefix *p, char buf[static PREFIX_TEXT_MAX])
{
    size_t len = strlen(addr_format(&p->addr, buf));

    if (p->len < 128)
        snprintf(buf + len, PREFIX_TEXT_MAX - len, "/%u", p->len - (prefix_is_ipv4(p) ? IPV4_AT : 0u));
    return buf;
}

bool prefix_has(const struct prefix *p, const struct addr *addr)
{
    struct prefix begin = prefix_cut(addr, p->len);

    /* ::/0 holds no IPv4, though IPv4-mapped addresses begin like that too */
    return addr_equal(&begin.addr, &p->addr) && (prefix_is_ipv4(p) || !addr_is_ipv4(addr));
}

static bool is_in(const struct port_range *range, uint16_t port)
{
    return range->first <= port && port <= range->last;
}

bool filter_wants(const struct filter *f, const struct endpoint *local, const struct endpoint *remote)
{
    bool port = !f->port_count, host = !f->host_count || addr_is_any(&local->addr);

    for (unsigned i = 0; i < f->port_count; i++)
        port = port || is_in(&f->ports[i], local->port) || is_in(&f->ports[i], remote->port);
    for (unsigned i = 0; i < f->host_count; i++)
        host = host || prefix_has(&f->hosts[i], &local->addr) || prefix_has(&f->hosts[i], &remote->addr);
    return port && host;
}

const char *filter_packets(const struct filter *f, bool datagrams, char buf[static FILTER_PACKETS_MAX])
{
    size_t len = (size_t)snprintf(buf, FILTER_PACKETS_MAX, datagrams ? "(tcp or udp)" : "tcp");
    char text[PREFIX_TEXT_MAX];

    for (unsigned i = 0; i < f->port_count; i++) {
        const struct port_range *range = &f->ports[i];

        len += (size_t)snprintf(buf + len, FILTER_PACKETS_MAX - len, "%s", i ? " or " : " and (");
        if (range->first == range->last)
            len += (size_t)snprintf(buf + len, FILTER_PACKETS_MAX - len, "port %u", range->first);
        else
            len += (size_t)snprintf(buf + len, FILTER_PACKETS_MAX - len, "portrange %u-%u", range->first, range->last);
    }
    if (f->port_count)
        len += (size_t)snprintf(buf + len, FILTER_PACKETS_MAX - len, ")");
    for (unsigned i = 0; i < f->host_count; i++)
        len += (size_t)snprintf(buf + len, FILTER_PACKETS_MAX - len, "%s%s %s", i ? " or " : " and (",
                                f->hosts[i].len < 128 ? "net" : "host", prefix_format(&f->hosts[i], text));
    if (f->host_count)
        snprintf(buf + len, FILTER_PACKETS_MAX - len, ")");
    return buf;
}
