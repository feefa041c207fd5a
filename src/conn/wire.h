/* The wire's lane: each segment is one input to the end that sent it and, if it is acceptable there, others to the end
 * that gets it. RFC 9293's table is executed here, for both ends at once. */
#ifndef TCPLENS_CONN_WIRE_H
#define TCPLENS_CONN_WIRE_H

#include "table.h"

/* What is inferred of an end, and how far that can be believed. */
struct wire_end {
    uint16_t fin_received : 1; /* the peer's FIN has taken effect here */
    uint16_t doubts : 2; /* how often it has been taken back that it got something; WIRE_DOUBTS_MAX: believed no more */
    uint16_t spoke  : 1; /* it sent what only one who is synchronised does */
    uint16_t challenged     : 1; /* it was sent a SYN, or a RST, that it does not take */
    uint16_t answered_older : 1; /* it answered a SYN for an earlier connection */
    uint16_t data_after_fin : 1; /* it sent data after its peer's FIN, and none of it was acknowledged since */
    uint16_t closed_by_rst  : 1;
    uint16_t fin_arrived    : 1; /* of a segment that is apart from its arrival: the peer's FIN has come */
    uint16_t offered_ahead  : 1; /* what may have completed its handshake acknowledged more than was captured of it */
    uint16_t refused        : 1; /* its listener dropped what would have completed its handshake */
    uint16_t reset_held     : 1; /* it sent a RST beyond what was captured of it, which is held */
    uint16_t gave_up        : 1; /* its RST shows that the socket had gone in silence, with data unacknowledged */
    uint16_t had_no_socket  : 1; /* its RST shows that it had no such connection when the SYN,ACK came */
    uint16_t damaged        : 1; /* a segment of it had a wrong checksum */
};
#define WIRE_DOUBTS_MAX 2

struct wire_lane {
    struct wire_end end[END_N];
    uint8_t icmp[END_N]; /* the last ICMP error about what the end sent, enum icmp_error, + 1; 0: none */
};

/* What a segment did, for the roof to pass on. */
struct wire_moves {
    uint64_t record[END_N]; /* of the end's last change of state; 0: it did not move */
};

/* A segment that is taken, about to take effect. */
struct wire_step {
    struct emitter *out;
    struct conn *conn;
    struct wire_lane *lane;
    const struct segment *segment;
    uint64_t ts_ns;
    uint64_t because; /* the segment's record; 0 where it is not written */
    bool again;       /* it repeats a SYN or FIN of its sender */
    bool apart;       /* its arrival is told by itself: what it is on its way to is not moved by its being sent */
    bool advances;    /* it acknowledges what its sender had not yet acknowledged */
    bool ahead;       /* the first that its sender acknowledges is more than was captured of the peer */
    uint64_t rtt_ns;  /* of the handshake; 0: not known */
    struct wire_moves moves;
};

/* Both ends are synchronised, and not over: a SYN in another numbering does not begin anything (RFC 9293 3.10.7.4). */
bool wire_is_open(const struct conn *c);
/* A SYN on known endpoints: is it a new use of them, or belongs it to the handshake that is going on? */
bool wire_begins_anew(const struct conn *c, enum end from, const struct segment *seg);

/* Who is the client, where the first segment alone must tell. client: the sender is. assumed: it is a guess, and the
 * connection older than the trace. */
struct wire_roles {
    bool client, assumed;
};
struct wire_roles wire_roles_of(const struct segment *seg);

/* RFC 9293 3.5.1 and 3.10.7.3: to a SYN on endpoints that the peer still holds for an earlier connection it answers with
 * what acknowledges no SYN, and gets a RST in that numbering. Neither moves an end of this connection. window: what the sender
 * announces at the most: data that was not captured may be acknowledged. */
bool wire_is_of_earlier_use(const struct conn *c, enum end from, const struct segment *seg, uint32_t window);

/* Of a peer that is never seen, what it sent shows in the acknowledgments alone: this one is of its FIN. Before the
 * streams take the segment. */
bool wire_shows_unseen_fin(const struct conn *c, enum end from, const struct segment *seg, int64_t ack);

/* Anybody can send a RST. This one is of the end that it says it is from: it counts at its receiver, or goes on from what the
 * sender sent last, or answers what the receiver sent last (3.10.7.1: <SEQ=SEG.ACK>). */
bool wire_rst_is_genuine(const struct conn *c, enum end from, const struct segment *seg,
                         const struct stream_place *place, uint32_t receivers_last_ack);

/* The segment takes effect at both ends; the streams have taken it. unseen_fin: what wire_shows_unseen_fin() said. */
void wire_segment(struct wire_step *s, enum end from, const struct stream_place *place, bool unseen_fin);

/* The same where sending and arriving are told one after the other (wire_step.apart). */
void wire_sent(struct wire_step *s, enum end from, const struct stream_place *place, bool unseen_fin);
void wire_arrived(struct wire_step *s, enum end to, const struct stream_place *place);

/* The server's listener dropped the ACK that would have completed the handshake. */
void wire_refused(struct emitter *out, struct conn *c, struct wire_lane *lane, uint64_t ts_ns);

/* An ICMP error says that what `from` sent with this number, as sent, never arrived. because: the error's record. */
void wire_undelivered(struct emitter *out, struct conn *c, struct wire_lane *lane, enum end from, uint32_t seq,
                      uint64_t because, uint64_t ts_ns);

/* It is judged: a client from which nothing has come since the SYN,ACK, or which began anew, never got that, or never sent the
 * SYN. */
void wire_settle(struct emitter *out, struct conn *c, struct wire_lane *lane, uint64_t ts_ns);

/* What packets show to have ended it, or kept it from beginning. *ret_end: whose doing, where they show that too. */
enum cause wire_cause(const struct conn *c, const struct wire_lane *lane, enum end *ret_end);

/* 2MSL after the last segment, with no kernel to tell: TIME-WAIT is over. */
void wire_expire(struct emitter *out, struct conn *c, uint64_t ts_ns);

#endif
