/* Base64 (RFC 4648, section 4), with padding. */
#ifndef TCPLENS_BASE_BASE64_H
#define TCPLENS_BASE_BASE64_H

#include <stddef.h>

/* Characters that len bytes make. */
#define BASE64_LEN(len) (((len) + 2) / 3 * 4)

/* Writes them, without a NUL. Returns where they end. */
char *base64_encode(char *out, const void *data, size_t len);

#endif
