/* An application that does not call accept() as often as clients come: the kernel drops what it has no room for. */
#include <stdio.h>

#include "finding.h"

#include "tcplens/trace/sentence.h"

static bool is_shown(const struct change *c)
{
    return c->queue.cause == CAUSE_ACCEPT_QUEUE_FULL;
}

static void say(const struct finding *f, char text[static FINDING_TEXT_MAX])
{
    const uint32_t held = f->latest.queue.limit;

    snprintf(
        text, FINDING_TEXT_MAX,
        "The accept queue of L%u was full: it holds %u %s that accept() has not taken, and %llu %s been dropped that "
        "would have joined it.",
        f->latest.listener, held, held == 1 ? "connection" : "connections", (unsigned long long)f->count,
        f->count == 1 ? "segment has" : "segments have");
}

const struct finding_ops finding_accept_queue_ops = {
    .kind = "accept-queue-overflow",
    .severity = SEVERITY_ERROR,
    .of = CHANGE_QUEUE,
    .is_shown = is_shown,
    .say = say,
    .remedy = { "call accept() sooner, or from more threads",
                "give listen() a larger backlog, up to net.core.somaxconn" },
};
