#include "tcplens/base/json.h"

#include <endian.h>

/* 0 to 999: three digits each, and how many of them are zeros that only a number which goes on to the left has. */
#define DIGITS(a, b, c)                                                                                                \
    {                                                                                                                  \
        { a, b, c }, (a) != '0' ? 0 : (b) != '0' ? 1 : 2                                                               \
    }
#define TEN(a, b)                                                                                                      \
    DIGITS(a, b, '0'), DIGITS(a, b, '1'), DIGITS(a, b, '2'), DIGITS(a, b, '3'), DIGITS(a, b, '4'), DIGITS(a, b, '5'),  \
        DIGITS(a, b, '6'), DIGITS(a, b, '7'), DIGITS(a, b, '8'), DIGITS(a, b, '9')
#define HUNDRED(a)                                                                                                     \
    TEN(a, '0'), TEN(a, '1'), TEN(a, '2'), TEN(a, '3'), TEN(a, '4'), TEN(a, '5'), TEN(a, '6'), TEN(a, '7'),            \
        TEN(a, '8'), TEN(a, '9')
static const struct digits {
    char text[3];
    uint8_t zeros;
} thousand[] = {
    HUNDRED('0'), HUNDRED('1'), HUNDRED('2'), HUNDRED('3'), HUNDRED('4'),
    HUNDRED('5'), HUNDRED('6'), HUNDRED('7'), HUNDRED('8'), HUNDRED('9'),
};
_Static_assert(sizeof(struct digits) == 4, "one store writes it");

/* The three digits that value < 1000 adds to a number. Four bytes are written. */
static inline char *put_three(char *p, uint32_t value)
{
    memcpy(p, &thousand[value], sizeof(*thousand));
    return p + 3;
}

/* The one to three that value < 1000 begins a number with. Likewise. */
static inline char *put_first(char *p, uint32_t value)
{
    const unsigned zeros = thousand[value].zeros;
    uint32_t text;

    memcpy(&text, &thousand[value], sizeof(text));
    text = htole32(le32toh(text) >> zeros * 8);
    memcpy(p, &text, sizeof(text));
    return p + 3 - zeros;
}

#define BILLION 1000000000

/* The nine digits that value < 10^9 adds to a number. */
static inline char *put_nine(char *p, uint32_t value)
{
    const uint32_t thousands = value / 1000, millions = thousands / 1000;

    p = put_three(p, millions);
    return put_three(put_three(p, thousands - millions * 1000), value - thousands * 1000);
}

/* value < 10^9, without zeros before it. */
static inline char *put_short(char *p, uint32_t value)
{
    const uint32_t thousands = value / 1000, millions = thousands / 1000;

    if (value < 1000)
        return put_first(p, value);
    if (value < 1000000)
        return put_three(put_first(p, thousands), value - thousands * 1000);
    p = put_first(p, millions);
    return put_three(put_three(p, thousands - millions * 1000), value - thousands * 1000);
}

static __attribute__((noinline)) char *put_long(char *p, uint64_t value)
{
    const uint64_t high = value / BILLION;

    if (high < BILLION)
        p = put_short(p, (uint32_t)high);
    else
        p = put_nine(put_short(p, (uint32_t)(high / BILLION)), (uint32_t)(high % BILLION));
    return put_nine(p, (uint32_t)(value % BILLION));
}

char *json_put_u64(char *p, uint64_t value)
{
    return value < BILLION ? put_short(p, (uint32_t)value) : put_long(p, value);
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
