/* What a source observed. Sources make events, conn consumes them; nothing here knows where they came from but by name. */
#ifndef TCPLENS_EVENT_EVENT_H
#define TCPLENS_EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/addr.h"
#include "tcplens/base/words.h"
#include "tcplens/tcp/datagram.h"
#include "tcplens/tcp/fsm.h"
#include "tcplens/tcp/icmp.h"
#include "tcplens/tcp/segment.h"
#include "tcplens/tcp/tunnel.h"

#define WORDS_witness(X)                                                                                               \
    X(WITNESS, KERNEL, "kernel", "eBPF")                                                                               \
    X(WITNESS, DIAG, "diag", "sock_diag")                                                                              \
    X(WITNESS, WIRE, "wire", "packets")
enum witness { WORDS_witness(WORD_ENUM) WITNESS_N };

enum event_kind {
    EVENT_SEGMENT,          /* .segment */
    EVENT_ARRIVAL,          /* .segment, .flight: a segment that was on its way has come to its receiver */
    EVENT_LAB,              /* .lab: an actor of a lab has done a step */
    EVENT_DATAGRAM,         /* .datagram: UDP, or an ICMP error that quotes it */
    EVENT_ICMP,             /* .icmp: local, remote: sender and receiver of the segment that it quotes */
    EVENT_SOCK_STATE,       /* .sock: a full socket changed state */
    EVENT_REQUEST_START,    /* .queue: a request sock entered the SYN queue */
    EVENT_REQUEST_RETRY,    /* .queue: its SYN-ACK timer fired */
    EVENT_REQUEST_END,      /* .queue: it left the SYN queue (completed or dropped) */
    EVENT_REQUEST_EXPIRED,  /* .queue: it was given up after its last retry */
    EVENT_OVERFLOW,         /* .queue: the listener dropped a SYN, or the ACK that would complete a handshake */
    EVENT_COOKIE,           /* .queue: the listener answered a SYN with a cookie, and keeps no request sock */
    EVENT_ACCEPT_QUEUED,    /* .queue: a connection joined the accept queue */
    EVENT_LISTENED,         /* .queue: listen() returned, perhaps with another backlog */
    EVENT_ACCEPT,           /* .queue and .call: accept() returned */
    EVENT_TIMEWAIT_START,   /* .timewait: a minisock took the connection over */
    EVENT_TIMEWAIT_CHANGE,  /* .timewait: the minisock got the peer's FIN: FIN-WAIT-2 to TIME-WAIT */
    EVENT_TIMEWAIT_EXPIRED, /* .timewait: its timer fired */
    EVENT_TIMEWAIT_KILLED,  /* .timewait: its timer was cancelled: reused, or reset */
    EVENT_KEEPALIVE,        /* .keepalive: the keep-alive timer fired */
    EVENT_FIN_WAIT_2,       /* the timer of a closed full socket in FIN-WAIT-2 fired */
    EVENT_RETRANSMIT,       /* .retransmit: the kernel sent something again */
    EVENT_RESET,            /* .reset */
    EVENT_UNSIGNED,         /* a socket that is no listener dropped a segment: TCP-MD5 or TCP-AO did not fit */
    EVENT_PERSIST,          /* .retransmit: the timer fired that probes a window of zero */
    EVENT_CALL,             /* .call: a system call on a socket returned, or goes on */
    EVENT_SNAPSHOT,         /* .snapshot: an object that existed before the trace, or as a sample shows it */
    EVENT_PRESENT,          /* .snapshot: events were lost, and a listing made since shows this object */
    EVENT_SURVEYED,         /* .surveyed: that listing is complete: of its namespace, netns */
    EVENT_OWNER,            /* .snapshot: who holds a socket that is known already */
    EVENT_PROCESS,          /* .process: one begins, becomes another program, or ends */
    EVENT_COUNTER,          /* .counter: of the namespace */
    EVENT_GAP,              /* .gap: events were lost */
    EVENT_KIND_N
};

/* The task on whose account something happened. comm is what the process calls itself: untrusted bytes. */
struct task {
    uint32_t pid, tid; /* thread group, thread; 0: not known (softirq) */
    char comm[16];     /* NUL-terminated */
};

/* What a thread took, as getrusage(2) has it; of memory its process. */
struct cost {
    uint64_t cpu_ns;             /* by the scheduler's account: what came after its last tick may be missing */
    uint64_t user_ns, system_ns; /* cpu_ns in the ratio of the ticks; both 0: none came while it ran */
    uint64_t nvcsw, nivcsw;      /* context switches: it waited; another one ran instead */
    uint64_t maxrss_kb;          /* 0: other threads of the process go on */
};

#define WORDS_process_event(X)                                                                                         \
    X(PROCESS, FORK, "fork", "a child was made")                                                                       \
    X(PROCESS, THREAD, "thread", "a thread of the process was made")                                                   \
    X(PROCESS, EXEC, "exec", "it runs another program")                                                                \
    X(PROCESS, EXIT, "exit", "it ended")
enum process_event { WORDS_process_event(WORD_ENUM) PROCESS_EVENT_N };

/* One argument of a system call; text or number. */
struct call_arg {
    const char *name; /* NULL: there is none */
    const char *text; /* NULL: it is a number */
    int64_t number;
};

#define CALL_ARGS_MAX 4

/* A system call that returned, or goes on. */
struct call {
    const char *name;     /* "accept4" */
    int fd;               /* it was called with; -1: none */
    bool blocked;         /* it goes on: no ret, and duration_ns is until now */
    int64_t ret;          /* < 0: -errno */
    uint64_t duration_ns; /* 0: not known */
    struct call_arg args[CALL_ARGS_MAX];
    struct task task;
};

/* Readiness: epoll(7)'s words, which are poll(2)'s too. */
#define WORDS_poll_event(X)                                                                                            \
    X(POLL_EVENT, IN, "IN", "can be read: of select() in the set for reading")                                         \
    X(POLL_EVENT, PRI, "PRI", "urgent data: of select() in the set for exceptions")                                    \
    X(POLL_EVENT, OUT, "OUT", "can be written: of select() in the set for writing")                                    \
    X(POLL_EVENT, ERR, "ERR", "an error")                                                                              \
    X(POLL_EVENT, HUP, "HUP", "both directions are shut down")                                                         \
    X(POLL_EVENT, NVAL, "NVAL", "no open descriptor")                                                                  \
    X(POLL_EVENT, RDNORM, "RDNORM", "as `IN`")                                                                         \
    X(POLL_EVENT, RDBAND, "RDBAND", "")                                                                                \
    X(POLL_EVENT, WRNORM, "WRNORM", "as `OUT`")                                                                        \
    X(POLL_EVENT, WRBAND, "WRBAND", "")                                                                                \
    X(POLL_EVENT, RDHUP, "RDHUP", "the peer has sent its FIN")                                                         \
    X(POLL_EVENT, EXCLUSIVE, "EXCLUSIVE", "one of those that wait is woken")                                           \
    X(POLL_EVENT, WAKEUP, "WAKEUP", "")                                                                                \
    X(POLL_EVENT, ONESHOT, "ONESHOT", "told once")                                                                     \
    X(POLL_EVENT, ET, "ET", "edge-triggered")
enum poll_event { WORDS_poll_event(WORD_ENUM) POLL_EVENT_N };

/* What a call that waits brought, or asked for. */
#define READY_MAX 8
struct waiting {
    uint16_t events; /* bits of enum poll_event: of epoll_ctl() */
    uint8_t count;   /* of ready[]; there may have been more */
    struct ready {
        int fd; /* -1: not known */
        uint16_t events;
    } ready[READY_MAX];
};

/* The state of a listener's two queues, true after the event. */
struct queue_depth {
    uint64_t listener;        /* socket cookie */
    struct endpoint addr;     /* where it listens */
    uint32_t syn;             /* request socks */
    uint32_t accept;          /* connections waiting for accept() */
    uint32_t backlog;         /* sk_max_ack_backlog; the queue holds one more */
    uint32_t drops;           /* sk_drops, since the socket exists */
    bool deferred;            /* it waits for data (TCP_DEFER_ACCEPT); this and the next two: only with a drop */
    bool cookies;             /* net.ipv4.tcp_syncookies */
    uint32_t max_syn_backlog; /* net.ipv4.tcp_max_syn_backlog; 0: not known */
    bool signature;           /* of a drop: TCP-MD5 or TCP-AO did not fit */
};

/* What a socket said of its end as it was closed. */
struct sock_ending {
    bool known;
    bool orphan;         /* its application had let go of it */
    bool linger;         /* SO_LINGER with a time of 0 */
    bool closing;        /* close() had begun, or both directions were shut down */
    bool user_timeout;   /* TCP_USER_TIMEOUT is set */
    bool zero_window;    /* the peer's */
    bool linger2;        /* TCP_LINGER2 below 0 */
    uint16_t error;      /* errno; 0: none */
    uint8_t retransmits; /* times in a row */
    uint8_t probes;      /* of a window of zero, or keep-alives: unanswered ones */
    uint32_t unread;     /* bytes received, and a FIN; not read */
    uint32_t queued;     /* bytes sent or to be sent, and a FIN; not acknowledged */
};

/* What becomes of a segment after it was seen, where that is known. */
enum fate {
    FATE_UNSAID, /* as captured: it is taken to arrive at once */
    FATE_LOST,
    FATE_UNSEEN,     /* whether it arrived is not known, and nobody is to conclude that it did */
    FATE_ON_ITS_WAY, /* it arrives with an event of its own */
};

/* A step of a lab, or its beginning: as CHANGE_LAB. NULL, 0: it does not apply. */
struct lab_step {
    const char *lab, *student, *actor, *op, *text;
    const char *const (*values)[2]; /* name, value; a name of NULL ends them */
    struct addr addr;
    uint32_t version, step;
    int64_t ret; /* < 0: -errno */
    uint64_t duration_ns;
};

struct event {
    uint64_t ts_ns; /* UNIX time */
    bool late;      /* set by merge: its place in the order has been passed already */
    enum event_kind kind;
    enum witness source;
    uint32_t netns;                /* inode number; 0 for a capture file */
    const struct tunnel *tunnel;   /* what carries the packet; NULL: nothing */
    uint64_t cookie;               /* socket cookie of the kernel object; 0: not known or none */
    uint64_t frame;                /* number in the capture file, from 1; 0: live */
    uint64_t packet;               /* of the wire: which of event/packets it was made of; 0: none is kept */
    struct endpoint local, remote; /* as the object sees it; of a segment: sender, receiver */
    union {
        struct {
            struct segment segment;
            enum fate fate;
            uint32_t flight; /* with FATE_ON_ITS_WAY: its number, which EVENT_ARRIVAL has too */
            struct segment_header header;
        };
        const struct lab_step *lab; /* borrowed, for as long as the source is open */
        struct icmp icmp;
        struct {
            struct datagram datagram;
            bool datagram_lost; /* the wire of a lab does not deliver it */
        };
        struct {
            enum tcp_state from, to;
            bool task_context; /* the task below did this by a system call; in softirq it is somebody else */
            const char *call;  /* the call that changed it, where calls are followed and it was one; or NULL */
            struct task task;
            struct queue_depth depth; /* of a listener that begins or ends */
            struct sock_ending ending;
        } sock;
        struct {
            struct queue_depth depth;
            bool of_ack;      /* of OVERFLOW: an ACK was dropped, not a SYN */
            struct call call; /* of accept() */
        } queue;
        struct {
            enum tcp_state substate; /* FIN-WAIT-2 or TIME-WAIT */
            uint64_t expires_ns;     /* UNIX time of the deadline */
        } timewait;
        struct {
            enum tcp_state state;
            bool request, minisock;   /* else a full socket */
            bool fresh;               /* sampled, and not there in an earlier sample: it began since */
            uint64_t expires_ns;      /* of a minisock */
            struct queue_depth depth; /* of a listener */
            struct task owner;        /* pid 0: nobody holds it, or not known */
        } snapshot;
        struct {
            enum tcp_state state; /* SYN-RECEIVED: a SYN-ACK of a request sock */
            uint32_t count;       /* times in a row */
            uint64_t rto_ns;      /* the timeout in force; 0: not known */
        } retransmit;
        struct {
            bool not_idle; /* something is unacknowledged, so no probe is sent */
        } keepalive;
        struct {
            bool sent;
            bool
                of_orphan; /* received by one that closed: or it is told of a RST of its own, which data met, before that is */
            char reason[48]; /* kernel's word, empty where it gives none */
        } reset;
        struct {
            uint64_t socket; /* tells sockets apart that have no cookie yet; not for anybody to see */
            bool is_udp;
            enum tcp_state state;
            struct call call;
            struct waiting waiting;
        } call;
        struct {
            enum process_event event;
            struct task task;
            uint32_t parent;  /* process; 0: of a thread */
            uint16_t status;  /* of an exit: 128 + signal if it was killed */
            struct cost cost; /* of an exit */
        } process;
        struct {
            uint64_t from_ns; /* what existed from then until now is listed */
        } surveyed;
        struct {
            const char *name;
            int64_t value, delta;
        } counter;
        struct {
            char hook[32];      /* empty for the wire */
            char interface[32]; /* that went away; empty: none did */
            uint64_t lost;      /* events */
            uint64_t from_ns, to_ns;
        } gap;
    };
};

/* Takes one event; borrowed for the call. */
typedef void (*event_fn)(void *arg, const struct event *event);

const char *witness_name(enum witness witness); /* "kernel", "diag", "wire" */

#endif
