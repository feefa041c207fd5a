/* Any bytes as what a browser sends: to the server as it is, but for its thread, which would have to be waited for. TOKEN and
 * PORT in the input stand for the real ones, which no input can guess. Who has not got the token gets neither the page nor the
 * trace; nor does anyone whose head is not whole, or has a zero in it. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcplens/sink/http.h"
#include "tcplens/sink/http_door.h"

#define PAGE "the page, which is secret"
#define LINE "{\"record\":\"end\",\"n\":1,\"secret\":true}\n"
#define REPLY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http *http;
static char token[64];
static unsigned port;

static void begin(void)
{
    if (http_open(NULL, 0, PAGE, sizeof(PAGE) - 1, 4096, &http) < 0)
        abort();
    if (sscanf(http_url(http), "http://127.0.0.1:%u/?token=%63s", &port, token) != 2)
        abort();
    http_write(http, LINE, sizeof(LINE) - 1, 1);
    http_finish(http); /* so that every answer has an end */
}

static void put(char *to, size_t *at, size_t room, const void *from, size_t len)
{
    if (len > room - *at)
        len = room - *at;
    memcpy(to + *at, from, len);
    *at += len;
}

/* The input with the names replaced. */
static size_t compose(const uint8_t *data, size_t size, char *to, size_t room)
{
    char number[8];
    size_t at = 0;

    snprintf(number, sizeof(number), "%u", port);
    for (size_t i = 0; i < size;) {
        if (size - i >= 5 && memcmp(data + i, "TOKEN", 5) == 0) {
            put(to, &at, room, token, strlen(token));
            i += 5;
        } else if (size - i >= 4 && memcmp(data + i, "PORT", 4) == 0) {
            put(to, &at, room, number, strlen(number));
            i += 4;
        } else {
            put(to, &at, room, data + i++, 1);
        }
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char request[16384], reply[REPLY_MAX];
    size_t len, got = 0;
    int ends[2];
    ssize_t n;

    if (!http)
        begin();
    len = compose(data, size, request, sizeof(request));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        abort();
    if (send(ends[0], request, len, MSG_NOSIGNAL) != (ssize_t)len)
        abort();
    shutdown(ends[0], SHUT_WR);
    if (http_answer(http, ends[1]) < 0)
        abort(); /* it does not end */
    while (got < sizeof(reply) && (n = recv(ends[0], reply + got, sizeof(reply) - got, 0)) > 0)
        got += (size_t)n;
    close(ends[0]);
    if (got && memcmp(reply, "HTTP/1.", got < 7 ? got : 7) != 0)
        abort();
    if (memmem(reply, got, "secret", 6) &&
        (!memmem(request, len, token, strlen(token)) || http_head_look(request, len) != HTTP_HEAD_WHOLE))
        abort();
    return 0;
}
