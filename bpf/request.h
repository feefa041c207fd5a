/* Request socks in the SYN queue, and what a listener refuses instead of making one. */
#ifndef TCPLENS_BPF_REQUEST_H
#define TCPLENS_BPF_REQUEST_H

#include "packet.h"
#include "sock.h"

static __always_inline struct request_sock *request_of(struct timer_list *timer)
{
    return (void *)timer - bpf_core_field_offset(struct request_sock, rsk_timer);
}

/* The child that was made a moment ago, if it was made of this request, whose place in the table of sockets it has: both have one
 * hash (inet_ehash_insert()). */
static __always_inline void child_completes(struct moment *moment, const struct request_sock *req, struct name name)
{
    const struct sock *child = (const struct sock *)moment->child;
    __u64 made_ns = child_taken(moment);

    if (!made_ns || READ(child, __sk_common.skc_hash) != READ(req, __req_common.skc_hash))
        return;
    name.cookie = READ(child, __sk_common.skc_cookie.counter);
    child_told(&name, made_ns);
}

/* A request belongs to who owns its listener. */
static __always_inline bool request_wanted(const struct request_sock *req, const struct sock *listener,
                                           struct name *ret_name)
{
    return object_named(&req->__req_common, ret_name) &&
           (!pid_count || cookie_wanted(READ(listener, __sk_common.skc_cookie.counter)));
}

static __always_inline int request_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct request_sock *req = request_of(timer);
    struct sock *listener = READ(req, __req_common.skc_listener);
    struct moment *moment = moment_now();
    bool starts = kind == TCPLENS_REQUEST_START;
    struct tcplens_event *e;
    struct name name;

    if (!moment)
        return 0;
    if (!request_wanted(req, listener, &name)) {
        moment->completed.lport = 0;
        child_taken(moment);
        return 0;
    }
    if (starts) {
        moment->request = name.flow;
    } else {
        moment->completed = name.flow;
        moment->completed_listener = (__u64)listener;
        child_completes(moment, req, name);
    }
    e = event_new(hook, kind, &name);
    if (!e)
        return 0;
    read_queues(e, listener, starts ? 1 : -1);
    event_submit(e);
    return 0;
}

/* A request that ends leaves the table of sockets before its timer is cancelled (reqsk_queue_unlink()). If it is there yet,
 * the timer only expires, or is put off because the SYN came again (tcp_check_req()). */
static __always_inline int request_timer_cancelled(struct timer_list *timer)
{
    struct moment *moment;

    if (!READ(request_of(timer), __req_common.skc_node.pprev))
        return request_event(TCPLENS_HOOK_TIMER_CANCEL, TCPLENS_REQUEST_END, timer);
    moment = moment_now();
    if (moment)
        moment->moving = (__u64)timer;
    return 0;
}

static __always_inline int request_timer_starts(struct timer_list *timer)
{
    struct moment *moment = moment_now();

    if (!moment)
        return 0;
    if (moment->timer == (__u64)timer)
        moment->rearmed = 1;
    else if (moment->moving != (__u64)timer)
        return request_event(TCPLENS_HOOK_TIMER_START, TCPLENS_REQUEST_START, timer);
    moment->moving = 0;
    return 0;
}

/* A request's timer sends the SYN-ACK again, or gives the request up and frees it: which, shows only afterwards. */
static __always_inline int request_timer_runs(struct timer_list *timer)
{
    struct request_sock *req = request_of(timer);
    struct sock *listener = READ(req, __req_common.skc_listener);
    struct moment *moment = moment_now();
    struct name name;

    if (!moment)
        return 0;
    moment->timer = 0;
    moment->rearmed = 0;
    moment->moving = 0;
    if (!request_wanted(req, listener, &name))
        return 0;
    moment->retry = name.flow;
    moment->listener = (__u64)listener;
    moment->timer = (__u64)timer;
    return 0;
}

/* Whether a listener would answer a SYN with a cookie that it makes no request for (tcp_conn_request()). */
static __always_inline bool answers_with_cookies(const struct sock *listener)
{
    const struct net *net = READ(listener, __sk_common.skc_net.net);

    return READ(net, ipv4.sysctl_tcp_syncookies) &&
           READ(listener, sk_ack_backlog) <= READ(listener, sk_max_ack_backlog);
}

/* A segment for a listener was freed without a request or a child coming of it. False: no listener did that. */
static __always_inline bool listener_refused(enum tcplens_hook hook, const struct tcplens_flow *flow, __u8 flags,
                                             bool signature)
{
    struct listener *l = listener_of(flow);
    struct name name = { .flow = *flow };
    const struct sock *sk;
    struct tcplens_event *e;
    bool dropped, cookie;
    __u32 drops;

    if (!l || !cookie_wanted(l->cookie))
        return false;
    sk = (const struct sock *)l->address;
    drops = READ(sk, sk_drops.counter);
    dropped = drops != l->drops;
    if (!dropped && !(flags & TCP_FLAG_SYN))
        return false;
    /* Where two CPUs drop SYNs at once the first to come here finds both counted: a figure that stands still is no proof
     * of a cookie. */
    cookie = !dropped && answers_with_cookies(sk);
    e = event_new(hook, TCPLENS_OVERFLOW, &name);
    l->drops = drops;
    if (!e)
        return true;
    if (cookie)
        e->kind = TCPLENS_COOKIE;
    e->to = flags & TCP_FLAG_SYN ? TCP_LISTEN : TCP_SYN_RECV;
    read_queues(e, sk, 0);
    read_limits(e, sk);
    e->queue.signature = signature;
    event_submit(e);
    return true;
}

/* tcp_inbound_hash() on a socket that is no listener. Whose it is cannot be told from the packet: who knows the connection
 * knows that. */
static __always_inline void signature_refused(enum tcplens_hook hook, const struct tcplens_flow *flow)
{
    const struct name name = { .flow = *flow };
    struct tcplens_event *e = event_new(hook, TCPLENS_UNSIGNED, &name);

    if (e)
        event_submit(e);
}

#define REASON_IS(reason, name)                                                                                        \
    (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_DROP_REASON_TCP_##name) &&                                   \
     (reason) == (int)bpf_core_enum_value(enum skb_drop_reason, SKB_DROP_REASON_TCP_##name))

/* tcp_inbound_hash(): it is checked before the listener sees the segment. TCP-AO: from Linux 6.7. */
static __always_inline bool is_for_signature(int reason)
{
    return REASON_IS(reason, MD5NOTFOUND) || REASON_IS(reason, MD5UNEXPECTED) || REASON_IS(reason, MD5FAILURE) ||
           REASON_IS(reason, AUTH_HDR) || REASON_IS(reason, AONOTFOUND) || REASON_IS(reason, AOUNEXPECTED) ||
           REASON_IS(reason, AOKEYNOTFOUND) || REASON_IS(reason, AOFAILURE);
}

/* A SYN that came again for a request counts as dropped, but it is the request that has it. */
static __always_inline void syn_repeated(const struct tcplens_flow *flow)
{
    struct listener *l = listener_of(flow);
    const struct sock *sk;

    if (!l)
        return;
    sk = (const struct sock *)l->address;
    l->drops = READ(sk, sk_drops.counter);
}

#endif
