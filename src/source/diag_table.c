/* Theory of operation. A socket is kept by its endpoints (a listener: by cookie too, several can share an address), so
 * that a sample can tell what is new, what changed and what is gone. The cookie tells two uses of the same endpoints
 * apart; it stays while request sock, socket and minisock follow each other.
 *
 * A socket that lives and dies between two samples is announced by the kernel when it is destroyed. That alone does not
 * end a connection, for a minisock may go on in its place: the sample taken afterwards must show nothing there. */
#include "diag_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"

#define BUCKETS (1u << 14)
#define PORT_BUCKETS 256
/* The kernel rounds deadlines to its ticks, and the way to here takes time: they differ a little in each sample. */
#define DEADLINE_SLACK_NS 250000000u
/* How long a socket that is gone is remembered: its destruction may be announced after a sample missed it. */
#define GONE_NS 1000000000u

/* What of a socket is worth an event when it changes. */
struct view {
    uint64_t cookie;
    uint64_t expires_ns; /* of a minisock; trace clock */
    enum tcp_state state;
    bool request, minisock;
    uint32_t accept, backlog, drops, syn; /* of a listener */
};

struct entry {
    struct entry *hash_next, *listener_next;
    struct endpoint local, remote;
    struct view now, told;
    uint64_t gone_ns;   /* when it was last said to be gone */
    unsigned missed;    /* samples in a row that do not show it; 0: the last one does */
    uint64_t missed_ns; /* the first of them */
    bool followed;      /* told is what was said last, and that was not its end */
    bool destroyed;     /* that socket's destruction was announced */
};

struct diag_table {
    struct diag_table_config config;
    uint64_t hash_seed;
    struct entry *buckets[BUCKETS];
    struct entry *listeners[PORT_BUCKETS]; /* of this sample, by port */
    struct entry **entries;                /* all, the oldest first */
    size_t count, size;
    unsigned samples;
    size_t left_out, left_out_most; /* sockets without room: in this sample, in any */
    size_t destroyed_count, destroyed_lost;
    struct diag_socket destroyed[LIMIT_SAMPLED_DESTRUCTIONS];
    uint64_t ts_ns; /* while the news are handed over */
    event_fn emit;
    void *arg;
};

int diag_table_new(const struct diag_table_config *config, uint64_t hash_seed, struct diag_table **ret_table)
{
    struct diag_table *t = calloc(1, sizeof(*t));

    if (!t)
        return -ENOMEM;
    t->config = *config;
    if (!t->config.socket_max)
        t->config.socket_max = LIMIT_SAMPLED_SOCKETS;
    t->hash_seed = hash_seed;
    *ret_table = t;
    return 0;
}

struct diag_table *diag_table_free(struct diag_table *t)
{
    if (!t)
        return NULL;
    for (size_t i = 0; i < t->count; i++)
        free(t->entries[i]);
    free(t->entries);
    free(t);
    return NULL;
}

static struct entry **bucket_of(struct diag_table *t, const struct endpoint *local, const struct endpoint *remote)
{
    uint64_t words[5], h = t->hash_seed;

    memcpy(words, local->addr.bytes, 16);
    memcpy(words + 2, remote->addr.bytes, 16);
    words[4] = (uint64_t)local->port << 16 | remote->port;
    for (unsigned i = 0; i < 5; i++) {
        h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return &t->buckets[h & (BUCKETS - 1)];
}

static struct entry *find(struct diag_table *t, const struct diag_socket *d)
{
    for (struct entry *e = *bucket_of(t, &d->local, &d->remote); e; e = e->hash_next)
        if (endpoint_equal(&e->local, &d->local) && endpoint_equal(&e->remote, &d->remote) &&
            (d->remote.port || e->now.cookie == d->cookie))
            return e;
    return NULL;
}

/* NULL: there is no room. */
static struct entry *add(struct diag_table *t, const struct diag_socket *d)
{
    struct entry **bucket = bucket_of(t, &d->local, &d->remote), *e;

    if (t->count == t->config.socket_max)
        return NULL;
    if (t->count == t->size) {
        size_t size = t->size ? t->size * 2 : 256;
        struct entry **larger = realloc(t->entries, size * sizeof(struct entry *));

        if (!larger)
            return NULL;
        t->entries = larger;
        t->size = size;
    }
    e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->local = d->local;
    e->remote = d->remote;
    e->hash_next = *bucket;
    *bucket = e;
    t->entries[t->count++] = e;
    return e;
}

static void forget(struct diag_table *t, struct entry *e)
{
    struct entry **p = bucket_of(t, &e->local, &e->remote);

    while (*p != e)
        p = &(*p)->hash_next;
    *p = e->hash_next;
    free(e);
}

static bool wanted(const struct diag_table *t, const struct diag_socket *d)
{
    return filter_wants(&t->config.filter, &d->local, &d->remote);
}

void diag_table_destroyed(struct diag_table *t, const struct diag_socket *d)
{
    struct entry *e;

    /* without a peer there was no connection; what listened is told by the samples */
    if (!d->local.port || !d->remote.port || !wanted(t, d))
        return;
    e = find(t, d);
    if (e && e->told.cookie == d->cookie)
        e->destroyed = true;
    if (t->destroyed_count == LIMIT_SAMPLED_DESTRUCTIONS)
        t->destroyed_lost++;
    else
        t->destroyed[t->destroyed_count++] = *d;
}

void diag_table_begin(struct diag_table *t)
{
    t->left_out = 0;
    for (size_t i = 0; i < t->count; i++)
        t->entries[i]->missed++;
}

void diag_table_socket(struct diag_table *t, const struct diag_socket *d, uint64_t read_ns)
{
    struct entry *e;

    if (d->state == TCP_STATE_CLOSED || !wanted(t, d))
        return;
    e = find(t, d);
    if (!e)
        e = add(t, d);
    if (!e) {
        t->left_out++;
        return;
    }
    e->now = (struct view){
        .cookie = d->cookie,
        .expires_ns = d->minisock ? read_ns + d->expires_ms * UINT64_C(1000000) : 0,
        .state = d->state,
        .request = d->request,
        .minisock = d->minisock,
        .accept = d->accept,
        .backlog = d->backlog,
        .drops = d->drops,
    };
    e->missed = 0;
}

void diag_table_abort(struct diag_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i]->missed)
            t->entries[i]->missed--;
}

/* How well a listener fits an address where somebody connects to; 0: not at all. */
static unsigned fits(const struct entry *listener, const struct endpoint *to)
{
    return listener->local.port == to->port ? addr_fit(&listener->local.addr, &to->addr) : 0;
}

/* A request sock is told without its listener: it counts for the one that fits best, the oldest of equals. */
static void count_requests(struct diag_table *t)
{
    memset(t->listeners, 0, sizeof(t->listeners));
    for (size_t i = t->count; i-- > 0;) { /* backwards: the oldest then stands first */
        struct entry *e = t->entries[i], **first = &t->listeners[e->local.port % PORT_BUCKETS];

        if (e->missed || e->now.state != TCP_STATE_LISTEN)
            continue;
        e->listener_next = *first;
        *first = e;
    }
    for (size_t i = 0; i < t->count; i++) {
        const struct entry *request = t->entries[i];
        struct entry *best = NULL;
        unsigned best_fit = 0;

        if (request->missed || !request->now.request)
            continue;
        for (struct entry *l = t->listeners[request->local.port % PORT_BUCKETS]; l; l = l->listener_next) {
            unsigned fit = fits(l, &request->local);

            if (fit > best_fit) {
                best = l;
                best_fit = fit;
            }
        }
        if (best)
            best->now.syn++;
    }
}

static struct event event_of(const struct diag_table *t, enum event_kind kind, const struct endpoint *local,
                             const struct endpoint *remote, uint64_t cookie)
{
    struct event event;

    memset(&event, 0, sizeof(event));
    event.ts_ns = t->ts_ns;
    event.kind = kind;
    event.source = WITNESS_DIAG;
    event.netns = t->config.netns;
    event.cookie = cookie;
    event.local = *local;
    event.remote = *remote;
    return event;
}

static void tell_closed(struct diag_table *t, const struct endpoint *local, const struct endpoint *remote,
                        uint64_t cookie, enum tcp_state from)
{
    struct event event = event_of(t, EVENT_SOCK_STATE, local, remote, cookie);

    event.sock.from = from;
    event.sock.to = TCP_STATE_CLOSED;
    t->emit(t->arg, &event);
}

static void tell(struct diag_table *t, struct entry *e)
{
    const struct view *v = &e->now;
    struct event event = event_of(t, EVENT_SNAPSHOT, &e->local, &e->remote, v->cookie);

    event.snapshot.state = v->state;
    event.snapshot.request = v->request;
    event.snapshot.minisock = v->minisock;
    event.snapshot.fresh = t->samples && !t->left_out_most; /* it may have had no room before */
    event.snapshot.expires_ns = v->expires_ns;
    if (v->state == TCP_STATE_LISTEN)
        event.snapshot.depth = (struct queue_depth){
            .listener = v->cookie,
            .addr = e->local,
            .syn = v->syn,
            .accept = v->accept,
            .backlog = v->backlog,
            .drops = v->drops,
        };
    t->emit(t->arg, &event);
    e->told = *v;
    e->followed = true;
    e->destroyed = false;
}

static bool differ(const struct view *a, const struct view *b)
{
    uint64_t moved = a->expires_ns > b->expires_ns ? a->expires_ns - b->expires_ns : b->expires_ns - a->expires_ns;

    return a->state != b->state || a->request != b->request || a->minisock != b->minisock ||
           moved > DEADLINE_SLACK_NS || a->accept != b->accept || a->backlog != b->backlog || a->drops != b->drops ||
           a->syn != b->syn;
}

/* A minisock that takes its place stands there before it has its first reference (inet_twsk_hashdance() of Linux 6.1), without
 * which a dump passes it over. It has that when the socket is destroyed. */
static bool may_be_passed_over(const struct entry *e, uint64_t ts_ns)
{
    const struct view *v = &e->told;
    const bool may_become_minisock =
        !v->minisock &&
        (v->state == TCP_STATE_FIN_WAIT_1 || v->state == TCP_STATE_FIN_WAIT_2 || v->state == TCP_STATE_CLOSING);

    return may_become_minisock && !e->destroyed && ts_ns - e->missed_ns < DIAG_DOUBT_NS;
}

/* A bucket of the kernel's hash table that changes between two parts of a dump may be told with a hole: then two samples have to
 * miss what is gone. */
static bool is_gone(const struct entry *e, unsigned parts, uint64_t ts_ns)
{
    if (!e->missed)
        return e->told.cookie != e->now.cookie;
    return e->missed >= (parts > 1 ? 2 : 1) && !may_be_passed_over(e, ts_ns);
}

/* Gone, or its endpoints belong to another one. */
static void tell_gone(struct diag_table *t, unsigned parts)
{
    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = t->entries[i];

        if (e->missed == 1)
            e->missed_ns = t->ts_ns;
        if (!e->followed || !is_gone(e, parts, t->ts_ns))
            continue;
        tell_closed(t, &e->local, &e->remote, e->told.cookie, e->told.state);
        e->followed = false;
        e->gone_ns = t->ts_ns;
    }
}

/* Of these no sample told. */
static void tell_destroyed(struct diag_table *t)
{
    for (size_t i = 0; i < t->destroyed_count; i++) {
        const struct diag_socket *d = &t->destroyed[i];
        struct entry *e = find(t, d);

        /* something goes on there, or its end has been told */
        if (e && (e->followed || !e->missed || e->told.cookie == d->cookie))
            continue;
        tell_closed(t, &d->local, &d->remote, d->cookie, TCP_STATE_UNKNOWN);
        if (!e)
            e = add(t, d);
        if (!e)
            continue;
        e->told = e->now = (struct view){ .cookie = d->cookie, .state = TCP_STATE_CLOSED };
        e->missed = 1;
        e->gone_ns = t->ts_ns;
    }
    t->destroyed_count = 0;
}

static void tell_news(struct diag_table *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = t->entries[i];

        if (e->missed && !e->followed && t->ts_ns - e->gone_ns > GONE_NS) {
            forget(t, e);
            continue;
        }
        if (!e->missed && (!e->followed || differ(&e->now, &e->told)))
            tell(t, e);
        t->entries[kept++] = e;
    }
    t->count = kept;
}

uint64_t diag_table_end(struct diag_table *t, unsigned parts, uint64_t ts_ns, event_fn emit, void *arg)
{
    uint64_t lost = t->destroyed_lost;

    t->ts_ns = ts_ns;
    t->emit = emit;
    t->arg = arg;
    count_requests(t);
    tell_gone(t, parts);
    tell_destroyed(t);
    tell_news(t);
    if (t->left_out > t->left_out_most) {
        lost += t->left_out - t->left_out_most;
        t->left_out_most = t->left_out;
    }
    t->destroyed_lost = 0;
    t->samples++;
    return lost;
}

bool diag_table_in_doubt(const struct diag_table *t)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->entries[i]->followed && t->entries[i]->missed)
            return true;
    return false;
}
