/* Is it a trace? The same answer however its bytes are cut. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tcplens/base/limits.h"
#include "tcplens/trace/check.h"

#define HEADER "{\"record\":\"header\",\"n\":0,\"t\":0,\"format\":\"tcplens-trace\",\"version\":1}\n"
#define END "{\"record\":\"end\",\"n\":2,\"t\":9}\n"
#define TEXT(s) s, sizeof(s) - 1

/* The result of feeding it in pieces of step bytes. */
static struct trace_check_result look(const char *text, size_t len, size_t step)
{
    struct trace_check *c;
    struct trace_check_result result;
    int r = 0;

    assert_int_equal(trace_check_new(&c), 0);
    for (size_t at = 0; r == 0 && at < len; at += step) {
        size_t n = len - at < step ? len - at : step;
        char *piece = malloc(n); /* where it just fits: a sanitizer sees what is read beyond */

        assert_non_null(piece);
        memcpy(piece, text + at, n);
        r = trace_check_feed(c, piece, n);
        free(piece);
    }
    if (r == 0)
        r = trace_check_finish(c);
    result = *trace_check_result(c);
    assert_int_equal(r, result.refusal == TRACE_IS_TRACE ? 0 : -EINVAL);
    trace_check_free(c);
    return result;
}

static void expect(const char *text, size_t len, const struct trace_check_result *want)
{
    static const size_t steps[] = { 1, 2, 3, 7, 64, 100000 };

    for (unsigned i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        struct trace_check_result got = look(text, len, steps[i]);

        assert_int_equal(got.refusal, want->refusal);
        assert_int_equal(got.version, want->version);
        assert_int_equal(got.ended, want->ended);
        assert_int_equal(got.records, want->records);
        assert_int_equal(got.broken, want->broken);
        assert_int_equal(got.first_broken, want->first_broken);
    }
}

static void traces(void **state)
{
    const struct trace_check_result whole = { .ended = true, .records = 2 };
    const struct trace_check_result cut = { .records = 1 };

    (void)state;
    expect(TEXT(HEADER END), &whole);
    expect(TEXT("\xef\xbb\xbf" HEADER "\r\n \n" END), &whole);
    expect(TEXT(HEADER "{\"record\":\"end\",\"n\":2,\"t\":9}"), &whole); /* no newline, and yet whole */
    expect(TEXT(HEADER), &cut);
    expect(TEXT(HEADER "{\"record\":\"end\",\"n\":2,"), &cut);
}

static void damage(void **state)
{
    const struct trace_check_result one = { .ended = true, .records = 2, .broken = 1, .first_broken = 2 };
    const struct trace_check_result many = { .ended = true, .records = 2, .broken = 7, .first_broken = 2 };

    (void)state;
    expect(TEXT(HEADER "x\n" END), &one);
    expect(TEXT(HEADER "{\"record\":\"end\",\"n\":2,\"t\":9} {}\n" END), &one);
    expect(TEXT(HEADER "{\"record\":\"end\",\"n\":2,\"t\":9}\0\n" END), &one);
    expect(TEXT(HEADER "\0\0{\"record\":\"x\",\"n\":1,\"t\":9}\n" END), &one);
    expect(TEXT(HEADER HEADER END), &one);
    expect(TEXT(HEADER "[]\n{}\n\"a\"\n{\"record\":1,\"n\":1,\"t\":1}\n{\"record\":\"x\",\"n\":\"1\",\"t\":1}\n"
                       "{\"record\":\"x\",\"n\":1}\n{\"record\":\"x\"\n" END),
           &many);
}

static void long_lines(void **state)
{
    const size_t room = LIMIT_TRACE_LINE + 100000;
    char *text = malloc(room + 1000);
    const struct trace_check_result late = { .ended = true, .records = 2, .broken = 1, .first_broken = 2 };
    const struct trace_check_result first = { .refusal = TRACE_IS_FOREIGN };
    struct trace_check_result got;
    size_t len;

    (void)state;
    assert_non_null(text);
    len = sizeof(HEADER) - 1;
    memcpy(text, HEADER, len);
    memset(text + len, 'x', room);
    text[len + room] = '\n';
    memcpy(text + len + room + 1, TEXT(END));
    for (size_t step = 1000; step < 10000000; step *= 10) {
        got = look(text, len + room + sizeof(END), step);
        assert_memory_equal(&got.records, &late.records, 3 * sizeof(uint64_t));
        assert_true(got.ended);
        assert_int_equal(look(text + len, room, step).refusal, first.refusal);
    }
    free(text);
}

static void foreign(void **state)
{
    const struct trace_check_result empty = { .refusal = TRACE_IS_EMPTY };
    const struct trace_check_result other = { .refusal = TRACE_IS_FOREIGN };
    const struct trace_check_result capture = { .refusal = TRACE_IS_CAPTURE };
    const struct trace_check_result version = { .refusal = TRACE_IS_OTHER_VERSION, .version = 2 };

    (void)state;
    expect("", 0, &empty);
    expect(TEXT("\r\n\n"), &empty);
    expect(TEXT("hello"), &other);
    expect(TEXT(END), &other);
    expect(TEXT("{\"record\":\"header\",\"format\":\"tcplens-trace\",\"version\":\"1\"}"), &other);
    expect(TEXT("{\"record\":\"header\",\"format\":\"tcplens-trace\",\"version\":2}"), &version);
    expect(TEXT("\xd4\xc3\xb2\xa1\2\0\4\0"), &capture);
    expect(TEXT("\xa1\xb2\x3c\x4d\0\2\0\4"), &capture);
    expect(TEXT("\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a"), &capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(traces),
        cmocka_unit_test(damage),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(foreign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
