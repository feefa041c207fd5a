/* One line a connection, as `tshark -z conv,tcp` has it, with what only a state machine knows: where both ends were left
 * and how it ended. */
#ifndef TCPLENS_SINK_SUMMARY_H
#define TCPLENS_SINK_SUMMARY_H

#include <stddef.h>

#include "tcplens/trace/change.h"

#define SUMMARY_LINE_MAX 1024

/* Both write one line, newline included, without NUL, and return its length. columns: of the terminal, which may have room for
 * fewer columns of the table; 0: any number. */
size_t summary_header(unsigned columns, char buf[static SUMMARY_LINE_MAX]);
/* A connection's outcome makes its line; 0 for any other change. */
size_t summary_format(const struct change *change, unsigned columns, char buf[static SUMMARY_LINE_MAX]);

#endif
