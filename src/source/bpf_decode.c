/* What the kernel side wrote, in the words of the model: RFC names, trace time, endpoints. */
#include "bpf_decode.h"

#include <linux/eventpoll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/sockopts.h"

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

    return trace_clock_from_kernel(d->clock, e->ts_ns) + (uint64_t)(left * 1000000000 / hz);
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
        .signature = e->queue.signature,
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
        .linger2 = flags & TCPLENS_ENDING_LINGER2,
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
        [TCPLENS_CALL_SOCKET] = "socket",
        [TCPLENS_CALL_BIND] = "bind",
        [TCPLENS_CALL_LISTEN] = "listen",
        [TCPLENS_CALL_CONNECT] = "connect",
        [TCPLENS_CALL_ACCEPT] = "accept",
        [TCPLENS_CALL_ACCEPT4] = "accept4",
        [TCPLENS_CALL_SHUTDOWN] = "shutdown",
        [TCPLENS_CALL_CLOSE] = "close",
        [TCPLENS_CALL_SETSOCKOPT] = "setsockopt",
        [TCPLENS_CALL_GETSOCKOPT] = "getsockopt",
        [TCPLENS_CALL_READ] = "read",
        [TCPLENS_CALL_WRITE] = "write",
        [TCPLENS_CALL_READV] = "readv",
        [TCPLENS_CALL_WRITEV] = "writev",
        [TCPLENS_CALL_SENDTO] = "sendto",
        [TCPLENS_CALL_RECVFROM] = "recvfrom",
        [TCPLENS_CALL_SENDMSG] = "sendmsg",
        [TCPLENS_CALL_RECVMSG] = "recvmsg",
        [TCPLENS_CALL_SENDMMSG] = "sendmmsg",
        [TCPLENS_CALL_RECVMMSG] = "recvmmsg",
        [TCPLENS_CALL_SENDFILE] = "sendfile",
        [TCPLENS_CALL_EPOLL_CTL] = "epoll_ctl",
        [TCPLENS_CALL_PSELECT6] = "pselect6",
        [TCPLENS_CALL_PPOLL] = "ppoll",
        [TCPLENS_CALL_EPOLL_PWAIT] = "epoll_pwait",
        [TCPLENS_CALL_EPOLL_PWAIT2] = "epoll_pwait2",
        [TCPLENS_CALL_SELECT] = "select",
        [TCPLENS_CALL_POLL] = "poll",
        [TCPLENS_CALL_EPOLL_WAIT] = "epoll_wait",
    };
    _Static_assert(sizeof(names) / sizeof(*names) == TCPLENS_CALL_N, "a name for each call");

    return id < TCPLENS_CALL_N ? names[id] : NULL;
}

static void add_text(struct call_arg **at, const char *name, const char *text)
{
    *(*at)++ = (struct call_arg){ .name = name, .text = text };
}

static void add_number(struct call_arg **at, const char *name, int64_t number)
{
    *(*at)++ = (struct call_arg){ .name = name, .number = number };
}

/* The options that decide what TCP and UDP do; of others nothing is told. */
#define OPTIONS(X)                                                                                                     \
    SOCKOPTS(X)                                                                                                        \
    X(SOL_SOCKET, SO_ERROR)                                                                                            \
    X(SOL_SOCKET, SO_BROADCAST)                                                                                        \
    X(IPPROTO_IPV6, IPV6_V6ONLY)                                                                                       \
    X(IPPROTO_TCP, TCP_FASTOPEN_CONNECT)

/* False: of no interest. */
static bool add_option(struct call_arg **at, uint64_t number)
{
    static const struct {
        int level, option;
        const char *level_name, *name;
    } options[] = {
#define ROW(level, option) { level, option, #level, #option },
        OPTIONS(ROW)
#undef ROW
    };

    for (unsigned i = 0; i < sizeof(options) / sizeof(*options); i++) {
        if ((int)(number >> 32) != options[i].level || (int)number != options[i].option)
            continue;
        add_text(at, "level", options[i].level_name);
        add_text(at, "option", options[i].name);
        return true;
    }
    return false;
}

static bool add_option_value(struct call_arg **at, const __u64 args[3])
{
    const uint64_t value = args[TCPLENS_ARG_VALUE], size = args[TCPLENS_ARG_SIZE];
    const bool linger = args[TCPLENS_ARG_OPTION] == ((uint64_t)SOL_SOCKET << 32 | SO_LINGER);

    if (!add_option(at, args[TCPLENS_ARG_OPTION]))
        return false;
    if (linger && size == 8) {
        add_number(at, "on", (int)value);
        add_number(at, "s", (int)(value >> 32));
    } else if (!linger && size) {
        add_number(at, "value", (int)value);
    }
    return true;
}

static uint16_t events_of(uint32_t kernel)
{
    static const uint32_t bits[] = {
        [POLL_EVENT_IN] = EPOLLIN,         [POLL_EVENT_PRI] = EPOLLPRI,         [POLL_EVENT_OUT] = EPOLLOUT,
        [POLL_EVENT_ERR] = EPOLLERR,       [POLL_EVENT_HUP] = EPOLLHUP,         [POLL_EVENT_NVAL] = EPOLLNVAL,
        [POLL_EVENT_RDNORM] = EPOLLRDNORM, [POLL_EVENT_RDBAND] = EPOLLRDBAND,   [POLL_EVENT_WRNORM] = EPOLLWRNORM,
        [POLL_EVENT_WRBAND] = EPOLLWRBAND, [POLL_EVENT_RDHUP] = EPOLLRDHUP,     [POLL_EVENT_EXCLUSIVE] = EPOLLEXCLUSIVE,
        [POLL_EVENT_WAKEUP] = EPOLLWAKEUP, [POLL_EVENT_ONESHOT] = EPOLLONESHOT, [POLL_EVENT_ET] = EPOLLET,
    };
    uint16_t events = 0;

    _Static_assert(sizeof(bits) / sizeof(*bits) == POLL_EVENT_N, "a bit for each");
    for (unsigned i = 0; i < POLL_EVENT_N; i++)
        events |= (uint16_t)(kernel & bits[i] ? 1u << i : 0);
    return events;
}

static struct bpf_watch *watch_at(struct bpf_decoder *d, uint32_t pid, int epoll, uint64_t data)
{
    const uint64_t key = (data ^ (uint64_t)pid << 40 ^ (uint64_t)(uint32_t)epoll << 20) * 0x9e3779b97f4a7c15ull;

    return &d->watches[key >> 52];
}

static void take_epoll_ctl(struct bpf_decoder *d, const struct tcplens_event *e, struct event *out)
{
    static const char *const ops[] = { [EPOLL_CTL_ADD] = "ADD", [EPOLL_CTL_DEL] = "DEL", [EPOLL_CTL_MOD] = "MOD" };
    const uint64_t op = e->call.args[TCPLENS_ARG_OP] >> 32, data = e->call.args[TCPLENS_ARG_DATA];
    struct call_arg *at = out->call.call.args;
    const int fd = (int)e->call.args[TCPLENS_ARG_OP];

    _Static_assert(BPF_WATCHES_MAX == 1 << 12, "the hash takes twelve bits");
    add_text(&at, "op", op >= EPOLL_CTL_ADD && op <= EPOLL_CTL_MOD ? ops[op] : "?");
    add_number(&at, "fd", fd);
    if (op == EPOLL_CTL_DEL)
        return;
    out->call.waiting.events = events_of((uint32_t)e->call.args[TCPLENS_ARG_EVENTS]);
    if (e->call.ret == 0 && !e->call.blocked)
        *watch_at(d, e->pid, e->call.fd, data) =
            (struct bpf_watch){ .pid = e->pid, .epoll = e->call.fd, .fd = fd, .data = data };
}

static void take_wait(struct bpf_decoder *d, const struct tcplens_event *e, struct event *out)
{
    const struct tcplens_ready *r = (const struct tcplens_ready *)e;
    const uint64_t watched = e->call.args[TCPLENS_ARG_WATCHED];
    struct waiting *w = &out->call.waiting;
    struct call_arg *at = out->call.call.args;

    if (watched != UINT64_MAX)
        add_number(&at, "watched", (int64_t)(watched & INT64_MAX));
    add_number(&at, "timeout_ns", (int64_t)e->call.args[TCPLENS_ARG_TIMEOUT]);
    if (e->kind != TCPLENS_READY)
        return;
    for (unsigned i = 0; i < r->count && i < TCPLENS_READY_MAX; i++) {
        const struct bpf_watch *watch = watch_at(d, e->pid, e->call.fd, r->ready[i].data);
        const bool known = watch->pid == e->pid && watch->epoll == e->call.fd && watch->data == r->ready[i].data;

        w->ready[w->count].fd = e->call.fd < 0 ? r->ready[i].fd : known ? watch->fd : -1;
        w->ready[w->count++].events = events_of(r->ready[i].events);
    }
}

/* False: not worth telling. */
static bool call_of(struct bpf_decoder *d, const struct tcplens_event *e, struct event *out)
{
    static const char *const how[] = { [SHUT_RD] = "SHUT_RD", [SHUT_WR] = "SHUT_WR", [SHUT_RDWR] = "SHUT_RDWR" };
    struct call *call = &out->call.call;
    struct call_arg *at = call->args;

    call->name = call_name(e->call.id);
    if (!call->name)
        return false;
    out->call.socket = e->call.socket;
    out->call.is_udp = e->call.socket && e->from == IPPROTO_UDP;
    out->call.state = bpf_state(e->to);
    call->fd = e->call.fd;
    call->blocked = e->call.blocked;
    call->ret = call->blocked ? 0 : e->call.ret;
    call->duration_ns = e->call.duration_ns;
    task_of(e, &call->task);
    switch (e->call.id) {
    case TCPLENS_CALL_LISTEN: add_number(&at, "backlog", (int)e->call.args[0]); break;
    case TCPLENS_CALL_SHUTDOWN: add_text(&at, "how", e->call.args[0] < 3 ? how[e->call.args[0]] : "?"); break;
    case TCPLENS_CALL_SETSOCKOPT:
    case TCPLENS_CALL_GETSOCKOPT: return add_option_value(&at, e->call.args);
    case TCPLENS_CALL_READ:
    case TCPLENS_CALL_WRITE:
    case TCPLENS_CALL_SENDTO:
    case TCPLENS_CALL_RECVFROM: add_number(&at, "len", (int64_t)(e->call.args[1] & INT64_MAX)); break;
    case TCPLENS_CALL_EPOLL_CTL: take_epoll_ctl(d, e, out); break;
    default:
        if (e->call.id > TCPLENS_CALL_EPOLL_CTL)
            take_wait(d, e, out);
        break;
    }
    return true;
}

static void process_of(const struct tcplens_event *e, struct event *out)
{
    static const uint8_t events[] = {
        [TCPLENS_PROCESS_FORK] = PROCESS_FORK,
        [TCPLENS_PROCESS_THREAD] = PROCESS_THREAD,
        [TCPLENS_PROCESS_EXEC] = PROCESS_EXEC,
        [TCPLENS_PROCESS_EXIT] = PROCESS_EXIT,
    };
    const int code = e->process.code;

    out->process.event = events[e->process.event % sizeof(events)];
    out->process.parent = e->process.parent;
    out->process.status = (uint16_t)(WIFSIGNALED(code) ? 128 + WTERMSIG(code) : WEXITSTATUS(code));
    const uint64_t ticks = e->process.user_ns + e->process.system_ns;
    const uint64_t cpu_ns = e->process.cpu_ns;
    /* as cputime_adjust() of the kernel does it for getrusage(2) */
    const uint64_t system_ns = ticks ? (uint64_t)((long double)cpu_ns * e->process.system_ns / ticks) : 0;

    out->process.cost = (struct cost){
        .cpu_ns = cpu_ns,
        .user_ns = ticks ? cpu_ns - system_ns : 0,
        .system_ns = system_ns,
        .nvcsw = e->process.nvcsw,
        .nivcsw = e->process.nivcsw,
        .maxrss_kb = e->process.max_pages * ((uint64_t)sysconf(_SC_PAGESIZE) / 1024),
    };
    task_of(e, &out->process.task);
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
        [TCPLENS_READY] = EVENT_CALL,
        [TCPLENS_PERSIST] = EVENT_PERSIST,
        [TCPLENS_PROCESS] = EVENT_PROCESS,
        [TCPLENS_UNSIGNED] = EVENT_UNSIGNED,
    };
    struct event *out = ret_event;

    *out = (struct event){
        .ts_ns = trace_clock_from_kernel(d->clock, e->ts_ns),
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
    case EVENT_PROCESS: process_of(e, out); break;
    case EVENT_PERSIST:
        out->retransmit.state = bpf_state(e->to);
        out->retransmit.count = e->retransmit.count;
        break;
    case EVENT_KEEPALIVE: out->keepalive.not_idle = e->keepalive.not_idle; break;
    case EVENT_UNSIGNED:
    case EVENT_FIN_WAIT_2: break;
    case EVENT_CALL:
        if (!call_of(d, e, out))
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
