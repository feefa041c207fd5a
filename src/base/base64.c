#include "tcplens/base/base64.h"

char *base64_encode(char *out, const void *data, size_t len)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *b = data;

    for (; len; b += len < 3 ? len : 3, len -= len < 3 ? len : 3) {
        const unsigned second = len > 1 ? b[1] : 0, third = len > 2 ? b[2] : 0;

        *out++ = digits[b[0] >> 2];
        *out++ = digits[(b[0] & 3) << 4 | second >> 4];
        *out++ = len > 1 ? digits[(second & 15) << 2 | third >> 6] : '=';
        *out++ = len > 2 ? digits[third & 63] : '=';
    }
    return out;
}
