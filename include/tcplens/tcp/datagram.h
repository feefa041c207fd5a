/* One UDP datagram, decoded from captured bytes, or what an ICMP error says of one. */
#ifndef TCPLENS_TCP_DATAGRAM_H
#define TCPLENS_TCP_DATAGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/words.h"
#include "tcplens/tcp/dns.h"
#include "tcplens/tcp/icmp.h"

#define WORDS_datagram_checksum(X)                                                                                     \
    X(DATAGRAM_CHECKSUM, UNKNOWN, "", "")                                                                              \
    X(DATAGRAM_CHECKSUM, OK, "ok", "")                                                                                 \
    X(DATAGRAM_CHECKSUM, BAD, "bad", "its receiver drops it, and tells nobody")                                        \
    X(DATAGRAM_CHECKSUM, NONE, "none", "its sender made none, as IPv4 allows")
enum datagram_checksum { WORDS_datagram_checksum(WORD_ENUM) DATAGRAM_CHECKSUM_N };

struct datagram {
    struct endpoint src, dst;
    uint16_t len; /* bytes, without the header */
    enum datagram_checksum checksum;
    bool is_error; /* an ICMP error quotes it: */
    enum icmp_error error;
    struct addr by; /* who sent that */
    bool is_dns;
    struct dns dns;
};

#endif
