/* Whether two names are of one file. */
#ifndef TCPLENS_BASE_SAME_FILE_H
#define TCPLENS_BASE_SAME_FILE_H

#include <stdbool.h>

/* Whether what is written to a would meet what is written to b: one regular file, pipe or socket, through links and whatever
 * folders (device and inode); of files that are not there yet, one name in one folder. A device takes both. "-" is standard
 * output, and not looked at. */
bool same_file(const char *a, const char *b);

#endif
