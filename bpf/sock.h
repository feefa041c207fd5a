/* Full sockets: their states, their children, their timers. */
#ifndef TCPLENS_BPF_SOCK_H
#define TCPLENS_BPF_SOCK_H

#include "calls.h"
#include "listener.h"
#include "moment.h"

/* Notes a child. Whether it comes to life, and whose it is, will be known in a moment, and before Linux 6.13 even its name:
 * these kernels set the state of the child before its addresses, and its cookie later still. */
static __always_inline void child_made(const struct sock *sk)
{
    struct moment *moment = moment_now();
    struct name name;

    if (!moment)
        return;
    moment->child = 0;
    moment->child_ns = 0;
    if (sk->__sk_common.skc_dport) {
        if (!sock_named(sk, &name))
            return;
        if (!name.cookie)
            bpf_get_socket_cookie((void *)sk); /* makes it */
    }
    moment->child = (__u64)sk;
    moment->child_ns = bpf_ktime_get_ns();
}

/* When the child that is noted was made; 0: that has been told. It is told now or never. */
static __always_inline __u64 child_taken(struct moment *moment)
{
    __u64 ns = moment->child_ns;

    moment->child_ns = 0;
    return ns;
}

/* Tells of a child, now that its connection is known by what follows it. */
static __always_inline void child_told(const struct name *name, __u64 ns)
{
    struct tcplens_event *e;

    if (!ns)
        return;
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, name);
    if (!e)
        return;
    e->ts_ns = ns;
    e->from = TCP_LISTEN;
    e->to = TCP_SYN_RECV;
    event_submit(e);
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
    e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_ACCEPT_QUEUED, name);
    if (!e)
        return;
    e->ts_ns = ts_ns;
    read_queues(e, listener, 0);
    e->queue.accept += accept_delta;
    event_submit(e);
}

/* connect() with TCP_FASTOPEN_CONNECT and a cookie sends nothing: a later call does, perhaps another thread's, and the answer
 * can be there before any timer of it is started. By the address of the sock. */
struct deferred_connect {
    __u64 ns;
    __u32 pid, tid;
    char comm[TCPLENS_COMM_LEN];
    __u8 during; /* enum tcplens_call */
};

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 4096);
    __type(key, __u64);
    __type(value, struct deferred_connect);
} deferred SEC(".maps");

static bool has_deferred; /* there was one: most programs never have */

static __always_inline void connect_may_be_deferred(const struct sock *sk)
{
    struct deferred_connect c = { .ns = bpf_ktime_get_ns() };
    __u64 id = bpf_get_current_pid_tgid(), key = (__u64)sk;

    if (!BPF_CORE_READ_BITFIELD_PROBED((const struct tcp_sock *)sk, fastopen_connect))
        return;
    c.pid = id >> 32;
    c.tid = (__u32)id;
    c.during = has_calls ? call_on(sk, TCP_CLOSE, TCP_SYN_SENT) : TCPLENS_CALL_NONE;
    bpf_get_current_comm(c.comm, sizeof(c.comm));
    bpf_map_update_elem(&deferred, &key, &c, BPF_ANY);
    has_deferred = true;
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
    connect_may_be_deferred(sk);
    d = doing_now(BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!d) {
        count_lost(TCPLENS_HOOK_SET_STATE);
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
    if (has_deferred)
        bpf_map_delete_elem(&deferred, &d->connecting);
    d->connecting = 0;
    if (!object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_of_task(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &name);
    if (!e)
        return 0;
    e->ts_ns = d->connecting_ns;
    e->from = TCP_CLOSE;
    e->to = TCP_SYN_SENT;
    e->during = d->connecting_during;
    event_submit(e);
    return 0;
}

/* Tells of a connect() that was put off, before its socket goes on. */
static __always_inline void connect_was_deferred(const struct sock *sk, const struct name *name)
{
    __u64 key = (__u64)sk;
    struct deferred_connect *c = bpf_map_lookup_elem(&deferred, &key);
    struct tcplens_event *e;

    if (!c)
        return;
    e = event_of_task(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, name);
    if (e) {
        e->ts_ns = c->ns;
        e->from = TCP_CLOSE;
        e->to = TCP_SYN_SENT;
        e->during = c->during;
        e->pid = c->pid;
        e->tid = c->tid;
        __builtin_memcpy(e->comm, c->comm, sizeof(e->comm));
        event_submit(e);
    }
    bpf_map_delete_elem(&deferred, &key);
}

/* Whether a socket is of a process that is wanted, and if it is, that it is remembered as long as it lives: who
 * connects or listens owns it, and a child belongs to who owns its listener. */
static __always_inline bool socket_owned(struct moment *moment, const struct name *name, int from, int to)
{
    __u8 *as;

    if (to == TCP_SYN_SENT || to == TCP_LISTEN) {
        own_by_process(name->cookie);
    } else if (from == TCP_SYN_RECV) {
        const struct sock *listener = (const struct sock *)parent_of(moment, &name->flow);

        if (listener && cookie_wanted(READ(listener, __sk_common.skc_cookie.counter)))
            own(name->cookie, OWNED_SOCK);
    }
    as = bpf_map_lookup_elem(&owned, &name->cookie);
    if (!as)
        return false;
    /* a minisock goes on under the same cookie, and requests are cancelled after their listener is closed */
    if (to == TCP_CLOSE && from != TCP_LISTEN && *as == OWNED_SOCK) {
        disown(name->cookie);
        moment->closed = name->cookie;
    }
    return true;
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
    __u8 state = READ(sk, __sk_common.skc_state);
    struct moment *moment;
    struct name name;
    __u64 made_ns;

    if (state == TCP_SYN_SENT)
        return connect_has_port(sk);
    if (state != TCP_SYN_RECV)
        return 0;
    /* The SYN,ACK of a child that was made a moment ago for a SYN with data (Fast Open): it had no request that would
     * name it, and joins the accept queue at once. */
    moment = moment_now();
    if (!moment || moment->child != (__u64)sk)
        return 0;
    made_ns = child_taken(moment);
    if (!object_named(&sk->__sk_common, &name))
        return 0;
    if (pid_count) {
        struct listener *l = listener_of(&name.flow);

        if (!l || !cookie_wanted(l->cookie))
            return 0;
        own(name.cookie, OWNED_SOCK);
    }
    child_told(&name, made_ns);
    accept_queued(moment, &name, bpf_ktime_get_ns(), 1);
    moment->request = name.flow; /* that SYN was answered */
    return 0;
}

/* After close() the timer is that of FIN-WAIT-2: the full socket waits out a tcp_fin_timeout beyond TIME-WAIT's length, or
 * all of it if the ACK of its FIN came just as close() let go of it (tcp_rcv_state_process(), tcp_keepalive_timer()). */
static __always_inline int keepalive_fired(const struct sock *sk)
{
    __u8 state = READ(sk, __sk_common.skc_state);
    bool fin_wait_2 = state == TCP_FIN_WAIT2 && !READ(sk, sk_socket);
    struct tcplens_event *e;
    struct name name;

    if (state == TCP_LISTEN || state == TCP_CLOSE || !object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_new(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_KEEPALIVE, &name);
    if (!e)
        return 0;
    e->keepalive.not_idle = READ((const struct tcp_sock *)sk, write_seq) != READ((const struct tcp_sock *)sk, snd_una);
    if (fin_wait_2)
        e->kind = TCPLENS_FIN_WAIT_2;
    e->to = state;
    event_submit(e);
    return 0;
}

/* The retransmission timer serves for probes of a window of zero too. It may fire before its time, and then is armed again
 * (tcp_write_timer_handler(), tcp_probe_timer()). */
static __always_inline int write_timer_fired(const struct sock *sk)
{
    const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
    const struct tcp_sock *tp = (const struct tcp_sock *)sk;
    struct tcplens_event *e;
    struct name name;

    if (READ(icsk, icsk_pending) != ICSK_TIME_PROBE0 || READ(tp, packets_out) ||
        READ(tp, write_seq) == READ(tp, snd_una) || !object_wanted(&sk->__sk_common, &name))
        return 0;
    if (bpf_core_field_exists(struct inet_connection_sock, icsk_timeout) &&
        (__s64)(READ(icsk, icsk_timeout) - bpf_jiffies64()) > 0)
        return 0;
    e = event_new(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_PERSIST, &name);
    if (!e)
        return 0;
    e->to = READ(sk, __sk_common.skc_state);
    e->retransmit.count = READ(icsk, icsk_probes_out) + 1;
    e->retransmit.rto = 0;
    e->retransmit.jiffies = 0;
    event_submit(e);
    return 0;
}

/* What a socket says of its end: it is told as it is closed, and gone soon after. */
static __always_inline int closed_event(const struct sock *sk, const struct name *name, int from)
{
    const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
    const struct tcp_sock *tp = (const struct tcp_sock *)sk;
    struct tcplens_event *e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_CLOSED, name);
    unsigned long flags;

    if (!e)
        return 0;
    e->from = from;
    e->to = TCP_CLOSE;
    if (has_calls)
        e->during = call_on(sk, from, TCP_CLOSE);
    flags = sk->__sk_common.skc_flags;
    e->ending.unread = READ(tp, rcv_nxt) - READ(tp, copied_seq);
    e->ending.queued = READ(tp, write_seq) - READ(tp, snd_una);
    e->ending.error = sk->sk_err ? sk->sk_err : sk->sk_err_soft;
    e->ending.retransmits = READ(icsk, icsk_retransmits);
    e->ending.probes = READ(icsk, icsk_probes_out);
    e->ending.flags = (flags >> SOCK_DEAD & 1 ? TCPLENS_ENDING_ORPHAN : 0) |
                      (flags >> SOCK_LINGER & 1 && !sk->sk_lingertime ? TCPLENS_ENDING_LINGER : 0) |
                      (sk->sk_shutdown == SHUTDOWN_MASK ? TCPLENS_ENDING_CLOSING : 0) |
                      (READ(icsk, icsk_user_timeout) ? TCPLENS_ENDING_USER_TIMEOUT : 0) |
                      (READ(tp, snd_wnd) ? 0 : TCPLENS_ENDING_ZERO_WINDOW) |
                      (READ(tp, linger2) < 0 ? TCPLENS_ENDING_LINGER2 : 0);
    event_submit(e);
    return 0;
}

/* A listener begins, inside a call of its task, or ends. */
static __always_inline int listener_event(const struct sock *sk, const struct name *name, int from, int to)
{
    struct tcplens_event *e;

    listener_changed(sk, name, to);
    if (to == TCP_LISTEN)
        e = event_of_task(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, name);
    else
        e = event_reserve(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, name, true, false);
    if (!e)
        return 0;
    e->from = from;
    e->to = to;
    e->has_queue = true;
    if (has_calls)
        e->during = call_on(sk, from, to);
    read_queues(e, sk, 0);
    event_submit(e);
    return 0;
}

#endif
