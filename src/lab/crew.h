/* The processes of a lab: its actors, and its wire. They live in a process namespace of their own, and end with its first
 * process, which ends with the tracer, whatever ends that and whatever rights it has by then; should somebody have stopped it,
 * when it goes on. Without its wire it ends too. */
#ifndef TCPLENS_LAB_CREW_H
#define TCPLENS_LAB_CREW_H

#include <sys/types.h>

#include "actor.h"

struct crew {
    pid_t keeper;  /* the first process; 0: there is none */
    int keeper_fd; /* pidfd */
    int channels[LAB_ACTORS_MAX];
    unsigned count;
    int ended;   /* where the keeper tells of actors that ended; it ends when this is closed */
    int reports; /* of the wire; -1: there is none */
};
#define CREW_NONE ((struct crew){ .keeper_fd = -1, .ended = -1, .reports = -1 })

/* Starts them; each waits to be let go. This process has one thread. echo: path of tcplens-echo. alone: a descriptor that
 * none of them is to have. 0 or -errno: -ENOSPC where the system allows no more PID namespaces. */
int crew_start(struct crew *crew, const struct lab *lab, const struct space *space, const char *echo, int alone)
    __attribute__((warn_unused_result));
/* Lets an actor begin, or go on with what it waits for. */
void crew_let_go(struct crew *crew, unsigned actor);
/* Ends all of them, at once. 0, also where there is none; -ETIMEDOUT: they go on, as somebody has stopped the first. */
int crew_stop(struct crew *crew) __attribute__((warn_unused_result));

#endif
