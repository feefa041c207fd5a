#include "hint.h"

#include <ctype.h>

#include "tcplens/base/options.h"

const char *top_hint(const char *word, const char *const *names, size_t n, char hint[static 96])
{
    options_hint(word, names, n, hint);
    for (char *p = hint; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return hint;
}
