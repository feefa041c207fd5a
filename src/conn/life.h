/* One connection as the roof lays it out: what all may know of it, and a part for each lane. A lane is handed its own part
 * only; the judges, which come after, see the whole. */
#ifndef TCPLENS_CONN_LIFE_H
#define TCPLENS_CONN_LIFE_H

#include "kernel.h"
#include "notes.h"
#include "wire.h"
#include "zeek.h"

/* How far the witnesses have been compared, at one end. */
struct compared {
    uint64_t moved;       /* record of the end's last change of state, in either lane */
    uint8_t told[LANE_N]; /* enum tcp_state: where they stood when their difference was told; UNKNOWN: never */
};

/* What a connection has besides where a kernel witness takes part. */
struct life_kernel {
    uint32_t netns[END_N]; /* of the kernel object; 0: none has been told of */
    struct kernel_lane lane;
    struct compared compared[END_N];
};

struct life {
    struct conn conn;
    struct notes_lane notes;
    struct zeek_lane zeek;
    struct wire_lane wire;
    bool has_kernel    : 1;
    bool kept          : 1;      /* others tell when it is over */
    bool finding_waits : 1;      /* something seen in it is not known to count yet (finding.h) */
    uint32_t findings;           /* bits of enum finding_kind: it shows them */
    struct life_kernel kernel[]; /* one, if has_kernel */
};
_Static_assert(sizeof(struct life) <= 512, "docs/architecture.md says what a connection takes");

static inline struct life *life_of(struct conn *c)
{
    return (struct life *)c;
}
_Static_assert(offsetof(struct life, conn) == 0, "a table of connections is a table of lives");

/* Of an end as the kernel tells it; all zeros where no kernel witness takes part. */
static inline const struct kernel_end *life_kernel_end(const struct life *l, enum end end)
{
    static const struct kernel_end none;

    return l->has_kernel ? &l->kernel->lane.end[end] : &none;
}

/* Packets of it were seen. */
static inline bool life_has_wire(const struct life *l)
{
    return l->conn.streams.of[END_CLIENT].segments || l->conn.streams.of[END_SERVER].segments;
}

#endif
