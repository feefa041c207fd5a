/* Tunnels: what carries a packet inside another one, and which tunnel it is. */
#ifndef TCPLENS_TCP_TUNNEL_H
#define TCPLENS_TCP_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/words.h"

#define WORDS_tunnel_type(X)                                                                                           \
    X(TUNNEL, IPIP, "ipip", "IPv4 in IPv4 (RFC 2003)")                                                                 \
    X(TUNNEL, 6IN4, "6in4", "IPv6 in IPv4 (RFC 4213)")                                                                 \
    X(TUNNEL, 4IN6, "4in6", "IPv4 in IPv6 (RFC 2473)")                                                                 \
    X(TUNNEL, 6IN6, "6in6", "IPv6 in IPv6 (RFC 2473)")                                                                 \
    X(TUNNEL, GRE, "gre", "RFC 2784 and 2890, also in UDP (RFC 8086); `id` is the key")                                \
    X(TUNNEL, NVGRE, "nvgre", "RFC 7637; `id` is the VSID")                                                            \
    X(TUNNEL, PPTP, "pptp", "GRE version 1 (RFC 2637); `id` is the call ID")                                           \
    X(TUNNEL, EOIP, "eoip", "Ethernet over IP by MikroTik; `id` is the tunnel ID")                                     \
    X(TUNNEL, ERSPAN, "erspan", "a mirror port, types I to III; `id` is the session")                                  \
    X(TUNNEL, ETHERIP, "etherip", "RFC 3378")                                                                          \
    X(TUNNEL, MPLS, "mpls", "MPLS in IP (RFC 4023) or in UDP (RFC 7510)")                                              \
    X(TUNNEL, VXLAN, "vxlan", "RFC 7348; `id` is the VNI")                                                             \
    X(TUNNEL, VXLAN_GPE, "vxlan-gpe", "with a next protocol; `id` is the VNI")                                         \
    X(TUNNEL, GENEVE, "geneve", "RFC 8926; `id` is the VNI")                                                           \
    X(TUNNEL, GTP_U, "gtp-u", "3GPP TS 29.281; `id` is the TEID")                                                      \
    X(TUNNEL, TEREDO, "teredo", "IPv6 in UDP (RFC 4380)")                                                              \
    X(TUNNEL, AYIYA, "ayiya", "anything in anything")                                                                  \
    X(TUNNEL, L2TP, "l2tp", "version 2 (RFC 2661); `id` is the tunnel ID and, in its lower 16 bits, the session ID")   \
    X(TUNNEL, GUE, "gue", "generic UDP encapsulation")                                                                 \
    X(TUNNEL, FOU, "fou", "IP in UDP without a header between")                                                        \
    X(TUNNEL, PBB, "802.1ah", "a provider's backbone bridge; `id` is the I-SID")
enum tunnel_type { WORDS_tunnel_type(WORD_ENUM) TUNNEL_TYPE_N };
const char *tunnel_type_name(enum tunnel_type type);

/* One header that carries a packet. */
struct hop {
    enum tunnel_type type;
    bool has_id, has_addrs;
    uint32_t id;
    struct addr from, to; /* of the IP packet around */
};

/* Interned: it lives as long as the tunnels it belongs to. */
struct tunnel {
    struct hop hop;
    const struct tunnel *outer; /* what carries this one; NULL: nothing */
    /* Which tunnel it is, from 1: the same for both of its directions, and another for each other tunnel. */
    uint16_t number;
    /* Where each end chooses its own id (TEID, call, session): another for each that is chosen, in each direction. 0: none is. Two
     * tunnels between the same ends differ in this alone; which of one direction belongs to which of the other no packet says. */
    uint16_t chosen;
};

struct tunnels;

/* Those that were met. 0 or -ENOMEM. */
int tunnels_new(struct tunnels **ret_tunnels) __attribute__((warn_unused_result));
struct tunnels *tunnels_free(struct tunnels *tunnels);
/* The tunnel of these hops, the outermost first. NULL: out of memory, or there are LIMIT_TUNNELS already. */
const struct tunnel *tunnels_find(struct tunnels *tunnels, const struct hop *hops, unsigned count);

#endif
