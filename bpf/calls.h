/* System calls of applications on TCP sockets: what was asked, what came of it, how long it took. Only where it is asked
 * for (has_calls), because every system call of the machine passes by here.
 *
 * The socket is looked up at the entry, where a close() still has it; the event is written at the exit. A call that was
 * under way before the trace has no entry: its socket is looked up at the exit, and its duration is not known. */
#ifndef TCPLENS_BPF_CALLS_H
#define TCPLENS_BPF_CALLS_H

#include "doing.h"
#include "listener.h"
#include "waits.h"

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

/* Which socket the call is about. False: not one of a kind that is followed, or filtered out. */
static __always_inline bool call_socket(struct doing *d, const struct sock *sk)
{
    if (!sk)
        return false;
    d->protocol = READ(sk, sk_protocol);
    if (d->protocol != IPPROTO_TCP && (!has_datagrams || d->protocol != IPPROTO_UDP))
        return false;
    if (!object_named(&sk->__sk_common, &d->name)) {
        /* before connect() or bind() there is nothing that a filter could ask for */
        if (d->name.flow.lport || d->name.flow.rport || !netns_wanted(READ(sk, __sk_common.skc_net.net)))
            return false;
    }
    d->state = READ(sk, __sk_common.skc_state);
    d->socket = (__u64)sk;
    follow_process(d);
    return true;
}

static __always_inline void read_option(struct doing *d, const void *value, __u32 size)
{
    d->args[TCPLENS_ARG_VALUE] = 0;
    d->args[TCPLENS_ARG_SIZE] = size >= 8 ? 8 : size >= 4 ? 4 : 0;
    if (size >= 8 ? bpf_probe_read_user(&d->args[TCPLENS_ARG_VALUE], 8, value)
                  : size >= 4 && bpf_probe_read_user(&d->args[TCPLENS_ARG_VALUE], 4, value))
        d->args[TCPLENS_ARG_SIZE] = 0;
}

static __always_inline void read_option_got(struct doing *d, struct pt_regs *regs)
{
    __s32 size;

    if (!bpf_probe_read_user(&size, sizeof(size), (void *)REGS_ARG5(regs)) && size > 0)
        read_option(d, (void *)REGS_ARG4(regs), size);
}

/* The descriptor that is watched may be of anything: then it is the process that the call is about. */
static __always_inline bool epoll_ctl_begins(struct doing *d, struct pt_regs *regs)
{
    struct epoll_event event;
    __s32 fd = REGS_ARG3(regs);

    if (!call_socket(d, sock_of_fd(bpf_get_current_task_btf()->files, fd))) {
        if (!process_followed(d))
            return false;
        doing_without_socket(d);
    }
    d->args[TCPLENS_ARG_OP] = REGS_ARG2(regs) << 32 | (__u32)fd;
    d->args[TCPLENS_ARG_EVENTS] = 0;
    d->args[TCPLENS_ARG_DATA] = 0;
    if (REGS_ARG4(regs) && !bpf_probe_read_user(&event, sizeof(event), (void *)REGS_ARG4(regs))) {
        d->args[TCPLENS_ARG_EVENTS] = event.events;
        d->args[TCPLENS_ARG_DATA] = event.data;
    }
    return true;
}

/* False: it is not followed. */
static __always_inline bool call_begins(struct doing *d, struct pt_regs *regs, __u8 call)
{
    if (is_wait(call))
        return wait_begins(d, regs, call);
    if (call == TCPLENS_CALL_SOCKET) {
        d->fd = -1;
        d->socket = 0;
        d->args[0] = REGS_ARG1(regs);
        d->args[1] = REGS_ARG2(regs);
        return true;
    }
    d->fd = REGS_ARG1(regs);
    if (call == TCPLENS_CALL_EPOLL_CTL)
        return epoll_ctl_begins(d, regs);
    if (!call_socket(d, sock_of_fd(bpf_get_current_task_btf()->files, d->fd)))
        return false;
    d->args[0] = REGS_ARG2(regs);
    d->args[1] = REGS_ARG3(regs);
    if (call == TCPLENS_CALL_SETSOCKOPT || call == TCPLENS_CALL_GETSOCKOPT) {
        d->args[TCPLENS_ARG_OPTION] = REGS_ARG2(regs) << 32 | (__u32)REGS_ARG3(regs);
        d->args[TCPLENS_ARG_SIZE] = 0;
        if (call == TCPLENS_CALL_SETSOCKOPT)
            read_option(d, (void *)REGS_ARG4(regs), REGS_ARG5(regs));
    }
    return true;
}

static __always_inline void call_fill(struct tcplens_event *e, const struct doing *d, __u8 call)
{
    e->from = d->protocol;
    e->to = d->state;
    e->call.socket = d->socket;
    e->call.duration_ns = d->since_ns ? e->ts_ns - d->since_ns : 0;
    e->call.args[0] = d->args[0];
    e->call.args[1] = d->args[1];
    e->call.args[2] = d->args[2];
    e->call.fd = d->fd;
    e->call.id = call;
    e->call.blocked = 0;
}

static __always_inline void wait_returns(struct doing *d, struct pt_regs *regs, __u8 call, long ret)
{
    __u32 zero = 0;
    __u64 told; /* of 64 bits, as in find_ready() */
    struct ready_room *room = bpf_map_lookup_elem(&ready_room, &zero);
    struct tcplens_ready *r;

    if (!room)
        return;
    r = &room->ready;
    find_ready(room, regs, call, ret);
    event_fill(&r->event, TCPLENS_READY, &d->name, false, true);
    call_fill(&r->event, d, call);
    r->event.call.ret = ret;
    told = r->count;
    barrier_var(told);
    if (told > TCPLENS_READY_MAX)
        return;
    if (bpf_ringbuf_output(&events, r, offsetof(struct tcplens_ready, ready) + told * sizeof(*r->ready),
                           BPF_RB_NO_WAKEUP))
        count_lost(TCPLENS_HOOK_SYS_EXIT);
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
        /* before its time is taken: who looks for what goes on asks in the other order */
        d->returned = true;
        if (is_wait(call) && ret > 0) {
            wait_returns(d, regs, call, ret);
            return 0;
        }
        if (call == TCPLENS_CALL_GETSOCKOPT && !ret)
            read_option_got(d, regs);
        /* these have their names, or their socket, only now */
        if (call == TCPLENS_CALL_SOCKET) {
            if (ret < 0 || !call_socket(d, sock_of_fd(files, ret)))
                return 0; /* of which kind it would have been is not worth guessing */
        } else if (call == TCPLENS_CALL_CONNECT || call == TCPLENS_CALL_BIND || call == TCPLENS_CALL_LISTEN ||
                   (has_datagrams && d->protocol == IPPROTO_UDP && !d->name.flow.lport)) {
            /* a connect() that failed has left no peer to ask for */
            if (!call_socket(d, sock_of_fd(files, d->fd)) && (call != TCPLENS_CALL_CONNECT || d->name.flow.rport))
                return 0;
        }
    } else {
        if (accepted || call == TCPLENS_CALL_SOCKET || call == TCPLENS_CALL_CLOSE || call >= TCPLENS_CALL_EPOLL_CTL ||
            call == TCPLENS_CALL_SETSOCKOPT || call == TCPLENS_CALL_GETSOCKOPT)
            return 0;
        /* it may have begun before the trace; what an entry was made for and filtered out is filtered out again */
        if (pid_count && !process_wanted(bpf_get_current_task_btf()))
            return 0;
        d = &before;
        d->followed = true;
        d->fd = REGS_ARG1(regs);
        if (!call_socket(d, sock_of_fd(files, d->fd)))
            return 0;
    }
    e = event_of_task(TCPLENS_HOOK_SYS_EXIT, TCPLENS_CALL, &d->name);
    if (e) {
        call_fill(e, d, call);
        e->call.ret = ret;
        event_submit(e);
    }
    return 0;
}

/* ---- what goes on ---- */

/* A call is told of once it has gone on for so long. */
__u64 blocked_after_ns SEC(".data.asked");

static __always_inline int call_goes_on(struct seq_file *seq, struct task_struct *task)
{
    const __u64 now = bpf_ktime_get_ns();
    struct doing *d = bpf_task_storage_get(&threads, task, NULL, 0);
    struct tcplens_event e = { .kind = TCPLENS_CALL, .ts_ns = now, .in_task = 1 };

    if (!d || d->told || d->call == TCPLENS_CALL_NONE || d->call == TCPLENS_CALL_SOCKET || d->since_ns > now ||
        now - d->since_ns < blocked_after_ns)
        return 0;
    e.cookie = d->name.cookie;
    e.flow = d->name.flow;
    call_fill(&e, d, d->call);
    e.call.blocked = 1;
    e.pid = READ(task, tgid);
    e.tid = READ(task, pid);
    BPF_CORE_READ_STR_INTO(&e.comm, task, comm);
    if (*(volatile bool *)&d->returned)
        return 0;
    d->told = true;
    bpf_seq_write(seq, &e, sizeof(e));
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
