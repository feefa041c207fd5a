/* What explains how a connection ended. */
#ifndef TCPLENS_CONN_CAUSE_H
#define TCPLENS_CONN_CAUSE_H

#include "life.h"

/* How it ended. */
struct ending {
    enum verdict verdict;
    enum end reset_by; /* who ended it with a RST; END_UNKNOWN: nobody */
    bool all_packets;  /* what is not among the packets was not sent */
};

struct reason {
    enum cause cause;
    bool of_listener;       /* its listener did it */
    enum end end;           /* who did it, or waited in vain; END_UNKNOWN: not known, or neither */
    uint16_t error;         /* errno, of the socket at that end; 0: none */
    uint32_t unread;        /* bytes */
    uint32_t drops;         /* segments that were dropped */
    bool abort_on_overflow; /* what was dropped was answered with a RST */
};

struct reason cause_of_ending(const struct life *l, const struct registry *listeners, const struct ending *ending);

#endif
