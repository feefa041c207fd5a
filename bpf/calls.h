/* System calls of applications on TCP sockets: what was asked, what came of it, how long it took. Only where it is asked
 * for (has_calls), because every system call of the machine passes by here.
 *
 * The socket is looked up at the entry, where a close() still has it; the event is written at the exit. A call that was
 * under way before the trace has no entry: its socket is looked up at the exit, and its duration is not known. */
#ifndef TCPLENS_BPF_CALLS_H
#define TCPLENS_BPF_CALLS_H

#include "listener.h"

/* What a thread is doing. */
struct doing {
    /* connect() sets SYN-SENT before it picks a port. When that was waits here until its first SYN's timer is started,
     * in the same call, which is the earliest hook at which the port is known. */
    __u64 connecting; /* address of the sock; 0: none */
    __u64 connecting_ns;
    __u8 connecting_during;

    __u8 call; /* enum tcplens_call; NONE: none that is followed */
    /* A close() before Linux 6.6 does its work after it has returned, on the way back to the application. */
    bool returned;
    __u8 state; /* of the socket */
    __s32 fd;
    __u64 since_ns; /* 0: not known */
    __u64 socket;   /* address of the sock */
    __u64 args[2];
    struct name name;
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct doing);
} threads SEC(".maps");

static __always_inline struct doing *doing_now(__u64 flags)
{
    return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, flags);
}

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

/* Which socket the call is about. False: not TCP's, or filtered out. */
static __always_inline bool call_socket(struct doing *d, const struct sock *sk)
{
    if (!sk || !is_tcp(sk))
        return false;
    if (!object_named(&sk->__sk_common, &d->name)) {
        /* before connect() or bind() there is nothing that a filter could ask for */
        if (d->name.flow.lport || d->name.flow.rport || !netns_wanted(READ(sk, __sk_common.skc_net.net)))
            return false;
    }
    d->state = READ(sk, __sk_common.skc_state);
    d->socket = (__u64)sk;
    return true;
}

/* Tells of a call that has returned, but of accept() only where it failed: what it brought is told by the caller, who
 * gets the time the call began, or 0. */
static __always_inline __u64 call_returns(struct pt_regs *regs, __u8 call, long ret)
{
    struct files_struct *files = bpf_get_current_task_btf()->files;
    struct doing before = {}, *d = doing_now(0);
    bool accepted = ret >= 0 && (call == TCPLENS_CALL_ACCEPT || call == TCPLENS_CALL_ACCEPT4);
    struct tcplens_event *e;

    if (d && d->call == call && !d->returned) {
        if (accepted) {
            d->call = TCPLENS_CALL_NONE;
            return d->since_ns;
        }
        /* these have their names, or their socket, only now */
        if (call == TCPLENS_CALL_SOCKET) {
            if (ret < 0 || !call_socket(d, sock_of_fd(files, ret)))
                return 0; /* of which kind it would have been is not worth guessing */
        } else if (call == TCPLENS_CALL_CONNECT || call == TCPLENS_CALL_BIND || call == TCPLENS_CALL_LISTEN) {
            /* a connect() that failed has left no peer to ask for */
            if (!call_socket(d, sock_of_fd(files, d->fd)) && (call != TCPLENS_CALL_CONNECT || d->name.flow.rport))
                return 0;
        }
    } else {
        if (accepted || call == TCPLENS_CALL_SOCKET || call == TCPLENS_CALL_CLOSE)
            return 0;
        /* it may have begun before the trace; what an entry was made for and filtered out is filtered out again */
        if (pid_count && !process_wanted(bpf_get_current_task_btf()))
            return 0;
        d = &before;
        d->fd = REGS_ARG1(regs);
        if (!call_socket(d, sock_of_fd(files, d->fd)))
            return 0;
    }
    e = event_of_task(TCPLENS_HOOK_SYS_EXIT, TCPLENS_CALL, &d->name);
    if (e) {
        e->to = d->state;
        e->call.socket = d->socket;
        e->call.ret = ret;
        e->call.duration_ns = d->since_ns ? e->ts_ns - d->since_ns : 0;
        e->call.args[0] = d->args[0];
        e->call.args[1] = d->args[1];
        e->call.fd = d->fd;
        e->call.id = call;
        event_submit(e);
    }
    d->returned = true;
    return 0;
}

/* The call during which a socket changed its state, where it is that call's own socket. */
static __always_inline __u8 call_on(const struct sock *sk, int from, int to)
{
    struct doing *d = doing_now(0);

    if (!d || d->socket != (__u64)sk)
        return TCPLENS_CALL_NONE;
    /* what nothing but closing brings about */
    if (d->returned &&
        (d->call != TCPLENS_CALL_CLOSE || (to != TCP_FIN_WAIT1 && to != TCP_LAST_ACK && from != TCP_LISTEN)))
        return TCPLENS_CALL_NONE;
    return d->call;
}

/* A second listen() changes the backlog and no state. */
static __always_inline int listened(const struct sock *sk)
{
    struct tcplens_event *e;
    struct name name;

    if (!sk || !is_tcp(sk) || !object_wanted(&sk->__sk_common, &name))
        return 0;
    e = event_of_task(TCPLENS_HOOK_SYS_EXIT, TCPLENS_LISTENED, &name);
    if (!e)
        return 0;
    read_queues(e, sk, 0);
    event_submit(e);
    return 0;
}

/* Of what accept() brought, most may be filtered out: its listener is looked up for the others only. */
static __always_inline int accepted(struct files_struct *files, int fd, long ret, bool accept4, __u64 since_ns)
{
    const struct sock *listener, *sk = sock_of_fd(files, ret);
    struct tcplens_event *e;
    struct name name;

    if (!sk || !is_tcp(sk) || !object_named(&sk->__sk_common, &name))
        return 0;
    own_by_process(name.cookie);
    if (!cookie_wanted(name.cookie))
        return 0;
    listener = sock_of_fd(files, fd);
    if (!listener || !is_tcp(listener))
        return 0;
    e = event_of_task(TCPLENS_HOOK_SYS_EXIT, TCPLENS_ACCEPT, &name);
    if (!e)
        return 0;
    read_queues(e, listener, 0);
    e->queue.fd = fd;
    e->queue.ret = ret;
    e->queue.accept4 = accept4;
    e->queue.duration_ns = since_ns ? e->ts_ns - since_ns : 0;
    event_submit(e);
    return 0;
}

#endif
