/* The kernel witness: what Linux does to TCP connections, seen at tracepoints only.
 *
 * Theory of operation. A connection's end lives in up to three kernel objects, one after the other: a request sock in
 * its listener's SYN queue, a full socket, and a TIME-WAIT minisock that outlives close(). Full sockets report every
 * state change (inet_sock_set_state). The other two have no tracepoint of their own, but each lives exactly as long as
 * its timer: so their life is read from the timer tracepoints, by the timer's function. No function hook is used:
 * kernels that are locked down refuse those, and they break when a function is inlined or renamed.
 *
 * What a listener refuses leaves no object at all, and is seen by the packet it is freed with: a SYN that was consumed
 * although no request was made for it, or an ACK that was dropped, while the listener's drop counter moved.
 *
 * Figures are stored as they are true after the event, although some hooks run before their effect: a request timer
 * starts before the SYN queue counts the request, and is cancelled before it is counted out.
 *
 * Nothing here wakes the reader: it comes every few milliseconds by itself, which costs the traced system a third of
 * what a wake-up per event does. An event that finds no room is counted under its hook in `lost`. */
#include <linux/bpf.h>
#include <linux/types.h>

#include "common.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Minisocks in FIN-WAIT-2, by connection. Their step to TIME-WAIT re-arms the timer, and when the new deadline falls
 * into the same bucket of the timer wheel no tracepoint fires; but the FIN that caused it is then freed by the same
 * code path, which is seen. LRU: an entry that is left behind costs nothing. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct flow);
    __type(value, __u64); /* address of the inet_timewait_sock */
} fin_wait_2 SEC(".maps");

/* Listeners, by the flow they would have with nobody. Of several on one address (SO_REUSEPORT) the last is kept: drops
 * of the others are told when another event reads their figures. */
struct listener {
    __u64 address; /* of the listening sock */
    __u32 drops;   /* its counter as last told */
    __u32 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, struct flow);
    __type(value, struct listener);
} listeners SEC(".maps");

/* What happened a moment ago on this CPU, for hooks that belong together: TCP runs them without being interrupted by
 * another of their kind. */
struct moment {
    struct flow request;        /* a request sock was made for it */
    struct flow completed;      /* a request sock was completed for it */
    __u64 completed_listener;   /* address of that one's listening sock */
    __u64 child_ns;             /* a child was made that has no name yet (before Linux 6.13) */
    __u64 timer;                /* of the request whose timer is running its function */
    __u64 listener;             /* address of that request's listening sock */
    __u32 rearmed;              /* the function armed that timer again */
    struct tcplens_event retry; /* that request */
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct moment);
} moments SEC(".maps");

/* connect() sets SYN-SENT before it picks a port. What happened waits here, by socket, until its first SYN's timer is
 * started, which is the earliest hook at which the port is known. */
struct connecting {
    __u64 ts_ns;
    __u32 pid, tid;
    char comm[TCPLENS_COMM_LEN];
    __u32 during; /* enum tcplens_call */
    __u32 unused;
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, __u64); /* address of the sock */
    __type(value, struct connecting);
} connecting SEC(".maps");

extern const void reqsk_timer_handler __ksym __weak;
extern const void tw_timer_handler __ksym __weak;
extern const void tcp_write_timer __ksym __weak;
extern const void tcp_keepalive_timer __ksym __weak;

static __always_inline struct moment *moment_now(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&moments, &zero);
}

static __always_inline bool flow_equal(const struct flow *a, const struct flow *b)
{
    const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

    for (int i = 0; i < (int)(sizeof(*a) / sizeof(*x)); i++)
        if (x[i] != y[i])
            return false;
    return true;
}
_Static_assert(sizeof(struct flow) % sizeof(__u64) == 0, "flow_equal compares whole words");

static __always_inline void listener_changed(const struct sock *sk, int to)
{
    struct flow key = {};
    __u8 unused[16];

    key.lport = local_port(sk);
    key.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
    read_addrs(&sk->__sk_common, key.laddr, unused);
    if (to == TCP_LISTEN) {
        struct listener l = { .address = (__u64)sk, .drops = BPF_CORE_READ(sk, sk_drops.counter) };

        bpf_map_update_elem(&listeners, &key, &l, BPF_ANY);
    } else {
        struct listener *l = bpf_map_lookup_elem(&listeners, &key);

        if (l && l->address == (__u64)sk)
            bpf_map_delete_elem(&listeners, &key);
    }
}

/* The listener a packet for this flow comes to: on its address, or on any. */
static __always_inline struct listener *listener_of(const struct flow *flow)
{
    struct listener *l;
    struct flow key = {};

    key.lport = flow->lport;
    key.netns = flow->netns;
    __builtin_memcpy(key.laddr, flow->laddr, 16);
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

#include "calls.h"

/* Tells of the child that was made a moment ago, now that its connection is known by what follows it. */
static __always_inline void child_named(struct moment *moment, const struct tcplens_event *known)
{
    struct tcplens_event *e;
    struct flow flow = {};

    if (!moment || !moment->child_ns)
        return;
    flow_of(known, &flow);
    e = event_of_flow(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &flow);
    if (e) {
        e->ts_ns = moment->child_ns;
        e->cookie = known->cookie;
        e->from = TCP_LISTEN;
        e->to = TCP_SYN_RECV;
        event_submit(e);
    }
    moment->child_ns = 0;
}

/* A child joins the accept queue just before it becomes ESTABLISHED, in the same breath as its request was completed:
 * this is exact for each connection, which the listener's wake-up (sk_data_ready) is not, when two handshakes complete
 * at once. */
static __always_inline void accept_queued(struct moment *moment, const struct tcplens_event *state)
{
    struct tcplens_event *e;
    const struct sock *listener;
    struct flow flow = {};
    struct listener *l;

    flow_of(state, &flow);
    if (moment && flow_equal(&moment->completed, &flow)) {
        listener = (const struct sock *)moment->completed_listener;
        moment->completed.lport = 0;
    } else { /* answered a SYN cookie: there was no request */
        l = listener_of(&flow);
        if (!l)
            return;
        listener = (const struct sock *)l->address;
    }
    e = event_of_flow(TCPLENS_HOOK_SET_STATE, TCPLENS_ACCEPT_QUEUED, &flow);
    if (!e)
        return;
    e->ts_ns = state->ts_ns + 1; /* after the state change it stands beside */
    e->cookie = state->cookie;
    read_queues(e, listener, 0);
    event_submit(e);
}

static __always_inline void connect_begins(const struct sock *sk)
{
    __u64 key = (__u64)sk, id = bpf_get_current_pid_tgid();
    struct connecting c = { .ts_ns = bpf_ktime_get_ns(), .pid = id >> 32, .tid = (__u32)id };

    if (!netns_wanted(sk->__sk_common.skc_net.net))
        return;
    bpf_get_current_comm(c.comm, sizeof(c.comm));
    if (has_calls)
        c.during = call_on(sk, TCP_CLOSE, TCP_SYN_SENT);
    bpf_map_update_elem(&connecting, &key, &c, BPF_ANY);
}

static __always_inline int connect_has_port(const struct sock *sk)
{
    __u64 key = (__u64)sk;
    struct connecting *c = bpf_map_lookup_elem(&connecting, &key);
    struct tcplens_event *e;

    if (!c)
        return 0; /* the port was bound before, or this is a retry */
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &sk->__sk_common, local_port(sk));
    if (e) {
        e->ts_ns = c->ts_ns;
        e->from = TCP_CLOSE;
        e->to = TCP_SYN_SENT;
        e->in_task = 1;
        e->pid = c->pid;
        e->tid = c->tid;
        __builtin_memcpy(e->comm, c->comm, sizeof(e->comm));
        e->during = c->during;
        event_submit(e);
    }
    bpf_map_delete_elem(&connecting, &key);
    return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, const struct sock *sk, int from, int to)
{
    struct tcplens_event *e;
    __u16 lport;

    if (!is_tcp(sk))
        return 0;
    lport = local_port(sk);
    if (from == TCP_LISTEN && to == TCP_SYN_RECV && !BPF_CORE_READ(sk, __sk_common.skc_dport)) {
        /* Kernels before 6.13 set the state of the child before its addresses, and its cookie even later. */
        struct moment *moment = moment_now();

        if (moment)
            moment->child_ns = bpf_ktime_get_ns();
        return 0;
    }
    /* The cookie is made on demand: ask for it while the object that children and minisock copy it from is still
     * this one. */
    bpf_get_socket_cookie((void *)sk);
    if (!lport) {
        if (to == TCP_SYN_SENT)
            connect_begins(sk);
        return 0; /* else it never had one: connect() failed before anything was sent */
    }
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &sk->__sk_common, lport);
    if (!e)
        return 0;
    e->from = from;
    e->to = to;
    /* The task is told only where it is certain to be the cause: these happen inside its system call. */
    if (to == TCP_SYN_SENT || to == TCP_LISTEN)
        set_task(e);
    if (has_calls)
        e->during = call_on(sk, from, to);
    if (to == TCP_LISTEN || (from == TCP_LISTEN && to == TCP_CLOSE)) {
        listener_changed(sk, to);
        read_queues(e, sk, 0);
    }
    if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED) {
        struct moment *moment = moment_now();

        child_named(moment, e); /* answered a SYN cookie: there was no request to name it */
        accept_queued(moment, e);
    }
    event_submit(e);
    return 0;
}

/* Both timers of a full socket have moved between its structs. */
static __always_inline struct sock *sock_of_write_timer(struct timer_list *timer)
{
    if (bpf_core_field_exists(struct inet_connection_sock, icsk_retransmit_timer))
        return (void *)timer - bpf_core_field_offset(struct inet_connection_sock, icsk_retransmit_timer);
    return (void *)timer - bpf_core_field_offset(struct sock, tcp_retransmit_timer);
}

static __always_inline struct sock *sock_of_keepalive_timer(struct timer_list *timer)
{
    if (bpf_core_field_exists(struct inet_connection_sock, icsk_keepalive_timer))
        return (void *)timer - bpf_core_field_offset(struct inet_connection_sock, icsk_keepalive_timer);
    return (void *)timer - bpf_core_field_offset(struct sock, sk_timer);
}

static __always_inline struct request_sock *request_of(struct timer_list *timer)
{
    return (void *)timer - bpf_core_field_offset(struct request_sock, rsk_timer);
}

static __always_inline int request_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct request_sock *req = request_of(timer);
    struct sock *listener = BPF_CORE_READ(req, __req_common.skc_listener);
    struct tcplens_event *e;
    struct moment *moment;
    struct flow flow = {};

    e = event_new(hook, kind, &req->__req_common, BPF_CORE_READ(req, __req_common.skc_num));
    if (!e)
        return 0;
    read_queues(e, listener, kind == TCPLENS_REQUEST_START ? 1 : -1);
    flow_of(e, &flow);
    moment = moment_now();
    if (kind == TCPLENS_REQUEST_END)
        child_named(moment, e);
    if (kind == TCPLENS_REQUEST_START && moment)
        moment->request = flow;
    if (kind == TCPLENS_REQUEST_END && moment) {
        moment->completed = flow;
        moment->completed_listener = (__u64)listener;
    }
    event_submit(e);
    return 0;
}

static __always_inline void fin_wait_2_add(const struct tcplens_event *e, const struct inet_timewait_sock *tw)
{
    __u64 address = (__u64)tw;
    struct flow flow = {};

    flow_of(e, &flow);
    bpf_map_update_elem(&fin_wait_2, &flow, &address, BPF_ANY);
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
    if (kind == TCPLENS_TIMEWAIT_START && e->to == TCP_FIN_WAIT2) {
        fin_wait_2_add(e, tw);
    } else {
        flow_of(e, &flow);
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
        struct moment *moment;

        if (!BPF_CORE_READ_BITFIELD_PROBED(request_of(timer), num_timeout))
            return request_event(TCPLENS_HOOK_TIMER_START, TCPLENS_REQUEST_START, timer);
        moment = moment_now();
        if (moment && moment->timer == (__u64)timer)
            moment->rearmed = 1;
        return 0;
    }
    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_START, TCPLENS_TIMEWAIT_START, timer);
    if (fn == &tcp_write_timer && fn) {
        const struct sock *sk = sock_of_write_timer(timer);

        if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_SYN_SENT)
            return connect_has_port(sk);
    }
    return 0;
}

SEC("tp_btf/timer_cancel")
int BPF_PROG(timer_cancel, struct timer_list *timer)
{
    const void *fn = timer->function;

    if ((fn != &reqsk_timer_handler && fn != &tw_timer_handler) || !fn)
        return 0;
    /* Expiring also removes the timer from the wheel: that is no cancellation. */
    if ((long)(bpf_jiffies64() - timer->expires) >= 0)
        return 0;
    if (fn == &reqsk_timer_handler)
        return request_event(TCPLENS_HOOK_TIMER_CANCEL, TCPLENS_REQUEST_END, timer);
    return timewait_event(TCPLENS_HOOK_TIMER_CANCEL, TCPLENS_TIMEWAIT_KILLED, timer);
}

static __always_inline int keepalive_fired(struct timer_list *timer)
{
    struct sock *sk = sock_of_keepalive_timer(timer);
    __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
    struct tcplens_event *e;

    if (state == TCP_LISTEN || state == TCP_CLOSE)
        return 0;
    e = event_new(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_KEEPALIVE, &sk->__sk_common, local_port(sk));
    if (!e)
        return 0;
    e->to = state;
    event_submit(e);
    return 0;
}

/* A request's timer sends the SYN-ACK again, or gives the request up and frees it: which, shows only afterwards. */
SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expire_entry, struct timer_list *timer)
{
    const void *fn = timer->function;
    struct request_sock *req;
    struct moment *moment;

    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_TIMEWAIT_EXPIRED, timer);
    if (fn == &tcp_keepalive_timer && fn)
        return keepalive_fired(timer);
    if (fn != &reqsk_timer_handler || !fn)
        return 0;
    moment = moment_now();
    if (!moment)
        return 0;
    req = request_of(timer);
    moment->timer = 0;
    moment->rearmed = 0;
    moment->retry.lport = BPF_CORE_READ(req, __req_common.skc_num);
    moment->retry.rport = bpf_ntohs(BPF_CORE_READ(req, __req_common.skc_dport));
    if (!netns_wanted(BPF_CORE_READ(req, __req_common.skc_net.net)) ||
        !port_wanted(moment->retry.lport, moment->retry.rport))
        return 0;
    moment->retry.netns = BPF_CORE_READ(req, __req_common.skc_net.net, ns.inum);
    read_addrs(&req->__req_common, moment->retry.laddr, moment->retry.raddr);
    moment->listener = (__u64)BPF_CORE_READ(req, __req_common.skc_listener);
    moment->timer = (__u64)timer;
    return 0;
}

SEC("tp_btf/timer_expire_exit")
int BPF_PROG(timer_expire_exit, struct timer_list *timer)
{
    struct moment *moment = moment_now();
    struct tcplens_event *e;
    struct flow flow = {};

    if (!moment || !moment->timer || moment->timer != (__u64)timer)
        return 0;
    moment->timer = 0;
    flow_of(&moment->retry, &flow);
    e = event_of_flow(TCPLENS_HOOK_TIMER_EXPIRE, moment->rearmed ? TCPLENS_REQUEST_RETRY : TCPLENS_REQUEST_EXPIRED,
                      &flow);
    if (!e)
        return 0;
    read_queues(e, (struct sock *)moment->listener, 0);
    event_submit(e);
    return 0;
}

/* A packet for a listener was freed without a request or a child coming of it. */
static __always_inline void listener_refused(enum tcplens_hook hook, const struct flow *flow, __u8 flags)
{
    struct listener *l = listener_of(flow);
    const struct sock *sk;
    struct tcplens_event *e;
    __u32 drops;

    if (!l || !port_wanted(flow->lport, flow->rport))
        return;
    sk = (const struct sock *)l->address;
    drops = BPF_CORE_READ(sk, sk_drops.counter);
    /* A SYN that is not dropped but makes no request either was answered by a SYN cookie. */
    if (drops == l->drops && !(flags & TCP_FLAG_SYN))
        return;
    e = event_of_flow(hook, drops == l->drops ? TCPLENS_COOKIE : TCPLENS_OVERFLOW, flow);
    l->drops = drops;
    if (!e)
        return;
    e->to = flags & TCP_FLAG_SYN ? TCP_LISTEN : TCP_SYN_RECV;
    read_queues(e, sk, 0);
    event_submit(e);
}

SEC("tp_btf/consume_skb")
int BPF_PROG(consume_skb, struct sk_buff *skb)
{
    __u8 flags = skb_tcp_flags(skb);
    struct moment *moment;
    struct flow flow = {};

    if ((flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN)) != TCP_FLAG_SYN)
        return 0;
    moment = moment_now();
    if (!moment)
        return 0;
    skb_flow(skb, &flow);
    if (!flow_equal(&moment->request, &flow))
        listener_refused(TCPLENS_HOOK_CONSUME_SKB, &flow, flags);
    moment->request.lport = 0; /* it answers for one SYN only */
    return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(kfree_skb, struct sk_buff *skb)
{
    __u8 flags = skb_tcp_flags(skb);
    struct inet_timewait_sock *tw;
    struct tcplens_event *e;
    struct flow flow = {};
    __u64 *address;

    if (!(flags & (TCP_FLAG_FIN | TCP_FLAG_ACK)) || (flags & (TCP_FLAG_SYN | TCP_FLAG_RST)))
        return 0;
    skb_flow(skb, &flow);
    if (!(flags & TCP_FLAG_FIN)) {
        listener_refused(TCPLENS_HOOK_KFREE_SKB, &flow, flags);
        return 0;
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

/* A second listen() changes the backlog and no state. */
static __always_inline int listened(const struct sock *sk)
{
    struct tcplens_event *e = event_new(TCPLENS_HOOK_SYS_EXIT, TCPLENS_LISTENED, &sk->__sk_common, local_port(sk));

    if (!e)
        return 0;
    set_task(e);
    read_queues(e, sk, 0);
    event_submit(e);
    return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
    struct task_struct *task;
    struct tcplens_event *e;
    struct sock *sk, *listener;
    unsigned long nr;
    __u64 since;
    int fd;

    if (ret < 0)
        return 0;
    nr = REGS_SYSCALL(regs);
    if (nr != NR_ACCEPT4 && nr != NR_ACCEPT && nr != NR_LISTEN)
        return 0;
    task = bpf_get_current_task_btf();
    fd = REGS_ARG1(regs);
    listener = sock_of_fd(task->files, fd);
    if (!listener || !is_tcp(listener))
        return 0;
    if (nr == NR_LISTEN)
        return listened(listener);
    sk = sock_of_fd(task->files, ret);
    if (!sk || !is_tcp(sk))
        return 0;
    e = event_new(TCPLENS_HOOK_SYS_EXIT, TCPLENS_ACCEPT, &sk->__sk_common, local_port(sk));
    if (!e)
        return 0;
    set_task(e);
    read_queues(e, listener, 0);
    e->queue.fd = fd;
    e->queue.ret = ret;
    e->queue.accept4 = nr == NR_ACCEPT4;
    since = has_calls ? call_since() : 0;
    e->queue.duration_ns = since ? e->ts_ns - since : 0;
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
    e->retransmit.rto = BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_rto);
    e->retransmit.jiffies = bpf_jiffies64();
    event_submit(e);
    return 0;
}

/* A RST in answer to a segment that belongs to no socket is told by that segment. */
static __always_inline int reset_sent(const struct sock *sk, struct sk_buff *skb, int reason)
{
    struct tcplens_event *e;
    struct flow flow = {};

    if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN) {
        e = event_new(TCPLENS_HOOK_SEND_RESET, TCPLENS_RESET_SENT, &sk->__sk_common, local_port(sk));
    } else {
        if (!skb || !skb_tcp_flags(skb))
            return 0;
        skb_flow(skb, &flow);
        if (!port_wanted(flow.lport, flow.rport))
            return 0;
        e = event_of_flow(TCPLENS_HOOK_SEND_RESET, TCPLENS_RESET_SENT, &flow);
    }
    if (!e)
        return 0;
    e->reset.reason = reason;
    event_submit(e);
    return 0;
}

/* Two programs for one tracepoint, because its arguments grew: user space loads the one that fits this kernel's BTF. */
SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(send_reset, const struct sock *sk, struct sk_buff *skb)
{
    return reset_sent(sk, skb, -1);
}

SEC("?tp_btf/tcp_send_reset")
int BPF_PROG(send_reset_reason, const struct sock *sk, struct sk_buff *skb, int reason)
{
    return reset_sent(sk, skb, reason);
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

#include "snapshot.h"
