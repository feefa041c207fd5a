/* Reads the kernel's answers about TCP sockets (sock_diag(7)); pure, so that any bytes can be tried on it. */
#ifndef TCPLENS_SOURCE_DIAG_PARSE_H
#define TCPLENS_SOURCE_DIAG_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/tcp/fsm.h"

/* One kernel object, as inet_diag tells it. */
struct diag_socket {
    struct endpoint local, remote; /* remote of a listener: all zeros */
    uint64_t cookie;               /* a request sock, its socket and its minisock have the same */
    enum tcp_state state;          /* TCP_STATE_CLOSED: it was destroyed */
    bool request, minisock;        /* else a full socket */
    uint32_t expires_ms;           /* of a minisock: from now to its deadline */
    uint32_t accept, backlog;      /* of a listener: connections waiting for accept(), sk_max_ack_backlog */
    uint32_t drops;                /* of a listener: sk_drops; 0 where the answer does not tell */
};

/* Takes one socket; borrowed for the call. */
typedef void (*diag_socket_fn)(void *arg, const struct diag_socket *socket);

/* Reads what one recv() gave: netlink messages, one after the other. Those of another request than seq are passed over;
 * 0 takes all, as notifications want it. What is about no TCP socket is passed over as well.
 * 1: the dump ends here; 0: more may follow; -EBADMSG: a message does not fit where it lies (those before it were
 * handed over); another -errno: the kernel's own. */
int diag_parse(const void *data, size_t len, uint32_t seq, diag_socket_fn each, void *arg);

#endif
