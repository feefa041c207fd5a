/* The live server as a browser meets it: real sockets on loopback, port 0, deadlines instead of sleeps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/sink/http.h"

#define DEADLINE_MS 60000
#define TOKEN_LEN 32
#define PAGE "<!doctype html><title>page</title>\n"

/* --- A browser --- */

enum phase { HEAD, PLAIN, CHUNK_SIZE, CHUNK, CHUNK_END, LAST_CHUNK };

struct browser {
    int fd;
    enum phase phase;
    char head[4096]; /* status line and header fields, with the empty line */
    size_t head_len;
    char *body;
    size_t len, size;
    size_t chunk; /* bytes left of it */
    bool closed, complete;
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint16_t port_of(const struct http *http)
{
    unsigned port;
    const char *colon = strrchr(http_url(http), ':');

    assert_int_equal(sscanf(colon, ":%u/", &port), 1);
    return (uint16_t)port;
}

static const char *token_of(const struct http *http)
{
    return strstr(http_url(http), "token=") + strlen("token=");
}

static void dial(struct browser *b, const struct http *http, int receive_buffer)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port_of(http)) };

    *b = (struct browser){ 0 };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(b->fd >= 0);
    if (receive_buffer)
        assert_int_equal(setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer)), 0);
    assert_int_equal(connect(b->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static void send_text(struct browser *b, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(b->fd, text, len, MSG_NOSIGNAL), len);
}

static void hang_up(struct browser *b)
{
    close(b->fd);
    free(b->body);
    *b = (struct browser){ .fd = -1 };
}

static void take_body(struct browser *b, char byte)
{
    if (b->len + 1 >= b->size) {
        b->size = b->size ? 2 * b->size : 4096;
        b->body = realloc(b->body, b->size);
        assert_non_null(b->body);
    }
    b->body[b->len++] = byte;
    b->body[b->len] = 0;
}

static void take(struct browser *b, char byte)
{
    switch (b->phase) {
    case HEAD:
        assert_true(b->head_len + 1 < sizeof(b->head));
        b->head[b->head_len++] = byte;
        b->head[b->head_len] = 0;
        if (b->head_len > 4 && !strcmp(b->head + b->head_len - 4, "\r\n\r\n"))
            b->phase = strcasestr(b->head, "transfer-encoding: chunked") ? CHUNK_SIZE : PLAIN;
        break;
    case PLAIN: take_body(b, byte); break;
    case CHUNK_SIZE:
        if (byte == '\n')
            b->phase = b->chunk ? CHUNK : LAST_CHUNK;
        else if (byte != '\r')
            b->chunk = b->chunk * 16 + (size_t)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
        break;
    case CHUNK:
        take_body(b, byte);
        if (!--b->chunk)
            b->phase = CHUNK_END;
        break;
    case CHUNK_END:
        if (byte == '\n')
            b->phase = CHUNK_SIZE;
        break;
    case LAST_CHUNK: b->complete = true; break;
    }
}

/* Receives what is there or comes until the deadline. Returns false at the end of the connection. */
static bool receive(struct browser *b, int64_t deadline)
{
    static char buf[65536];
    struct pollfd p = { .fd = b->fd, .events = POLLIN };
    int64_t left = deadline - now_ms();

    assert_true(left > 0);
    if (poll(&p, 1, (int)left) == 0)
        fail_msg("nothing came before the deadline; so far: %s%s", b->head, b->body ? b->body : "");
    ssize_t got = recv(b->fd, buf, sizeof(buf), 0);
    if (got <= 0) {
        b->closed = true;
        return false;
    }
    for (ssize_t i = 0; i < got; i++)
        take(b, buf[i]);
    return true;
}

static void receive_all(struct browser *b)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (receive(b, deadline))
        ;
}

static void receive_until(struct browser *b, const char *text)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (!b->body || !strstr(b->body, text))
        if (!receive(b, deadline))
            fail_msg("closed before \"%s\"; so far: %s%s", text, b->head, b->body ? b->body : "");
}

static void receive_head(struct browser *b)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (b->phase == HEAD)
        assert_true(receive(b, deadline));
}

static int status_of(const struct browser *b)
{
    int status;

    assert_int_equal(sscanf(b->head, "HTTP/1.1 %d", &status), 1);
    return status;
}

/* path: token is appended to it if it ends in "token=". fields: with "\r\n" each. host NULL: the right one. */
static void ask(struct browser *b, const struct http *http, const char *method, const char *path, const char *host,
                const char *fields)
{
    char text[2048], right[64];
    size_t len = strlen(path);
    bool token = len >= 6 && !strcmp(path + len - 6, "token=");

    snprintf(right, sizeof(right), "127.0.0.1:%u", port_of(http));
    snprintf(text, sizeof(text), "%s %s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path, token ? token_of(http) : "",
             host ? host : right, fields);
    send_text(b, text);
}

static void get(struct browser *b, const struct http *http, const char *path, const char *fields)
{
    dial(b, http, 0);
    ask(b, http, "GET", path, NULL, fields);
}

/* --- A server --- */

static struct http *serve(size_t history)
{
    struct http *http;

    assert_int_equal(http_open(NULL, 0, PAGE, strlen(PAGE), history, &http), 0);
    assert_int_equal(http_start(http), 0);
    return http;
}

static size_t line_of(char *buf, size_t size, uint64_t n)
{
    return (size_t)snprintf(buf, size, "{\"n\":%" PRIu64 ",\"text\":\"%.*s\"}\n", n, (int)(n % 200),
                            "....................................................................................."
                            "....................................................................................."
                            "..............................");
}

static void write_lines(struct http *http, uint64_t first, uint64_t last)
{
    char line[512];

    for (uint64_t n = first; n <= last; n++)
        http_write(http, line, line_of(line, sizeof(line), n), n);
}

/* What a stream of events told. */
struct told {
    uint64_t messages, lines, gaps, lost, last_id, largest;
    bool end;
};

/* Checks every event of a body: form, ids, the text of each line, that every record is told or said to be lost. */
static struct told check_events(const struct browser *b, uint64_t first)
{
    struct told t = { 0 };
    uint64_t next = first, id = 0, in_message = 0;
    char line[512];
    enum { NONE, MESSAGE, GAP, END } kind = NONE;

    assert_non_null(b->body);
    for (const char *at = b->body, *newline; (newline = strchr(at, '\n')); at = newline + 1) {
        unsigned long long value;

        if (newline == at) {
            if (kind == MESSAGE) {
                assert_true(in_message >= 1);
                assert_int_equal(id, next - 1);
                t.last_id = id;
                t.messages++;
                t.largest = in_message > t.largest ? in_message : t.largest;
            }
            kind = NONE;
        } else if (kind == NONE && sscanf(at, "id: %llu\n", &value) == 1) {
            kind = MESSAGE;
            id = value;
            in_message = 0;
        } else if (kind == NONE && !strncmp(at, "event: gap\n", 11)) {
            kind = GAP;
        } else if (kind == NONE && !strncmp(at, "event: end\n", 11)) {
            kind = END;
        } else if (kind == MESSAGE) {
            size_t len = line_of(line, sizeof(line), next);
            assert_memory_equal(at, "data: ", 6);
            assert_int_equal(newline + 1 - (at + 6), len);
            assert_memory_equal(at + 6, line, len);
            next++;
            in_message++;
            t.lines++;
        } else if (kind == GAP) {
            assert_int_equal(sscanf(at, "data: {\"lost\":%llu}\n", &value), 1);
            assert_true(value > 0);
            t.gaps++;
            t.lost += value;
            next += value;
        } else if (kind == END) {
            assert_memory_equal(at, "data: {}\n", 9);
            t.end = true;
        } else {
            assert_memory_equal(at, ": \n", 3); /* heartbeat */
        }
        assert_true(!t.end || kind == END || kind == NONE);
    }
    assert_int_equal(kind, NONE);
    return t;
}

/* --- Tests --- */

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
    assert_true(port_of(http) > 0);
    assert_int_equal(strlen(token_of(http)), TOKEN_LEN);
    assert_int_equal(strspn(token_of(http), "0123456789abcdef"), TOKEN_LEN);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/?token=%s", port_of(http), token_of(http));
    assert_string_equal(http_url(http), url);
    assert_int_equal(http_open(NULL, port_of(http), PAGE, strlen(PAGE), 0, &other), -EADDRINUSE);
    assert_null(other);

    /* All of it works without a thread, too. */
    write_lines(http, 0, 10);
    http_flush(http);
    assert_int_equal(http_open(NULL, 0, PAGE, strlen(PAGE), 0, &other), 0);
    assert_string_not_equal(token_of(http), token_of(other));
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
    get(&b, http, "/?token=", "");
    assert_int_equal(http_start(http), 0);
    receive_all(&b);
    assert_int_equal(status_of(&b), 200);
    hang_up(&b);
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
    struct http *http = serve(0);
    struct browser b;

    get(&b, http, "/?token=", "");
    receive_all(&b);
    assert_int_equal(status_of(&b), 200);
    assert_string_equal(b.body, PAGE);
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        assert_non_null(strstr(b.head, fields[i]));
    hang_up(&b);
    http_close(http);
}

static void test_token(void **state)
{
    (void)state;
    struct http *http = serve(0);
    struct browser b;
    char wrong[16][128];
    const char *right = token_of(http);
    size_t n = 0;
    static const char *const paths[] = { "/", "/events", "/trace" };

    for (size_t i = 0; i < 3; i++) {
        snprintf(wrong[n++], sizeof(wrong[0]), "%s", paths[i]);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?token", paths[i]);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?tokens=%s", paths[i], right);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?token=%sx", paths[i], right);
        snprintf(wrong[n++], sizeof(wrong[0]), "%s?token=%.31s%c", paths[i], right, right[31] == '0' ? '1' : '0');
    }
    write_lines(http, 0, 3);
    http_finish(http);
    for (size_t i = 0; i < n; i++) {
        get(&b, http, wrong[i], "");
        receive_all(&b);
        assert_int_equal(status_of(&b), 403);
        assert_non_null(strstr(b.head, "Content-Type: text/plain"));
        assert_non_null(strstr(b.head, "X-Content-Type-Options: nosniff\r\n"));
        assert_non_null(strstr(b.body, "URL that tcplens printed"));
        assert_null(strstr(b.body, right));
        hang_up(&b);
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
    struct http *http = serve(0);
    struct browser b;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char host[128];
        const char *percent = strstr(cases[i].host, "%u");
        if (percent)
            snprintf(host, sizeof(host), "%.*s%u%s", (int)(percent - cases[i].host), cases[i].host, port_of(http),
                     percent + 2);
        else
            snprintf(host, sizeof(host), "%s", cases[i].host);
        dial(&b, http, 0);
        ask(&b, http, "GET", "/?token=", host, "");
        receive_all(&b);
        if (status_of(&b) != cases[i].status)
            fail_msg("Host: %s gives %d", host, status_of(&b));
        hang_up(&b);
    }
    for (int minor = 0; minor < 2; minor++) {
        char text[128];
        dial(&b, http, 0);
        snprintf(text, sizeof(text), "GET /?token=%s HTTP/1.%d\r\n\r\n", token_of(http), minor);
        send_text(&b, text);
        receive_all(&b);
        assert_non_null(strstr(b.head, " 403 "));
        hang_up(&b);
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
        to.sin_port = htons(port_of(http));
        inet_pton(AF_INET, "127.0.0.9", &to.sin_addr);
        assert_int_equal(connect(b.fd, (struct sockaddr *)&to, sizeof(to)), 0);
        snprintf(host, sizeof(host), "127.0.0.%d:%u", right ? 9 : 8, port_of(http));
        ask(&b, http, "GET", "/?token=", host, "");
        receive_all(&b);
        assert_int_equal(status_of(&b), right ? 200 : 403);
        hang_up(&b);
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
    to.sin6_port = htons(port_of(http));
    b.fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(b.fd, (struct sockaddr *)&to, sizeof(to)), 0);
    snprintf(host, sizeof(host), "[::1]:%u", port_of(http));
    ask(&b, http, "GET", "/?token=", host, "");
    receive_all(&b);
    assert_int_equal(status_of(&b), 200);
    assert_string_equal(b.body, PAGE);
    hang_up(&b);
    http_close(http);
}

static void test_methods_and_paths(void **state)
{
    (void)state;
    static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get" };
    static const char *const paths[] = {
        "/nothing", "//", "/events/", "/trace.ndjson", "/../etc/passwd", "*", "http://evil.example/"
    };
    struct http *http = serve(0);
    struct browser b;

    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        dial(&b, http, 0);
        ask(&b, http, methods[i], "/?token=", NULL, "Content-Length: 0\r\n");
        receive_all(&b);
        assert_int_equal(status_of(&b), 405);
        assert_non_null(strstr(b.head, "Allow: GET, HEAD\r\n"));
        hang_up(&b);
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        get(&b, http, paths[i], "");
        receive_all(&b);
        assert_int_equal(status_of(&b), 404);
        hang_up(&b);
    }
    http_close(http);
}

static void test_head(void **state)
{
    (void)state;
    static const char *const paths[] = { "/?token=", "/events?token=", "/trace?token=" };
    struct http *http = serve(0);
    struct browser b;

    write_lines(http, 0, 100);
    http_flush(http);
    for (size_t i = 0; i < 3; i++) {
        dial(&b, http, 0);
        ask(&b, http, "HEAD", paths[i], NULL, "");
        receive_all(&b);
        assert_int_equal(status_of(&b), 200);
        assert_null(b.body);
        hang_up(&b);
    }
    dial(&b, http, 0);
    ask(&b, http, "HEAD", "/", NULL, "");
    receive_all(&b);
    assert_int_equal(status_of(&b), 403);
    hang_up(&b);
    http_close(http);
}

static void test_events(void **state)
{
    (void)state;
    struct http *http = serve(1 << 20);
    struct browser b, c;

    get(&b, http, "/events?token=", "");
    receive_head(&b); /* at once: the browser's `open` event says that it is connected */
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.head, "Content-Type: text/event-stream\r\n"));

    write_lines(http, 0, 0);
    http_flush(http);
    receive_until(&b, "id: 0\n");
    get(&c, http, "/events?token=", "");
    write_lines(http, 1, 1200);
    http_flush(http);
    receive_until(&b, "{\"n\":1200,");
    receive_until(&c, "{\"n\":1200,");
    write_lines(http, 1201, 1300);
    http_finish(http);
    receive_all(&b);
    receive_all(&c);
    assert_true(b.complete && c.complete);

    struct told t = check_events(&b, 0);
    assert_int_equal(t.lines, 1301);
    assert_int_equal(t.messages, 1 + 3 + 1); /* 500 + 500 + 200 of one flush */
    assert_int_equal(t.largest, 500);
    assert_int_equal(t.last_id, 1300);
    assert_int_equal(t.gaps, 0);
    assert_true(t.end);
    t = check_events(&c, 0);
    assert_int_equal(t.lines, 1301);
    assert_true(t.end && !t.gaps);
    hang_up(&b);
    hang_up(&c);
    http_close(http);
}

static void test_late_client(void **state)
{
    (void)state;
    struct http *http = serve(1 << 20);
    struct browser b;

    write_lines(http, 0, 2000);
    http_finish(http);
    for (int i = 0; i < 2; i++) {
        get(&b, http, "/events?token=", "");
        receive_all(&b);
        struct told t = check_events(&b, 0);
        assert_int_equal(t.lines, 2001);
        assert_true(t.end && b.complete);
        hang_up(&b);
    }
    get(&b, http, "/?token=", ""); /* the page is still there */
    receive_all(&b);
    assert_string_equal(b.body, PAGE);
    hang_up(&b);
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
    struct http *http = serve(1 << 20);
    struct browser b;

    write_lines(http, 0, 1000);
    http_finish(http);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        get(&b, http, cases[i].path, cases[i].fields);
        receive_all(&b);
        struct told t = check_events(&b, cases[i].first);
        assert_int_equal(t.lines, 1001 - cases[i].first);
        assert_true(t.end && !t.gaps);
        hang_up(&b);
    }
    http_close(http);
}

static void test_resume_after_dropped(void **state)
{
    (void)state;
    struct http *http = serve(16384);
    struct browser b;

    write_lines(http, 0, 1000);
    http_finish(http);
    get(&b, http, "/events?token=", "Last-Event-ID: 100\r\n");
    receive_all(&b);
    struct told t = check_events(&b, 101);
    assert_int_equal(t.gaps, 1);
    assert_int_equal(t.lines + t.lost, 900);
    hang_up(&b);

    /* A new one gets the header before it is told of the gap. */
    get(&b, http, "/events?token=", "");
    receive_all(&b);
    t = check_events(&b, 0);
    assert_memory_equal(b.body, "id: 0\ndata: {\"n\":0,", 19);
    assert_int_equal(t.gaps, 1);
    assert_int_equal(t.lines + t.lost, 1001);
    hang_up(&b);
    http_close(http);
}

/* Nobody reads, and the writer goes on; what the ring dropped meanwhile is told when somebody does. */
static void test_slow_client(void **state)
{
    (void)state;
    struct http *http = serve(65536);
    struct browser slow, quick;
    uint64_t last = 200000; /* 24 MB: far more than ring, buffers of both sockets and message hold */

    dial(&slow, http, 4096);
    ask(&slow, http, "GET", "/events?token=", NULL, "");
    write_lines(http, 0, 10);
    http_flush(http);
    receive_until(&slow, "{\"n\":10,");
    for (uint64_t n = 11; n <= last; n += 1000) {
        write_lines(http, n, n + 999 < last ? n + 999 : last);
        http_flush(http);
    }
    http_finish(http);
    get(&quick, http, "/events?token=", "");
    receive_all(&quick);
    receive_all(&slow);
    struct told t = check_events(&slow, 0);
    assert_true(t.gaps >= 1);
    assert_int_equal(t.lines + t.lost, last + 1);
    assert_true(t.end && slow.complete);
    t = check_events(&quick, 0);
    assert_int_equal(t.lines + t.lost, last + 1);
    assert_true(t.end && quick.complete);
    hang_up(&slow);
    hang_up(&quick);
    http_close(http);
}

static void test_trace(void **state)
{
    (void)state;
    struct http *http = serve(1 << 20);
    struct browser b;
    char *expected = malloc(1 << 20);
    size_t len = 0;

    assert_non_null(expected);
    for (uint64_t n = 0; n <= 3000; n++)
        len += line_of(expected + len, 512, n);
    write_lines(http, 0, 3000);
    http_flush(http);
    get(&b, http, "/trace?token=", ""); /* ends, although the trace goes on */
    receive_all(&b);
    assert_true(b.complete);
    assert_non_null(strstr(b.head, "Content-Type: application/x-ndjson\r\n"));
    assert_non_null(strstr(b.head, "Content-Disposition: attachment; filename=\"trace.ndjson\"\r\n"));
    assert_int_equal(b.len, len);
    assert_memory_equal(b.body, expected, len);
    hang_up(&b);
    free(expected);
    http_close(http);
}

static void test_old_http(void **state)
{
    (void)state;
    struct http *http = serve(0);
    struct browser b;
    char text[256];

    write_lines(http, 0, 20);
    http_finish(http);
    dial(&b, http, 0);
    snprintf(text, sizeof(text), "GET /events?token=%s HTTP/1.0\r\nHost: 127.0.0.1:%u\r\n\r\n", token_of(http),
             port_of(http));
    send_text(&b, text);
    receive_all(&b);
    assert_int_equal(check_events(&b, 0).lines, 21);
    hang_up(&b);
    http_close(http);
}

static void test_client_limit(void **state)
{
    (void)state;
    struct http *http = serve(0);
    struct browser b[HTTP_CLIENT_MAX], extra;

    write_lines(http, 0, 5);
    http_flush(http);
    for (size_t i = 0; i < HTTP_CLIENT_MAX; i++) {
        get(&b[i], http, "/events?token=", "");
        receive_until(&b[i], "{\"n\":5,");
    }
    get(&extra, http, "/events?token=", "");
    receive_all(&extra);
    assert_int_equal(status_of(&extra), 503);
    hang_up(&extra);
    get(&extra, http, "/?token=", "");
    receive_all(&extra);
    assert_int_equal(status_of(&extra), 200);
    hang_up(&extra);

    /* Its place is free again once the server has found out, which takes something to send. */
    hang_up(&b[7]);
    int64_t deadline = now_ms() + DEADLINE_MS;
    int status = 503;
    for (uint64_t n = 6; status == 503; n++) {
        assert_true(now_ms() < deadline);
        write_lines(http, n, n);
        http_flush(http);
        get(&extra, http, "/events?token=", "");
        receive_head(&extra);
        status = status_of(&extra);
        hang_up(&extra);
    }
    assert_int_equal(status, 200);
    for (size_t i = 0; i < HTTP_CLIENT_MAX; i++)
        if (i != 7)
            hang_up(&b[i]);
    http_close(http);
}

static void test_endless_header(void **state)
{
    (void)state;
    struct http *http = serve(0);
    struct browser b;
    static char huge[200000];

    /* The server answers or closes, and takes no more than its limit. */
    dial(&b, http, 0);
    memset(huge, 'x', sizeof(huge) - 1);
    memcpy(huge, "GET / HTTP/1.1\r\nX: ", 19);
    (void)send(b.fd, huge, sizeof(huge) - 1, MSG_NOSIGNAL);
    receive_all(&b);
    assert_true(!b.head_len || status_of(&b) >= 400);
    hang_up(&b);
    get(&b, http, "/?token=", "");
    receive_all(&b);
    assert_int_equal(status_of(&b), 200);
    hang_up(&b);
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
    enum { SILENT = HTTP_CLIENT_MAX + 20 };
    static const char *const garbage[] = { "\r\n\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "GET\r\n\r\n",
                                           "GET / HTTP/9.9\r\n\r\n", "GET /%00?token=%00 HTTP/1.1\r\n\r\n" };
    enum { GARBAGE = sizeof(garbage) / sizeof(*garbage) };
    struct http *full = serve(0), *http = serve(0);
    struct browser silent[SILENT], waiting, trickle, quiet, odd[GARBAGE];

    /* More silent connections than the server takes at once: later ones wait, and get through. */
    for (size_t i = 0; i < SILENT; i++)
        dial(&silent[i], full, 0);
    get(&waiting, full, "/?token=", "");

    write_lines(http, 0, 0);
    http_flush(http);
    get(&quiet, http, "/events?token=", "");
    receive_until(&quiet, "id: 0\n");
    for (size_t i = 0; i < GARBAGE; i++) {
        dial(&odd[i], http, 0);
        send_text(&odd[i], garbage[i]);
        shutdown(odd[i].fd, SHUT_WR);
    }
    dial(&trickle, http, 0);
    send_text(&trickle, "GET / HTTP/1.1\r\nX: ");

    trickle_until_closed(&trickle);
    hang_up(&trickle);
    for (size_t i = 0; i < GARBAGE; i++) {
        receive_all(&odd[i]);
        assert_true(!odd[i].head_len || !strstr(odd[i].head, " 200 "));
        hang_up(&odd[i]);
    }
    receive_until(&quiet, ": \n\n"); /* the heartbeat */
    hang_up(&quiet);
    receive_all(&waiting);
    assert_int_equal(status_of(&waiting), 200);
    hang_up(&waiting);
    for (size_t i = 0; i < SILENT; i++)
        hang_up(&silent[i]);
    http_close(full);
    http_close(http);
}

static void test_close_with_clients(void **state)
{
    (void)state;
    struct http *http = serve(0);
    struct browser idle, behind, half;

    write_lines(http, 0, 5);
    http_flush(http);
    get(&idle, http, "/events?token=", "");
    receive_until(&idle, "{\"n\":5,");
    dial(&behind, http, 4096);
    ask(&behind, http, "GET", "/events?token=", NULL, "");
    dial(&half, http, 0);
    send_text(&half, "GET /ev");
    write_lines(http, 6, 20000);
    http_flush(http);
    http_close(http);
    receive_all(&idle); /* ends */
    receive_all(&behind);
    receive_all(&half);
    assert_true(idle.closed && behind.closed && half.closed);
    hang_up(&idle);
    hang_up(&behind);
    hang_up(&half);
}

struct writer {
    struct http *http;
    uint64_t last;
};

static void *write_all(void *arg)
{
    struct writer *w = arg;

    for (uint64_t n = 1; n <= w->last; n++) {
        write_lines(w->http, n, n);
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
    struct http *http = serve(1 << 18);
    struct writer w = { .http = http, .last = 50000 };
    struct browser b[4], passer;
    pthread_t thread;

    write_lines(http, 0, 0);
    http_flush(http);
    for (size_t i = 0; i < 4; i++)
        get(&b[i], http, "/events?token=", "");
    assert_int_equal(pthread_create(&thread, NULL, write_all, &w), 0);
    for (int i = 0; i < 10; i++) {
        get(&passer, http, i % 2 ? "/events?token=" : "/trace?token=", i % 4 == 1 ? "Last-Event-ID: 20000\r\n" : "");
        receive_head(&passer);
        hang_up(&passer);
    }
    for (size_t i = 0; i < 4; i++) {
        receive_all(&b[i]);
        struct told t = check_events(&b[i], 0);
        assert_int_equal(t.lines + t.lost, w.last + 1);
        assert_true(t.end);
        hang_up(&b[i]);
    }
    pthread_join(thread, NULL);
    http_close(http);
}

/* Nothing of the server survives exec(), and no signal meant for others lands in its thread. */
static void test_descriptors_and_signals(void **state)
{
    (void)state;
    struct http *http = serve(0);
    struct browser b;
    struct dirent *entry;
    int inherited = 0, threads = 0;

    write_lines(http, 0, 0);
    http_flush(http);
    get(&b, http, "/events?token=", "");
    receive_until(&b, "id: 0\n");
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
    hang_up(&b);
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
        cmocka_unit_test(test_head),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_late_client),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_after_dropped),
        cmocka_unit_test(test_slow_client),
        cmocka_unit_test(test_trace),
        cmocka_unit_test(test_old_http),
        cmocka_unit_test(test_client_limit),
        cmocka_unit_test(test_endless_header),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_close_with_clients),
        cmocka_unit_test(test_writer_and_readers),
        cmocka_unit_test(test_descriptors_and_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
