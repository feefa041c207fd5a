/* A record on its way to who publishes it: this, then its line. */
#ifndef TCPLENS_SINK_PUBLISH_FRAME_H
#define TCPLENS_SINK_PUBLISH_FRAME_H

#include <stdint.h>

struct publish_frame {
    uint64_t n;   /* the record's number */
    uint32_t len; /* of the line, with its newline */
    uint32_t unused;
};

#endif
