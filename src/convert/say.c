#include "say.h"

#include <stdio.h>
#include <string.h>

#include "tcplens/base/line.h"
#include "tcplens/trace/encode.h"
#include "tcplens/trace/sentence.h"

const char *say_duration(uint64_t ns, char buf[static 32])
{
    if (ns < 1000)
        snprintf(buf, 32, "%llu ns", (unsigned long long)ns);
    else if (ns < 500000)
        snprintf(buf, 32, "%llu µs", (unsigned long long)(ns / 1000));
    else if (ns < 1000000000)
        snprintf(buf, 32, "%llu.%03llu ms", (unsigned long long)(ns / 1000000), (unsigned long long)(ns / 1000 % 1000));
    else
        snprintf(buf, 32, "%llu.%03llu s", (unsigned long long)(ns / 1000000000),
                 (unsigned long long)(ns / 1000000 % 1000));
    return buf;
}

const char *say_end(const struct change *c)
{
    return (unsigned)c->end < END_N ? end_name(c->end) : "end";
}

/* The words of the bits that are set. */
static const char *say_bits(uint32_t bits, unsigned count, const char *(*name)(unsigned bit), const char *between,
                            char buf[static SAY_MAX])
{
    size_t len = 0;

    *buf = '\0';
    for (unsigned bit = 0; bit < count && len < SAY_MAX; bit++)
        if (bits & 1u << bit)
            len += (size_t)snprintf(buf + len, SAY_MAX - len, "%s%s", len ? between : "", name(bit));
    return buf;
}

const char *say_notes(uint32_t notes, char buf[static SAY_MAX])
{
    return say_bits(notes, NOTE_N, segment_note_name, ", ", buf);
}

const char *say_flags(unsigned flags, char buf[static SAY_MAX])
{
    say_bits(flags, FLAG_N, segment_flag_name, ",", buf);
    return *buf ? buf : "no flags";
}

static void add_task(struct line *l, const struct task *task)
{
    line_add_untrusted(l, task->comm, sizeof(task->comm));
    line_addf(l, "[%u]", task->pid);
}

static void say_connection(struct line *l, const struct change *c)
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    line_addf(l, "connection %u: client %s, server %s", c->conn, endpoint_format(&c->connection.client, client),
              endpoint_format(&c->connection.server, server));
    if (c->connection.before_trace)
        line_add(l, ", open before the trace began");
    if (c->connection.roles_assumed)
        line_add(l, ", roles are a guess");
    for (const struct tunnel *t = c->connection.tunnel; t; t = t->outer)
        line_addf(l, ", in %s", tunnel_type_name(t->hop.type));
}

static void say_state(struct line *l, const struct change *c)
{
    line_addf(l, "%s %s → %s", say_end(c), tcp_state_name(c->state.from), tcp_state_name(c->state.to));
    if (c->state.rfc)
        line_addf(l, " (%.64s)", c->state.rfc);
    line_addf(l, ", %s, %s", witness_name(c->state.source), how_name(c->state.how));
    if (c->state.object == OBJECT_REQUEST || c->state.object == OBJECT_TIMEWAIT)
        line_addf(l, ", %s", c->state.object == OBJECT_REQUEST ? "request sock" : "minisock");
    if (c->state.owner.pid) {
        line_add(l, ", ");
        add_task(l, &c->state.owner);
    }
    if (c->state.error)
        line_addf(l, ", %s", trace_errno_name((unsigned)c->state.error, (char[TRACE_ERRNO_NAME_MAX]){ 0 }));
}

static void say_segment(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    char buf[SAY_MAX];

    line_addf(l, "%s seq=%lld", say_flags(s->flags, buf), (long long)c->segment.seq);
    if (s->flags & SEGMENT_ACK)
        line_addf(l, " ack=%lld", (long long)c->segment.ack);
    if (s->payload_len)
        line_addf(l, " len=%u", s->payload_len);
    if (c->segment.window == 0 && !(s->flags & SEGMENT_RST))
        line_add(l, " win=0");
    if (*say_notes(c->segment.notes, buf))
        line_addf(l, " (%s)", buf);
}

static void say_args(struct line *l, const struct call *call)
{
    const char *comma = call->fd >= 0 ? ", " : "";

    if (call->fd >= 0)
        line_addf(l, "%d", call->fd);
    for (unsigned i = 0; i < CALL_ARGS_MAX && call->args[i].name; i++) {
        line_addf(l, "%s%.32s=", comma, call->args[i].name);
        if (call->args[i].text)
            line_add_untrusted(l, call->args[i].text, 64);
        else
            line_addf(l, "%lld", (long long)call->args[i].number);
        comma = ", ";
    }
}

static void say_call(struct line *l, const struct change *c)
{
    const struct call *call = &c->call.call;
    char buf[32];

    if (c->call.has_end)
        line_addf(l, "%s ", say_end(c));
    add_task(l, &call->task);
    line_addf(l, " %.32s(", call->name);
    say_args(l, call);
    line_add(l, ")");
    if (call->blocked)
        line_add(l, " goes on");
    else if (call->ret < 0)
        line_addf(l, " = %s", trace_errno_name(0U - (unsigned)call->ret, (char[TRACE_ERRNO_NAME_MAX]){ 0 }));
    else
        line_addf(l, " = %lld", (long long)call->ret);
    if (call->duration_ns)
        line_addf(l, ", %s", say_duration(call->duration_ns, buf));
}

static void say_listener(struct line *l, const struct change *c)
{
    char where[ENDPOINT_TEXT_MAX];

    line_addf(l, "listener %u at %s", c->listener, endpoint_format(&c->listening.addr, where));
    if (c->listening.closed)
        line_add(l, " closed");
    else
        line_addf(l, ", its accept queue holds %u", c->listening.backlog + 1);
    if (c->listening.owner.pid) {
        line_add(l, ", ");
        add_task(l, &c->listening.owner);
    }
}

static void say_queue(struct line *l, const struct change *c)
{
    line_addf(l, "listener %u: SYN queue %u, accept queue %u of %u, %s", c->listener, c->queue.syn, c->queue.accept,
              c->queue.limit, queue_why_name(c->queue.why));
    if (c->queue.why == QUEUE_OVERFLOW)
        line_addf(l, ", %s, %u dropped", cause_name(c->queue.cause), c->queue.drops);
}

static void say_timer(struct line *l, const struct change *c)
{
    char buf[32];

    line_addf(l, "%s timer %s ", say_end(c), timer_name(c->timer.name));
    if (c->timer.phase == TIMER_FIRED)
        line_add(l, "fired");
    else if (c->timer.phase == TIMER_CANCELLED)
        line_add(l, "cancelled");
    else
        line_addf(l, "set: %s", say_duration(c->timer.expires_ns > c->ts_ns ? c->timer.expires_ns - c->ts_ns : 0, buf));
    if (c->timer.why)
        line_addf(l, ", %s", timer_why_name(c->timer.why));
    if (c->timer.count)
        line_addf(l, ", %u in a row", c->timer.count);
    if (c->timer.rto_ns)
        line_addf(l, ", after %s", say_duration(c->timer.rto_ns, buf));
}

static void say_reset(struct line *l, const struct change *c)
{
    line_addf(l, "%s %s RST", say_end(c), c->reset.sent ? "sends" : "receives");
    if (c->reset.reason[0]) {
        line_add(l, ": ");
        line_add_untrusted(l, c->reset.reason, sizeof(c->reset.reason));
    }
}

static void say_gap(struct line *l, const struct change *c)
{
    line_addf(l, "%llu events lost: %s ", (unsigned long long)c->gap.lost, witness_name(c->gap.source));
    line_add_untrusted(l, c->gap.hook, sizeof(c->gap.hook));
}

static void say_process(struct line *l, const struct change *c)
{
    add_task(l, &c->process.task);
    line_addf(l, ": %s", process_event_name(c->process.event));
    if (c->process.event == PROCESS_EXIT)
        line_addf(l, ", status %u", c->process.status);
}

static void say_lab(struct line *l, const struct change *c)
{
    line_add(l, "lab ");
    line_add_untrusted(l, c->lab.actor ? c->lab.actor : c->lab.lab, 64);
    if (c->lab.op)
        line_addf(l, ": %.32s", c->lab.op);
    if (c->lab.text) {
        line_add(l, " ");
        line_add_untrusted(l, c->lab.text, LAB_TEXT_MAX);
    }
}

static void say_by_kind(struct line *l, const struct change *c)
{
    char buf[VERDICT_TEXT_MAX], addr[ADDR_TEXT_MAX], from[ENDPOINT_TEXT_MAX];

    switch (c->kind) {
    case CHANGE_CONNECTION: say_connection(l, c); break;
    case CHANGE_STATE: say_state(l, c); break;
    case CHANGE_OBJECT:
        line_addf(l, "%s %s: %s → %s", say_end(c), tcp_state_name(c->object.state), object_name(c->object.from),
                  object_name(c->object.to));
        break;
    case CHANGE_SEGMENT: say_segment(l, c); break;
    case CHANGE_ARRIVAL:
        line_addf(l, "segment arrives at %s, after %s", say_end(c), say_duration(c->arrival.delay_ns, buf));
        break;
    case CHANGE_ICMP:
        line_addf(l, "ICMP %s to %s, by %s", icmp_error_name(c->icmp.error), say_end(c),
                  addr_format(&c->icmp.by, addr));
        break;
    case CHANGE_CALL: say_call(l, c); break;
    case CHANGE_LISTENER: say_listener(l, c); break;
    case CHANGE_QUEUE: say_queue(l, c); break;
    case CHANGE_TIMER: say_timer(l, c); break;
    case CHANGE_RESET: say_reset(l, c); break;
    case CHANGE_DISAGREEMENT:
        line_addf(l, "%s: the kernel says %s, the packets say %s", say_end(c), tcp_state_name(c->disagreement.kernel),
                  tcp_state_name(c->disagreement.wire));
        break;
    case CHANGE_GAP: say_gap(l, c); break;
    case CHANGE_OUTCOME:
        verdict_format(c, buf, sizeof(buf));
        line_add(l, buf);
        break;
    case CHANGE_FINDING:
        line_addf(l, "%s: ", severity_name(c->finding.severity));
        line_add_untrusted(l, c->finding.text, FINDING_TEXT_MAX);
        break;
    case CHANGE_PROCESS: say_process(l, c); break;
    case CHANGE_COUNTER: line_addf(l, "%.64s %+lld", c->counter.name, (long long)c->counter.delta); break;
    case CHANGE_DATAGRAM:
        line_addf(l, "UDP %s > %s len=%u", endpoint_format(&c->datagram.datagram.src, from),
                  endpoint_format(&c->datagram.datagram.dst, buf), c->datagram.datagram.len);
        if (c->datagram.datagram.is_error)
            line_addf(l, ", refused: ICMP %s by %s", icmp_error_name(c->datagram.datagram.error),
                      addr_format(&c->datagram.datagram.by, addr));
        break;
    case CHANGE_LAB: say_lab(l, c); break;
    default: line_add(l, change_kind_name(c->kind)); break; /* one that has no words of its own yet */
    }
}

/* In place of its newline. */
static const char *finish(struct line *l, char *buf)
{
    const size_t len = line_end(l);

    buf[len ? len - 1 : 0] = '\0';
    return buf;
}

const char *say_task(const struct task *task, char buf[static SAY_MAX])
{
    struct line l = line_begin(buf, SAY_MAX, false);

    add_task(&l, task);
    return finish(&l, buf);
}

const char *say(const struct change *c, char buf[static SAY_MAX])
{
    struct line l = line_begin(buf, SAY_MAX, false);

    say_by_kind(&l, c);
    return finish(&l, buf);
}
