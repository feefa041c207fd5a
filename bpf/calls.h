/* System calls of applications on TCP sockets: what was asked, what came of it, how long it took. Loaded only where it
 * is asked for, because every system call of the machine passes by here.
 *
 * The socket is looked up at the entry, where a close() still has it; the event is written at the exit. A call that was
 * under way before the trace has no entry: its socket is looked up at the exit, and its duration is not known. */
#ifndef TCPLENS_BPF_CALLS_H
#define TCPLENS_BPF_CALLS_H

#include "common.h"

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, __u64); /* pid_tgid */
    __type(value, struct tcplens_event);
} calls SEC(".maps");

/* The kind of an entry whose call has returned: a close() before Linux 6.6, whose work is done on the way back to the
 * application. */
#define CALL_RETURNED TCPLENS_KIND_N

static __always_inline __u8 call_of(unsigned long nr)
{
    switch (nr) {
#define CALL(name)                                                                                                     \
    case NR_##name: return TCPLENS_CALL_##name;
        TCPLENS_CALLS(CALL)
#undef CALL
    default: return TCPLENS_CALL_NONE;
    }
}

/* Whose call it is, and about which socket. False: not TCP's, or filtered out. */
static __always_inline bool call_socket(struct tcplens_event *e, const struct sock *sk)
{
    const struct net *net;

    if (!sk || !is_tcp(sk))
        return false;
    net = BPF_CORE_READ(sk, __sk_common.skc_net.net);
    e->lport = local_port(sk);
    e->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
    /* before connect() or bind() there is no port that a filter could ask for */
    if (!netns_wanted(net) || ((e->lport || e->rport) && !port_wanted(e->lport, e->rport)))
        return false;
    e->netns = BPF_CORE_READ(net, ns.inum);
    e->cookie = BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
    e->to = BPF_CORE_READ(sk, __sk_common.skc_state);
    e->call.socket = (__u64)sk;
    read_addrs(&sk->__sk_common, e->laddr, e->raddr);
    return true;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(call_enter, struct pt_regs *regs, long nr)
{
    struct tcplens_event e = { .kind = TCPLENS_CALL };
    __u64 id = bpf_get_current_pid_tgid();

    e.call.id = call_of(nr);
    if (e.call.id == TCPLENS_CALL_NONE)
        return 0;
    e.call.args[0] = REGS_ARG2(regs);
    e.call.args[1] = REGS_ARG3(regs);
    if (e.call.id == TCPLENS_CALL_SOCKET) {
        e.call.fd = -1;
        e.call.args[1] = e.call.args[0];
        e.call.args[0] = REGS_ARG1(regs);
    } else {
        e.call.fd = REGS_ARG1(regs);
        if (!call_socket(&e, sock_of_fd(bpf_get_current_task_btf()->files, e.call.fd)))
            return 0;
    }
    e.ts_ns = bpf_ktime_get_ns();
    bpf_map_update_elem(&calls, &id, &e, BPF_ANY);
    return 0;
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(call_exit, struct pt_regs *regs, long ret)
{
    __u64 id = bpf_get_current_pid_tgid();
    struct tcplens_event *entry = bpf_map_lookup_elem(&calls, &id), *e, now = { .kind = TCPLENS_CALL };
    struct files_struct *files = bpf_get_current_task_btf()->files;

    if (!entry || entry->kind == CALL_RETURNED) {
        now.call.id = call_of(REGS_SYSCALL(regs));
        if (now.call.id == TCPLENS_CALL_NONE || now.call.id == TCPLENS_CALL_SOCKET || now.call.id == TCPLENS_CALL_CLOSE)
            return 0;
        now.call.fd = REGS_ARG1(regs);
        if (!call_socket(&now, sock_of_fd(files, now.call.fd)))
            return 0;
        entry = &now;
    } else if (entry->call.id == TCPLENS_CALL_SOCKET) {
        if (ret >= 0 && !call_socket(entry, sock_of_fd(files, ret)))
            goto out; /* not TCP's */
        if (ret < 0)
            goto out; /* of which kind it would have been is not worth guessing */
    } else if (entry->call.id == TCPLENS_CALL_CONNECT || entry->call.id == TCPLENS_CALL_BIND ||
               entry->call.id == TCPLENS_CALL_LISTEN) {
        call_socket(entry, sock_of_fd(files, entry->call.fd)); /* it has its names only now */
    }
    /* What accept() brought is told by a hook of its own, which may run after this one and wants the entry. */
    if (ret >= 0 && (entry->call.id == TCPLENS_CALL_ACCEPT || entry->call.id == TCPLENS_CALL_ACCEPT4)) {
        entry->call.socket = 0;
        return 0;
    }
    e = event_alloc(TCPLENS_HOOK_SYS_EXIT, TCPLENS_CALL);
    if (e) {
        __u64 ts = e->ts_ns;

        __builtin_memcpy(e, entry, sizeof(*e));
        e->ts_ns = ts;
        e->call.duration_ns = entry->ts_ns ? ts - entry->ts_ns : 0;
        e->call.ret = ret;
        set_task(e);
        event_submit(e);
    }
    if (entry->call.id == TCPLENS_CALL_CLOSE && entry != &now) {
        entry->kind = CALL_RETURNED;
        return 0;
    }
out:
    if (entry != &now)
        bpf_map_delete_elem(&calls, &id);
    return 0;
}

/* The call during which a socket changed its state, where it is that call's own socket. */
static __always_inline __u8 call_on(const struct sock *sk, int from, int to)
{
    __u64 id = bpf_get_current_pid_tgid();
    struct tcplens_event *entry = bpf_map_lookup_elem(&calls, &id);

    if (!entry || entry->call.socket != (__u64)sk)
        return TCPLENS_CALL_NONE;
    /* what nothing but closing brings about */
    if (entry->kind == CALL_RETURNED && to != TCP_FIN_WAIT1 && to != TCP_LAST_ACK && from != TCP_LISTEN)
        return TCPLENS_CALL_NONE;
    return entry->call.id;
}

static __always_inline __u64 call_since(void)
{
    __u64 id = bpf_get_current_pid_tgid();
    struct tcplens_event *entry = bpf_map_lookup_elem(&calls, &id);

    return entry && entry->kind != CALL_RETURNED ? entry->ts_ns : 0;
}

#endif
