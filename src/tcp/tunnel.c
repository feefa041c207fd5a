/* Theory of operation. What a frame shows of a tunnel is kept once, with its ids and addresses as they were; which tunnel it
 * is follows from what both directions have in common. That differs by type:
 *
 * - A virtual network (VXLAN, Geneve, 802.1ah) is known by its id alone: any two of its gateways carry the same network.
 * - Else a tunnel has two ends: their addresses, in whichever order. The id counts where both ends use the same one.
 * - Where each end chooses its own (TEID, call, session), the addresses of the two ends alone can tell. Which TEID belongs to
 *   which is agreed upon elsewhere, in what need not be in the capture: what is carried must show it.
 *
 * Labels and tags that hold for one link (VLAN, MPLS, E-tag, VN-tag) identify nothing: they change on the way. */
#include "tcplens/tcp/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What tells a tunnel from others of its type. */
enum identity { BY_ID, BY_ENDS, BY_ENDS_AND_ID, BY_ENDS_EACH_ID };

static const uint8_t identities[TUNNEL_TYPE_N] = {
    [TUNNEL_IPIP] = BY_ENDS,         [TUNNEL_6IN4] = BY_ENDS,        [TUNNEL_4IN6] = BY_ENDS,
    [TUNNEL_6IN6] = BY_ENDS,         [TUNNEL_GRE] = BY_ENDS_AND_ID,  [TUNNEL_NVGRE] = BY_ID,
    [TUNNEL_PPTP] = BY_ENDS_EACH_ID, [TUNNEL_EOIP] = BY_ENDS_AND_ID, [TUNNEL_ERSPAN] = BY_ENDS_AND_ID,
    [TUNNEL_ETHERIP] = BY_ENDS,      [TUNNEL_MPLS] = BY_ENDS,        [TUNNEL_VXLAN] = BY_ID,
    [TUNNEL_VXLAN_GPE] = BY_ID,      [TUNNEL_GENEVE] = BY_ID,        [TUNNEL_GTP_U] = BY_ENDS_EACH_ID,
    [TUNNEL_TEREDO] = BY_ENDS,       [TUNNEL_AYIYA] = BY_ENDS,       [TUNNEL_L2TP] = BY_ENDS_EACH_ID,
    [TUNNEL_GUE] = BY_ENDS,          [TUNNEL_FOU] = BY_ENDS,         [TUNNEL_PBB] = BY_ID,
};

/* Open addressing, by place from 1; twice as many slots as there can be tunnels. */
#define SLOTS (1u << 17)
_Static_assert(LIMIT_TUNNELS * 2 <= SLOTS && LIMIT_TUNNELS <= UINT16_MAX, "a tunnel's number has 16 bits");
#define BLOCK 256 /* tunnels are handed out by address: they stay where they are */

struct tunnels {
    struct tunnel *blocks[LIMIT_TUNNELS / BLOCK + 1];
    uint32_t count;
    const struct tunnel *last; /* nearly always what is looked for next is among these two: a direction each */
    const struct tunnel *before_last;
    uint16_t *slots; /* NULL: none was met yet, as nearly always */
};

const char *tunnel_type_name(enum tunnel_type type)
{
    static const char *const names[TUNNEL_TYPE_N] = { WORDS_tunnel_type(WORD_NAME) };

    return (unsigned)type < TUNNEL_TYPE_N ? names[type] : "unknown";
}

int tunnels_new(struct tunnels **ret_tunnels)
{
    *ret_tunnels = calloc(1, sizeof(**ret_tunnels));
    return *ret_tunnels ? 0 : -ENOMEM;
}

struct tunnels *tunnels_free(struct tunnels *t)
{
    if (!t)
        return NULL;
    for (unsigned i = 0; i < sizeof(t->blocks) / sizeof(*t->blocks); i++)
        free(t->blocks[i]);
    free(t->slots);
    free(t);
    return NULL;
}

static bool hop_equal(const struct hop *a, const struct hop *b)
{
    return a->type == b->type && a->has_id == b->has_id && a->has_addrs == b->has_addrs && a->id == b->id &&
           addr_equal(&a->from, &b->from) && addr_equal(&a->to, &b->to);
}

static uint32_t hop_hash(const struct hop *hop, const struct tunnel *outer)
{
    uint64_t words[4], sum = (uint64_t)hop->type << 32 ^ hop->id ^ (uint64_t)(uintptr_t)outer << 8;

    memcpy(words, hop->from.bytes, 16);
    memcpy(words + 2, hop->to.bytes, 16);
    for (unsigned i = 0; i < 4; i++)
        sum = ((sum ^ words[i]) * 0x9e3779b97f4a7c15) ^ sum >> 29;
    return (uint32_t)(sum >> 32);
}

static struct tunnel *at(const struct tunnels *t, uint32_t place)
{
    return &t->blocks[(place - 1) / BLOCK][(place - 1) % BLOCK];
}

/* What stands for the tunnel itself, whichever way a packet of it goes. */
static struct hop both_ways(const struct hop *hop)
{
    struct hop h = *hop;

    if (identities[h.type] == BY_ENDS || identities[h.type] == BY_ENDS_EACH_ID)
        h.has_id = false, h.id = 0;
    if (identities[h.type] == BY_ID && h.has_id) {
        h.has_addrs = false;
        memset(&h.from, 0, sizeof(h.from));
        memset(&h.to, 0, sizeof(h.to));
    } else if (memcmp(&h.from, &h.to, sizeof(h.from)) > 0) {
        h.from = hop->to;
        h.to = hop->from;
    }
    return h;
}

/* What stands for what the sender chose. */
static struct hop as_chosen(const struct hop *hop)
{
    return identities[hop->type] == BY_ENDS_EACH_ID && hop->has_id ? *hop : both_ways(hop);
}

static const struct tunnel *find(struct tunnels *t, const struct hop *hop, const struct tunnel *outer);

/* 0: nothing is chosen, or there are too many. */
static uint16_t find_chosen(struct tunnels *t, const struct hop *hop, const struct tunnel *outer)
{
    const struct hop same = both_ways(hop), chosen = as_chosen(hop);
    const struct tunnel *around = outer && outer->chosen ? at(t, outer->chosen) : outer ? at(t, outer->number) : NULL;
    const struct tunnel *found;

    if (hop_equal(&same, &chosen) && (!outer || !outer->chosen))
        return 0;
    if (hop_equal(hop, &chosen) && around == outer)
        return (uint16_t)(t->count + 1); /* its own place, which it is about to get */
    found = find(t, &chosen, around);
    return found ? found->chosen : 0;
}

static const struct tunnel *find(struct tunnels *t, const struct hop *hop, const struct tunnel *outer)
{
    const struct hop same = both_ways(hop);
    uint32_t slot = hop_hash(hop, outer) % SLOTS;
    const struct tunnel *itself = NULL;
    struct tunnel *added;
    uint16_t chosen;

    for (; t->slots[slot]; slot = (slot + 1) % SLOTS) {
        const struct tunnel *known = at(t, t->slots[slot]);

        if (known->outer == outer && hop_equal(&known->hop, hop))
            return known;
    }
    if (!hop_equal(hop, &same) || (outer && outer != at(t, outer->number))) {
        itself = find(t, &same, outer ? at(t, outer->number) : NULL);
        if (!itself)
            return NULL;
    }
    chosen = find_chosen(t, hop, outer);
    if (itself || chosen) { /* others were added */
        for (slot = hop_hash(hop, outer) % SLOTS; t->slots[slot];)
            slot = (slot + 1) % SLOTS;
    }
    if (t->count == LIMIT_TUNNELS)
        return itself; /* without what belongs to a direction */
    if (!t->blocks[t->count / BLOCK])
        t->blocks[t->count / BLOCK] = calloc(BLOCK, sizeof(struct tunnel));
    if (!t->blocks[t->count / BLOCK])
        return itself;
    t->slots[slot] = (uint16_t)++t->count;
    added = at(t, t->count);
    *added = (struct tunnel){
        .hop = *hop, .outer = outer, .number = itself ? itself->number : (uint16_t)t->count, .chosen = chosen
    };
    return added;
}

static bool is_it(const struct tunnel *t, const struct hop *hops, unsigned count)
{
    for (; t && count && hop_equal(&t->hop, &hops[count - 1]); count--)
        t = t->outer;
    return !t && !count;
}

const struct tunnel *tunnels_find(struct tunnels *t, const struct hop *hops, unsigned count)
{
    const struct tunnel *found = NULL;

    if (is_it(t->last, hops, count))
        return t->last;
    if (!t->slots && !(t->slots = calloc(SLOTS, sizeof(*t->slots))))
        return NULL;
    if (is_it(t->before_last, hops, count)) {
        found = t->before_last;
    } else {
        for (unsigned i = 0; i < count; i++) {
            found = find(t, &hops[i], found);
            if (!found)
                return NULL;
        }
    }
    t->before_last = t->last;
    t->last = found;
    return found;
}
