/* The trace as a person reads it on a terminal: one line an event, as strace and tcpdump have it. */
#ifndef TCPLENS_SINK_TIMELINE_H
#define TCPLENS_SINK_TIMELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/trace/change.h"

#define TIMELINE_LINE_MAX 2048

/* Writes one line, newline included, without NUL. colour: ANSI sequences may be used. Control characters of untrusted
 * strings are written as escapes. Returns the length; 0 where the change is not worth a line. */
enum timeline_time {
    TIMELINE_RELATIVE, /* seconds since the trace began */
    TIMELINE_UTC,      /* the time of day */
    TIMELINE_LOCAL,
    TIMELINE_DELTA, /* seconds since the line before */
};

struct timeline_style {
    bool colour;
    bool verbose; /* counters that only say that there was traffic, too */
    enum timeline_time time;
    unsigned columns; /* of the terminal: the lane becomes narrower; 0: any number */
    uint64_t last_ns; /* of the line before; 0: there was none */
};
size_t timeline_format_as(const struct change *change, uint64_t start_ns, const struct timeline_style *style,
                          char buf[static TIMELINE_LINE_MAX]);

/* With all as usual. */
size_t timeline_format(const struct change *change, uint64_t start_ns, bool colour, char buf[static TIMELINE_LINE_MAX]);

#endif
