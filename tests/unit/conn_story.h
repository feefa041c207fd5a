/* The story that tests of the kernel's witness tell parts of: a listener, a client, the child that is accepted, and a
 * close that leaves a minisock behind. Events stand in the order in which the kernel's hooks fire. */
#ifndef TCPLENS_TESTS_CONN_STORY_H
#define TCPLENS_TESTS_CONN_STORY_H

#include "conn_script.h"

static inline void listen_with(uint32_t backlog)
{
    listener(&s, LISTENER, CLOSED, LISTEN, backlog, SERVER_PID);
}

/* The server's half of a handshake: the SYN, its ACK and the accept queue, accept(). */
static inline void request_starts(void)
{
    queue(&s, EVENT_REQUEST_START, (struct depth){ LISTENER, .syn = 1, .backlog = 16 });
}

static inline void child_is_made(void)
{
    sock(&s, S, CHILD, LISTEN, SYN_RECEIVED, 0);
    queue(&s, EVENT_REQUEST_END, (struct depth){ LISTENER, .backlog = 16 });
    sock(&s, S, CHILD, SYN_RECEIVED, ESTABLISHED, 0);
    queue(&s, EVENT_ACCEPT_QUEUED, (struct depth){ LISTENER, .accept = 1, .backlog = 16 });
}

static inline void child_is_accepted(void)
{
    accept_call(&s, CHILD, (struct depth){ LISTENER, .backlog = 16 }, 3, 5, SERVER_PID);
}

static inline void open_both(void)
{
    listen_with(16);
    sock(&s, C, CLIENT, CLOSED, SYN_SENT, CLIENT_PID);
    request_starts();
    sock(&s, C, CLIENT, SYN_SENT, ESTABLISHED, 0);
    child_is_made();
    child_is_accepted();
}

/* The client closes while the server is silent: the minisock takes over in FIN-WAIT-2. */
static inline void client_closes_into_a_minisock(void)
{
    sock(&s, C, CLIENT, ESTABLISHED, FIN_WAIT_1, CLIENT_PID);
    sock(&s, S, CHILD, ESTABLISHED, CLOSE_WAIT, 0);
    sock(&s, C, CLIENT, FIN_WAIT_1, FIN_WAIT_2, 0);
    timewait(&s, EVENT_TIMEWAIT_START, C, CLIENT, FIN_WAIT_2, 60 * SECOND);
    sock(&s, C, CLIENT, FIN_WAIT_2, CLOSED, 0);
}

static inline void server_closes(void)
{
    sock(&s, S, CHILD, CLOSE_WAIT, LAST_ACK, SERVER_PID);
    timewait(&s, EVENT_TIMEWAIT_CHANGE, C, CLIENT, TIME_WAIT, 60 * SECOND);
    sock(&s, S, CHILD, LAST_ACK, CLOSED, 0);
}

#endif
