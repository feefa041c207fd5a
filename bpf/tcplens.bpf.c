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

#include "calls.h"
#include "listener.h"
#include "packet.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Minisocks in FIN-WAIT-2, by connection. Their step to TIME-WAIT re-arms the timer, and when the new deadline falls
 * into the same bucket of the timer wheel no tracepoint fires; but the FIN that caused it is then freed by the same
 * code path, which is seen. LRU: an entry that is left behind costs nothing. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 65536);
    __type(key, struct tcplens_flow);
    __type(value, __u64); /* address of the inet_timewait_sock */
} fin_wait_2 SEC(".maps");

/* What happened a moment ago on this CPU, for hooks that belong together: TCP runs them without being interrupted by
 * another of their kind. */
struct moment {
    struct tcplens_flow request;   /* its SYN made a request sock, or a child at once */
    struct tcplens_flow completed; /* a request sock was completed for it */
    __u64 completed_listener;      /* address of that one's listening sock */
    __u64 child;                   /* address of a child that was made */
    __u64 child_ns;                /* when, where it has no name yet; 0: it has */
    __u64 timer;                   /* of the request whose timer is running its function */
    __u64 listener;                /* address of that request's listening sock */
    struct tcplens_flow retry;     /* that request */
    __u32 rearmed;                 /* the function armed that timer again */
    __u64 moving;                  /* timer of a request, off the wheel but not cancelled */
    __u64 killed;                  /* cookie of the minisock whose timer was cancelled */
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct moment);
} moments SEC(".maps");

extern const void reqsk_timer_handler __ksym __weak;
extern const void tw_timer_handler __ksym __weak;
extern const void tcp_write_timer __ksym __weak;
extern const void tcp_keepalive_timer __ksym __weak;

static __always_inline struct moment *moment_now(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&moments, &zero);
}

/* ---- full sockets ------------------------------------------------------------------------------------------------ */

/* Tells of the child that was made a moment ago, now that its connection is known by what follows it. */
static __always_inline void child_named(struct moment *moment, const struct name *name)
{
    struct tcplens_event *e;

    if (!moment->child_ns)
        return;
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &name->flow, name->cookie);
    if (e) {
        e->ts_ns = moment->child_ns;
        e->from = TCP_LISTEN;
        e->to = TCP_SYN_RECV;
        event_submit(e);
    }
    moment->child_ns = 0;
}

/* Address of the listener whose child this is; 0: not known. A child that answered a SYN cookie had no request. */
static __always_inline __u64 parent_of(const struct moment *moment, const struct tcplens_flow *flow)
{
    struct listener *l;

    if (flow_equal(&moment->completed, flow))
        return moment->completed_listener;
    l = listener_of(flow);
    return l ? l->address : 0;
}

/* A child joins the accept queue just before it becomes ESTABLISHED, in the same breath as its request was completed:
 * this is exact for each connection, which the listener's wake-up (sk_data_ready) is not, when two handshakes complete
 * at once. accept_delta: what the running hook has not done yet. */
static __always_inline void accept_queued(struct moment *moment, const struct name *name, __u64 ts_ns, int accept_delta)
{
    const struct sock *listener = (const struct sock *)parent_of(moment, &name->flow);
    struct tcplens_event *e;

    moment->child = 0;
    moment->completed.lport = 0;
    if (!listener)
        return;
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_ACCEPT_QUEUED, &name->flow, name->cookie);
    if (!e)
        return;
    e->ts_ns = ts_ns;
    read_queues(e, listener, 0);
    e->queue.accept += accept_delta;
    event_submit(e);
}

static __always_inline void connect_begins(const struct sock *sk)
{
    __u64 cookie;
    struct doing *d;

    if (!netns_wanted(sk->__sk_common.skc_net.net))
        return;
    cookie = bpf_get_socket_cookie((void *)sk);
    if (pid_count) {
        own_by_process(cookie);
        if (!cookie_wanted(cookie))
            return;
    }
    d = doing_now(BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!d) {
        __sync_fetch_and_add(&lost[TCPLENS_HOOK_SET_STATE], 1);
        return;
    }
    d->connecting = (__u64)sk;
    d->connecting_ns = bpf_ktime_get_ns();
    d->connecting_during = has_calls ? call_on(sk, TCP_CLOSE, TCP_SYN_SENT) : TCPLENS_CALL_NONE;
}

static __always_inline int connect_has_port(const struct sock *sk)
{
    struct doing *d = doing_now(0);
    struct tcplens_event *e;
    struct name name;

    if (!d || d->connecting != (__u64)sk)
        return 0; /* the port was bound before, or this is a retry */
    d->connecting = 0;
    if (!object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &name.flow, name.cookie);
    if (!e)
        return 0;
    e->ts_ns = d->connecting_ns;
    e->from = TCP_CLOSE;
    e->to = TCP_SYN_SENT;
    e->during = d->connecting_during;
    set_task(e);
    event_submit(e);
    return 0;
}

/* Whether a socket is of a process that is wanted, and if it is, that it is remembered as long as it lives: who
 * connects or listens owns it, and a child belongs to who owns its listener. */
static __always_inline bool socket_owned(const struct moment *moment, const struct name *name, int from, int to)
{
    __u8 *as;

    if (to == TCP_SYN_SENT || to == TCP_LISTEN) {
        own_by_process(name->cookie);
    } else if (from == TCP_SYN_RECV) {
        const struct sock *listener = (const struct sock *)parent_of(moment, &name->flow);

        if (listener && cookie_wanted(BPF_CORE_READ(listener, __sk_common.skc_cookie.counter)))
            own(name->cookie, OWNED_SOCK);
    }
    as = bpf_map_lookup_elem(&owned, &name->cookie);
    if (!as)
        return false;
    /* a minisock goes on under the same cookie, and requests are cancelled after their listener is closed */
    if (to == TCP_CLOSE && from != TCP_LISTEN && *as == OWNED_SOCK)
        disown(name->cookie);
    return true;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, const struct sock *sk, int from, int to)
{
    struct moment *moment = NULL;
    struct tcplens_event *e;
    struct name name;

    if (sk->sk_protocol != IPPROTO_TCP)
        return 0;
    if (from == TCP_LISTEN && to == TCP_SYN_RECV) {
        moment = moment_now();
        if (!moment)
            return 0;
        moment->child = (__u64)sk;
        /* Whose child it is will be known in a moment, and before Linux 6.13 even its name: these kernels set the state
         * of the child before its addresses, and its cookie later still. */
        if (pid_count || !sk->__sk_common.skc_dport) {
            moment->child_ns = bpf_ktime_get_ns();
            return 0;
        }
    }
    if (!sk->__sk_common.skc_num && to == TCP_SYN_SENT) {
        connect_begins(sk);
        return 0;
    }
    if (!sock_named(sk, &name) || !name.flow.lport)
        return 0; /* without a port: connect() failed before anything was sent */
    /* Made on demand: asked for while the object that children and minisock copy it from is still this one. */
    if (!name.cookie)
        name.cookie = bpf_get_socket_cookie((void *)sk);
    if (from == TCP_SYN_RECV) {
        moment = moment_now();
        if (!moment)
            return 0;
    }
    if (pid_count) {
        moment = moment_now();
        if (!moment || !socket_owned(moment, &name, from, to))
            return 0;
    }
    if (from == TCP_SYN_RECV && moment)
        child_named(moment, &name);
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &name.flow, name.cookie);
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
        listener_changed(sk, &name, to);
        read_queues(e, sk, 0);
    }
    /* a child that was made earlier came with Fast Open, and one of a simultaneous open is nobody's child */
    if (from == TCP_SYN_RECV && to == TCP_ESTABLISHED && moment && moment->child == (__u64)sk)
        accept_queued(moment, &name, e->ts_ns + 1, 0); /* after the state change it stands beside */
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

static __always_inline int write_timer_starts(const struct sock *sk)
{
    __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
    struct moment *moment;
    struct name name;

    if (state == TCP_SYN_SENT)
        return connect_has_port(sk);
    if (state != TCP_SYN_RECV)
        return 0;
    /* The SYN,ACK of a child that was made a moment ago for a SYN with data (Fast Open): it had no request that would
     * name it, and joins the accept queue at once. */
    moment = moment_now();
    if (!moment || moment->child != (__u64)sk || !object_named(&sk->__sk_common, &name))
        return 0;
    if (pid_count) {
        struct listener *l = listener_of(&name.flow);

        if (!l || !cookie_wanted(l->cookie)) {
            moment->child_ns = 0;
            return 0;
        }
        own(name.cookie, OWNED_SOCK);
    }
    child_named(moment, &name);
    accept_queued(moment, &name, bpf_ktime_get_ns(), 1);
    moment->request = name.flow; /* that SYN was answered */
    return 0;
}

/* After close() the timer is that of FIN-WAIT-2: the full socket waits out a tcp_fin_timeout beyond TIME-WAIT's length, or
 * all of it if the ACK of its FIN came just as close() let go of it (tcp_rcv_state_process(), tcp_keepalive_timer()). */
static __always_inline int keepalive_fired(const struct sock *sk)
{
    __u8 state = BPF_CORE_READ(sk, __sk_common.skc_state);
    bool fin_wait_2 = state == TCP_FIN_WAIT2 && !BPF_CORE_READ(sk, sk_socket);
    struct tcplens_event *e;
    struct name name;

    if (state == TCP_LISTEN || state == TCP_CLOSE || !object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_new(TCPLENS_HOOK_TIMER_EXPIRE, fin_wait_2 ? TCPLENS_FIN_WAIT_2 : TCPLENS_KEEPALIVE, &name.flow,
                  name.cookie);
    if (!e)
        return 0;
    e->to = state;
    event_submit(e);
    return 0;
}

/* ---- request socks ----------------------------------------------------------------------------------------------- */

static __always_inline struct request_sock *request_of(struct timer_list *timer)
{
    return (void *)timer - bpf_core_field_offset(struct request_sock, rsk_timer);
}

/* A request belongs to who owns its listener. */
static __always_inline bool request_wanted(const struct request_sock *req, const struct sock *listener,
                                           struct name *ret_name)
{
    return object_named(&req->__req_common, ret_name) &&
           (!pid_count || cookie_wanted(BPF_CORE_READ(listener, __sk_common.skc_cookie.counter)));
}

static __always_inline int request_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct request_sock *req = request_of(timer);
    struct sock *listener = BPF_CORE_READ(req, __req_common.skc_listener);
    struct moment *moment = moment_now();
    bool starts = kind == TCPLENS_REQUEST_START;
    struct tcplens_event *e;
    struct name name;

    if (!moment)
        return 0;
    if (!request_wanted(req, listener, &name)) {
        moment->completed.lport = 0;
        moment->child_ns = 0;
        return 0;
    }
    if (starts) {
        moment->request = name.flow;
    } else {
        moment->completed = name.flow;
        moment->completed_listener = (__u64)listener;
        child_named(moment, &name);
    }
    e = event_new(hook, kind, &name.flow, name.cookie);
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

    if (!BPF_CORE_READ(request_of(timer), __req_common.skc_node.pprev))
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
    struct sock *listener = BPF_CORE_READ(req, __req_common.skc_listener);
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

SEC("tp_btf/timer_expire_exit")
int BPF_PROG(timer_expire_exit, struct timer_list *timer)
{
    struct moment *moment = moment_now();
    struct tcplens_event *e;

    if (!moment || !moment->timer || moment->timer != (__u64)timer)
        return 0;
    moment->timer = 0;
    e = event_new(TCPLENS_HOOK_TIMER_EXPIRE, moment->rearmed ? TCPLENS_REQUEST_RETRY : TCPLENS_REQUEST_EXPIRED,
                  &moment->retry, 0);
    if (!e)
        return 0;
    read_queues(e, (struct sock *)moment->listener, 0);
    event_submit(e);
    return 0;
}

/* ---- minisocks --------------------------------------------------------------------------------------------------- */

static __always_inline void fin_wait_2_add(const struct tcplens_flow *flow, const struct inet_timewait_sock *tw)
{
    __u64 address = (__u64)tw;

    bpf_map_update_elem(&fin_wait_2, flow, &address, BPF_ANY);
}

/* Whether a minisock's socket was of a process that is wanted. When its timer expires or is armed again, it is cancelled
 * first. */
static __always_inline bool minisock_owned(enum tcplens_kind kind, __u64 cookie)
{
    struct moment *moment = moment_now();

    if (!moment)
        return false;
    if (kind != TCPLENS_TIMEWAIT_KILLED && moment->killed == cookie) {
        moment->killed = 0;
        if (kind == TCPLENS_TIMEWAIT_START)
            own(cookie, OWNED_MINISOCK);
        return true;
    }
    if (!cookie_wanted(cookie))
        return false;
    if (kind == TCPLENS_TIMEWAIT_START) {
        own(cookie, OWNED_MINISOCK);
        return true;
    }
    moment->killed = kind == TCPLENS_TIMEWAIT_KILLED ? cookie : 0;
    disown(cookie);
    return true;
}

static __always_inline int timewait_event(enum tcplens_hook hook, enum tcplens_kind kind, struct timer_list *timer)
{
    struct inet_timewait_sock *tw = (void *)timer - bpf_core_field_offset(struct inet_timewait_sock, tw_timer);
    struct tcplens_event *e;
    struct name name;
    __u8 substate;

    if (!object_named(&tw->__tw_common, &name) || (pid_count && !minisock_owned(kind, name.cookie)))
        return 0;
    substate = BPF_CORE_READ(tw, tw_substate);
    if (kind != TCPLENS_TIMEWAIT_START)
        bpf_map_delete_elem(&fin_wait_2, &name.flow);
    else if (substate == TCP_FIN_WAIT2)
        fin_wait_2_add(&name.flow, tw);
    e = event_new(hook, kind, &name.flow, name.cookie);
    if (!e)
        return 0;
    e->to = substate;
    e->timewait.jiffies = bpf_jiffies64();
    e->timewait.expires = BPF_CORE_READ(timer, expires);
    event_submit(e);
    return 0;
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

SEC("tp_btf/timer_start")
int BPF_PROG(timer_start, struct timer_list *timer)
{
    const void *fn = timer->function;

    if (fn == &tcp_write_timer && fn)
        return write_timer_starts(sock_of_write_timer(timer));
    if (fn == &reqsk_timer_handler && fn)
        return request_timer_starts(timer);
    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_START, TCPLENS_TIMEWAIT_START, timer);
    return 0;
}

SEC("tp_btf/timer_cancel")
int BPF_PROG(timer_cancel, struct timer_list *timer)
{
    const void *fn = timer->function;

    if (fn == &reqsk_timer_handler && fn)
        return request_timer_cancelled(timer);
    /* Also said where the timer expires, or is armed again: then that is said next. */
    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_CANCEL, TCPLENS_TIMEWAIT_KILLED, timer);
    return 0;
}

SEC("tp_btf/timer_expire_entry")
int BPF_PROG(timer_expire_entry, struct timer_list *timer)
{
    const void *fn = timer->function;

    if (fn == &tw_timer_handler && fn)
        return timewait_event(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_TIMEWAIT_EXPIRED, timer);
    if (fn == &tcp_keepalive_timer && fn)
        return keepalive_fired(sock_of_keepalive_timer(timer));
    if (fn == &reqsk_timer_handler && fn)
        return request_timer_runs(timer);
    return 0;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

/* Whether a listener would answer a SYN with a cookie that it makes no request for (tcp_conn_request()). */
static __always_inline bool answers_with_cookies(const struct sock *listener)
{
    return BPF_CORE_READ(listener, __sk_common.skc_net.net, ipv4.sysctl_tcp_syncookies) &&
           BPF_CORE_READ(listener, sk_ack_backlog) <= BPF_CORE_READ(listener, sk_max_ack_backlog);
}

/* A segment for a listener was freed without a request or a child coming of it. */
static __always_inline void listener_refused(enum tcplens_hook hook, const struct tcplens_flow *flow, __u8 flags)
{
    struct listener *l = listener_of(flow);
    const struct sock *sk;
    struct tcplens_event *e;
    bool dropped, cookie;
    __u32 drops;

    if (!l || !cookie_wanted(l->cookie))
        return;
    sk = (const struct sock *)l->address;
    drops = BPF_CORE_READ(sk, sk_drops.counter);
    dropped = drops != l->drops;
    if (!dropped && !(flags & TCP_FLAG_SYN))
        return;
    /* Where two CPUs drop SYNs at once the first to come here finds both counted: a figure that stands still is no proof
     * of a cookie. */
    cookie = !dropped && answers_with_cookies(sk);
    e = event_new(hook, cookie ? TCPLENS_COOKIE : TCPLENS_OVERFLOW, flow, 0);
    l->drops = drops;
    if (!e)
        return;
    e->to = flags & TCP_FLAG_SYN ? TCP_LISTEN : TCP_SYN_RECV;
    read_queues(e, sk, 0);
    event_submit(e);
}

/* A SYN that came again for a request counts as dropped, but it is the request that has it. */
static __always_inline void syn_repeated(const struct tcplens_flow *flow)
{
    struct listener *l = listener_of(flow);
    const struct sock *sk;

    if (!l)
        return;
    sk = (const struct sock *)l->address;
    l->drops = BPF_CORE_READ(sk, sk_drops.counter);
}

SEC("tp_btf/consume_skb")
int BPF_PROG(consume_skb, struct sk_buff *skb)
{
    struct tcplens_flow flow;
    struct moment *moment;
    struct tcp_header tcp;

    if (!segment_received(skb, &tcp))
        return 0;
    if ((tcp.flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN)) != TCP_FLAG_SYN)
        return 0;
    if (!segment_flow(skb, &tcp, &flow))
        return 0;
    moment = moment_now();
    if (!moment)
        return 0;
    if (!flow_equal(&moment->request, &flow))
        listener_refused(TCPLENS_HOOK_CONSUME_SKB, &flow, tcp.flags);
    moment->request.lport = 0; /* it answers for one SYN only */
    return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(kfree_skb, struct sk_buff *skb)
{
    struct inet_timewait_sock *tw;
    struct tcplens_event *e;
    struct tcplens_flow flow;
    struct tcp_header tcp;
    struct name name;
    __u64 *address;

    if (!segment_received(skb, &tcp))
        return 0;
    if (!(tcp.flags & (TCP_FLAG_FIN | TCP_FLAG_ACK | TCP_FLAG_SYN)) || (tcp.flags & TCP_FLAG_RST))
        return 0;
    if (!segment_flow(skb, &tcp, &flow))
        return 0;
    if (tcp.flags & TCP_FLAG_SYN) {
        syn_repeated(&flow);
        return 0;
    }
    if (!(tcp.flags & TCP_FLAG_FIN)) {
        listener_refused(TCPLENS_HOOK_KFREE_SKB, &flow, tcp.flags);
        return 0;
    }
    address = bpf_map_lookup_elem(&fin_wait_2, &flow);
    if (!address)
        return 0;
    tw = (void *)*address;
    if (BPF_CORE_READ(tw, tw_substate) != TCP_TIME_WAIT)
        return 0;
    if (object_wanted(&tw->__tw_common, &name)) {
        e = event_new(TCPLENS_HOOK_KFREE_SKB, TCPLENS_TIMEWAIT_CHANGE, &name.flow, name.cookie);
        if (e) {
            e->to = TCP_TIME_WAIT;
            e->timewait.jiffies = bpf_jiffies64();
            e->timewait.expires = BPF_CORE_READ(tw, tw_timer.expires);
            event_submit(e);
        }
    }
    bpf_map_delete_elem(&fin_wait_2, &flow);
    return 0;
}

/* ---- system calls ------------------------------------------------------------------------------------------------ */

/* A second listen() changes the backlog and no state. */
static __always_inline int listened(const struct sock *sk)
{
    struct tcplens_event *e;
    struct name name;

    if (!object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_new(TCPLENS_HOOK_SYS_EXIT, TCPLENS_LISTENED, &name.flow, name.cookie);
    if (!e)
        return 0;
    set_task(e);
    read_queues(e, sk, 0);
    event_submit(e);
    return 0;
}

static __always_inline int accepted(const struct sock *listener, const struct sock *sk, int fd, long ret, bool accept4,
                                    __u64 since_ns)
{
    struct tcplens_event *e;
    struct name name;

    if (!sk || !is_tcp(sk) || !object_named(&sk->__sk_common, &name))
        return 0;
    own_by_process(name.cookie);
    if (!cookie_wanted(name.cookie))
        return 0;
    e = event_new(TCPLENS_HOOK_SYS_EXIT, TCPLENS_ACCEPT, &name.flow, name.cookie);
    if (!e)
        return 0;
    set_task(e);
    read_queues(e, listener, 0);
    e->queue.fd = fd;
    e->queue.ret = ret;
    e->queue.accept4 = accept4;
    e->queue.duration_ns = since_ns ? e->ts_ns - since_ns : 0;
    event_submit(e);
    return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
    unsigned long nr = REGS_SYSCALL(regs);
    struct files_struct *files;
    struct sock *listener;
    __u64 since_ns = 0;
    int fd;

    if (has_calls) {
        __u8 call = call_of(nr);

        if (call == TCPLENS_CALL_NONE)
            return 0;
        since_ns = call_returns(regs, call, ret);
    }
    if (ret < 0 || (nr != NR_ACCEPT4 && nr != NR_ACCEPT && nr != NR_LISTEN))
        return 0;
    files = bpf_get_current_task_btf()->files;
    fd = REGS_ARG1(regs);
    listener = sock_of_fd(files, fd);
    if (!listener || !is_tcp(listener))
        return 0;
    if (nr == NR_LISTEN)
        return listened(listener);
    return accepted(listener, sock_of_fd(files, ret), fd, ret, nr == NR_ACCEPT4, since_ns);
}

/* ---- retransmissions and resets ---------------------------------------------------------------------------------- */

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_skb, const struct sock *sk)
{
    const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
    struct tcplens_event *e;
    struct name name;

    /* A fast retransmission or a loss probe: no timeout was the cause, and the packets tell of it. */
    if (!BPF_CORE_READ(icsk, icsk_retransmits) || !object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_new(TCPLENS_HOOK_RETRANSMIT, TCPLENS_RETRANSMIT, &name.flow, name.cookie);
    if (!e)
        return 0;
    e->to = BPF_CORE_READ(sk, __sk_common.skc_state);
    e->retransmit.count = BPF_CORE_READ(icsk, icsk_retransmits);
    e->retransmit.rto = BPF_CORE_READ(icsk, icsk_rto);
    e->retransmit.jiffies = bpf_jiffies64();
    event_submit(e);
    return 0;
}

static __always_inline int reset_event(enum tcplens_hook hook, enum tcplens_kind kind, const struct name *name,
                                       int reason)
{
    struct tcplens_event *e = event_new(hook, kind, &name->flow, name->cookie);

    if (!e)
        return 0;
    e->reset.reason = reason;
    event_submit(e);
    return 0;
}

/* A RST in answer to a segment that belongs to no socket is told by that segment. */
static __always_inline int reset_sent(const struct sock *sk, struct sk_buff *skb, int reason)
{
    struct name name = {};
    struct tcp_header tcp;
    struct listener *l;

    if (sk && BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_LISTEN) {
        if (!object_wanted(&sk->__sk_common, &name))
            return 0;
    } else {
        if (!skb || !segment_received(skb, &tcp) || !segment_flow(skb, &tcp, &name.flow))
            return 0;
        if (pid_count) {
            l = listener_of(&name.flow);
            if (!l || !cookie_wanted(l->cookie))
                return 0;
        }
    }
    return reset_event(TCPLENS_HOOK_SEND_RESET, TCPLENS_RESET_SENT, &name, reason);
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
    struct name name;

    if (!object_wanted(&sk->__sk_common, &name))
        return 0;
    return reset_event(TCPLENS_HOOK_RECEIVE_RESET, TCPLENS_RESET_RECEIVED, &name, -1);
}

#include "snapshot.h"
