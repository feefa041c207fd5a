/* What existed before the hooks were there: every TCP object of the namespace, and which process holds which socket.
 * Iterators, run once; each writes struct tcplens_event for user space to read. */
#ifndef TCPLENS_BPF_SNAPSHOT_H
#define TCPLENS_BPF_SNAPSHOT_H

#include "common.h"

SEC("iter/tcp")
int snapshot_tcp(struct bpf_iter__tcp *ctx)
{
    const struct sock_common *sc = ctx->sk_common;
    struct tcplens_event e = { .kind = TCPLENS_SNAPSHOT };
    const struct net *net;

    if (!sc)
        return 0;
    net = BPF_CORE_READ(sc, skc_net.net);
    e.lport = BPF_CORE_READ(sc, skc_num);
    e.rport = bpf_ntohs(BPF_CORE_READ(sc, skc_dport));
    if (!netns_wanted(net) || !port_wanted(e.lport, e.rport))
        return 0;
    e.ts_ns = bpf_ktime_get_ns();
    e.netns = BPF_CORE_READ(net, ns.inum);
    e.cookie = bpf_get_socket_cookie((void *)sc);
    e.to = BPF_CORE_READ(sc, skc_state);
    read_addrs(sc, e.laddr, e.raddr);
    if (e.to == TCP_LISTEN) {
        const struct sock *sk = (const struct sock *)sc;

        read_queues(&e, sk, 0);
        listener_changed(sk, TCP_LISTEN);
    } else if (e.to == TCP_TIME_WAIT) {
        const struct inet_timewait_sock *tw = (const struct inet_timewait_sock *)sc;

        e.from = TCP_TIME_WAIT; /* the minisock; its state is the other one */
        e.to = BPF_CORE_READ(tw, tw_substate);
        e.timewait.jiffies = bpf_jiffies64();
        e.timewait.expires = BPF_CORE_READ(tw, tw_timer.expires);
        if (e.to == TCP_FIN_WAIT2)
            fin_wait_2_add(&e, tw);
    }
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
}

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
    sock = BPF_CORE_READ(file, private_data);
    if (!sock || BPF_CORE_READ(sock, file) != file)
        return 0;
    sk = BPF_CORE_READ(sock, sk);
    if (!sk || !is_tcp(sk) || !netns_wanted(BPF_CORE_READ(sk, __sk_common.skc_net.net)))
        return 0;
    e.cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
    if (!e.cookie)
        return 0; /* not seen by the iterator above either */
    e.in_task = 1;
    e.pid = BPF_CORE_READ(task, tgid);
    e.tid = BPF_CORE_READ(task, pid);
    BPF_CORE_READ_STR_INTO(&e.comm, task, group_leader, comm);
    bpf_seq_write(ctx->meta->seq, &e, sizeof(e));
    return 0;
}

#endif
