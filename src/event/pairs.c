/* A set-associative table. A pair is open as long as an object of it lives: request sock, socket or minisock. What comes a
 * moment after is still its own (an ACK of the last FIN, a RST), but for a SYN: that is somebody else's first. */
#include "tcplens/event/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"

#define WAYS 16
#define SETS (LIMIT_PAIRS / WAYS)

/* How long stragglers are taken for the pair's own. */
#define LINGER_NS 5000000000ull
#define OPEN UINT64_MAX

struct pair {
    struct endpoint low, high; /* in their order: either end may speak */
    uint32_t netns;
    bool minisock;
    uint64_t closed_ns, until_ns; /* until_ns 0: a free place */
    uint64_t noted_ns;            /* when the kernel spoke of it last */
};

struct pairs {
    uint64_t forgotten;
    struct pair sets[SETS][WAYS];
};

_Static_assert(SETS == 1 << 13, "the hash takes thirteen bits");

int pairs_new(struct pairs **ret_pairs)
{
    *ret_pairs = calloc(1, sizeof(**ret_pairs));
    return *ret_pairs ? 0 : -ENOMEM;
}

static uint64_t hash_of(const struct endpoint *e)
{
    uint64_t words[2];

    memcpy(words, e->addr.bytes, sizeof(words));
    return (words[0] ^ words[1] * 0x9e3779b97f4a7c15 ^ e->port) * 0xd6e8feb86659fd93;
}

/* Both ends have the same. */
static struct pair *set_of(struct pairs *p, const struct event *e)
{
    return p->sets[(hash_of(&e->local) + hash_of(&e->remote) + e->netns) >> 51];
}

static bool is_pair(const struct pair *pair, const struct event *e)
{
    const bool in_order = endpoint_compare(&e->local, &e->remote) <= 0;

    return pair->until_ns && pair->netns == e->netns && endpoint_equal(&pair->low, in_order ? &e->local : &e->remote) &&
           endpoint_equal(&pair->high, in_order ? &e->remote : &e->local);
}

static struct pair *find(struct pairs *p, const struct event *e)
{
    struct pair *set = set_of(p, e);

    for (unsigned i = 0; i < WAYS; i++)
        if (is_pair(&set[i], e))
            return &set[i];
    return NULL;
}

/* The place that is missed least: a free one, one that was closed first, one that the kernel spoke of least recently. */
static struct pair *make_room(struct pairs *p, const struct event *e)
{
    const bool in_order = endpoint_compare(&e->local, &e->remote) <= 0;
    struct pair *set = set_of(p, e), *best = set;

    for (unsigned i = 1; i < WAYS; i++)
        if (set[i].until_ns < best->until_ns || (set[i].until_ns == best->until_ns && set[i].noted_ns < best->noted_ns))
            best = &set[i];
    p->forgotten += best->until_ns == OPEN;
    *best = (struct pair){ .low = in_order ? e->local : e->remote,
                           .high = in_order ? e->remote : e->local,
                           .netns = e->netns };
    return best;
}

static bool ends(const struct pair *pair, const struct event *e)
{
    switch (e->kind) {
    case EVENT_SOCK_STATE: return e->sock.to == TCP_STATE_CLOSED && !pair->minisock;
    case EVENT_REQUEST_EXPIRED:
    case EVENT_TIMEWAIT_EXPIRED:
    case EVENT_TIMEWAIT_KILLED: return true;
    default: return false;
    }
}

/* An object of the pair lives. */
static bool opens(const struct event *e)
{
    switch (e->kind) {
    case EVENT_SOCK_STATE: return e->sock.to != TCP_STATE_CLOSED;
    case EVENT_SNAPSHOT:
    case EVENT_PRESENT:
    case EVENT_ACCEPT:
    case EVENT_ACCEPT_QUEUED:
    case EVENT_REQUEST_START:
    case EVENT_REQUEST_RETRY:
    case EVENT_TIMEWAIT_START:
    case EVENT_TIMEWAIT_CHANGE: return true;
    default: return false;
    }
}

/* UDP is known by its port alone: a socket may be bound to no address, and talk to anybody. */
static struct event of_port(const struct event *e, uint16_t port)
{
    return (struct event){ .kind = e->kind, .ts_ns = e->ts_ns, .netns = e->netns, .local = { .port = port } };
}

void pairs_note(struct pairs *p, const struct event *e)
{
    struct event udp;
    struct pair *pair;

    if (e->kind == EVENT_CALL && e->call.is_udp) {
        udp = of_port(e, e->local.port);
        pair = find(p, &udp);
        if (!pair && e->local.port)
            pair = make_room(p, &udp);
        if (pair) {
            pair->noted_ns = e->ts_ns;
            pair->until_ns = OPEN;
        }
        return;
    }
    if (e->kind == EVENT_GAP || e->kind == EVENT_PROCESS || !e->local.port || !e->remote.port)
        return;
    pair = find(p, e);
    if (!pair)
        pair = make_room(p, e);
    pair->noted_ns = e->ts_ns;
    if (opens(e)) {
        pair->until_ns = OPEN;
        pair->minisock = e->kind == EVENT_TIMEWAIT_START || e->kind == EVENT_TIMEWAIT_CHANGE ||
                         ((e->kind == EVENT_SNAPSHOT || e->kind == EVENT_PRESENT) && e->snapshot.minisock);
    } else if (ends(pair, e)) {
        pair->closed_ns = e->ts_ns;
        pair->until_ns = e->ts_ns + LINGER_NS;
        pair->minisock = false;
    } else if (pair->until_ns < e->ts_ns + LINGER_NS) {
        /* of what has no object, or none any more: a refusal, a RST, a call that returns */
        pair->until_ns = e->ts_ns + LINGER_NS;
    }
}

bool pairs_have(struct pairs *p, const struct event *e)
{
    struct pair *pair = find(p, e);

    if (e->kind == EVENT_DATAGRAM) {
        const struct event from = of_port(e, e->local.port), to = of_port(e, e->remote.port);

        return find(p, &from) || find(p, &to);
    }

    if (!pair || e->ts_ns > pair->until_ns)
        return false;
    if (e->kind == EVENT_SEGMENT && (e->segment.flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN &&
        pair->closed_ns && pair->until_ns != OPEN && e->ts_ns > pair->closed_ns) {
        pair->until_ns = pair->closed_ns;
        return false;
    }
    return true;
}

uint64_t pairs_forgotten(const struct pairs *p)
{
    return p->forgotten;
}

struct pairs *pairs_free(struct pairs *p)
{
    free(p);
    return NULL;
}
