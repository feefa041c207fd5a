#include "values.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct endpoint endpoint(const char *addr, uint16_t port)
{
    struct endpoint e = { .port = port };

    assert_int_equal(addr_parse(addr, &e.addr), 0);
    return e;
}

cJSON *parse(const char *text)
{
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(text, &end, true);

    if (!root)
        fail_msg("not JSON: %s", text);
    assert_string_equal(end, "");
    return root;
}
