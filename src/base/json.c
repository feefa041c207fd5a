#include "tcplens/base/json.h"

#include <endian.h>

/* value < 10^8 as eight digits, the first in the lowest byte: halves, then quarters, then digits, all at once. */
static inline uint64_t eight_digits(uint32_t value)
{
    uint64_t x = value / 10000 | (uint64_t)(value % 10000) << 32, high;

    high = (x * 10486 >> 20) & 0x0000007f0000007f; /* 10486 / 2^20: 1/100 for what is below 10,000 */
    x = high | (x - high * 100) << 16;
    high = (x * 103 >> 10) & 0x000f000f000f000f; /* 103 / 2^10: 1/10 for what is below 100 */
    return high | (x - high * 10) << 8;
}

static inline char *put_digits(char *p, uint64_t digits, unsigned skip)
{
    digits = htole64((digits | 0x3030303030303030) >> skip * 8);
    memcpy(p, &digits, sizeof(digits));
    return p + 8 - skip;
}

/* Writes eight bytes at a time: the last ones can be none of the number. */
char *json_put_u64(char *p, uint64_t value)
{
    const uint64_t base = 100000000;
    uint64_t digits;

    if (value < 10) { /* as most are: counts, numbers of ends */
        *p = (char)('0' + value);
        return p + 1;
    }
    if (value >= base)
        return put_digits(json_put_u64(p, value / base), eight_digits((uint32_t)(value % base)), 0);
    digits = eight_digits((uint32_t)value);
    /* | 1 in the last digit: a zero is written as one */
    return put_digits(p, digits, (unsigned)__builtin_ctzll(digits | UINT64_C(1) << 56) / 8);
}

char *json_put_i64(char *p, int64_t value)
{
    if (value >= 0)
        return json_put_u64(p, (uint64_t)value);
    *p++ = '-';
    return json_put_u64(p, 0 - (uint64_t)value);
}

/* Decodes one character (Unicode 15, table 3-7: no overlong forms, no surrogates). Returns its length in bytes, or 0
 * where s, of which left bytes may be read, does not begin with one. */
static unsigned utf8_decode(const unsigned char *s, size_t left, uint32_t *ret_code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned len = s[0] < 0x80 ? 1 : s[0] < 0xc0 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf8 ? 4 : 0;
    uint32_t code = len > 1 ? s[0] & (0x7fU >> len) : s[0];

    if (len == 0 || len > left)
        return 0;
    for (unsigned i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    if (code < least[len] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    *ret_code = code;
    return len;
}

static char *put_u16_escape(char *p, uint32_t unit)
{
    static const char hex[] = "0123456789abcdef";

    p = JSON_PUT(p, "\\u");
    for (int shift = 12; shift >= 0; shift -= 4)
        *p++ = hex[unit >> shift & 0xf];
    return p;
}

/* Beyond U+FFFF a pair of surrogates (RFC 8259 7): 12 characters, for 4 bytes. */
char *json_put_escape(char *p, const char *s, size_t left, size_t *ret_read)
{
    uint32_t code = 0xfffd;
    unsigned len = utf8_decode((const unsigned char *)s, left, &code);

    *ret_read = len ? len : 1;
    if (code < 0x10000)
        return put_u16_escape(p, code);
    p = put_u16_escape(p, 0xd7c0 + (code >> 10));
    return put_u16_escape(p, 0xdc00 | (code & 0x3ff));
}

char *json_put_text(char *p, const char *text, size_t max)
{
    const size_t len = strnlen(text, max);
    size_t read;

    *p++ = '"';
    for (size_t i = 0; i < len; i += read) {
        const char c = text[i];

        read = 1;
        if (c == '"' || c == '\\') {
            *p++ = '\\';
            *p++ = c;
        } else if (c >= 0x20 && c < 0x7f && c != '<') {
            *p++ = c;
        } else {
            p = json_put_escape(p, text + i, len - i, &read);
        }
    }
    *p++ = '"';
    return p;
}
