/* The ring of lines behind the live server: wrapping, falling behind, resuming. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/sink/http_history.h"
#include "tcplens/sink/http_stream.h"

#define RESERVE 8
#define OVERHEAD 16

static struct http_history *new_history(size_t size)
{
    struct http_history *h;

    assert_int_equal(http_history_new(size, &h), 0);
    return h;
}

/* A line of exactly len bytes that says n. */
static void append(struct http_history *h, uint64_t n, size_t len)
{
    char *line = malloc(len + 1);
    int digits = snprintf(line, len + 1, "%" PRIu64, n);

    assert_true(digits > 0 && (size_t)digits < len);
    memset(line + digits, '.', len - (size_t)digits - 1);
    line[len - 1] = '\n';
    http_history_append(h, line, len, n);
    free(line);
}

static enum http_history_result read_some(struct http_history *h, struct http_cursor *c, struct http_batch *b)
{
    return http_history_read(h, c, "", RESERVE, 100000, 8192, b);
}

/* Reads on until nothing is left: the lines must be those of the numbers first..last without a hole. */
static void expect_lines(struct http_history *h, struct http_cursor *c, uint64_t first, uint64_t last)
{
    struct http_batch b = { 0 };
    uint64_t next = first;

    while (next <= last) {
        assert_int_equal(read_some(h, c, &b), HTTP_HISTORY_LINES);
        const char *at = b.data + RESERVE, *end = b.data + b.len;
        for (size_t i = 0; i < b.lines; i++) {
            const char *newline = memchr(at, '\n', (size_t)(end - at));
            assert_non_null(newline);
            assert_int_equal(strtoull(at, NULL, 10), next);
            next++;
            at = newline + 1;
        }
        assert_ptr_equal(at, end);
        assert_int_equal(b.last, next - 1);
    }
    assert_int_equal(next, last + 1);
    http_batch_done(&b);
}

static void expect(struct http_history *h, struct http_cursor *c, enum http_history_result result, uint64_t lost)
{
    struct http_batch b = { 0 };

    assert_int_equal(read_some(h, c, &b), result);
    assert_int_equal(b.lost, lost);
    http_batch_done(&b);
}

static void test_shown_only_after_show(void **state)
{
    (void)state;
    struct http_history *h = new_history(0);
    struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, false);

    append(h, 0, 20);
    append(h, 1, 20);
    expect(h, &c, HTTP_HISTORY_WAIT, 0);
    http_history_show(h);
    append(h, 2, 20);
    expect_lines(h, &c, 0, 1);
    expect(h, &c, HTTP_HISTORY_WAIT, 0);
    http_history_finish(h);
    expect_lines(h, &c, 2, 2);
    expect(h, &c, HTTP_HISTORY_END, 0);
    http_history_free(h);
}

static void test_empty(void **state)
{
    (void)state;
    struct http_history *h = new_history(0);
    struct http_cursor live = http_history_seek(h, HTTP_HISTORY_ALL, false);
    struct http_cursor snapshot = http_history_seek(h, HTTP_HISTORY_ALL, true);

    expect(h, &live, HTTP_HISTORY_WAIT, 0);
    append(h, 0, 20);
    http_history_show(h);
    expect(h, &snapshot, HTTP_HISTORY_END, 0); /* made before anything was there */
    expect_lines(h, &live, 0, 0);
    http_history_free(h);

    h = new_history(0);
    http_history_finish(h);
    live = http_history_seek(h, HTTP_HISTORY_ALL, false);
    expect(h, &live, HTTP_HISTORY_END, 0);
    http_history_free(h);
    assert_null(http_history_free(NULL));
}

/* Every phase of an entry against the end of the ring: sizes that divide it and sizes that do not. */
static void test_wrap(void **state)
{
    (void)state;
    for (size_t len = 8; len < 140; len++) {
        struct http_history *h = new_history(HTTP_HISTORY_MIN);
        struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, false);

        for (uint64_t n = 1; n <= 1000; n++) {
            append(h, n, len);
            http_history_show(h);
            expect_lines(h, &c, n, n);
        }
        http_history_finish(h);
        expect(h, &c, HTTP_HISTORY_END, 0);

        uint64_t kept = HTTP_HISTORY_MIN / (len + OVERHEAD);
        struct http_cursor late = http_history_seek(h, HTTP_HISTORY_ALL, false);
        expect(h, &late, HTTP_HISTORY_LOST, 1000 - kept);
        expect_lines(h, &late, 1000 - kept + 1, 1000);
        expect(h, &late, HTTP_HISTORY_END, 0);
        http_history_free(h);
    }
}

static void test_exactly_full(void **state)
{
    (void)state;
    size_t len = 256 - OVERHEAD;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);
    struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, false), d = c;

    for (uint64_t n = 1; n <= 16; n++)
        append(h, n, len);
    http_history_show(h);
    expect_lines(h, &c, 1, 16); /* 16 * 256 bytes: the last one still fits */
    append(h, 17, len);
    http_history_show(h);
    expect(h, &d, HTTP_HISTORY_LOST, 1);
    expect_lines(h, &d, 2, 17);
    http_history_free(h);
}

static void test_header_stays(void **state)
{
    (void)state;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);
    append(h, 0, HTTP_HISTORY_MIN / 4);
    for (uint64_t n = 1; n <= 500; n++)
        append(h, n, 48);
    http_history_show(h);

    uint64_t kept = (HTTP_HISTORY_MIN - HTTP_HISTORY_MIN / 4) / (48 + OVERHEAD);
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, snapshot);
        expect_lines(h, &c, 0, 0);
        expect(h, &c, HTTP_HISTORY_LOST, 500 - kept);
        expect_lines(h, &c, 500 - kept + 1, 500);
        expect(h, &c, snapshot ? HTTP_HISTORY_END : HTTP_HISTORY_WAIT, 0);
    }
    http_history_free(h);

    /* One that would take too much of the ring is a line like others. */
    h = new_history(HTTP_HISTORY_MIN);
    append(h, 0, HTTP_HISTORY_MIN / 4 + 1);
    for (uint64_t n = 1; n <= 500; n++)
        append(h, n, 48);
    http_history_show(h);
    struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, false);
    expect(h, &c, HTTP_HISTORY_LOST, 501 - HTTP_HISTORY_MIN / (48 + OVERHEAD));
    http_history_free(h);
}

static void test_line_larger_than_ring(void **state)
{
    (void)state;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);
    struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, false);

    append(h, 1, 50);
    append(h, 2, HTTP_HISTORY_MIN - OVERHEAD + 1); /* one byte too many */
    append(h, 3, 50);
    http_history_show(h);
    expect_lines(h, &c, 1, 1);
    expect(h, &c, HTTP_HISTORY_LOST, 1);
    expect_lines(h, &c, 3, 3);

    struct http_cursor resumed = http_history_seek(h, 2, false);
    expect_lines(h, &resumed, 3, 3); /* what it did not ask for is not lost */

    append(h, 4, HTTP_HISTORY_MIN - OVERHEAD); /* takes all of it */
    http_history_show(h);
    expect_lines(h, &c, 4, 4);
    struct http_cursor late = http_history_seek(h, HTTP_HISTORY_ALL, false);
    expect(h, &late, HTTP_HISTORY_LOST, 3);
    expect_lines(h, &late, 4, 4);
    http_history_free(h);
}

static void test_overtaken(void **state)
{
    (void)state;
    size_t len = 256 - OVERHEAD;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);
    struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, false);
    uint64_t n = 0;

    while (n < 10)
        append(h, ++n, len);
    http_history_show(h);
    expect_lines(h, &c, 1, 10);
    while (n < 40)
        append(h, ++n, len);
    /* Overtaken by what is not shown yet. */
    expect(h, &c, HTTP_HISTORY_LOST, 14);
    expect(h, &c, HTTP_HISTORY_WAIT, 0);
    http_history_show(h);
    expect_lines(h, &c, 25, 40);
    http_history_free(h);
}

static void test_resume_everywhere(void **state)
{
    (void)state;
    struct http_history *h = new_history(HTTP_HISTORY_MIN * 16);

    append(h, 0, 100);
    for (uint64_t n = 1; n <= 5000; n++)
        append(h, n, 20 + n * 7 % 90);
    http_history_finish(h);
    struct http_cursor all = http_history_seek(h, HTTP_HISTORY_ALL, false);
    expect_lines(h, &all, 0, 0);
    struct http_batch b = { 0 };
    assert_int_equal(read_some(h, &all, &b), HTTP_HISTORY_LOST);
    uint64_t oldest = b.lost + 1;
    http_batch_done(&b);
    assert_true(oldest > 1 && oldest < 5000);

    for (uint64_t after = 0; after <= 5001; after++) {
        struct http_cursor c = http_history_seek(h, after, false);
        if (after + 1 < oldest)
            expect(h, &c, HTTP_HISTORY_LOST, oldest - after - 1);
        if (after < 5000)
            expect_lines(h, &c, after + 1 > oldest ? after + 1 : oldest, 5000);
        expect(h, &c, HTTP_HISTORY_END, 0);
    }
    http_history_free(h);
}

static void test_record_numbers_with_holes(void **state)
{
    (void)state;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);

    append(h, 0, 100);
    append(h, 10, 100);
    append(h, 20, 100);
    http_history_show(h);
    for (uint64_t after = 10; after < 20; after++) {
        struct http_cursor c = http_history_seek(h, after, false);
        expect_lines(h, &c, 20, 20);
        expect(h, &c, HTTP_HISTORY_WAIT, 0);
    }
    http_history_free(h);

    /* Of 100 lines with even numbers 10 are dropped: no more can be lost, however large the holes. */
    h = new_history(HTTP_HISTORY_MIN);
    for (uint64_t i = 1; i <= 26; i++)
        append(h, 2 * i, 256 - OVERHEAD);
    http_history_show(h);
    struct http_cursor c = http_history_seek(h, 1, false);
    expect(h, &c, HTTP_HISTORY_LOST, 10);
    http_history_free(h);
}

static void test_snapshot_ends(void **state)
{
    (void)state;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);

    append(h, 0, 20);
    append(h, 1, 20);
    http_history_show(h);
    append(h, 2, 20);
    struct http_cursor c = http_history_seek(h, HTTP_HISTORY_ALL, true);
    http_history_show(h);
    expect_lines(h, &c, 0, 1);
    expect(h, &c, HTTP_HISTORY_END, 0);

    /* Overtaken altogether: nothing of what it was to show is left. */
    c = http_history_seek(h, HTTP_HISTORY_ALL, true);
    expect_lines(h, &c, 0, 2);
    c = http_history_seek(h, HTTP_HISTORY_ALL, true);
    for (uint64_t n = 3; n < 1000; n++)
        append(h, n, 100);
    http_history_show(h);
    expect_lines(h, &c, 0, 0);
    struct http_batch b = { 0 };
    assert_int_equal(read_some(h, &c, &b), HTTP_HISTORY_LOST);
    assert_int_equal(read_some(h, &c, &b), HTTP_HISTORY_END);
    http_batch_done(&b);
    http_history_free(h);
}

static void test_batch_limits(void **state)
{
    (void)state;
    struct http_history *h = new_history(1 << 20);
    struct http_batch b = { 0 };

    for (uint64_t n = 0; n <= 100; n++)
        append(h, n, 100);
    append(h, 101, 100000);
    http_history_finish(h);
    struct http_cursor c = http_history_seek(h, 0, false);
    assert_int_equal(http_history_read(h, &c, "data: ", 4, 7, 1 << 20, &b), HTTP_HISTORY_LINES);
    assert_int_equal(b.lines, 7);
    assert_int_equal(b.len, 4 + 7 * 106);
    assert_memory_equal(b.data + 4, "data: 1...", 10);
    /* Exactly five lines, and one byte less. */
    assert_int_equal(http_history_read(h, &c, "data: ", 4, 100, 4 + 5 * 106, &b), HTTP_HISTORY_LINES);
    assert_int_equal(b.lines, 5);
    assert_int_equal(http_history_read(h, &c, "data: ", 4, 100, 4 + 5 * 106 - 1, &b), HTTP_HISTORY_LINES);
    assert_int_equal(b.lines, 4);
    assert_int_equal(b.last, 16);
    /* A line alone is never too long, and leaves the reserve behind it. */
    c = http_history_seek(h, 100, false);
    assert_int_equal(http_history_read(h, &c, "data: ", 4, 100, 64, &b), HTTP_HISTORY_LINES);
    assert_int_equal(b.len, 4 + 100006);
    assert_true(b.size >= b.len + 4);
    http_batch_done(&b);
    http_history_free(h);
}

static void test_event_id(void **state)
{
    (void)state;
    assert_int_equal(http_stream_event_id("0"), 0);
    assert_int_equal(http_stream_event_id("9007199254740991"), 9007199254740991);
    static const char *const none[] = { NULL, "", "-1", "+1", " 1", "1 ", "0x10", "abc", "99999999999999999999" };
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        assert_true(http_stream_event_id(none[i]) == HTTP_HISTORY_ALL);
}

/* The bytes of a stream, whatever the pieces in which they are fetched. */
static void test_stream_text(void **state)
{
    (void)state;
    static const char expected[] = "id: 0\ndata: 0...\n\n"
                                   "event: gap\ndata: {\"lost\":1}\n\n"
                                   "id: 3\ndata: 2...\ndata: 3...\n\n"
                                   "event: end\ndata: {}\n\n";
    for (size_t piece = 1; piece < sizeof(expected); piece++) {
        struct http_history *h = new_history(HTTP_HISTORY_MIN);
        struct http_stream s;
        char text[sizeof(expected) + 64] = "";
        size_t len = 0;
        ssize_t got;

        append(h, 0, 5);
        append(h, 1, HTTP_HISTORY_MIN);
        append(h, 2, 5);
        append(h, 3, 5);
        http_history_finish(h);
        http_stream_init_events(&s, h, HTTP_HISTORY_ALL);
        while ((got = http_stream_read(&s, text + len, piece)) > 0)
            len += (size_t)got;
        assert_int_equal(got, HTTP_STREAM_END);
        assert_string_equal(text, expected);
        assert_int_equal(http_stream_read(&s, text, 1), HTTP_STREAM_END);
        http_stream_done(&s);
        http_history_free(h);
    }
}

static void test_stream_heartbeat(void **state)
{
    (void)state;
    struct http_history *h = new_history(HTTP_HISTORY_MIN);
    struct http_stream s;
    char text[64] = "";

    http_stream_init_events(&s, h, HTTP_HISTORY_ALL);
    assert_int_equal(http_stream_read(&s, text, sizeof(text)), 0);
    http_stream_heartbeat(&s);
    assert_int_equal(http_stream_read(&s, text, sizeof(text)), 4);
    assert_string_equal(text, ": \n\n");
    assert_int_equal(http_stream_read(&s, text, sizeof(text)), 0);
    http_stream_done(&s);

    http_stream_init_lines(&s, h); /* lines have no comments */
    http_stream_heartbeat(&s);
    assert_int_equal(http_stream_read(&s, text, sizeof(text)), HTTP_STREAM_END);
    http_stream_done(&s);
    http_history_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shown_only_after_show),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_exactly_full),
        cmocka_unit_test(test_header_stays),
        cmocka_unit_test(test_line_larger_than_ring),
        cmocka_unit_test(test_overtaken),
        cmocka_unit_test(test_resume_everywhere),
        cmocka_unit_test(test_record_numbers_with_holes),
        cmocka_unit_test(test_snapshot_ends),
        cmocka_unit_test(test_batch_limits),
        cmocka_unit_test(test_event_id),
        cmocka_unit_test(test_stream_text),
        cmocka_unit_test(test_stream_heartbeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
