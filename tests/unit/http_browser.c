#include "http_browser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

uint16_t server_port(const struct http *http)
{
    unsigned port;
    const char *colon = strrchr(http_url(http), ':');

    assert_int_equal(sscanf(colon, ":%u/", &port), 1);
    return (uint16_t)port;
}

const char *server_token(const struct http *http)
{
    return strstr(http_url(http), "token=") + strlen("token=");
}

void browser_dial(struct browser *b, const struct http *http, int receive_buffer)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(server_port(http)) };

    *b = (struct browser){ 0 };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    b->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(b->fd >= 0);
    if (receive_buffer)
        assert_int_equal(setsockopt(b->fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer)), 0);
    assert_int_equal(connect(b->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

void browser_send(struct browser *b, const char *text)
{
    size_t len = strlen(text);

    assert_int_equal(send(b->fd, text, len, MSG_NOSIGNAL), len);
}

void browser_close(struct browser *b)
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
    case BROWSER_HEAD:
        assert_true(b->head_len + 1 < sizeof(b->head));
        b->head[b->head_len++] = byte;
        b->head[b->head_len] = 0;
        if (b->head_len > 4 && !strcmp(b->head + b->head_len - 4, "\r\n\r\n"))
            b->phase = strcasestr(b->head, "transfer-encoding: chunked") ? BROWSER_CHUNK_SIZE : BROWSER_PLAIN;
        break;
    case BROWSER_PLAIN: take_body(b, byte); break;
    case BROWSER_CHUNK_SIZE:
        if (byte == '\n')
            b->phase = b->chunk ? BROWSER_CHUNK : BROWSER_LAST_CHUNK;
        else if (byte != '\r')
            b->chunk = b->chunk * 16 + (size_t)(byte <= '9' ? byte - '0' : (byte | 0x20) - 'a' + 10);
        break;
    case BROWSER_CHUNK:
        take_body(b, byte);
        if (!--b->chunk)
            b->phase = BROWSER_CHUNK_END;
        break;
    case BROWSER_CHUNK_END:
        if (byte == '\n')
            b->phase = BROWSER_CHUNK_SIZE;
        break;
    case BROWSER_LAST_CHUNK: b->complete = true; break;
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

void browser_receive_all(struct browser *b)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (receive(b, deadline))
        ;
}

void browser_receive_until(struct browser *b, const char *text)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (!b->body || !strstr(b->body, text))
        if (!receive(b, deadline))
            fail_msg("closed before \"%s\"; so far: %s%s", text, b->head, b->body ? b->body : "");
}

void browser_receive_head(struct browser *b)
{
    int64_t deadline = now_ms() + DEADLINE_MS;

    while (b->phase == BROWSER_HEAD)
        assert_true(receive(b, deadline));
}

int browser_status(const struct browser *b)
{
    int status;

    assert_int_equal(sscanf(b->head, "HTTP/1.1 %d", &status), 1);
    return status;
}

void browser_ask(struct browser *b, const struct http *http, const char *method, const char *path, const char *host,
                 const char *fields)
{
    char text[2048], right[64];
    size_t len = strlen(path);
    bool token = len >= 6 && !strcmp(path + len - 6, "token=");

    snprintf(right, sizeof(right), "127.0.0.1:%u", server_port(http));
    snprintf(text, sizeof(text), "%s %s%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", method, path,
             token ? server_token(http) : "", host ? host : right, fields);
    browser_send(b, text);
}

void browser_get(struct browser *b, const struct http *http, const char *path, const char *fields)
{
    browser_dial(b, http, 0);
    browser_ask(b, http, "GET", path, NULL, fields);
}

struct http *server_start(size_t history)
{
    struct http *http;

    assert_int_equal(http_open(NULL, 0, PAGE, strlen(PAGE), history, &http), 0);
    assert_int_equal(http_start(http), 0);
    return http;
}

size_t server_line(char *buf, size_t size, uint64_t n)
{
    return (size_t)snprintf(buf, size, "{\"n\":%" PRIu64 ",\"text\":\"%.*s\"}\n", n, (int)(n % 200),
                            "....................................................................................."
                            "....................................................................................."
                            "..............................");
}

void server_write(struct http *http, uint64_t first, uint64_t last)
{
    char line[512];

    for (uint64_t n = first; n <= last; n++)
        http_write(http, line, server_line(line, sizeof(line), n), n);
}

struct told browser_check_events(const struct browser *b, uint64_t first)
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
            size_t len = server_line(line, sizeof(line), next);
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
