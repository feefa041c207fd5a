/* Which records are like a pattern, in each form that a pattern can have; and what is said where none is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/lab/match.h"
#include "tcplens/lab/load.h"

static const char lab_text[] = "{\"lab\":\"t\",\"version\":1,\"topology\":\"lo\",\"actors\":{"
                               "\"server\":{\"at\":\"server\",\"steps\":[]},"
                               "\"a\":{\"at\":\"client\",\"steps\":[]},"
                               "\"many\":{\"at\":\"client\",\"count\":2,\"steps\":[]}},"
                               "\"checks\":[{\"id\":\"c\",\"none\":{\"record\":\"gap\"}}]}";

/* server, a, many.1, many.2: 127.0.0.11 to .14 */
#define CONNECTION(conn, addr)                                                                                         \
    "{\"record\":\"connection\",\"n\":1,\"t\":1,\"conn\":" #conn ",\"client\":{\"addr\":\"" addr "\",\"port\":5},"     \
    "\"server\":{\"addr\":\"127.0.0.11\",\"port\":7007}}"
static const char *const lines[] = {
    "{\"record\":\"header\",\"n\":0,\"t\":0,\"format\":\"tcplens-trace\",\"version\":1,"
    "\"sysctl\":{\"net.ipv4.tcp_syncookies\":\"1\"},\"sources\":{\"kernel\":true}}",
    CONNECTION(1, "127.0.0.12"),
    CONNECTION(2, "127.0.0.13"),
    CONNECTION(3, "127.0.0.12"),
    CONNECTION(4, "127.0.0.14"),
    CONNECTION(5, "10.0.0.1"),
    "{\"record\":\"segment\",\"n\":6,\"t\":2,\"conn\":3,\"from\":\"client\",\"flags\":[\"SYN\",\"ACK\"],\"len\":100,"
    "\"header\":\"12341f90\",\"notes\":[\"retransmission\"]}",
    "{\"record\":\"lab\",\"n\":7,\"t\":3,\"actor\":\"many.2\",\"op\":\"recv\",\"ret\":-1,\"errno\":\"EAGAIN\"}",
    "{\"record\":\"outcome\",\"n\":8,\"t\":4,\"conn\":1,\"final\":{\"client\":\"TIME-WAIT\"},\"reused\":true}",
};
#define LINES (sizeof(lines) / sizeof(*lines))

struct fixture {
    struct lab *lab;
    struct records *records;
    struct match_scene scene;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char error[LAB_ERROR_MAX] = "";

    assert_non_null(f);
    if (lab_load(lab_text, NULL, NULL, &f->lab, error) < 0)
        fail_msg("%s", error);
    assert_int_equal(records_new(&f->records), 0);
    for (size_t i = 0; i < LINES; i++)
        assert_int_equal(records_add(f->records, lines[i], strlen(lines[i])), 0);
    assert_int_equal(match_look(&f->scene, f->lab, f->records), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    match_done(&f->scene);
    records_free(f->records);
    lab_free(f->lab);
    free(f);
    return 0;
}

/* The numbers of the records that are like the pattern: "1 3 ". */
static void expect(const struct fixture *f, const char *pattern, const char *expected)
{
    cJSON *p = cJSON_Parse(pattern);
    char found[64] = "";

    assert_non_null(p);
    for (size_t i = 0; (i = match_from(&f->scene, p, i)) != MATCH_NONE; i++)
        sprintf(found + strlen(found), "%zu ", i);
    cJSON_Delete(p);
    assert_string_equal(found, expected);
}

#define SEGMENT(fields) "{\"record\":\"segment\"," fields "}"

static void test_values(void **state)
{
    const struct fixture *f = *state;

    expect(f, "{\"record\":\"segment\"}", "6 ");
    expect(f, SEGMENT("\"from\":\"client\""), "6 ");
    expect(f, SEGMENT("\"from\":\"server|client\""), "6 ");
    expect(f, SEGMENT("\"from\":\"server|clients\""), "");
    expect(f, SEGMENT("\"from\":\"cli\""), "");
    expect(f, SEGMENT("\"len\":100"), "6 ");
    expect(f, SEGMENT("\"len\":\"100|200\""), "6 ");
    expect(f, SEGMENT("\"len\":10"), "");
    expect(f, SEGMENT("\"len\":\"10\""), "");
}

static void test_lists(void **state)
{
    const struct fixture *f = *state;

    expect(f, SEGMENT("\"flags\":\"ACK\""), "6 ");
    expect(f, SEGMENT("\"flags\":\"FIN|SYN\""), "6 ");
    expect(f, SEGMENT("\"flags\":\"FIN\""), "");
    expect(f, SEGMENT("\"flags\":[\"ACK\",\"SYN\"]"), "6 ");
    expect(f, SEGMENT("\"flags\":[\"SYN\"]"), "");
    expect(f, SEGMENT("\"flags\":[\"SYN\",\"ACK\",\"FIN\"]"), "");
    expect(f, SEGMENT("\"flags\":[\"SYN\",\"FIN\"]"), "");
    expect(f, SEGMENT("\"flags\":{\"not\":\"RST\"}"), "6 ");
    expect(f, SEGMENT("\"flags\":{\"not\":\"SYN\"}"), "");
    expect(f, SEGMENT("\"notes\":{\"has\":\"retransmission\"}"), "6 ");
}

static void test_comparisons(void **state)
{
    const struct fixture *f = *state;

    expect(f, SEGMENT("\"len\":{\"ge\":100}"), "6 ");
    expect(f, SEGMENT("\"len\":{\"ge\":101}"), "");
    expect(f, SEGMENT("\"len\":{\"le\":100}"), "6 ");
    expect(f, SEGMENT("\"len\":{\"le\":99}"), "");
    expect(f, SEGMENT("\"len\":{\"ge\":1,\"le\":99}"), "");
    expect(f, SEGMENT("\"len\":{\"not\":100}"), "");
    expect(f, SEGMENT("\"len\":{\"not\":99}"), "6 ");
    expect(f, SEGMENT("\"header\":{\"has\":\"1f90\"}"), "6 ");
    expect(f, SEGMENT("\"header\":{\"has\":\"901f\"}"), "");
    /* what is not there is no number, and not that text */
    expect(f, SEGMENT("\"seq\":{\"ge\":0}"), "");
    expect(f, SEGMENT("\"seq\":{\"not\":7}"), "6 ");
}

static void test_presence(void **state)
{
    const struct fixture *f = *state;

    expect(f, SEGMENT("\"icmp\":false"), "6 ");
    expect(f, SEGMENT("\"header\":false"), "");
    expect(f, SEGMENT("\"header\":true"), "");
    expect(f, "{\"record\":\"outcome\",\"reused\":true}", "8 ");
    expect(f, "{\"record\":\"outcome\",\"reused\":false}", "");
}

static void test_members(void **state)
{
    const struct fixture *f = *state;

    expect(f, "{\"record\":\"outcome\",\"final.client\":\"TIME-WAIT\"}", "8 ");
    expect(f, "{\"record\":\"outcome\",\"final.server\":\"TIME-WAIT\"}", "");
    expect(f, "{\"record\":\"connection\",\"client.port\":5,\"client.addr\":\"127.0.0.13\"}", "2 ");
    /* a member's name may have dots itself */
    expect(f, "{\"record\":\"header\",\"sysctl.net.ipv4.tcp_syncookies\":1}", "0 ");
}

static void test_whose(void **state)
{
    const struct fixture *f = *state;

    expect(f, "{\"record\":\"connection\",\"conn\":\"a\"}", "1 3 ");
    expect(f, "{\"record\":\"connection\",\"conn\":\"a#1\"}", "1 ");
    expect(f, "{\"record\":\"connection\",\"conn\":\"a#2\"}", "3 ");
    expect(f, "{\"record\":\"connection\",\"conn\":\"a#3\"}", "");
    expect(f, SEGMENT("\"conn\":\"a#2\""), "6 ");
    expect(f, "{\"record\":\"connection\",\"conn\":\"many\"}", "2 4 ");
    expect(f, "{\"record\":\"connection\",\"conn\":\"many.2\"}", "4 ");
    expect(f, "{\"record\":\"connection\",\"conn\":\"man\"}", "");
    expect(f, "{\"record\":\"connection\",\"conn\":\"server\"}", "1 2 3 4 5 ");
    expect(f, "{\"record\":\"lab\",\"actor\":\"many\",\"errno\":\"EAGAIN\"}", "7 ");
    expect(f, "{\"record\":\"lab\",\"actor\":\"many.1\"}", "");
    expect(f, "{\"record\":\"lab\",\"conn\":\"many\"}", "");
}

static void expect_nearest(const struct fixture *f, const char *pattern, const char *expected)
{
    cJSON *p = cJSON_Parse(pattern);
    char text[MATCH_TEXT_MAX];
    size_t index;

    assert_non_null(p);
    match_nearest(&f->scene, p, text, &index);
    cJSON_Delete(p);
    assert_string_equal(text, expected);
}

static void test_nearest(void **state)
{
    const struct fixture *f = *state;

    expect_nearest(f, SEGMENT("\"conn\":\"a\",\"len\":5,\"from\":\"server\""),
                   "none; nearest is #6: len=100 from=client");
    expect_nearest(f, SEGMENT("\"seq\":5"), "none; nearest is #6: seq=nothing");
    expect_nearest(f, "{\"record\":\"timer\",\"name\":\"x\"}", "no record timer at all");
}

static void test_described(void **state)
{
    cJSON *p = cJSON_Parse(SEGMENT("\"conn\":\"a\",\"flags\":[\"SYN\"],\"len\":{\"ge\":1},\"field\":\"len\""));
    char text[MATCH_TEXT_MAX];

    (void)state;
    assert_string_equal(match_describe(p, text), "segment conn=a flags=[\"SYN\"] len={\"ge\":1}");
    cJSON_Delete(p);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(test_values),      TEST(test_lists),
                                        TEST(test_comparisons), TEST(test_presence),
                                        TEST(test_members),     TEST(test_whose),
                                        TEST(test_nearest),     cmocka_unit_test(test_described) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
