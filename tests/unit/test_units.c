#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "tcplens/base/opener.h"
#include "tcplens/base/units.h"

static void durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } right[] = { { "10", 10000000000 },     { "0.5s", 500000000 },        { "500ms", 500000000 },
                  { "1.5h", 5400000000000 }, { "2m", 120000000000 },       { "2min", 120000000000 },
                  { "7us", 7000 },           { "1000h", 3600000000000000 } };
    static const char *const wrong[] = { "",    "s",   "0",  "0.0s",  "-1",    "1x",   "1e3", "0x10", "inf",
                                         "nan", "1 s", " 1", "1.2.3", "1001h", "1sec", "1d",  "." };
    uint64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        assert_int_equal(units_duration(right[i].text, &ns), 0);
        assert_int_equal(ns, right[i].ns);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        if (units_duration(wrong[i], &ns) != -EINVAL)
            fail_msg("'%s' is taken", wrong[i]);
}

static void sizes(void **state)
{
    uint64_t bytes;

    (void)state;
    assert_int_equal(units_size("1000", &bytes), 0);
    assert_int_equal(bytes, 1000);
    assert_int_equal(units_size("64k", &bytes), 0);
    assert_int_equal(bytes, 65536);
    assert_int_equal(units_size("1.5GiB", &bytes), 0);
    assert_int_equal(bytes, 1610612736);
    assert_int_equal(units_size("100M", &bytes), 0);
    assert_int_equal(bytes, 104857600);
    assert_int_equal(units_size("0", &bytes), -EINVAL);
    assert_int_equal(units_size("5T", &bytes), -EINVAL);
    assert_int_equal(units_size("99999999999G", &bytes), -EINVAL);
}

static const char *named(const char *path, unsigned part)
{
    static char buf[64];

    opener_name(path, part, buf, sizeof(buf));
    return buf;
}

static void names_of_parts(void **state)
{
    (void)state;
    assert_string_equal(named("t.ndjson", 2), "t.2.ndjson");
    assert_string_equal(named("a.b/t.ndjson.gz", 13), "a.b/t.13.ndjson.gz");
    assert_string_equal(named("t.json", 2), "t.2.json");
    assert_string_equal(named("t.gz", 2), "t.2.gz");
    assert_string_equal(named("trace", 2), "trace.2");
    assert_string_equal(named(".gz", 2), ".gz.2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(names_of_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
