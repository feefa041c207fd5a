/* The kernel's lane. Its events already name states, so this follows them, ties the three kernel objects of an end into
 * one life, and finds what caused each step. Two feeders tell of it: hooks as things happen (kernel_events.c), and
 * samples of the socket table (kernel_samples.c); both go through the door in kernel.c. */
#ifndef TCPLENS_CONN_KERNEL_H
#define TCPLENS_CONN_KERNEL_H

#include "registry.h"
#include "table.h"

/* One end as the kernel tells it, and the segments that can have been the cause. */
struct kernel_end {
    enum object object;
    bool established;     /* the handshake was done, at this end */
    bool overflowed;      /* its listener dropped its SYN or ACK */
    bool expired;         /* its request was given up after the last retry */
    bool retried;         /* something was sent again, or a keep-alive was */
    bool fin_wait_2_over; /* that timer fired */
    bool let_go;          /* its owner has closed it, and it is open still: somebody else holds it too */
    uint16_t error;       /* errno, of the socket as it was closed; 0: none */
    uint8_t previous;     /* enum tcp_state: the one before this */
    uint16_t icmp_error;  /* errno that an ICMP error about its SYN becomes; 0: none came */
    uint16_t unsigned_n;  /* segments it dropped for their signature since it last acknowledged something */
    uint64_t cookie;
    uint64_t told_ns;      /* the last event of it */
    uint64_t shown_ns;     /* when a listing last showed it, which is no event */
    uint64_t deadline_ns;  /* of the minisock's timer, as last said */
    uint64_t sent_ns;      /* when it sent data, a SYN or a FIN last; 0: no packet shows that */
    struct task owner;     /* pid 0: pending or not known */
    struct task opened_by; /* another one; pid 0: it is the same */
    /* Records of segments it sent: the last of a kind; the first that acknowledged the peer's SYN, FIN. 0: none. */
    uint64_t last_syn, last_fin, last_rst, ack_of_syn, ack_of_fin;
};

/* What a connection has besides where a kernel witness takes part. */
struct kernel_lane {
    struct kernel_end end[END_N];
    uint64_t timer; /* record of the last timer */
    bool reset;     /* the kernel told of a RST */
    bool accepted;  /* accept() took it */
    bool aborted;   /* a RST answered what came for its request */
    /* A RST was received, or its own is told of next: the event, held until that shows. */
    struct {
        bool is;
        uint8_t end; /* enum end */
        uint64_t ts_ns;
        enum witness source;
    } held_reset;
    /* What ended it, at the end that ended first: */
    struct {
        enum cause cause;
        enum end end;
        uint32_t unread;
    } ending;
    /* What explains the outcome, if the handshake was not completed or accept() did not come: */
    enum cause cause;
    uint32_t drops;           /* segments its listener dropped, of the SYN or, after it, of the ACK */
    uint32_t listener;        /* number of the listener whose queues it was in; 0: none known */
    uint64_t listener_cookie; /* finds it, as long as it listens */
};

/* What an event says of the connection at its endpoints, where none is followed there yet. */
struct kernel_introduction {
    bool is_one; /* else the event is about none, or about the last breath of one that was never followed */
    bool older;  /* than the trace */
    /* Of the event's end. Untold: it serves where it listens, else it is taken for the client. */
    enum { ROLE_UNTOLD, ROLE_CLIENT, ROLE_SERVER } role;
};

/* An event, and what the roof found for it. */
struct kernel_step {
    struct emitter *out;
    const struct event *event;
    struct conn *conn;        /* NULL: none; only where the event is about a queue */
    struct kernel_lane *lane; /* of conn */
    enum end end;             /* of the event, in conn */
    const struct registry *listeners;
    const struct listener *listener; /* whose queues the event tells of; NULL: none, or not known */
    uint64_t moved;                  /* set: the record of the end's last change of state; 0: it did not move */
};

/* ---- kernel.c: the door, and what both feeders need */

/* What a feeder knows of a change of state. */
struct kernel_claim {
    enum tcp_state from; /* as the kernel says; UNKNOWN: it does not */
    enum tcp_state to;
    enum object object;
    uint64_t because; /* record number; 0: not known */
    bool edge_sure;   /* else no edge of the figure is named */
    const char *call; /* the system call that did it, or NULL */
    uint16_t error;   /* of the socket as it was closed, an errno; 0: none */
};

/* The end is in a state, held by an object: tells of the change, or of the object alone that took the end over. */
void kernel_enter(struct kernel_step *s, const struct kernel_claim *claim);
/* The end lives on in another object, its state unchanged. */
void kernel_hand_over(const struct kernel_step *s, enum object to);
/* Its object is there no more, and what told of its end was lost. */
void kernel_gone(struct kernel_step *s);
/* The state is what the kernel calls it (include/net/tcp_states.h). */
const char *kernel_state_name(enum tcp_state state, enum object object);
/* Returns the record's number. */
uint64_t kernel_tell_timer(const struct kernel_step *s, enum timer_name name, enum timer_phase phase,
                           uint64_t expires_ns);
static inline enum timer_name kernel_timer_of(enum tcp_state minisock)
{
    return minisock == TCP_STATE_FIN_WAIT_2 ? TIMER_FIN_WAIT_2 : TIMER_TIME_WAIT;
}
static inline enum tcp_state kernel_state(const struct kernel_step *s)
{
    return ends_state(&s->conn->ends, s->end, LANE_KERNEL);
}

/* An end's socket was called on: who does that holds it. After fork() that is the child, whoever took the connection; and who
 * closes it while it stays open held it together with another. */
void kernel_called(struct kernel_lane *lane, const struct ends *ends, enum end end, const struct call *call);
/* Who holds an end's socket, as far as is known; pid 0: it is not. */
static inline const struct task *kernel_holder(const struct kernel_end *k)
{
    return k->let_go ? &k->opened_by : &k->owner;
}

/* Remembers what the kernel can have acted on. n: the segment's record; 0 where it is not written, which also is no
 * cause. ts_ns: when. Before the streams take it. */
void kernel_saw_segment(struct kernel_lane *lane, const struct streams *streams, enum end from,
                        const struct segment *seg, int64_t ack, uint64_t ts_ns, uint64_t n);
/* A kernel still holds this end. */
static inline bool kernel_lives_on(const struct ends *ends, enum end end)
{
    return ends_kernel_tells(ends, end) && ends_state(ends, end, LANE_KERNEL) > TCP_STATE_LISTEN;
}

/* ---- kernel_ending.c: why a socket was closed */

/* An ICMP error quotes what the end sent. */
void kernel_saw_icmp(struct kernel_lane *lane, const struct ends *ends, enum end end, enum icmp_error error, bool ipv4);
/* NONE: for no reason of its own, or not known. got_reset: a RST had come. */
enum cause kernel_ending_cause(enum tcp_state from, const struct sock_ending *ending, bool got_reset);

/* ---- the feeders, by event->source */

struct kernel_introduction kernel_events_introduce(const struct event *e);
/* The event is of a new use of the endpoints: the connection they had is over. end: the event's. */
bool kernel_events_begins_anew(const struct conn *c, enum end end, const struct event *e);
/* It can have to do with the connection at its endpoints. */
bool kernel_events_concern(const struct conn *c, enum end end, const struct event *e);
/* Returns what became of the listener's queues; QUEUE_WHY_N: nothing. */
enum queue_why kernel_event(struct kernel_step *s);
/* A listing that was made because events were lost (EVENT_PRESENT) shows it. */
void kernel_present(struct kernel_step *s);
/* Nothing more comes: tells what was held. */
void kernel_events_flush(struct emitter *out, struct conn *c, struct kernel_lane *lane);

struct kernel_introduction kernel_samples_introduce(const struct event *e);
bool kernel_samples_begins_anew(const struct kernel_lane *lane, enum end end, const struct event *e);
void kernel_sample(struct kernel_step *s);

#endif
