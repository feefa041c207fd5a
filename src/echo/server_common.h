/*
 * server_common.h - what the server models share: the configuration, the listening socket, accept(), the report.
 *
 * A model is one file server_NAME.c and one row in models.def.
 */
#ifndef ECHO_SERVER_COMMON_H
#define ECHO_SERVER_COMMON_H

#include <stdbool.h>

#include "socket.h"

enum fault {
    FAULT_NONE,
#define FAULT(name, word, model, description) FAULT_##name,
#include "faults.def"
#undef FAULT
};

struct server_config {
    const char *model;
    const char *bind;     /* numeric address */
    const char *greeting; /* NULL: plain echo */
    long port;            /* 0: any */
    long backlog;
    long max_connections;
    long close_delay_ms; /* between reading end of file and close() */
    long timeout_ms;     /* without progress on a connection; 0: for ever */
    struct socket_keepalive keepalive;
    int fault; /* enum fault */
    bool edge;
    bool verbose;
};

/* The demo and the comparison wait for these beginnings of a line of the server's report. */
#define SERVER_LINE_LISTENING "listening on "
#define SERVER_LINE_CLOSE "server: close() "

/* How long a server that lacks descriptors or memory waits, unless a connection ends before, milliseconds. */
enum { SERVER_RETRY_MS = 1000 };

/*
 * Opens the listening socket (blocking, close-on-exec) and tells on stdout that it listens.
 * Returns 0 or -errno, the error printed. The caller closes the socket.
 */
int server_listen(const struct server_config *config, int *ret_fd) __attribute__((warn_unused_result));

/*
 * accept4() of one client. flags: SOCK_NONBLOCK, or 0. peer: SOCKET_TEXT_MAX bytes, its address in words.
 * Returns its socket, closed on exec and with the keep-alive asked for, or
 *   -EAGAIN  none: no one is waiting, a signal came, or that client has failed already
 *   -EMFILE  no descriptor or memory for it: it stays in the accept queue, and another try at once would be a busy loop
 *   other    the server cannot go on; the error is printed
 */
int server_accept(const struct server_config *config, int listener, int flags, char *peer)
    __attribute__((warn_unused_result));

/* Tells once, not for every client, that there is no room; reason: what is short. */
void server_shortage(const char *reason, long connections);

/* SIGTERM and SIGINT as a readable descriptor: no handler, no race. Returns 0 or -errno. */
int server_open_signals(int *ret_fd) __attribute__((warn_unused_result));

/*
 * With --verbose, prints "server: ..." on stdout: one step of the server. It is told before it is
 * taken if the client will notice it (write, close), after it if it is something noticed.
 */
void server_step(const struct server_config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells that a connection is about to be closed. reason: NULL if it ended as it should. */
void server_step_close(const struct server_config *config, const char *peer, unsigned long long echoed,
                       const char *reason);

/*
 * Makes the kernel acknowledge the FIN now. It may hold the ACK back, hoping to send it along with our own FIN, and
 * whoever asks for --close-delay wants to see the two apart.
 */
void server_quick_ack(int fd);

/* Prints "tcplens-echo server: cannot ACTION: REASON" on stderr; returns -error. */
int server_failed(int error, const char *action);

#endif
