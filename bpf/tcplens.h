/* What the kernel side writes into the ring buffer and user space reads: fixed sizes, no padding that matters. */
#ifndef TCPLENS_BPF_H
#define TCPLENS_BPF_H

#include <linux/types.h>

#define TCPLENS_PORTS_MAX 16
#define TCPLENS_HOSTS_MAX 16
#define TCPLENS_PIDS_MAX 16
#define TCPLENS_COMM_LEN 16

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
    X(READ) X(WRITE) X(READV) X(WRITEV) X(SENDTO) X(RECVFROM) X(SENDMSG) X(RECVMSG) X(SENDMMSG) X(RECVMMSG) X(SENDFILE)
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
    TCPLENS_CALL,     /* a system call returned */
    TCPLENS_OWNER,    /* the process that holds the socket of this cookie */
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
    TCPLENS_HOOK_OWNER, /* a socket of --pid found no room to be remembered */
    TCPLENS_HOOK_N
};

/* States are the kernel's. */
struct tcplens_event {
    __u64 ts_ns; /* CLOCK_MONOTONIC */
    __u64 cookie;
    struct tcplens_flow flow;
    __u8 kind; /* enum tcplens_kind */
    __u8 from, to;
    __u8 in_task; /* pid, tid and comm are those of the process that caused it */
    __u8 during;  /* enum tcplens_call: the call in which a state changed */
    __u8 unused[3];
    __u32 pid, tid;
    char comm[TCPLENS_COMM_LEN];
    union {
        struct {
            __u64 listener; /* cookie */
            __u8 addr[16];
            __u16 port;
            __u32 syn, accept, backlog, drops; /* true after the event */
            __s32 fd, ret;
            __u8 accept4;      /* the call was accept4(), not accept() */
            __u64 duration_ns; /* of the call; 0: not known */
        } queue;
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
            __u64 args[2];     /* those after the descriptor */
            __s32 fd;
            __u8 id; /* enum tcplens_call */
        } call;
        struct {
            __s32 reason; /* enum sk_rst_reason; -1: this kernel does not say */
        } reset;
    };
};

#endif
