#include "tcplens/base/units.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    double factor;
};

static const struct unit durations[] = { { "", 1e9 },   { "s", 1e9 },    { "ms", 1e6 },   { "us", 1e3 },
                                         { "m", 60e9 }, { "min", 60e9 }, { "h", 3600e9 }, { NULL, 0 } };
static const struct unit sizes[] = { { "", 1 },          { "k", 1 << 10 },   { "K", 1 << 10 },
                                     { "KiB", 1 << 10 }, { "M", 1 << 20 },   { "MiB", 1 << 20 },
                                     { "G", 1 << 30 },   { "GiB", 1 << 30 }, { NULL, 0 } };

/* A plain decimal number: strtod() would take more. */
static int read_number(const char *text, const struct unit *units, double max, uint64_t *ret)
{
    const size_t len = strspn(text, "0123456789.");
    char *rest;
    const double number = strtod(text, &rest);

    if (!len || rest != text + len)
        return -EINVAL;
    while (units->name && strcmp(rest, units->name) != 0)
        units++;
    if (!units->name || number * units->factor < 1 || number * units->factor > max)
        return -EINVAL;
    *ret = (uint64_t)(number * units->factor);
    return 0;
}

int units_duration(const char *text, uint64_t *ret_ns)
{
    return read_number(text, durations, 1000 * 3600e9, ret_ns);
}

int units_size(const char *text, uint64_t *ret_bytes)
{
    return read_number(text, sizes, (double)(1ull << 60), ret_bytes);
}
