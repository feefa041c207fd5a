/* What a segment does to each lane in turn. Three things follow it, and none reads another's: the RFC's machine (wire),
 * the notes by Wireshark's definitions, Zeek's letters; the streams keep the numbers. */
#include "roof.h"

/* A segment, and the life it belongs to. */
struct passage {
    struct conn_engine *engine;
    const struct event *event;
    struct life *life;
    enum end from;
};

static bool is_wanted(const struct conn_engine *g, const struct segment *seg, uint32_t notes)
{
    switch (g->config.segments) {
    case CONN_SEGMENTS_ALL: return true;
    case CONN_SEGMENTS_CONTROL: return (seg->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) || notes;
    default: return false;
    }
}

/* Returns the record's number; 0: it is not written. */
static uint64_t tell_segment(const struct passage *p, const struct stream_place *place, const struct notes *n)
{
    const struct segment *seg = &p->event->segment;
    const struct streams *streams = &p->life->conn.streams;
    struct change change;

    if (!is_wanted(p->engine, seg, n->notes))
        return 0;
    change_init(&change, CHANGE_SEGMENT);
    change.conn = p->life->conn.number;
    change.end = p->from;
    change.segment.segment = *seg;
    change.segment.seq = place->seq;
    change.segment.ack = place->ack;
    change.segment.window = stream_window(streams, p->from, seg);
    change.segment.notes = n->notes;
    change.segment.dup_ack = n->dup_ack;
    change.segment.rtt_ns = n->rtt_ns;
    for (unsigned i = 0; i < seg->sack_count; i++)
        for (unsigned edge = 0; edge < 2; edge++)
            change.segment.sack[i][edge] = stream_unwrap(&streams->of[!p->from], seg->sack[i][edge]);
    return emit(&p->engine->out, p->event->ts_ns, &change);
}

/* *ret_reuse: the endpoints were used before, by a connection that was still followed. NULL: the segment answers something
 * that was never seen, or there is no memory. */
static struct life *life_for(struct conn_engine *g, const struct event *e, bool *ret_reuse)
{
    const struct segment *seg = &e->segment;
    const uint32_t hash = table_hash(&g->conns, e);
    struct life *l = lives_find(g, e, hash);
    struct wire_roles roles;

    *ret_reuse = l && wire_begins_anew(&l->conn, conn_end_of(&l->conn, &e->local), seg);
    if (*ret_reuse)
        lives_supersede(g, l, e->ts_ns);
    else if (l)
        return l;
    roles = wire_roles_of(seg);
    if (roles.assumed && (seg->flags & SEGMENT_RST))
        return NULL;
    return lives_begin(g, e, hash,
                       (struct introduction){ .local_is_client = roles.client,
                                              .midstream = roles.assumed,
                                              .roles_assumed = roles.assumed });
}

/* What one end has sent is in the books of both. */
static void enter(const struct passage *p, enum end from, const struct stream_place *place, uint64_t record)
{
    struct life *l = p->life;
    const struct segment *seg = &p->event->segment;
    unsigned gaps;

    if (l->has_kernel)
        kernel_saw_segment(&l->kernel->lane, &l->conn.streams, from, seg, place->ack, record);
    gaps = stream_take(&l->conn.streams, from, seg, place,
                       (struct stream_room){ &p->engine->conns.holes, &l->conn.holes });
    if (gaps)
        zeek_gaps(&l->zeek, !from, gaps);
    stream_count(&l->conn.streams.of[from]);
}

/* Nobody takes it; its numbers may be nonsense. */
static void leave_out(const struct passage *p, const struct stream_place *place, const struct notes *n)
{
    tell_segment(p, place, n);
    stream_count(&p->life->conn.streams.of[p->from]);
}

static void take(const struct passage *p, const struct notes *n)
{
    struct life *l = p->life;
    const struct segment *seg = &p->event->segment;
    const struct stream_place place = stream_number(&l->conn.streams, p->from, seg);
    struct wire_step step = { .out = &p->engine->out,
                              .conn = &l->conn,
                              .lane = &l->wire,
                              .segment = seg,
                              .ts_ns = p->event->ts_ns,
                              .because = tell_segment(p, &place, n) };
    const bool unseen_fin = wire_shows_unseen_fin(&l->conn, p->from, seg, place.ack);

    enter(p, p->from, &place, step.because);
    if (conn_is_self(&l->conn)) {
        struct stream_place peer_place;

        notes_segment(&l->notes, &l->conn.streams, !p->from, seg, p->event->ts_ns);
        peer_place = stream_number(&l->conn.streams, !p->from, seg);
        enter(p, !p->from, &peer_place, step.because);
    }
    if (stream_is_dropped(seg))
        return;
    wire_segment(&step, p->from, &place, unseen_fin);
    for (unsigned i = 0; l->has_kernel && i < END_N; i++)
        if (step.moves.record[i])
            l->kernel->compared[i].moved = step.moves.record[i];
}

struct life *engine_segment(struct conn_engine *g, const struct event *e)
{
    const struct segment *seg = &e->segment;
    struct passage p = { .engine = g, .event = e };
    struct conn *c;
    struct notes n;
    bool reuse;

    p.life = life_for(g, e, &reuse);
    if (!p.life)
        return NULL;
    c = &p.life->conn;
    p.from = conn_end_of(c, &e->local);
    if (notes_is_copy(&p.life->notes, &c->streams, p.from, seg, e->ts_ns))
        return p.life;
    if (!life_has_wire(p.life))
        zeek_begin(&p.life->zeek, p.from, seg);
    n = notes_segment(&p.life->notes, &c->streams, p.from, seg, e->ts_ns);
    if (reuse)
        n.notes |= NOTE_PORT_REUSE;
    if (seg->bad_checksum && !g->config.ignore_checksums) {
        const struct stream_place place = stream_place_of(&c->streams, p.from, seg);

        zeek_bad_checksum(&p.life->zeek, p.from);
        leave_out(&p, &place, &n);
        return p.life;
    }
    zeek_segment(&p.life->zeek, p.from, seg);
    if (wire_is_of_earlier_use(c, p.from, seg))
        leave_out(&p, &(struct stream_place){ 0 }, &n);
    else
        take(&p, &n);
    return p.life;
}
