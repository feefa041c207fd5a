/* Any bytes as what a browser sends: to the server as it is, over loopback. TOKEN and PORT in the input stand for the
 * real ones, which no input can guess. Who has not got the token gets neither the page nor the trace. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcplens/sink/http.h"

#define PAGE "the page, which is secret"
#define LINE "{\"record\":\"end\",\"n\":1,\"secret\":true}\n"
#define REPLY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct http *http;
static char token[64];
static unsigned port;

static void begin(void)
{
    if (http_open(NULL, 0, PAGE, sizeof(PAGE) - 1, 4096, &http) < 0 || http_start(http) < 0)
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
    const struct timeval patience = { .tv_sec = 5 };
    struct sockaddr_in to = { .sin_family = AF_INET };
    size_t len, got = 0;
    ssize_t n;
    int fd;

    if (!http)
        begin();
    len = compose(data, size, request, sizeof(request));
    to.sin_port = htons((uint16_t)port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        abort(); /* it does not answer any more */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (send(fd, request, len, MSG_NOSIGNAL) >= 0)
        shutdown(fd, SHUT_WR);
    while (got < sizeof(reply) && (n = recv(fd, reply + got, sizeof(reply) - got, 0)) > 0)
        got += (size_t)n;
    close(fd);
    if (got && memcmp(reply, "HTTP/1.", got < 7 ? got : 7) != 0)
        abort();
    if (memmem(reply, got, "secret", 6) && !memmem(request, len, token, strlen(token)))
        abort();
    return 0;
}
