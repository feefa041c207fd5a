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
    enum how how;
};

static void wire_step(const struct step *s, enum end end, enum tcp_input input, enum how how)
{
    struct conn *c = s->conn;
    struct conn_end *x = &c->end[end];
    enum tcp_state from = x->wire.state;
    const struct tcp_edge *edge;
    struct change change;

    if (!x->kernel.seen)
        conn_account(x, s->event->ts_ns);
    edge = tcp_fsm_step(&x->wire.state, input);
    if (!edge || edge->to == from)
        return;
    if (edge->to == TCP_STATE_ESTABLISHED)
        c->established = true;
    if (edge->to == TCP_STATE_CLOSING)
        c->closing = true;
    change = change_begin(s->table, s->event, CHANGE_STATE);
    change.conn = c->number;
    change.end = end;
    change.because = s->because;
    change.state.from = from;
    change.state.to = edge->to;
    change.state.how = how;
    change.state.source = WITNESS_WIRE;
    change.state.rfc = edge->label;
    change_emit(s->table, &change);
}

/* Relative and without wrapping: the nearest to what the sender has reached. */
static uint64_t unwrap(const struct wire_lane *sender, uint32_t seq)
{
    int64_t rel = (int64_t)sender->snd_max + (int32_t)(seq - (uint32_t)(sender->base + sender->snd_max));

    return rel < 0 ? 0 : (uint64_t)rel;
}

static void set_base(struct wire_lane *sender, uint32_t base)
{
    if (sender->base_known)
        return;
    sender->base = base;
    sender->base_known = true;
}

/* Who is the client, where the segment alone must tell. */
static bool sender_is_client(const struct segment *s, bool *ret_assumed)
{
    *ret_assumed = false;
    if (s->flags & SEGMENT_SYN)
        return !(s->flags & SEGMENT_ACK);
    *ret_assumed = true;
    /* mid-stream: a well-known port serves, else who is seen first asks */
    return s->src.port >= 1024 || s->dst.port < 1024;
}

/* A SYN on known endpoints: is it a new use of them, or belongs it to the handshake that is going on? */
static bool begins_anew(const struct conn *c, enum end from, const struct segment *s)
{
    const struct wire_lane *w = &c->end[from].wire;

    if ((s->flags & (SEGMENT_SYN | SEGMENT_ACK)) != SEGMENT_SYN)
        return false;
    if (w->base_known && w->syn_sent && w->base == s->seq)
        return false;
    if (w->state == TCP_STATE_SYN_SENT || w->state == TCP_STATE_SYN_RECEIVED)
        return false;
    return w->segments > 0 || (conn_over(c) && c->end[!from].wire.segments > 0 && !c->end[from].kernel.seen);
}

static struct conn *conn_of(struct conn_table *t, const struct event *e)
{
    const struct segment *s = &e->segment;
    struct conn *c = conn_find(t, e);
    bool assumed, client;

    if (c && begins_anew(c, conn_end_of(c, &e->local), s)) {
        conn_retire(t, c, e->ts_ns);
        c = NULL;
    }
    if (c)
        return c;
    client = sender_is_client(s, &assumed);
    if (assumed && (s->flags & SEGMENT_RST))
        return NULL; /* answers something that was never seen: there is no connection */
    return conn_new(t, e, client, assumed, assumed);
}

/* Takes [start, end) as received; keeps what lies beyond a hole. */
static void receive(struct wire_lane *receiver, uint64_t start, uint64_t end)
{
    if (start > receiver->rcv_nxt) {
        if (receiver->hole_count < CONN_HOLES_MAX && end > start) {
            receiver->holes[receiver->hole_count][0] = start;
            receiver->holes[receiver->hole_count++][1] = end;
        }
        return;
    }
    if (end > receiver->rcv_nxt)
        receiver->rcv_nxt = end;
    for (unsigned i = 0; i < receiver->hole_count;) {
        uint64_t *hole = receiver->holes[i];

        if (hole[0] > receiver->rcv_nxt) {
            i++;
            continue;
        }
        if (hole[1] > receiver->rcv_nxt)
            receiver->rcv_nxt = hole[1];
        memmove(hole, receiver->holes[receiver->hole_count - 1], sizeof(receiver->holes[0]));
        receiver->hole_count--;
        i = 0;
    }
}

static uint32_t analyse(const struct wire_lane *sender, const struct segment *s, uint64_t seq, uint64_t ack)
{
    uint64_t end = seq + segment_seq_len(s);
    uint32_t notes = 0;

    if (s->bad_checksum)
        notes |= NOTE_BAD_CHECKSUM;
    if (sender->segments && !(s->flags & SEGMENT_RST)) {
        if (seq > sender->snd_max)
            notes |= NOTE_LOST_SEGMENT;
        else if (sender->snd_max && seq == sender->snd_max - 1 && s->payload_len <= 1 &&
                 !(s->flags & (SEGMENT_SYN | SEGMENT_FIN)))
            notes |= NOTE_KEEP_ALIVE;
        else if (segment_seq_len(s) && seq < sender->snd_max && end <= sender->snd_max)
            notes |= NOTE_RETRANSMISSION;
    }
    if (s->window == 0 && !(s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)))
        notes |= NOTE_ZERO_WINDOW;
    if ((s->flags & SEGMENT_ACK) && !segment_seq_len(s) && !(s->flags & SEGMENT_RST) && sender->segments > 1 &&
        ack == sender->acked && s->window == sender->window && seq == sender->snd_max && s->options & SEGMENT_OPT_SACK)
        notes |= NOTE_DUPLICATE_ACK;
    return notes;
}

/* RFC 7323 2.2: the shift counts are used only if both SYNs carried one, and never on a SYN itself. */
static uint64_t window_bytes(const struct conn *c, enum end from, const struct segment *s)
{
    const struct wire_lane *w = &c->end[from].wire;

    if (!w->scale_known || !c->end[!from].wire.scale_known || (s->flags & SEGMENT_SYN))
        return s->window;
    return (uint64_t)s->window << (w->wscale > 14 ? 14 : w->wscale);
}

static bool wanted(const struct conn_table *t, const struct segment *s, uint32_t notes)
{
    switch (t->config.segments) {
    case CONN_SEGMENTS_ALL:
        return true;
    case CONN_SEGMENTS_CONTROL:
        return (s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)) || notes;
    default:
        return false;
    }
}

static uint64_t emit_segment(struct conn_table *t, const struct event *e, const struct conn *c, enum end from,
                             uint64_t seq, uint64_t ack, uint32_t notes)
{
    const struct segment *s = &e->segment;
    struct change change;

    if (!wanted(t, s, notes))
        return 0;
    change = change_begin(t, e, CHANGE_SEGMENT);
    change.conn = c->number;
    change.end = from;
    change.segment.segment = *s;
    change.segment.seq = seq;
    change.segment.ack = ack;
    change.segment.window = window_bytes(c, from, s);
    change.segment.notes = notes;
    for (unsigned i = 0; i < s->sack_count; i++)
        for (unsigned edge = 0; edge < 2; edge++)
            change.segment.sack[i][edge] = unwrap(&c->end[!from].wire, s->sack[i][edge]);
    change_emit(t, &change);
    return change.n;
}

static void note_history(struct conn *c, enum end from, const struct segment *s, uint32_t notes)
{
    if (s->flags & SEGMENT_SYN)
        conn_history(c, from, s->flags & SEGMENT_ACK ? 'h' : 's');
    if (notes & NOTE_RETRANSMISSION)
        conn_history(c, from, 't');
    else if (s->payload_len)
        conn_history(c, from, 'd');
    else if ((s->flags & SEGMENT_ACK) && !(s->flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST)))
        conn_history(c, from, 'a');
    if (s->flags & SEGMENT_FIN)
        conn_history(c, from, 'f');
    if (s->flags & SEGMENT_RST)
        conn_history(c, from, 'r');
}

/* What sending this proves about the sender. */
static void step_sender(const struct step *s, enum end from, const struct segment *seg)
{
    struct wire_lane *w = &s->conn->end[from].wire;

    if (seg->flags & SEGMENT_RST) {
        if (s->conn->reset_by == END_UNKNOWN)
            s->conn->reset_by = from;
        wire_step(s, from, TCP_INPUT_SND_RST, HOW_INFERRED);
        return;
    }
    if (seg->flags & SEGMENT_SYN) {
        /* who answers a SYN was listening for it */
        if ((seg->flags & SEGMENT_ACK) && w->state == TCP_STATE_UNKNOWN)
            tcp_fsm_step(&w->state, TCP_INPUT_PASSIVE_OPEN);
        wire_step(s, from, seg->flags & SEGMENT_ACK ? TCP_INPUT_SND_SYN_ACK : TCP_INPUT_SND_SYN, HOW_INFERRED);
    } else {
        /* it speaks as one who is synchronised: the part of the handshake that is missing here took place */
        if (w->state == TCP_STATE_UNKNOWN)
            wire_step(s, from, TCP_INPUT_MIDSTREAM, HOW_ASSUMED);
        else if (w->state == TCP_STATE_SYN_SENT)
            wire_step(s, from, TCP_INPUT_RCV_SYN_ACK, HOW_ASSUMED);
    }
    if (seg->flags & SEGMENT_FIN) {
        if (s->conn->closed_by == END_UNKNOWN)
            s->conn->closed_by = from;
        wire_step(s, from, TCP_INPUT_SND_FIN, HOW_INFERRED);
    }
}

/* RFC 9293 3.10.7: in SYN-SENT a RST counts if it acknowledges the SYN, later if it is exactly the next expected. */
static bool rst_acceptable(const struct wire_lane *receiver, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    if (receiver->state == TCP_STATE_SYN_SENT)
        return (seg->flags & SEGMENT_ACK) && ack == receiver->snd_max;
    return receiver->state == TCP_STATE_UNKNOWN || seq == receiver->rcv_nxt || !receiver->rcv_nxt;
}

/* What getting it does to the receiver. */
static void step_receiver(const struct step *s, enum end from, const struct segment *seg, uint64_t seq, uint64_t ack)
{
    struct wire_lane *sender = &s->conn->end[from].wire, *receiver = &s->conn->end[!from].wire;
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
    } else if ((seg->flags & SEGMENT_ACK) && receiver->syn_sent && ack >= 1) {
        wire_step(s, to, TCP_INPUT_RCV_ACK_OF_SYN, HOW_INFERRED);
    }
    if ((seg->flags & SEGMENT_ACK) && receiver->fin_sent && ack > receiver->fin_seq)
        wire_step(s, to, TCP_INPUT_RCV_ACK_OF_FIN, HOW_INFERRED);
    if (sender->fin_sent && !receiver->fin_received && receiver->rcv_nxt > sender->fin_seq) {
        receiver->fin_received = true;
        wire_step(s, to, TCP_INPUT_RCV_FIN, HOW_INFERRED);
    }
}

void conn_wire_event(struct conn_table *t, const struct event *e)
{
    const struct segment *seg = &e->segment;
    struct wire_lane *sender, *receiver;
    uint64_t seq, ack = 0, end;
    struct conn *c = conn_of(t, e);
    struct step s = { .table = t, .event = e, .conn = c };
    struct conn_end *x;
    uint32_t notes;
    enum end from;

    if (!c)
        return;
    from = conn_end_of(c, &e->local);
    x = &c->end[from];
    sender = &x->wire;
    receiver = &c->end[!from].wire;
    /* A bridge, a veth pair or a tunnel shows the same segment on several interfaces: one is enough. */
    if (!sender->segments)
        sender->ifindex = seg->ifindex;
    else if (sender->ifindex != seg->ifindex)
        return;

    set_base(sender, seg->seq);
    if ((seg->flags & SEGMENT_SYN) && !sender->syn_sent) {
        /* Fast Open and split handshakes apart, a SYN is where counting starts, even after a stray segment */
        sender->base = seg->seq;
        sender->snd_max = 0;
        sender->syn_sent = true;
    }
    seq = unwrap(sender, seg->seq);
    if (seg->flags & SEGMENT_ACK) {
        set_base(receiver, seg->ack - (receiver->segments || !(seg->flags & SEGMENT_SYN) ? 0 : 1));
        ack = unwrap(receiver, seg->ack);
    }
    end = seq + segment_seq_len(seg);
    notes = analyse(sender, seg, seq, ack);
    if ((seg->flags & SEGMENT_SYN) && (seg->options & SEGMENT_OPT_WSCALE)) {
        sender->wscale = seg->wscale;
        sender->scale_known = true;
    }
    note_history(c, from, seg, notes);

    s.because = emit_segment(t, e, c, from, seq, ack, notes);
    if (s.because) {
        if (seg->flags & SEGMENT_SYN)
            x->last_syn = s.because;
        if (seg->flags & SEGMENT_FIN)
            x->last_fin = s.because;
        if (seg->flags & SEGMENT_RST)
            x->last_rst = s.because;
        if (seg->flags & SEGMENT_ACK)
            x->last_ack = s.because;
    }

    if ((seg->flags & SEGMENT_FIN) && !sender->fin_sent) {
        sender->fin_sent = true;
        sender->fin_seq = end - 1;
    }
    /* the first segment of an end under way says where its stream has got to */
    if (!sender->segments && !sender->syn_sent && receiver->rcv_nxt < seq)
        receiver->rcv_nxt = seq;
    if (!(seg->flags & SEGMENT_RST)) {
        receive(receiver, seq, end);
        if (end > sender->snd_max)
            sender->snd_max = end;
    }
    if (seg->flags & SEGMENT_ACK) {
        /* it acknowledges what was not captured: it has it nevertheless */
        if (ack > sender->rcv_nxt)
            receive(sender, sender->rcv_nxt, ack);
        if (ack > sender->acked)
            sender->acked = ack;
    }
    sender->window = seg->window;
    sender->bytes += notes & (NOTE_RETRANSMISSION | NOTE_KEEP_ALIVE) ? 0 : seg->payload_len;
    sender->segments++;

    step_sender(&s, from, seg);
    step_receiver(&s, from, seg, seq, ack);
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
