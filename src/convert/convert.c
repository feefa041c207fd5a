#include "tcplens/convert/convert.h"

#define FORMAT(name, what) &convert_##name##_ops,
const struct convert_ops *const convert_table[] = {
#include "tcplens/convert/formats.def"
};
#undef FORMAT
const size_t convert_count = sizeof(convert_table) / sizeof(*convert_table);

bool convert_concerns(const struct change *c, uint32_t conn)
{
    if (c->kind == CHANGE_GAP)
        return true;
    if (c->kind != CHANGE_FINDING)
        return c->conn == conn;
    for (unsigned i = 0; i < c->finding.conn_count; i++)
        if (c->finding.conns[i] == conn)
            return true;
    return false;
}
