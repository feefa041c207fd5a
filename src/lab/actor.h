/* An actor of a lab, in its own process: does its steps one after the other, and reports each. */
#ifndef TCPLENS_LAB_ACTOR_H
#define TCPLENS_LAB_ACTOR_H

#include <netinet/in.h>
#include <sys/types.h>

#include "tcplens/lab/lab.h"

/* What goes to the tracer, whole messages over a SOCK_SEQPACKET. */
enum actor_word {
    ACTOR_DID,   /* a step is done */
    ACTOR_WAITS, /* for a record (LAB_WAIT): it goes on when it gets a byte */
    ACTOR_ENDED, /* of its process, by who reaps it: ret is as a shell has it */
};
struct actor_message {
    uint8_t word;         /* enum actor_word */
    uint32_t actor, step; /* index; from 1 */
    uint64_t realtime_ns, duration_ns;
    int64_t ret; /* < 0: -errno */
    char text[LAB_TEXT_MAX];
};

struct actor_place {
    const struct lab *lab;
    unsigned index;
    int channel;          /* to the tracer */
    int wire;             /* to the wire; -1: there is none */
    const pid_t *leaders; /* of each actor's processes: shared, and complete before the first is let go */
};

/* Does the steps. */
void actor_act(const struct actor_place *place);

#endif
