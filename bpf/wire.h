/* What crosses to user space: events, in the ring buffer and from the iterators, and the settings' limits. */
#ifndef TCPLENS_BPF_WIRE_H
#define TCPLENS_BPF_WIRE_H

#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define TCPLENS_PORTS_MAX 16
#define TCPLENS_HOSTS_MAX 16
#define TCPLENS_PIDS_MAX 16
#define TCPLENS_NETNS_MAX 4
#define TCPLENS_COMM_LEN 16

/* Entries of the maps. */
#define TCPLENS_OWNED_MAX 65536
#define TCPLENS_LISTENERS_MAX 16384
#define TCPLENS_FIN_WAIT_2_MAX 65536
#define TCPLENS_FAMILY_MAX 16384
/* Calls that may have set the clock: what is older is forgotten. */
#define TCPLENS_CLOCK_CALLS 64

/* A system call that may have set CLOCK_REALTIME has returned. */
struct tcplens_clock_call {
    __u64 ns;       /* CLOCK_MONOTONIC, after it */
    __s64 tai_ns;   /* CLOCK_TAI less that */
    __u64 error_ns; /* by how much that may be wrong */
};

/* Ports from first to last, both included. */
struct tcplens_ports {
    __u16 first, last;
};

/* Addresses that begin alike, as words of the address: mask and value in network byte order. */
struct tcplens_prefix {
    __u64 mask[2], value[2];
    __u64 ipv4; /* 0: matches no IPv4-mapped address, however short it is */
};

/* A connection as one of its ends sees it. Addresses are IPv4-mapped where the packets are IPv4; ports are in host byte
 * order. */
struct tcplens_flow {
    __u8 laddr[16], raddr[16];
    __u16 lport, rport;
    __u32 netns; /* inode number */
};

/* System calls that are followed. (clang-format never comes to rest here.) */
// clang-format off
#define TCPLENS_CALLS(X) \
    X(SOCKET) X(BIND) X(LISTEN) X(CONNECT) X(ACCEPT) X(ACCEPT4) X(SHUTDOWN) X(CLOSE) X(SETSOCKOPT) \
    X(GETSOCKOPT) X(READ) X(WRITE) X(READV) X(WRITEV) X(SENDTO) X(RECVFROM) X(SENDMSG) X(RECVMSG) X(SENDMMSG) X(RECVMMSG) \
    X(SENDFILE) X(EPOLL_CTL) TCPLENS_WAITS(X)
/* Those that wait for one of several descriptors. The last four are not on every architecture. */
#define TCPLENS_WAITS(X) X(PSELECT6) X(PPOLL) X(EPOLL_PWAIT) X(EPOLL_PWAIT2) X(SELECT) X(POLL) X(EPOLL_WAIT)
// clang-format on

enum tcplens_call {
    TCPLENS_CALL_NONE,
#define TCPLENS_CALL_ID(name) TCPLENS_CALL_##name,
    TCPLENS_CALLS(TCPLENS_CALL_ID)
#undef TCPLENS_CALL_ID
        TCPLENS_CALL_N
};

enum tcplens_kind {
    TCPLENS_STATE,         /* inet_sock_set_state */
    TCPLENS_CLOSED,        /* likewise, to CLOSE, with what the socket says of that */
    TCPLENS_REQUEST_START, /* timers of request socks */
    TCPLENS_REQUEST_RETRY,
    TCPLENS_REQUEST_END,
    TCPLENS_REQUEST_EXPIRED,
    TCPLENS_OVERFLOW,       /* a listener dropped a SYN (to = LISTEN) or an ACK (to = SYN_RECV) */
    TCPLENS_COOKIE,         /* a listener answered a SYN with a cookie and keeps nothing */
    TCPLENS_ACCEPT_QUEUED,  /* a child joined the accept queue */
    TCPLENS_LISTENED,       /* listen() returned */
    TCPLENS_ACCEPT,         /* accept() returned a descriptor */
    TCPLENS_TIMEWAIT_START, /* timers of TIME-WAIT minisocks */
    TCPLENS_TIMEWAIT_CHANGE,
    TCPLENS_TIMEWAIT_EXPIRED,
    TCPLENS_TIMEWAIT_KILLED,
    TCPLENS_RETRANSMIT,
    TCPLENS_KEEPALIVE,  /* the keep-alive timer of a socket fired */
    TCPLENS_FIN_WAIT_2, /* the same timer, of a closed socket that waits for the peer's FIN */
    TCPLENS_RESET_SENT,
    TCPLENS_RESET_RECEIVED,
    TCPLENS_SNAPSHOT, /* existed already: to is its state, from is TIME_WAIT if it is a minisock */
    TCPLENS_CALL,     /* a system call returned, or goes on */
    TCPLENS_READY,    /* likewise, of one that waited and brought something: struct tcplens_ready */
    TCPLENS_PROCESS,  /* a process begins, becomes another program, or ends: pid, tid and comm are its own */
    TCPLENS_PERSIST,  /* the timer fired that probes a window of zero */
    TCPLENS_OWNER,    /* the process that holds the socket of this cookie */
    TCPLENS_UNSIGNED, /* a socket that is no listener dropped a segment: TCP-MD5 or TCP-AO did not fit */
    TCPLENS_KIND_N
};

/* Where events come from, and where they can get lost. */
enum tcplens_hook {
    TCPLENS_HOOK_SET_STATE,
    TCPLENS_HOOK_TIMER_START,
    TCPLENS_HOOK_TIMER_CANCEL,
    TCPLENS_HOOK_TIMER_EXPIRE,
    TCPLENS_HOOK_SYS_EXIT,
    TCPLENS_HOOK_CONSUME_SKB,
    TCPLENS_HOOK_KFREE_SKB,
    TCPLENS_HOOK_RETRANSMIT,
    TCPLENS_HOOK_SEND_RESET,
    TCPLENS_HOOK_RECEIVE_RESET,
    TCPLENS_HOOK_PROCESS,
    /* not hooks: what found no room to be remembered */
    TCPLENS_HOOK_OWNER,      /* a socket of --pid */
    TCPLENS_HOOK_LISTENERS,  /* a listener: what it refuses is not told */
    TCPLENS_HOOK_FIN_WAIT_2, /* a minisock: its TIME-WAIT is told by its timer, if at all */
    TCPLENS_HOOK_N
};

/* States are the kernel's. Of each event only the beginning is written that it has a use for (tcplens_event_size()): the
 * ring is larger than a cache, and each of its lines is written and read once. */
struct tcplens_event {
    __u64 ts_ns; /* CLOCK_MONOTONIC */
    __u64 cookie;
    struct tcplens_flow flow;
    __u8 kind; /* enum tcplens_kind */
    __u8 from, to;
    __u8 in_task;   /* pid, tid and comm are those of the process that caused it */
    __u8 during;    /* enum tcplens_call: the call in which a state changed */
    __u8 has_queue; /* of a STATE: it is a listener's, with its queues */
    __u8 unused[2];
    union {
        struct {
            __u64 listener; /* cookie */
            __u8 addr[16];
            __u32 syn, accept, backlog, drops; /* true after the event */
            __u16 port;
            __u8 accept4;   /* the call was accept4(), not accept() */
            __u8 deferred;  /* of an ACK that was dropped: it waits for data (TCP_DEFER_ACCEPT) */
            __u8 cookies;   /* net.ipv4.tcp_syncookies, as a bool */
            __u8 signature; /* of what was dropped: TCP-MD5 or TCP-AO did not fit */
            __u32 max_syn_backlog;
            __s32 fd, ret;
            __u64 duration_ns; /* of the call; 0: not known */
        } queue;
        struct {
            __u32 unread, queued; /* bytes: received and not read, sent or to be sent and not acknowledged */
            __u16 error;          /* sk_err, or sk_err_soft: an errno; 0: none */
            __u8 retransmits, probes;
            __u8 flags; /* enum tcplens_ending */
        } ending;
        struct {
            __u64 jiffies, expires; /* now and the deadline, both in jiffies */
        } timewait;
        struct {
            __u64 jiffies;
            __u32 count, rto; /* rto in jiffies */
        } retransmit;
        struct {
            __u64 socket;      /* tells sockets apart that have no cookie yet */
            __s64 ret;         /* -errno where it failed */
            __u64 duration_ns; /* 0: not known */
            __u64 args[3];     /* those after the descriptor; of some calls what is said at enum tcplens_arg */
            __s32 fd;
            __u8 id;      /* enum tcplens_call */
            __u8 blocked; /* it goes on: no ret, and duration_ns is until now */
        } call;
        struct {
            __u32 parent; /* process id; 0: of a thread */
            __u8 event;   /* enum tcplens_process */
            /* of an exit */
            __s32 code;               /* as wait() gives it */
            __u32 max_pages;          /* of memory that the process had at most; 0: other threads of it go on */
            __u64 cpu_ns;             /* of this thread, as are the others */
            __u64 user_ns, system_ns; /* likewise, by ticks: not of the same account */
            __u64 nvcsw, nivcsw;      /* context switches, as in getrusage(2) */
        } process;
        struct {
            __u8 not_idle; /* no probe is sent: something is unacknowledged */
        } keepalive;
        struct {
            __s32 reason;   /* enum sk_rst_reason; -1: this kernel does not say */
            __u8 of_orphan; /* received in FIN-WAIT-1 or -2 by one that reads no more */
        } reset;
    };
    __u32 pid, tid; /* these three only where in_task */
    char comm[TCPLENS_COMM_LEN];
};

enum tcplens_process { TCPLENS_PROCESS_FORK, TCPLENS_PROCESS_THREAD, TCPLENS_PROCESS_EXEC, TCPLENS_PROCESS_EXIT };

/* What stands in call.args. */
enum tcplens_arg {
    /* setsockopt, getsockopt */
    TCPLENS_ARG_OPTION = 0, /* level << 32 | option */
    TCPLENS_ARG_VALUE = 1,  /* two ints, the first in the lower half; where TCPLENS_ARG_SIZE says that they are known */
    TCPLENS_ARG_SIZE = 2,   /* bytes of the value that are known */
    /* epoll_ctl */
    TCPLENS_ARG_OP = 0, /* op << 32 | fd */
    TCPLENS_ARG_EVENTS = 1,
    TCPLENS_ARG_DATA = 2,
    /* those that wait */
    TCPLENS_ARG_WATCHED = 0, /* descriptors; UINT64_MAX: not known */
    TCPLENS_ARG_TIMEOUT = 1, /* ns; UINT64_MAX: none */
};

/* Which descriptors were ready. */
#define TCPLENS_READY_MAX 8
struct tcplens_ready {
    struct tcplens_event event;
    __u32 count; /* so many of ready[] are written */
    struct tcplens_ready_one {
        __u64 data;   /* of epoll, as epoll_ctl() was told */
        __s32 fd;     /* of the others */
        __u32 events; /* of epoll(7) */
    } ready[TCPLENS_READY_MAX];
};

enum tcplens_ending {
    TCPLENS_ENDING_ORPHAN = 1 << 0,       /* the application had let go of it */
    TCPLENS_ENDING_LINGER = 1 << 1,       /* SO_LINGER with a time of 0 */
    TCPLENS_ENDING_CLOSING = 1 << 2,      /* close() had begun, or both directions were shut down */
    TCPLENS_ENDING_USER_TIMEOUT = 1 << 3, /* TCP_USER_TIMEOUT is set */
    TCPLENS_ENDING_ZERO_WINDOW = 1 << 4,  /* the peer's window was zero */
    TCPLENS_ENDING_LINGER2 = 1 << 5       /* TCP_LINGER2 below 0: no FIN-WAIT-2 without the application */
};

#define TCPLENS_EVENT_WITH(member)                                                                                     \
    (offsetof(struct tcplens_event, member) + sizeof(((struct tcplens_event *)NULL)->member))

/* How much of an event is written. */
static inline __attribute__((always_inline)) __u32 tcplens_event_size(__u8 kind, bool has_queue, bool in_task)
{
    if (kind == TCPLENS_READY) /* at least */
        return offsetof(struct tcplens_ready, ready);
    if (in_task)
        return sizeof(struct tcplens_event);
    switch (kind) {
    case TCPLENS_UNSIGNED: return offsetof(struct tcplens_event, queue);
    case TCPLENS_STATE: return has_queue ? TCPLENS_EVENT_WITH(queue) : offsetof(struct tcplens_event, queue);
    case TCPLENS_CLOSED: return TCPLENS_EVENT_WITH(ending);
    case TCPLENS_KEEPALIVE:
    case TCPLENS_FIN_WAIT_2: return TCPLENS_EVENT_WITH(keepalive);
    case TCPLENS_TIMEWAIT_START:
    case TCPLENS_TIMEWAIT_CHANGE:
    case TCPLENS_TIMEWAIT_EXPIRED:
    case TCPLENS_TIMEWAIT_KILLED: return TCPLENS_EVENT_WITH(timewait);
    case TCPLENS_RETRANSMIT:
    case TCPLENS_PERSIST: return TCPLENS_EVENT_WITH(retransmit);
    case TCPLENS_RESET_SENT:
    case TCPLENS_RESET_RECEIVED: return TCPLENS_EVENT_WITH(reset);
    default: return TCPLENS_EVENT_WITH(queue);
    }
}

#endif
