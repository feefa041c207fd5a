/* What the engine is made with. */
#ifndef TCPLENS_CONN_CONFIG_H
#define TCPLENS_CONN_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/trace/change.h"

enum conn_segments {
    CONN_SEGMENTS_ALL,
    CONN_SEGMENTS_CONTROL, /* SYN, FIN, RST, and what analysis finds noteworthy */
    CONN_SEGMENTS_NONE,
};

struct conn_config {
    change_fn emit;
    void *arg;
    size_t
        conn_max; /* connections followed at once; 0: LIMIT_CONNECTIONS. The one that was silent longest goes first */
    uint64_t hash_seed;
    enum conn_segments segments;
    bool wire_only; /* only EVENT_SEGMENT will come, others are left alone: a connection takes less memory */
    const char *const
        *sysctl;           /* settings of the host, by enum sysctl, as /proc/sys has them; NULL: not known. Borrowed */
    bool ignore_checksums; /* a segment with a wrong one counts like any other: offload, seen at the sender */
};

#endif
