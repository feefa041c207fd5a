/* What the capture proves is `inferred`; a step that must have happened unseen, for what follows to make sense, is
 * `assumed`. A SYN proves nothing about the server: its SYN,ACK does. A connection already under way when the capture
 * begins is UNKNOWN until an end shows by sending that it is synchronised. */
#include "wire.h"

#include "tcplens/tcp/port.h"

static enum tcp_state state_of(const struct wire_step *s, enum end end)
{
    return ends_state(&s->conn->ends, end, LANE_WIRE);
}

/* edge: NULL where the step is none of the table's. */
static void move_to(struct wire_step *s, enum end end, enum tcp_state to, const struct tcp_edge *edge, enum how how)
{
    const struct move move = { .end = end, .to = to, .edge = edge, .ts_ns = s->ts_ns };
    struct change change;

    change_init(&change, CHANGE_STATE);
    change.conn = s->conn->number;
    change.because = s->because;
    change.state.how = how;
    change.state.source = WITNESS_WIRE;
    s->moves.record[end] = ends_move(&s->conn->ends, LANE_WIRE, &move, s->out, &change);
}

static void take_input(struct wire_step *s, enum end end, enum tcp_input input, enum how how)
{
    enum tcp_state from = state_of(s, end), to = from;
    const struct tcp_edge *edge = tcp_fsm_step(&to, input);

    if (edge && to != from)
        move_to(s, end, to, edge, how);
}

static bool serves(uint16_t port)
{
    return port < 1024 || port_serves(port);
}

struct wire_roles wire_roles_of(const struct segment *seg)
{
    if (seg->flags & SEGMENT_SYN)
        return (struct wire_roles){ .client = !(seg->flags & SEGMENT_ACK) };
    /* mid-stream: a port where servers are serves, else who is seen first asks */
    return (struct wire_roles){
        .client = !serves(seg->src.port) || (serves(seg->dst.port) && seg->src.port >= seg->dst.port),
        .assumed = true,
    };
}

bool wire_begins_anew(const struct conn *c, enum end from, const struct segment *seg)
{
    const struct stream *sender = &c->streams.of[from], *receiver = &c->streams.of[!from];

    if ((seg->flags & (SEGMENT_SYN | SEGMENT_ACK)) != SEGMENT_SYN)
        return false;
    if (sender->syn_sent && sender->base == seg->seq)
        return false;
    /* simultaneous open, and the split handshake that answers a SYN with an ACK first */
    if (!sender->syn_sent && ends_state(&c->ends, !from, LANE_WIRE) == TCP_STATE_SYN_SENT)
        return false;
    return sender->segments > 0 ||
           (ends_over(&c->ends) && receiver->segments > 0 && !ends_kernel_tells(&c->ends, from));
}

/* The peer's FIN counts when all before it has arrived, or was acknowledged where the capture missed it. */
static void take_fin(struct wire_step *s, enum end end)
{
    const struct stream *receiver = &s->conn->streams.of[end], *peer = &s->conn->streams.of[!end];

    if (!peer->fin_sent || s->lane->fin_received[end] || receiver->rcv_nxt <= stream_fin_seq(peer))
        return;
    if (tcp_fsm_cell(state_of(s, end), TCP_INPUT_RCV_FIN)->to == TCP_STATE_UNKNOWN)
        return; /* not known yet to be synchronised: later */
    s->lane->fin_received[end] = true;
    take_input(s, end, TCP_INPUT_RCV_FIN, HOW_INFERRED);
}

static void send_fin(struct wire_step *s, enum end from)
{
    const struct stream *sender = &s->conn->streams.of[from], *peer = &s->conn->streams.of[!from];

    ends_closed_by(&s->conn->ends, from);
    /* where it does not acknowledge the peer's FIN, that was on its way when this one was sent: they crossed */
    if (state_of(s, from) == TCP_STATE_CLOSE_WAIT && sender->acked <= stream_fin_seq(peer))
        move_to(s, from, TCP_STATE_CLOSING, NULL, HOW_INFERRED);
    else
        take_input(s, from, TCP_INPUT_SND_FIN, HOW_INFERRED);
}

/* An end that has sent a SYN goes on: its peer answered it. */
static void assume_answer(struct wire_step *s, enum end from)
{
    if (state_of(s, !from) == TCP_STATE_UNKNOWN && s->conn->streams.of[!from].syn_unseen)
        take_input(s, !from, TCP_INPUT_SND_SYN_ACK, HOW_ASSUMED);
    take_input(s, from, TCP_INPUT_RCV_SYN_ACK, HOW_ASSUMED);
}

/* An acknowledgment that moves on by one, from an end that has sent its FIN, is that of the peer's FIN. */
bool wire_shows_unseen_fin(const struct conn *c, enum end from, const struct segment *seg, uint64_t ack)
{
    const struct stream *sender = &c->streams.of[from], *peer = &c->streams.of[!from];
    const enum tcp_state state = ends_state(&c->ends, from, LANE_WIRE);

    return (state == TCP_STATE_FIN_WAIT_1 || state == TCP_STATE_FIN_WAIT_2) && !peer->segments && !peer->fin_sent &&
           (seg->flags & SEGMENT_ACK) && !(seg->flags & (SEGMENT_SYN | SEGMENT_RST)) && !seg->payload_len &&
           sender->acked && ack == sender->acked + 1;
}

/* The FIN of a peer that is never seen: as it mostly is, the answer to this end's own. */
static void assume_fin(struct wire_step *s, enum end from, uint64_t ack)
{
    stream_assume_fin(&s->conn->streams.of[!from], ack);
    s->lane->fin_received[from] = true;
    take_input(s, from, TCP_INPUT_RCV_ACK_OF_FIN, HOW_ASSUMED);
    take_input(s, !from, TCP_INPUT_SND_FIN, HOW_ASSUMED);
    take_input(s, from, TCP_INPUT_RCV_FIN, HOW_ASSUMED);
}

/* RFC 9293 3.10.7: in SYN-SENT a RST counts if it acknowledges the SYN, later if it is exactly the next expected. */
static bool rst_acceptable(const struct wire_step *s, enum end receiver, const struct stream_place *place)
{
    const struct stream *stream = &s->conn->streams.of[receiver];
    const enum tcp_state state = state_of(s, receiver);

    if (state == TCP_STATE_SYN_SENT)
        return (s->segment->flags & SEGMENT_ACK) && place->ack >= 1 && place->ack <= stream->snd_max;
    return state == TCP_STATE_UNKNOWN || place->seq == stream->rcv_nxt || !stream->rcv_nxt;
}

/* Anybody can send a RST that its receiver drops. Where segments were lost, the sender shows by going on from its last. */
static bool rst_is_genuine(const struct wire_step *s, enum end from, const struct stream_place *place)
{
    return rst_acceptable(s, !from, place) ||
           (state_of(s, !from) != TCP_STATE_SYN_SENT && place->seq == s->conn->streams.of[from].snd_max);
}

static void send_rst(struct wire_step *s, enum end from, const struct stream_place *place)
{
    if (!rst_is_genuine(s, from, place))
        return;
    stream_reset(&s->conn->streams.of[from]);
    ends_reset_by(&s->conn->ends, from);
    take_input(s, from, TCP_INPUT_SND_RST, HOW_INFERRED);
}

static void send_syn(struct wire_step *s, enum end from)
{
    const bool answers = s->segment->flags & SEGMENT_ACK;

    /* who answers a SYN was listening for it */
    if (answers && state_of(s, from) == TCP_STATE_UNKNOWN)
        ends_begin_as(&s->conn->ends, from, LANE_WIRE, TCP_STATE_LISTEN);
    take_input(s, from, answers ? TCP_INPUT_SND_SYN_ACK : TCP_INPUT_SND_SYN, HOW_INFERRED);
    if (!answers && state_of(s, !from) == TCP_STATE_SYN_SENT) /* the peer's SYN is on its way to it */
        take_input(s, from, TCP_INPUT_RCV_SYN, HOW_INFERRED);
}

/* It speaks as one who is synchronised: the part of the handshake that is missing here took place. */
static void assume_handshake(struct wire_step *s, enum end from)
{
    const enum tcp_state state = state_of(s, from);

    if (state == TCP_STATE_UNKNOWN && state_of(s, !from) != TCP_STATE_SYN_SENT)
        take_input(s, from, TCP_INPUT_MIDSTREAM, HOW_ASSUMED);
    else if (state == TCP_STATE_SYN_SENT)
        assume_answer(s, from);
    else if (state == TCP_STATE_SYN_RECEIVED && !s->conn->streams.of[!from].segments)
        take_input(s, from, TCP_INPUT_RCV_ACK_OF_SYN, HOW_ASSUMED);
}

/* What sending the segment proves about the sender. */
static void step_sender(struct wire_step *s, enum end from, const struct stream_place *place)
{
    const unsigned flags = s->segment->flags;

    if (flags & SEGMENT_RST) {
        send_rst(s, from, place);
        return;
    }
    if (flags & SEGMENT_SYN)
        send_syn(s, from);
    else
        assume_handshake(s, from);
    if (!conn_is_self(s->conn)) /* else it is its own, which it has not got yet */
        take_fin(s, from);
    if (flags & SEGMENT_FIN)
        send_fin(s, from);
}

/* What getting it does to the receiver. */
static void step_receiver(struct wire_step *s, enum end to, const struct stream_place *place)
{
    const struct stream *receiver = &s->conn->streams.of[to];
    const unsigned flags = s->segment->flags;

    if (flags & SEGMENT_RST) {
        if (rst_acceptable(s, to, place))
            take_input(s, to, TCP_INPUT_RCV_RST, HOW_INFERRED);
        return;
    }
    if (flags & SEGMENT_SYN) {
        if (!(flags & SEGMENT_ACK)) {
            if (state_of(s, to) == TCP_STATE_SYN_SENT)
                take_input(s, to, TCP_INPUT_RCV_SYN, HOW_INFERRED);
            return;
        }
        if (state_of(s, to) == TCP_STATE_CLOSED && !receiver->segments) /* its SYN was not captured */
            take_input(s, to, TCP_INPUT_SND_SYN, HOW_ASSUMED);
        take_input(s, to, TCP_INPUT_RCV_SYN_ACK, HOW_INFERRED);
    } else if ((flags & SEGMENT_ACK) && (receiver->syn_sent || receiver->syn_unseen) && place->ack >= 1) {
        take_input(s, to, TCP_INPUT_RCV_ACK_OF_SYN, HOW_INFERRED);
    }
    if ((flags & SEGMENT_ACK) && receiver->fin_sent && place->ack > stream_fin_seq(receiver))
        take_input(s, to, TCP_INPUT_RCV_ACK_OF_FIN, HOW_INFERRED);
    take_fin(s, to);
}

bool wire_is_of_earlier_use(const struct conn *c, enum end from, const struct segment *seg)
{
    const struct stream *sender = &c->streams.of[from], *receiver = &c->streams.of[!from];

    if (ends_state(&c->ends, !from, LANE_WIRE) == TCP_STATE_SYN_SENT && receiver->syn_sent &&
        (seg->flags & SEGMENT_ACK))
        return seg->ack - receiver->base - 1 >= receiver->snd_max;
    if (ends_state(&c->ends, from, LANE_WIRE) == TCP_STATE_SYN_SENT && sender->syn_sent && (seg->flags & SEGMENT_RST))
        return seg->seq != sender->base + (uint32_t)sender->snd_max;
    return false;
}

void wire_segment(struct wire_step *s, enum end from, const struct stream_place *place, bool unseen_fin)
{
    const bool self = conn_is_self(s->conn);

    if (unseen_fin)
        assume_fin(s, from, place->ack);
    step_sender(s, from, place);
    if (self)
        step_sender(s, !from, place);
    step_receiver(s, !from, place);
    if (self)
        step_receiver(s, from, place);
}

void wire_expire(struct emitter *out, struct conn *c, uint64_t ts_ns)
{
    struct wire_step s = { .out = out, .conn = c, .ts_ns = ts_ns };

    for (unsigned end = 0; end < END_N; end++)
        if (state_of(&s, end) == TCP_STATE_TIME_WAIT)
            take_input(&s, end, TCP_INPUT_TIMEOUT_2MSL, HOW_PREDICTED);
    c->ends.last_ns = ts_ns;
}
