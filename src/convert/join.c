/* Theory of operation. Packets of the capture wait in a row until the trace has come to their time. A segment of the trace looks for
 * its packet among those that wait, and brings more until one is there that is much later. A packet that the trace does not tell
 * of is handed on as soon as the trace is clearly past it. What a live trace tells, and another capture saw, differs a little in
 * time and order: SLACK_NS is how far a packet may be from its place. */
#include "tcplens/convert/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conns.h"
#include "tcplens/base/limits.h"

#define WAITING_MAX 4096u /* a power of two */
#define SLACK_NS 5000000ull
#define LATER_NS 1000000000ull

struct queued {
    uint64_t number; /* of the packet; 0: it was handed on */
    uint64_t ts_ns, frame;
    bool is_segment;
    struct segment segment;
};

struct join {
    const struct convert_ops *ops;
    void *conversion;
    join_more_fn more;
    void *arg;
    bool ended;
    struct conns *conns;
    struct packets *packets;
    struct queued row[WAITING_MAX];
    uint64_t first, next; /* places in the row, counted on */
    uint64_t segments, found;
};

int join_new(const struct convert_ops *ops, void *conversion, join_more_fn more, void *arg, struct join **ret_join)
{
    struct join *j = calloc(1, sizeof(*j));

    if (!j)
        return -ENOMEM;
    j->ops = ops;
    j->conversion = conversion;
    j->more = more;
    j->arg = arg;
    if (conns_new(&j->conns) < 0 || packets_new(LIMIT_HELD_PACKETS, &j->packets) < 0) {
        join_free(j);
        return -ENOMEM;
    }
    *ret_join = j;
    return 0;
}

void join_free(struct join *j)
{
    if (!j)
        return;
    conns_free(j->conns);
    packets_free(j->packets);
    free(j);
}

static struct queued *at(struct join *j, uint64_t i)
{
    return &j->row[i & (WAITING_MAX - 1)];
}

/* frame: of the trace's record that it belongs to; that of the capture where it belongs to none. */
static void hand_on(struct join *j, struct queued *w, uint64_t frame)
{
    struct packet packet;

    if (packets_get(j->packets, w->number, &packet)) {
        packet.frame = frame;
        j->ops->packet(j->conversion, &packet);
    }
    w->number = 0;
}

static void hand_on_first(struct join *j)
{
    struct queued *w = at(j, j->first++);

    if (w->number)
        hand_on(j, w, w->frame);
}

uint64_t join_packet(void *join, const struct packet *packet)
{
    struct join *j = join;

    if (j->next - j->first == WAITING_MAX)
        hand_on_first(j);
    *at(j, j->next++) =
        (struct queued){ .number = packets_put(j->packets, packet), .ts_ns = packet->ts_ns, .frame = packet->frame };
    return 0;
}

void join_event(void *join, const struct event *event)
{
    struct join *j = join;
    struct queued *w = at(j, j->next - 1);

    if (event->kind != EVENT_SEGMENT || j->next == j->first)
        return;
    w->is_segment = true;
    w->segment = event->segment;
}

static bool is_like(const struct queued *w, const struct change *c, const struct conn_row *row)
{
    const struct segment *want = &c->segment.segment, *have = &w->segment;
    const enum end peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;

    return w->number && w->is_segment && have->flags == want->flags && have->payload_len == want->payload_len &&
           endpoint_equal(&have->src, &row->at[c->end]) && endpoint_equal(&have->dst, &row->at[peer]);
}

static bool is_packet_of(const struct queued *w, const struct change *c, const struct conn_row *row)
{
    const struct segment *want = &c->segment.segment, *have = &w->segment;
    const enum end peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;

    return is_like(w, c, row) &&
           (!row->isn_known[c->end] || have->seq == row->isn[c->end] + (uint32_t)c->segment.seq) &&
           (!(want->flags & SEGMENT_ACK) || !row->isn_known[peer] ||
            have->ack == row->isn[peer] + (uint32_t)c->segment.ack);
}

/* Brings packets until one is later than ts_ns, or there is no room for more. */
static void bring_until(struct join *j, uint64_t ts_ns)
{
    while (!j->ended && j->next - j->first < WAITING_MAX / 2 &&
           (j->next == j->first || at(j, j->next - 1)->ts_ns <= ts_ns))
        j->ended = !j->more(j->arg);
}

static void match_segment(struct join *j, const struct change *c)
{
    const struct conn_row *row = conns_of(j->conns, c->conn);

    while (true) {
        bring_until(j, c->ts_ns + LATER_NS);
        if (j->first == j->next || at(j, j->first)->ts_ns + SLACK_NS >= c->ts_ns)
            break;
        hand_on_first(j);
    }
    for (uint64_t i = j->first; row && (unsigned)c->end < END_N && i < j->next; i++)
        if (is_packet_of(at(j, i), c, row)) {
            hand_on(j, at(j, i), 0);
            j->found++;
            return;
        }
}

/* All before the packet of that number. That one, which then is the first; NULL: it was handed on, or there is none. */
static const struct queued *hand_on_before(struct join *j, uint64_t frame)
{
    while (true) {
        if (j->first == j->next) {
            if (j->ended)
                return NULL;
            j->ended = !j->more(j->arg);
        } else if (at(j, j->first)->frame < frame) {
            hand_on_first(j);
        } else {
            return at(j, j->first)->frame == frame ? at(j, j->first) : NULL;
        }
    }
}

static uint64_t *frame_of(struct change *c)
{
    switch (c->kind) {
    case CHANGE_SEGMENT: return &c->segment.frame;
    case CHANGE_ICMP: return &c->icmp.frame;
    case CHANGE_DATAGRAM: return &c->datagram.frame;
    default: return NULL;
    }
}

/* The packet of the number that the trace gives. Of another capture it is another one: then the trace's has none. */
static void take_numbered(struct join *j, struct change *c, uint64_t *frame)
{
    const struct queued *w = hand_on_before(j, *frame);
    const struct conn_row *row = conns_of(j->conns, c->conn);

    if (c->kind == CHANGE_SEGMENT && w && row && !is_like(w, c, row)) {
        *frame = 0;
        return;
    }
    j->found += c->kind == CHANGE_SEGMENT && w;
    if (w)
        hand_on_first(j);
}

void join_change(struct join *j, const struct change *change, uint64_t start_ns)
{
    struct change c = *change;
    uint64_t *frame = frame_of(&c);

    conns_take(j->conns, &c);
    j->segments += c.kind == CHANGE_SEGMENT;
    if (frame && *frame)
        take_numbered(j, &c, frame);
    else if (c.kind == CHANGE_SEGMENT)
        match_segment(j, &c);
    j->ops->change(j->conversion, &c, start_ns);
}

void join_finish(struct join *j)
{
    (void)hand_on_before(j, UINT64_MAX);
}

void join_found(const struct join *j, uint64_t *ret_segments, uint64_t *ret_found)
{
    *ret_segments = j->segments;
    *ret_found = j->found;
}
