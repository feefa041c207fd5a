/* The few kernel fields this program reads, by name: CO-RE finds their offsets on the machine it runs on, so this
 * builds where the building kernel has no BTF and needs no generated vmlinux.h. A field missing from a kernel is
 * asked for with bpf_core_field_exists() first. */
#ifndef TCPLENS_KERNEL_TYPES_H
#define TCPLENS_KERNEL_TYPES_H

#include <linux/types.h>
#include <stdbool.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
    int counter;
} atomic_t;

typedef struct {
    __s64 counter;
} atomic64_t;

struct ns_common {
    unsigned int inum;
};

struct netns_ipv4 {
    __u8 sysctl_tcp_syncookies;
    __u32 sysctl_max_syn_backlog;
};

struct net {
    struct ns_common ns;
    __u64 net_cookie;
    struct netns_ipv4 ipv4; /* TCP over IPv6 asks it too */
};

typedef struct {
    struct net *net;
} possible_net_t;

struct in6_addr {
    union {
        __u8 u6_addr8[16];
        __u32 u6_addr32[4];
    } in6_u;
};

struct hlist_node {
    struct hlist_node *next, **pprev; /* pprev: NULL while it is in no list */
};

struct sock;

struct sock_common {
    __u32 skc_daddr;
    __u32 skc_rcv_saddr;
    __u16 skc_dport;       /* network byte order */
    __u16 skc_num;         /* host byte order */
    unsigned int skc_hash; /* of its place in a table of sockets */
    unsigned short skc_family;
    volatile unsigned char skc_state;
    possible_net_t skc_net;
    struct in6_addr skc_v6_daddr;
    struct in6_addr skc_v6_rcv_saddr;
    struct hlist_node skc_node; /* of the table of established sockets; shares its place with skc_nulls_node */
    atomic64_t skc_cookie;
    unsigned long skc_flags; /* bits, below */
    struct sock *skc_listener;
};

struct timer_list {
    unsigned long expires;
    void (*function)(struct timer_list *);
};

struct socket;

struct sock {
    struct sock_common __sk_common;
    struct {
        int owned; /* by a process */
    } sk_lock;
    struct socket *sk_socket;
    __u32 sk_ack_backlog;
    __u32 sk_max_ack_backlog;
    atomic_t sk_drops;
    int sk_err, sk_err_soft;
    unsigned long sk_lingertime;
    __u8 sk_shutdown;
    __u16 sk_protocol;
    struct timer_list sk_timer;
    struct timer_list tcp_retransmit_timer; /* newer kernels */
};

struct inet_sock {
    struct sock sk;
    __u16 inet_sport; /* network byte order; outlives skc_num */
};

struct request_sock_queue {
    atomic_t qlen;
    __u8 rskq_defer_accept;
};

struct inet_connection_sock {
    struct inet_sock icsk_inet;
    struct request_sock_queue icsk_accept_queue;
    struct timer_list icsk_retransmit_timer;
    struct timer_list icsk_keepalive_timer; /* newer kernels, stable series too: it was sk_timer */
    unsigned long icsk_timeout;             /* not in newer kernels: there the timer fires when it is over */
    __u8 icsk_retransmits;
    __u8 icsk_pending; /* what the retransmission timer is for */
    __u8 icsk_probes_out;
    __u32 icsk_rto; /* jiffies */
    __u32 icsk_user_timeout;
};

struct tcp_sock {
    __u32 rcv_nxt, copied_seq;
    __u32 snd_una, write_seq, snd_wnd, packets_out;
    int linger2;
    __u8 fastopen_connect : 1;
};

struct mptcp_sock {
    struct sock *first;
};

struct request_sock {
    struct sock_common __req_common;
    struct timer_list rsk_timer;
};

struct inet_timewait_sock {
    struct sock_common __tw_common;
    volatile unsigned char tw_substate;
    struct timer_list tw_timer;
};

struct file {
    void *private_data;
};

struct socket {
    struct file *file;
    struct sock *sk;
};

struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};

struct files_struct {
    struct fdtable *fdt;
};

struct sched_entity {
    __u64 sum_exec_runtime; /* ns on a processor, but for a tick at most */
};

struct signal_struct {
    atomic_t live;        /* threads that have not ended */
    unsigned long maxrss; /* pages; complete when none is left */
};

struct task_struct {
    struct files_struct *files;
    struct signal_struct *signal;
    struct sched_entity se;
    struct task_struct *group_leader, *real_parent;
    __u64 utime, stime;          /* ns, by what it was at when its processor's clock ticked */
    unsigned long nvcsw, nivcsw; /* how often it gave the processor away, and lost it */
    int pid, tgid;
    int exit_code; /* as wait() gives it */
    char comm[16];
};

typedef struct refcount_struct {
    atomic_t refs;
} refcount_t;

/* Of an epoll(7) descriptor. */
struct eventpoll {
    refcount_t refcount; /* Linux 6.4, and some 6.1.y: one, and one for each descriptor that is watched */
};

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
};

struct bpf_iter__tcp {
    struct bpf_iter_meta *meta;
    struct sock_common *sk_common;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

struct bpf_iter__task_file {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
    __u32 fd;
    struct file *file;
};

struct net_device {
    possible_net_t nd_net;
};

struct dst_entry {
    struct net_device *dev;
};

/* Of a packet that was received skb_iif is the device; of one that never was, 0. Both headers, and end, are counted from
 * head on. */
struct sk_buff {
    struct net_device *dev;
    unsigned char cb[48];      /* of the protocol that has it now */
    unsigned long _skb_refdst; /* address of a dst_entry, flags in the lowest bits */
    unsigned int len;
    __u8 pkt_type : 3;
    int skb_iif;
    __u16 protocol; /* network byte order */
    __u16 transport_header;
    __u16 network_header;
    unsigned int end;
    unsigned char *head, *data;
};

/* What TCP keeps in cb. */
struct tcp_skb_cb {
    __u32 seq, end_seq;
    __u8 tcp_flags; /* wider in newer kernels */
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
    unsigned long di, si, dx, r10, r8;
    unsigned long orig_ax;
};
#define REGS_SYSCALL(regs) ((regs)->orig_ax)
#define REGS_ARG1(regs) ((regs)->di)
#define REGS_ARG2(regs) ((regs)->si)
#define REGS_ARG3(regs) ((regs)->dx)
#define REGS_ARG4(regs) ((regs)->r10)
#define REGS_ARG5(regs) ((regs)->r8)
enum {
    NR_READ = 0,
    NR_WRITE = 1,
    NR_CLOSE = 3,
    NR_POLL = 7,
    NR_READV = 19,
    NR_WRITEV = 20,
    NR_SELECT = 23,
    NR_SENDFILE = 40,
    NR_SOCKET = 41,
    NR_CONNECT = 42,
    NR_ACCEPT = 43,
    NR_SENDTO = 44,
    NR_RECVFROM = 45,
    NR_SENDMSG = 46,
    NR_RECVMSG = 47,
    NR_SHUTDOWN = 48,
    NR_BIND = 49,
    NR_LISTEN = 50,
    NR_SETSOCKOPT = 54,
    NR_GETSOCKOPT = 55,
    NR_EPOLL_WAIT = 232,
    NR_EPOLL_CTL = 233,
    NR_PSELECT6 = 270,
    NR_PPOLL = 271,
    NR_EPOLL_PWAIT = 281,
    NR_ACCEPT4 = 288,
    NR_RECVMMSG = 299,
    NR_SENDMMSG = 307,
    NR_ADJTIMEX = 159,
    NR_SETTIMEOFDAY = 164,
    NR_CLOCK_SETTIME = 227,
    NR_CLOCK_ADJTIME = 305,
    NR_EPOLL_PWAIT2 = 441,
};
/* As the kernel and an application agree on it. */
#define EPOLL_PACKED __attribute__((packed))
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
    __u64 regs[31];
    __u64 orig_x0;
    int syscallno;
};
#define REGS_SYSCALL(regs) ((unsigned long)(regs)->syscallno)
#define REGS_ARG1(regs) ((regs)->orig_x0)
#define REGS_ARG2(regs) ((regs)->regs[1])
#define REGS_ARG3(regs) ((regs)->regs[2])
#define REGS_ARG4(regs) ((regs)->regs[3])
#define REGS_ARG5(regs) ((regs)->regs[4])
enum {
    /* not there: no call has such a number */
    NR_SELECT = 1 << 20,
    NR_POLL,
    NR_EPOLL_WAIT,
    NR_EPOLL_CTL = 21,
    NR_EPOLL_PWAIT = 22,
    NR_CLOSE = 57,
    NR_READ = 63,
    NR_WRITE = 64,
    NR_READV = 65,
    NR_WRITEV = 66,
    NR_SENDFILE = 71,
    NR_PSELECT6 = 72,
    NR_PPOLL = 73,
    NR_SOCKET = 198,
    NR_BIND = 200,
    NR_LISTEN = 201,
    NR_ACCEPT = 202,
    NR_CONNECT = 203,
    NR_SENDTO = 206,
    NR_RECVFROM = 207,
    NR_SETSOCKOPT = 208,
    NR_GETSOCKOPT = 209,
    NR_SHUTDOWN = 210,
    NR_SENDMSG = 211,
    NR_RECVMSG = 212,
    NR_ACCEPT4 = 242,
    NR_RECVMMSG = 243,
    NR_SENDMMSG = 269,
    NR_CLOCK_SETTIME = 112,
    NR_SETTIMEOFDAY = 170,
    NR_ADJTIMEX = 171,
    NR_CLOCK_ADJTIME = 266,
    NR_EPOLL_PWAIT2 = 441,
};
#define EPOLL_PACKED
#else
#error "system call numbers and registers of this architecture are not known here"
#endif

#pragma clang attribute pop

enum {
    TCP_ESTABLISHED = 1,
    TCP_SYN_SENT = 2,
    TCP_SYN_RECV = 3,
    TCP_FIN_WAIT1 = 4,
    TCP_FIN_WAIT2 = 5,
    TCP_TIME_WAIT = 6,
    TCP_CLOSE = 7,
    TCP_LAST_ACK = 9,
    TCP_LISTEN = 10,
    TCP_NEW_SYN_RECV = 12,
};

/* The running kernel's values count (bpf_core_enum_value()). */
enum skb_drop_reason {
    SKB_DROP_REASON_TCP_MD5NOTFOUND,
    SKB_DROP_REASON_TCP_MD5UNEXPECTED,
    SKB_DROP_REASON_TCP_MD5FAILURE,
    SKB_DROP_REASON_TCP_AUTH_HDR,
    SKB_DROP_REASON_TCP_AONOTFOUND,
    SKB_DROP_REASON_TCP_AOUNEXPECTED,
    SKB_DROP_REASON_TCP_AOKEYNOTFOUND,
    SKB_DROP_REASON_TCP_AOFAILURE,
};

/* Bits of skc_flags; of sk_shutdown. */
enum { SOCK_DEAD = 0, SOCK_LINGER = 4 };
#define RCV_SHUTDOWN 1
#define SHUTDOWN_MASK 3

/* Of icsk_pending: a window of zero is probed. */
#define ICSK_TIME_PROBE0 3

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_MPTCP 262
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86DD
#define IPV6_HEADER_LEN 40
#define PACKET_HOST 0

#endif
