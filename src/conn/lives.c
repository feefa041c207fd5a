#include "lives.h"

#include "outcome.h"
#include "reconcile.h"

/* Two connections can have the same endpoints in different namespaces; the ends of one can be in two. Where a kernel has told of
 * this end it knows its namespace; where it has not, the event is the first to tell. Packets may be seen anywhere. */
static bool is_in_reach(const struct life *l, const struct event *e)
{
    enum end end;

    if (l->conn.netns == e->netns || e->source == WITNESS_WIRE || !l->has_kernel)
        return true;
    end = conn_end_of(&l->conn, &e->local);
    return l->kernel->netns[end] ? l->kernel->netns[end] == e->netns : !ends_kernel_tells(&l->conn.ends, end);
}

/* As far as two numbers lie together that belong to one stream. */
static bool is_near(uint32_t number, const struct stream *s)
{
    const int32_t off = (int32_t)(number - s->base - (uint32_t)s->snd_max);

    return off >= -(int32_t)STREAM_LEAP && off <= (int32_t)STREAM_LEAP;
}

/* What the segment says fits to what is known of both ends. */
static bool fits(const struct life *l, enum end from, const struct segment *seg)
{
    const struct stream *sender = &l->conn.streams.of[from], *peer = &l->conn.streams.of[!from];

    if ((seg->flags & SEGMENT_ACK) && peer->base_known && !is_near(seg->ack, peer))
        return false;
    if ((seg->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN) /* it says nothing of its peer */
        return sender->base_known && seg->seq == sender->base;
    return !sender->base_known || is_near(seg->seq, sender);
}

/* Of several tunnels between the same two ends, where each direction has an id of its own: the one that carries this connection,
 * by its id, or else by the numbers of what it carries. */
static bool is_carried(struct conn_engine *g, struct life *l, const struct event *e)
{
    const enum end from = conn_end_of(&l->conn, &e->local);

    return e->kind != EVENT_SEGMENT || !e->tunnel || !e->tunnel->chosen ||
           stream_chosen((struct stream_room){ &g->conns.rare, &l->conn.rare }, from) == e->tunnel->chosen ||
           fits(l, from, &e->segment);
}

static struct life *find(struct conn_engine *g, const struct event *e, uint32_t hash)
{
    struct table_walk walk = table_walk(&g->conns, hash);
    struct life *current = NULL;
    struct conn *c;

    while ((c = table_next(&g->conns, e, &walk))) {
        struct life *l = life_of(c);

        if (!is_in_reach(l, e) || !is_carried(g, l, e))
            continue;
        if (!c->superseded)
            current = l;
        if (e->cookie ? life_kernel_end(l, conn_end_of(c, &e->local))->cookie == e->cookie : !c->superseded)
            return l;
    }
    return current;
}

struct life *lives_find(struct conn_engine *g, const struct event *e, uint32_t hash)
{
    struct life *l = find(g, e, hash);

    g->about = l;
    return l;
}

/* A late event can be what ends it, but it is said now. */
void lives_judge(struct conn_engine *g, struct life *l, uint64_t ts_ns)
{
    g->about = l;
    if (l->has_kernel)
        kernel_events_flush(&g->out, &l->conn, &l->kernel->lane);
    wire_settle(&g->out, &l->conn, &l->wire, emit_time(&g->out, ts_ns));
    reconcile(l, g->events_lost, &g->out, ts_ns);
    outcome_tell(l, &g->listeners, g->config.all_packets && !g->events_lost, &g->out, emit_time(&g->out, ts_ns));
}

void lives_retire(struct conn_engine *g, struct life *l, uint64_t ts_ns)
{
    lives_judge(g, l, ts_ns);
    g->about = NULL;
    table_remove(&g->conns, &l->conn);
}

bool lives_is_local(const struct conn_engine *g, const struct addr *a)
{
    if (!g->local)
        return false;
    if (addr_is_loopback(a))
        return true;
    for (size_t i = 0; i < g->local_count; i++)
        if (addr_equal(a, &g->local[i]))
            return true;
    return false;
}

static void introduce(struct conn_engine *g, const struct conn *c, const struct event *e, bool roles_assumed)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_CONNECTION);
    change.conn = c->number;
    change.connection.client = c->endpoint[END_CLIENT];
    change.connection.server = c->endpoint[END_SERVER];
    change.connection.netns = c->netns;
    for (unsigned i = 0; i < END_N; i++)
        change.connection.local[i] =
            lives_is_local(g, &c->endpoint[i].addr) || (e->source != WITNESS_WIRE && conn_end_of(c, &e->local) == i);
    change.connection.before_trace = c->ends.midstream;
    change.connection.roles_assumed = roles_assumed;
    change.connection.tunnel = e->tunnel;
    emit(&g->out, e->ts_ns, &change);
}

struct life *lives_begin(struct conn_engine *g, const struct event *e, uint32_t hash, struct introduction how)
{
    struct conn *c;

    if (table_count(&g->conns) >= g->config.conn_max) {
        struct conn *oldest = table_oldest(&g->conns);

        g->forgotten++;
        oldest->forgotten = true;
        lives_retire(g, life_of(oldest), e->ts_ns);
    }
    c = table_add(&g->conns, hash, e, how.local_is_client);
    if (!c) {
        g->forgotten++;
        return NULL;
    }
    life_of(c)->has_kernel = !g->config.wire_only;
    ends_begin(&c->ends, e->ts_ns, how.midstream);
    introduce(g, c, e, how.roles_assumed);
    g->about = life_of(c);
    return life_of(c);
}

void lives_supersede(struct conn_engine *g, struct life *l, uint64_t ts_ns)
{
    bool lives_on = false;

    for (unsigned i = 0; i < END_N; i++)
        lives_on |= kernel_lives_on(&l->conn.ends, i);
    l->conn.superseded = true;
    if (!lives_on)
        lives_retire(g, l, ts_ns);
}
