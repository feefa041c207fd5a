/* What a segment does to each lane in turn. Three things follow it, and none reads another's: the RFC's machine (wire),
 * the notes by Wireshark's definitions, Zeek's letters; the streams keep the numbers. */
#include <string.h>

#include "roof.h"

#include <stdlib.h>

#include "tcplens/base/rare.h"

/* A segment, and the life it belongs to. */
struct passage {
    struct conn_engine *engine;
    const struct event *event;
    struct life *life;
    enum end from;
    uint64_t now_ns; /* when it takes effect: later than it happened only where it was held */
    bool told;       /* its record was written while it was held, as one of the connection before */
};

static struct stream_room room_of(const struct passage *p)
{
    return (struct stream_room){ &p->engine->conns.rare, &p->life->conn.rare };
}

static bool is_wanted(const struct conn_engine *g, const struct segment *seg, uint32_t notes)
{
    return g->config.segments == CONN_SEGMENTS_ALL || (seg->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) || notes;
}

static uint64_t max0(int64_t number)
{
    return number > 0 ? (uint64_t)number : 0;
}

/* As tell_segment(), where segments are told, or looked at. */
static uint64_t put_segment(const struct passage *p, const struct stream_place *place, const struct notes *n)
{
    const struct segment *seg = &p->event->segment;
    const struct streams *streams = &p->life->conn.streams;
    struct change change NO_ZEROS;

    change_begin(&change, CHANGE_SEGMENT);
    change.conn = p->life->conn.number;
    change.end = p->from;
    change.segment.segment = *seg; /* the rest of the members one by one: there are more of these than of all others */
    change.segment.seq = place->seq;
    change.segment.ack = place->ack;
    change.segment.window = stream_window(streams, p->from, seg);
    change.segment.frame = p->event->frame;
    change.segment.notes = n->notes;
    change.segment.dup_ack = n->dup_ack;
    change.segment.rtt_ns = n->rtt_ns;
    change.segment.sent_ns = change.segment.received_ns = 0;
    change.segment.header.len = p->event->header.len;
    memcpy(change.segment.header.bytes, p->event->header.bytes, p->event->header.len);
    for (unsigned i = 0; i < seg->sack_count; i++)
        for (unsigned edge = 0; edge < 2; edge++)
            change.segment.sack[i][edge] = max0(stream_unwrap(&streams->of[!p->from], seg->sack[i][edge]));
    if (is_wanted(p->engine, seg, n->notes))
        return emit(&p->engine->out, p->event->ts_ns, &change);
    change.ts_ns = p->event->ts_ns;
    findings_take(&p->engine->findings, &change, p->life);
    return 0;
}

/* Returns the record's number; 0: it is not written. Where those are written that show a problem, what is wrong is still found
 * among all. */
static uint64_t tell_segment(const struct passage *p, const struct stream_place *place, const struct notes *n)
{
    return p->engine->config.segments == CONN_SEGMENTS_NONE ? 0 : put_segment(p, place, n);
}

/* record: the number of its record. */
static RARE void hold(struct held *h, const struct passage *p, uint64_t record)
{
    h->segments[h->next++ % LIMIT_HELD_SEGMENTS] =
        (struct held_segment){ .conn = p->life->conn.number, .record = record, .event = *p->event };
}

/* NULL: none is held, or no longer. */
static RARE struct held_segment *held_of(struct held *h, const struct life *l, const struct endpoint *from)
{
    for (unsigned i = 0; i < LIMIT_HELD_SEGMENTS; i++)
        if (h->segments[i].conn == l->conn.number && endpoint_equal(&h->segments[i].event.local, from))
            return &h->segments[i];
    return NULL;
}

/* The SYN that a SYN,ACK answers, where it was held. NULL: none. */
static struct held_segment *held_syn_of(struct conn_engine *g, const struct life *l, const struct segment *seg)
{
    if ((seg->flags & (SEGMENT_SYN | SEGMENT_ACK)) != (SEGMENT_SYN | SEGMENT_ACK))
        return NULL;
    for (unsigned i = 0; i < LIMIT_HELD_SEGMENTS; i++) {
        struct held_segment *held = &g->held_syns.segments[i];

        if (held->conn == l->conn.number && seg->ack == held->event.segment.seq + 1 &&
            endpoint_equal(&held->event.local, &seg->dst))
            return held;
    }
    return NULL;
}

static struct life *begin(struct conn_engine *g, const struct event *e, uint32_t hash)
{
    const struct wire_roles roles = wire_roles_of(&e->segment);

    if (roles.assumed && (e->segment.flags & SEGMENT_RST)) {
        strays_add(&g->strays, &e->local, &e->remote);
        return NULL;
    }
    return lives_begin(g, e, hash,
                       (struct introduction){ .local_is_client = roles.client,
                                              .midstream = roles.assumed,
                                              .roles_assumed = roles.assumed });
}

/* What one end has sent is in the books of both. */
static inline void enter(const struct passage *p, enum end from, const struct stream_place *place, uint64_t record)
{
    struct life *l = p->life;
    const struct segment *seg = &p->event->segment;

    if (l->has_kernel)
        kernel_saw_segment(&l->kernel->lane, &l->conn.streams, from, seg, place->ack, p->event->ts_ns, record);
    stream_take(&l->conn.streams, from, seg, place, room_of(p));
    stream_count(&l->conn.streams.of[from]);
}

/* It came from the other end as well. */
static RARE void enter_as_peer(const struct passage *p, uint64_t record)
{
    struct life *l = p->life;
    const struct segment *seg = &p->event->segment;
    struct stream_place place;
    struct notes notes;

    notes_segment(&l->notes, &l->conn.streams, !p->from, seg, p->event->ts_ns, &notes);
    place = stream_number(&l->conn.streams, !p->from, seg, room_of(p));
    enter(p, !p->from, &place, record);
}

/* Remembers what is on its way, for when it arrives. NULL: it is not, or there is no memory. */
static struct flight *depart(const struct passage *p, const struct stream_place *place, uint64_t record)
{
    struct conn_engine *g = p->engine;
    struct flight *flight;

    if (p->event->fate != FATE_ON_ITS_WAY)
        return NULL;
    if (!g->flights && !(g->flights = calloc(LIMIT_FLIGHTS, sizeof(*g->flights))))
        return NULL;
    flight = &g->flights[p->event->flight % LIMIT_FLIGHTS];
    *flight = (struct flight){ .number = p->event->flight,
                               .conn = p->life->conn.number,
                               .from = p->from,
                               .place = *place,
                               .record = record,
                               .sent_ns = p->event->ts_ns };
    return flight;
}

/* Nobody takes it; its numbers may be nonsense. Returns its record's number. */
static RARE uint64_t leave_out(const struct passage *p, const struct stream_place *place, const struct notes *n)
{
    uint64_t record;

    stream_count(&p->life->conn.streams.of[p->from]);
    record = tell_segment(p, place, n);
    depart(p, place, record);
    return record;
}

/* What a step did at the ends, for the comparison of the witnesses. */
static void note_moves(struct life *l, const struct wire_moves *moves)
{
    for (unsigned i = 0; l->has_kernel && i < END_N; i++)
        if (moves->record[i])
            l->kernel->compared[i].moved = moves->record[i];
}

/* A listener for it. On [::] it may not take IPv4 (IPV6_V6ONLY), which is not known. */
static bool is_listened_for(const struct passage *p)
{
    const struct endpoint *to = &p->event->segment.src;
    const struct listener *l = registry_at(&p->engine->listeners, to, p->event->netns);

    return l && addr_is_ipv4(&l->addr.addr) == addr_is_ipv4(&to->addr);
}

/* This host's TCP was to answer what came for it, and it tells of each RST. */
static bool is_told_of(const struct passage *p)
{
    const struct conn_config *config = &p->engine->config;

    return config->stray_resets && !config->all_netns && lives_is_local(p->engine, &p->event->segment.src.addr);
}

/* A RST of an end that its kernel holds on to, or that would answer a SYN here: not TCP sent it, unless the kernel tells of that
 * yet. */
static RARE void note_filter(const struct passage *p)
{
    const struct conn_engine *g = p->engine;
    const struct conn *c = &p->life->conn;
    struct kernel_lane *lane = &p->life->kernel->lane;
    const bool refuses =
        p->from == END_SERVER && !c->streams.of[END_SERVER].syn_sent && (is_listened_for(p) || is_told_of(p));
    const bool lives_on =
        kernel_lives_on(&c->ends, p->from) && ends_state(&c->ends, p->from, LANE_KERNEL) != TCP_STATE_TIME_WAIT;

    if (g->config.all_resets && !g->events_lost && !c->ends.midstream && !lane->reset && lane->cause == CAUSE_NONE &&
        (refuses || lives_on))
        lane->cause = CAUSE_FILTER_RESET;
}

/* What it does to both ends, or to its sender alone. */
static void move(struct wire_step *step, const struct passage *p, const struct stream_place *place, bool unseen_fin)
{
    struct flight *flight = depart(p, place, step->because);

    if (flight) {
        flight->takes_effect = true;
        flight->again = step->again;
        flight->advances = step->advances;
    }
    step->apart = p->event->fate != FATE_UNSAID;
    if (step->apart)
        wire_sent(step, p->from, place, unseen_fin);
    else
        wire_segment(step, p->from, place, unseen_fin);
}

/* The segment takes effect. */
static void take(const struct passage *p, struct notes *n)
{
    struct life *l = p->life;
    struct conn *c = &l->conn;
    const struct segment *seg = &p->event->segment;
    const struct stream *sender = &c->streams.of[p->from];
    const bool again =
        ((seg->flags & SEGMENT_SYN) && sender->syn_sent) || ((seg->flags & SEGMENT_FIN) && sender->fin_sent);
    const struct stream_place place = stream_number(&c->streams, p->from, seg, room_of(p));
    const unsigned gaps = stream_gaps(&c->streams, p->from, seg, &place, false, room_of(p));
    struct wire_step step = { .out = &p->engine->out,
                              .conn = c,
                              .lane = &l->wire,
                              .segment = seg,
                              .ts_ns = p->now_ns,
                              .again = again && n->again,
                              .advances = (seg->flags & SEGMENT_ACK) && place.ack > sender->acked,
                              .ahead = gaps && !sender->acked,
                              .rtt_ns = notes_rtt_ns(&l->notes) };
    const bool unseen_fin = wire_shows_unseen_fin(c, p->from, seg, place.ack);

    if (gaps) {
        if (stream_gaps(&c->streams, p->from, seg, &place, true, room_of(p)))
            n->notes |= NOTE_ACKED_UNSEEN;
        zeek_gaps(&l->zeek, !p->from, gaps);
    }
    step.because = p->told ? 0 : tell_segment(p, &place, n);
    enter(p, p->from, &place, step.because);
    if (c->self)
        enter_as_peer(p, step.because);
    if (stream_is_dropped(seg))
        return;
    if ((seg->flags & SEGMENT_RST) && l->has_kernel)
        note_filter(p);
    move(&step, p, &place, unseen_fin);
    note_moves(l, &step.moves);
}

/* How far the receiver lets the sender go. Once it is open, segments of both directions may stand in the capture in another order
 * than they were handled in. */
static int64_t highest_seq(const struct conn *c, const struct notes_lane *notes, enum end from)
{
    const struct streams *s = &c->streams;
    int64_t window;

    if (!s->of[!from].acked && !s->of[!from].syn_sent)
        return INT64_MAX;
    window = notes_window(notes, s, !from);
    return s->of[!from].acked + (c->ends.established ? 2 * window : window);
}

/* The highest number that the sender may acknowledge, beyond what its peer was seen to send. */
static int64_t highest_ack(const struct conn *c, const struct notes_lane *notes, enum end from,
                           const struct segment *seg)
{
    const struct streams *s = &c->streams;
    int64_t window, announced;

    if (!s->of[from].acked && !s->of[!from].syn_sent)
        return INT64_MAX;
    window = notes_window(notes, s, from);
    announced = notes_window_of(s, from, seg);
    return s->of[from].acked + (window < announced ? announced : window);
}

/* As far as numbers tell, can the receiver take it? */
static enum stream_fit fit_of(const struct passage *p)
{
    const struct segment *seg = &p->event->segment;
    const struct conn *c = &p->life->conn;
    const struct streams *s = &c->streams;
    const enum end from = p->from;
    const struct stream_place place = stream_place_of(s, from, seg);
    struct stream_edges edges = { .synchronised = (seg->flags & SEGMENT_SYN) && wire_is_open(c) };

    if (c->self)
        return STREAM_FITS;
    if (!s->of[!from].segments && !(seg->flags & SEGMENT_SYN)) {
        edges.seq = s->of[from].snd_max + STREAM_LEAP;
        edges.ack = s->of[from].acked + STREAM_LEAP;
    } else {
        edges.seq = highest_seq(c, &p->life->notes, from);
        edges.ack = s->of[!from].snd_max; /* nearly always it is no more */
        if (place.ack > edges.ack)
            edges.ack = highest_ack(c, &p->life->notes, from, seg);
    }
    return stream_fit(s, from, seg, &place, &edges, room_of(p));
}

/* Numbers are not all that counts of a RST. */
static bool is_taken(const struct passage *p, enum stream_fit fit)
{
    const struct segment *seg = &p->event->segment;
    const struct conn *c = &p->life->conn;
    struct stream_place place;

    if (!(seg->flags & SEGMENT_RST))
        return fit != STREAM_STRAY;
    place = stream_place_of(&c->streams, p->from, seg);
    return wire_rst_is_genuine(c, p->from, seg, &place, notes_last_ack(&p->life->notes, !p->from));
}

/* Longer than that no segment is overtaken by the next: the least RTO of Linux, as what is sent again is late by intent. */
#define RESET_HELD_NS 200000000ull

/* Its receiver drops it, and may answer that. A SYN into an open connection is not taken (RFC 9293 3.10.7.4), and mostly nothing
 * comes of it; where it is answered with a SYN,ACK the receiver was not open any more, and another connection has begun. A RST
 * beyond what was captured of its sender may stand there too early. */
static RARE void refuse(struct passage *p)
{
    const struct segment *seg = &p->event->segment;
    struct life *l = p->life;
    const struct stream_place place = stream_place_of(&l->conn.streams, p->from, seg);
    struct notes n = { .notes = NOTE_UNACCEPTABLE };
    uint64_t record;

    if (l->conn.streams.of[!p->from].segments || (seg->flags & SEGMENT_RST)) {
        l->wire.end[!p->from].challenged = true;
    } else { /* what a peer takes that is never seen is not known */
        notes_segment(&l->notes, &l->conn.streams, p->from, seg, p->event->ts_ns, &n);
    }
    if (!(seg->flags & (SEGMENT_SYN | SEGMENT_RST)))
        l->wire.end[p->from].spoke = true;
    if (!(seg->flags & SEGMENT_RST))
        stream_adapt(&l->conn.streams, p->from, seg, STREAM_STRAY, room_of(p));
    record = leave_out(p, &place, &n);
    if ((seg->flags & (SEGMENT_SYN | SEGMENT_ACK)) == SEGMENT_SYN)
        hold(&p->engine->held_syns, p, record);
    if ((seg->flags & SEGMENT_RST) && place.seq > l->conn.streams.of[p->from].snd_max) {
        hold(&p->engine->held_resets, p, record);
        l->wire.end[p->from].reset_held = true;
    }
}

/* Where a capture has a RST just before the data that it followed, this data shows it. */
static RARE void take_held_reset(struct passage *p)
{
    struct life *l = p->life;
    struct held_segment *held = held_of(&p->engine->held_resets, l, &p->event->local);
    struct wire_step step = { .out = &p->engine->out, .conn = &l->conn, .lane = &l->wire, .ts_ns = p->now_ns };
    struct stream_place place;

    if (!held || p->event->ts_ns - held->event.ts_ns > RESET_HELD_NS) {
        l->wire.end[p->from].reset_held = false;
        return;
    }
    place = stream_place_of(&l->conn.streams, p->from, &held->event.segment);
    if (place.seq != l->conn.streams.of[p->from].snd_max)
        return;
    l->wire.end[p->from].reset_held = false;
    held->conn = 0;
    step.segment = &held->event.segment;
    step.because = held->record;
    wire_segment(&step, p->from, &place, false);
    note_moves(l, &step.moves);
}

/* It asks the sender of a SYN or RST to show that it is the peer. */
static uint32_t note_challenge(struct passage *p)
{
    const struct segment *seg = &p->event->segment;
    const struct streams *s = &p->life->conn.streams;
    struct wire_end *end = &p->life->wire.end[p->from];
    const bool challenged = end->challenged;

    end->challenged = false;
    return challenged && (seg->flags & ~SEGMENT_PSH) == SEGMENT_ACK && !seg->payload_len &&
                   stream_unwrap(&s->of[!p->from], seg->ack) == s->of[p->from].acked
               ? NOTE_CHALLENGE_ACK
               : 0;
}

/* A segment that belongs to this connection. notes: what is known of it already. */
static void pass(struct passage *p, uint32_t notes)
{
    const struct segment *seg = &p->event->segment;
    struct life *l = p->life;
    const enum stream_fit fit = fit_of(p);
    struct notes n NO_ZEROS;

    if (!is_taken(p, fit)) {
        refuse(p);
        return;
    }
    notes |= note_challenge(p);
    stream_adapt(&l->conn.streams, p->from, seg, fit, room_of(p));
    if (fit == STREAM_GOES_BACK)
        notes_renumber(&l->notes, !p->from);
    else if (fit == STREAM_RENUMBERS || ((seg->flags & SEGMENT_SYN) && !l->conn.streams.of[p->from].syn_sent))
        notes_renumber(&l->notes, p->from);
    notes_segment(&l->notes, &l->conn.streams, p->from, seg, p->event->ts_ns, &n);
    n.notes |= notes;
    take(p, &n);
    if (l->wire.end[p->from].reset_held)
        take_held_reset(p);
}

/* A wrong checksum shows that the segment was damaged. */
static bool is_damaged(struct conn_engine *g, const struct stream *sender, const struct segment *seg)
{
    if (!seg->bad_checksum) {
        if (!sender->segments) /* one of each connection will do */
            senders_right(&g->senders, &seg->src.addr);
        return false;
    }
    return g->config.checksums == CONN_CHECKSUMS_CHECK ||
           (g->config.checksums == CONN_CHECKSUMS_AUTO && !senders_wrong(&g->senders, &seg->src.addr));
}

/* The SYN,ACK to a SYN that was held: that began a connection, and this is its second segment. NULL: no memory. */
static RARE struct life *begin_with(struct conn_engine *g, const struct held_segment *held, struct life *l,
                                    uint64_t ts_ns)
{
    struct event e = held->event;
    const uint64_t syn_ns = e.ts_ns;
    struct passage p = { .engine = g, .event = &e, .now_ns = ts_ns, .told = true };

    lives_supersede(g, l, ts_ns);
    e.ts_ns = ts_ns; /* only now it is known */
    p.life = begin(g, &e, table_hash(&g->conns, &e));
    if (!p.life)
        return NULL;
    p.from = conn_end_of(&p.life->conn, &e.local);
    e.ts_ns = syn_ns;
    zeek_begin(&p.life->zeek, p.from, &e.segment);
    zeek_segment(&p.life->zeek, p.from, &e.segment);
    pass(&p, 0);
    return p.life;
}

/* After the end of a connection others go on at its endpoints, in numbers of their own: they began unseen. */
static bool is_of_later_use(struct conn_engine *g, const struct event *e, struct life *l, enum end from)
{
    const struct passage p = { .engine = g, .event = e, .life = l, .from = from };

    return ends_over(&l->conn.ends) && fit_of(&p) == STREAM_FOUND;
}

/* *ret_notes: NOTE_PORT_REUSE where the endpoints were used before, by a connection that was still followed. NULL: the segment
 * answers something that was never seen, or there is no memory. */
static struct life *life_for(struct conn_engine *g, const struct event *e, uint32_t *ret_notes)
{
    const struct segment *seg = &e->segment;
    const uint32_t hash = table_hash(&g->conns, e);
    struct life *l = lives_find(g, e, hash);
    struct held_segment *held;
    enum end from;

    *ret_notes = 0;
    if (!l)
        return begin(g, e, hash);
    held = held_syn_of(g, l, seg);
    if (held) {
        *ret_notes = NOTE_PORT_REUSE;
        held->conn = 0;
        return begin_with(g, held, l, e->ts_ns);
    }
    from = conn_end_of(&l->conn, &e->local);
    if (!wire_begins_anew(&l->conn, from, seg) && !is_of_later_use(g, e, l, from))
        return l;
    *ret_notes = NOTE_PORT_REUSE;
    lives_supersede(g, l, e->ts_ns);
    return begin(g, e, hash);
}

struct life *engine_segment(struct conn_engine *g, const struct event *e)
{
    const struct segment *seg = &e->segment;
    struct passage p = { .engine = g, .event = e, .now_ns = e->ts_ns };
    struct conn *c;
    uint32_t notes;

    p.life = life_for(g, e, &notes);
    if (!p.life)
        return NULL;
    c = &p.life->conn;
    p.from = conn_end_of(c, &e->local);
    if (e->tunnel)
        stream_carried(room_of(&p), p.from, e->tunnel->chosen);
    if (e->fate == FATE_LOST)
        notes |= NOTE_LOST_ON_WIRE;
    if (e->fate == FATE_UNSAID && notes_is_copy(&p.life->notes, &c->streams, p.from, seg, e->ts_ns))
        return p.life;
    if (!life_has_wire(p.life))
        zeek_begin(&p.life->zeek, p.from, seg);
    if (is_damaged(g, &c->streams.of[p.from], seg)) {
        const struct stream_place place = stream_place_of(&c->streams, p.from, seg);
        struct notes n;

        notes_segment(&p.life->notes, &c->streams, p.from, seg, e->ts_ns, &n);
        n.notes |= notes;
        zeek_bad_checksum(&p.life->zeek, p.from);
        p.life->wire.end[p.from].damaged = true;
        stream_damaged(&c->streams, p.from, seg, &place, room_of(&p));
        leave_out(&p, &place, &n);
        return p.life;
    }
    zeek_segment(&p.life->zeek, p.from, seg);
    if (wire_is_of_earlier_use(c, p.from, seg, (uint32_t)notes_window_of(&c->streams, p.from, seg))) {
        const bool blind = (seg->flags & SEGMENT_RST) && ends_state(&c->ends, !p.from, LANE_WIRE) == TCP_STATE_SYN_SENT;
        const struct notes n = { .notes = notes | (blind ? NOTE_UNACCEPTABLE : NOTE_EARLIER_CONNECTION) };

        p.life->wire.end[p.from].answered_older |= !(seg->flags & SEGMENT_RST);
        leave_out(&p, &(struct stream_place){ 0 }, &n);
    } else {
        pass(&p, notes);
    }
    return p.life;
}

static void tell_arrival(struct conn_engine *g, const struct life *l, const struct flight *flight, uint64_t ts_ns)
{
    struct change change NO_ZEROS;

    change_init(&change, CHANGE_ARRIVAL);
    change.conn = l->conn.number;
    change.end = !flight->from;
    change.because = flight->record;
    change.arrival.delay_ns = ts_ns - flight->sent_ns;
    emit(&g->out, ts_ns, &change);
}

struct life *engine_arrival(struct conn_engine *g, const struct event *e)
{
    struct life *l = lives_find(g, e, table_hash(&g->conns, e));
    const struct flight *flight = g->flights ? &g->flights[e->flight % LIMIT_FLIGHTS] : NULL;
    struct wire_step step = { .out = &g->out, .segment = &e->segment, .ts_ns = e->ts_ns, .apart = true };

    if (!l || !flight || flight->number != e->flight || flight->conn != l->conn.number)
        return l; /* forgotten, or its endpoints serve another connection by now */
    tell_arrival(g, l, flight, e->ts_ns);
    if (!flight->takes_effect)
        return l;
    step.conn = &l->conn;
    step.lane = &l->wire;
    step.because = flight->record;
    step.again = flight->again;
    step.advances = flight->advances;
    step.rtt_ns = notes_rtt_ns(&l->notes);
    wire_arrived(&step, !flight->from, &flight->place);
    note_moves(l, &step.moves);
    return l;
}
