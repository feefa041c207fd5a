/* Theory of operation
 *
 * An end's state follows from what it sends. What it must have got is inferred from what was sent to it, and that is
 * provisional: its own later segments confirm it, or contradict it, and then it is taken back (`corrected`). After the second
 * time nothing more is inferred of what such an end gets, until it shows by sending.
 *
 * What the capture proves is `inferred`; a step that must have happened unseen, for what follows to make sense, is
 * `assumed`. A SYN proves nothing about the server: its SYN,ACK does. A connection already under way when the capture
 * begins is UNKNOWN until an end shows by sending that it is synchronised. */
#include "wire.h"

#include "tcplens/base/rare.h"
#include "tcplens/tcp/port.h"

static enum tcp_state state_of(const struct wire_step *s, enum end end)
{
    return ends_state(&s->conn->ends, end, LANE_WIRE);
}

/* edge: NULL where the step is none of the table's. */
static void move_to(struct wire_step *s, enum end end, enum tcp_state to, const struct tcp_edge *edge, enum how how)
{
    const struct move move = {
        .end = end, .to = to, .edge = edge, .ts_ns = s->ts_ns, .takes_back = how == HOW_CORRECTED
    };
    struct change change NO_ZEROS;

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

    if (!edge || to == from)
        return;
    move_to(s, end, to, edge, how);
    s->lane->end[end].closed_by_rst = input == TCP_INPUT_SND_RST || input == TCP_INPUT_RCV_RST;
}

/* It is contradicted that the end got what brought it where it is. */
static RARE void take_back(struct wire_step *s, enum end end, enum tcp_state to)
{
    struct wire_end *e = &s->lane->end[end];

    if (state_of(s, end) == to)
        return;
    if (e->doubts < WIRE_DOUBTS_MAX)
        e->doubts++;
    move_to(s, end, to, NULL, HOW_CORRECTED);
}

/* It is believed that it got what was sent to it. */
static bool is_believed(const struct wire_step *s, enum end end)
{
    return s->lane->end[end].doubts < WIRE_DOUBTS_MAX;
}

/* Where an end is that is open, or on its way to close: by what it sent, and what it shows it got. */
static RARE enum tcp_state state_shown(const struct wire_step *s, enum end end, bool fin_acked)
{
    const struct streams *streams = &s->conn->streams;
    const bool got_fin = streams->of[!end].fin_sent && streams->of[end].acked > stream_fin_seq(&streams->of[!end]);

    if (!s->lane->end[end].spoke && streams->of[end].syn_sent && !streams->of[end].acked)
        return TCP_STATE_SYN_SENT;
    if (!streams->of[end].fin_sent)
        return got_fin ? TCP_STATE_CLOSE_WAIT : TCP_STATE_ESTABLISHED;
    if (got_fin && s->conn->ends.closed_by_wire == (unsigned)!end)
        return fin_acked ? TCP_STATE_CLOSED : TCP_STATE_LAST_ACK;
    if (got_fin)
        return fin_acked ? TCP_STATE_TIME_WAIT : TCP_STATE_CLOSING;
    return fin_acked ? TCP_STATE_FIN_WAIT_2 : TCP_STATE_FIN_WAIT_1;
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

bool wire_is_open(const struct conn *c)
{
    for (unsigned i = 0; i < END_N; i++) {
        const enum tcp_state state = ends_state(&c->ends, i, LANE_WIRE);

        if (state < TCP_STATE_ESTABLISHED || state == TCP_STATE_TIME_WAIT || !c->streams.of[i].segments)
            return false;
    }
    return true;
}

bool wire_begins_anew(const struct conn *c, enum end from, const struct segment *seg)
{
    const struct stream *sender = &c->streams.of[from], *receiver = &c->streams.of[!from];

    if (!(seg->flags & SEGMENT_SYN))
        return false;
    /* it answers a SYN that was not captured */
    if (seg->flags & SEGMENT_ACK)
        return sender->syn_sent && sender->base != seg->seq && receiver->base_known && receiver->base != seg->ack - 1 &&
               (ends_over(&c->ends) || !receiver->segments);
    if ((sender->syn_sent && sender->base == seg->seq) || wire_is_open(c))
        return false;
    /* simultaneous open, and the split handshake that answers a SYN with an ACK first */
    if (!sender->syn_sent && ends_state(&c->ends, !from, LANE_WIRE) == TCP_STATE_SYN_SENT)
        return false;
    return sender->segments > 0 ||
           (ends_over(&c->ends) && receiver->segments > 0 && !ends_kernel_tells(&c->ends, from));
}

/* How far the end has got what its peer sent, as far as can be said. */
static int64_t received(const struct wire_step *s, enum end end)
{
    const struct stream *receiver = &s->conn->streams.of[end];
    const bool all_came = s->apart ? s->lane->end[end].fin_arrived : is_believed(s, end);

    return all_came ? receiver->rcv_nxt : receiver->acked;
}

/* The peer's FIN counts when all before it has arrived, or was acknowledged where the capture missed it. */
static void take_fin(struct wire_step *s, enum end end)
{
    const struct stream *peer = &s->conn->streams.of[!end];

    if (!peer->fin_sent || s->lane->end[end].fin_received || received(s, end) <= stream_fin_seq(peer))
        return;
    if (tcp_fsm_cell(state_of(s, end), TCP_INPUT_RCV_FIN)->to == TCP_STATE_UNKNOWN)
        return; /* not known yet to be synchronised: later */
    s->lane->end[end].fin_received = true;
    take_input(s, end, TCP_INPUT_RCV_FIN, HOW_INFERRED);
}

static void send_fin(struct wire_step *s, enum end from)
{
    const struct stream *sender = &s->conn->streams.of[from], *peer = &s->conn->streams.of[!from];
    bool crossed;

    if (tcp_fsm_cell(state_of(s, from), TCP_INPUT_SND_FIN)->to == TCP_STATE_UNKNOWN)
        return; /* who is not open closes nothing */
    ends_closed_by(&s->conn->ends, LANE_WIRE, from);
    /* where it does not acknowledge the peer's FIN, that was on its way when this one was sent: they crossed */
    crossed = state_of(s, from) == TCP_STATE_CLOSE_WAIT && sender->acked <= stream_fin_seq(peer);
    if (crossed)
        move_to(s, from, TCP_STATE_ESTABLISHED, NULL, HOW_CORRECTED);
    take_input(s, from, TCP_INPUT_SND_FIN, HOW_INFERRED);
    if (crossed)
        take_input(s, from, TCP_INPUT_RCV_FIN, HOW_INFERRED);
}

/* An end that has sent a SYN goes on: its peer answered it. */
static RARE void assume_answer(struct wire_step *s, enum end from)
{
    if (state_of(s, !from) == TCP_STATE_UNKNOWN && s->conn->streams.of[!from].syn_unseen)
        take_input(s, !from, TCP_INPUT_SND_SYN_ACK, HOW_ASSUMED);
    take_input(s, from, TCP_INPUT_RCV_SYN_ACK, s->conn->streams.of[!from].syn_sent ? HOW_INFERRED : HOW_ASSUMED);
}

/* An acknowledgment that moves on by one, from an end that has sent its FIN, is that of the peer's FIN. */
bool wire_shows_unseen_fin(const struct conn *c, enum end from, const struct segment *seg, int64_t ack)
{
    const struct stream *sender = &c->streams.of[from], *peer = &c->streams.of[!from];
    const enum tcp_state state = ends_state(&c->ends, from, LANE_WIRE);

    return (state == TCP_STATE_FIN_WAIT_1 || state == TCP_STATE_FIN_WAIT_2) && !peer->segments && !peer->fin_sent &&
           (seg->flags & SEGMENT_ACK) && !(seg->flags & (SEGMENT_SYN | SEGMENT_RST)) && !seg->payload_len &&
           sender->acked && ack == sender->acked + 1;
}

/* The FIN of a peer that is never seen: as it mostly is, the answer to this end's own. */
static RARE void assume_fin(struct wire_step *s, enum end from, int64_t ack)
{
    stream_assume_fin(&s->conn->streams.of[!from], ack);
    s->lane->end[from].fin_received = true;
    take_input(s, from, TCP_INPUT_RCV_ACK_OF_FIN, HOW_ASSUMED);
    take_input(s, !from, TCP_INPUT_SND_FIN, HOW_ASSUMED);
    take_input(s, from, TCP_INPUT_RCV_FIN, HOW_ASSUMED);
}

/* RFC 9293 3.10.7: in SYN-SENT a RST counts if it acknowledges the SYN, later if it is exactly the next expected: which is
 * what the receiver acknowledged last, or what was captured on its way to it since. */
static bool rst_acceptable(const struct conn *c, enum end to, const struct segment *seg,
                           const struct stream_place *place)
{
    const struct stream *receiver = &c->streams.of[to];
    const enum tcp_state state = ends_state(&c->ends, to, LANE_WIRE);

    if (state == TCP_STATE_SYN_SENT)
        return (seg->flags & SEGMENT_ACK) && place->ack >= 1 && place->ack <= receiver->snd_max;
    return state == TCP_STATE_UNKNOWN || place->seq == receiver->rcv_nxt || !receiver->rcv_nxt ||
           (receiver->acked && place->seq == receiver->acked);
}

bool wire_rst_is_genuine(const struct conn *c, enum end from, const struct segment *seg,
                         const struct stream_place *place, uint32_t receivers_last_ack)
{
    if (rst_acceptable(c, !from, seg, place))
        return true;
    if (ends_state(&c->ends, !from, LANE_WIRE) == TCP_STATE_SYN_SENT)
        return false;
    return place->seq == c->streams.of[from].snd_max || (c->streams.of[!from].acked && seg->seq == receivers_last_ack);
}

/* What completed it was not taken. No doubt is left: of the next one that is refused the listener tells too. */
static RARE void take_back_handshake(struct wire_step *s, enum end end)
{
    const enum tcp_state state = state_of(s, end);

    if (s->lane->end[end].spoke || (state != TCP_STATE_ESTABLISHED && state != TCP_STATE_CLOSE_WAIT))
        return;
    s->lane->end[end].fin_received = false;
    move_to(s, end, TCP_STATE_SYN_RECEIVED, NULL, HOW_CORRECTED);
}

static RARE void send_rst(struct wire_step *s, enum end from, const struct stream_place *place)
{
    const struct stream *sender = &s->conn->streams.of[from];

    /* <SEQ=SEG.ACK> to the SYN,ACK, and never another word: it was there no more when that came */
    if (!(s->segment->flags & SEGMENT_ACK) && state_of(s, from) == TCP_STATE_ESTABLISHED && sender->syn_sent &&
        !sender->acked && place->seq == 1) {
        take_back(s, from, TCP_STATE_SYN_SENT);
        s->lane->end[from].had_no_socket = true;
    }
    if (s->lane->end[from].refused)
        take_back_handshake(s, from);
    /* An abort says <SEQ=SND.NXT><CTL=RST,ACK>. <SEQ=SEG.ACK><CTL=RST> is the answer of one that has no such connection: its
     * socket went without a word, which only one does that waits in vain. */
    if (!(s->segment->flags & SEGMENT_ACK) && state_of(s, from) >= TCP_STATE_ESTABLISHED && !sender->fin_sent &&
        place->seq < sender->snd_max)
        s->lane->end[from].gave_up = true;
    /* <SEQ=SEG.ACK> to what acknowledged too much: it waits for the right one still (3.10.7.4) */
    if (!(s->segment->flags & SEGMENT_ACK) && state_of(s, from) == TCP_STATE_SYN_RECEIVED &&
        s->lane->end[from].offered_ahead)
        return;
    stream_reset(&s->conn->streams.of[from]);
    ends_reset_by(&s->conn->ends, from);
    take_input(s, from, TCP_INPUT_SND_RST, HOW_INFERRED);
}

static void send_syn(struct wire_step *s, enum end from)
{
    const bool answers = s->segment->flags & SEGMENT_ACK;

    /* who answers a SYN was listening for it, though it may have refused another */
    if (answers && state_of(s, from) == TCP_STATE_UNKNOWN) {
        ends_begin_as(&s->conn->ends, from, LANE_WIRE, TCP_STATE_LISTEN);
    } else if (answers && state_of(s, from) == TCP_STATE_CLOSED) {
        take_input(s, from, TCP_INPUT_PASSIVE_OPEN, HOW_ASSUMED);
        s->conn->streams.of[from].rst_sent = false;
        ends_not_reset(&s->conn->ends);
    }
    take_input(s, from, answers ? TCP_INPUT_SND_SYN_ACK : TCP_INPUT_SND_SYN, HOW_INFERRED);
    if (!answers && !s->apart && state_of(s, !from) == TCP_STATE_SYN_SENT) /* the peer's SYN is on its way to it */
        take_input(s, from, TCP_INPUT_RCV_SYN, HOW_INFERRED);
}

/* It speaks as one who is synchronised: the part of the handshake that is missing here took place. */
static void assume_handshake(struct wire_step *s, enum end from, const struct stream_place *place)
{
    const enum tcp_state state = state_of(s, from);

    if (state == TCP_STATE_UNKNOWN && state_of(s, !from) != TCP_STATE_SYN_SENT)
        take_input(s, from, TCP_INPUT_MIDSTREAM, HOW_ASSUMED);
    else if (state == TCP_STATE_SYN_SENT)
        assume_answer(s, from);
    else if (state == TCP_STATE_SYN_RECEIVED && !s->conn->streams.of[!from].segments)
        take_input(s, from, TCP_INPUT_RCV_ACK_OF_SYN, HOW_ASSUMED);
    else if (state == TCP_STATE_SYN_RECEIVED && s->lane->end[from].offered_ahead)
        take_input(s, from, TCP_INPUT_RCV_ACK_OF_SYN, HOW_INFERRED);
    else if (state == TCP_STATE_SYN_RECEIVED && !is_believed(s, from) && (s->segment->payload_len || place->ack > 1))
        take_input(s, from, TCP_INPUT_RCV_ACK_OF_SYN, HOW_INFERRED);
}

/* The least time after which a segment can no longer have crossed another, where the round trip is not known: RFC 6298 2. */
#define CROSSING_NS 1000000000ull

/* What this end sends it can still have sent before it got what brought it to its state. */
static bool may_cross(const struct wire_step *s, enum end from)
{
    return s->ts_ns - ends_entered_ns(&s->conn->ends, from) <= (s->rtt_ns ? 2 * s->rtt_ns : CROSSING_NS);
}

/* It is CLOSED because of a RST, its own or its peer's, and sends. */
static RARE void contradict_rst(struct wire_step *s, enum end from, const struct stream_place *place)
{
    struct streams *streams = &s->conn->streams;
    const bool forged = streams->of[from].rst_sent;

    if (stream_fin_acked(streams, END_CLIENT) && stream_fin_acked(streams, END_SERVER))
        return;
    /* never open: it goes on refusing */
    if (!streams->of[from].syn_sent && !streams->of[from].syn_unseen && !s->conn->ends.midstream)
        return;
    /* sent before the RST, and overtaken by it; or it takes no notice of a refusal and tries again */
    if (forged ? place->seq < streams->of[from].snd_max - s->segment->payload_len
               : streams->of[!from].rst_sent && !(s->segment->flags & SEGMENT_SYN) && may_cross(s, from))
        return;
    s->lane->end[from].closed_by_rst = false;
    streams->of[from].rst_sent = false;
    if (forged) /* else it was sent, though it did not arrive */
        ends_not_reset(&s->conn->ends);
    take_back(s, from, s->segment->flags & SEGMENT_SYN ? TCP_STATE_SYN_SENT : state_shown(s, from, false));
}

/* An end did not get its peer's FIN. */
static RARE void take_back_fin(struct wire_step *s, enum end end)
{
    enum tcp_state to;

    switch (state_of(s, end)) {
    case TCP_STATE_CLOSE_WAIT: to = TCP_STATE_ESTABLISHED; break;
    case TCP_STATE_CLOSING: to = TCP_STATE_FIN_WAIT_1; break;
    case TCP_STATE_TIME_WAIT: to = TCP_STATE_FIN_WAIT_2; break;
    default: return; /* it has shown that it got it */
    }
    s->lane->end[end].fin_received = false;
    s->lane->end[end].doubts = WIRE_DOUBTS_MAX;
    take_back(s, end, to);
}

/* A sign that the end never got what was inferred that it got. */
static void contradict(struct wire_step *s, enum end from, const struct stream_place *place)
{
    const struct stream *peer = &s->conn->streams.of[!from];
    const enum tcp_state state = state_of(s, from);
    const unsigned flags = s->segment->flags;
    struct wire_end *end = &s->lane->end[from];

    if (end->closed_by_rst && state == TCP_STATE_CLOSED) {
        if ((flags & (SEGMENT_SYN | SEGMENT_ACK)) != (SEGMENT_SYN | SEGMENT_ACK))
            contradict_rst(s, from, place);
    } else if ((flags & SEGMENT_SYN) && s->again && !end->spoke && state == TCP_STATE_ESTABLISHED) {
        take_back(s, from, flags & SEGMENT_ACK ? TCP_STATE_SYN_RECEIVED : TCP_STATE_SYN_SENT);
    } else if ((flags & SEGMENT_FIN) && s->again) {
        if (state == TCP_STATE_FIN_WAIT_2 || state == TCP_STATE_TIME_WAIT || state == TCP_STATE_CLOSED)
            take_back(s, from, state_shown(s, from, false));
    } else if ((flags & SEGMENT_ACK) && state == TCP_STATE_CLOSE_WAIT && end->fin_received &&
               place->ack <= stream_fin_seq(peer) && place->ack == s->conn->streams.of[from].acked &&
               !may_cross(s, from)) {
        take_back_fin(s, from);
    }
}

/* What sending the segment proves about the sender. */
static inline void step_sender(struct wire_step *s, enum end from, const struct stream_place *place)
{
    const unsigned flags = s->segment->flags;

    if (flags & SEGMENT_RST) {
        send_rst(s, from, place);
        return;
    }
    contradict(s, from, place);
    if (!(flags & SEGMENT_SYN))
        s->lane->end[from].spoke = true;
    if (s->segment->payload_len && s->conn->streams.of[!from].fin_sent)
        s->lane->end[from].data_after_fin = true;
    if (flags & SEGMENT_SYN)
        send_syn(s, from);
    else
        assume_handshake(s, from, place);
    if (s->advances) { /* it gets what is sent to it, has not closed for good, and no error stands in the way any more */
        s->lane->end[from].doubts = 0;
        s->lane->end[!from].data_after_fin = false;
        s->lane->icmp[!from] = 0;
    }
    if (!s->conn->self) /* else it is its own, which it has not got yet */
        take_fin(s, from);
    if (!(flags & SEGMENT_FIN))
        return;
    send_fin(s, from);
    /* its acknowledgment overtook it */
    if (!s->again && stream_fin_acked(&s->conn->streams, from) && is_believed(s, from))
        take_input(s, from, TCP_INPUT_RCV_ACK_OF_FIN, HOW_INFERRED);
}

/* RFC 9293 3.10.7.4: what acknowledges more than the SYN does not complete the handshake. Where that was sent, and not captured,
 * the next segment of either end shows it. */
static void take_ack_of_syn(struct wire_step *s, enum end to)
{
    struct wire_end *end = &s->lane->end[to];

    if (s->ahead && state_of(s, to) == TCP_STATE_SYN_RECEIVED && s->conn->streams.of[to].segments && !end->spoke)
        end->offered_ahead = true;
    else
        take_input(s, to, TCP_INPUT_RCV_ACK_OF_SYN, HOW_INFERRED);
}

/* What getting it does to the receiver. */
static inline void step_receiver(struct wire_step *s, enum end to, const struct stream_place *place)
{
    const struct stream *receiver = &s->conn->streams.of[to];
    const unsigned flags = s->segment->flags;

    if (flags & SEGMENT_RST) {
        if (rst_acceptable(s->conn, to, s->segment, place))
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
        /* asked for once more, as if nothing had come, and nothing has come from there */
        if (s->again && state_of(s, to) == TCP_STATE_ESTABLISHED && receiver->syn_sent && !s->lane->end[to].spoke) {
            s->lane->end[to].doubts = WIRE_DOUBTS_MAX;
            take_back(s, to, TCP_STATE_SYN_SENT);
        }
        if (is_believed(s, to))
            take_input(s, to, TCP_INPUT_RCV_SYN_ACK, HOW_INFERRED);
        if (receiver->fin_sent && state_of(s, to) == TCP_STATE_ESTABLISHED)
            send_fin(s, to); /* it went with its SYN */
    } else if ((flags & SEGMENT_ACK) && (receiver->syn_sent || receiver->syn_unseen) && place->ack >= 1 &&
               is_believed(s, to)) {
        take_ack_of_syn(s, to);
    }
    /* asked for once more, as if it had not come, and no ACK of it has come from there */
    if ((flags & SEGMENT_FIN) && s->again && s->lane->end[to].fin_received && receiver->segments &&
        receiver->acked <= stream_fin_seq(&s->conn->streams.of[!to]))
        take_back_fin(s, to);
    if ((flags & SEGMENT_ACK) && receiver->fin_sent && place->ack > stream_fin_seq(receiver) && is_believed(s, to))
        take_input(s, to, TCP_INPUT_RCV_ACK_OF_FIN, HOW_INFERRED);
    take_fin(s, to);
}

bool wire_is_of_earlier_use(const struct conn *c, enum end from, const struct segment *seg, uint32_t window)
{
    const struct stream *sender = &c->streams.of[from], *receiver = &c->streams.of[!from];

    if (ends_state(&c->ends, !from, LANE_WIRE) == TCP_STATE_SYN_SENT && receiver->syn_sent &&
        (seg->flags & SEGMENT_ACK))
        return seg->ack - receiver->base - 1 >= (uint32_t)receiver->snd_max + window;
    if (ends_state(&c->ends, from, LANE_WIRE) == TCP_STATE_SYN_SENT && sender->syn_sent && (seg->flags & SEGMENT_RST))
        return seg->seq != sender->base + (uint32_t)sender->snd_max;
    return false;
}

/* What an end that is both sends does at each what sending does, and then at each what getting it does. */
static RARE void step_self(struct wire_step *s, enum end from, const struct stream_place *place)
{
    step_sender(s, from, place);
    step_sender(s, !from, place);
    step_receiver(s, !from, place);
    step_receiver(s, from, place);
}

void wire_segment(struct wire_step *s, enum end from, const struct stream_place *place, bool unseen_fin)
{
    if (unseen_fin)
        assume_fin(s, from, place->ack);
    if (s->conn->self) {
        step_self(s, from, place);
        return;
    }
    step_sender(s, from, place);
    step_receiver(s, !from, place);
}

void wire_sent(struct wire_step *s, enum end from, const struct stream_place *place, bool unseen_fin)
{
    if (unseen_fin)
        assume_fin(s, from, place->ack);
    step_sender(s, from, place);
}

void wire_arrived(struct wire_step *s, enum end to, const struct stream_place *place)
{
    if (s->segment->flags & SEGMENT_FIN)
        s->lane->end[to].fin_arrived = true;
    step_receiver(s, to, place);
}

void wire_refused(struct emitter *out, struct conn *c, struct wire_lane *lane, uint64_t ts_ns)
{
    struct wire_step s = { .out = out, .conn = c, .lane = lane, .ts_ns = ts_ns };

    take_back_handshake(&s, END_SERVER);
    lane->end[END_SERVER].refused = true;
}

void wire_settle(struct emitter *out, struct conn *c, struct wire_lane *lane, uint64_t ts_ns)
{
    struct wire_step s = { .out = out, .conn = c, .lane = lane, .ts_ns = ts_ns };

    if (state_of(&s, END_CLIENT) == TCP_STATE_ESTABLISHED && state_of(&s, END_SERVER) == TCP_STATE_SYN_RECEIVED &&
        !ends_kernel_tells(&c->ends, END_CLIENT) && c->streams.of[END_CLIENT].syn_sent &&
        !lane->end[END_CLIENT].spoke && (c->superseded || ts_ns - ends_entered_ns(&c->ends, END_CLIENT) > CROSSING_NS))
        take_back(&s, END_CLIENT, TCP_STATE_SYN_SENT);
}

void wire_undelivered(struct emitter *out, struct conn *c, struct wire_lane *lane, enum end from, uint32_t seq,
                      uint64_t because, uint64_t ts_ns)
{
    struct wire_step s = { .out = out, .conn = c, .lane = lane, .because = because, .ts_ns = ts_ns };
    const struct stream *sender = &c->streams.of[from], *receiver = &c->streams.of[!from];
    const int64_t place = sender->base_known ? stream_unwrap(sender, seq) : -1;

    if (sender->syn_sent && place == 0 && state_of(&s, !from) == TCP_STATE_ESTABLISHED && !lane->end[!from].spoke)
        take_back(&s, !from, receiver->syn_sent ? TCP_STATE_SYN_SENT : TCP_STATE_UNKNOWN);
    else if (sender->fin_sent && place == stream_fin_seq(sender) && receiver->acked <= place)
        take_back_fin(&s, !from);
    else if (place == sender->snd_max && state_of(&s, !from) == TCP_STATE_FIN_WAIT_2)
        take_back(&s, !from, TCP_STATE_FIN_WAIT_1); /* the ACK of its FIN */
}

enum cause wire_cause(const struct conn *c, const struct wire_lane *lane, enum end *ret_end)
{
    const unsigned by = c->ends.reset_by;

    if (by != END_UNKNOWN && lane->end[by].gave_up) {
        *ret_end = by;
        return CAUSE_RETRANSMISSION_TIMEOUT;
    }
    if (by != END_UNKNOWN && lane->end[by].had_no_socket) {
        *ret_end = by;
        return CAUSE_NO_SOCKET;
    }
    /* reset by one who had closed before, when data came that nobody would read */
    if (by != END_UNKNOWN && c->ends.closed_by_wire == by && lane->end[!by].data_after_fin) {
        *ret_end = by;
        return CAUSE_DATA_AFTER_CLOSE;
    }
    for (unsigned i = 0; i < END_N && by == END_UNKNOWN; i++) {
        if (lane->end[i].answered_older && !c->ends.established) {
            *ret_end = i;
            return CAUSE_TIME_WAIT_ANSWERED;
        }
        if (lane->icmp[i] && c->streams.of[!i].acked < c->streams.of[i].snd_max)
            return CAUSE_ICMP_NET_UNREACHABLE + lane->icmp[i] - 1;
    }
    return CAUSE_NONE;
}

void wire_expire(struct emitter *out, struct conn *c, uint64_t ts_ns)
{
    struct wire_lane none = { 0 };
    struct wire_step s = { .out = out, .conn = c, .lane = &none, .ts_ns = ts_ns };

    for (unsigned end = 0; end < END_N; end++)
        if (state_of(&s, end) == TCP_STATE_TIME_WAIT)
            take_input(&s, end, TCP_INPUT_TIMEOUT_2MSL, HOW_PREDICTED);
    c->ends.last_ns = ts_ns;
}
