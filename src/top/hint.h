#ifndef TCPLENS_TOP_HINT_H
#define TCPLENS_TOP_HINT_H

#include <stddef.h>

/* As options_hint(), in small letters: so are words of the filter and titles of columns typed. */
const char *top_hint(const char *word, const char *const *names, size_t n, char hint[static 96]);

#endif
