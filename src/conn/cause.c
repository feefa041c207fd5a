#include "cause.h"

/* A request goes with its listener, and nobody is told: the kernel sends nothing, and has no event for it. */
static bool died_with_listener(const struct life *l, const struct registry *listeners)
{
    return life_kernel_end(l, END_SERVER)->object == OBJECT_REQUEST && l->kernel->lane.listener &&
           !registry_find(listeners, l->kernel->lane.listener_cookie);
}

/* What was dropped explains only a handshake that was never completed. */
enum cause cause_of_ending(const struct life *l, const struct registry *listeners, enum end reset_by,
                           enum verdict verdict)
{
    if (!l->has_kernel)
        return CAUSE_NONE;
    switch (l->kernel->lane.cause) {
    case CAUSE_ACCEPT_QUEUE_FULL:
    case CAUSE_SYN_QUEUE_FULL:
    case CAUSE_LISTENER_DROPPED:
        return life_kernel_end(l, END_SERVER)->established ? CAUSE_NONE : l->kernel->lane.cause;
    case CAUSE_LISTENER_CLOSED: return reset_by == END_SERVER ? CAUSE_LISTENER_CLOSED : CAUSE_NONE;
    case CAUSE_NO_LISTENER: return verdict == VERDICT_REFUSED ? CAUSE_NO_LISTENER : CAUSE_NONE;
    default:
        return verdict == VERDICT_HANDSHAKE_INCOMPLETE && died_with_listener(l, listeners) ? CAUSE_LISTENER_CLOSED
                                                                                           : CAUSE_NONE;
    }
}
