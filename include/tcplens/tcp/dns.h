/* DNS in a datagram (RFC 1035 section 4): its question, and the addresses among its answers. */
#ifndef TCPLENS_TCP_DNS_H
#define TCPLENS_TCP_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"

#define DNS_PORT 53
#define DNS_NAME_MAX 96 /* bytes that are kept, and a NUL */
#define DNS_ANSWERS_MAX 3
#define DNS_WORD_MAX 16

struct dns {
    uint16_t id;
    uint16_t type; /* of the question; 0: there is none that can be read */
    bool response;
    uint8_t rcode;           /* of a response */
    uint8_t addresses;       /* in answers[] */
    uint16_t count;          /* answers that a response says it has */
    char name[DNS_NAME_MAX]; /* of the question, untrusted bytes; cut where it is longer */
    struct addr answers[DNS_ANSWERS_MAX];
};

/* False: it is none. What was cut, or is nonsense, behind the header is left out. */
bool dns_read(const uint8_t *bytes, size_t len, struct dns *ret_dns);

/* "A", "TYPE4711"; "NXDOMAIN", "RCODE15". Both return buf, and the inverse -1 for another word. */
const char *dns_type_name(uint16_t type, char buf[static DNS_WORD_MAX]);
const char *dns_rcode_name(uint8_t rcode, char buf[static DNS_WORD_MAX]);
int dns_type_value(const char *name);
int dns_rcode_value(const char *name);

#endif
