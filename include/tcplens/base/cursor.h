/* Checked reading of captured bytes: the one way in which the decoders touch a packet. */
#ifndef TCPLENS_BASE_CURSOR_H
#define TCPLENS_BASE_CURSOR_H

#include <stdbool.h>
#include <stdint.h>

/* Two limits: `have`, where the captured bytes end, and `wire`, where the frame (once the IP length
 * is known: the IP packet) ended when it was sent.
 *
 * Invariant: at <= have <= wire. A read that would break it yields zeros and sets `overrun`, which
 * stays set. A header is therefore read straight through and `overrun` looked at once, before any
 * of its values is acted upon. Then have < wire tells a short capture from a short frame. */
struct cursor {
    const uint8_t *data;
    uint64_t at, have, wire; /* offsets in data */
    bool overrun;
};

#define CURSOR_TAKE_MAX 20 /* bytes of zeros there are: an IPv4 header */

/* n bytes, to be read no further than CURSOR_TAKE_MAX unless the caller checks overrun first. */
static inline const uint8_t *cursor_take(struct cursor *c, uint64_t n)
{
    static const uint8_t zeros[CURSOR_TAKE_MAX];
    const uint8_t *p;

    if (n > c->have - c->at) {
        c->overrun = true;
        c->at = c->have;
        return zeros;
    }
    p = c->data + c->at;
    c->at += n;
    return p;
}

/* Numbers in network byte order, at p. */
static inline uint16_t be16_at(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void cursor_skip(struct cursor *c, uint64_t n)
{
    (void)cursor_take(c, n);
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    return *cursor_take(c, 1);
}

static inline uint16_t cursor_be16(struct cursor *c)
{
    return be16_at(cursor_take(c, 2));
}

static inline uint32_t cursor_be32(struct cursor *c)
{
    return be32_at(cursor_take(c, 4));
}

/* The next byte, not yet consumed. */
static inline uint8_t cursor_peek(struct cursor *c)
{
    uint64_t at = c->at;
    uint8_t value = cursor_u8(c);

    c->at = at;
    return value;
}

/* Makes the packet end at `end` >= at, wherever the frame does. */
static inline void cursor_end_at(struct cursor *c, uint64_t end)
{
    c->wire = end;
    if (c->have > end)
        c->have = end;
}

/* A cursor over the next n bytes alone, which c then stands behind. */
static inline struct cursor cursor_split(struct cursor *c, uint64_t n)
{
    struct cursor part = *c;

    cursor_skip(c, n);
    part.have = c->at;
    return part;
}

#endif
