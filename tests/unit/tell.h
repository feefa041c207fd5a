/* A record of the trace as one short line: the words in which tests say what they expect. */
#ifndef TCPLENS_TESTS_TELL_H
#define TCPLENS_TESTS_TELL_H

#include <stddef.h>
#include <stdint.h>

#include "tcplens/trace/change.h"

/* What the lines before told, which the next need not repeat. Begins as zeros. */
struct telling {
    uint64_t segment; /* record number of the last segment: the cause of a step of the wire that names none here */
};

/* Appends the line of one record (a line of the trace) to the text of room bytes, and a newline. Not told: header, end,
 * times, and addresses that are 192.0.2.1 for the client and 192.0.2.2 for the server. Returns the new length; fails the
 * test where there is no room, or where the line is no record. */
size_t tell_record(struct telling *telling, const char *record, char *text, size_t len, size_t room);
/* The same of what the engine says, by way of the real encoder. */
size_t tell_change(struct telling *telling, const struct change *change, char *text, size_t len, size_t room);

#endif
