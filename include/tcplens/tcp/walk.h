/* The way through a captured frame, header after header. */
#ifndef TCPLENS_TCP_WALK_H
#define TCPLENS_TCP_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/cursor.h"
#include "tcplens/base/limits.h"
#include "tcplens/tcp/result.h"
#include "tcplens/tcp/skip.h"
#include "tcplens/tcp/tunnel.h"

struct walk {
    struct cursor c;
    uint32_t ifindex; /* where the link type tells (Linux cooked v2), else 0 */
    struct skip skip; /* where it leads to no TCP: what is there instead */
    bool doubtful;    /* a UDP port and the shape of a header are all that speak for a tunnel */
    unsigned hop_count;
    struct hop hops[LIMIT_NESTED_TUNNELS]; /* the outermost first */
};

/* Why a read overran: the capture was cut, or the frame is shorter than its headers say. */
static inline enum segment_result walk_overrun(const struct cursor *c)
{
    return c->have < c->wire ? SEGMENT_TRUNCATED : SEGMENT_MALFORMED;
}

/* There is something else than TCP. Returns 0, which is ETHER_NONE. */
static inline uint16_t walk_skip(struct walk *w, enum skip_kind kind, uint32_t number)
{
    w->skip = (struct skip){ .kind = kind, .number = number };
    return 0;
}

/* False: there are too many, and the walk ends. */
static inline bool walk_enter(struct walk *w, const struct hop *hop)
{
    if (w->hop_count == LIMIT_NESTED_TUNNELS) {
        walk_skip(w, SKIP_NESTED, 0);
        return false;
    }
    w->hops[w->hop_count++] = *hop;
    return true;
}

#endif
