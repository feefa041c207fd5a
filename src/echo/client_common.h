/*
 * client_common.h - what the two ways of using the client share: messages, and typed lines.
 */
#ifndef ECHO_CLIENT_COMMON_H
#define ECHO_CLIENT_COMMON_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "socket.h"

enum {
    CLIENT_CHUNK_SIZE = 16 * 1024,         /* bytes read at once */
    CLIENT_MESSAGE_MAX = 64 * 1024 * 1024, /* bytes of one message */
    CLIENT_HEARTBEAT_MAX_MS = 3600000,
    CLIENT_HEARTBEAT_MISSES_MAX = 10,
};

/* How a client learns that the server's program is alive, which keep-alive of TCP cannot tell. */
struct client_heartbeat {
    int interval_ms; /* 0: none */
    int misses;      /* so many without an answer, and the client gives up */
};

struct client_config {
    const char *host, *message, *greeting;
    long port, count, size, interval_ms, hold_ms, connections;
    long timeout_ms; /* without progress; 0: for ever */
    struct client_heartbeat heartbeat;
    struct socket_keepalive keepalive;
    int fault;                  /* enum client_fault */
    bool one_each, one_for_all; /* --short, --long */
    bool half_close, verbose;
};

enum client_fault { CLIENT_FAULT_NONE, CLIENT_FAULT_NO_HTONS };

/* Prints one line on stderr; returns -1, which every caller passes on. */
int client_failed(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * With --verbose, tells a step: before it is taken if the server will notice it, after it if it is
 * something noticed. So the lines of both, in one pipe, stand in order of cause and effect.
 */
void client_step(const struct client_config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Milliseconds of the monotonic clock. */
int64_t client_now_ms(void);

/*
 * poll(2) that goes on after a signal. deadline_ms: on the clock above; -1 is never.
 * Returns 0 (the time is over), 1 (something is ready), or -1 (the error is printed).
 */
int client_wait(struct pollfd *fds, nfds_t n, int64_t deadline_ms);

#endif
