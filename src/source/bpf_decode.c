/* What the kernel side wrote, in the words of the model: RFC names, trace time, endpoints. */
#include "bpf_decode.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* include/net/tcp_states.h; NEW_SYN_RECV is the request sock's. */
#define KERNEL_SYN_RECV 3
#define KERNEL_TIME_WAIT 6
#define KERNEL_NEW_SYN_RECV 12

enum tcp_state bpf_state(uint8_t kernel)
{
    static const uint8_t states[] = {
        [1] = TCP_STATE_ESTABLISHED, [2] = TCP_STATE_SYN_SENT,   [3] = TCP_STATE_SYN_RECEIVED,
        [4] = TCP_STATE_FIN_WAIT_1,  [5] = TCP_STATE_FIN_WAIT_2, [6] = TCP_STATE_TIME_WAIT,
        [7] = TCP_STATE_CLOSED,      [8] = TCP_STATE_CLOSE_WAIT, [9] = TCP_STATE_LAST_ACK,
        [10] = TCP_STATE_LISTEN,     [11] = TCP_STATE_CLOSING,   [12] = TCP_STATE_SYN_RECEIVED,
    };

    return kernel < sizeof(states) ? states[kernel] : TCP_STATE_UNKNOWN;
}

/* HZ is not told to user space. But 64-bit jiffies start at 2^32 - 300 s and count CLOCK_MONOTONIC's seconds
 * (INITIAL_JIFFIES, include/linux/jiffies.h), so one reading of both tells which of the usual values it is. */
static unsigned guess_hz(uint64_t jiffies, uint64_t monotonic_ns)
{
    static const unsigned usual[] = { 100, 250, 300, 1000 };
    unsigned best = usual[0];
    uint64_t best_error = UINT64_MAX;

    for (unsigned i = 0; i < sizeof(usual) / sizeof(*usual); i++) {
        uint64_t hz = usual[i];
        uint64_t seen = jiffies - (UINT32_MAX + 1ull - 300 * hz);
        int64_t error = (int64_t)(seen - monotonic_ns / 1000 * hz / 1000000);
        uint64_t size = (uint64_t)(error < 0 ? -error : error) * 1000 / hz;

        if (size < best_error) {
            best_error = size;
            best = usual[i];
        }
    }
    return best;
}

static struct endpoint endpoint_of(const uint8_t addr[16], uint16_t port)
{
    struct endpoint e = { .port = port };

    memcpy(e.addr.bytes, addr, 16);
    return e;
}

static unsigned ticks_per_second(struct bpf_decoder *d, uint64_t jiffies, uint64_t monotonic_ns)
{
    if (!d->hz)
        d->hz = guess_hz(jiffies, monotonic_ns);
    return d->hz;
}

/* jiffies of a deadline to the trace's clock */
static uint64_t deadline(struct bpf_decoder *d, const struct tcplens_event *e)
{
    int64_t left = (int64_t)(e->timewait.expires - e->timewait.jiffies);
    int64_t hz = ticks_per_second(d, e->timewait.jiffies, e->ts_ns);

    return trace_clock_from_monotonic(d->clock, e->ts_ns) + (uint64_t)(left * 1000000000 / hz);
}

static struct queue_depth depth_of(const struct tcplens_event *e)
{
    return (struct queue_depth){
        .listener = e->queue.listener,
        .addr = endpoint_of(e->queue.addr, e->queue.port),
        .syn = e->queue.syn,
        .accept = e->queue.accept,
        .backlog = e->queue.backlog,
        .drops = e->queue.drops,
        .deferred = e->queue.deferred,
        .cookies = e->queue.cookies,
        .max_syn_backlog = e->queue.max_syn_backlog,
    };
}

static struct sock_ending ending_of(const struct tcplens_event *e)
{
    const uint8_t flags = e->ending.flags;

    return (struct sock_ending){
        .known = true,
        .orphan = flags & TCPLENS_ENDING_ORPHAN,
        .linger = flags & TCPLENS_ENDING_LINGER,
        .closing = flags & TCPLENS_ENDING_CLOSING,
        .user_timeout = flags & TCPLENS_ENDING_USER_TIMEOUT,
        .zero_window = flags & TCPLENS_ENDING_ZERO_WINDOW,
        .error = e->ending.error,
        .retransmits = e->ending.retransmits,
        .probes = e->ending.probes,
        .unread = e->ending.unread,
        .queued = e->ending.queued,
    };
}

static void task_of(const struct tcplens_event *e, struct task *ret_task)
{
    if (!e->in_task)
        return;
    ret_task->pid = e->pid;
    ret_task->tid = e->tid;
    memcpy(ret_task->comm, e->comm, sizeof(ret_task->comm));
    ret_task->comm[sizeof(ret_task->comm) - 1] = '\0';
}

static const char *call_name(uint8_t id)
{
    static const char *const names[] = {
        [TCPLENS_CALL_SOCKET] = "socket",         [TCPLENS_CALL_BIND] = "bind",
        [TCPLENS_CALL_LISTEN] = "listen",         [TCPLENS_CALL_CONNECT] = "connect",
        [TCPLENS_CALL_ACCEPT] = "accept",         [TCPLENS_CALL_ACCEPT4] = "accept4",
        [TCPLENS_CALL_SHUTDOWN] = "shutdown",     [TCPLENS_CALL_CLOSE] = "close",
        [TCPLENS_CALL_SETSOCKOPT] = "setsockopt", [TCPLENS_CALL_READ] = "read",
        [TCPLENS_CALL_WRITE] = "write",           [TCPLENS_CALL_READV] = "readv",
        [TCPLENS_CALL_WRITEV] = "writev",         [TCPLENS_CALL_SENDTO] = "sendto",
        [TCPLENS_CALL_RECVFROM] = "recvfrom",     [TCPLENS_CALL_SENDMSG] = "sendmsg",
        [TCPLENS_CALL_RECVMSG] = "recvmsg",       [TCPLENS_CALL_SENDMMSG] = "sendmmsg",
        [TCPLENS_CALL_RECVMMSG] = "recvmmsg",     [TCPLENS_CALL_SENDFILE] = "sendfile",
    };
    _Static_assert(sizeof(names) / sizeof(*names) == TCPLENS_CALL_N, "a name for each call");

    return id < TCPLENS_CALL_N ? names[id] : NULL;
}

/* The options that decide what TCP does; NULL: of no interest. */
static const char *option_name(uint64_t level, uint64_t option)
{
    static const struct {
        int level, option;
        const char *name;
    } options[] = {
        { SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR" },
        { SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT" },
        { SOL_SOCKET, SO_LINGER, "SO_LINGER" },
        { SOL_SOCKET, SO_KEEPALIVE, "SO_KEEPALIVE" },
        { SOL_SOCKET, SO_SNDBUF, "SO_SNDBUF" },
        { SOL_SOCKET, SO_RCVBUF, "SO_RCVBUF" },
        { IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY" },
        { IPPROTO_TCP, TCP_NODELAY, "TCP_NODELAY" },
        { IPPROTO_TCP, TCP_CORK, "TCP_CORK" },
        { IPPROTO_TCP, TCP_QUICKACK, "TCP_QUICKACK" },
        { IPPROTO_TCP, TCP_KEEPIDLE, "TCP_KEEPIDLE" },
        { IPPROTO_TCP, TCP_KEEPINTVL, "TCP_KEEPINTVL" },
        { IPPROTO_TCP, TCP_KEEPCNT, "TCP_KEEPCNT" },
        { IPPROTO_TCP, TCP_SYNCNT, "TCP_SYNCNT" },
        { IPPROTO_TCP, TCP_LINGER2, "TCP_LINGER2" },
        { IPPROTO_TCP, TCP_DEFER_ACCEPT, "TCP_DEFER_ACCEPT" },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, "TCP_USER_TIMEOUT" },
        { IPPROTO_TCP, TCP_FASTOPEN, "TCP_FASTOPEN" },
        { IPPROTO_TCP, TCP_FASTOPEN_CONNECT, "TCP_FASTOPEN_CONNECT" },
        { IPPROTO_TCP, TCP_MAXSEG, "TCP_MAXSEG" },
    };

    for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++)
        if ((int)level == options[i].level && (int)option == options[i].option)
            return options[i].name;
    return NULL;
}

/* False: not worth telling. */
static bool call_of(const struct tcplens_event *e, struct event *out)
{
    static const char *const how[] = { [SHUT_RD] = "SHUT_RD", [SHUT_WR] = "SHUT_WR", [SHUT_RDWR] = "SHUT_RDWR" };
    struct call *call = &out->call.call;
    struct call_arg *arg = call->args;

    call->name = call_name(e->call.id);
    if (!call->name)
        return false;
    out->call.socket = e->call.socket;
    out->call.state = bpf_state(e->to);
    call->fd = e->call.fd;
    call->ret = e->call.ret;
    call->duration_ns = e->call.duration_ns;
    task_of(e, &call->task);
    switch (e->call.id) {
    case TCPLENS_CALL_LISTEN: *arg = (struct call_arg){ "backlog", NULL, (int)e->call.args[0] }; break;
    case TCPLENS_CALL_SHUTDOWN:
        *arg = (struct call_arg){ "how", e->call.args[0] < 3 ? how[e->call.args[0]] : "?", 0 };
        break;
    case TCPLENS_CALL_SETSOCKOPT:
        *arg = (struct call_arg){ "option", option_name(e->call.args[0], e->call.args[1]), 0 };
        return arg->text;
    case TCPLENS_CALL_READ:
    case TCPLENS_CALL_WRITE:
    case TCPLENS_CALL_SENDTO:
    case TCPLENS_CALL_RECVFROM: *arg = (struct call_arg){ "len", NULL, (int64_t)(e->call.args[1] & INT64_MAX) }; break;
    default: break;
    }
    return true;
}

bool bpf_decode(struct bpf_decoder *d, const struct tcplens_event *e, struct event *ret_event)
{
    static const uint8_t kinds[TCPLENS_KIND_N] = {
        [TCPLENS_STATE] = EVENT_SOCK_STATE,
        [TCPLENS_CLOSED] = EVENT_SOCK_STATE,
        [TCPLENS_REQUEST_START] = EVENT_REQUEST_START,
        [TCPLENS_REQUEST_RETRY] = EVENT_REQUEST_RETRY,
        [TCPLENS_REQUEST_END] = EVENT_REQUEST_END,
        [TCPLENS_REQUEST_EXPIRED] = EVENT_REQUEST_EXPIRED,
        [TCPLENS_OVERFLOW] = EVENT_OVERFLOW,
        [TCPLENS_COOKIE] = EVENT_COOKIE,
        [TCPLENS_ACCEPT_QUEUED] = EVENT_ACCEPT_QUEUED,
        [TCPLENS_ACCEPT] = EVENT_ACCEPT,
        [TCPLENS_LISTENED] = EVENT_LISTENED,
        [TCPLENS_KEEPALIVE] = EVENT_KEEPALIVE,
        [TCPLENS_FIN_WAIT_2] = EVENT_FIN_WAIT_2,
        [TCPLENS_TIMEWAIT_START] = EVENT_TIMEWAIT_START,
        [TCPLENS_TIMEWAIT_CHANGE] = EVENT_TIMEWAIT_CHANGE,
        [TCPLENS_TIMEWAIT_EXPIRED] = EVENT_TIMEWAIT_EXPIRED,
        [TCPLENS_TIMEWAIT_KILLED] = EVENT_TIMEWAIT_KILLED,
        [TCPLENS_RETRANSMIT] = EVENT_RETRANSMIT,
        [TCPLENS_RESET_SENT] = EVENT_RESET,
        [TCPLENS_RESET_RECEIVED] = EVENT_RESET,
        [TCPLENS_SNAPSHOT] = EVENT_SNAPSHOT,
        [TCPLENS_CALL] = EVENT_CALL,
    };
    struct event *out = ret_event;

    *out = (struct event){
        .ts_ns = trace_clock_from_monotonic(d->clock, e->ts_ns),
        .kind = kinds[e->kind],
        .source = WITNESS_KERNEL,
        .netns = e->flow.netns,
        .cookie = e->cookie,
        .local = endpoint_of(e->flow.laddr, e->flow.lport),
        .remote = endpoint_of(e->flow.raddr, e->flow.rport),
    };

    switch (out->kind) {
    case EVENT_SOCK_STATE:
        out->sock.from = bpf_state(e->from);
        out->sock.to = bpf_state(e->to);
        out->sock.task_context = e->in_task;
        out->sock.call = e->during != TCPLENS_CALL_NONE ? call_name(e->during) : NULL;
        if (e->kind == TCPLENS_STATE && e->has_queue)
            out->sock.depth = depth_of(e);
        if (e->kind == TCPLENS_CLOSED)
            out->sock.ending = ending_of(e);
        task_of(e, &out->sock.task);
        break;
    case EVENT_REQUEST_START:
    case EVENT_REQUEST_RETRY:
    case EVENT_REQUEST_END:
    case EVENT_REQUEST_EXPIRED:
    case EVENT_OVERFLOW:
    case EVENT_COOKIE:
    case EVENT_ACCEPT_QUEUED:
    case EVENT_LISTENED:
    case EVENT_ACCEPT:
        out->queue.depth = depth_of(e);
        out->queue.of_ack = e->to == KERNEL_SYN_RECV;
        out->queue.call = (struct call){
            .name = e->queue.accept4 ? "accept4" : "accept",
            .fd = e->queue.fd,
            .ret = e->queue.ret,
            .duration_ns = e->queue.duration_ns,
        };
        task_of(e, &out->queue.call.task);
        break;
    case EVENT_TIMEWAIT_START:
    case EVENT_TIMEWAIT_CHANGE:
    case EVENT_TIMEWAIT_EXPIRED:
    case EVENT_TIMEWAIT_KILLED:
        out->timewait.substate = bpf_state(e->to);
        out->timewait.expires_ns = deadline(d, e);
        break;
    case EVENT_SNAPSHOT:
        out->snapshot.state = bpf_state(e->to);
        out->snapshot.minisock = e->from == KERNEL_TIME_WAIT;
        out->snapshot.request = e->to == KERNEL_NEW_SYN_RECV;
        if (out->snapshot.minisock)
            out->snapshot.expires_ns = deadline(d, e);
        if (out->snapshot.state == TCP_STATE_LISTEN)
            out->snapshot.depth = depth_of(e);
        task_of(e, &out->snapshot.owner);
        break;
    case EVENT_RETRANSMIT:
        out->retransmit.state = bpf_state(e->to);
        out->retransmit.count = e->retransmit.count;
        out->retransmit.rto_ns =
            (uint64_t)e->retransmit.rto * 1000000000 / ticks_per_second(d, e->retransmit.jiffies, e->ts_ns);
        break;
    case EVENT_KEEPALIVE: out->keepalive.not_idle = e->keepalive.not_idle; break;
    case EVENT_FIN_WAIT_2: break;
    case EVENT_CALL:
        if (!call_of(e, out))
            return false;
        break;
    case EVENT_RESET:
        out->reset.sent = e->kind == TCPLENS_RESET_SENT;
        out->reset.of_orphan = e->reset.of_orphan;
        if (e->reset.reason >= 0 && e->reset.reason < BPF_RESET_REASONS_MAX && d->reset_reasons[e->reset.reason])
            strncpy(out->reset.reason, d->reset_reasons[e->reset.reason], sizeof(out->reset.reason) - 1);
        break;
    default: return false;
    }
    return true;
}
