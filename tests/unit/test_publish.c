/* What waits to be published, and where it goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../src/sink/publish_numbers.h"
#include "../../src/sink/publish_queue.h"
#include "../../src/sink/publish_spool.h"
#include "tcplens/base/writer.h"
#include "tcplens/sink/publish_message.h"
#include "tcplens/sink/publish_server.h"

#define SIZE 1000u

static struct spool fresh(uint64_t size)
{
    struct spool s;

    assert_int_equal(spool_open(&s, "/tmp", size), 0);
    return s;
}

/* Bytes that tell where they stand. */
static void fill(char *buf, size_t len, uint64_t from)
{
    for (size_t i = 0; i < len; i++)
        buf[i] = (char)((from + i) * 131 >> 3);
}

static void assert_holds(struct spool *s, uint64_t at, size_t len, uint64_t from)
{
    char expected[SIZE], got[SIZE];

    fill(expected, len, from);
    assert_int_equal(spool_read(s, at, got, len), len);
    assert_memory_equal(got, expected, len);
}

/* Round and round: what is appended is read again, wherever it lies across the end. */
static void test_ring(void **state)
{
    (void)state;
    struct spool s = fresh(SIZE);
    uint64_t written = 0;
    char buf[SIZE];

    for (size_t len = 1; len < 400; len += 7) {
        fill(buf, len, written);
        assert_true(spool_append(&s, buf, len));
        assert_holds(&s, spool_tail(&s) - len, len, written);
        written += len;
        if (spool_tail(&s) - spool_head(&s) > SIZE / 2)
            spool_release(&s, spool_tail(&s) - len);
    }
    spool_close(&s);
}

static void test_full(void **state)
{
    (void)state;
    struct spool s = fresh(SIZE);
    char buf[SIZE + 1];

    fill(buf, sizeof(buf), 0);
    assert_false(spool_append(&s, buf, SIZE + 1));
    assert_true(spool_append(&s, buf, SIZE - 10));
    assert_false(spool_append(&s, buf, 11));
    assert_int_equal(spool_tail(&s), SIZE - 10);
    assert_true(spool_append(&s, buf, 10));
    assert_holds(&s, 0, SIZE - 10, 0);
    spool_release(&s, 5);
    assert_false(spool_append(&s, buf, 6));
    assert_true(spool_append(&s, buf, 5));
    assert_int_equal(spool_read(&s, spool_tail(&s), buf, 10), 0);
    spool_close(&s);
}

/* A file that grew is given back to the disk once nothing waits. */
static void test_begins_anew(void **state)
{
    (void)state;
    struct spool s = fresh(64u << 20);
    char *buf = calloc(1, 1 << 20);
    struct stat st;
    uint64_t before;

    for (unsigned i = 0; i < 20; i++)
        assert_true(spool_append(&s, buf, 1 << 20));
    assert_true(spool_append(&s, "left", 4));
    spool_release(&s, spool_tail(&s) - 4);
    assert_true(spool_append(&s, "more", 4)); /* something waits: nothing moves */
    before = spool_tail(&s);
    assert_int_equal(spool_read(&s, before - 8, buf, 8), 8);
    assert_memory_equal(buf, "leftmore", 8);
    spool_release(&s, before);
    assert_true(spool_append(&s, "anew", 4));
    assert_true(spool_head(&s) > before);
    assert_int_equal(spool_read(&s, spool_head(&s), buf, 100), 4);
    assert_memory_equal(buf, "anew", 4);
    assert_int_equal(fstat(s.fd, &st), 0);
    assert_true(st.st_size <= 4);
    free(buf);
    spool_close(&s);
}

/* What the pipe has taken is room at once, for one who puts lines and pushes them, however long that goes on. */
static void test_queue(void **state)
{
    (void)state;
    struct publish_queue q;
    uint64_t put = 0, got = 0;
    char line[300], out[700], expected[700];
    int pipe_of[2];

    assert_int_equal(pipe2(pipe_of, O_NONBLOCK), 0);
    assert_true(fcntl(pipe_of[1], F_SETPIPE_SZ, 4096) >= 4096);
    assert_int_equal(publish_queue_open(&q, 10000), 0);
    for (unsigned round = 0; round < 200; round++) {
        while (publish_queue_has_room(&q, sizeof(line))) {
            fill(line, sizeof(line), put);
            publish_queue_put(&q, line, sizeof(line));
            put += sizeof(line);
        }
        assert_true(publish_queue_len(&q) > 10000 - sizeof(line));
        assert_int_equal(publish_queue_push(&q, pipe_of[1]), 0);
        for (unsigned i = 0; i < 1 + round % 7; i++) {
            const ssize_t n = read(pipe_of[0], out, 100 * (1 + i));

            if (n < 0)
                break;
            fill(expected, (size_t)n, got);
            assert_memory_equal(out, expected, (size_t)n);
            got += (uint64_t)n;
        }
    }
    assert_true(got > 10000);
    close(pipe_of[0]);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(publish_queue_push(&q, pipe_of[1]), -EPIPE);
    close(pipe_of[1]);
    publish_queue_close(&q);
}

static void test_folder(void **state)
{
    (void)state;
    struct spool s;

    assert_int_equal(spool_open(&s, "/no/such/folder", SIZE), -ENOENT);
}

static void test_server(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        uint16_t port;
        const char *user, *password;
    } right[] = {
        { "nats://h", "h", 4222, "", "" },
        { "nats://h.example:99", "h.example", 99, "", "" },
        { "nats://[2001:db8::1]", "2001:db8::1", 4222, "", "" },
        { "nats://[::1]:65535", "::1", 65535, "", "" },
        { "nats://u:p@h", "h", 4222, "u", "p" },
        { "nats://u:p@q:r@h:1", "h", 1, "u", "p@q:r" },
    };
    static const char *const wrong[] = {
        "",
        "h",
        "nats:h",
        "nats://",
        "NATS://h",
        "tls://h",
        "nats://h:",
        "nats://h:0",
        "nats://h:65536",
        "nats://h:1x",
        "nats://h/path",
        "nats://u@h",
        "nats://:p@h",
        "nats://u:@h",
        "nats://[::1",
        "nats://[]:1",
        "nats://:1",
        "nats://h h",
        "nats://h?x",
    };
    char why[OPTIONS_ERROR_MAX];

    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++) {
        struct publish_server s;

        assert_int_equal(publish_server_take(right[i].url, &s, why), 0);
        assert_string_equal(s.host, right[i].host);
        assert_int_equal(s.port, right[i].port);
        assert_string_equal(s.user, right[i].user);
        assert_string_equal(s.password, right[i].password);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct publish_server s = { .port = 7 };

        assert_int_equal(publish_server_take(wrong[i], &s, why), -EINVAL);
        assert_int_equal(s.port, 7);
        assert_non_null(strstr(why, "takes nats://"));
    }
    assert_int_equal(publish_server_take("nats://u:secret@h:x", &(struct publish_server){ 0 }, why), -EINVAL);
    assert_null(strstr(why, "secret"));
}

#define TRACE "0123456789abcdef0123456789abcdef"

static void test_id(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "-",
        TRACE,
        TRACE "-",
        TRACE "-x",
        TRACE "-1x",
        TRACE "--1",
        TRACE "-+1",
        TRACE "- 1",
        TRACE "0-1",
        TRACE "-18446744073709551616",
        "0123456789ABCDEF0123456789abcdef-1",
        "\x1b[2J56789abcdef0123456789abcdef-1",
    };
    struct publish_id id = { .n = UINT64_MAX }, again;
    char text[PUBLISH_ID_MAX];

    strcpy(id.trace, TRACE);
    publish_id_text(&id, text);
    assert_string_equal(text, TRACE "-18446744073709551615");
    assert_true(publish_id_take(text, &again));
    assert_string_equal(again.trace, TRACE);
    assert_int_equal(again.n, UINT64_MAX);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(publish_id_take(wrong[i], &id));
}

static void test_subject(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "tcplens",
        "tcplens.",
        "tcplens.h",
        "tcplens.h.",
        "tcplens..end",
        "tcplens.h.end.x",
        "other.h.end",
        "tcplens.\x1b[2J.end",
        "tcplens.h.\xc2\x9b",
        "tcplens.*.end",
        "tcplens.h.>",
        "tcplens.h.123456789012345678901234567890ab",
        "tcplens.1234567890123456789012345678901234567890123456789012345678901234.end",
    };
    static const struct {
        const char *line, *subject;
    } made[] = {
        { "{\"record\":\"state\",\"n\":1}", "tcplens.h.state" },
        { "{\"record\":\"x\r\nPUB y 0\r\n\"}", "tcplens.h.other" }, /* what would be commands */
        { "{\"record\":\"a.>\"}", "tcplens.h.other" },
        { "{\"record\":\"\"}", "tcplens.h.other" },
        { "{\"record\":\"state", "tcplens.h.other" },
        { "{\"record\":\"abcdefghijklmnopqrstuvwxyzabcdefghijkl\"}", "tcplens.h.other" },
        { "", "tcplens.h.other" },
    };
    struct publish_subject s;
    char text[PUBLISH_SUBJECT_MAX];
    char name[] = "a.b c*>\x1b\xc2\x9b~";

    assert_true(publish_subject_take("tcplens.host-1_a.header", &s));
    assert_string_equal(s.host, "host-1_a");
    assert_string_equal(s.kind, "header");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(publish_subject_take(wrong[i], &s));
    for (size_t i = 0; i < sizeof(made) / sizeof(*made); i++) {
        publish_subject_text("h", made[i].line, strlen(made[i].line), text);
        assert_string_equal(text, made[i].subject);
        assert_true(publish_subject_take(text, &s));
    }
    publish_host_word(name);
    assert_string_equal(name, "a_b_c_____~");
}

static void test_line(void **state)
{
    (void)state;
    static const char *const wrong[] = { "", "{", "}", "[]", "{}\n", "{\n}", "{\x1b}", "{\x7f}", "{\xc2\x9b}", " {}" };
    char long_one[WRITER_LINE_MAX + 1];

    assert_true(publish_is_line("{}", 2));
    assert_false(publish_is_line("{\0}", 3));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(publish_is_line(wrong[i], strlen(wrong[i])));
    memset(long_one, ' ', sizeof(long_one));
    long_one[0] = '{';
    long_one[WRITER_LINE_MAX - 2] = '}';
    assert_true(publish_is_line(long_one, WRITER_LINE_MAX - 1)); /* and a newline */
    long_one[WRITER_LINE_MAX - 2] = ' ';
    long_one[WRITER_LINE_MAX - 1] = '}';
    assert_false(publish_is_line(long_one, WRITER_LINE_MAX));
}

static uint64_t missing_of(const uint64_t *numbers, size_t count)
{
    struct publish_numbers seen = { 0 };

    for (size_t i = 0; i < count; i++)
        (void)publish_numbers_take(&seen, numbers[i]);
    return publish_numbers_missing(&seen);
}

static void test_numbers(void **state)
{
    (void)state;
    enum { FAR = 3 * PUBLISH_NUMBERS_BEHIND };
    struct publish_numbers seen = { 0 };

#define MISSING(...)                                                                                                   \
    missing_of((const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))
    assert_int_equal(MISSING(0, 1, 2), 0);
    assert_int_equal(MISSING(0, 2, 3, 1), 0);
    assert_int_equal(MISSING(0, 1, 1, 3), 1);
    assert_int_equal(MISSING(2, 2, 2), 2);
    assert_int_equal(MISSING(0, FAR, 0, FAR), FAR - 1);
    assert_int_equal(MISSING(0, PUBLISH_NUMBERS_BEHIND - 1, 1), PUBLISH_NUMBERS_BEHIND - 3);
    assert_int_equal(MISSING(0, UINT64_MAX), 0);
#undef MISSING
    /* one that is another's in the window */
    for (uint64_t n = 0; n < FAR; n++) {
        assert_true(publish_numbers_take(&seen, n));
        assert_false(publish_numbers_take(&seen, n));
    }
    assert_false(publish_numbers_take(&seen, 0));
    assert_int_equal(publish_numbers_missing(&seen), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ring),    cmocka_unit_test(test_full),    cmocka_unit_test(test_begins_anew),
        cmocka_unit_test(test_folder),  cmocka_unit_test(test_server),  cmocka_unit_test(test_queue),
        cmocka_unit_test(test_id),      cmocka_unit_test(test_subject), cmocka_unit_test(test_line),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
