/* TCP's state machine (RFC 9293 3.3.2, figure 5, and 3.10) as data: the one place where a state is changed. */
#ifndef TCPLENS_TCP_FSM_H
#define TCPLENS_TCP_FSM_H

#include <stdbool.h>

/* X(id, name): the states, named as RFC 9293 writes them. UNKNOWN: nothing seen yet of an end that existed before the trace. */
#define TCP_STATES(X)                                                                                                  \
    X(UNKNOWN, "UNKNOWN")                                                                                              \
    X(CLOSED, "CLOSED")                                                                                                \
    X(LISTEN, "LISTEN")                                                                                                \
    X(SYN_SENT, "SYN-SENT")                                                                                            \
    X(SYN_RECEIVED, "SYN-RECEIVED")                                                                                    \
    X(ESTABLISHED, "ESTABLISHED")                                                                                      \
    X(FIN_WAIT_1, "FIN-WAIT-1")                                                                                        \
    X(FIN_WAIT_2, "FIN-WAIT-2")                                                                                        \
    X(CLOSE_WAIT, "CLOSE-WAIT")                                                                                        \
    X(CLOSING, "CLOSING")                                                                                              \
    X(LAST_ACK, "LAST-ACK")                                                                                            \
    X(TIME_WAIT, "TIME-WAIT")

#define TCP_STATE_ENUM(id, name) TCP_STATE_##id,
enum tcp_state { TCP_STATES(TCP_STATE_ENUM) TCP_STATE_N };
#undef TCP_STATE_ENUM

/* What can happen to one end. SND: it sent the segment; RCV: it accepted it. A segment that does two things (FIN that
 * also acknowledges our FIN) is two inputs, acknowledgment first, as RFC 9293 3.10.7.4 processes it. */
enum tcp_input {
    TCP_INPUT_PASSIVE_OPEN,   /* listen() */
    TCP_INPUT_SND_SYN,        /* connect() */
    TCP_INPUT_SND_SYN_ACK,    /* answers a SYN: RFC's "rcv SYN / snd SYN,ACK" */
    TCP_INPUT_RCV_SYN,        /* without ACK, while SYN-SENT: simultaneous open */
    TCP_INPUT_RCV_SYN_ACK,    /* acknowledges our SYN */
    TCP_INPUT_RCV_ACK_OF_SYN, /* plain ACK of our SYN */
    TCP_INPUT_SND_FIN,        /* close() or shutdown(SHUT_WR) */
    TCP_INPUT_RCV_ACK_OF_FIN, /* everything we sent, FIN included, is acknowledged */
    TCP_INPUT_RCV_FIN,        /* in order */
    TCP_INPUT_SND_RST,        /* abort */
    TCP_INPUT_RCV_RST,        /* acceptable (RFC 9293 3.10.7.4: exactly RCV.NXT) */
    TCP_INPUT_CLOSE,          /* close() before anything was synchronised */
    TCP_INPUT_TIMEOUT,        /* user timeout, retries used up */
    TCP_INPUT_TIMEOUT_2MSL,
    TCP_INPUT_MIDSTREAM, /* a connection older than the trace: taken for synchronised */
    TCP_INPUT_N
};

/* One cell of the table. */
struct tcp_edge {
    enum tcp_state to; /* TCP_STATE_UNKNOWN (0): the input has no meaning in this state */
    const char *label; /* "event / action" as in figure 5; NULL where the figure draws no edge */
};

/* Takes *state through input. Returns the edge taken, or NULL where the input has no meaning in that state, which
 * leaves *state alone. An edge may lead back to the same state. */
const struct tcp_edge *tcp_fsm_step(enum tcp_state *state, enum tcp_input input);

/* The edge that leads from one state directly to another, or NULL; one that has a label is preferred. */
const struct tcp_edge *tcp_fsm_edge(enum tcp_state from, enum tcp_state to);

/* The cell itself, for tests and exporters; .to is TCP_STATE_UNKNOWN where empty. */
const struct tcp_edge *tcp_fsm_cell(enum tcp_state from, enum tcp_input input);

/* Names as RFC 9293 writes them ("FIN-WAIT-1"), "UNKNOWN" for TCP_STATE_UNKNOWN. */
const char *tcp_state_name(enum tcp_state state);
const char *tcp_input_name(enum tcp_input input);
/* Returns 0 or -EINVAL. */
int tcp_state_parse(const char *name, enum tcp_state *ret_state) __attribute__((warn_unused_result));

#endif
