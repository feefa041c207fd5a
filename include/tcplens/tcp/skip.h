/* What a frame holds that is no TCP segment: counted by name, in bounded memory. */
#ifndef TCPLENS_TCP_SKIP_H
#define TCPLENS_TCP_SKIP_H

#include <stdint.h>

#include "tcplens/base/limits.h"

/* X(id, name): the number of what was found follows the name where the name ends in a space. */
#define SKIP_KINDS(X)                                                                                                  \
    X(NOTHING, "")                                                                                                     \
    X(TRUNCATED, "truncated")         /* the capture was cut before the TCP window */                                  \
    X(MALFORMED, "malformed")         /* lengths contradict each other */                                              \
    X(FRAGMENT, "later fragment")     /* of an IP packet: has no ports */                                              \
    X(EXTENSIONS, "too many headers") /* more than any real packet has */                                              \
    X(NESTED, "nested too deep")      /* LIMIT_NESTED_TUNNELS */                                                       \
    X(FURTHER, "further tunnels")     /* LIMIT_TUNNELS */                                                              \
    X(WLAN_MANAGEMENT, "802.11 without data")                                                                          \
    X(WLAN_PROTECTED, "802.11 protected") /* encrypted */                                                              \
    X(LINK_TYPE, "link type ")                                                                                         \
    X(FAMILY, "address family ")                                                                                       \
    X(IP_VERSION, "ip version ")                                                                                       \
    X(ETHERTYPE, "ethertype ")                                                                                         \
    X(LLC, "llc ") /* destination SAP */                                                                               \
    X(PPP, "ppp ")                                                                                                     \
    X(IP, "ip protocol ")                                                                                              \
    X(TUNNEL, "") /* a header that leads nowhere; the number is an enum tunnel_type */

#define SKIP_ENUM(id, name) SKIP_##id,
enum skip_kind { SKIP_KINDS(SKIP_ENUM) SKIP_KIND_N };
#undef SKIP_ENUM

struct skip {
    enum skip_kind kind;
    uint32_t number;
};

#define SKIP_NAME_MAX 64
/* "udp", "ethertype 0x88b7". Returns buf. */
const char *skip_name(const struct skip *skip, char buf[static SKIP_NAME_MAX]);

/* How often each was met; beyond the last row they are counted together. */
struct skips {
    struct {
        struct skip skip;
        uint64_t count;
    } rows[LIMIT_SKIPPED_KINDS];
    unsigned row_count;
    uint64_t others;
};

void skips_add(struct skips *skips, const struct skip *skip);

#endif
