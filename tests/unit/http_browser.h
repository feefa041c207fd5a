/* A browser made of a plain socket, and the server it talks to, for the tests of the HTTP sink. */
#ifndef TCPLENS_TESTS_HTTP_BROWSER_H
#define TCPLENS_TESTS_HTTP_BROWSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/sink/http.h"

#define DEADLINE_MS 60000
#define PAGE "<!doctype html><title>page</title>\n"

enum browser_phase {
    BROWSER_HEAD,
    BROWSER_PLAIN,
    BROWSER_CHUNK_SIZE,
    BROWSER_CHUNK,
    BROWSER_CHUNK_END,
    BROWSER_LAST_CHUNK
};

struct browser {
    int fd;
    enum browser_phase phase;
    char head[4096]; /* status line and header fields, with the empty line */
    size_t head_len;
    char *body;
    size_t len, size;
    size_t chunk; /* bytes left of it */
    bool closed, complete;
};

/* What a stream of events told. */
struct told {
    uint64_t messages, lines, gaps, lost, last_id, largest;
    bool end;
};

/* CLOCK_MONOTONIC, for deadlines. */

int64_t now_ms(void);

/* A server that runs on a port of its own. */
struct http *server_start(size_t history);
uint16_t server_port(const struct http *http);
const char *server_token(const struct http *http);
/* The line of record n: its length differs from those around it. Returns the length. */

size_t server_line(char *buf, size_t size, uint64_t n);
/* Writes the records first..last, without a flush. */
void server_write(struct http *http, uint64_t first, uint64_t last);

/* Connects. receive_buffer: SO_RCVBUF, 0 leaves it. */
void browser_dial(struct browser *b, const struct http *http, int receive_buffer);
void browser_send(struct browser *b, const char *text);

/* Sends a request. The token is appended to a path that ends in "token=". host NULL: the right one. fields: with
 * "\r\n" each. */
void browser_ask(struct browser *b, const struct http *http, const char *method, const char *path, const char *host,
                 const char *fields);
/* Connects and asks, as a browser would. */
void browser_get(struct browser *b, const struct http *http, const char *path, const char *fields);

/* These receive until the deadline, where the test fails: the header fields, a text in the body, the end. */
void browser_receive_head(struct browser *b);
void browser_receive_until(struct browser *b, const char *text);
void browser_receive_all(struct browser *b);

void browser_close(struct browser *b);
int browser_status(const struct browser *b);

/* Checks every event of a body: form, ids, the text of each line, that every record from first is told or said to be
 * lost. */
struct told browser_check_events(const struct browser *b, uint64_t first);

#endif
