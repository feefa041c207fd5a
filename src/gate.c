#include "tcplens/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tcplens/base/host.h"
#include "tcplens/event/pairs.h"

struct gate {
    struct gate_config config;
    bool serves;         /* a sink is asked for the trace over TCP */
    uint64_t of_apart;   /* events of connections with the server that a sink sends to */
    uint32_t own_pid;    /* of this process, as the kernel tells it; 0: not known */
    uint64_t of_viewer;  /* events of those connections */
    struct pairs *pairs; /* the connections whose packets are told; NULL: all */
    uint64_t of_others;  /* packets that were not of those */
    uint64_t segments;   /* that were told */
    bool over;           /* the one behind the last that is told has come */
};

int gate_new(const struct gate_config *config, struct gate **ret_gate)
{
    struct gate *g = calloc(1, sizeof(*g));
    int r;

    if (!g)
        return -ENOMEM;
    g->config = *config;
    g->serves = sinks_serve(config->sinks);
    g->own_pid = g->serves && config->place && host_shows_pids() ? (uint32_t)getpid() : 0;
    r = config->pairs ? pairs_new(&g->pairs) : 0;
    if (r < 0) {
        free(g);
        return r;
    }
    *ret_gate = g;
    return 0;
}

struct gate *gate_free(struct gate *g)
{
    if (g)
        pairs_free(g->pairs);
    free(g);
    return NULL;
}

bool gate_is_picky(const struct gate *g)
{
    return g->config.expression || g->config.segments_max;
}

bool gate_matches(const struct gate *g, const struct event *e)
{
    const bool datagram = e->kind == EVENT_DATAGRAM || (e->kind == EVENT_CALL && e->call.is_udp);

    if (!g->config.expression || (!e->local.port && !e->remote.port))
        return true;
    return expression_wants(g->config.expression, datagram, &e->local, &e->remote);
}

/* Of a connection that a sink of ours has, or another one with the same server. A listener has no peer. */
static bool is_apart(const struct gate *g, const struct event *e)
{
    for (unsigned i = 0; i < g->config.apart_count; i++)
        if (e->remote.port &&
            (endpoint_equal(&e->remote, &g->config.apart[i]) || endpoint_equal(&e->local, &g->config.apart[i])))
            return true;
    return false;
}

static bool is_viewers_end(const struct gate *g, const struct event *e, const struct endpoint *at)
{
    return sinks_serve_at(g->config.sinks, at, e->netns) && place_has(g->config.place, &at->addr);
}

/* A connection that the trace is looked at by: it would show itself, and each record of it bring others. */
static bool is_of_viewer(const struct gate *g, const struct event *e)
{
    switch (e->kind) {
    case EVENT_GAP:
    case EVENT_COUNTER:
    case EVENT_PROCESS:
    case EVENT_SURVEYED:
    case EVENT_LAB: return false;
    case EVENT_CALL:
        if (e->call.call.task.pid == g->own_pid)
            return true;
        break;
    default: break;
    }
    return is_viewers_end(g, e, &e->local) || is_viewers_end(g, e, &e->remote);
}

bool gate_admits(struct gate *g, const struct event *event)
{
    if (is_apart(g, event)) {
        g->of_apart++;
        return false;
    }
    if (g->serves && is_of_viewer(g, event)) {
        g->of_viewer++;
        return false;
    }
    if (g->pairs && event->source != WITNESS_WIRE)
        pairs_note(g->pairs, event);
    return gate_matches(g, event);
}

bool gate_tells(struct gate *g, const struct event *event)
{
    const bool segment = event->kind == EVENT_SEGMENT;

    g->over |= segment && gate_is_full(g);
    g->segments += segment && !g->over;
    return !g->over;
}

bool gate_releases(struct gate *g, const struct event *event)
{
    if (g->pairs && event->source == WITNESS_WIRE && event->kind != EVENT_GAP && !pairs_have(g->pairs, event)) {
        g->of_others++;
        return false;
    }
    return gate_tells(g, event);
}

bool gate_is_full(const struct gate *g)
{
    return g->config.segments_max && g->segments >= g->config.segments_max;
}

void gate_skipped(const struct gate *g, struct trace_end *end)
{
    trace_end_skipped(end, "of other processes", g->of_others);
    trace_end_skipped(end, "of the viewer", g->of_viewer);
    trace_end_skipped(end, "of the publisher", g->of_apart);
}

uint64_t gate_pairs_forgotten(const struct gate *g)
{
    return g->pairs ? pairs_forgotten(g->pairs) : 0;
}
