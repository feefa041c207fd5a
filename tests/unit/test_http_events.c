/* The trace as browsers get it, while it is written and afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_browser.h"
#include "tcplens/sink/http.h"

static void test_events(void **state)
{
    (void)state;
    struct http *http = server_start(1 << 20);
    struct browser b, c;

    browser_get(&b, http, "/events?token=", "");
    browser_receive_head(&b); /* at once: the browser's `open` event says that it is connected */
    assert_int_equal(browser_status(&b), 200);
    assert_non_null(strstr(b.head, "Content-Type: text/event-stream\r\n"));

    server_write(http, 0, 0);
    http_flush(http);
    browser_receive_until(&b, "id: 0\n");
    browser_get(&c, http, "/events?token=", "");
    server_write(http, 1, 1200);
    http_flush(http);
    browser_receive_until(&b, "{\"n\":1200,");
    browser_receive_until(&c, "{\"n\":1200,");
    server_write(http, 1201, 1300);
    http_finish(http);
    browser_receive_all(&b);
    browser_receive_all(&c);
    assert_true(b.complete && c.complete);

    struct told t = browser_check_events(&b, 0);
    assert_int_equal(t.lines, 1301);
    assert_int_equal(t.messages, 1 + 3 + 1); /* 500 + 500 + 200 of one flush */
    assert_int_equal(t.largest, 500);
    assert_int_equal(t.last_id, 1300);
    assert_int_equal(t.gaps, 0);
    assert_true(t.end);
    t = browser_check_events(&c, 0);
    assert_int_equal(t.lines, 1301);
    assert_true(t.end && !t.gaps);
    browser_close(&b);
    browser_close(&c);
    http_close(http);
}

static void test_late_client(void **state)
{
    (void)state;
    struct http *http = server_start(1 << 20);
    struct browser b;

    server_write(http, 0, 2000);
    http_finish(http);
    for (int i = 0; i < 2; i++) {
        browser_get(&b, http, "/events?token=", "");
        browser_receive_all(&b);
        struct told t = browser_check_events(&b, 0);
        assert_int_equal(t.lines, 2001);
        assert_true(t.end && b.complete);
        browser_close(&b);
    }
    browser_get(&b, http, "/?token=", ""); /* the page is still there */
    browser_receive_all(&b);
    assert_string_equal(b.body, PAGE);
    browser_close(&b);
    http_close(http);
}

static void test_resume(void **state)
{
    (void)state;
    static const struct {
        const char *path, *fields;
        uint64_t first;
    } cases[] = {
        { "/events?token=", "Last-Event-ID: 700\r\n", 701 },
        { "/events?lastEventId=700&token=", "", 701 },
        { "/events?lastEventId=10&token=", "Last-Event-ID: 900\r\n", 901 },
        { "/events?token=", "Last-Event-ID: 0\r\n", 1 },
        { "/events?token=", "Last-Event-ID: 1000\r\n", 1001 },
        { "/events?token=", "Last-Event-ID: nonsense\r\n", 0 },
        { "/events?token=", "Last-Event-ID: -1\r\n", 0 },
    };
    struct http *http = server_start(1 << 20);
    struct browser b;

    server_write(http, 0, 1000);
    http_finish(http);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        browser_get(&b, http, cases[i].path, cases[i].fields);
        browser_receive_all(&b);
        struct told t = browser_check_events(&b, cases[i].first);
        assert_int_equal(t.lines, 1001 - cases[i].first);
        assert_true(t.end && !t.gaps);
        browser_close(&b);
    }
    http_close(http);
}

static void test_resume_after_dropped(void **state)
{
    (void)state;
    struct http *http = server_start(16384);
    struct browser b;

    server_write(http, 0, 1000);
    http_finish(http);
    browser_get(&b, http, "/events?token=", "Last-Event-ID: 100\r\n");
    browser_receive_all(&b);
    struct told t = browser_check_events(&b, 101);
    assert_int_equal(t.gaps, 1);
    assert_int_equal(t.lines + t.lost, 900);
    browser_close(&b);

    /* A new one gets the header before it is told of the gap. */
    browser_get(&b, http, "/events?token=", "");
    browser_receive_all(&b);
    t = browser_check_events(&b, 0);
    assert_memory_equal(b.body, "id: 0\ndata: {\"n\":0,", 19);
    assert_int_equal(t.gaps, 1);
    assert_int_equal(t.lines + t.lost, 1001);
    browser_close(&b);
    http_close(http);
}

/* Nobody reads, and the writer goes on; what the ring dropped meanwhile is told when somebody does. */
static void test_slow_client(void **state)
{
    (void)state;
    struct http *http = server_start(65536);
    struct browser slow, quick;
    uint64_t last = 200000; /* 24 MB: far more than ring, buffers of both sockets and message hold */

    browser_dial(&slow, http, 4096);
    browser_ask(&slow, http, "GET", "/events?token=", NULL, "");
    server_write(http, 0, 10);
    http_flush(http);
    browser_receive_until(&slow, "{\"n\":10,");
    for (uint64_t n = 11; n <= last; n += 1000) {
        server_write(http, n, n + 999 < last ? n + 999 : last);
        http_flush(http);
    }
    http_finish(http);
    browser_get(&quick, http, "/events?token=", "");
    browser_receive_all(&quick);
    browser_receive_all(&slow);
    struct told t = browser_check_events(&slow, 0);
    assert_true(t.gaps >= 1);
    assert_int_equal(t.lines + t.lost, last + 1);
    assert_true(t.end && slow.complete);
    t = browser_check_events(&quick, 0);
    assert_int_equal(t.lines + t.lost, last + 1);
    assert_true(t.end && quick.complete);
    browser_close(&slow);
    browser_close(&quick);
    http_close(http);
}

static void test_trace(void **state)
{
    (void)state;
    struct http *http = server_start(1 << 20);
    struct browser b;
    char *expected = malloc(1 << 20);
    size_t len = 0;

    assert_non_null(expected);
    for (uint64_t n = 0; n <= 3000; n++)
        len += server_line(expected + len, 512, n);
    server_write(http, 0, 3000);
    http_flush(http);
    browser_get(&b, http, "/trace?token=", ""); /* ends, although the trace goes on */
    browser_receive_all(&b);
    assert_true(b.complete);
    assert_non_null(strstr(b.head, "Content-Type: application/x-ndjson\r\n"));
    assert_non_null(strstr(b.head, "Content-Disposition: attachment; filename=\"trace.ndjson\"\r\n"));
    assert_int_equal(b.len, len);
    assert_memory_equal(b.body, expected, len);
    browser_close(&b);
    free(expected);
    http_close(http);
}

/* What the ring does not have any more is told, in a record of the trace. */
static void test_trace_with_a_gap(void **state)
{
    (void)state;
    static const char gap[] = "{\"record\":\"gap\",\"n\":%" SCNu64 ",\"t\":0,\"source\":\"kernel\",\"records\":%" SCNu64
                              ",\"lost\":0,\"from\":0,\"to\":0}";
    struct http *http = server_start(8192);
    struct browser b;
    uint64_t n, records;
    char line[512], *at;

    server_write(http, 0, 3000);
    http_flush(http);
    browser_get(&b, http, "/trace?token=", "");
    browser_receive_all(&b);
    at = b.body + server_line(line, sizeof(line), 0);
    assert_memory_equal(b.body, line, strlen(line));
    assert_int_equal(sscanf(at, gap, &n, &records), 2);
    assert_int_equal(n, records); /* 1 to n are not there */
    assert_true(n > 2000 && n < 3000);
    at = strchr(at, '\n') + 1;
    while (n++ < 3000) {
        size_t len = server_line(line, sizeof(line), n);

        assert_memory_equal(at, line, len);
        at += len;
    }
    assert_ptr_equal(at, b.body + b.len);
    browser_close(&b);
    http_close(http);
}

static void test_old_http(void **state)
{
    (void)state;
    struct http *http = server_start(0);
    struct browser b;
    char text[256];

    server_write(http, 0, 20);
    http_finish(http);
    browser_dial(&b, http, 0);
    snprintf(text, sizeof(text), "GET /events?token=%s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n\r\n", server_token(http),
             server_port(http));
    browser_send(&b, text);
    browser_receive_all(&b);
    assert_int_equal(browser_check_events(&b, 0).lines, 21);
    browser_close(&b);
    http_close(http);
}

struct writer {
    struct http *http;
    uint64_t last;
};

static void *write_all(void *arg)
{
    struct writer *w = arg;

    for (uint64_t n = 1; n <= w->last; n++) {
        server_write(w->http, n, n);
        if (n % 100 == 0)
            http_flush(w->http);
    }
    http_finish(w->http);
    return NULL;
}

/* Browsers come, read and leave while the trace is being written. */
static void test_writer_and_readers(void **state)
{
    (void)state;
    struct http *http = server_start(1 << 18);
    struct writer w = { .http = http, .last = 50000 };
    struct browser b[4], passer;
    pthread_t thread;

    server_write(http, 0, 0);
    http_flush(http);
    for (size_t i = 0; i < 4; i++)
        browser_get(&b[i], http, "/events?token=", "");
    assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
    for (int i = 0; i < 10; i++) {
        browser_get(&passer, http,
                    i % 2 ? "/events?token=" : "/trace?token=", i % 4 == 1 ? "Last-Event-ID: 20000\r\n" : "");
        browser_receive_head(&passer);
        browser_close(&passer);
    }
    for (size_t i = 0; i < 4; i++) {
        browser_receive_all(&b[i]);
        struct told t = browser_check_events(&b[i], 0);
        assert_int_equal(t.lines + t.lost, w.last + 1);
        assert_true(t.end);
        browser_close(&b[i]);
    }
    pthread_join(thread, NULL);
    http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_late_client),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_after_dropped),
        cmocka_unit_test(test_slow_client),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_trace_with_a_gap),
        cmocka_unit_test(test_old_http),
        cmocka_unit_test(test_writer_and_readers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
