#include "tcplens/base/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Controls, those of C1 too, and marks that reorder the rest of a line or break it (Unicode's Bidi_Control, Zl, Zp). */
static bool obeyed_by_terminals(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* UTF-8 (RFC 3629): a byte that belongs to no character could itself be a control. */
size_t printable(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const size_t size = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : *at < 0xf5 ? 4 : 0;
    uint32_t c = size > 1 ? *at & (0xffu >> (size + 1)) : *at;

    if (!size || size > len)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3f);
    }
    return c < least[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || obeyed_by_terminals(c) ? 0 : size;
}

void printable_mend(char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        size_t size = printable(text, len);

        if (!size) {
            *text = '?';
            size = 1;
        }
        text += size;
        len -= size;
    }
}

const char *printable_fault(const char *text)
{
    size_t len = strlen(text);

    while (len > 0) {
        const size_t size = *text == '\t' || *text == '\n'       ? 1
                            : text[0] == '\r' && text[1] == '\n' ? 2
                                                                 : printable(text, len);

        if (!size)
            return text;
        text += size;
        len -= size;
    }
    return NULL;
}
