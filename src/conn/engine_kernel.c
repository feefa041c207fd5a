/* What a kernel's event does: to the connection it is about, to the listener whose queues it tells of, or to a socket that
 * is neither yet. */
#include "roof.h"

/* Events about a listener itself. False: it is none. */
static bool take_listener(struct conn_engine *g, const struct event *e)
{
    const struct listener_step s = { .out = &g->out, .registry = &g->listeners, .event = e };

    if (e->kind == EVENT_SNAPSHOT && e->snapshot.state == TCP_STATE_LISTEN) {
        if (e->source == WITNESS_DIAG)
            listener_sampled(&s);
        else
            listener_existed(&s);
        return true;
    }
    if (e->kind == EVENT_OWNER && e->snapshot.state == TCP_STATE_LISTEN) {
        listener_owned(&s, &e->snapshot.owner);
        return true;
    }
    if (e->kind != EVENT_SOCK_STATE)
        return false;
    if (e->sock.to == TCP_STATE_LISTEN) {
        listener_opened(&s);
        return true;
    }
    if (e->sock.from == TCP_STATE_LISTEN && e->sock.to == TCP_STATE_CLOSED) {
        const uint32_t number = listener_closed(&s);

        if (number)
            socket_closed(&g->sockets, &(struct socket_role){ .cookie = e->cookie, .listener = number });
        return true;
    }
    return false;
}

static bool begins_anew(const struct life *l, const struct event *e)
{
    const enum end end = conn_end_of(&l->conn, &e->local);

    return e->source == WITNESS_DIAG ? kernel_samples_begins_anew(&l->kernel->lane, end, e)
                                     : kernel_events_begins_anew(&l->conn, end, e);
}

/* The connection that an event is about; it begins where none is followed. NULL: none. */
static struct life *life_for(struct conn_engine *g, const struct event *e)
{
    const uint32_t hash = table_hash(&g->conns, e);
    struct life *l = lives_find(g, e, hash);
    struct kernel_introduction told;
    struct introduction how;
    bool serves;

    if (l && begins_anew(l, e))
        lives_supersede(g, l, e->ts_ns);
    else if (l)
        return l;
    told = e->source == WITNESS_DIAG ? kernel_samples_introduce(e) : kernel_events_introduce(e);
    if (!told.is_one)
        return NULL;
    serves = told.role == ROLE_SERVER ||
             (told.role == ROLE_UNTOLD && registry_at(&g->listeners, &e->local, e->netns) != NULL);
    how.local_is_client = !serves;
    how.midstream = told.older;
    how.roles_assumed = told.role == ROLE_UNTOLD && !serves;
    return lives_begin(g, e, hash, how);
}

static void take_call(struct conn_engine *g, const struct event *e, struct life *l)
{
    const struct listener *listener =
        e->call.state == TCP_STATE_LISTEN ? registry_find(&g->listeners, e->cookie) : NULL;
    struct socket_role role = { 0 };

    if (l) {
        role.conn = l->conn.number;
        role.end = conn_end_of(&l->conn, &e->local);
    }
    role.listener = listener ? listener->number : 0;
    if (l)
        kernel_called(&l->kernel->lane, &l->conn.ends, role.end, &e->call.call);
    socket_call(&g->sockets, &g->out, e, role);
}

/* It tells of a listener's queues, in event.queue. */
static bool is_of_queue(enum event_kind kind)
{
    return kind == EVENT_REQUEST_START || kind == EVENT_REQUEST_RETRY || kind == EVENT_REQUEST_END ||
           kind == EVENT_REQUEST_EXPIRED || kind == EVENT_OVERFLOW || kind == EVENT_COOKIE ||
           kind == EVENT_ACCEPT_QUEUED || kind == EVENT_ACCEPT || kind == EVENT_LISTENED;
}

/* A request or an accepted connection is followed, or nothing is told of it. */
static bool needs_connection(enum event_kind kind)
{
    return kind != EVENT_OVERFLOW && kind != EVENT_COOKIE && kind != EVENT_ACCEPT_QUEUED && kind != EVENT_LISTENED;
}

static void pass_on_move(struct conn_engine *g, const struct kernel_step *s, struct life *l)
{
    if (!s->moved)
        return;
    l->kernel->compared[s->end].moved = s->moved;
    if (kernel_state(s) == TCP_STATE_CLOSED)
        socket_closed(&g->sockets,
                      &(struct socket_role){ .cookie = s->event->cookie, .conn = l->conn.number, .end = s->end });
}

static void take_sample(struct conn_engine *g, const struct event *e, struct life *l)
{
    struct kernel_step s = {
        .out = &g->out, .event = e, .conn = &l->conn, .lane = &l->kernel->lane, .end = conn_end_of(&l->conn, &e->local)
    };

    kernel_sample(&s);
    pass_on_move(g, &s, l);
}

/* Whether it moved: that the object is there is no activity. */
static bool take_listed(struct conn_engine *g, const struct event *e, struct life *l)
{
    struct kernel_step s = {
        .out = &g->out, .event = e, .conn = &l->conn, .lane = &l->kernel->lane, .end = conn_end_of(&l->conn, &e->local)
    };

    kernel_present(&s);
    pass_on_move(g, &s, l);
    return s.moved;
}

static bool is_unseen(const struct life *l, enum end end, const struct event *e)
{
    const struct kernel_end *k = &l->kernel->lane.end[end];

    return kernel_lives_on(&l->conn.ends, end) && l->kernel->netns[end] == e->netns &&
           k->told_ns < e->surveyed.from_ns && k->shown_ns < e->surveyed.from_ns;
}

bool engine_kernel_surveyed(struct conn_engine *g, const struct event *e, struct life *l)
{
    bool moved = false;

    for (unsigned i = 0; i < END_N; i++) {
        struct event gone = *e;
        struct kernel_step s = {
            .out = &g->out, .event = &gone, .conn = &l->conn, .lane = &l->kernel->lane, .end = (enum end)i
        };

        if (!is_unseen(l, i, e))
            continue;
        gone.cookie = s.lane->end[i].cookie;
        g->about = l;
        kernel_gone(&s);
        pass_on_move(g, &s, l);
        moved = true;
    }
    return moved;
}

/* In the accept queue; 0: not known. */
static uint64_t waited_ns(const struct life *l, const struct event *e)
{
    return l && e->kind == EVENT_ACCEPT && !l->conn.ends.midstream ? ends_queued_ns(&l->conn.ends, e->ts_ns) : 0;
}

/* l: NULL where the event is about a queue alone. */
static void take_event(struct conn_engine *g, const struct event *e, struct life *l)
{
    const struct listener_step of_listener = {
        .out = &g->out, .registry = &g->listeners, .event = e, .waited_ns = waited_ns(l, e)
    };
    struct kernel_step s = { .out = &g->out, .event = e, .listeners = &g->listeners };
    enum queue_why why;

    if (l && !kernel_events_concern(&l->conn, conn_end_of(&l->conn, &e->local), e))
        l = NULL;
    if (!l && needs_connection(e->kind))
        return;
    if (l) {
        s.conn = &l->conn;
        s.lane = &l->kernel->lane;
        s.end = conn_end_of(&l->conn, &e->local);
    }
    if (is_of_queue(e->kind))
        s.listener = listener_of_queue(&of_listener, l && s.lane->listener);
    why = kernel_event(&s);
    if (l)
        pass_on_move(g, &s, l);
    if (l && e->kind == EVENT_OVERFLOW && e->queue.of_ack)
        wire_refused(&g->out, &l->conn, &l->wire, e->ts_ns);
    if (why != QUEUE_WHY_N && s.listener)
        listener_queue(&of_listener, s.listener->cookie, l ? l->conn.number : 0, why);
}

/* A call that waits is about many descriptors; UDP has no connections. */
static bool is_of_no_connection(const struct event *e)
{
    return e->kind == EVENT_CALL && (!e->call.socket || e->call.is_udp);
}

struct life *engine_kernel(struct conn_engine *g, const struct event *e)
{
    struct life *l;

    if (take_listener(g, e))
        return NULL;
    l = is_of_no_connection(e) ? NULL : life_for(g, e);
    if (e->kind == EVENT_PRESENT)
        return l && take_listed(g, e, l) ? l : NULL;
    if (l)
        l->kernel->netns[conn_end_of(&l->conn, &e->local)] = e->netns;
    if (e->kind == EVENT_CALL)
        take_call(g, e, l);
    else if (e->source != WITNESS_DIAG)
        take_event(g, e, l);
    else if (l)
        take_sample(g, e, l);
    return l;
}
