/* Listeners: their queues, and which of them a packet came to. */
#ifndef TCPLENS_BPF_LISTENER_H
#define TCPLENS_BPF_LISTENER_H

#include "object.h"

/* By the flow they would have with nobody. Of several on one address (SO_REUSEPORT) the last is kept: drops of the
 * others are told when another event reads their figures. One that finds no room is counted: what it refuses is not
 * told. */
struct listener {
    __u64 address; /* of the listening sock */
    __u64 cookie;
    __u32 drops; /* its counter as last told */
    __u32 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TCPLENS_LISTENERS_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, struct tcplens_flow);
    __type(value, struct listener);
} listeners SEC(".maps");

static __always_inline void listener_changed(const struct sock *sk, const struct name *name, int to)
{
    struct tcplens_flow key = { .lport = name->flow.lport, .netns = name->flow.netns };

    __builtin_memcpy(key.laddr, name->flow.laddr, sizeof(key.laddr));
    if (to == TCP_LISTEN) {
        struct listener l = {
            .address = (__u64)sk,
            .cookie = name->cookie,
            .drops = READ(sk, sk_drops.counter),
        };

        if (bpf_map_update_elem(&listeners, &key, &l, BPF_ANY))
            count_lost(TCPLENS_HOOK_LISTENERS);
    } else {
        struct listener *l = bpf_map_lookup_elem(&listeners, &key);

        if (l && l->address == (__u64)sk)
            bpf_map_delete_elem(&listeners, &key);
    }
}

/* The listener a packet for this flow comes to: on its address, or on any. */
static __always_inline struct listener *listener_of(const struct tcplens_flow *flow)
{
    struct tcplens_flow key = { .lport = flow->lport, .netns = flow->netns };
    struct listener *l;

    __builtin_memcpy(key.laddr, flow->laddr, sizeof(key.laddr));
    l = bpf_map_lookup_elem(&listeners, &key);
    if (l)
        return l;
    ((__u32 *)key.laddr)[3] = 0; /* of a mapped address: 0.0.0.0 */
    if (((__u32 *)key.laddr)[2] == bpf_htonl(0xffff) && !((__u64 *)key.laddr)[0]) {
        l = bpf_map_lookup_elem(&listeners, &key);
        if (l)
            return l;
    }
    ((__u64 *)key.laddr)[0] = 0;
    ((__u64 *)key.laddr)[1] = 0;
    return bpf_map_lookup_elem(&listeners, &key);
}

/* A listener's address and figures. */
static __always_inline void queues_of(struct tcplens_event *e, const struct sock *listener,
                                      const struct sock_common *sc)
{
    __u8 nobody[16];

    e->queue.listener = sc->skc_cookie.counter;
    e->queue.port = sc->skc_num;
    common_addrs(sc, e->queue.addr, nobody);
    e->queue.accept = READ(listener, sk_ack_backlog);
    e->queue.backlog = READ(listener, sk_max_ack_backlog);
    e->queue.drops = READ(listener, sk_drops.counter);
    e->queue.syn = READ((const struct inet_connection_sock *)listener, icsk_accept_queue.qlen.counter);
}

/* The listener's own figures; syn_delta corrects what the running hook has not done yet. */
static __always_inline void read_queues(struct tcplens_event *e, const struct sock *listener, int syn_delta)
{
    struct common_copy copy = {};

    if (can_cast) {
        queues_of(e, listener, &TYPED(listener)->__sk_common);
    } else {
        bpf_probe_read_kernel(&copy, sizeof(copy), listener);
        queues_of(e, listener, (const struct sock_common *)&copy);
    }
    e->queue.syn += syn_delta;
    e->queue.fd = -1;
    e->queue.ret = -1;
    e->queue.accept4 = 0;
    e->queue.duration_ns = 0;
    e->queue.deferred = 0;
    e->queue.cookies = 0;
    e->queue.signature = 0;
    e->queue.max_syn_backlog = 0;
}

/* What else decides whether it takes a segment (tcp_conn_request(), tcp_check_req()). */
static __always_inline void read_limits(struct tcplens_event *e, const struct sock *listener)
{
    const struct net *net = READ(listener, __sk_common.skc_net.net);

    e->queue.deferred = READ((const struct inet_connection_sock *)listener, icsk_accept_queue.rskq_defer_accept) != 0;
    e->queue.cookies = READ(net, ipv4.sysctl_tcp_syncookies) != 0;
    e->queue.max_syn_backlog = READ(net, ipv4.sysctl_max_syn_backlog);
}

#endif
