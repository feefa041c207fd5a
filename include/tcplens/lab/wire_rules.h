/* What a wire does with a frame, by rule. Pure. */
#ifndef TCPLENS_LAB_WIRE_RULES_H
#define TCPLENS_LAB_WIRE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/tcp/segment.h"

enum wire_side { WIRE_CLIENT, WIRE_SERVER, WIRE_SIDES };

/* Which frames a rule is about. */
enum wire_match {
    WIRE_ANY,
    WIRE_SYN,     /* without ACK */
    WIRE_SYN_ACK, /* with both */
    WIRE_ACK,     /* an ACK alone: no data, no SYN, FIN or RST */
    WIRE_DATA,    /* with payload */
    WIRE_FIN,
    WIRE_RST,
    WIRE_NO_SEGMENT, /* no TCP: a datagram, for one */
    WIRE_MATCHES
};

enum wire_deed {
    WIRE_LOSE,
    WIRE_SWAP,   /* it goes behind the next frame of its direction */
    WIRE_DELAY,  /* by so much more than all */
    WIRE_DAMAGE, /* its last byte arrives as another one */
    WIRE_CUT,    /* it is lost, and so is all that comes after, both ways */
    WIRE_DEEDS
};

struct wire_rule {
    bool from[WIRE_SIDES];
    enum wire_match match;
    uint32_t len;         /* only those with so many bytes of payload; 0: any */
    uint32_t first, last; /* of the frames that match, counted from 1 */
    enum wire_deed deed;
    uint32_t delay_ms; /* of WIRE_DELAY */
    uint32_t matched;  /* so far; 0 at the start */
};

#define WIRE_RULES_MAX 16

struct wire_rules {
    uint32_t delay_ms; /* of every frame, one way */
    struct wire_rule rules[WIRE_RULES_MAX];
    unsigned count;
    bool cut; /* nothing gets through */
};

struct wire_fate {
    bool lost, behind_next, damaged;
    uint32_t delay_ms;
};

/* What becomes of the next frame. segment: NULL where it is none. The first rule that matches decides, and all that match
 * count it. */
struct wire_fate wire_decide(struct wire_rules *rules, enum wire_side from, const struct segment *segment);

#endif
