/*
 * server_common.h - what the server models share: the configuration, the listening socket, the report.
 *
 * A model is one file server_NAME.c and one row in models.def.
 */
#ifndef ECHO_SERVER_COMMON_H
#define ECHO_SERVER_COMMON_H

#include <stdbool.h>

struct server_config {
    const char *model;
    const char *bind;     /* numeric address */
    const char *greeting; /* NULL: plain echo */
    long port;            /* 0: any */
    long backlog;
    long max_connections;
    long close_delay_ms; /* between reading end of file and close() */
    bool edge;
    bool verbose;
};

/* The demo waits for these beginnings of a line of the server's report. */
#define SERVER_LINE_LISTENING "listening on "
#define SERVER_LINE_CLOSE "server: close() "

/*
 * Opens the listening socket (blocking, close-on-exec) and tells on stdout that it listens.
 * Returns 0 or -errno, the error printed. The caller closes the socket.
 */
int server_listen(const struct server_config *config, int *ret_fd) __attribute__((warn_unused_result));

/*
 * With --verbose, prints "server: ..." on stdout: one step of the server. It is told before it is
 * taken if the client will notice it (write, close), after it if it is something noticed.
 */
void server_step(const struct server_config *config, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints "tcplens-echo server: cannot ACTION: REASON" on stderr; returns -error. */
int server_failed(int error, const char *action);

#endif
