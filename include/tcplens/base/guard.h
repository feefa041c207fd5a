/* A process that parses nothing, and holds the one right to end another: CAP_KILL, where it is held. */
#ifndef TCPLENS_BASE_GUARD_H
#define TCPLENS_BASE_GUARD_H

#include <sys/types.h>

struct guard {
    pid_t pid;   /* 0: there is none */
    int channel; /* meaningful while there is one */
};

/* Starts one for a child of this process, while rights are held. The child gets SIGTERM when the guard is stopped, or this
 * process ends, however: PR_SET_PDEATHSIG asks for the right to send it. 0 or -errno. */
int guard_start(struct guard *guard, pid_t child) __attribute__((warn_unused_result));

/* Has it signal the child: SIGTERM or SIGKILL, no other. 0 or -errno (-ESRCH: it ended; -EPIPE: the guard did; -ETIMEDOUT: it
 * does not answer; -EPERM: it may not). */
int guard_signal(const struct guard *guard, int number) __attribute__((warn_unused_result));

/* Ends it, which signals the child. One that does not answer is left to itself, and does so when it goes on. */
void guard_stop(struct guard *guard);

#endif
