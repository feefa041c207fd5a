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

/* Of a segment with a wrong checksum. */
enum conn_checksums {
    CONN_CHECKSUMS_AUTO,  /* it is not taken, unless all of its sender's were wrong: offload, seen at the sender */
    CONN_CHECKSUMS_CHECK, /* it is not taken */
    CONN_CHECKSUMS_IGNORE /* it counts like any other */
};

struct conn_config {
    change_fn emit;
    void *arg;
    size_t
        conn_max; /* connections followed at once; 0: LIMIT_CONNECTIONS. The one that was silent longest goes first */
    uint64_t hash_seed;
    enum conn_segments segments;
    bool wire_only;  /* only packets will come: a connection takes less memory */
    bool no_packets; /* none will come: of what is closed no late ones are waited for */
    const char *const
        *sysctl; /* settings of the host, by enum sysctl, as /proc/sys has them; NULL: not known. Borrowed */
    enum conn_checksums checksums;
    bool all_resets;   /* the kernel tells of each RST that a socket of it sends */
    bool stray_resets; /* and of those in answer to what is for no socket */
    bool all_packets;  /* of all interfaces, so that what is not among them was not sent */
    bool all_netns; /* the ends of a connection may be in two network namespaces, and its packets be seen in a third */
};

#endif
