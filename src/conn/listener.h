/* The listener's lane: listeners, and the depth of their two queues. */
#ifndef TCPLENS_CONN_LISTENER_H
#define TCPLENS_CONN_LISTENER_H

#include "emit.h"
#include "registry.h"

struct listener_step {
    struct emitter *out;
    struct registry *registry;
    const struct event *event;
    uint64_t waited_ns; /* of EVENT_ACCEPT: how long the connection was in the accept queue; 0: not known */
};

/* EVENT_SOCK_STATE: listen() made it one; it is closed. listener_closed() returns its number; 0: it was not known. */
void listener_opened(const struct listener_step *s);
uint32_t listener_closed(const struct listener_step *s);
/* EVENT_SNAPSHOT: it existed before the trace. What a hook has told of it meanwhile is newer. */
void listener_existed(const struct listener_step *s);
/* A sample shows it for the first time, or with another backlog or other queues. */
void listener_sampled(const struct listener_step *s);
/* The listener whose queues an event tells of. One known only by its cookie and depth figures is introduced; but not where
 * the connection that moved had one already: that was closed meanwhile, and its SYN queue empties later. NULL: none. */
const struct listener *listener_of_queue(const struct listener_step *s, bool had_one);
/* What the event did to the queues of the listener with this cookie. conn: the number of the connection that moved; 0: none
 * is known. */
void listener_queue(const struct listener_step *s, uint64_t cookie, uint32_t conn, enum queue_why why);
/* EVENT_OWNER: a process holds it. */
void listener_owned(const struct listener_step *s, const struct task *owner);

#endif
