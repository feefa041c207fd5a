/* What existed before the hooks were there: which process holds which socket, and every TCP object of the namespace.
 * Iterators, run once, in this order; each writes struct tcplens_event for user space to read. */
#ifndef TCPLENS_BPF_SNAPSHOT_H
#define TCPLENS_BPF_SNAPSHOT_H

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
    if (!sk || !is_tcp(sk) || !netns_wanted(BPF_CORE_READ(sk, __sk_common.skc_net.net)))
        return 0;
    e.cookie = bpf_get_socket_cookie(sk);
    if (pid_count && process_wanted(task))
        own(e.cookie, OWNED_SOCK);
    e.in_task = 1;
    e.pid = BPF_CORE_READ(task, tgid);
    e.tid = BPF_CORE_READ(task, pid);
    BPF_CORE_READ_STR_INTO(&e.comm, task, group_leader, comm);
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
}

/* Listeners come first. What no process holds yet, or any more, belongs to who owns the listener at its port. */
static __always_inline bool listed_wanted(const struct sock_common *sc, const struct name *name, __u8 state)
{
    const struct sock *listener;
    struct listener *l;

    if (cookie_wanted(name->cookie))
        return true;
    if (state == TCP_NEW_SYN_RECV) {
        listener = BPF_CORE_READ(sc, skc_listener);
        return cookie_wanted(BPF_CORE_READ(listener, __sk_common.skc_cookie.counter));
    }
    if (state == TCP_TIME_WAIT || BPF_CORE_READ((const struct sock *)sc, sk_socket))
        return false;
    l = listener_of(&name->flow);
    if (!l || !cookie_wanted(l->cookie))
        return false;
    own(name->cookie, OWNED_SOCK);
    return true;
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
    e.to = BPF_CORE_READ(sc, skc_state);
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
        e.to = BPF_CORE_READ(tw, tw_substate);
        e.timewait.jiffies = bpf_jiffies64();
        e.timewait.expires = BPF_CORE_READ(tw, tw_timer.expires);
        if (e.to == TCP_FIN_WAIT2)
            fin_wait_2_add(&name.flow, tw);
    }
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
}

#endif
