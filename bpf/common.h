/* What all hooks share: filters, the ring, and how an event gets its connection. */
#ifndef TCPLENS_BPF_COMMON_H
#define TCPLENS_BPF_COMMON_H

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcplens.h"

/* Filters, set before load. */
const volatile __u64 only_netns = 0; /* network namespace cookie; 0: all */
const volatile __u32 port_count = 0; /* 0: all */
const volatile __u16 ports[TCPLENS_PORTS_MAX];
/* System calls are followed. */
const volatile bool has_calls = false;

__u64 lost[TCPLENS_HOOK_N];

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 16 << 20); /* resized before load */
} events SEC(".maps");

/* A connection as one of its ends sees it. */
struct flow {
    __u8 laddr[16], raddr[16];
    __u16 lport, rport;
    __u32 netns; /* inode number */
};

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

/* By cookie: the inode number of a namespace that is still being torn down may be another one's already. */
static __always_inline bool netns_wanted(const struct net *net)
{
    return !only_netns || BPF_CORE_READ(net, net_cookie) == only_netns;
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

/* Reserves an event, or counts its loss and returns NULL. */
static __always_inline struct tcplens_event *event_alloc(enum tcplens_hook hook, enum tcplens_kind kind)
{
    struct tcplens_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

    if (!e) {
        __sync_fetch_and_add(&lost[hook], 1);
        return NULL;
    }
    e->ts_ns = bpf_ktime_get_ns();
    e->kind = kind;
    e->from = 0;
    e->to = 0;
    e->in_task = 0;
    e->during = TCPLENS_CALL_NONE;
    return e;
}

/* An event about one of the three objects. NULL: filtered out, or no room. */
static __always_inline struct tcplens_event *event_new(enum tcplens_hook hook, enum tcplens_kind kind,
                                                       const struct sock_common *sc, __u16 lport)
{
    __u16 rport = bpf_ntohs(BPF_CORE_READ(sc, skc_dport));
    const struct net *net = BPF_CORE_READ(sc, skc_net.net);
    struct tcplens_event *e;

    if (!netns_wanted(net) || !port_wanted(lport, rport))
        return NULL;
    e = event_alloc(hook, kind);
    if (!e)
        return NULL;
    e->netns = BPF_CORE_READ(net, ns.inum);
    e->lport = lport;
    e->rport = rport;
    e->cookie = BPF_CORE_READ(sc, skc_cookie.counter);
    read_addrs(sc, e->laddr, e->raddr);
    return e;
}

/* An event about a connection that has no object: a packet tells its name. The filters have been asked already. */
static __always_inline struct tcplens_event *event_of_flow(enum tcplens_hook hook, enum tcplens_kind kind,
                                                           const struct flow *flow)
{
    struct tcplens_event *e = event_alloc(hook, kind);

    if (!e)
        return NULL;
    e->netns = flow->netns;
    e->lport = flow->lport;
    e->rport = flow->rport;
    e->cookie = 0;
    __builtin_memcpy(e->laddr, flow->laddr, 16);
    __builtin_memcpy(e->raddr, flow->raddr, 16);
    return e;
}

static __always_inline void flow_of(const struct tcplens_event *e, struct flow *flow)
{
    __builtin_memcpy(flow->laddr, e->laddr, 16);
    __builtin_memcpy(flow->raddr, e->raddr, 16);
    flow->lport = e->lport;
    flow->rport = e->rport;
    flow->netns = e->netns;
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

static __always_inline bool is_tcp(const struct sock *sk)
{
    return BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
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
    e->queue.duration_ns = 0;
}

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

/* The namespace a received packet is in. TCP takes the device away from a packet that it gives to a socket; the route
 * still knows. */
static __always_inline const struct net *skb_net(struct sk_buff *skb)
{
    const struct net_device *dev = skb->dev;

    if (!dev) {
        const struct dst_entry *dst = (const struct dst_entry *)(skb->_skb_refdst & ~7ul);

        dev = dst ? BPF_CORE_READ(dst, dev) : NULL;
    }
    return dev ? BPF_CORE_READ(dev, nd_net.net) : NULL;
}

/* The TCP flags of a received packet that has been parsed by TCP; 0: it is none, or not in a namespace that is wanted.
 * Asked first, because most packets that come by are of no interest. */
static __always_inline __u8 skb_tcp_flags(struct sk_buff *skb)
{
    unsigned char *head, *ip;
    __u8 protocol = 0, flags = 0;
    const struct net *net;

    if (!skb->transport_header || skb->transport_header == (__u16)~0)
        return 0;
    head = skb->head;
    ip = head + skb->network_header;
    if (skb->protocol == bpf_htons(ETH_P_IP))
        bpf_probe_read_kernel(&protocol, 1, ip + 9);
    else if (skb->protocol == bpf_htons(ETH_P_IPV6))
        protocol = IPPROTO_TCP; /* behind extension headers, perhaps: the callers look the connection up */
    if (protocol != IPPROTO_TCP)
        return 0;
    bpf_probe_read_kernel(&flags, 1, head + skb->transport_header + 13);
    net = skb_net(skb);
    return net && netns_wanted(net) ? flags : 0;
}

/* The connection of such a packet, as its receiver sees it. */
static __always_inline void skb_flow(struct sk_buff *skb, struct flow *flow)
{
    unsigned char *ip = skb->head + skb->network_header;
    __u16 be_ports[2];
    __u32 words[2];

    bpf_probe_read_kernel(be_ports, sizeof(be_ports), skb->head + skb->transport_header);
    flow->rport = bpf_ntohs(be_ports[0]);
    flow->lport = bpf_ntohs(be_ports[1]);
    flow->netns = BPF_CORE_READ(skb_net(skb), ns.inum);
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        bpf_probe_read_kernel(words, sizeof(words), ip + 12);
        map_ipv4(flow->raddr, words[0]);
        map_ipv4(flow->laddr, words[1]);
    } else {
        bpf_probe_read_kernel(flow->raddr, 16, ip + 8);
        bpf_probe_read_kernel(flow->laddr, 16, ip + 24);
    }
}

#endif
