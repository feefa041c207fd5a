#include "tcplens/source/source.h"

#define SOURCE(name) &source_##name##_ops,
const struct source_ops *const source_table[] = {
#include "tcplens/source/sources.def"
};
#undef SOURCE
const size_t source_count = sizeof(source_table) / sizeof(*source_table);
