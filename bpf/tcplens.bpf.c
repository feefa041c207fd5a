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
 * The files beside this one have what each of those objects can tell; here are the programs. Most runs of most of them
 * have nothing to tell, so that each first asks what is cheapest to ask.
 *
 * Nothing here wakes the reader: it comes every few milliseconds by itself, which costs the traced system a third of
 * what a wake-up per event does. An event that finds no room is counted under its hook in `lost`. */
#include "calls.h"
#include "clock.h"
#include "minisock.h"
#include "packet.h"
#include "process.h"
#include "request.h"
#include "reset.h"
#include "snapshot.h"
#include "sock.h"
#include "turn.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

extern const void reqsk_timer_handler __ksym __weak;
extern const void tw_timer_handler __ksym __weak;
extern const void tcp_write_timer __ksym __weak;
extern const void tcp_keepalive_timer __ksym __weak;

/* ---- full sockets ------------------------------------------------------------------------------------------------ */

static __always_inline int state_changed(const struct sock *sk, int from, int to)
{
    struct moment *moment = NULL;
    struct tcplens_event *e;
    bool is_child = false;
    __u64 made_ns = 0;
    struct name name;

    if (sk->sk_protocol != IPPROTO_TCP)
        return 0;
    if (from == TCP_LISTEN && to == TCP_SYN_RECV) {
        child_made(sk);
        return 0;
    }
    if (from == TCP_SYN_RECV) {
        moment = moment_now();
        if (!moment)
            return 0;
        /* a child that was made earlier came with Fast Open, and one of a simultaneous open is nobody's child */
        is_child = moment->child == (__u64)sk;
        if (is_child) {
            moment->child = 0;
            made_ns = child_taken(moment);
        }
        /* Two segments that complete a handshake on two processors at once make a child each. The second finds the first in its
         * place, and is closed before anybody knows of it (inet_ehash_nolisten()). */
        if (made_ns && to == TCP_CLOSE)
            return 0;
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
    if (pid_count) {
        moment = moment_now();
        if (!moment || !socket_owned(moment, &name, from, to))
            return 0;
    }
    child_told(&name, made_ns);
    if (to == TCP_LISTEN || (from == TCP_LISTEN && to == TCP_CLOSE))
        return listener_event(sk, &name, from, to);
    if (from == TCP_SYN_SENT && has_deferred)
        connect_was_deferred(sk, &name);
    if (to == TCP_CLOSE)
        return closed_event(sk, &name, from);
    /* The task is told only where it is certain to be the cause: this happens inside its system call. */
    if (to == TCP_SYN_SENT)
        e = event_of_task(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &name);
    else
        e = event_new(TCPLENS_HOOK_SET_STATE, TCPLENS_STATE, &name);
    if (!e)
        return 0;
    e->from = from;
    e->to = to;
    if (has_calls)
        e->during = call_on(sk, from, to);
    if (is_child && to == TCP_ESTABLISHED)
        accept_queued(moment, &name, e->ts_ns + 1, 0); /* after the state change it stands beside */
    event_submit(e);
    return 0;
}

/* Two programs for one tracepoint: see turn.h. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, const struct sock *sk, int from, int to)
{
    turn_taken(sk, from, to);
    return state_changed(sk, from, to);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state_nested, const struct sock *sk, int from, int to)
{
    return turn_was_taken(sk, from, to) ? 0 : state_changed(sk, from, to);
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
    if (fn == &tcp_write_timer && fn)
        return write_timer_fired(sock_of_write_timer(timer));
    return 0;
}

SEC("tp_btf/timer_expire_exit")
int BPF_PROG(timer_expire_exit, struct timer_list *timer)
{
    struct moment *moment = moment_now();
    struct tcplens_event *e;
    struct name name = {};

    if (!moment || !moment->timer || moment->timer != (__u64)timer)
        return 0;
    moment->timer = 0;
    name.flow = moment->retry;
    e = event_new(TCPLENS_HOOK_TIMER_EXPIRE, TCPLENS_REQUEST_RETRY, &name);
    if (!e)
        return 0;
    if (!moment->rearmed)
        e->kind = TCPLENS_REQUEST_EXPIRED;
    read_queues(e, (struct sock *)moment->listener, 0);
    event_submit(e);
    return 0;
}

/* ---- packets ----------------------------------------------------------------------------------------------------- */

SEC("tp_btf/consume_skb")
int BPF_PROG(consume_skb, struct sk_buff *skb)
{
    struct tcplens_flow flow;
    struct moment *moment;
    struct segment segment;

    if (!is_first_syn(flags_noted(skb)) || !segment_received(skb, &segment, &flow) || !is_first_syn(segment.tcp.flags))
        return 0;
    moment = moment_now();
    if (!moment)
        return 0;
    if (!flow_equal(&moment->request, &flow))
        listener_refused(TCPLENS_HOOK_CONSUME_SKB, &flow, segment.tcp.flags, false);
    moment->request.lport = 0; /* it answers for one SYN only */
    return 0;
}

SEC("tp_btf/kfree_skb")
int BPF_PROG(kfree_skb, struct sk_buff *skb, void *location, int reason)
{
    struct tcplens_flow flow;
    struct segment segment;
    const bool for_signature = is_for_signature(reason);
    __u8 flags;

    if (!for_signature && (flags_noted(skb) & TCP_FLAG_RST))
        return 0;
    if (!segment_read(skb, for_signature, &segment, &flow))
        return 0;
    flags = segment.tcp.flags;
    if (!(flags & (TCP_FLAG_FIN | TCP_FLAG_ACK | TCP_FLAG_SYN)) || (flags & TCP_FLAG_RST))
        return 0;
    if (for_signature) {
        if (!listener_refused(TCPLENS_HOOK_KFREE_SKB, &flow, flags, true))
            signature_refused(TCPLENS_HOOK_KFREE_SKB, &flow);
        return 0;
    }
    if (flags & TCP_FLAG_SYN) {
        syn_repeated(&flow);
        return 0;
    }
    if (!(flags & TCP_FLAG_FIN)) {
        listener_refused(TCPLENS_HOOK_KFREE_SKB, &flow, flags, false);
        return 0;
    }
    fin_dropped(&flow);
    return 0;
}

/* ---- system calls ------------------------------------------------------------------------------------------------ */

SEC("?tp_btf/sys_enter")
int BPF_PROG(call_enter, struct pt_regs *regs, long nr)
{
    __u8 call = call_of(nr);
    struct doing *d;

    if (call == TCPLENS_CALL_NONE)
        return 0;
    d = doing_now(BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (!d)
        return 0;
    d->call = TCPLENS_CALL_NONE;
    if (pid_count && !process_wanted(bpf_get_current_task_btf()))
        return 0;
    if (!call_begins(d, regs, call))
        return 0;
    d->since_ns = bpf_ktime_get_ns();
    d->told = false;
    d->returned = false;
    d->call = call;
    return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(sys_exit, struct pt_regs *regs, long ret)
{
    unsigned long nr = REGS_SYSCALL(regs);
    struct files_struct *files;
    __u64 since_ns = 0;

    if (may_set_clock(nr))
        clock_may_be_set();
    if (has_calls) {
        __u8 call = call_of(nr);

        if (call == TCPLENS_CALL_NONE)
            return 0;
        since_ns = call_returns(regs, call, ret);
    }
    if (ret < 0 || (nr != NR_ACCEPT4 && nr != NR_ACCEPT && nr != NR_LISTEN))
        return 0;
    files = bpf_get_current_task_btf()->files;
    if (nr == NR_LISTEN)
        return listened(sock_of_fd(files, REGS_ARG1(regs)));
    return accepted(files, REGS_ARG1(regs), ret, nr == NR_ACCEPT4, since_ns);
}

/* Run every now and then: who is in a call that goes on. */
SEC("?iter/task")
int blocked_calls(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;

    return task ? call_goes_on(ctx->meta->seq, task) : 0;
}

/* ---- processes --------------------------------------------------------------------------------------------------- */

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
    return process_begins(parent, child);
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task)
{
    return process_becomes(task);
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
    return process_ends(task);
}

/* ---- retransmissions and resets ---------------------------------------------------------------------------------- */

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit_skb, const struct sock *sk)
{
    const struct inet_connection_sock *icsk = (const struct inet_connection_sock *)sk;
    struct tcplens_event *e;
    struct name name;

    /* A fast retransmission or a loss probe: no timeout was the cause, and the packets tell of it. */
    if (!READ(icsk, icsk_retransmits) || !object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_new(TCPLENS_HOOK_RETRANSMIT, TCPLENS_RETRANSMIT, &name);
    if (!e)
        return 0;
    e->to = READ(sk, __sk_common.skc_state);
    e->retransmit.count = READ(icsk, icsk_retransmits);
    e->retransmit.rto = READ(icsk, icsk_rto);
    e->retransmit.jiffies = bpf_jiffies64();
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
    __u8 state = sk->__sk_common.skc_state;
    struct name name;

    if (!object_wanted(&sk->__sk_common, &name))
        return 0;
    /* Data that meets an end which reads no more is answered with a RST, but before that tcp_reset() is called, as if one had
     * come (tcp_rcv_state_process()). */
    return reset_event(TCPLENS_HOOK_RECEIVE_RESET, TCPLENS_RESET_RECEIVED, &name, -1,
                       (sk->sk_shutdown & RCV_SHUTDOWN) && (state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2));
}

/* ---- what existed before ------------------------------------------------------------------------------------------ */

/* Iterators, run once, in this order; each writes struct tcplens_event for user space to read. */
SEC("iter/task_file")
int snapshot_owners(struct bpf_iter__task_file *ctx)
{
    struct tcplens_event e = { .kind = TCPLENS_OWNER };
    struct task_struct *task = ctx->task;
    struct file *file = ctx->file;
    struct socket *sock;
    struct sock *sk;

    if (!task || !file)
        return 0;
    sock = bpf_sock_from_file(file);
    if (!sock)
        return 0;
    sk = sock->sk;
    if (!sk || !is_tcp(sk) || !netns_wanted(READ(sk, __sk_common.skc_net.net)))
        return 0;
    e.cookie = bpf_get_socket_cookie(sk);
    if (pid_count && process_wanted(task))
        own(e.cookie, OWNED_SOCK);
    e.in_task = 1;
    e.pid = READ(task, tgid);
    e.tid = READ(task, pid);
    BPF_CORE_READ_STR_INTO(&e.comm, task, group_leader, comm);
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
}

SEC("iter/tcp")
int snapshot_tcp(struct bpf_iter__tcp *ctx)
{
    const struct sock_common *sc = ctx->sk_common;
    struct tcplens_event e = { .kind = TCPLENS_SNAPSHOT };
    struct name name;

    if (!sc)
        return 0;
    e.cookie = bpf_get_socket_cookie((void *)sc);
    e.to = READ(sc, skc_state);
    if (!object_named(sc, &name) || !listed_wanted(sc, &name, e.to))
        return 0;
    e.ts_ns = bpf_ktime_get_ns();
    e.flow = name.flow;
    if (e.to == TCP_LISTEN) {
        const struct sock *sk = (const struct sock *)sc;

        read_queues(&e, sk, 0);
        listener_changed(sk, &name, TCP_LISTEN);
    } else if (e.to == TCP_TIME_WAIT) {
        const struct inet_timewait_sock *tw = (const struct inet_timewait_sock *)sc;

        e.from = TCP_TIME_WAIT; /* the minisock; its state is the other one */
        e.to = READ(tw, tw_substate);
        e.timewait.jiffies = bpf_jiffies64();
        e.timewait.expires = READ(tw, tw_timer.expires);
        if (e.to == TCP_FIN_WAIT2)
            fin_wait_2_add(&name.flow, tw);
    }
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
}
