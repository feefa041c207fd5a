/* Who gets what from the live server: real sockets on loopback, port 0, deadlines instead of sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_browser.h"
#include "tcplens/base/limits.h"
#include "tcplens/sink/http.h"

#define TOKEN_LEN 32

static void test_open(void **state)
{
    (void)state;
    struct http *http = NULL, *other = NULL;
    char url[128];

    assert_int_equal(http_open("localhost", 0, PAGE, strlen(PAGE), 0, &http), -EINVAL);
    assert_int_equal(http_open("256.0.0.1", 0, PAGE, strlen(PAGE), 0, &http), -EINVAL);
    assert_int_equal(http_open("192.0.2.1", 0, PAGE, strlen(PAGE), 0, &http), -EADDRNOTAVAIL);
    assert_null(http);
    assert_int_equal(http_open("127.0.0.1", 0, PAGE, strlen(PAGE), 0, &http), 0);
    assert_true(server_port(http) > 0);
    assert_int_equal(strlen(server_token(http)), TOKEN_LEN);
    assert_int_equal(strspn(server_token(http), "0123456789abcdef"), TOKEN_LEN);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/?token=%s", server_port(http), server_token(http));
    assert_string_equal(http_url(http), url);
    assert_int_equal(http_open(NULL, server_port(http), PAGE, strlen(PAGE), 0, &other), -EADDRINUSE);
    assert_null(other);

    /* All of it works without a thread, too. */
    server_write(http, 0, 10);
    http_flush(http);
    assert_int_equal(http_open(NULL, 0, PAGE, strlen(PAGE), 0, &other), 0);
    assert_string_not_equal(server_token(http), server_token(other));
    assert_null(http_close(http));
    assert_null(http_close(other));
    assert_null(http_close(NULL));
}

static void test_connection_before_start(void **state)
{
    (void)state;
    struct http *http;
    struct browser b;

    assert_int_equal(http_open(NULL, 0, PAGE, strlen(PAGE), 0, &http), 0);
    browser_get(&b, http, "/?token=", "");
    assert_int_equal(http_start(http), 0);
    browser_receive_all(&b);
    assert_int_equal(browser_status(&b), 200);
    browser_close(&b);
    http_close(http);
}

static void test_page(void **state)
{
    (void)state;
    static const char *const fields[] = { "Content-Type: text/html; charset=utf-8\r\n",
                                          "X-Content-Type-Options: nosniff\r\n",
                                          "Referrer-Policy: no-referrer\r\n",
                                          "Cache-Control: no-store\r\n",
                                          "Cross-Origin-Resource-Policy: same-origin\r\n",
                                          "Content-Security-Policy: frame-ancestors 'none'\r\n" };
    struct http *http = server_start(0);
    struct browser b;

    browser_get(&b, http, "/?token=", "");
    browser_receive_all(&b);
    assert_int_equal(browser_status(&b), 200);
    assert_string_equal(b.body, PAGE);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        assert_non_null(strstr(b.head, fields[i]));
    browser_close(&b);
    http_close(http);
}

static void test_token(void **state)
{
    (void)state;
    struct http *http = server_start(0);
    struct browser b;
    char wrong[16][128];
    const char *right = server_token(http);
    size_t n = 0;
    static const char *const paths[] = { "/", "/events", "/trace" };

    for (size_t i = 0; i < 3; i++) {
        snprintf(wrong[n++], sizeof(wrong[0]), "%s", paths[i]);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?token", paths[i]);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?tokens=%s", paths[i], right);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?token=%sx", paths[i], right);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?token=%.31s%c", paths[i], right, right[31] == '0' ? '1' : '0');
    }
    server_write(http, 0, 3);
    http_finish(http);
    for (size_t i = 0; i < n; i++) {
        browser_get(&b, http, wrong[i], "");
        browser_receive_all(&b);
        assert_int_equal(browser_status(&b), 403);
        assert_non_null(strstr(b.head, "Content-Type: text/plain"));
        assert_non_null(strstr(b.head, "X-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(b.body, "URL that tcplens printed"));
        assert_null(strstr(b.body, right));
        browser_close(&b);
    }
    http_close(http);
}

static void test_host(void **state)
{
    (void)state;
    static const struct {
        const char *host; /* "%u": the port */
        int status;
    } cases[] = {
        { "127.0.0.1:%u", 200 },
        { "localhost:%u", 200 },
        { "LocalHost:%u", 200 },
        { "[::1]:%u", 200 },
        { "127.0.0.1", 403 },
        { "localhost", 403 },
        { "localhost:1", 403 },
        { "localhost:%u0", 403 },
        { "localhost.:%u", 403 },
        { "localhost.evil.example:%u", 403 },
        { "evil.example:%u", 403 },
        { "127.0.0.2:%u", 403 },
        { "127.0.0.1:%u.evil.example", 403 },
        { "192.0.2.1:%u", 403 },
        { "::1:%u", 403 },
        { ":%u", 403 },
        { "", 403 },
    };
    struct http *http = server_start(0);
    struct browser b;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char host[128];
        const char *percent = strstr(cases[i].host, "%u");
        if (percent)
            snprintf(host, sizeof(host), "%.*s%u%s", (int)(percent - cases[i].host), cases[i].host, server_port(http),
                     percent + 2);
        else
            snprintf(host, sizeof(host), "%s", cases[i].host);
        browser_dial(&b, http, 0);
        browser_ask(&b, http, "GET", "/?token=", host, "");
        browser_receive_all(&b);
        if (browser_status(&b) != cases[i].status)
            fail_msg("Host: %s gives %d", host, browser_status(&b));
        browser_close(&b);
    }
    for (int minor = 0; minor < 2; minor++) {
        char text[128];
        browser_dial(&b, http, 0);
        snprintf(text, sizeof(text), "GET /?token=%s HTTP/1.%d\r\n\r\n", server_token(http), minor);
        browser_send(&b, text);
        browser_receive_all(&b);
        assert_non_null(strstr(b.head, " 403 "));
        browser_close(&b);
    }
    http_close(http);
}

/* Bound to the wildcard, the URL leads to loopback and the Host may be the address that was dialled. */
static void test_wildcard(void **state)
{
    (void)state;
    struct http *http;
    struct browser b;
    char host[64];
    struct sockaddr_in to = { .sin_family = AF_INET };

    assert_int_equal(http_open("0.0.0.0", 0, PAGE, strlen(PAGE), 0, &http), 0);
    assert_int_equal(http_start(http), 0);
    assert_memory_equal(http_url(http), "http://127.0.0.1:", 17);
    for (int right = 0; right < 2; right++) {
        b = (struct browser){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
        to.sin_port = htons(server_port(http));
        inet_pton(AF_INET, "127.0.0.9", &to.sin_addr);
        assert_int_equal(connect(b.fd, (struct sockaddr *)&to, sizeof(to)), 0);
        snprintf(host, sizeof(host), "127.0.0.%d:%u", right ? 9 : 8, server_port(http));
        browser_ask(&b, http, "GET", "/?token=", host, "");
        browser_receive_all(&b);
        assert_int_equal(browser_status(&b), right ? 200 : 403);
        browser_close(&b);
    }
    http_close(http);
}

static void test_ipv6(void **state)
{
    (void)state;
    struct http *http;
    struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct browser b = { 0 };
    char host[64];
    int r = http_open("::1", 0, PAGE, strlen(PAGE), 0, &http);

    if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT) {
        print_message("this host has no IPv6\n");
        skip();
    }
    assert_int_equal(r, 0);
    assert_int_equal(http_start(http), 0);
    assert_memory_equal(http_url(http), "http://[::1]:", 13);
    to.sin6_port = htons(server_port(http));
    b.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(b.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    snprintf(host, sizeof(host), "[::1]:%u", server_port(http));
    browser_ask(&b, http, "GET", "/?token=", host, "");
    browser_receive_all(&b);
    assert_int_equal(browser_status(&b), 200);
    assert_string_equal(b.body, PAGE);
    browser_close(&b);
    http_close(http);
}

static void test_methods_and_paths(void **state)
{
    (void)state;
    static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get" };
    static const char *const paths[] = {
        "/nothing", "//", "/events/", "/trace.ndjson", "/../etc/passwd", "*", "/http://evil.example/"
    };
    struct http *http = server_start(0);
    struct browser b;

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        browser_dial(&b, http, 0);
        browser_ask(&b, http, methods[i], "/?token=", NULL, "Content-Length: 0\r\n");
        browser_receive_all(&b);
        assert_int_equal(browser_status(&b), 405);
        assert_non_null(strstr(b.head, "Allow: GET, HEAD\r\n"));
        browser_close(&b);
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        browser_get(&b, http, paths[i], "");
        browser_receive_all(&b);
        assert_int_equal(browser_status(&b), 404);
        browser_close(&b);
    }
    http_close(http);
}

/* What a request of its own words is answered with. */
static int status_of(struct http *http, const char *request)
{
    struct browser b;
    int status;

    browser_dial(&b, http, 0);
    browser_send(&b, request);
    browser_receive_all(&b);
    status = browser_status(&b);
    browser_close(&b);
    return status;
}

static void test_forms(void **state)
{
    (void)state;
    /* %u: the port, %s: the token */
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 200 },
        { "GET http://127.0.0.1:%1$u/?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 200 },
        { "GET HTTP://localhost:%1$u/trace?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 200 },
        /* of two, the one in the URL is meant */
        { "GET http://localhost:%1$u/?token=%2$s HTTP/1.1\r\nHost: evil.example\r\n\r\n", 200 },
        { "GET http://evil.example/?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 403 },
        { "GET http://127.0.0.1:%1$u@evil.example/?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 403 },
        { "GET http:///?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 403 },
        { "GET http://127.0.0.1:%1$u/none?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 404 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nHost: evil.example\r\n\r\n", 400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nhost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        /* and of two lengths of a body, which of them a proxy went by */
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nContent-Length: 0\r\n\r\n", 200 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\ncontent-length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nContent-Length: 5\r\n"
          "Transfer-Encoding: chunked\r\n\r\n",
          400 },
        { "GET /?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\nTransfer-Encoding: chunked\r\n"
          "Content-Length: 0\r\n\r\n",
          400 },
        /* behind a zero nobody would look */
        { "GET /?token=%2$s%%00x HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token=%2$s%%00 HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /%%00x?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /files%%00x?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET http://127.0.0.1:%1$u%%00.evil/?token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token%%00y=%2$s&token=%2$s HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token=%2$s&x=%%0a HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token=%2$s&x=%%7F HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 400 },
        { "GET /?token=%2$s&x=%%0z%%2500%%e4 HTTP/1.1\r\nHost: 127.0.0.1:%1$u\r\n\r\n", 200 },
    };
    struct http *http = server_start(0);
    char request[512];

    server_write(http, 0, 3);
    http_finish(http);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(request, sizeof(request), cases[i].request, server_port(http), server_token(http));
#pragma GCC diagnostic pop
        if (status_of(http, request) != cases[i].status)
            fail_msg("not %d: %s", cases[i].status, request);
    }
    http_close(http);
}

static void test_head(void **state)
{
    (void)state;
    static const char *const paths[] = { "/?token=", "/events?token=", "/trace?token=" };
    struct http *http = server_start(0);
    struct browser b;

    server_write(http, 0, 100);
    http_flush(http);
    for (size_t i = 0; i < 3; i++) {
        browser_dial(&b, http, 0);
        browser_ask(&b, http, "HEAD", paths[i], NULL, "");
        browser_receive_all(&b);
        assert_int_equal(browser_status(&b), 200);
        assert_null(b.body);
        browser_close(&b);
    }
    browser_dial(&b, http, 0);
    browser_ask(&b, http, "HEAD", "/", NULL, "");
    browser_receive_all(&b);
    assert_int_equal(browser_status(&b), 403);
    browser_close(&b);
    http_close(http);
}

static void test_client_limit(void **state)
{
    (void)state;
    struct http *http = server_start(0);
    struct browser b[LIMIT_BROWSERS], extra;

    server_write(http, 0, 5);
    http_flush(http);
    for (size_t i = 0; i < LIMIT_BROWSERS; i++) {
        browser_get(&b[i], http, "/events?token=", "");
        browser_receive_until(&b[i], "{\"n\":5,");
    }
    browser_get(&extra, http, "/events?token=", "");
    browser_receive_all(&extra);
    assert_int_equal(browser_status(&extra), 503);
    browser_close(&extra);
    browser_get(&extra, http, "/?token=", "");
    browser_receive_all(&extra);
    assert_int_equal(browser_status(&extra), 200);
    browser_close(&extra);

    /* Its place is free again once the server has found out, which takes something to send. */
    browser_close(&b[7]);
    int64_t deadline = now_ms() + DEADLINE_MS;
    int status = 503;
    for (uint64_t n = 6; status == 503; n++) {
        assert_true(now_ms() < deadline);
        server_write(http, n, n);
        http_flush(http);
        browser_get(&extra, http, "/events?token=", "");
        browser_receive_head(&extra);
        status = browser_status(&extra);
        browser_close(&extra);
    }
    assert_int_equal(status, 200);
    for (size_t i = 0; i < LIMIT_BROWSERS; i++)
        if (i != 7)
            browser_close(&b[i]);
    http_close(http);
}

static void test_close_with_clients(void **state)
{
    (void)state;
    struct http *http = server_start(0);
    struct browser idle, behind, half;

    server_write(http, 0, 5);
    http_flush(http);
    browser_get(&idle, http, "/events?token=", "");
    browser_receive_until(&idle, "{\"n\":5,");
    browser_dial(&behind, http, 4096);
    browser_ask(&behind, http, "GET", "/events?token=", NULL, "");
    browser_dial(&half, http, 0);
    browser_send(&half, "GET /ev");
    server_write(http, 6, 20000);
    http_flush(http);
    http_close(http);
    browser_receive_all(&idle); /* ends */
    browser_receive_all(&behind);
    browser_receive_all(&half);
    assert_true(idle.closed && behind.closed && half.closed);
    browser_close(&idle);
    browser_close(&behind);
    browser_close(&half);
}

/* Nothing of the server survives exec(), and no signal meant for others lands in its thread. */
static void test_descriptors_and_signals(void **state)
{
    (void)state;
    struct http *http = server_start(0);
    struct browser b;
    struct dirent *entry;
    int inherited = 0, threads = 0;

    server_write(http, 0, 0);
    http_flush(http);
    browser_get(&b, http, "/events?token=", "");
    browser_receive_until(&b, "id: 0\n");
    DIR *fds = opendir("/proc/self/fd");
    assert_non_null(fds);
    while ((entry = readdir(fds))) {
        int fd = atoi(entry->d_name);
        if (fd > 2 && fd != dirfd(fds) && !(fcntl(fd, F_GETFD) & FD_CLOEXEC)) {
            char path[300], target[256] = "";
            snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
            /* What the shell or make gave this test is not the server's. */
            if (readlink(path, target, sizeof(target) - 1) > 0 &&
                (strstr(target, "socket:") || strstr(target, "anon_inode:")))
                inherited++;
        }
    }
    closedir(fds);
    assert_int_equal(inherited, 0);

    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    while ((entry = readdir(tasks))) {
        char path[300], line[256];
        unsigned long long blocked;
        if (entry->d_name[0] == '.' || atoi(entry->d_name) == (int)getpid())
            continue;
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
        FILE *status = fopen(path, "re");
        assert_non_null(status);
        while (fgets(line, sizeof(line), status))
            if (sscanf(line, "SigBlk: %llx", &blocked) == 1 && (blocked & 1 << (15 - 1)) && (blocked & 1 << (2 - 1)))
                threads++;
        fclose(status);
    }
    closedir(tasks);
    assert_true(threads >= 1);
    browser_close(&b);
    http_close(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_connection_before_start),
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_token),
        cmocka_unit_test(test_host),
        cmocka_unit_test(test_wildcard),
        cmocka_unit_test(test_ipv6),
        cmocka_unit_test(test_methods_and_paths),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_client_limit),
        cmocka_unit_test(test_close_with_clients),
        cmocka_unit_test(test_descriptors_and_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
