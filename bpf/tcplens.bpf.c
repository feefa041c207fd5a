/* The kernel witness: what Linux does to TCP connections, seen at tracepoints only.
 *
 * Theory of operation. A connection's end lives in up to three kernel objects, one after the other: a request sock in
 * its listener's SYN queue, a full socket, and a TIME-WAIT minisock that outlives close(). Full sockets report every
 * state change (inet_sock_set_state). The other two have no tracepoint of their own, but each lives exactly as long as
 * its timer: so their life is read from the timer tracepoints, by the timer's function. No function hook is used:
 * kernels that are locked down refuse those, and they break when a function is inlined or renamed.
 *
 * Figures are stored as they are true after the event, although some hooks run before their effect: a request timer
 * starts before the SYN queue counts the request, and is cancelled before it is counted out.
 *
 * Nothing here wakes the reader: it comes every few milliseconds by itself, which costs the traced system a third of
 * what a wake-up per event does. An event that finds no room is counted under its hook in `lost`. */
#include <linux/bpf.h>
#include <linux/types.h>

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcplens.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Filters, set before load. */
const volatile __u64 only_netns = 0; /* network namespace cookie; 0: all */
const volatile __u32 port_count = 0; /* 0: all */
const volatile __u16 ports[TCPLENS_PORTS_MAX];
/* What this kernel has; user space looks it up in BTF. */
const volatile bool has_data_ready = true;

__u64 lost[TCPLENS_HOOK_N];

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 16 << 20); /* resized before load */
} events SEC(".maps");

/* Minisocks in FIN-WAIT-2, by connection. Their step to TIME-WAIT re-arms the timer, and when the new deadline falls
 * into the same bucket of the timer wheel no tracepoint fires; but the FIN that caused it is then freed by the same
 * code path, which is seen. LRU: an entry that is left behind costs nothing. */
struct flow {
    __u8 laddr[16], raddr[16];
    __u16 lport, rport;
    __u32 netns;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct flow);
    __type(value, __u64); /* address of the inet_timewait_sock */
} fin_wait_2 SEC(".maps");

/* Without sk_data_ready (before Linux 6.3): listeners of requests that have just been completed, by connection. The
 * child's step to ESTABLISHED, which follows at once, then stands for its joining the accept queue. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 8192);
    __type(key, struct flow);
    __type(value, __u64); /* address of the listening sock */
} completed SEC(".maps");

extern const void reqsk_timer_handler __ksym __weak;
extern const void tw_timer_handler __ksym __weak;
extern const void tcp_write_timer __ksym __weak;

static __always_inline bool port_wanted(__u16 lport, __u16 rport)
{
    if (!port_count)
        return true;
    for (__u32 i = 0; i < TCPLENS_PORTS_MAX; i++) {
        if (i >= port_count)
            break;
        if (ports[i] == lport || ports[i] == rport)
            return true;
    }
    return false;
}

static __always_inline void map_ipv4(__u8 out[16], __u32 addr)
{
    __u32 *words = (__u32 *)out;

    words[0] = 0;
    words[1] = 0;
    words[2] = bpf_htonl(0xffff);
    words[3] = addr;
}

/* Both addresses of any of the three objects: they share struct sock_common. */
static __always_inline void read_addrs(const struct sock_common *sc, __u8 laddr[16], __u8 raddr[16])
{
    if (BPF_CORE_READ(sc, skc_family) == AF_INET) {
        map_ipv4(laddr, BPF_CORE_READ(sc, skc_rcv_saddr));
        map_ipv4(raddr, BPF_CORE_READ(sc, skc_daddr));
    } else {
        BPF_CORE_READ_INTO((struct in6_addr *)laddr, sc, skc_v6_rcv_saddr);
        BPF_CORE_READ_INTO((struct in6_addr *)raddr, sc, skc_v6_daddr);
    }
}

/* Reserves an event about one of the three objects, or counts its loss. NULL: filtered out, or no room. */
static __always_inline struct tcplens_event *event_new(enum tcplens_hook hook, enum tcplens_kind kind,
                                                       const struct sock_common *sc, __u16 lport)
{
    __u16 rport = bpf_ntohs(BPF_CORE_READ(sc, skc_dport));
    const struct net *net = BPF_CORE_READ(sc, skc_net.net);
    struct tcplens_event *e;

    /* By cookie: the inode number of a namespace that is still being torn down may be another one's already. */
    if (only_netns && BPF_CORE_READ(net, net_cookie) != only_netns)
        return NULL;
    if (!port_wanted(lport, rport))
        return NULL;
    e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e) {
        __sync_fetch_and_add(&lost[hook], 1);
        return NULL;
    }
    e->ts_ns = bpf_ktime_get_ns();
    e->kind = kind;
    e->netns = BPF_CORE_READ(net, ns.inum);
    e->lport = lport;
    e->rport = rport;
    e->cookie = BPF_CORE_READ(sc, skc_cookie.counter);
    e->from = 0;
    e->to = 0;
    e->in_task = 0;
    read_addrs(sc, e->laddr, e->raddr);
    return e;
}

static __always_inline void set_task(struct tcplens_event *e)
{
    __u64 id = bpf_get_current_pid_tgid();

    e->in_task = 1;
    e->pid = id >> 32;
    e->tid = (__u32)id;
    bpf_get_current_comm(e->comm, sizeof(e->comm));
}

static __always_inline void event_submit(struct tcplens_event *e)
{
    bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

/* skc_num is 0 once the socket left the port table; inet_sport still knows. */
static __always_inline __u16 local_port(const struct sock *sk)
{
    __u16 num = BPF_CORE_READ(sk, __sk_common.skc_num);

    return num ? num : bpf_ntohs(BPF_CORE_READ((const struct inet_sock *)sk, inet_sport));
}

/* The listener's own figures; syn_delta corrects what the running hook has not done yet. */
static __always_inline void read_queues(struct tcplens_event *e, const struct sock *listener, int syn_delta)
{
    const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)listener;
    __u8 unused[16];

    e->queue.listener = BPF_CORE_READ(listener, __sk_common.skc_cookie.counter);
    e->queue.port = BPF_CORE_READ(listener, __sk_common.skc_num);
    read_addrs(&listener->__sk_common, e->queue.addr, unused);
    e->queue.syn = BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter) + syn_delta;
    e->queue.accept = BPF_CORE_READ(listener, sk_ack_backlog);
    e->queue.backlog = BPF_CORE_READ(listener, sk_max_ack_backlog);
    e->queue.drops = BPF_CORE_READ(listener, sk_drops.counter);
    e->queue.fd = -1;
    e->queue.ret = -1;
}

static __always_inline bool is_tcp(const struct sock *sk)
{
    return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline void flow_of(const struct tcplens_event *e, struct flow *flow)
{
    __builtin_memcpy(flow->laddr, e->laddr, 16);
    __builtin_memcpy(flow->raddr, e->raddr, 16);
    flow->lport = e->lport;
    flow->rport = e->rport;
    flow->netns = e->netns;
}

static __always_inline void queued_at_established(const struct tcplens_event *state)
{
    struct tcplens_event *e;
    struct flow flow = {};
    __u64 *listener;

    flow_of(state, &flow);
    listener = bpf_map_lookup_elem(&completed, &flow);
    if (!listener)
        return;
    e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (e) {
        __builtin_memcpy(e, state, sizeof(*e));
        e->ts_ns++; /* after the state change it stands beside */
        e->kind = TCPLENS_ACCEPT_QUEUED;
        e->in_task = 0;
        read_queues(e, (struct sock *)*listener, 0);
        event_submit(e);
    } else {
        __sync_fetch_and_add(&lost[TCPLENS_HOOK_DATA_READY], 1);
    }
    bpf_map_delete_elem(&completed, &flow);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, const struct sock *sk, int from, int to)
{
    struct tcplens_event *e;
    __u16 lport;

    if (!is_tcp(sk))
        return 0;
    lport = local_port(sk);
    /* connect() sets SYN-SENT before it picks a port: pass it on, TCPLENS_PORT_KNOWN decides. The cookie is made
     * on demand: ask for it while the object that children and minisock copy it from is still this one. */
    bpf_get_socket_cookie((void *)sk);
    if (lport) {
        e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &sk->__sk_common, lport);
    } else {
        __u16 any_port = port_count ? ports[0] : 0;

        e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &sk->__sk_common, any_port);
        if (e)
            e->lport = 0;
    }
    if (!e)
        return 0;
    e->from = from;
    e->to = to;
    /* The task is told only where it is certain to be the cause: these happen inside its system call. */
    if (to == TCP_SYN_SENT || to == TCP_LISTEN)
        set_task(e);
    if (to == TCP_LISTEN || from == TCP_LISTEN)
        read_queues(e, sk, 0);
    if (!has_data_ready && from == TCP_SYN_RECV && to == TCP_ESTABLISHED)
        queued_at_established(e);
    event_submit(e);
    return 0;
}

static __always_inline int request_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct request_sock *req = (void *)timer - bpf_core_field_offset(struct request_sock, rsk_timer);
    struct sock *listener = BPF_CORE_READ(req, __req_common.skc_listener);
    struct tcplens_event *e;

    e = event_new(hook, kind, &req->__req_common, BPF_CORE_READ(req, __req_common.skc_num));
    if (!e)
        return 0;
    read_queues(e, listener,
                kind == TCPLENS_REQUEST_START ? 1 : kind == TCPLENS_REQUEST_END ? -1 : 0);
    if (!has_data_ready && kind == TCPLENS_REQUEST_END) {
        __u64 address = (__u64)listener;
        struct flow flow = {};

        flow_of(e, &flow);
        bpf_map_update_elem(&completed, &flow, &address, BPF_ANY);
    }
    event_submit(e);
    return 0;
}

static __always_inline int timewait_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct inet_timewait_sock *tw = (void *)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
    struct tcplens_event *e;
    struct flow flow = {};

    e = event_new(hook, kind, &tw->__tw_common, BPF_CORE_READ(tw, __tw_common.skc_num));
    if (!e)
        return 0;
    e->to = BPF_CORE_READ(tw, tw_substate);
    e->timewait.jiffies = bpf_jiffies64();
    e->timewait.expires = BPF_CORE_READ(timer, expires);
    flow_of(e, &flow);
    if (kind == TCPLENS_TIMEWAIT_START && e->to == TCP_FIN_WAIT2) {
        __u64 address = (__u64)tw;

        bpf_map_update_elem(&fin_wait_2, &flow, &address, BPF_ANY);
    } else {
        bpf_map_delete_elem(&fin_wait_2, &flow);
    }
    event_submit(e);
    return 0;
}

SEC("tp_btf/timer_start")
int BPF_PROG(timer_start, struct timer_list *timer)
{
    const void *fn = timer->function;

    if (fn == &reqsk_timer_handler && fn) {
        struct request_sock *req = (void *)timer - bpf_core_field_offset(struct request_sock, rsk_timer);

        /* started again after each SYN-ACK retry */
        if (BPF_CORE_READ_BITFIELD_PROBED(req, num_timeout))
            return 0;
        return request_event(TCPLENS_HOOK_TIMER_START, TCPLENS_REQUEST_START, timer);
    }
    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_START, TCPLENS_TIMEWAIT_START, timer);
    if (fn == &tcp_write_timer && fn) {
        /* the retransmission timer of the first SYN: the earliest hook at which connect() has picked a port */
        struct inet_connection_sock *icsk =
            (void *)timer - bpf_core_field_offset(struct inet_connection_sock, icsk_retransmit_timer);
        struct sock *sk = &icsk->icsk_inet.sk;
        struct tcplens_event *e;

        if (BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_SYN_SENT)
            return 0;
        e = event_new(TCPLENS_HOOK_TIMER_START, TCPLENS_PORT_KNOWN, &sk->__sk_common, local_port(sk));
        if (e)
            event_submit(e);
    }
    return 0;
}

SEC("tp_btf/timer_cancel")
int BPF_PROG(timer_cancel, struct timer_list *timer)
{
    const void *fn = timer->function;
    unsigned long now = bpf_jiffies64();

    /* Expiring also removes the timer from the wheel: that is no cancellation. */
    if (fn == &reqsk_timer_handler && fn && (long)(now - timer->expires) < 0)
        return request_event(TCPLENS_HOOK_TIMER_CANCEL, TCPLENS_REQUEST_END, timer);
    if (fn == &tw_timer_handler && fn && (long)(now - timer->expires) < 0)
        return timewait_event(TCPLENS_HOOK_TIMER_CANCEL, TCPLENS_TIMEWAIT_KILLED, timer);
    return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expire_entry, struct timer_list *timer)
{
    const void *fn = timer->function;

    if (fn == &reqsk_timer_handler && fn)
        return request_event(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_REQUEST_RETRY, timer);
    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_TIMEWAIT_EXPIRED, timer);
    return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(kfree_skb, struct sk_buff *skb)
{
    unsigned char *head, *ip, *tcp;
    struct inet_timewait_sock *tw;
    struct tcplens_event *e;
    struct flow flow = {};
    __u16 ports_be[2];
    __u64 *address;
    __u32 words[2];
    __u8 version, flags = 0;

    if (!skb->dev || !skb->transport_header || skb->transport_header == (__u16)~0)
        return 0;
    if (skb->protocol != bpf_htons(ETH_P_IP) && skb->protocol != bpf_htons(ETH_P_IPV6))
        return 0;
    head = skb->head;
    ip = head + skb->network_header;
    tcp = head + skb->transport_header;
    if (bpf_probe_read_kernel(&flags, 1, tcp + 13) || !(flags & 1))
        return 0; /* no FIN */
    bpf_probe_read_kernel(&version, 1, ip);
    bpf_probe_read_kernel(ports_be, sizeof(ports_be), tcp);
    flow.rport = bpf_ntohs(ports_be[0]);
    flow.lport = bpf_ntohs(ports_be[1]);
    flow.netns = BPF_CORE_READ(skb, dev, nd_net.net, ns.inum);
    if (version >> 4 == 4) {
        bpf_probe_read_kernel(words, sizeof(words), ip + 12);
        map_ipv4(flow.raddr, words[0]);
        map_ipv4(flow.laddr, words[1]);
    } else {
        bpf_probe_read_kernel(flow.raddr, 16, ip + 8);
        bpf_probe_read_kernel(flow.laddr, 16, ip + 24);
    }
    address = bpf_map_lookup_elem(&fin_wait_2, &flow);
    if (!address)
        return 0;
    tw = (void *)*address;
    if (BPF_CORE_READ(tw, tw_substate) != TCP_TIME_WAIT)
        return 0;
    e = event_new(TCPLENS_HOOK_KFREE_SKB, TCPLENS_TIMEWAIT_CHANGE, &tw->__tw_common, flow.lport);
    if (e) {
        e->to = TCP_TIME_WAIT;
        e->timewait.jiffies = bpf_jiffies64();
        e->timewait.expires = BPF_CORE_READ(tw, tw_timer.expires);
        event_submit(e);
    }
    bpf_map_delete_elem(&fin_wait_2, &flow);
    return 0;
}

SEC("tp_btf/sk_data_ready")
int BPF_PROG(data_ready, const struct sock *sk)
{
    const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
    struct tcplens_event *e;
    struct sock *child;

    /* Fires for data too: the test for a listener comes first. */
    if (sk->__sk_common.skc_state != TCP_LISTEN || !is_tcp(sk))
        return 0;
    child = BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_tail, sk);
    if (!child)
        return 0;
    e = event_new(TCPLENS_HOOK_DATA_READY, TCPLENS_ACCEPT_QUEUED, &child->__sk_common, local_port(child));
    if (!e)
        return 0;
    read_queues(e, sk, 0);
    event_submit(e);
    return 0;
}

static __always_inline struct sock *sock_of_fd(struct files_struct *files, long fd)
{
    struct fdtable *fdt = BPF_CORE_READ(files, fdt);
    struct file **fds, *file = NULL;
    struct socket *sock;

    if (fd < 0 || fd >= BPF_CORE_READ(fdt, max_fds))
        return NULL;
    fds = BPF_CORE_READ(fdt, fd);
    if (bpf_probe_read_kernel(&file, sizeof(file), &fds[fd]) || !file)
        return NULL;
    sock = BPF_CORE_READ(file, private_data);
    /* only a socket points back to its file */
    if (!sock || BPF_CORE_READ(sock, file) != file)
        return NULL;
    return BPF_CORE_READ(sock, sk);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
    struct task_struct *task;
    struct tcplens_event *e;
    struct sock *sk, *listener;
    unsigned long nr;
    int fd;

    if (ret < 0)
        return 0;
    nr = REGS_SYSCALL(regs);
    if (nr != NR_ACCEPT4 && nr != NR_ACCEPT)
        return 0;
    task = bpf_get_current_task_btf();
    fd = REGS_ARG1(regs);
    sk = sock_of_fd(task->files, ret);
    listener = sock_of_fd(task->files, fd);
    if (!sk || !listener || !is_tcp(sk))
        return 0;
    e = event_new(TCPLENS_HOOK_SYS_EXIT, TCPLENS_ACCEPT, &sk->__sk_common, local_port(sk));
    if (!e)
        return 0;
    set_task(e);
    read_queues(e, listener, 0);
    e->queue.fd = fd;
    e->queue.ret = ret;
    e->queue.accept4 = nr == NR_ACCEPT4;
    event_submit(e);
    return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_skb, const struct sock *sk)
{
    struct tcplens_event *e;

    e = event_new(TCPLENS_HOOK_RETRANSMIT, TCPLENS_RETRANSMIT, &sk->__sk_common, local_port(sk));
    if (!e)
        return 0;
    e->to = BPF_CORE_READ(sk, __sk_common.skc_state);
    e->retransmit.count = BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_retransmits);
    event_submit(e);
    return 0;
}

SEC("tp_btf/tcp_retransmit_synack")
int BPF_PROG(retransmit_synack, const struct sock *sk, const struct request_sock *req)
{
    struct tcplens_event *e;

    e = event_new(TCPLENS_HOOK_RETRANSMIT_SYNACK, TCPLENS_RETRANSMIT_SYNACK, &req->__req_common,
                  BPF_CORE_READ(req, __req_common.skc_num));
    if (!e)
        return 0;
    e->to = TCP_SYN_RECV;
    e->retransmit.count = BPF_CORE_READ_BITFIELD_PROBED(req, num_timeout);
    event_submit(e);
    return 0;
}

/* A RST in answer to a segment that belongs to no socket has only the segment: sk is NULL or the listener. */
static __always_inline int reset_sent(const struct sock *sk, int reason)
{
    struct tcplens_event *e;

    if (!sk || BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_LISTEN)
        return 0;
    e = event_new(TCPLENS_HOOK_SEND_RESET, TCPLENS_RESET_SENT, &sk->__sk_common, local_port(sk));
    if (!e)
        return 0;
    e->reset.reason = reason;
    event_submit(e);
    return 0;
}

/* Two programs for one tracepoint, because its arguments grew: user space loads the one that fits this kernel's BTF. */
SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(send_reset, const struct sock *sk, const struct sk_buff *skb)
{
    return reset_sent(sk, -1);
}

SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(send_reset_reason, const struct sock *sk, const struct sk_buff *skb, int reason)
{
    return reset_sent(sk, reason);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(receive_reset, struct sock *sk)
{
    struct tcplens_event *e;

    e = event_new(TCPLENS_HOOK_RECEIVE_RESET, TCPLENS_RESET_RECEIVED, &sk->__sk_common, local_port(sk));
    if (!e)
        return 0;
    e->reset.reason = -1;
    event_submit(e);
    return 0;
}
