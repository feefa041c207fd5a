/* What the model concluded: one change is one record of the trace (docs/trace-format.md, field by field). */
#ifndef TCPLENS_TRACE_CHANGE_H
#define TCPLENS_TRACE_CHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/event/event.h"
#include "tcplens/tcp/segment.h"
#include "tcplens/tcp/fsm.h"

enum change_kind {
    CHANGE_CONNECTION,
    CHANGE_STATE,
    CHANGE_OBJECT,
    CHANGE_SEGMENT,
    CHANGE_CALL,
    CHANGE_LISTENER,
    CHANGE_QUEUE,
    CHANGE_TIMER,
    CHANGE_RESET,
    CHANGE_DISAGREEMENT,
    CHANGE_GAP,
    CHANGE_OUTCOME,
    CHANGE_KIND_N
};

enum end { END_CLIENT, END_SERVER, END_N };
enum how { HOW_OBSERVED, HOW_SAMPLED, HOW_INFERRED, HOW_ASSUMED, HOW_PREDICTED, HOW_N };
/* The kernel object that holds an end's state. */
enum object { OBJECT_NONE, OBJECT_REQUEST, OBJECT_SOCK, OBJECT_TIMEWAIT, OBJECT_N };
enum timer_name { TIMER_TIME_WAIT, TIMER_FIN_WAIT_2, TIMER_SYN_ACK, TIMER_RETRANSMIT, TIMER_KEEPALIVE, TIMER_NAME_N };
/* Why a minisock's timer was cancelled: its endpoints were used again, its peer reset it, or it was removed otherwise
 * (the namespace ended, there were too many). */
enum timer_why { TIMER_WHY_NONE, TIMER_WHY_REUSED, TIMER_WHY_RESET, TIMER_WHY_REMOVED, TIMER_WHY_N };
enum timer_phase { TIMER_SET, TIMER_FIRED, TIMER_CANCELLED };
enum queue_why {
    QUEUE_SYN,
    QUEUE_ESTABLISHED, /* its handshake is complete: it left the SYN queue */
    QUEUE_JOINED,      /* and joined the accept queue; the same word in the trace */
    QUEUE_ACCEPT,
    QUEUE_OVERFLOW,
    QUEUE_COOKIE,
    QUEUE_EXPIRED,
    QUEUE_DROPPED,
    QUEUE_CLOSED,
    QUEUE_SAMPLE,
    QUEUE_WHY_N
};
/* Bits of change.segment.notes. */
enum segment_note {
    NOTE_RETRANSMISSION = 1 << 0,
    NOTE_OUT_OF_ORDER = 1 << 1,
    NOTE_KEEP_ALIVE = 1 << 2,
    NOTE_DUPLICATE_ACK = 1 << 3,
    NOTE_ZERO_WINDOW = 1 << 4,
    NOTE_LOST_SEGMENT = 1 << 5,
    NOTE_BAD_CHECKSUM = 1 << 6,
    NOTE_FAST_RETRANSMISSION = 1 << 7,     /* with NOTE_RETRANSMISSION */
    NOTE_SPURIOUS_RETRANSMISSION = 1 << 8, /* with NOTE_RETRANSMISSION */
    NOTE_ACKED_UNSEEN = 1 << 9,
    NOTE_ZERO_WINDOW_PROBE = 1 << 10,
    NOTE_ZERO_WINDOW_PROBE_ACK = 1 << 11,
    NOTE_WINDOW_FULL = 1 << 12,
    NOTE_WINDOW_UPDATE = 1 << 13,
    NOTE_KEEP_ALIVE_ACK = 1 << 14,
    NOTE_PORT_REUSE = 1 << 15,
    NOTE_N = 16
};
enum verdict {
    VERDICT_UNKNOWN,
    VERDICT_CLOSED_NORMALLY,
    VERDICT_CLOSED_BOTH,
    VERDICT_STILL_OPEN,
    VERDICT_HALF_CLOSED,
    VERDICT_CLOSING,
    VERDICT_REFUSED,
    VERDICT_RESET_BY_CLIENT,
    VERDICT_RESET_BY_SERVER,
    VERDICT_TIMED_OUT,
    VERDICT_NO_ANSWER,
    VERDICT_HANDSHAKE_INCOMPLETE,
    VERDICT_MIDSTREAM,
    VERDICT_N
};

/* What the kernel's witness saw that explains the verdict. */
enum cause {
    CAUSE_NONE,
    CAUSE_ACCEPT_QUEUE_FULL,
    CAUSE_SYN_QUEUE_FULL,
    CAUSE_LISTENER_DROPPED, /* and neither queue was full */
    CAUSE_LISTENER_CLOSED,  /* before accept() took the connection */
    CAUSE_NO_LISTENER,
    CAUSE_N
};

/* Why the witnesses differ, where that is known; told of in docs/differences.md. */
enum known {
    KNOWN_NONE,
    KNOWN_BEFORE_TRACE,
    KNOWN_EVENTS_LOST,
    KNOWN_FIN_UNSENT,
    KNOWN_QUEUE_FULL,
    KNOWN_REQUEST_EXPIRED,
    KNOWN_CONNECT_GIVEN_UP,
    KNOWN_RETRIES_USED_UP,
    KNOWN_RESET_UNSEEN,
    KNOWN_FIN_WAIT_2_TIMEOUT,
    KNOWN_NO_TIME_WAIT,
    KNOWN_N
};

#define HISTORY_MAX 32
#define END_UNKNOWN END_N /* of closed_by, reset_by */

struct change {
    enum change_kind kind;
    uint64_t n;        /* record number */
    uint64_t ts_ns;    /* UNIX time */
    bool late;         /* its place in the trace had been written already */
    uint32_t conn;     /* number of the connection; 0: none */
    uint32_t listener; /* number of the listener; 0: none */
    enum end end;      /* of a segment: the sender */
    uint64_t because;  /* record number; 0: none */
    union {
        struct {
            struct endpoint client, server;
            uint32_t netns; /* 0: none */
            bool local[END_N];
            bool before_trace, roles_assumed;
        } connection;
        struct {
            enum tcp_state from, to;
            enum how how;
            enum witness source;
            const char *kernel_state; /* kernel's name; NULL from the wire */
            enum object object;
            struct task owner; /* pid 0: pending, or not known */
            const char *rfc;   /* edge label or NULL */
            const char *call;  /* the system call that did it, or NULL */
        } state;
        struct {
            enum object from, to;
            enum tcp_state state;
            const char *kernel_state;
        } object;
        struct {
            struct segment segment;
            uint64_t seq, ack;                  /* relative, do not wrap */
            uint64_t sack[SEGMENT_SACK_MAX][2]; /* relative */
            uint64_t window;                    /* bytes */
            uint32_t notes;                     /* enum segment_note */
            uint32_t dup_ack;                   /* which repetition of an ACK, from 1; 0: none */
            uint64_t rtt_ns;                    /* since the segment this acknowledges; 0: not known */
        } segment;
        struct {
            struct call call;
            uint32_t socket; /* number of the socket within the trace; 0: not counted */
            bool has_end;    /* change.end says which */
        } call;
        struct {
            struct endpoint addr;
            uint32_t backlog, netns;
            struct task owner; /* pid 0: not known */
            bool before_trace, closed;
        } listening;
        struct {
            uint32_t syn, accept, limit, drops;
            enum queue_why why;
        } queue;
        struct {
            enum timer_name name;
            enum timer_phase phase;
            uint64_t expires_ns; /* UNIX time; 0: none */
            uint32_t count;      /* 0: not counted */
            uint64_t rto_ns;     /* of a retransmission: the timeout in force; 0: not known */
            enum timer_why why;  /* of a cancelled one */
            enum witness source;
        } timer;
        struct {
            bool sent;
            char reason[48];
        } reset;
        struct {
            enum tcp_state kernel, wire;
            enum known known;
        } disagreement;
        struct {
            enum witness source;
            char hook[32];
            uint64_t lost, from_ns, to_ns;
        } gap;
        struct {
            char conn_state[8];        /* Zeek's; empty: no packets were seen */
            char history[HISTORY_MAX]; /* Zeek's */
            enum verdict verdict;
            enum cause cause;
            uint32_t drops;                   /* segments that change.listener dropped, of the first three causes */
            const struct endpoint *endpoints; /* END_N of them, borrowed */
            enum tcp_state final[END_N];
            bool has_wire;
            uint64_t bytes[END_N], segments[END_N];
            uint64_t duration_ns;
            uint64_t rtt_ns; /* of the handshake; 0: not known */
            uint64_t state_ns[END_N][TCP_STATE_N];
            enum end closed_by, reset_by; /* END_UNKNOWN: nobody */
        } outcome;
    };
};

/* Takes one change; borrowed for the call. */
typedef void (*change_fn)(void *arg, const struct change *change);

/* The words of docs/trace-format.md. */
const char *change_kind_name(enum change_kind kind);
const char *end_name(enum end end);
const char *how_name(enum how how);
const char *object_name(enum object object);
const char *timer_name(enum timer_name name);
const char *timer_why_name(enum timer_why why); /* not of TIMER_WHY_NONE */
const char *queue_why_name(enum queue_why why);
const char *segment_note_name(unsigned bit); /* 0 <= bit < NOTE_N */
const char *verdict_name(enum verdict verdict);
const char *known_name(enum known known); /* not of KNOWN_NONE */
const char *cause_name(enum cause cause); /* not of CAUSE_NONE */

/* Why a listener with these queues dropped a segment. limit: what its accept queue holds. Source: sk_acceptq_is_full,
 * inet_csk_reqsk_queue_is_full. */
enum cause queue_drop_cause(uint32_t syn, uint32_t accept, uint32_t limit);

#define VERDICT_TEXT_MAX 384 /* enough for verdict_format() */

/* "The client closed first …": one English sentence, or two where there is a cause. Returns its length; writes at most size bytes with NUL. */
int verdict_format(const struct change *outcome, char *buf, unsigned size);

#endif
