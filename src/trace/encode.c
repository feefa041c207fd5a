/* Theory of operation. A record is written straight into the caller's buffer, field after field, each put_ function
 * returning where the next one begins. Nothing is allocated and nothing is checked against the end of the buffer:
 * every number has at most 20 digits, every word comes from a table, every text is cut to the cap given with it. So
 * the longest line of each kind is known beforehand (the tests write it: below 2 KiB) and lies far under
 * TRACE_LINE_MAX. */
#include "tcplens/trace/encode.h"

#include <stdio.h>
#include <string.h>

#include "tcplens/base/json.h"

/* Bytes of text that reach the trace; names that we choose ourselves are shorter. */
#define KERNEL_STATE_MAX 32
#define RFC_MAX 64
#define CALL_NAME_MAX 32

#define PUT JSON_PUT
#define PUT_KEY JSON_PUT_KEY
#define PUT_U64(p, key, value) json_put_u64(PUT_KEY(p, key), value)
#define PUT_WORD(p, key, value) json_put_word(PUT_KEY(p, key), value)
#define PUT_TEXT(p, key, text, max) json_put_text(PUT_KEY(p, key), text, max)

static char *put_addr_port(char *p, const struct endpoint *e)
{
    char text[ADDR_TEXT_MAX];

    p = PUT(p, "\"addr\":");
    p = json_put_word(p, addr_format(&e->addr, text));
    return PUT_U64(p, "port", e->port);
}

static char *put_kernel(char *p, const char *state, enum object object)
{
    p = PUT(p, ",\"kernel\":{\"state\":");
    p = json_put_text(p, state, KERNEL_STATE_MAX);
    p = PUT_WORD(p, "object", object_name(object));
    return PUT(p, "}");
}

static char *put_owner(char *p, const struct task *owner)
{
    p = PUT(p, ",\"owner\":{\"pid\":");
    p = json_put_u64(p, owner->pid);
    p = PUT_TEXT(p, "comm", owner->comm, sizeof(owner->comm));
    return PUT(p, "}");
}

static char *put_connection(char *p, const struct change *c)
{
    p = PUT_U64(p, "conn", c->conn);
    p = PUT(p, ",\"client\":{");
    p = put_addr_port(p, &c->connection.client);
    p = PUT(p, "},\"server\":{");
    p = put_addr_port(p, &c->connection.server);
    p = PUT(p, "}");
    p = PUT_WORD(p, "family", addr_is_ipv4(&c->connection.client.addr) ? "ipv4" : "ipv6");
    if (c->connection.netns)
        p = PUT_U64(p, "netns", c->connection.netns);
    p = PUT_KEY(p, "local");
    if (c->connection.local[END_CLIENT] && c->connection.local[END_SERVER])
        p = PUT(p, "[\"client\",\"server\"]");
    else if (c->connection.local[END_CLIENT])
        p = PUT(p, "[\"client\"]");
    else if (c->connection.local[END_SERVER])
        p = PUT(p, "[\"server\"]");
    else
        p = PUT(p, "[]");
    if (c->connection.before_trace)
        p = PUT_WORD(p, "since", "before-trace");
    if (c->connection.roles_assumed)
        p = PUT_WORD(p, "roles", "assumed");
    return p;
}

static char *put_state_words(char *p, const struct change *c)
{
    p = PUT_WORD(p, "end", end_name(c->end));
    p = PUT_WORD(p, "from", tcp_state_name(c->state.from));
    p = PUT_WORD(p, "to", tcp_state_name(c->state.to));
    p = PUT_WORD(p, "how", how_name(c->state.how));
    p = PUT_WORD(p, "source", witness_name(c->state.source));
    return c->state.rfc ? PUT_TEXT(p, "rfc", c->state.rfc, RFC_MAX) : p;
}

/* Enough for put_state_words(): keys and words, and a label of which every byte is escaped. */
#define STATE_WORDS_MAX (128 + 6 * RFC_MAX)

/* The words are put together once: there are few different steps, and millions of each. A label is a constant, known
 * by its address. */
static char *put_state_words_again(char *p, const struct change *c)
{
    static _Thread_local struct {
        const char *rfc;
        enum how how;
        enum witness source;
        size_t len;
        char text[STATE_WORDS_MAX];
    } known[END_N][TCP_STATE_N][TCP_STATE_N], *w;

    if ((unsigned)c->end >= END_N || (unsigned)c->state.from >= TCP_STATE_N || (unsigned)c->state.to >= TCP_STATE_N)
        return put_state_words(p, c);
    w = &known[c->end][c->state.from][c->state.to];
    if (!w->len || w->rfc != c->state.rfc || w->how != c->state.how || w->source != c->state.source) {
        w->rfc = c->state.rfc;
        w->how = c->state.how;
        w->source = c->state.source;
        w->len = (size_t)(put_state_words(w->text, c) - w->text);
    }
    return json_put(p, w->text, w->len);
}

static char *put_state(char *p, const struct change *c)
{
    p = PUT_U64(p, "conn", c->conn);
    p = put_state_words_again(p, c);
    if (c->because)
        p = PUT_U64(p, "because", c->because);
    if (c->state.kernel_state)
        p = put_kernel(p, c->state.kernel_state, c->state.object);
    if (c->state.owner.pid)
        p = put_owner(p, &c->state.owner);
    if (c->state.call)
        p = PUT_TEXT(p, "call", c->state.call, CALL_NAME_MAX);
    return p;
}

static char *put_object(char *p, const struct change *c)
{
    p = PUT_U64(p, "conn", c->conn);
    p = PUT_WORD(p, "end", end_name(c->end));
    p = PUT_WORD(p, "from", object_name(c->object.from));
    p = PUT_WORD(p, "to", object_name(c->object.to));
    p = PUT_WORD(p, "state", tcp_state_name(c->object.state));
    if (c->object.kernel_state)
        p = put_kernel(p, c->object.kernel_state, c->object.to);
    return p;
}

/* In a list every item is written with a comma before it; the first one's is then overwritten by the bracket. */
static char *put_options(char *p, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    char *open;

    p = PUT_KEY(p, "options");
    open = p;
    if (s->options & SEGMENT_OPT_MSS)
        p = PUT_U64(p, "mss", s->mss);
    if (s->options & SEGMENT_OPT_SACK_OK)
        p = PUT(p, ",\"sack_ok\":true");
    if (s->options & SEGMENT_OPT_SACK) {
        p = PUT(p, ",\"sack\":[");
        for (unsigned i = 0; i < s->sack_count && i < SEGMENT_SACK_MAX; i++) {
            p = i ? PUT(p, ",[") : PUT(p, "[");
            p = json_put_u64(p, c->segment.sack[i][0]);
            p = PUT(p, ",");
            p = json_put_u64(p, c->segment.sack[i][1]);
            p = PUT(p, "]");
        }
        p = PUT(p, "]");
    }
    if (s->options & SEGMENT_OPT_TS) {
        p = PUT(p, ",\"ts\":[");
        p = json_put_u64(p, s->ts_val);
        p = PUT(p, ",");
        p = json_put_u64(p, s->ts_ecr);
        p = PUT(p, "]");
    }
    if (s->options & SEGMENT_OPT_WSCALE)
        p = PUT_U64(p, "wscale", s->wscale);
    if (s->options & SEGMENT_OPT_TFO)
        p = PUT_U64(p, "tfo", s->tfo_len);
    if (s->options & SEGMENT_OPT_MPTCP)
        p = PUT(p, ",\"mptcp\":true");
    *open = '{';
    return PUT(p, "}");
}

static char *put_flags(char *p, unsigned flags)
{
    /* By bit: the order of the format is that of the header. */
    static const char names[][4] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };
    char *open;

    p = PUT_KEY(p, "flags");
    open = p;
    flags &= (1U << sizeof(names) / sizeof(names[0])) - 1;
    if (!flags)
        return PUT(p, "[]");
    for (; flags; flags &= flags - 1) {
        *p++ = ',';
        p = json_put_word(p, names[__builtin_ctz(flags)]);
    }
    *open = '[';
    return PUT(p, "]");
}

static char *put_notes(char *p, unsigned notes)
{
    char *open;

    p = PUT_KEY(p, "notes");
    open = p;
    for (; notes; notes &= notes - 1) {
        *p++ = ',';
        p = json_put_word(p, segment_note_name((unsigned)__builtin_ctz(notes)));
    }
    *open = '[';
    return PUT(p, "]");
}

static char *put_segment(char *p, const struct change *c)
{
    const unsigned known_options = SEGMENT_OPT_MSS | SEGMENT_OPT_WSCALE | SEGMENT_OPT_SACK_OK | SEGMENT_OPT_SACK |
                                   SEGMENT_OPT_TS | SEGMENT_OPT_TFO | SEGMENT_OPT_MPTCP;
    const struct segment *s = &c->segment.segment;
    const unsigned notes = c->segment.notes & ((1U << NOTE_N) - 1);

    p = PUT_U64(p, "conn", c->conn);
    p = PUT_WORD(p, "from", end_name(c->end));
    p = put_flags(p, s->flags);
    p = PUT_U64(p, "seq", c->segment.seq);
    if (s->flags & SEGMENT_SYN)
        p = PUT_U64(p, "seq_abs", s->seq);
    if (s->flags & SEGMENT_ACK)
        p = PUT_U64(p, "ack", c->segment.ack);
    p = PUT_U64(p, "len", s->payload_len);
    p = PUT_U64(p, "win", c->segment.window);
    if (s->options & known_options)
        p = put_options(p, c);
    if (notes)
        p = put_notes(p, notes);
    if (c->segment.dup_ack)
        p = PUT_U64(p, "dup_ack", c->segment.dup_ack);
    if (c->segment.rtt_ns)
        p = PUT_U64(p, "rtt_ns", c->segment.rtt_ns);
    return s->cut ? PUT(p, ",\"cut\":true") : p;
}

/* A system call that a signal interrupted returns one of these to the tracer; the application never sees them and
 * <errno.h> does not have them (linux/errno.h). */
static const char *errno_name(unsigned code, char buf[static 16])
{
    const char *name = strerrorname_np((int)code);

    switch (code) {
    case 512: return "ERESTARTSYS";
    case 513: return "ERESTARTNOINTR";
    case 514: return "ERESTARTNOHAND";
    case 516: return "ERESTART_RESTARTBLOCK";
    }
    if (name)
        return name;
    snprintf(buf, 16, "%u", code);
    return buf;
}

static char *put_args(char *p, const struct call *call)
{
    if (!call->args[0].name)
        return p;
    p = PUT_KEY(p, "args");
    *p++ = '{';
    for (unsigned i = 0; i < CALL_ARGS_MAX && call->args[i].name; i++) {
        const struct call_arg *arg = &call->args[i];

        if (i)
            *p++ = ',';
        p = json_put_text(p, arg->name, CALL_NAME_MAX);
        *p++ = ':';
        p = arg->text ? json_put_text(p, arg->text, CALL_NAME_MAX) : json_put_i64(p, arg->number);
    }
    *p++ = '}';
    return p;
}

static char *put_call(char *p, const struct change *c)
{
    const struct call *call = &c->call.call;
    const bool failed = call->ret < 0;
    char number[24];

    if (c->conn)
        p = PUT_U64(p, "conn", c->conn);
    if (c->listener)
        p = PUT_U64(p, "listener", c->listener);
    if (c->call.socket)
        p = PUT_U64(p, "socket", c->call.socket);
    if (c->call.has_end)
        p = PUT_WORD(p, "end", end_name(c->end));
    p = PUT_TEXT(p, "name", call->name, CALL_NAME_MAX);
    p = json_put_i64(PUT_KEY(p, "fd"), call->fd);
    p = put_args(p, call);
    p = json_put_i64(PUT_KEY(p, "ret"), failed ? -1 : call->ret);
    if (failed)
        p = PUT_WORD(p, "errno", errno_name(0U - (unsigned)call->ret, number));
    if (call->duration_ns)
        p = PUT_U64(p, "duration_ns", call->duration_ns);
    p = PUT_U64(p, "pid", call->task.pid);
    p = PUT_U64(p, "tid", call->task.tid);
    return PUT_TEXT(p, "comm", call->task.comm, sizeof(call->task.comm));
}

static char *put_listener(char *p, const struct change *c)
{
    p = PUT_U64(p, "listener", c->listener);
    p = PUT(p, ",");
    p = put_addr_port(p, &c->listening.addr);
    p = PUT_U64(p, "backlog", c->listening.backlog);
    p = PUT_U64(p, "limit", (uint64_t)c->listening.backlog + 1);
    if (c->listening.netns)
        p = PUT_U64(p, "netns", c->listening.netns);
    if (c->listening.owner.pid)
        p = put_owner(p, &c->listening.owner);
    if (c->listening.before_trace)
        p = PUT_WORD(p, "since", "before-trace");
    return c->listening.closed ? PUT(p, ",\"closed\":true") : p;
}

static char *put_queue(char *p, const struct change *c)
{
    p = PUT_U64(p, "listener", c->listener);
    p = PUT_U64(p, "syn", c->queue.syn);
    p = PUT_U64(p, "accept", c->queue.accept);
    p = PUT_U64(p, "limit", c->queue.limit);
    p = PUT_U64(p, "drops", c->queue.drops);
    p = PUT_WORD(p, "why", queue_why_name(c->queue.why));
    return c->conn ? PUT_U64(p, "conn", c->conn) : p;
}

static char *put_timer(char *p, const struct change *c, uint64_t start_ns)
{
    p = PUT_U64(p, "conn", c->conn);
    p = PUT_WORD(p, "end", end_name(c->end));
    p = PUT_WORD(p, "name", timer_name(c->timer.name));
    if (c->timer.expires_ns)
        p = PUT_U64(p, "expires", trace_time(c->timer.expires_ns, start_ns));
    if (c->timer.phase == TIMER_FIRED)
        p = PUT(p, ",\"fired\":true");
    else if (c->timer.phase == TIMER_CANCELLED)
        p = PUT(p, ",\"cancelled\":true");
    if (c->timer.why != TIMER_WHY_NONE)
        p = PUT_WORD(p, "why", timer_why_name(c->timer.why));
    if (c->timer.count)
        p = PUT_U64(p, "count", c->timer.count);
    if (c->timer.rto_ns)
        p = PUT_U64(p, "rto_ns", c->timer.rto_ns);
    return PUT_WORD(p, "source", witness_name(c->timer.source));
}

static char *put_reset(char *p, const struct change *c)
{
    p = PUT_U64(p, "conn", c->conn);
    p = PUT_WORD(p, "end", end_name(c->end));
    p = PUT_WORD(p, "direction", c->reset.sent ? "sent" : "received");
    if (c->reset.reason[0])
        p = PUT_TEXT(p, "reason", c->reset.reason, sizeof(c->reset.reason));
    return PUT_WORD(p, "who", c->reset.sent ? "stack" : "peer");
}

static char *put_disagreement(char *p, const struct change *c)
{
    p = PUT_U64(p, "conn", c->conn);
    p = PUT_WORD(p, "end", end_name(c->end));
    p = PUT_WORD(p, "kernel", tcp_state_name(c->disagreement.kernel));
    p = PUT_WORD(p, "wire", tcp_state_name(c->disagreement.wire));
    return c->disagreement.known ? PUT_WORD(p, "known", known_name(c->disagreement.known)) : p;
}

static char *put_gap(char *p, const struct change *c, uint64_t start_ns)
{
    p = PUT_WORD(p, "source", witness_name(c->gap.source));
    if (c->gap.hook[0])
        p = PUT_TEXT(p, "hook", c->gap.hook, sizeof(c->gap.hook));
    p = PUT_U64(p, "lost", c->gap.lost);
    p = PUT_U64(p, "from", trace_time(c->gap.from_ns, start_ns));
    return PUT_U64(p, "to", trace_time(c->gap.to_ns, start_ns));
}

static char *put_pair(char *p, const uint64_t pair[END_N])
{
    p = PUT(p, "{\"client\":");
    p = json_put_u64(p, pair[END_CLIENT]);
    p = PUT_U64(p, "server", pair[END_SERVER]);
    return PUT(p, "}");
}

/* {"SYN-SENT":80000,…}: the states in which any time was spent. */
static char *put_state_times(char *p, const uint64_t state_ns[TCP_STATE_N])
{
    char *const open = p;

    for (unsigned i = 0; i < TCP_STATE_N; i++) {
        if (!state_ns[i])
            continue;
        *p++ = ',';
        p = json_put_word(p, tcp_state_name((enum tcp_state)i));
        *p++ = ':';
        p = json_put_u64(p, state_ns[i]);
    }
    if (p == open)
        return PUT(p, "{}");
    *open = '{';
    return PUT(p, "}");
}

static char *put_outcome(char *p, const struct change *c)
{
    char text[VERDICT_TEXT_MAX];

    verdict_format(c, text, sizeof(text));
    p = PUT_U64(p, "conn", c->conn);
    if (c->outcome.conn_state[0])
        p = PUT_TEXT(p, "conn_state", c->outcome.conn_state, sizeof(c->outcome.conn_state));
    if (c->outcome.history[0])
        p = PUT_TEXT(p, "history", c->outcome.history, sizeof(c->outcome.history));
    p = PUT_WORD(p, "verdict", verdict_name(c->outcome.verdict));
    p = PUT_WORD(p, "text", text);
    if (c->outcome.cause) {
        p = PUT_WORD(p, "cause", cause_name(c->outcome.cause));
        if (c->listener)
            p = PUT_U64(p, "listener", c->listener);
        if (c->outcome.drops)
            p = PUT_U64(p, "drops", c->outcome.drops);
    }
    p = PUT(p, ",\"final\":{\"client\":");
    p = json_put_word(p, tcp_state_name(c->outcome.final[END_CLIENT]));
    p = PUT_WORD(p, "server", tcp_state_name(c->outcome.final[END_SERVER]));
    p = PUT(p, "}");
    if (c->outcome.has_wire) {
        p = put_pair(PUT_KEY(p, "bytes"), c->outcome.bytes);
        p = put_pair(PUT_KEY(p, "segments"), c->outcome.segments);
    }
    p = PUT_U64(p, "duration_ns", c->outcome.duration_ns);
    if (c->outcome.rtt_ns)
        p = PUT_U64(p, "rtt_ns", c->outcome.rtt_ns);
    p = PUT(p, ",\"durations\":{\"client\":");
    p = put_state_times(p, c->outcome.state_ns[END_CLIENT]);
    p = put_state_times(PUT_KEY(p, "server"), c->outcome.state_ns[END_SERVER]);
    p = PUT(p, "}");
    if (c->outcome.closed_by < END_N)
        p = PUT_WORD(p, "closed_by", end_name(c->outcome.closed_by));
    if (c->outcome.reset_by < END_N)
        p = PUT_WORD(p, "reset_by", end_name(c->outcome.reset_by));
    return p;
}

size_t trace_encode(const struct change *c, uint64_t start_ns, char buf[static TRACE_LINE_MAX])
{
    char *p = buf;

    p = PUT(p, "{\"record\":");
    p = json_put_word(p, change_kind_name(c->kind));
    p = PUT_U64(p, "n", c->n);
    p = PUT_U64(p, "t", trace_time(c->ts_ns, start_ns));
    if (c->late)
        p = PUT(p, ",\"late\":true");
    switch (c->kind) {
    case CHANGE_CONNECTION: p = put_connection(p, c); break;
    case CHANGE_STATE: p = put_state(p, c); break;
    case CHANGE_OBJECT: p = put_object(p, c); break;
    case CHANGE_SEGMENT: p = put_segment(p, c); break;
    case CHANGE_CALL: p = put_call(p, c); break;
    case CHANGE_LISTENER: p = put_listener(p, c); break;
    case CHANGE_QUEUE: p = put_queue(p, c); break;
    case CHANGE_TIMER: p = put_timer(p, c, start_ns); break;
    case CHANGE_RESET: p = put_reset(p, c); break;
    case CHANGE_DISAGREEMENT: p = put_disagreement(p, c); break;
    case CHANGE_GAP: p = put_gap(p, c, start_ns); break;
    case CHANGE_OUTCOME: p = put_outcome(p, c); break;
    case CHANGE_KIND_N: break;
    }
    if (c->because && c->kind != CHANGE_STATE)
        p = PUT_U64(p, "because", c->because);
    p = PUT(p, "}\n");
    return (size_t)(p - buf);
}
