/* The wire's lane: each segment is one input to the end that sent it and, if it is acceptable there, others to the end
 * that gets it. RFC 9293's table is executed here, for both ends at once.
 *
 * What the capture proves is `inferred`; a step that must have happened unseen, for what follows to make sense, is
 * `assumed`. A SYN proves nothing about the server: its SYN,ACK does. A connection already under way when the capture
 * begins is UNKNOWN until an end shows by sending that it is synchronised. */
#include "conn_private.h"

#include <string.h>

struct step {
    struct conn_table *table;
    const struct event *event;
    struct conn *conn;
    uint64_t because; /* the segment's record; 0 where it is not written */
};

/* The end has left `from`, through edge (NULL: through none of the table). */
static void moved(const struct step *s, enum end end, enum tcp_state from, const struct tcp_edge *edge, enum how how)
{
    struct conn *c = s->conn;
    enum tcp_state to = c->end[end].wire.state;
    struct change change;

    if (to == TCP_STATE_ESTABLISHED)
        c->established = true;
    if (to == TCP_STATE_CLOSING)
        c->closing = true;
    change_begin(&change, s->table, s->event, CHANGE_STATE);
    change.conn = c->number;
    change.end = end;
    change.because = s->because;
    change.state.from = from;
    change.state.to = to;
    change.state.how = how;
    change.state.source = WITNESS_WIRE;
    change.state.rfc = edge ? edge->label : NULL;
    change_emit(s->table, &change);
    if (c->has_kernel)
        c->kernel->end[end].moved = change.n;
}

/* Where the packets are the best witness, the state that is left has its time. */
static void leave(const struct step *s, enum end end, enum tcp_state to)
{
    if (!conn_kernel_of(s->conn, end)->seen)
        conn_account(s->conn, end, s->event->ts_ns);
    s->conn->end[end].wire.state = to;
}

static void wire_step(const struct step *s, enum end end, enum tcp_input input, enum how how)
{
    enum tcp_state from = s->conn->end[end].wire.state, state = from;
    const struct tcp_edge *edge = tcp_fsm_step(&state, input);

    if (!edge || edge->to == from)
        return;
    leave(s, end, state);
    moved(s, end, from, edge, how);
}

/* Relative and without wrapping: the nearest to what the sender has reached. */
static uint64_t unwrap(const struct wire_lane *sender, uint32_t seq)
{
    int64_t rel = (int64_t)sender->snd_max + (int32_t)(seq - (uint32_t)(sender->base + sender->snd_max));

    return rel < 0 ? 0 : (uint64_t)rel;
}

/* The number with this low half that is nearest. */
static uint64_t nearest(uint64_t to, uint32_t low)
{
    return to + (uint64_t)(int64_t)(int32_t)(low - (uint32_t)to);
}

uint64_t wire_fin_seq(const struct wire_lane *w)
{
    return nearest(w->snd_max, w->fin_seq);
}

static void set_base(struct wire_lane *sender, uint32_t base)
{
    if (sender->base_known)
        return;
    sender->base = base;
    sender->base_known = true;
}

static bool serves(uint16_t port)
{
    return port < 1024 || zeek_server_port(port);
}

/* Who is the client, where the segment alone must tell. */
static bool sender_is_client(const struct segment *s, bool *ret_assumed)
{
    *ret_assumed = false;
    if (s->flags & SEGMENT_SYN)
        return !(s->flags & SEGMENT_ACK);
    *ret_assumed = true;
    /* mid-stream: a port where servers are serves, else who is seen first asks */
    if (!serves(s->src.port))
        return true;
    return serves(s->dst.port) && s->src.port >= s->dst.port;
}

/* A SYN on known endpoints: is it a new use of them, or belongs it to the handshake that is going on? */
static bool begins_anew(const struct conn *c, enum end from, const struct segment *s)
{
    const struct wire_lane *w = &c->end[from].wire;

    if ((s->flags & (SEGMENT_SYN | SEGMENT_ACK)) != SEGMENT_SYN)
        return false;
    if (w->syn_sent && w->base == s->seq)
        return false;
    /* simultaneous open, and the split handshake that answers a SYN with an ACK first */
    if (!w->syn_sent && c->end[!from].wire.state == TCP_STATE_SYN_SENT)
        return false;
    return w->segments > 0 || (conn_over(c) && c->end[!from].wire.segments > 0 && !conn_kernel_of(c, from)->seen);
}

/* *ret_reuse: its endpoints were used before, by a connection that was still followed. */
static struct conn *conn_of(struct conn_table *t, const struct event *e, bool *ret_reuse)
{
    const struct segment *s = &e->segment;
    struct conn *c = conn_find(t, e);
    bool assumed, client;

    *ret_reuse = c && begins_anew(c, conn_end_of(c, &e->local), s);
    if (*ret_reuse)
        c = conn_supersede(t, c, e->ts_ns);
    if (c)
        return c;
    client = sender_is_client(s, &assumed);
    if (assumed && (s->flags & SEGMENT_RST))
        return NULL; /* answers something that was never seen: there is no connection */
    return conn_new(t, e, client, assumed, assumed);
}

/* NULL: there never was one, at either end. */
static struct holes *holes_of(const struct conn_table *t, const struct conn *c, enum end receiver)
{
    return c->holes ? (struct holes *)slab_at(&t->holes, c->holes) + receiver : NULL;
}

/* Takes [start, end) as received by an end; keeps what lies beyond a hole. */
static void receive(struct conn_table *t, struct conn *c, enum end receiver, uint64_t start, uint64_t end)
{
    struct wire_lane *w = &c->end[receiver].wire;
    struct holes *h;

    if (start > w->rcv_nxt) {
        if (!c->holes)
            c->holes = slab_take(&t->holes);
        if (!c->holes)
            return;
        h = holes_of(t, c, receiver);
        if (h->count < CONN_HOLES_MAX && end > start && end - w->rcv_nxt < INT32_MAX) {
            h->range[h->count][0] = (uint32_t)start;
            h->range[h->count++][1] = (uint32_t)end;
        }
        return;
    }
    h = holes_of(t, c, receiver);
    if (!h || !h->count) {
        if (end > w->rcv_nxt)
            w->rcv_nxt = end;
        return;
    }
    while (end > w->rcv_nxt) {
        w->rcv_nxt = end;
        for (unsigned i = 0; i < h->count;) {
            uint32_t *range = h->range[i];

            if (nearest(w->rcv_nxt, range[0]) > w->rcv_nxt) {
                i++;
                continue;
            }
            if (nearest(w->rcv_nxt, range[1]) > end)
                end = nearest(w->rcv_nxt, range[1]);
            memmove(range, h->range[h->count - 1], sizeof(h->range[0]));
            h->count--;
        }
    }
}

/* Ranges below `limit` that never came. */
static unsigned count_gaps(const struct conn_table *t, const struct conn *c, enum end receiver, uint64_t limit)
{
    const struct wire_lane *w = &c->end[receiver].wire;
    const struct holes *h = holes_of(t, c, receiver);
    uint64_t at = w->rcv_nxt;
    unsigned gaps = 0;

    while (at < limit) {
        uint64_t next = limit;

        for (unsigned i = 0; h && i < h->count; i++) {
            uint64_t start = nearest(w->rcv_nxt, h->range[i][0]), end = nearest(w->rcv_nxt, h->range[i][1]);

            if (start <= at && end > at)
                next = at = end; /* not missing; look on from its end */
            else if (start > at && start < next)
                next = start;
        }
        if (next > at) {
            gaps++;
            at = next;
        }
    }
    return gaps;
}

unsigned wire_shift(const struct conn *c, enum end end)
{
    const struct wire_lane *w = &c->end[end].wire;

    if (!w->scale_known || !c->end[!end].wire.scale_known)
        return 0;
    return w->wscale;
}

uint64_t wire_bytes(const struct conn *c, enum end end)
{
    const struct wire_lane *w = &c->end[end].wire;
    uint64_t virtual_len = (w->syn_sent || w->syn_unseen) + (w->fin_sent && w->snd_max > wire_fin_seq(w));

    return w->snd_max > virtual_len ? w->snd_max - virtual_len : 0;
}

/* Never scaled on a SYN itself. */
static uint64_t window_bytes(const struct conn *c, enum end from, const struct segment *s)
{
    return (uint64_t)s->window << (s->flags & SEGMENT_SYN ? 0 : wire_shift(c, from));
}

static bool wanted(const struct conn_table *t, const struct segment *s, uint32_t notes)
{
    switch (t->config.segments) {
    case CONN_SEGMENTS_ALL: return true;
    case CONN_SEGMENTS_CONTROL: return (s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) || notes;
    default: return false;
    }
}

static uint64_t emit_segment(struct conn_table *t, const struct event *e, const struct conn *c, enum end from,
                             uint64_t seq, uint64_t ack, const struct finding *f)
{
    const struct segment *s = &e->segment;
    struct change change;

    if (!wanted(t, s, f->notes))
        return 0;
    change_begin(&change, t, e, CHANGE_SEGMENT);
    change.conn = c->number;
    change.end = from;
    change.segment.segment = *s;
    change.segment.seq = seq;
    change.segment.ack = ack;
    change.segment.window = window_bytes(c, from, s);
    change.segment.notes = f->notes;
    change.segment.dup_ack = f->dup_ack;
    change.segment.rtt_ns = f->rtt_ns;
    for (unsigned i = 0; i < s->sack_count; i++)
        for (unsigned edge = 0; edge < 2; edge++)
            change.segment.sack[i][edge] = unwrap(&c->end[!from].wire, s->sack[i][edge]);
    change_emit(t, &change);
    return change.n;
}

/* The peer's FIN counts when all before it has arrived, or was acknowledged where the capture missed it. */
static void take_fin(const struct step *s, enum end end)
{
    struct wire_lane *w = &s->conn->end[end].wire;
    const struct wire_lane *peer = &s->conn->end[!end].wire;

    if (!peer->fin_sent || w->fin_received || w->rcv_nxt <= wire_fin_seq(peer))
        return;
    if (tcp_fsm_cell(w->state, TCP_INPUT_RCV_FIN)->to == TCP_STATE_UNKNOWN)
        return; /* not known yet to be synchronised: later */
    w->fin_received = true;
    wire_step(s, end, TCP_INPUT_RCV_FIN, HOW_INFERRED);
}

static void send_fin(const struct step *s, enum end from)
{
    const struct wire_lane *w = &s->conn->end[from].wire;
    enum tcp_state state = w->state;

    if (s->conn->closed_by == END_UNKNOWN)
        s->conn->closed_by = from;
    if (state != TCP_STATE_CLOSE_WAIT || w->acked > wire_fin_seq(&s->conn->end[!from].wire)) {
        wire_step(s, from, TCP_INPUT_SND_FIN, HOW_INFERRED);
        return;
    }
    /* It does not acknowledge the peer's FIN, which was on its way when this one was sent: they crossed. */
    leave(s, from, TCP_STATE_CLOSING);
    moved(s, from, state, NULL, HOW_INFERRED);
}

/* An end that has sent a SYN goes on: its peer answered it. */
static void assume_answer(const struct step *s, enum end from)
{
    const struct wire_lane *peer = &s->conn->end[!from].wire;

    if (peer->state == TCP_STATE_UNKNOWN && peer->syn_unseen)
        wire_step(s, !from, TCP_INPUT_SND_SYN_ACK, HOW_ASSUMED);
    wire_step(s, from, TCP_INPUT_RCV_SYN_ACK, HOW_ASSUMED);
}

/* Of a peer that is never seen, what it sent shows in the acknowledgments alone. One that moves on by one, from an end
 * that has sent its FIN, is that of the peer's FIN. Before book(). */
static bool shows_unseen_fin(const struct conn *c, enum end from, const struct segment *s, uint64_t ack)
{
    const struct wire_lane *w = &c->end[from].wire, *peer = &c->end[!from].wire;

    return (w->state == TCP_STATE_FIN_WAIT_1 || w->state == TCP_STATE_FIN_WAIT_2) && !peer->segments &&
           !peer->fin_sent && (s->flags & SEGMENT_ACK) && !(s->flags & (SEGMENT_SYN | SEGMENT_RST)) &&
           !s->payload_len && w->acked && ack == w->acked + 1;
}

/* The FIN of a peer that is never seen: as it mostly is, the answer to this end's own. */
static void assume_fin(const struct step *s, enum end from, uint64_t ack)
{
    struct wire_lane *w = &s->conn->end[from].wire, *peer = &s->conn->end[!from].wire;

    peer->fin_sent = true;
    peer->fin_seq = (uint32_t)(ack - 1);
    w->fin_received = true;
    wire_step(s, from, TCP_INPUT_RCV_ACK_OF_FIN, HOW_ASSUMED);
    wire_step(s, !from, TCP_INPUT_SND_FIN, HOW_ASSUMED);
    wire_step(s, from, TCP_INPUT_RCV_FIN, HOW_ASSUMED);
}

/* A socket that connected to itself is both ends: what it sends, each of them sends, and each of them gets. */
static bool is_self(const struct conn *c)
{
    return endpoint_equal(&c->endpoint[END_CLIENT], &c->endpoint[END_SERVER]);
}

/* RFC 9293 3.10.7: in SYN-SENT a RST counts if it acknowledges the SYN, later if it is exactly the next expected. */
static bool rst_acceptable(const struct wire_lane *receiver, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    if (receiver->state == TCP_STATE_SYN_SENT)
        return (seg->flags & SEGMENT_ACK) && ack >= 1 && ack <= receiver->snd_max;
    return receiver->state == TCP_STATE_UNKNOWN || seq == receiver->rcv_nxt || !receiver->rcv_nxt;
}

/* Anybody can send a RST that its receiver drops. Where segments were lost, the sender shows by going on from its last. */
static bool rst_is_genuine(const struct conn *c, enum end from, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    const struct wire_lane *sender = &c->end[from].wire, *receiver = &c->end[!from].wire;

    return rst_acceptable(receiver, seg, seq, ack) || (receiver->state != TCP_STATE_SYN_SENT && seq == sender->snd_max);
}

/* What sending this proves about the sender. */
static void step_sender(const struct step *s, enum end from, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    const struct wire_lane *peer = &s->conn->end[!from].wire;
    struct wire_lane *w = &s->conn->end[from].wire;

    if (seg->flags & SEGMENT_RST) {
        if (!rst_is_genuine(s->conn, from, seg, seq, ack))
            return;
        w->rst_sent = true;
        if (s->conn->reset_by == END_UNKNOWN)
            s->conn->reset_by = from;
        wire_step(s, from, TCP_INPUT_SND_RST, HOW_INFERRED);
        return;
    }
    if (seg->flags & SEGMENT_SYN) {
        /* who answers a SYN was listening for it */
        if ((seg->flags & SEGMENT_ACK) && w->state == TCP_STATE_UNKNOWN)
            w->state = TCP_STATE_LISTEN;
        wire_step(s, from, seg->flags & SEGMENT_ACK ? TCP_INPUT_SND_SYN_ACK : TCP_INPUT_SND_SYN, HOW_INFERRED);
        if (!(seg->flags & SEGMENT_ACK) && peer->state == TCP_STATE_SYN_SENT) /* the peer's SYN is on its way to it */
            wire_step(s, from, TCP_INPUT_RCV_SYN, HOW_INFERRED);
    } else {
        /* it speaks as one who is synchronised: the part of the handshake that is missing here took place */
        if (w->state == TCP_STATE_UNKNOWN && peer->state != TCP_STATE_SYN_SENT)
            wire_step(s, from, TCP_INPUT_MIDSTREAM, HOW_ASSUMED);
        else if (w->state == TCP_STATE_SYN_SENT)
            assume_answer(s, from);
        else if (w->state == TCP_STATE_SYN_RECEIVED && !peer->segments)
            wire_step(s, from, TCP_INPUT_RCV_ACK_OF_SYN, HOW_ASSUMED);
    }
    if (!is_self(s->conn)) /* else it is its own, which it has not got yet */
        take_fin(s, from);
    if (seg->flags & SEGMENT_FIN)
        send_fin(s, from);
}

/* What getting it does to the receiver. */
static void step_receiver(const struct step *s, enum end from, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    const struct wire_lane *receiver = &s->conn->end[!from].wire;
    enum end to = !from;

    if (seg->flags & SEGMENT_RST) {
        if (rst_acceptable(receiver, seg, seq, ack))
            wire_step(s, to, TCP_INPUT_RCV_RST, HOW_INFERRED);
        return;
    }
    if (seg->flags & SEGMENT_SYN) {
        if (!(seg->flags & SEGMENT_ACK)) {
            if (receiver->state == TCP_STATE_SYN_SENT)
                wire_step(s, to, TCP_INPUT_RCV_SYN, HOW_INFERRED);
            return;
        }
        if (receiver->state == TCP_STATE_CLOSED && !receiver->segments) /* its SYN was not captured */
            wire_step(s, to, TCP_INPUT_SND_SYN, HOW_ASSUMED);
        wire_step(s, to, TCP_INPUT_RCV_SYN_ACK, HOW_INFERRED);
    } else if ((seg->flags & SEGMENT_ACK) && (receiver->syn_sent || receiver->syn_unseen) && ack >= 1) {
        wire_step(s, to, TCP_INPUT_RCV_ACK_OF_SYN, HOW_INFERRED);
    }
    if ((seg->flags & SEGMENT_ACK) && receiver->fin_sent && ack > wire_fin_seq(receiver))
        wire_step(s, to, TCP_INPUT_RCV_ACK_OF_FIN, HOW_INFERRED);
    take_fin(s, to);
}

/* RFC 9293 3.5.1 and 3.10.7.3: to a SYN on endpoints that the peer still holds for an earlier connection it answers with
 * what acknowledges no SYN, and gets a RST in that numbering. Neither moves an end of this connection. */
static bool of_earlier_use(const struct wire_lane *sender, const struct wire_lane *receiver, const struct segment *s)
{
    if (receiver->state == TCP_STATE_SYN_SENT && receiver->syn_sent && (s->flags & SEGMENT_ACK))
        return s->ack - receiver->base - 1 >= receiver->snd_max;
    if (sender->state == TCP_STATE_SYN_SENT && sender->syn_sent && (s->flags & SEGMENT_RST))
        return s->seq != sender->base + (uint32_t)sender->snd_max;
    return false;
}

/* RFC 9293 3.10.7: whatever its state, the receiver drops it. Nor is it proof of a state of the sender: who is synchronised
 * acknowledges with every segment. */
static bool is_dropped(const struct segment *s)
{
    return !(s->flags & (SEGMENT_ACK | SEGMENT_SYN | SEGMENT_RST));
}

/* Where the two directions have got to, and where the windows are. Returns the segment's place in its own. */
static uint64_t number(struct wire_lane *sender, struct wire_lane *receiver, const struct segment *s, uint64_t *ret_ack)
{
    *ret_ack = 0;
    set_base(sender, s->seq);
    if ((s->flags & SEGMENT_SYN) && !sender->syn_sent) {
        /* Fast Open and split handshakes apart, a SYN is where counting starts, even after a stray segment */
        sender->base = s->seq;
        sender->snd_max = 0;
        sender->syn_sent = true;
        sender->syn_unseen = false;
    }
    if ((s->flags & SEGMENT_SYN) && (s->options & SEGMENT_OPT_WSCALE)) {
        sender->wscale = s->wscale > 14 ? 14 : s->wscale; /* RFC 7323 2.3 */
        sender->scale_known = true;
    }
    if (s->flags & SEGMENT_ACK) {
        const bool opens = (s->flags & SEGMENT_SYN) || (sender->syn_sent && !(s->flags & SEGMENT_RST));

        receiver->syn_unseen |= opens && !receiver->base_known;
        set_base(receiver, s->ack - (receiver->segments || !opens ? 0 : 1));
        *ret_ack = unwrap(receiver, s->ack);
    }
    return unwrap(sender, s->seq);
}

/* What the kernel can have acted on; before book(). n: 0 where the segment is not written, which also is no cause. */
static void remember_record(struct conn *c, enum end from, const struct segment *s, uint64_t ack, uint64_t n)
{
    const struct wire_lane *sender = &c->end[from].wire, *receiver = &c->end[!from].wire;
    struct kernel_lane *k;

    if (!c->has_kernel)
        return;
    k = &c->kernel->end[from];
    if (s->flags & SEGMENT_SYN)
        k->last_syn = n;
    if ((s->flags & SEGMENT_FIN) && !is_dropped(s))
        k->last_fin = n;
    if (s->flags & SEGMENT_RST)
        k->last_rst = n;
    if (!(s->flags & SEGMENT_ACK) || (s->flags & SEGMENT_RST))
        return;
    if (receiver->syn_sent && ack > 0 && !sender->acked)
        k->ack_of_syn = n;
    if (receiver->fin_sent && ack > wire_fin_seq(receiver) && sender->acked <= wire_fin_seq(receiver))
        k->ack_of_fin = n;
}

/* Books what was sent and what was acknowledged. Returns the gaps that can no longer be filled. */
static unsigned book(struct conn_table *t, struct conn *c, enum end from, const struct segment *s, uint64_t seq,
                     uint64_t ack)
{
    struct wire_lane *sender = &c->end[from].wire, *receiver = &c->end[!from].wire;
    const bool dropped = is_dropped(s); /* its FIN takes no place */
    uint64_t end = seq + (dropped ? s->payload_len : segment_seq_len(s));
    unsigned gaps = 0;

    /* the first segment of an end under way says where its stream has got to */
    if (!sender->segments && !sender->syn_sent && receiver->rcv_nxt < seq)
        receiver->rcv_nxt = seq;
    if (!(s->flags & SEGMENT_RST)) {
        if (!dropped)
            receive(t, c, !from, seq, end);
        if (end > sender->snd_max)
            sender->snd_max = end;
    }
    if ((s->flags & SEGMENT_FIN) && !sender->fin_sent && !dropped) {
        sender->fin_sent = true;
        /* at the number of the SYN it is no FIN for the receiver: its own comes after */
        sender->fin_seq = (uint32_t)(end > 1 ? end - 1 : sender->syn_sent || sender->syn_unseen);
    }
    if ((s->flags & SEGMENT_ACK) && ack > sender->rcv_nxt) {
        const bool fin_acked = receiver->fin_sent && ack > wire_fin_seq(receiver);

        /* it acknowledges what was not captured: it has it nevertheless */
        gaps = count_gaps(t, c, from, fin_acked ? wire_fin_seq(receiver) : ack);
        receive(t, c, from, sender->rcv_nxt, ack);
    }
    if ((s->flags & SEGMENT_ACK) && ack > sender->acked)
        sender->acked = ack;
    if (sender->acked > receiver->snd_max)
        receiver->snd_max = sender->acked;
    return gaps;
}

static void count_segment(struct wire_lane *sender)
{
    if (sender->segments < UINT32_MAX)
        sender->segments++;
}

/* What one end has sent is in the books of both. */
static void enter(const struct step *s, enum end from, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    unsigned gaps;

    remember_record(s->conn, from, seg, ack, s->because);
    gaps = book(s->table, s->conn, from, seg, seq, ack);
    if (gaps)
        zeek_gaps(s->conn, !from, gaps);
    count_segment(&s->conn->end[from].wire);
}

struct conn *conn_wire_event(struct conn_table *t, const struct event *e)
{
    const struct segment *seg = &e->segment;
    struct step s = { .table = t, .event = e };
    struct wire_lane *sender, *receiver;
    uint64_t seq, ack;
    struct finding f;
    enum end from;
    bool reuse, unseen_fin;

    s.conn = conn_of(t, e, &reuse);
    if (!s.conn)
        return NULL;
    from = conn_end_of(s.conn, &e->local);
    sender = &s.conn->end[from].wire;
    receiver = &s.conn->end[!from].wire;
    if (sender->segments && conn_is_copy(s.conn, from, seg, e->ts_ns))
        return s.conn;
    sender->ifindex = seg->ifindex;
    if (!sender->segments && !receiver->segments)
        zeek_begin(s.conn, from, seg);

    f = conn_analyse(s.conn, from, seg, e->ts_ns);
    if (reuse)
        f.notes |= NOTE_PORT_REUSE;
    if (seg->bad_checksum && !t->config.ignore_checksums) {
        /* nobody takes it; its numbers may be nonsense */
        zeek_bad_checksum(s.conn, from);
        seq = sender->base_known ? unwrap(sender, seg->seq) : 0;
        ack = receiver->base_known && (seg->flags & SEGMENT_ACK) ? unwrap(receiver, seg->ack) : 0;
        emit_segment(t, e, s.conn, from, seq, ack, &f);
        count_segment(sender);
        return s.conn;
    }
    zeek_segment(s.conn, from, seg);
    if (of_earlier_use(sender, receiver, seg)) {
        emit_segment(t, e, s.conn, from, 0, 0, &f);
        count_segment(sender);
        return s.conn;
    }

    seq = number(sender, receiver, seg, &ack);
    s.because = emit_segment(t, e, s.conn, from, seq, ack, &f);
    unseen_fin = shows_unseen_fin(s.conn, from, seg, ack);
    enter(&s, from, seg, seq, ack);
    if (is_self(s.conn)) {
        conn_analyse(s.conn, !from, seg, e->ts_ns);
        number(receiver, sender, seg, &ack);
        enter(&s, !from, seg, seq, ack);
    }

    if (is_dropped(seg))
        return s.conn;
    if (unseen_fin)
        assume_fin(&s, from, ack);
    step_sender(&s, from, seg, seq, ack);
    if (is_self(s.conn))
        step_sender(&s, !from, seg, seq, ack);
    step_receiver(&s, from, seg, seq, ack);
    if (is_self(s.conn))
        step_receiver(&s, !from, seg, seq, ack);
    return s.conn;
}

void conn_wire_expire(struct conn_table *t, struct conn *c, uint64_t ts_ns)
{
    struct event e = { .ts_ns = ts_ns };
    struct step s = { .table = t, .event = &e, .conn = c };

    for (unsigned end = 0; end < END_N; end++)
        if (c->end[end].wire.state == TCP_STATE_TIME_WAIT)
            wire_step(&s, end, TCP_INPUT_TIMEOUT_2MSL, HOW_PREDICTED);
    c->last_ns = ts_ns;
}
