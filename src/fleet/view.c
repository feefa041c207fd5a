#include "view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Queues of a network card hand on what they have each, one after the other. */
#define OUT_OF_ORDER_NS 100000000ull

bool view_grow(void *array, size_t count, size_t *room, size_t size)
{
    void **at = array, *more;
    size_t wanted = *room ? *room * 2 : 64;

    if (count < *room)
        return true;
    more = reallocarray(*at, wanted, size);
    if (!more)
        return false;
    *at = more;
    *room = wanted;
    return true;
}

void view_header(struct view *v, const struct trace_header *h)
{
    v->has_kernel = h->sources[WITNESS_KERNEL] || h->sources[WITNESS_DIAG];
    v->host = h->host;
    memcpy(v->sources, h->sources, sizeof(v->sources));
    if (v->has_kernel)
        v->first_ns = h->start_ns;
}

/* Numbers are given in order, but for those of connections that are in no trace. */
struct view_conn *view_conn(const struct view *v, uint32_t number)
{
    size_t low = 0, high = v->conn_count;

    while (low < high) {
        const size_t middle = (low + high) / 2;

        if (v->conns[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < v->conn_count && v->conns[low].number == number ? &v->conns[low] : NULL;
}

static int take_connection(struct view *v, const struct change *c)
{
    struct view_conn *conn;

    if (v->conn_count && v->conns[v->conn_count - 1].number >= c->conn)
        return 0;
    if (!view_grow(&v->conns, v->conn_count, &v->conn_room, sizeof(*v->conns)))
        return -ENOMEM;
    conn = &v->conns[v->conn_count++];
    *conn = (struct view_conn){ .at = { c->connection.client, c->connection.server },
                                .number = c->conn,
                                .netns = c->connection.netns,
                                .tie = NONE,
                                .local = { c->connection.local[END_CLIENT], c->connection.local[END_SERVER] },
                                .before_trace = c->connection.before_trace,
                                .roles_assumed = c->connection.roles_assumed,
                                .tunnelled = c->connection.tunnel != NULL,
                                .first_ns = c->ts_ns,
                                .first_n = (uint32_t)c->n };
    return 0;
}

/* A window is told as bytes, where its scale is known; it is sent in the sender's unit. */
static uint16_t window_sent(const struct view_conn *conn, const struct change *c)
{
    const bool scaled =
        !(c->segment.segment.flags & SEGMENT_SYN) && conn->scales[END_CLIENT] && conn->scales[END_SERVER];
    const uint64_t window = scaled ? c->segment.window >> conn->shift[c->end] : c->segment.window;

    return (uint16_t)(window < UINT16_MAX ? window : UINT16_MAX);
}

static bool is_rare(const struct segment *seg)
{
    return seg->options & (SEGMENT_OPT_MSS | SEGMENT_OPT_WSCALE | SEGMENT_OPT_SACK | SEGMENT_OPT_TFO);
}

/* Edges are told relative to what the peer sends. */
static int take_rare(struct view *v, const struct view_conn *conn, const struct change *c, struct seg *s)
{
    const struct segment *seg = &c->segment.segment;
    struct rare *rare;

    if (!is_rare(seg))
        return 0;
    if (!view_grow(&v->rares, v->rare_count, &v->rare_room, sizeof(*v->rares)))
        return -ENOMEM;
    rare = &v->rares[v->rare_count++];
    *rare = (struct rare){ seg->mss, seg->wscale, seg->tfo_len, seg->sack_count, { { 0 } } };
    for (unsigned i = 0; i < seg->sack_count; i++)
        for (unsigned edge = 0; edge < 2; edge++)
            rare->sack[i][edge] =
                v->is_trace ? conn->base[!c->end] + (uint32_t)c->segment.sack[i][edge] : seg->sack[i][edge];
    s->rare = (uint32_t)v->rare_count;
    return 0;
}

static void learn_of_syn(struct view_conn *conn, const struct change *c)
{
    const struct segment *seg = &c->segment.segment;

    if (!(seg->flags & SEGMENT_SYN) || conn->based[c->end] || c->segment.seq != 0)
        return;
    conn->base[c->end] = seg->seq;
    conn->based[c->end] = true;
    conn->scales[c->end] = seg->options & SEGMENT_OPT_WSCALE;
    conn->shift[c->end] = seg->wscale < 14 ? seg->wscale : 14; /* RFC 7323 2.3 */
}

static int take_segment(struct view *v, const struct change *c)
{
    struct view_conn *conn = view_conn(v, c->conn);
    const struct segment *seg = &c->segment.segment;
    struct seg *s;

    if (!conn)
        return 0;
    if (!view_grow(&v->segs, v->seg_count, &v->seg_room, sizeof(*v->segs)))
        return -ENOMEM;
    learn_of_syn(conn, c);
    conn->told[c->end]++;
    s = &v->segs[v->seg_count++];
    *s = (struct seg){ .ts_ns = c->ts_ns,
                       .n = (uint32_t)c->n,
                       .conn = (uint32_t)(conn - v->conns),
                       .mate = NONE,
                       .next = NONE,
                       .seq = v->is_trace ? conn->base[c->end] + (uint32_t)c->segment.seq : seg->seq,
                       .ack = v->is_trace ? conn->base[!c->end] + (uint32_t)c->segment.ack : seg->ack,
                       .len = seg->payload_len,
                       .ts_val = seg->ts_val,
                       .ts_ecr = seg->ts_ecr,
                       .window = v->is_trace ? window_sent(conn, c) : seg->window,
                       .flags = seg->flags,
                       .options = seg->options,
                       .from = c->end,
                       .bad = c->segment.notes & NOTE_BAD_CHECKSUM,
                       .cut = seg->cut };
    if (!(s->flags & SEGMENT_ACK))
        s->ack = 0;
    return take_rare(v, conn, c, s);
}

static int take_outcome(struct view *v, const struct change *c)
{
    struct view_conn *conn = view_conn(v, c->conn);
    struct verdict_seen *seen;

    if (!conn || conn->verdict)
        return 0;
    memcpy(conn->segments, c->outcome.segments, sizeof(conn->segments));
    if (!v->has_kernel) /* what follows from packets is concluded anew */
        return 0;
    seen = malloc(sizeof(*seen));
    if (!seen)
        return -ENOMEM;
    *seen = (struct verdict_seen){ .verdict = c->outcome.verdict,
                                   .cause = c->outcome.cause,
                                   .cause_end = c->outcome.cause_end,
                                   .closed_by = c->outcome.closed_by,
                                   .reset_by = c->outcome.reset_by,
                                   .error = c->outcome.error,
                                   .unread = c->outcome.unread,
                                   .duration_ns = c->outcome.duration_ns,
                                   .listener = c->listener,
                                   .drops = c->outcome.drops };
    memcpy(seen->final, c->outcome.final, sizeof(seen->final));
    memcpy(seen->state_ns, c->outcome.state_ns, sizeof(seen->state_ns));
    conn->verdict = seen;
    return 0;
}

static int take_icmp(struct view *v, const struct change *c)
{
    const struct view_conn *conn = view_conn(v, c->conn);

    if (!conn)
        return 0;
    if (!view_grow(&v->icmps, v->icmp_count, &v->icmp_room, sizeof(*v->icmps)))
        return -ENOMEM;
    v->icmps[v->icmp_count++] = (struct icmp_seen){ .ts_ns = c->ts_ns,
                                                    .n = (uint32_t)c->n,
                                                    .conn = (uint32_t)(conn - v->conns),
                                                    .end = c->end,
                                                    .error = c->icmp.error,
                                                    .by = c->icmp.by,
                                                    .seq = c->icmp.seq,
                                                    .mtu = c->icmp.mtu };
    return 0;
}

int view_take(struct view *v, const struct change *c)
{
    if (!v->first_ns)
        v->first_ns = c->ts_ns;
    v->last_n = (uint32_t)c->n;
    if (c->kind == CHANGE_SEGMENT) { /* what is concluded may be dated later */
        v->set_back |= c->ts_ns + OUT_OF_ORDER_NS < v->last_ns;
        if (c->ts_ns > v->last_ns)
            v->last_ns = c->ts_ns;
    }
    switch (c->kind) {
    case CHANGE_CONNECTION: return take_connection(v, c);
    case CHANGE_SEGMENT: return take_segment(v, c);
    case CHANGE_OUTCOME: return take_outcome(v, c);
    case CHANGE_ICMP: return take_icmp(v, c);
    case CHANGE_GAP: v->packets_lost |= c->gap.source == WITNESS_WIRE; return 0;
    default: return 0;
    }
}

int view_complete(struct view *v)
{
    uint32_t at = 0;

    v->order = calloc(v->seg_count + 1, sizeof(*v->order));
    if (!v->order)
        return -ENOMEM;
    for (size_t i = 0; i < v->seg_count; i++)
        v->conns[v->segs[i].conn].count++;
    for (size_t i = 0; i < v->conn_count; i++) {
        for (unsigned end = 0; end < END_N; end++)
            v->conns[i].relative[end] = v->is_trace && !v->conns[i].based[end];
        v->conns[i].begin = at;
        at += v->conns[i].count;
        v->conns[i].count = 0;
    }
    for (size_t i = 0; i < v->seg_count; i++) {
        struct view_conn *conn = &v->conns[v->segs[i].conn];

        v->order[conn->begin + conn->count++] = (uint32_t)i;
    }
    return 0;
}

#define SWAP(type, pair)                                                                                               \
    do {                                                                                                               \
        const type first_ = (pair)[0];                                                                                 \
        (pair)[0] = (pair)[1];                                                                                         \
        (pair)[1] = first_;                                                                                            \
    } while (0)

static void turn_end(enum end *end)
{
    *end = *end == END_UNKNOWN ? END_UNKNOWN : !*end;
}

static void turn_verdict(struct verdict_seen *seen)
{
    turn_end(&seen->cause_end);
    turn_end(&seen->closed_by);
    turn_end(&seen->reset_by);
    SWAP(enum tcp_state, seen->final);
    for (unsigned state = 0; state < TCP_STATE_N; state++) {
        const uint64_t first = seen->state_ns[0][state];

        seen->state_ns[0][state] = seen->state_ns[1][state];
        seen->state_ns[1][state] = first;
    }
}

void view_turn(struct view *v, uint32_t index)
{
    struct view_conn *c = &v->conns[index];

    c->turned = !c->turned;
    SWAP(struct endpoint, c->at);
    SWAP(uint32_t, c->base);
    SWAP(bool, c->based);
    SWAP(bool, c->local);
    SWAP(bool, c->relative);
    SWAP(uint8_t, c->shift);
    SWAP(bool, c->scales);
    SWAP(uint64_t, c->told);
    SWAP(uint64_t, c->segments);
    if (c->verdict)
        turn_verdict(c->verdict);
    for (uint32_t i = 0; i < c->count; i++) {
        struct seg *s = &v->segs[v->order[c->begin + i]];

        s->from = !s->from;
    }
    for (size_t i = 0; i < v->icmp_count; i++)
        if (v->icmps[i].conn == index)
            turn_end(&v->icmps[i].end);
}

void view_free(struct view *v)
{
    for (size_t i = 0; i < v->conn_count; i++)
        free(v->conns[i].verdict);
    free(v->segs);
    free(v->rares);
    free(v->conns);
    free(v->icmps);
    free(v->order);
    free(v->passed);
    free(v->listeners.pairs);
    free(v->sockets.pairs);
}
