/* Shared by the files that make up the connection engine: conn.c keeps the table, conn_kernel.c, conn_sampled.c and
 * conn_wire.c each follow one witness, conn_reconcile.c compares them, conn_listener.c has the queues, conn_outcome.c sums
 * up. */
#ifndef TCPLENS_CONN_PRIVATE_H
#define TCPLENS_CONN_PRIVATE_H

#include "tcplens/base/slab.h"
#include "tcplens/conn/engine.h"

/* Ranges received beyond a hole, per direction; more are forgotten, which only delays a FIN's effect. */
#define CONN_HOLES_MAX 4

/* What an end received beyond a hole: the low halves of the peer's relative numbers. */
struct holes {
    uint32_t range[CONN_HOLES_MAX][2];
    unsigned count;
};

/* Segments of one direction that wait for their acknowledgment and are timed. */
#define CONN_TIMED_MAX 2

/* The low 48 bits of a time in ns, in 6 bytes: enough for differences of seconds. */
struct short_time {
    uint16_t parts[3];
};

/* Zeek tells the first, the tenth, the hundredth of each: what is beyond is no power of ten. */
#define ZEEK_COUNT_MAX ((1u << 20) - 1)

/* One end as Zeek sees it. conn_zeek.c */
struct zeek_end {
    uint32_t start, last;                  /* sequence numbers as sent: of the SYN, of the end so far */
    uint32_t last_syn, last_fin, last_rst; /* relative to start */
    uint64_t bad_checksums : 20, gaps : 20, retransmitted : 20; /* up to ZEEK_COUNT_MAX */
    uint64_t state        : 4;
    uint32_t zero_windows : 20, previous : 4, seen : 8;
} __attribute__((packed, aligned(4)));

/* One end as its packets tell it. Sequence numbers of 64 bits are relative and do not wrap. */
struct wire_lane {
    uint64_t snd_max;  /* end of what it sent, or must have sent */
    uint64_t acked;    /* highest acknowledgment it sent, in the peer's numbers */
    uint64_t rcv_nxt;  /* what it must have received without holes, in the peer's numbers */
    uint32_t segments; /* stays at its highest value */
    uint32_t fin_seq;  /* of its FIN: wire_fin_seq() */
    uint32_t base;     /* the sequence number that is 0 */
    uint32_t ifindex;  /* where its last segment was seen; the same one elsewhere is left out */
    uint8_t state;     /* enum tcp_state */
    uint8_t wscale;
    bool base_known : 1, fin_sent : 1, fin_received : 1, scale_known : 1, syn_sent : 1, rst_sent : 1;
    bool syn_unseen : 1; /* it must have sent one: it was acknowledged, and base is its number */
    bool            : 0;

    /* What the notes on segments are made from; sequence numbers as sent. conn_notes.c */
    bool seen          : 1;                                      /* a segment that counts for them */
    bool window_of_syn : 1, last_keep_alive : 1, last_probe : 1; /* the last segment was that */
    uint8_t timed_count : 2;
    uint16_t window;    /* last, as sent */
    int16_t dup_acks;   /* -1: it acknowledged what was not captured */
    uint32_t next_seq;  /* highest end sent */
    uint32_t max_acked; /* highest end sent without a hole: who acknowledges more has more than the capture */
    uint32_t last_ack;
    struct short_time next_seq_at, last_at; /* when next_seq was reached; the last segment */
    struct {
        uint64_t ts_ns;
        uint32_t end;
    } __attribute__((packed)) timed[CONN_TIMED_MAX];

    struct zeek_end zeek;
};

/* States an end can leave one after the other, and spend time in, on one way through the diagram. */
#define CONN_STAYS_MAX 7

/* A state by the best witness, and when it was left: ns since the connection's first_ns. */
struct stay {
    uint64_t state : 4, until_ns : 60;
};

struct conn_end {
    struct wire_lane wire;
    struct stay stays[CONN_STAYS_MAX];
};

/* One end as the kernel tells it, and the segments that can have been the cause. */
struct kernel_lane {
    enum tcp_state state;
    enum object object;
    bool seen, established; /* established: the handshake was done, at this end */
    uint64_t cookie;
    uint64_t deadline_ns; /* of the minisock's timer, as last said */
    struct task owner;    /* pid 0: pending or not known */
    /* Records of segments it sent: the last of a kind; the first that acknowledged the peer's SYN, FIN. */
    uint64_t last_syn, last_fin, last_rst, ack_of_syn, ack_of_fin;
    uint64_t moved;                        /* record of the last change of state, in either lane */
    enum tcp_state previous;               /* the state before this one */
    enum tcp_state told_kernel, told_wire; /* where the lanes stood when their difference was told; UNKNOWN: never */
    bool overflowed;                       /* its listener dropped its SYN or ACK */
    bool expired;                          /* its request was given up after the last retry */
    bool retried;                          /* something was sent again, or a keep-alive was */
};

/* What a connection has besides where a kernel witness takes part. */
struct conn_kernel {
    struct kernel_lane end[END_N];
    uint64_t timer; /* record of the last timer */
    bool reset;     /* the kernel told of a RST */
    bool accepted;  /* accept() took it */
    /* What explains the outcome, if the handshake was not completed or accept() did not come: */
    enum cause cause;
    uint32_t drops;           /* segments its listener dropped, of the SYN or, after it, of the ACK */
    uint32_t listener;        /* its number; 0: none known */
    uint64_t listener_cookie; /* finds it, as long as it listens */
};

/* A connection is in one of these, in the order of the last event. */
enum conn_list_id {
    CONN_LIVE,
    CONN_UNSETTLED, /* live, and its witnesses differ: perhaps for a moment */
    CONN_WAITING,   /* over but for TIME-WAIT, of which only packets tell */
    CONN_CLOSED,    /* over: stragglers may come */
    CONN_LIST_N
};

/* Places in conn_table.slab. */
struct conn_list {
    uint32_t first, last;
};

struct conn {
    struct endpoint endpoint[END_N];
    uint32_t number, netns;
    uint32_t place;         /* its own, in conn_table.slab */
    uint32_t prev, next;    /* in its list */
    uint32_t holes;         /* END_N of them, in conn_table.holes; 0: there never was one */
    unsigned list      : 2; /* enum conn_list_id */
    unsigned closed_by : 2, reset_by : 2, zeek_originator : 1; /* enum end */
    bool established : 1, closing : 1, midstream : 1;
    bool superseded : 1; /* a newer connection has the same endpoints */
    bool has_kernel : 1;
    uint8_t stay_count[END_N];
    uint64_t first_ns, last_ns;
    struct conn_end end[END_N];
    uint64_t syn_ns, rtt_ns; /* time of the last SYN; from there to the ACK that followed, 0: not known */
    char history[HISTORY_MAX];
    struct conn_kernel kernel[]; /* one, if has_kernel: conn_kernel_of() */
};
_Static_assert(sizeof(struct conn) <= 496, "docs/architecture.md says what a connection takes");

/* Connections by their endpoints: open addressing, linear probing. A slot is empty where place is 0; it is looked for
 * from the low bits of its hash on. */
struct conn_slot {
    uint32_t hash, place;
};

struct conn_hash {
    struct conn_slot *slots;
    uint32_t slot_count, count; /* slot_count is a power of two */
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

/* What a socket was when it became CLOSED: the call that did it returns after. */
struct closed_socket {
    uint64_t cookie;
    uint32_t conn, listener; /* numbers; one of them is 0 */
    enum end end;            /* of the connection */
};

#define CLOSED_SOCKETS 256

#define LISTENER_BUCKETS 1024

struct conn_table {
    struct conn_config config;
    const struct addr *local; /* borrowed, may be NULL */
    size_t local_count;
    struct conn_hash hash;
    struct conn_list lists[CONN_LIST_N];
    struct slab slab, holes; /* of struct conn, of struct holes[END_N] */
    struct listener *listeners[LISTENER_BUCKETS];
    size_t listener_count;
    struct socket_slot sockets[SOCKET_SETS][SOCKET_WAYS];
    uint32_t socket_count;
    struct closed_socket closed[CLOSED_SOCKETS]; /* by cookie; the newest of those that share a place */
    uint64_t n;                                  /* last record number given out */
    uint64_t told_ns;                            /* latest time of a record */
    uint32_t conn_number, listener_number;
    uint64_t evicted;
    bool events_lost; /* so far, by any witness */
};

static inline struct conn *conn_at(const struct conn_table *t, uint32_t place)
{
    return slab_at(&t->slab, place);
}

/* conn_hash.c */
int conn_hash_init(struct conn_hash *h);
void conn_hash_free(struct conn_hash *h);
/* Symmetric: both directions, and both ends' view, give the same value. */
uint32_t conn_hash_of(const struct conn_table *t, const struct endpoint *a, const struct endpoint *b, uint32_t netns);
/* False: out of memory. */
bool conn_hash_add(struct conn_hash *h, uint32_t hash, uint32_t place);
void conn_hash_remove(struct conn_hash *h, uint32_t hash, uint32_t place);

/* conn.c */
void change_begin(struct change *change, struct conn_table *t, const struct event *e, enum change_kind kind);
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
/* Of an end as the kernel tells it; all zeros where no kernel witness takes part. */
static inline const struct kernel_lane *conn_kernel_of(const struct conn *c, enum end end)
{
    static const struct kernel_lane none;

    return c->has_kernel ? &c->kernel->end[end] : &none;
}

enum tcp_state conn_best_state(const struct conn *c, enum end end);
/* Books the time spent in the state that is left; call before a change by the best witness. */
void conn_account(struct conn *c, enum end end, uint64_t ts_ns);
/* Time spent in each state until ts_ns; none in CLOSED and UNKNOWN. */
void conn_state_times(const struct conn *c, enum end end, uint64_t ts_ns, uint64_t ret_ns[static TCP_STATE_N]);

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

/* conn_reconcile.c */
/* The witnesses differ, which was not told yet. */
bool conn_unsettled(const struct conn *c);
/* Tells of each end whose witnesses differ; once, until one of them moves on. */
void conn_reconcile(struct conn_table *t, struct conn *c, uint64_t ts_ns);

/* conn_socket.c */
/* The number of a socket within the trace. An address is used again: socket() makes a new one. */
uint32_t socket_number(struct conn_table *t, uint64_t key, const char *call);
void socket_closed(struct conn_table *t, const struct closed_socket *socket);
/* NULL: not known, or forgotten. */
const struct closed_socket *socket_that_closed(const struct conn_table *t, uint64_t cookie);

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
/* The relative number of the FIN this end sent (fin_sent). */
uint64_t wire_fin_seq(const struct wire_lane *w);

/* conn_notes.c */
struct finding {
    uint32_t notes;   /* enum segment_note */
    uint32_t dup_ack; /* which repetition of the ACK this is, from 1; 0: none */
    uint64_t rtt_ns;  /* since the segment that this acknowledges; 0: not known */
};

/* A bridge, a veth pair or a tunnel shows the same segment on several interfaces, each time on the same one first: this one
 * brings nothing that the sender's interface has not just shown. False where a route has changed. */
bool conn_is_copy(const struct conn *c, enum end from, const struct segment *s, uint64_t ts_ns);
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
void conn_outcome(struct conn_table *t, const struct conn *c, uint64_t ts_ns);

#endif
