#include "proto.h"

#include <string.h>

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };
#define VARINT_MAX 10

static size_t varint(uint8_t *p, uint64_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        p[n++] = (uint8_t)(value | 0x80);
    p[n++] = (uint8_t)value;
    return n;
}

/* value: of a number, or the length of what follows. */
static void put(struct proto *m, unsigned field, unsigned wire, uint64_t value, const void *data, size_t len)
{
    uint8_t head[2 * VARINT_MAX];
    size_t n = varint(head, (uint64_t)field << 3 | wire);

    if (wire != WIRE_FIXED64)
        n += varint(head + n, value);
    if (n + len > sizeof(m->data) - m->len)
        return;
    memcpy(m->data + m->len, head, n);
    memcpy(m->data + m->len + n, data, len);
    m->len += n + len;
}

void proto_number(struct proto *m, unsigned field, uint64_t value)
{
    put(m, field, WIRE_VARINT, value, "", 0);
}

void proto_fixed64(struct proto *m, unsigned field, uint64_t value)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
    put(m, field, WIRE_FIXED64, 0, bytes, sizeof(bytes));
}

void proto_text(struct proto *m, unsigned field, const char *text)
{
    put(m, field, WIRE_BYTES, strlen(text), text, strlen(text));
}

void proto_message(struct proto *m, unsigned field, const struct proto *inner)
{
    put(m, field, WIRE_BYTES, inner->len, inner->data, inner->len);
}
