/* The Internet checksum of TCP and UDP (RFC 1071). */
#ifndef TCPLENS_TCP_CHECKSUM_H
#define TCPLENS_TCP_CHECKSUM_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/tcp/ip_header.h"

/* Whether that of a segment or datagram is wrong: len bytes from its header on, the checksum at `at`. What a network card was
 * still to fill in, as a capture before it sees it, counts as right. */
bool checksum_wrong(const struct ip_packet *packet, uint8_t protocol, const uint8_t *bytes, uint64_t len, unsigned at);

#endif
