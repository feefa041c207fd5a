/*
 * connection.h - one connection of a server that serves all of them in one thread: its socket does
 * not block, and it is worked on when select(2), poll(2) or epoll(7) says that it is ready.
 *
 * Theory of operation
 *
 * A connection is in one of three phases, and waits for something else in each:
 *
 *   READING   nothing is left to send                           to be readable
 *   WRITING   a part of an answer did not go yet                to be writable
 *   CLOSING   end of file was read; waiting out --close-delay   for nothing
 *
 *      READING --answer went only in part--> WRITING --all of it sent--> READING --end of file--> CLOSING
 *
 * One buffer for all takes what read() brings, and the answer is written at once: a client that
 * takes its answers needs no memory. Only what did not go is kept, with its connection.
 *
 * It never reads while something is left to send. That is the whole of flow control: while a client
 * takes no answer we read nothing from it, our receive buffer in the kernel fills, the window we
 * advertise shrinks to zero, and the client's own send() stalls. Memory is bounded by
 * max_connections * CONNECTION_BUFFER_SIZE, whatever a client does.
 *
 * It also makes end of file simple. read() returns 0 when the peer's FIN has arrived and every
 * byte before it was read. As we read only when nothing is left to send, all of it is answered by
 * then, so a client that has shut down its sending half still gets its whole echo.
 *
 * What a connection does not wait for must not be asked for, or the server is woken at once, for
 * ever: a peer that has closed is "readable" for ever, an idle socket is "writable" for ever.
 *
 * Invariant: work on connection C frees at most C, so that pointers to others stay valid.
 */
#ifndef ECHO_CONNECTION_H
#define ECHO_CONNECTION_H

#include <stdint.h>
#include <sys/queue.h>

#include "answer.h"
#include "server_common.h"

/* Bytes read at once, and of answer that a connection may hold: no more than a processor keeps near. */
enum { CONNECTION_BUFFER_SIZE = 256 * 1024 };

enum connection_phase { READING, WRITING, CLOSING };

struct connection {
    TAILQ_ENTRY(connection) link; /* in clients.open, or in clients.closing once CLOSING */
    int fd;
    enum connection_phase phase;
    bool fin_seen;
    uint32_t watched;  /* epoll only: what it is asked for now */
    int64_t active_ms; /* when something was read or written last; with --timeout */
    int64_t close_at_ms;
    uint64_t echoed; /* bytes */
    struct answer_state answer;
    char *rest; /* of an answer, rest_start to rest_end still to send; NULL unless WRITING */
    size_t rest_start, rest_end;
    char peer[SOCKET_TEXT_MAX];
};
TAILQ_HEAD(connection_list, connection);

/* All clients of a server. */
struct clients {
    const struct server_config *config;
    long count;
    bool accepting; /* there is room for one more, as far as we know: the listener is to be watched */
    int64_t accept_again_ms;
    struct connection_list open;    /* who was active last is the last; kept so with --timeout only */
    struct connection_list closing; /* the delay is the same for all, so in order of close_at_ms */
    char *input, *output;           /* what one read() brought, its answer; used within one step only */
};

/* What a step led to. */
enum outcome {
    MORE, /* it did something; the next step may, too */
    WAIT, /* nothing to do until the socket is ready or its time has come */
    GONE, /* the connection was closed and freed */
};

/* Returns 0 or -errno, the error printed. clients_free() may follow either. */
int clients_init(struct clients *clients, const struct server_config *config) __attribute__((warn_unused_result));
/* Closes every connection. */
void clients_free(struct clients *clients);

/*
 * Takes one client from the accept queue. 0: *ret is its connection. -EAGAIN: there is none for now, or no room;
 * clients->accepting says which. Other: the server cannot go on, and the error is printed.
 */
int clients_accept(struct clients *clients, int listener, struct connection **ret) __attribute__((warn_unused_result));

/* No room: the listener is not to be watched, or it would be a busy loop, until a close() or a second's time. */
void clients_pause_accepting(struct clients *clients, const char *reason);

/* Does what is due, and returns how many milliseconds may pass until the next call; -1 is for ever. */
int clients_run_timers(struct clients *clients);

/* Works on a ready connection, at most `steps` times a read() and write(). */
enum outcome connection_work(struct clients *clients, struct connection *c, int steps);

/* The FIN has arrived (event: by which name that was told); bytes sent before it may still wait to be read. */
void connection_fin_arrived(struct clients *clients, struct connection *c, const char *event);

/* The connection is over in both directions, nothing can be sent any more: closes it. */
void connection_lost(struct clients *clients, struct connection *c);

/* Closes and frees it. reason: NULL if the connection ended as it should. Returns GONE. */
enum outcome connection_close(struct clients *clients, struct connection *c, const char *reason);

#endif
