/* Shared by the files that make up the connection engine: conn.c keeps the table, conn_kernel.c, conn_sampled.c and
 * conn_wire.c each follow one witness, conn_listener.c the queues, conn_outcome.c sums up. */
#ifndef TCPLENS_MODEL_CONN_PRIVATE_H
#define TCPLENS_MODEL_CONN_PRIVATE_H

#include "tcplens/model/conn.h"

/* Ranges received beyond a hole, per direction; more are forgotten, which only delays a FIN's effect. */
#define CONN_HOLES_MAX 4

/* Doubly linked, oldest first. */
struct conn_list {
    struct conn *first, *last;
};

struct conn_link {
    struct conn *prev, *next;
};

/* One end as the kernel tells it. */
struct kernel_lane {
    enum tcp_state state;
    enum object object;
    bool seen, established; /* established: the handshake was done, at this end */
    uint64_t cookie;
    uint64_t deadline_ns; /* of the minisock's timer, as last said */
};

/* Segments of one direction that wait for their acknowledgment and are timed. */
#define CONN_TIMED_MAX 2

/* What the notes on segments are made from, per direction; sequence numbers as sent. conn_notes.c */
struct analysis {
    uint32_t next_seq;  /* highest end sent */
    uint32_t max_acked; /* highest end sent without a hole: who acknowledges more has more than the capture */
    uint32_t last_ack;
    int16_t dup_acks; /* -1: it acknowledged what was not captured */
    uint16_t last_notes;
    uint64_t next_seq_ns, last_ns; /* when next_seq was reached; the last segment */
    struct {
        uint64_t ts_ns;
        uint32_t end;
    } __attribute__((packed)) timed[CONN_TIMED_MAX];
    uint8_t timed_count;
    bool seen, window_of_syn;
};

enum zeek_count { ZEEK_BAD_CHECKSUM, ZEEK_GAP, ZEEK_RETRANSMITTED, ZEEK_ZERO_WINDOW, ZEEK_COUNT_N };

/* One end as Zeek sees it. conn_zeek.c */
struct zeek_end {
    uint8_t state, previous, seen;
    uint32_t start, last;                  /* sequence numbers as sent: of the SYN, of the end so far */
    uint32_t last_syn, last_fin, last_rst; /* relative to start */
    uint32_t count[ZEEK_COUNT_N];
};

/* One end as its packets tell it. Sequence numbers of 64 bits are relative and do not wrap. */
struct wire_lane {
    uint64_t snd_max; /* end of what it sent */
    uint64_t fin_seq; /* of its FIN */
    uint64_t acked;   /* highest acknowledgment it sent, in the peer's numbers */
    uint64_t rcv_nxt; /* what it must have received without holes, in the peer's numbers */
    uint64_t segments;
    uint32_t base;                     /* the sequence number that is 0 */
    uint32_t ifindex;                  /* where its segments are seen; the same ones elsewhere are left out */
    uint32_t holes[CONN_HOLES_MAX][2]; /* received beyond a hole; the low halves of the peer's numbers */
    uint16_t window;                   /* last, as sent */
    uint8_t state;                     /* enum tcp_state */
    uint8_t wscale, hole_count;
    bool base_known : 1, fin_sent : 1, fin_received : 1, scale_known : 1, syn_sent : 1;
    struct analysis analysis;
    struct zeek_end zeek;
};

struct conn_end {
    struct kernel_lane kernel;
    struct wire_lane wire;
    struct task owner;                               /* pid 0: pending or not known */
    uint64_t since_ns, state_ns[TCP_STATE_N];        /* by the best witness */
    uint64_t last_syn, last_fin, last_rst, last_ack; /* records of the segments it sent last */
};

struct conn {
    struct conn *hash_next;
    struct conn_link age;   /* in conn_table.by_age */
    struct conn_link ended; /* in conn_table.closed or .waiting */
    struct conn_list *ended_in;
    uint32_t number, netns, listener;
    struct endpoint endpoint[END_N];
    struct conn_end end[END_N];
    uint64_t first_ns, last_ns, ended_ns, timer; /* timer: record of the last timer */
    bool established, closing, midstream;
    bool superseded; /* a newer connection has the same endpoints */
    enum end closed_by, reset_by;
    enum end zeek_originator;
    uint64_t syn_ns, rtt_ns; /* time of the last SYN; from there to the ACK that followed, 0: not known */
    char history[HISTORY_MAX];
};

struct listener {
    struct listener *hash_next;
    uint64_t cookie;
    uint32_t number, netns, backlog, drops_start;
    struct endpoint addr;
    struct task owner;
};

/* Sockets by what the kernel side tells them apart with, in a set-associative table: a socket that is pushed out gets
 * another number when it speaks again. */
#define SOCKET_SETS 4096
#define SOCKET_WAYS 4

struct socket_slot {
    uint64_t key;
    uint32_t number;
};

#define LISTENER_BUCKETS 1024

struct conn_table {
    struct conn_config config;
    struct conn **buckets;
    size_t bucket_count, count; /* bucket_count is a power of two */
    struct conn_list by_age, closed, waiting;
    struct listener *listeners[LISTENER_BUCKETS];
    size_t listener_count;
    struct socket_slot sockets[SOCKET_SETS][SOCKET_WAYS];
    uint32_t socket_count;
    uint64_t n;       /* last record number given out */
    uint64_t told_ns; /* latest time of a record */
    uint32_t conn_number, listener_number;
    uint64_t evicted;
};

/* conn.c */
struct change change_begin(struct conn_table *t, const struct event *e, enum change_kind kind);
void change_emit(struct conn_table *t, struct change *change);
struct conn *conn_find(struct conn_table *t, const struct event *e);
/* client: which of the event's two endpoints is the client. */
struct conn *conn_new(struct conn_table *t, const struct event *e, bool local_is_client, bool before_trace,
                      bool roles_assumed);
void conn_retire(struct conn_table *t, struct conn *c, uint64_t ts_ns);
/* Its endpoints are used again: makes room, and returns NULL. Where the kernel still holds a minisock the connection
 * stays, behind the new one, until that is gone. */
struct conn *conn_supersede(struct conn_table *t, struct conn *c, uint64_t ts_ns);
bool conn_over(const struct conn *c);
enum end conn_end_of(const struct conn *c, const struct endpoint *local);
enum tcp_state conn_best_state(const struct conn_end *e);
/* Books the time spent in the state that is left; call before a change by the best witness. */
void conn_account(struct conn_end *e, uint64_t ts_ns);

/* conn_kernel.c */
void conn_kernel_event(struct conn_table *t, const struct event *e);
/* The kernel's own name of a state (include/net/tcp_states.h). */
const char *kernel_state_name(enum tcp_state state, enum object object);
/* The end lives on in another object, its state unchanged. */
void kernel_hand_over(struct conn_table *t, const struct event *e, struct conn *c, enum end end, enum object to);
/* Returns the record's number. */
uint64_t kernel_timer(struct conn_table *t, const struct event *e, struct conn *c, enum end end, enum timer_name name,
                      enum timer_phase phase, uint64_t expires_ns, uint32_t count);

/* conn_sampled.c */
/* A sample shows a socket (EVENT_SNAPSHOT), or that one of this connection is gone (EVENT_SOCK_STATE). */
void sampled_socket(struct conn_table *t, const struct event *e);
void sampled_end(struct conn_table *t, const struct event *e, struct conn *c);

/* conn_socket.c */
/* The number of a socket within the trace. An address is used again: socket() makes a new one. */
uint32_t socket_number(struct conn_table *t, uint64_t key, const char *call);

/* conn_wire.c */
/* Returns the connection it belongs to; NULL: none. */
struct conn *conn_wire_event(struct conn_table *t, const struct event *e);
/* 2MSL after the last segment, with no kernel to tell: TIME-WAIT is over. */
void conn_wire_expire(struct conn_table *t, struct conn *c, uint64_t ts_ns);

/* conn_listener.c */
struct listener *listener_find(struct conn_table *t, uint64_t cookie);
struct listener *listener_at(struct conn_table *t, const struct endpoint *local, uint32_t netns);
void listener_opened(struct conn_table *t, const struct event *e);
void listener_existed(struct conn_table *t, const struct event *e);
/* A sample shows it for the first time, or with another backlog or other queues. */
void listener_sampled(struct conn_table *t, const struct event *e);
void listener_closed(struct conn_table *t, const struct event *e);
/* A listener known only by its cookie and depth figures is introduced first. c: the connection that moved, or NULL.
 * NULL: none. */
struct listener *listener_of_queue(struct conn_table *t, const struct event *e, const struct conn *c);
void listener_queue(struct conn_table *t, const struct event *e, const struct conn *c, enum queue_why why);
void listener_free_all(struct conn_table *t);

/* RFC 7323 2.2: the shift of the windows an end announces; 0 unless both SYNs carried the option. */
unsigned wire_shift(const struct conn *c, enum end end);
/* Payload an end sent, by sequence numbers: what was retransmitted counts once, what was not captured counts. */
uint64_t wire_bytes(const struct conn *c, enum end end);

/* conn_notes.c */
struct finding {
    uint32_t notes;   /* enum segment_note */
    uint32_t dup_ack; /* which repetition of the ACK this is, from 1; 0: none */
    uint64_t rtt_ns;  /* since the segment that this acknowledges; 0: not known */
};

/* Judges a segment by those before it, and remembers it for those to come. */
struct finding conn_analyse(struct conn *c, enum end from, const struct segment *s, uint64_t ts_ns);

/* conn_zeek.c */
/* A port where Zeek expects servers by default. */
bool zeek_server_port(uint16_t port);
/* The first segment of a connection. */
void zeek_begin(struct conn *c, enum end sender, const struct segment *s);
void zeek_segment(struct conn *c, enum end from, const struct segment *s);
/* Zeek leaves such a segment out. */
void zeek_bad_checksum(struct conn *c, enum end from);
/* Holes in what this end sent were acknowledged, so that they can no longer be filled. */
void zeek_gaps(struct conn *c, enum end end, unsigned count);
const char *zeek_conn_state(const struct conn *c);

/* conn_outcome.c */
void conn_outcome(struct conn_table *t, struct conn *c, uint64_t ts_ns);

#endif
