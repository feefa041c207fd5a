/* The table below is RFC 9293's: figure 5 for the edges with a label, 3.10 for the ones the figure leaves out (RST and
 * timeouts lead to CLOSED from everywhere, a FIN may arrive in SYN-RECEIVED, simultaneous open). It is written from the
 * view of ONE connection: where the figure takes a listener back to LISTEN, the connection itself is CLOSED. */
#include "tcplens/tcp/fsm.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define ABORT                                                                                                          \
    [TCP_INPUT_SND_RST] = { TCP_STATE_CLOSED, NULL }, [TCP_INPUT_RCV_RST] = { TCP_STATE_CLOSED, NULL },                \
    [TCP_INPUT_TIMEOUT] = { TCP_STATE_CLOSED, NULL }

static const struct tcp_edge edges[TCP_STATE_N][TCP_INPUT_N] = {
    [TCP_STATE_UNKNOWN] = {
        [TCP_INPUT_PASSIVE_OPEN] = { TCP_STATE_LISTEN, NULL },
        [TCP_INPUT_SND_SYN] = { TCP_STATE_SYN_SENT, NULL },
        [TCP_INPUT_SND_SYN_ACK] = { TCP_STATE_SYN_RECEIVED, NULL },
        [TCP_INPUT_MIDSTREAM] = { TCP_STATE_ESTABLISHED, NULL },
        [TCP_INPUT_SND_RST] = { TCP_STATE_CLOSED, NULL },
        [TCP_INPUT_RCV_RST] = { TCP_STATE_CLOSED, NULL },
    },
    [TCP_STATE_CLOSED] = {
        [TCP_INPUT_PASSIVE_OPEN] = { TCP_STATE_LISTEN, "passive OPEN / create TCB" },
        [TCP_INPUT_SND_SYN] = { TCP_STATE_SYN_SENT, "active OPEN / create TCB, snd SYN" },
    },
    [TCP_STATE_LISTEN] = {
        [TCP_INPUT_SND_SYN] = { TCP_STATE_SYN_SENT, "SEND / snd SYN" },
        [TCP_INPUT_SND_SYN_ACK] = { TCP_STATE_SYN_RECEIVED, "rcv SYN / snd SYN,ACK" },
        [TCP_INPUT_CLOSE] = { TCP_STATE_CLOSED, "CLOSE / delete TCB" },
        [TCP_INPUT_SND_RST] = { TCP_STATE_CLOSED, NULL },
    },
    [TCP_STATE_SYN_SENT] = {
        [TCP_INPUT_SND_SYN] = { TCP_STATE_SYN_SENT, NULL },
        [TCP_INPUT_SND_SYN_ACK] = { TCP_STATE_SYN_RECEIVED, "rcv SYN / snd SYN,ACK" },
        [TCP_INPUT_RCV_SYN] = { TCP_STATE_SYN_RECEIVED, "rcv SYN / snd SYN,ACK" },
        [TCP_INPUT_RCV_SYN_ACK] = { TCP_STATE_ESTABLISHED, "rcv SYN,ACK / snd ACK" },
        [TCP_INPUT_CLOSE] = { TCP_STATE_CLOSED, "CLOSE / delete TCB" },
        ABORT,
    },
    [TCP_STATE_SYN_RECEIVED] = {
        [TCP_INPUT_SND_SYN_ACK] = { TCP_STATE_SYN_RECEIVED, NULL },
        [TCP_INPUT_RCV_SYN] = { TCP_STATE_SYN_RECEIVED, NULL },
        [TCP_INPUT_RCV_SYN_ACK] = { TCP_STATE_ESTABLISHED, "rcv ACK of SYN / x" },
        [TCP_INPUT_RCV_ACK_OF_SYN] = { TCP_STATE_ESTABLISHED, "rcv ACK of SYN / x" },
        [TCP_INPUT_SND_FIN] = { TCP_STATE_FIN_WAIT_1, "CLOSE / snd FIN" },
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_CLOSE_WAIT, NULL },
        ABORT,
    },
    [TCP_STATE_ESTABLISHED] = {
        [TCP_INPUT_SND_FIN] = { TCP_STATE_FIN_WAIT_1, "CLOSE / snd FIN" },
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_CLOSE_WAIT, "rcv FIN / snd ACK" },
        ABORT,
    },
    [TCP_STATE_FIN_WAIT_1] = {
        [TCP_INPUT_SND_FIN] = { TCP_STATE_FIN_WAIT_1, NULL },
        [TCP_INPUT_RCV_ACK_OF_FIN] = { TCP_STATE_FIN_WAIT_2, "rcv ACK of FIN / x" },
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_CLOSING, "rcv FIN / snd ACK" },
        ABORT,
    },
    [TCP_STATE_FIN_WAIT_2] = {
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_TIME_WAIT, "rcv FIN / snd ACK" },
        ABORT,
    },
    [TCP_STATE_CLOSE_WAIT] = {
        [TCP_INPUT_SND_FIN] = { TCP_STATE_LAST_ACK, "CLOSE / snd FIN" },
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_CLOSE_WAIT, NULL },
        ABORT,
    },
    [TCP_STATE_CLOSING] = {
        [TCP_INPUT_SND_FIN] = { TCP_STATE_CLOSING, NULL },
        [TCP_INPUT_RCV_ACK_OF_FIN] = { TCP_STATE_TIME_WAIT, "rcv ACK of FIN / x" },
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_CLOSING, NULL },
        ABORT,
    },
    [TCP_STATE_LAST_ACK] = {
        [TCP_INPUT_SND_FIN] = { TCP_STATE_LAST_ACK, NULL },
        [TCP_INPUT_RCV_ACK_OF_FIN] = { TCP_STATE_CLOSED, "rcv ACK of FIN / x" },
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_LAST_ACK, NULL },
        ABORT,
    },
    [TCP_STATE_TIME_WAIT] = {
        [TCP_INPUT_RCV_FIN] = { TCP_STATE_TIME_WAIT, NULL },
        [TCP_INPUT_TIMEOUT_2MSL] = { TCP_STATE_CLOSED, "Timeout=2MSL / delete TCB" },
        [TCP_INPUT_SND_RST] = { TCP_STATE_CLOSED, NULL },
        [TCP_INPUT_RCV_RST] = { TCP_STATE_CLOSED, NULL },
    },
};

#define STATE_NAME(id, name) [TCP_STATE_##id] = name,
static const char *const state_names[] = { TCP_STATES(STATE_NAME) };

static const char *const input_names[] = {
    [TCP_INPUT_PASSIVE_OPEN] = "passive OPEN", [TCP_INPUT_SND_SYN] = "snd SYN",
    [TCP_INPUT_SND_SYN_ACK] = "snd SYN,ACK",   [TCP_INPUT_RCV_SYN] = "rcv SYN",
    [TCP_INPUT_RCV_SYN_ACK] = "rcv SYN,ACK",   [TCP_INPUT_RCV_ACK_OF_SYN] = "rcv ACK of SYN",
    [TCP_INPUT_SND_FIN] = "snd FIN",           [TCP_INPUT_RCV_ACK_OF_FIN] = "rcv ACK of FIN",
    [TCP_INPUT_RCV_FIN] = "rcv FIN",           [TCP_INPUT_SND_RST] = "snd RST",
    [TCP_INPUT_RCV_RST] = "rcv RST",           [TCP_INPUT_CLOSE] = "CLOSE",
    [TCP_INPUT_TIMEOUT] = "timeout",           [TCP_INPUT_TIMEOUT_2MSL] = "timeout 2MSL",
    [TCP_INPUT_MIDSTREAM] = "mid-stream",
};
_Static_assert(sizeof(input_names) / sizeof(*input_names) == TCP_INPUT_N, "a name for each input");

const struct tcp_edge *tcp_fsm_cell(enum tcp_state from, enum tcp_input input)
{
    return &edges[from][input];
}

const struct tcp_edge *tcp_fsm_step(enum tcp_state *state, enum tcp_input input)
{
    const struct tcp_edge *edge = &edges[*state][input];

    if (edge->to == TCP_STATE_UNKNOWN)
        return NULL;
    *state = edge->to;
    return edge;
}

const struct tcp_edge *tcp_fsm_edge(enum tcp_state from, enum tcp_state to)
{
    const struct tcp_edge *found = NULL;

    for (unsigned input = 0; input < TCP_INPUT_N; input++) {
        const struct tcp_edge *edge = &edges[from][input];

        if (edge->to != to || to == TCP_STATE_UNKNOWN)
            continue;
        if (edge->label)
            return edge;
        if (!found)
            found = edge;
    }
    return found;
}

const char *tcp_state_name(enum tcp_state state)
{
    return state_names[state];
}

const char *tcp_input_name(enum tcp_input input)
{
    return input_names[input];
}

int tcp_state_parse(const char *name, enum tcp_state *ret_state)
{
    for (unsigned i = 0; i < TCP_STATE_N; i++) {
        if (strcmp(name, state_names[i]) == 0) {
            *ret_state = i;
            return 0;
        }
    }
    return -EINVAL;
}
