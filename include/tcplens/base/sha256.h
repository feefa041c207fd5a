/* SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), for a few bytes once: not for speed. */
#ifndef TCPLENS_BASE_SHA256_H
#define TCPLENS_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_TEXT_MAX 183 /* bytes that can be hashed: three blocks, less the padding's 9 */
#define HMAC_MAX 64         /* bytes of key, and of text */

void sha256(const void *text, size_t len, uint8_t ret_sum[static SHA256_BYTES]);
void hmac_sha256(const void *key, size_t key_len, const void *text, size_t len, uint8_t ret_sum[static SHA256_BYTES]);

#endif
