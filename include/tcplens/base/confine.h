/* The system calls that a process may still make once it reads what others made: packets, netlink, traces, HTTP. */
#ifndef TCPLENS_BASE_CONFINE_H
#define TCPLENS_BASE_CONFINE_H

#include <stdbool.h>

/* What it goes on to do, besides reading and writing what it has open. */
enum confine_may {
    CONFINE_WATCH = 1 << 0,    /* ask witnesses of the kernel that are open */
    CONFINE_SERVE = 1 << 1,    /* answer browsers on a socket that listens */
    CONFINE_HAND_OUT = 1 << 2, /* and give them files that are open */
    CONFINE_FEED = 1 << 3,     /* start a process of the same confinement that hands on what was read */
    CONFINE_PUBLISH = 1 << 4,  /* connect to a server, by TCP */
    CONFINE_SCREEN = 1 << 5,   /* draw on a terminal, and stop when asked to there (Ctrl-Z) */
    CONFINE_MAKE = 1 << 6,     /* make files, and hand them over: of any name, to write alone */
};

#define CONFINE_SOCKETS_MAX 64
struct confine {
    unsigned may;                     /* enum confine_may */
    int sockets[CONFINE_SOCKETS_MAX]; /* on which nothing may be sent or set */
    unsigned socket_count;
};

/* Confines this process, its later threads and its later children for good (seccomp(2)): what the table in confine.c does not
 * list fails with EPERM, and the first such call is told in a line on standard error; with TCPLENS_SECCOMP=kill in the
 * environment it ends the process (SIGSYS). To be called with one thread. 0 or -errno: without a filter, then. */
int confine(const struct confine *c) __attribute__((warn_unused_result));

/* Confines it to reading from one descriptor, writing to it, and signalling the process of another (pidfd). Anything else
 * ends it. 0 or -errno. */
int confine_to_signals(int channel, int pidfd) __attribute__((warn_unused_result));

/* Whether this kernel has what is needed. */
bool confine_is_possible(void);

#endif
