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
size_t timeline_format(const struct change *change, uint64_t start_ns, bool colour, char buf[static TIMELINE_LINE_MAX]);

#endif
