/* A trace in pieces: where the bytes are cut changes nothing, and damage is counted where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/base/limits.h"
#include "tcplens/trace/reader.h"

static const char head[] =
    "\xef\xbb\xbf"
    "{\"record\":\"header\",\"n\":0,\"t\":0,\"format\":\"tcplens-trace\",\"version\":1,\"tool\":\"t\","
    "\"start\":\"2026-11-21T03:00:00.000000000Z\",\"sources\":[\"wire\"]}\r\n";
static const char rest[] =
    "\n{\"record\":\"disagreement\",\"n\":1,\"t\":1,\"conn\":1,\"end\":\"client\",\"kernel\":\"CLOSED\",\"wire\":\"LISTEN\"}\n"
    "{\"record\":\"disagreement\",\"n\":\n"
    "{\"record\":\"of a later version\",\"n\":3,\"t\":3}\n"
    "{\"record\":\"end\",\"n\":4,\"t\":4,\"reason\":\"input\",\"counts\":{},\"lost\":{},\"late\":0}";

struct told {
    unsigned of[TRACE_LINE_UNKNOWN + 1];
};

static void take(void *arg, const struct trace_line *line)
{
    ((struct told *)arg)->of[line->kind]++;
}

static void check(const struct trace_reader *r, const struct told *told)
{
    assert_int_equal(told->of[TRACE_LINE_HEADER], 1);
    assert_int_equal(told->of[TRACE_LINE_CHANGE], 1);
    assert_int_equal(told->of[TRACE_LINE_UNKNOWN], 1);
    assert_int_equal(told->of[TRACE_LINE_END], 1);
    assert_int_equal(trace_reader_result(r)->broken, 1);
    assert_int_equal(trace_reader_result(r)->first_broken, 4);
    assert_true(trace_reader_result(r)->ended);
}

static void cut_anywhere(void **state)
{
    char whole[sizeof(head) + sizeof(rest)];
    const size_t len = strlen(strcat(strcpy(whole, head), rest));

    (void)state;
    for (size_t step = 1; step <= len; step++) {
        struct trace_reader *r;
        struct told told = { 0 };

        assert_int_equal(trace_reader_new(NULL, take, &told, &r), 0);
        for (size_t at = 0; at < len; at += step)
            trace_reader_feed(r, whole + at, at + step < len ? step : len - at);
        trace_reader_finish(r);
        check(r, &told);
        trace_reader_free(r);
    }
}

static void a_line_without_an_end_is_damaged(void **state)
{
    char *piece = malloc(LIMIT_TRACE_LINE);
    struct trace_reader *r;
    struct told told = { 0 };

    (void)state;
    assert_non_null(piece);
    memset(piece, 'x', LIMIT_TRACE_LINE);
    assert_int_equal(trace_reader_new(NULL, take, &told, &r), 0);
    trace_reader_feed(r, head, strlen(head));
    trace_reader_feed(r, "\n\n", 2);
    for (unsigned i = 0; i < 3; i++)
        trace_reader_feed(r, piece, LIMIT_TRACE_LINE);
    trace_reader_feed(r, rest, strlen(rest));
    trace_reader_finish(r);
    assert_int_equal(trace_reader_result(r)->broken, 2);
    assert_int_equal(trace_reader_result(r)->first_broken, 4);
    assert_int_equal(told.of[TRACE_LINE_CHANGE], 1);
    assert_true(trace_reader_result(r)->ended);
    trace_reader_free(r);
    free(piece);
}

static void a_line_that_breaks_off_is_no_damage(void **state)
{
    struct trace_reader *r;
    struct told told = { 0 };

    (void)state;
    assert_int_equal(trace_reader_new(NULL, take, &told, &r), 0);
    trace_reader_feed(r, head, strlen(head));
    trace_reader_feed(r, rest, 30);
    trace_reader_finish(r);
    assert_int_equal(trace_reader_result(r)->broken, 0);
    assert_false(trace_reader_result(r)->ended);
    trace_reader_free(r);
    trace_reader_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(a_line_without_an_end_is_damaged),
        cmocka_unit_test(a_line_that_breaks_off_is_no_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
