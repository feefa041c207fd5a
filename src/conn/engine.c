/* Theory of operation. A connection is one use of a pair of endpoints in one network namespace. It is found by that
 * pair, whichever witness speaks and from whichever end; each end has two lanes, one per witness, that know nothing of
 * each other but by this table: the kernel's lane follows what it is told, the wire's lane executes the RFC's table.
 *
 * A connection leaves the table when it is over: soon after both ends are CLOSED (late segments still belong to it),
 * 2MSL after the last segment where only packets tell of TIME-WAIT, at once when its endpoints are used again, at the
 * end of the trace, or, when the table is full, because it was silent longest. Only then its outcome is said. */
#include "conn_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How long stragglers are still taken for the closed connection's own: as Zeek's tcp_close_delay. */
#define CLOSED_LINGER_NS 5000000000ull
/* TCP_TIMEWAIT_LEN, include/net/tcp.h: 2MSL is 60 s on Linux and no sysctl changes it. */
#define TIME_WAIT_NS 60000000000ull
/* A difference between the witnesses that stands this long, with no further event, is none of their speed. */
#define SETTLE_NS 1000000000ull

static void list_remove(struct conn_table *t, struct conn *c)
{
    struct conn_list *list = &t->lists[c->list];

    *(c->prev ? &conn_at(t, c->prev)->next : &list->first) = c->next;
    *(c->next ? &conn_at(t, c->next)->prev : &list->last) = c->prev;
}

static void list_append(struct conn_table *t, struct conn *c, enum conn_list_id id)
{
    struct conn_list *list = &t->lists[id];

    c->list = id;
    c->prev = list->last;
    c->next = 0;
    *(c->prev ? &conn_at(t, c->prev)->next : &list->first) = c->place;
    list->last = c->place;
}

/* NULL: the list is empty. */
static struct conn *list_first(const struct conn_table *t, enum conn_list_id id)
{
    return t->lists[id].first ? conn_at(t, t->lists[id].first) : NULL;
}

/* The one silent longest; NULL: there is none. */
static struct conn *oldest(const struct conn_table *t)
{
    struct conn *found = NULL;

    for (unsigned i = 0; i < CONN_LIST_N; i++) {
        struct conn *c = list_first(t, i);

        if (c && (!found || c->last_ns < found->last_ns))
            found = c;
    }
    return found;
}

int conn_table_new(const struct conn_config *config, struct conn_table **ret_table)
{
    struct conn_table *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->config = *config;
    if (!t->config.conn_max)
        t->config.conn_max = CONN_MAX_DEFAULT;
    slab_init(&t->slab, sizeof(struct conn) + (t->config.wire_only ? 0 : sizeof(struct conn_kernel)));
    slab_init(&t->holes, END_N * sizeof(struct holes));
    if (conn_hash_init(&t->hash) < 0) {
        free(t);
        return -ENOMEM;
    }
    *ret_table = t;
    return 0;
}

void change_begin(struct change *change, struct conn_table *t, const struct event *e, enum change_kind kind)
{
    /* most kinds are far smaller than the largest, and there are many of them */
    memset(change, 0, kind == CHANGE_STATE ? offsetof(struct change, state) + sizeof(change->state) : sizeof(*change));
    change->kind = kind;
    change->n = ++t->n;
    change->ts_ns = e->ts_ns;
    /* whatever merge said: a capture file can be out of order by itself */
    change->late = e->ts_ns < t->told_ns;
    if (!change->late)
        t->told_ns = e->ts_ns;
}

void change_emit(struct conn_table *t, struct change *change)
{
    t->config.emit(t->config.arg, change);
}

static bool is_about(const struct conn *c, const struct event *e)
{
    return c->netns == e->netns && ((endpoint_equal(&c->endpoint[END_CLIENT], &e->local) &&
                                     endpoint_equal(&c->endpoint[END_SERVER], &e->remote)) ||
                                    (endpoint_equal(&c->endpoint[END_SERVER], &e->local) &&
                                     endpoint_equal(&c->endpoint[END_CLIENT], &e->remote)));
}

/* The one in use; but the event of a minisock finds the connection whose socket it continues, also a superseded one. */
struct conn *conn_find(struct conn_table *t, const struct event *e)
{
    const uint32_t hash = conn_hash_of(t, &e->local, &e->remote, e->netns), mask = t->hash.slot_count - 1;
    struct conn *current = NULL;

    for (uint32_t i = hash & mask; t->hash.slots[i].place; i = (i + 1) & mask) {
        struct conn *c;

        if (t->hash.slots[i].hash != hash)
            continue;
        c = conn_at(t, t->hash.slots[i].place);
        if (!is_about(c, e))
            continue;
        if (!c->superseded)
            current = c;
        if (e->cookie ? conn_kernel_of(c, conn_end_of(c, &e->local))->cookie == e->cookie : !c->superseded)
            return c;
    }
    return current;
}

void conn_table_set_local(struct conn_table *table, const struct addr *addresses, size_t count)
{
    table->local = addresses;
    table->local_count = count;
}

static bool is_local(const struct conn_table *t, const struct addr *a)
{
    if (!t->local)
        return false;
    if (addr_is_loopback(a))
        return true;
    for (size_t i = 0; i < t->local_count; i++)
        if (addr_equal(a, &t->local[i]))
            return true;
    return false;
}

struct conn *conn_new(struct conn_table *t, const struct event *e, bool local_is_client, bool before_trace,
                      bool roles_assumed)
{
    struct change change;
    struct conn *c;
    uint32_t place;

    if (t->hash.count >= t->config.conn_max) {
        t->evicted++;
        conn_retire(t, oldest(t), e->ts_ns);
    }
    place = slab_take(&t->slab);
    if (!place)
        return NULL;
    if (!conn_hash_add(&t->hash, conn_hash_of(t, &e->local, &e->remote, e->netns), place)) {
        slab_give(&t->slab, place);
        return NULL;
    }
    c = conn_at(t, place);
    c->place = place;
    c->number = ++t->conn_number;
    c->netns = e->netns;
    c->endpoint[END_CLIENT] = local_is_client ? e->local : e->remote;
    c->endpoint[END_SERVER] = local_is_client ? e->remote : e->local;
    c->first_ns = c->last_ns = e->ts_ns;
    c->closed_by = c->reset_by = END_UNKNOWN;
    c->midstream = before_trace;
    c->has_kernel = !t->config.wire_only;
    for (unsigned i = 0; i < END_N; i++) {
        /* A client was CLOSED before its SYN. That somebody listened is known to the kernel's witness; packets show it
         * when the SYN is answered. */
        if (c->has_kernel)
            c->kernel->end[i].state = before_trace      ? TCP_STATE_UNKNOWN
                                      : i == END_CLIENT ? TCP_STATE_CLOSED
                                                        : TCP_STATE_LISTEN;
        c->end[i].wire.state = before_trace || i == END_SERVER ? TCP_STATE_UNKNOWN : TCP_STATE_CLOSED;
    }
    list_append(t, c, CONN_LIVE);

    change_begin(&change, t, e, CHANGE_CONNECTION);
    change.conn = c->number;
    change.connection.client = c->endpoint[END_CLIENT];
    change.connection.server = c->endpoint[END_SERVER];
    change.connection.netns = c->netns;
    for (unsigned i = 0; i < END_N; i++)
        change.connection.local[i] = is_local(t, &c->endpoint[i].addr);
    change.connection.before_trace = before_trace;
    change.connection.roles_assumed = roles_assumed;
    change_emit(t, &change);
    return c;
}

static void conn_forget(struct conn_table *t, struct conn *c)
{
    conn_hash_remove(&t->hash, conn_hash_of(t, &c->endpoint[0], &c->endpoint[1], c->netns), c->place);
    list_remove(t, c);
    if (c->holes)
        slab_give(&t->holes, c->holes);
    slab_give(&t->slab, c->place);
}

/* A late event can be what ends it, but it is said now. */
static void tell_outcome(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    conn_reconcile(t, c, ts_ns);
    conn_outcome(t, c, ts_ns < t->told_ns ? t->told_ns : ts_ns);
}

void conn_retire(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    tell_outcome(t, c, ts_ns);
    conn_forget(t, c);
}

struct conn *conn_supersede(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    if (conn_kernel_of(c, END_CLIENT)->object == OBJECT_TIMEWAIT ||
        conn_kernel_of(c, END_SERVER)->object == OBJECT_TIMEWAIT)
        c->superseded = true;
    else
        conn_retire(t, c, ts_ns);
    return NULL;
}

enum tcp_state conn_best_state(const struct conn *c, enum end end)
{
    const struct kernel_lane *k = conn_kernel_of(c, end);

    return k->seen ? k->state : c->end[end].wire.state;
}

/* Since when the end has been in its state, as conn_end.stays counts. */
static uint64_t stay_began(const struct conn *c, enum end end)
{
    const unsigned count = c->stay_count[end];

    return count ? c->end[end].stays[count - 1].until_ns : 0;
}

void conn_account(struct conn *c, enum end end, uint64_t ts_ns)
{
    struct stay *stays = c->end[end].stays;
    enum tcp_state state = conn_best_state(c, end);
    uint8_t *count = &c->stay_count[end];

    if (ts_ns <= c->first_ns + stay_began(c, end))
        return;
    /* two witnesses can take turns more often than one alone goes on: then the last stay is prolonged */
    if (!*count || (stays[*count - 1].state != state && *count < CONN_STAYS_MAX))
        stays[(*count)++].state = state;
    stays[*count - 1].until_ns = ts_ns - c->first_ns;
}

void conn_state_times(const struct conn *c, enum end end, uint64_t ts_ns, uint64_t ret_ns[static TCP_STATE_N])
{
    const struct stay *stays = c->end[end].stays;
    uint64_t began = 0;

    for (unsigned i = 0; i < c->stay_count[end]; i++) {
        ret_ns[stays[i].state] += stays[i].until_ns - began;
        began = stays[i].until_ns;
    }
    if (ts_ns > c->first_ns + began)
        ret_ns[conn_best_state(c, end)] += ts_ns - c->first_ns - began;
    /* there nothing is known, or there is no connection */
    ret_ns[TCP_STATE_UNKNOWN] = ret_ns[TCP_STATE_CLOSED] = 0;
}

/* Nothing more can happen at this end that would belong to the same connection. An end of which nothing was ever seen
 * does not keep the connection. */
static bool end_over(const struct conn *c, enum end end)
{
    enum tcp_state state = conn_best_state(c, end);

    return state == TCP_STATE_CLOSED || state == TCP_STATE_TIME_WAIT || state == TCP_STATE_LISTEN ||
           state == TCP_STATE_UNKNOWN;
}

bool conn_over(const struct conn *c)
{
    return end_over(c, END_CLIENT) && end_over(c, END_SERVER);
}

enum end conn_end_of(const struct conn *c, const struct endpoint *local)
{
    return endpoint_equal(&c->endpoint[END_CLIENT], local) ? END_CLIENT : END_SERVER;
}

/* Anything was seen of this end. */
static bool shown(const struct conn *c, enum end end)
{
    return conn_kernel_of(c, end)->seen || c->end[end].wire.segments;
}

/* Over, but for TIME-WAIT of which a kernel will say when it ends, and who had it. */
static bool is_past(const struct conn *c, bool *ret_waits)
{
    *ret_waits = false;
    if (!conn_over(c) || !(shown(c, END_CLIENT) || shown(c, END_SERVER)))
        return false;
    for (unsigned i = 0; i < END_N; i++) {
        if (conn_best_state(c, i) != TCP_STATE_TIME_WAIT)
            continue;
        if (conn_kernel_of(c, i)->seen)
            return false;
        *ret_waits = true;
    }
    return true;
}

/* Where a connection belongs after an event. */
static enum conn_list_id list_for(const struct conn *c)
{
    bool waits;

    if (is_past(c, &waits))
        return waits ? CONN_WAITING : CONN_CLOSED;
    return c->has_kernel && conn_unsettled(c) ? CONN_UNSETTLED : CONN_LIVE;
}

static void note_activity(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    enum conn_list_id list = list_for(c);

    if (ts_ns > c->last_ns)
        c->last_ns = ts_ns;
    if (t->lists[list].last == c->place)
        return;
    list_remove(t, c);
    list_append(t, c, list);
}

static uint64_t due(const struct conn *c, uint64_t after_ns)
{
    return c ? c->last_ns + after_ns : UINT64_MAX;
}

static void settle(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    conn_reconcile(t, c, ts_ns);
    list_remove(t, c);
    list_append(t, c, CONN_LIVE);
}

static void expire(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    conn_wire_expire(t, c, ts_ns < t->told_ns ? t->told_ns : ts_ns);
    conn_retire(t, c, ts_ns);
}

/* Each at the time it was due, the earliest first: the trace is in order of time. */
static void sweep(struct conn_table *t, uint64_t now)
{
    for (;;) {
        struct conn *closed = list_first(t, CONN_CLOSED), *waiting = list_first(t, CONN_WAITING);
        struct conn *unsettled = list_first(t, CONN_UNSETTLED);
        const uint64_t closed_ns = due(closed, CLOSED_LINGER_NS), waiting_ns = due(waiting, TIME_WAIT_NS);
        const uint64_t unsettled_ns = due(unsettled, SETTLE_NS);

        if (closed_ns >= now && waiting_ns >= now && unsettled_ns >= now)
            return;
        if (unsettled_ns <= closed_ns && unsettled_ns <= waiting_ns)
            settle(t, unsettled, unsettled_ns);
        else if (closed_ns <= waiting_ns)
            conn_retire(t, closed, closed_ns);
        else
            expire(t, waiting, waiting_ns);
    }
}

void conn_table_event(struct conn_table *t, const struct event *e)
{
    struct conn *c;

    sweep(t, e->ts_ns);
    if (e->kind == EVENT_SEGMENT) {
        c = conn_wire_event(t, e);
    } else {
        if (t->config.wire_only)
            return;
        conn_kernel_event(t, e);
        if (e->kind == EVENT_GAP)
            return;
        c = conn_find(t, e);
    }
    if (c)
        note_activity(t, c, e->ts_ns);
}

void conn_table_finish(struct conn_table *t, uint64_t ts_ns)
{
    sweep(t, ts_ns);
    for (struct conn *c; (c = oldest(t)); list_remove(t, c))
        tell_outcome(t, c, ts_ns);
}

uint64_t conn_table_next_n(const struct conn_table *t)
{
    return t->n + 1;
}

uint64_t conn_table_evicted(const struct conn_table *t)
{
    return t->evicted;
}

struct conn_table *conn_table_free(struct conn_table *t)
{
    if (!t)
        return NULL;
    slab_free(&t->slab);
    slab_free(&t->holes);
    listener_free_all(t);
    conn_hash_free(&t->hash);
    free(t);
    return NULL;
}
