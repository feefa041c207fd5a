/* What belongs to no connection that was seen: it begins none, but it is counted. */
#ifndef TCPLENS_CONN_STRAYS_H
#define TCPLENS_CONN_STRAYS_H

#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/limits.h"
#include "tcplens/trace/encode.h"

struct strays {
    struct {
        struct endpoint from, to;
        uint64_t count;
    } resets[LIMIT_STRAY_RESETS];
    unsigned reset_count;
    uint64_t other_resets; /* of further endpoints */
    uint64_t icmp_errors;
};

/* A RST. */
void strays_add(struct strays *strays, const struct endpoint *from, const struct endpoint *to);
void strays_tell(const struct strays *strays, struct trace_end *end);

#endif
