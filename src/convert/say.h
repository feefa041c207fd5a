/* A change as a clause, for a note, a comment, a row: no line end, no control character. */
#ifndef TCPLENS_CONVERT_SAY_H
#define TCPLENS_CONVERT_SAY_H

#include "tcplens/trace/change.h"

#define SAY_MAX 1024

/* Returns buf. */
const char *say(const struct change *change, char buf[static SAY_MAX]);
/* Its notes alone, with commas; empty where a segment has none. */
const char *say_notes(uint32_t notes, char buf[static SAY_MAX]);
/* "SYN,ACK" */
const char *say_flags(unsigned flags, char buf[static SAY_MAX]);

/* "client", or of an end that is known no better "end". */
const char *say_end(const struct change *change);
/* "echo-server[31398]" */
const char *say_task(const struct task *task, char buf[static SAY_MAX]);
/* In the unit that leaves something of it to see: "84 µs", "0.512 ms", "60.000 s". */
const char *say_duration(uint64_t ns, char buf[static 32]);

#endif
