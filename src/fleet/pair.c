#include "pair.h"

#include <errno.h>
#include <stdlib.h>

/* Longer than that no segment is on its way: RFC 9293's MSL is two minutes, and nothing takes half of it. */
#define FLIGHT_MAX_NS 60000000000ull

struct key {
    uint64_t key;
    uint32_t index;
};

/* The unpaired segments of one side, by key. */
struct keys {
    struct key *keys;
    size_t count;
};

/* What the network leaves as it is. */
static uint64_t key_of_all(const struct seg *s)
{
    uint64_t h = hash_mix(s->flags, (uint64_t)s->seq << 32 | s->ack);

    h = hash_mix(h, (uint64_t)s->len << 1 | !!(s->options & SEGMENT_OPT_TS));
    return s->options & SEGMENT_OPT_TS ? hash_mix(h, (uint64_t)s->ts_val << 32 | s->ts_ecr) : h;
}

/* And without what a capture may have cut off, or a middlebox taken out. */
static uint64_t key_of_numbers(const struct seg *s)
{
    return hash_mix(hash_mix(s->flags, (uint64_t)s->seq << 32 | s->ack), s->len);
}

static uint64_t key_of_end(const struct seg *s)
{
    return s->seq + s->len;
}

static int by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Which segments are looked at. */
enum which { UNPAIRED, UNPAIRED_DATA, ALL_DATA };

static bool is_wanted(const struct seg *s, enum end from, enum which which)
{
    return (enum end)s->from == from && !s->bad && (which == ALL_DATA || s->mate == NONE) &&
           (which == UNPAIRED || s->len);
}

static int list_keys(const struct view *v, const struct view_conn *conn, enum end from, enum which which,
                     uint64_t (*key)(const struct seg *s), struct keys *ret_keys)
{
    ret_keys->count = 0;
    ret_keys->keys = malloc((conn->count + 1) * sizeof(*ret_keys->keys));
    if (!ret_keys->keys)
        return -ENOMEM;
    for (uint32_t i = 0; i < conn->count; i++) {
        const uint32_t index = v->order[conn->begin + i];

        if (is_wanted(&v->segs[index], from, which))
            ret_keys->keys[ret_keys->count++] = (struct key){ key(&v->segs[index]), index };
    }
    qsort(ret_keys->keys, ret_keys->count, sizeof(*ret_keys->keys), by_key);
    return 0;
}

static size_t run_of(const struct keys *k, size_t i)
{
    size_t n = 0;

    while (i + n < k->count && k->keys[i + n].key == k->keys[i].key)
        n++;
    return n;
}

static void join(const struct lane_pair *p, uint32_t sent, uint32_t received)
{
    struct seg *r = &p->received->segs[received], *s = &p->sent->segs[sent];

    s->mate = received;
    s->next = r->mate;
    r->mate = sent;
}

typedef void (*group_fn)(const struct lane_pair *p, const struct key *sent, size_t sent_count,
                         const struct key *received, size_t received_count, uint64_t shortest_ns);

/* Segments of one key at both sides, in order of their places. */
static int each_group(const struct lane_pair *p, enum which which, uint64_t (*key)(const struct seg *s), group_fn group,
                      uint64_t shortest_ns)
{
    struct keys s = { 0 }, r = { 0 };
    int error = list_keys(p->sent, p->sent_conn, p->from, which, key, &s);

    if (error == 0 && s.count)
        error = list_keys(p->received, p->received_conn, p->from, which, key, &r);
    for (size_t i = 0, k = 0; error == 0 && i < s.count && k < r.count;) {
        if (s.keys[i].key != r.keys[k].key) {
            if (s.keys[i].key < r.keys[k].key)
                i += run_of(&s, i);
            else
                k += run_of(&r, k);
            continue;
        }
        const size_t sent = run_of(&s, i), received = run_of(&r, k);

        group(p, &s.keys[i], sent, &r.keys[k], received, shortest_ns);
        i += sent;
        k += received;
    }
    free(s.keys);
    free(r.keys);
    return error;
}

/* They can be the same: not where both have a timestamp, and not the same one. */
static bool is_alike(const struct lane_pair *p, uint32_t sent, uint32_t received)
{
    const struct seg *s = &p->sent->segs[sent], *r = &p->received->segs[received];

    return !(s->options & r->options & SEGMENT_OPT_TS) || (s->ts_val == r->ts_val && s->ts_ecr == r->ts_ecr);
}

static void join_single(const struct lane_pair *p, const struct key *sent, size_t sent_count,
                        const struct key *received, size_t received_count, uint64_t shortest_ns)
{
    (void)shortest_ns;
    if (sent_count == 1 && received_count == 1 && is_alike(p, sent->index, received->index))
        join(p, sent->index, received->index);
}

int pair_unique(const struct lane_pair *p)
{
    int r = each_group(p, UNPAIRED, key_of_all, join_single, 0);

    if (r == 0)
        r = each_group(p, UNPAIRED, key_of_numbers, join_single, 0);
    return r < 0 ? r : each_group(p, UNPAIRED_DATA, key_of_end, join_single, 0);
}

static uint64_t sent_at(const struct lane_pair *p, uint32_t index)
{
    return seg_time(p->sent, &p->sent->segs[index]);
}

static uint64_t received_at(const struct lane_pair *p, uint32_t index)
{
    return seg_time(p->received, &p->received->segs[index]);
}

/* From the last one on: as many as arrived, each the latest that is not too late. */
static void join_latest(const struct lane_pair *p, const struct key *sent, size_t sent_count,
                        const struct key *received, size_t received_count, uint64_t shortest_ns)
{
    while (sent_count && received_count) {
        const uint64_t at = received_at(p, received[received_count - 1].index) + FLEET_SLACK_NS;
        const bool all_came = sent_count <= received_count;

        while (sent_count && (sent_at(p, sent[sent_count - 1].index) + (all_came ? 0 : shortest_ns) > at ||
                              !is_alike(p, sent[sent_count - 1].index, received[received_count - 1].index)))
            sent_count--;
        if (!sent_count)
            return;
        sent_count--;
        received_count--;
        if (at - sent_at(p, sent[sent_count].index) <= FLIGHT_MAX_NS)
            join(p, sent[sent_count].index, received[received_count].index);
    }
}

/* ---- data that was cut or joined */

/* Where its data ends, counted from where the stream began: within 4 GiB of it. */
static uint64_t end_from(const struct seg *s, uint32_t base)
{
    return s->seq + s->len - base;
}

static int list_data(const struct view *v, const struct view_conn *conn, enum end from, enum which which, uint32_t base,
                     struct keys *ret_keys)
{
    const int r = list_keys(v, conn, from, which, key_of_end, ret_keys);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ret_keys->count; i++)
        ret_keys->keys[i].key = end_from(&v->segs[ret_keys->keys[i].index], base);
    qsort(ret_keys->keys, ret_keys->count, sizeof(*ret_keys->keys), by_key);
    return 0;
}

static size_t first_from(const struct keys *k, uint64_t end)
{
    size_t low = 0, high = k->count;

    while (low < high) {
        const size_t middle = (low + high) / 2;

        if (k->keys[middle].key < end)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of the received ones that hold the last byte of this, the earliest that it can have come in. One that has a mate of its own is
 * it only where it is larger than what it is looked for: else it is that, sent again. */
static uint32_t carrier_of(const struct lane_pair *p, const struct keys *received, uint32_t base, uint32_t index)
{
    const struct seg *s = &p->sent->segs[index];
    const uint64_t end = end_from(s, base), sent = sent_at(p, index);
    uint64_t earliest = UINT64_MAX;
    uint32_t found = NONE;

    for (size_t i = first_from(received, end); i < received->count && received->keys[i].key - end < FLEET_SUPER_MAX;
         i++) {
        const uint32_t candidate = received->keys[i].index;
        const struct seg *r = &p->received->segs[candidate];
        const uint64_t at = received_at(p, candidate);

        if (received->keys[i].key - r->len < end && (r->mate == NONE || r->len > s->len) &&
            at + FLEET_SLACK_NS >= sent && at < earliest && at <= sent + FLIGHT_MAX_NS &&
            is_alike(p, index, candidate)) {
            earliest = at;
            found = candidate;
        }
    }
    return found;
}

/* What a piece was sent in. NONE: nothing larger. */
static uint32_t whole_of(const struct lane_pair *p, const struct keys *sent, uint32_t base, uint32_t index)
{
    const struct seg *r = &p->received->segs[index];
    const uint64_t end = end_from(r, base), at = received_at(p, index) + FLEET_SLACK_NS;

    for (size_t i = first_from(sent, end); i < sent->count && sent->keys[i].key - end < FLEET_SUPER_MAX; i++) {
        const uint32_t candidate = sent->keys[i].index;
        const struct seg *s = &p->sent->segs[candidate];

        if (s->len > r->len && sent->keys[i].key - s->len < end && sent_at(p, candidate) <= at &&
            is_alike(p, candidate, index))
            return candidate;
    }
    return NONE;
}

/* Pieces are not told, but for the last that came of a whole whose end did not. */
static void join_pieces(const struct lane_pair *p, const struct keys *sent, const struct keys *received, uint32_t base)
{
    for (size_t i = received->count; i-- > 0;) {
        struct seg *r = &p->received->segs[received->keys[i].index];
        uint32_t whole;

        if (r->mate != NONE)
            continue;
        whole = whole_of(p, sent, base, received->keys[i].index);
        if (whole == NONE)
            continue;
        if (p->sent->segs[whole].mate == NONE)
            join(p, whole, received->keys[i].index);
        else
            r->part = true;
    }
}

static int pair_data(const struct lane_pair *p)
{
    const uint32_t base = p->base;
    struct keys s = { 0 }, all = { 0 }, r = { 0 };
    int error = list_data(p->sent, p->sent_conn, p->from, UNPAIRED_DATA, base, &s);

    if (error == 0 && s.count)
        error = list_data(p->received, p->received_conn, p->from, ALL_DATA, base, &r);
    for (size_t i = s.count; error == 0 && i-- > 0;) {
        const uint32_t carrier = carrier_of(p, &r, base, s.keys[i].index);

        if (carrier != NONE)
            join(p, s.keys[i].index, carrier);
    }
    free(r.keys);
    r = (struct keys){ 0 };
    if (error == 0)
        error = list_data(p->received, p->received_conn, p->from, UNPAIRED_DATA, base, &r);
    if (error == 0 && r.count)
        error = list_data(p->sent, p->sent_conn, p->from, ALL_DATA, base, &all);
    if (error == 0 && r.count)
        join_pieces(p, &all, &r, base);
    free(s.keys);
    free(all.keys);
    free(r.keys);
    return error;
}

int pair_rest(const struct lane_pair *p, uint64_t shortest_ns)
{
    int r = each_group(p, UNPAIRED, key_of_all, join_latest, shortest_ns);

    if (r == 0)
        r = each_group(p, UNPAIRED, key_of_numbers, join_latest, shortest_ns);
    return r < 0 ? r : pair_data(p);
}
