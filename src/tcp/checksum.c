#include "tcplens/tcp/checksum.h"

#include <endian.h>
#include <string.h>

/* Ones' complement sum in the machine's byte order: RFC 1071 2(B) shows that the order does not
 * matter as long as the result is compared in the same one. */
static inline uint64_t add_carry(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

/* The next n <= 8 bytes as one word; n is a constant wherever this is called. */
static inline uint64_t word_at(const uint8_t *p, size_t n)
{
    uint64_t word = 0;

    memcpy(&word, p, n);
    return word;
}

static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, uint64_t len)
{
    uint64_t b = 0, c = 0, d = 0; /* four chains of additions, so that they overlap */

    for (; len >= 32; p += 32, len -= 32) {
        sum = add_carry(sum, word_at(p, 8));
        b = add_carry(b, word_at(p + 8, 8));
        c = add_carry(c, word_at(p + 16, 8));
        d = add_carry(d, word_at(p + 24, 8));
    }
    sum = add_carry(add_carry(sum, b), add_carry(c, d));
    for (; len >= 8; p += 8, len -= 8)
        sum = add_carry(sum, word_at(p, 8));
    if (len & 4) {
        sum = add_carry(sum, word_at(p, 4));
        p += 4;
    }
    if (len & 2) {
        sum = add_carry(sum, word_at(p, 2));
        p += 2;
    }
    return len & 1 ? add_carry(sum, word_at(p, 1)) : sum;
}

/* Both halves of 32 bits are added, then both of 16, each time with the carry: in the second step by adding them crosswise. */
static inline uint16_t fold(uint64_t sum)
{
    const uint32_t high = (uint32_t)(sum >> 32);
    uint32_t half = (uint32_t)sum + high;

    half += half < high;
    return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

static inline uint64_t sum_addresses(const struct ip_packet *packet)
{
    if (packet->ipv6)
        return sum_bytes(sum_bytes(0, packet->src, 16), packet->dst, 16);
    return word_at(packet->src, 4) + word_at(packet->dst, 4);
}

/* Where the sending stack leaves the sum to the network card, a
 * capture before the card sees the sum of the pseudo header alone, not inverted (Linux:
 * CHECKSUM_PARTIAL), and without the length where the card also cuts the segment (Windows). */
bool checksum_wrong(const struct ip_packet *packet, uint8_t protocol, const uint8_t *bytes, uint64_t len, unsigned at)
{
    const uint64_t pseudo = add_carry(sum_addresses(packet), htobe32(protocol));
    const uint64_t pseudo_len = add_carry(pseudo, htobe32((uint32_t)len));
    uint16_t stored;

    memcpy(&stored, bytes + at, sizeof(stored));
    if (stored == fold(pseudo_len) || stored == fold(pseudo))
        return false;
    return fold(sum_bytes(pseudo_len, bytes, len)) != UINT16_MAX;
}
