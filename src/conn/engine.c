/* Theory of operation. A connection is one use of a pair of endpoints in one network namespace. It is found by that
 * pair, whichever witness speaks and from whichever end; each end has two lanes, one per witness, that know nothing of
 * each other: the kernel's lane follows what it is told, the wire's lane executes the RFC's table.
 *
 * A connection leaves the table when it is over: soon after both ends are CLOSED (late segments still belong to it; the
 * kernel's own events, in order of time as they are, come sooner),
 * 2MSL after the last segment where only packets tell of TIME-WAIT, at once when its endpoints are used again, at the
 * end of the trace, or, when the table is full, because it was silent longest. Only then its outcome is said. */
#include "tcplens/conn/engine.h"

#include "roof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reconcile.h"
#include "tcplens/base/limits.h"

/* How long stragglers are still taken for the closed connection's own: as Zeek's tcp_close_delay. */
#define CLOSED_LINGER_NS 5000000000ull
/* Where no packets are watched: what a kernel still does for its end, as RSTs in answer to what was on its way. */
#define CLOSED_LINGER_KERNEL_NS 1000000000ull
/* TCP_TIMEWAIT_LEN, include/net/tcp.h: 2MSL is 60 s on Linux and no sysctl changes it. */
#define TIME_WAIT_NS 60000000000ull
/* How often a live trace looks for what has gone on for long: nothing may happen that would tell. */
#define LOOK_NS 10000000000ull
/* A difference between the witnesses that stands this long, with no further event, is none of their speed. */
#define SETTLE_NS 1000000000ull

/* All that is told passes here: what is wrong over many connections shows in it. */
static void on_change(void *arg, const struct change *change)
{
    struct conn_engine *g = arg;

    g->config.emit(g->config.arg, change);
    if (g->passing)
        return;
    findings_take(&g->findings, change, g->about && g->about->conn.number == change->conn ? g->about : NULL);
}

int conn_engine_new(const struct conn_config *config, struct conn_engine **ret_engine)
{
    struct conn_engine *g = calloc(1, sizeof(*g));
    const size_t life_size = sizeof(struct life) + (config->wire_only ? 0 : sizeof(struct life_kernel));

    if (!g)
        return -ENOMEM;
    g->config = *config;
    findings_init(&g->findings, config, &g->senders);
    if (!g->config.conn_max)
        g->config.conn_max = LIMIT_CONNECTIONS;
    g->out = (struct emitter){ .fn = on_change, .arg = g };
    if (table_init(&g->conns, life_size, config->hash_seed) < 0) {
        free(g);
        return -ENOMEM;
    }
    g->conns.any_netns = config->all_netns;
    *ret_engine = g;
    return 0;
}

void conn_engine_set_local(struct conn_engine *engine, const struct addr *addresses, size_t count)
{
    engine->local = addresses;
    engine->local_count = count;
}

/* Anything was seen of this end. */
static bool is_shown(const struct conn *c, enum end end)
{
    return ends_kernel_tells(&c->ends, end) || c->streams.of[end].segments;
}

/* Over, but for TIME-WAIT of which a kernel will say when it ends, and who had it. */
static bool is_past(const struct conn *c, bool *ret_waits)
{
    *ret_waits = false;
    if (!ends_over(&c->ends) || !(is_shown(c, END_CLIENT) || is_shown(c, END_SERVER)))
        return false;
    for (unsigned i = 0; i < END_N; i++) {
        if (ends_best(&c->ends, i) != TCP_STATE_TIME_WAIT)
            continue;
        if (ends_kernel_tells(&c->ends, i))
            return false;
        *ret_waits = true;
    }
    return true;
}

static const enum table_list live_lists[] = { LIST_LIVE, LIST_UNSETTLED };

/* Where a connection belongs after an event. */
static enum table_list list_for(const struct life *l)
{
    bool waits;

    if (!l->kept && is_past(&l->conn, &waits))
        return waits ? LIST_WAITING : LIST_CLOSED;
    return reconcile_is_due(l) ? LIST_UNSETTLED : LIST_LIVE;
}

static void note_activity(struct conn_engine *g, struct life *l, uint64_t ts_ns)
{
    enum table_list list;

    if (ts_ns > l->conn.ends.last_ns)
        l->conn.ends.last_ns = ts_ns;
    list = list_for(l);
    table_put(&g->conns, &l->conn, list);
    if (list != LIST_LIVE && l->conn.ends.last_ns + SETTLE_NS < g->due_ns)
        g->due_ns = l->conn.ends.last_ns + SETTLE_NS; /* the shortest of the times */
}

static uint64_t due(const struct conn *c, uint64_t after_ns)
{
    return c ? c->ends.last_ns + after_ns : UINT64_MAX;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void settle(struct conn_engine *g, struct life *l, uint64_t ts_ns)
{
    reconcile(l, g->events_lost, &g->out, ts_ns);
    table_put(&g->conns, &l->conn, LIST_LIVE);
}

static void expire(struct conn_engine *g, struct life *l, uint64_t ts_ns)
{
    g->about = l;
    wire_expire(&g->out, &l->conn, emit_time(&g->out, ts_ns));
    lives_retire(g, l, ts_ns);
}

static uint64_t closed_linger_ns(const struct conn_engine *g)
{
    return g->config.no_packets ? CLOSED_LINGER_KERNEL_NS : CLOSED_LINGER_NS;
}

/* Each at the time it was due, the earliest first: the trace is in order of time. */
static void sweep(struct conn_engine *g, uint64_t now)
{
    for (;;) {
        struct conn *closed = table_first(&g->conns, LIST_CLOSED), *waiting = table_first(&g->conns, LIST_WAITING);
        struct conn *unsettled = table_first(&g->conns, LIST_UNSETTLED);
        const uint64_t closed_ns = due(closed, closed_linger_ns(g)), waiting_ns = due(waiting, TIME_WAIT_NS);
        const uint64_t unsettled_ns = due(unsettled, SETTLE_NS);

        if (closed_ns >= now && waiting_ns >= now && unsettled_ns >= now) {
            g->due_ns = earlier(earlier(closed_ns, waiting_ns), unsettled_ns);
            return;
        }
        if (unsettled_ns <= closed_ns && unsettled_ns <= waiting_ns)
            settle(g, life_of(unsettled), unsettled_ns);
        else if (closed_ns <= waiting_ns)
            lives_retire(g, life_of(closed), closed_ns);
        else
            expire(g, life_of(waiting), waiting_ns);
    }
}

static void look_around(struct conn_engine *g, uint64_t now)
{
    if (g->config.wire_only || now < g->looked_ns + LOOK_NS)
        return;
    g->looked_ns = now;
    findings_look_begin(&g->findings);
    for (const struct conn *c = table_first(&g->conns, LIST_LIVE); c; c = table_behind(&g->conns, c))
        findings_look(&g->findings, life_of((struct conn *)c), now);
    findings_look_end(&g->findings, now);
}

static void on_gap(struct conn_engine *g, const struct event *e)
{
    struct change change NO_ZEROS;

    g->events_lost = true;
    change_init(&change, CHANGE_GAP);
    change.gap.source = e->source;
    memcpy(change.gap.hook, e->gap.hook, sizeof(change.gap.hook));
    memcpy(change.gap.interface, e->gap.interface, sizeof(change.gap.interface));
    change.gap.records = 0;
    change.gap.lost = e->gap.lost;
    change.gap.from_ns = e->gap.from_ns;
    change.gap.to_ns = e->gap.to_ns;
    emit(&g->out, e->ts_ns, &change);
}

/* Where a kernel's own events end a life, those that were lost leave it: until its sockets are looked for. */
static void on_surveyed(struct conn_engine *g, const struct event *e)
{
    struct conn *next;

    for (unsigned i = 0; i < sizeof(live_lists) / sizeof(*live_lists); i++)
        for (struct conn *c = table_first(&g->conns, live_lists[i]); c; c = next) {
            next = table_behind(&g->conns, c);
            if (engine_kernel_surveyed(g, e, life_of(c)))
                note_activity(g, life_of(c), e->ts_ns);
        }
    g->about = NULL;
}

static void on_lab(struct conn_engine *g, const struct event *e)
{
    const struct lab_step *step = e->lab;
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_LAB);
    change.lab.lab = step->lab;
    change.lab.version = step->version;
    change.lab.student = step->student;
    for (unsigned i = 0; step->values && i < LAB_VALUES_MAX && step->values[i][0]; i++)
        change.lab.values[i] = (struct lab_value){ step->values[i][0], step->values[i][1] };
    change.lab.actor = step->actor;
    change.lab.step = step->step;
    change.lab.op = step->op;
    change.lab.addr = step->addr;
    change.lab.ret = step->ret;
    change.lab.duration_ns = step->duration_ns;
    change.lab.text = step->text;
    emit(&g->out, e->ts_ns, &change);
}

void conn_engine_tell(struct conn_engine *g, uint64_t ts_ns, struct change *change)
{
    emit(&g->out, emit_time(&g->out, ts_ns), change);
}

uint32_t conn_engine_introduce(struct conn_engine *g, const struct event *e, const struct conn_introduction *how)
{
    const uint32_t hash = table_hash(&g->conns, e);
    struct life *l;

    if (e->ts_ns > g->due_ns)
        sweep(g, e->ts_ns);
    l = lives_find(g, e, hash);
    if (l)
        lives_supersede(g, l, e->ts_ns);
    l = lives_begin(g, e, hash,
                    (struct introduction){ .local_is_client = how->local_is_client,
                                           .midstream = how->before_trace,
                                           .roles_assumed = how->roles_assumed });
    if (!l)
        return 0;
    l->kept = how->kept;
    note_activity(g, l, e->ts_ns);
    return l->conn.number;
}

void conn_engine_end(struct conn_engine *g, const struct event *e, uint32_t number)
{
    struct life *l = lives_find(g, e, table_hash(&g->conns, e));

    if (l && l->kept && l->conn.number == number)
        lives_retire(g, l, e->ts_ns);
    g->about = NULL;
}

uint64_t conn_engine_pass(struct conn_engine *g, uint64_t ts_ns, struct change *change)
{
    uint64_t n;

    g->passing = true;
    n = emit(&g->out, ts_ns, change);
    g->passing = false;
    return n;
}

static void on_process(struct conn_engine *g, const struct event *e)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_PROCESS);
    change.process.event = e->process.event;
    change.process.task = e->process.task;
    change.process.parent = e->process.parent;
    change.process.status = e->process.status;
    change.process.cost = e->process.cost;
    emit(&g->out, e->ts_ns, &change);
    if (e->process.event == PROCESS_EXIT && e->process.task.tid == e->process.task.pid)
        socket_process_ended(&g->sockets, e->process.task.pid);
}

static void on_counter(struct conn_engine *g, const struct event *e)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_COUNTER);
    change.counter.name = e->counter.name;
    change.counter.value = e->counter.value;
    change.counter.delta = e->counter.delta;
    emit(&g->out, e->ts_ns, &change);
}

void conn_engine_event(struct conn_engine *g, const struct event *e)
{
    struct life *l = NULL;

    if (e->ts_ns > g->due_ns)
        sweep(g, e->ts_ns);
    look_around(g, e->ts_ns);
    if (e->kind == EVENT_SEGMENT)
        l = engine_segment(g, e);
    else if (e->kind == EVENT_ARRIVAL)
        l = engine_arrival(g, e);
    else if (e->kind == EVENT_LAB)
        on_lab(g, e);
    else if (e->kind == EVENT_ICMP)
        l = engine_icmp(g, e);
    else if (e->kind == EVENT_COUNTER)
        on_counter(g, e);
    else if (e->kind == EVENT_DATAGRAM)
        engine_datagram(g, e);
    else if (e->kind == EVENT_GAP)
        on_gap(g, e);
    else if (g->config.wire_only)
        return;
    else if (e->kind == EVENT_SURVEYED)
        on_surveyed(g, e);
    else if (e->kind == EVENT_PROCESS)
        on_process(g, e);
    else
        l = engine_kernel(g, e);
    if (l)
        note_activity(g, l, e->ts_ns);
    findings_tell(&g->findings, &g->out, e->ts_ns, false);
}

/* On a host where nothing else happens no event says that it is time. */
void conn_engine_pass_time(struct conn_engine *g, uint64_t ts_ns)
{
    if (ts_ns > g->due_ns)
        sweep(g, ts_ns);
    look_around(g, ts_ns);
    findings_tell(&g->findings, &g->out, ts_ns, false);
}

void conn_engine_finish(struct conn_engine *g, uint64_t ts_ns)
{
    struct conn *c;

    sweep(g, ts_ns);
    /* nobody looks for them any more: they may stay in the table */
    while ((c = table_oldest(&g->conns))) {
        lives_judge(g, life_of(c), ts_ns);
        table_take_out(&g->conns, c);
        findings_tell(&g->findings, &g->out, ts_ns, false);
    }
    findings_tell(&g->findings, &g->out, ts_ns, true);
}

static bool is_closing(const struct ends *ends, enum end end)
{
    const enum end other = end == END_CLIENT ? END_SERVER : END_CLIENT;

    switch (ends_best(ends, end)) {
    case TCP_STATE_FIN_WAIT_1:
    case TCP_STATE_CLOSING:
    case TCP_STATE_LAST_ACK: return true;
    case TCP_STATE_FIN_WAIT_2: /* what waits for a process that is here can wait for good */
        return !ends_kernel_tells(ends, other) || ends_best(ends, other) != TCP_STATE_CLOSE_WAIT;
    default: return false;
    }
}

bool conn_engine_is_closing(const struct conn_engine *g)
{
    for (unsigned i = 0; i < sizeof(live_lists) / sizeof(*live_lists); i++)
        for (struct conn *c = table_first(&g->conns, live_lists[i]); c; c = table_behind(&g->conns, c))
            if (!c->ends.midstream && (is_closing(&c->ends, END_CLIENT) || is_closing(&c->ends, END_SERVER)))
                return true;
    return false;
}

uint64_t conn_engine_next_n(const struct conn_engine *g)
{
    return g->out.n + 1;
}

unsigned conn_engine_offloaded(const struct conn_engine *g)
{
    return senders_offloaded(&g->senders);
}

void conn_engine_beyond(const struct conn_engine *g, uint64_t beyond[static BEYOND_N])
{
    beyond[BEYOND_CONNECTIONS] = g->forgotten;
    beyond[BEYOND_LISTENERS] = g->listeners.refused;
    beyond[BEYOND_FINDINGS] = g->findings.refused;
}

void conn_engine_skipped(const struct conn_engine *g, struct trace_end *end)
{
    strays_tell(&g->strays, end);
}

struct conn_engine *conn_engine_free(struct conn_engine *g)
{
    if (!g)
        return NULL;
    table_free(&g->conns);
    registry_free(&g->listeners);
    free(g->flights);
    free(g);
    return NULL;
}
