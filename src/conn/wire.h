/* The wire's lane: each segment is one input to the end that sent it and, if it is acceptable there, others to the end
 * that gets it. RFC 9293's table is executed here, for both ends at once. */
#ifndef TCPLENS_CONN_WIRE_H
#define TCPLENS_CONN_WIRE_H

#include "table.h"

struct wire_lane {
    bool fin_received[END_N]; /* the peer's FIN has taken effect at this end */
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
    struct wire_moves moves;
};

/* A SYN on known endpoints: is it a new use of them, or belongs it to the handshake that is going on? */
bool wire_begins_anew(const struct conn *c, enum end from, const struct segment *seg);

/* Who is the client, where the first segment alone must tell. client: the sender is. assumed: it is a guess, and the
 * connection older than the trace. */
struct wire_roles {
    bool client, assumed;
};
struct wire_roles wire_roles_of(const struct segment *seg);

/* RFC 9293 3.5.1 and 3.10.7.3: to a SYN on endpoints that the peer still holds for an earlier connection it answers with
 * what acknowledges no SYN, and gets a RST in that numbering. Neither moves an end of this connection. */
bool wire_is_of_earlier_use(const struct conn *c, enum end from, const struct segment *seg);

/* Of a peer that is never seen, what it sent shows in the acknowledgments alone: this one is of its FIN. Before the
 * streams take the segment. */
bool wire_shows_unseen_fin(const struct conn *c, enum end from, const struct segment *seg, uint64_t ack);

/* The segment takes effect at both ends; the streams have taken it. unseen_fin: what wire_shows_unseen_fin() said. */
void wire_segment(struct wire_step *s, enum end from, const struct stream_place *place, bool unseen_fin);

/* 2MSL after the last segment, with no kernel to tell: TIME-WAIT is over. */
void wire_expire(struct emitter *out, struct conn *c, uint64_t ts_ns);

#endif
