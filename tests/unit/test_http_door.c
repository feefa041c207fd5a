/* Who waits for the rest of a request, for how long, and what is refused at the door: real sockets on loopback, port 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http_browser.h"
#include "tcplens/base/limits.h"
#include "tcplens/sink/http.h"
#include "tcplens/sink/http_door.h"

/* The status of what is sent in pieces of so many bytes. */
static int status_of_bytes(const struct http *http, const char *bytes, size_t len, size_t piece)
{
    struct browser b;
    int status;

    browser_dial(&b, http, 0);
    for (size_t at = 0; at < len; at += piece) {
        const size_t n = piece < len - at ? piece : len - at;

        assert_int_equal(send(b.fd, bytes + at, n, MSG_NOSIGNAL), n);
    }
    browser_receive_all(&b);
    status = browser_status(&b);
    browser_close(&b);
    return status;
}

/* A zero anywhere in the head, where a string would end; however the head arrives, and whatever is served. */
static void test_zero_bytes(void **state)
{
    (void)state;
    /* ~: zero; %1$u: the port, %2$s: the token */
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "\r\nGET /?token=%2$s HTTP/1.1\nHost: 127.0.0.1:%1$u\n\n", 200 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nContent-Length: 1\r\n\r\n~", 200 },
        { "GET /?token=%2$s~x HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token=%2$s~HTTP/1.1 HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /~x?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET~ /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u~.evil.com\r\n\r\n", 400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nHost~x: 1\r\n\r\n", 400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nX: y~\r\n\r\n", 400 },
    };
    struct http *http = server_start(0);
    char request[512];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        const size_t len =
            (size_t)snprintf(request, sizeof(request), cases[i].request, server_port(http), server_token(http));
#pragma GCC diagnostic pop
        for (char *p = request; (p = strchr(p, '~'));)
            *p = '\0';
        assert_int_equal(status_of_bytes(http, request, len, len), cases[i].status);
        assert_int_equal(status_of_bytes(http, request, len, 1), cases[i].status);
    }
    http_close(http);
}

static void test_head_look(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        enum http_head head;
    } cases[] = {
        { "", 0, HTTP_HEAD_HALF },           { "\r\n\r\n", 4, HTTP_HEAD_HALF }, /* empty lines before a request */
        { "\n\n\n", 3, HTTP_HEAD_HALF },     { "G\n", 2, HTTP_HEAD_HALF },
        { "G\n\r", 3, HTTP_HEAD_HALF },      { "G\n\0\n", 4, HTTP_HEAD_HALF },
        { "G\r\n\r\n", 5, HTTP_HEAD_WHOLE }, { "G\n\n", 3, HTTP_HEAD_WHOLE },
        { "\nG\r\n\n", 5, HTTP_HEAD_WHOLE }, { "G\nX: y\n\nz\0", 10, HTTP_HEAD_WHOLE }, /* behind it */
        { "G\0\n\n", 4, HTTP_HEAD_REFUSED }, { "G\n\0\r\n\r\n", 7, HTTP_HEAD_REFUSED },
    };
    static char endless[HTTP_HEAD_MAX];

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(http_head_look(cases[i].bytes, cases[i].len), cases[i].head);
    memset(endless, 'x', sizeof(endless));
    assert_int_equal(http_head_look(endless, sizeof(endless) - 1), HTTP_HEAD_HALF);
    assert_int_equal(http_head_look(endless, sizeof(endless)), HTTP_HEAD_REFUSED);
    memset(endless, '\n', sizeof(endless));
    assert_int_equal(http_head_look(endless, sizeof(endless)), HTTP_HEAD_REFUSED);
}

/* Begins requests and goes on with none, asks for the page now and then, and at the end; returns how many of the newest are open
 * once the others are closed, -1 where that took so long that their time may have been over. */
static int open_half_requests(unsigned count, unsigned newest)
{
    enum { PATIENCE_MS = 5000 };
    struct browser *half = calloc(count, sizeof(*half)), b;
    struct http *http = server_start(0);
    const int64_t begun = now_ms();
    int open = 0;

    assert_non_null(half);
    for (unsigned i = 0; i < count; i++) {
        browser_dial(&half[i], http, 0);
        browser_send(&half[i], "GET / HTTP/1.1\r\nX: ");
        /* of more, some find no room where they wait to be accepted, and are a second late */
        if (i % 25 && i < count - 1)
            continue;
        browser_get(&b, http, "/?token=", "");
        browser_receive_all(&b);
        assert_int_equal(browser_status(&b), 200);
        browser_close(&b);
    }
    for (unsigned i = 0; i < count - newest; i++)
        browser_receive_all(&half[i]);
    for (unsigned i = count - newest; i < count; i++)
        open += poll(&(struct pollfd){ .fd = half[i].fd, .events = POLLIN }, 1, 0) == 0;
    if (now_ms() - begun >= PATIENCE_MS)
        open = -1;
    for (unsigned i = 0; i < count; i++)
        browser_close(&half[i]);
    http_close(http);
    free(half);
    return open;
}

/* However many begin a request and do not go on, who asks for the page gets it; the oldest of them go, and 64 are left with the
 * one that asked last. */
static void test_half_requests(void **state)
{
    (void)state;
    enum { NEWEST = 64 - 1 };
    const int64_t deadline = now_ms() + DEADLINE_MS;
    cpu_set_t all, one;
    int open;

    /* handshakes that one processor makes are in order */
    assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    CPU_SET((unsigned)sched_getcpu(), &one);
    assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
    do {
        if (now_ms() >= deadline)
            fail_msg("the oldest were not ended before their time was over");
        open = open_half_requests(300, NEWEST);
    } while (open < 0);
    assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
    assert_int_equal(open, NEWEST);
}

static void test_endless_header(void **state)
{
    (void)state;
    struct http *http = server_start(0);
    struct browser b;
    static char huge[200000];

    /* The server answers or closes, and takes no more than its limit. */
    browser_dial(&b, http, 0);
    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
    (void)send(b.fd, huge, sizeof(huge) - 1, MSG_NOSIGNAL);
    browser_receive_all(&b);
    assert_true(!b.head_len || browser_status(&b) >= 400);
    browser_close(&b);
    browser_get(&b, http, "/?token=", "");
    browser_receive_all(&b);
    assert_int_equal(browser_status(&b), 200);
    browser_close(&b);
    http_close(http);
}

/* Sends a byte from time to time, so that the connection is never idle, until it is cut off. */
static void trickle_until_closed(struct browser *b)
{
    int64_t deadline = now_ms() + DEADLINE_MS;
    struct pollfd p = { .fd = b->fd, .events = POLLIN };
    char byte;

    while (poll(&p, 1, 200) == 0) {
        assert_true(now_ms() < deadline);
        if (send(b->fd, "x", 1, MSG_NOSIGNAL) < 0)
            return;
    }
    assert_true(recv(b->fd, &byte, 1, 0) <= 0);
}

/* What takes as long as the server is patient, so that all of it waits at once. */
static void test_patience(void **state)
{
    (void)state;
    enum { SILENT = LIMIT_BROWSERS + 20 };
    static const char *const garbage[] = { "\r\n\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "GET\r\n\r\n",
                                           "GET / HTTP/9.9\r\n\r\n", "GET /%00?token=%00 HTTP/1.1\r\n\r\n" };
    enum { GARBAGE = sizeof(garbage) / sizeof(*garbage) };
    struct http *full = server_start(0), *http = server_start(0);
    struct browser silent[SILENT], waiting, trickle, quiet, odd[GARBAGE];

    /* More silent connections than the server takes at once: later ones wait, and get through. */
    for (size_t i = 0; i < SILENT; i++)
        browser_dial(&silent[i], full, 0);
    browser_get(&waiting, full, "/?token=", "");

    server_write(http, 0, 0);
    http_flush(http);
    browser_get(&quiet, http, "/events?token=", "");
    browser_receive_until(&quiet, "id: 0\n");
    for (size_t i = 0; i < GARBAGE; i++) {
        browser_dial(&odd[i], http, 0);
        browser_send(&odd[i], garbage[i]);
        shutdown(odd[i].fd, SHUT_WR);
    }
    browser_dial(&trickle, http, 0);
    browser_send(&trickle, "GET / HTTP/1.1\r\nX: ");

    trickle_until_closed(&trickle);
    browser_close(&trickle);
    for (size_t i = 0; i < GARBAGE; i++) {
        browser_receive_all(&odd[i]);
        assert_true(!odd[i].head_len || !strstr(odd[i].head, " 200 "));
        browser_close(&odd[i]);
    }
    browser_receive_until(&quiet, ": \n\n"); /* the heartbeat */
    browser_close(&quiet);
    browser_receive_all(&waiting);
    assert_int_equal(browser_status(&waiting), 200);
    browser_close(&waiting);
    for (size_t i = 0; i < SILENT; i++)
        browser_close(&silent[i]);
    http_close(full);
    http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_bytes),     cmocka_unit_test(test_head_look), cmocka_unit_test(test_half_requests),
        cmocka_unit_test(test_endless_header), cmocka_unit_test(test_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
