/* Text from elsewhere that is to be shown: what a terminal would obey is none (controls, those of C1 too, and marks that
 * reorder the rest of a line or break it), and neither is a byte that belongs to no character of UTF-8. */
#ifndef TCPLENS_BASE_PRINTABLE_H
#define TCPLENS_BASE_PRINTABLE_H

#include <stddef.h>

/* Bytes of the character at text, which can be printed as it is; 0: its first byte cannot. len: at least 1. */
size_t printable(const char *text, size_t len);

/* In place: each byte that cannot becomes a question mark. Of a text that was cut, so do the bytes of the character at its end. */
void printable_mend(char *text);

/* The first byte that cannot, though lines (LF, CR LF) and tabs may be. NULL: there is none. */
const char *printable_fault(const char *text);

#endif
