#include <stddef.h>

#include "tcplens/tcp/link_name.h"

const char *link_name(int dlt)
{
    switch (dlt) {
#define LINK_NAME(number, name)                                                                                        \
    case number:                                                                                                       \
        return name;
#include "link_names.def"
#undef LINK_NAME
    default: return NULL;
    }
}
