/* Which connections a trace is about. Each witness asks as early as it can: in the kernel, by eBPF or by the packet
 * filter. Several values of one kind widen the filter, several kinds narrow it. */
#ifndef TCPLENS_BASE_FILTER_H
#define TCPLENS_BASE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/limits.h"

/* Addresses that begin alike. Bits beyond the length are 0. */
struct prefix {
    struct addr addr;
    uint8_t len; /* 0 to 128; of IPv4 96 and more */
};

#define PREFIX_TEXT_MAX (ADDR_TEXT_MAX + 4)

/* Ports from first to last, both included. */
struct port_range {
    uint16_t first, last;
};

/* All zero: everything is wanted. */
struct filter {
    struct port_range ports[LIMIT_FILTER_PORTS]; /* of either end */
    struct prefix hosts[LIMIT_FILTER_HOSTS];
    uint32_t pids[LIMIT_FILTER_PIDS]; /* processes; only the kernel witness knows them */
    unsigned port_count, host_count, pid_count;
    const char *expression; /* what else connections have to match (base/expression.h); NULL: nothing */
};

/* "192.0.2.1", "192.0.2.0/24", "2001:db8::/32". 0 or -EINVAL: no address, or bits are set beyond the length. */
int prefix_parse(const char *text, struct prefix *ret_prefix) __attribute__((warn_unused_result));
/* Without the length where it is that of a whole address. Returns buf. */
const char *prefix_format(const struct prefix *prefix, char buf[static PREFIX_TEXT_MAX]);
/* The prefix of this length that an address begins with. */
struct prefix prefix_cut(const struct addr *addr, uint8_t len);
bool prefix_is_ipv4(const struct prefix *prefix);
bool prefix_has(const struct prefix *prefix, const struct addr *addr);

/* Whether ports and hosts let a socket pass. What listens on all addresses listens on each host. */
bool filter_wants(const struct filter *filter, const struct endpoint *local, const struct endpoint *remote);

/* The same of packets (datagrams: UDP's too), as an expression of pcap-filter(7). The longest that can be made takes FILTER_PACKETS_MAX. */
#define FILTER_PACKETS_MAX 2048
const char *filter_packets(const struct filter *filter, bool datagrams, char buf[static FILTER_PACKETS_MAX]);

#endif
