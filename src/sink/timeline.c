/* Theory of operation. A line has four columns:
 *
 *     TIME  #CONNECTION  LANE  DETAIL
 *
 * The lane is a sequence diagram: the client stands at its left edge, the server at its right, and a segment is an
 * arrow across. What one end does is written on that end's side, so that the eye can follow either. A line is made
 * from one change alone and nothing is remembered between lines: any of them can be cut out and still be read.
 * A lane that is too short for its text grows, and the detail moves to the right. */
#include "tcplens/sink/timeline.h"

#include <string.h>

#include "tcplens/base/date.h"
#include "tcplens/base/line.h"
#include "tcplens/trace/encode.h"
#include "tcplens/trace/sentence.h"

#define LANE_CELLS 54
#define OWNER_CELLS 22
#define CONN_CELLS 5
#define ARROW_MIN 2 /* dashes at either side of a segment's text */
#define WORD_MAX 64 /* of names that we choose ourselves */

static const enum line_style state_styles[TCP_STATE_N] = {
    [TCP_STATE_UNKNOWN] = STYLE_DIM,         [TCP_STATE_CLOSED] = STYLE_DIM,
    [TCP_STATE_LISTEN] = STYLE_DIM,          [TCP_STATE_SYN_SENT] = STYLE_YELLOW,
    [TCP_STATE_SYN_RECEIVED] = STYLE_YELLOW, [TCP_STATE_ESTABLISHED] = STYLE_GREEN,
    [TCP_STATE_FIN_WAIT_1] = STYLE_MAGENTA,  [TCP_STATE_FIN_WAIT_2] = STYLE_MAGENTA,
    [TCP_STATE_CLOSING] = STYLE_MAGENTA,     [TCP_STATE_CLOSE_WAIT] = STYLE_CYAN,
    [TCP_STATE_LAST_ACK] = STYLE_CYAN,       [TCP_STATE_TIME_WAIT] = STYLE_BLUE,
};

/* Puts a text into the lane, on the side of the end it belongs to; its style ends with it. */
static void add_lane(struct line *l, enum end side, const struct line *text)
{
    const unsigned left = line_here(l);

    if (side == END_SERVER && text->cells < LANE_CELLS)
        line_go_to(l, left + LANE_CELLS - text->cells, 0);
    line_join(l, text);
    line_reset_style(l);
    line_go_to(l, left + LANE_CELLS + 2, 2);
}

/* width: of the seconds, at least. */
static void add_time(struct line *l, uint64_t t_ns, int width)
{
    line_addf(l, "%*llu.%06llu", width, (unsigned long long)(t_ns / 1000000000),
              (unsigned long long)(t_ns / 1000 % 1000000));
}

/* In the unit that leaves something of it to see: "84 µs", "0.512 ms", "60.000 s". */
static void add_duration(struct line *l, uint64_t ns)
{
    if (ns < 1000)
        line_addf(l, "%llu ns", (unsigned long long)ns);
    else if (ns < 500000)
        line_addf(l, "%llu µs", (unsigned long long)(ns / 1000));
    else if (ns < 1000000000)
        line_addf(l, "%llu.%03llu ms", (unsigned long long)(ns / 1000000), (unsigned long long)(ns / 1000 % 1000));
    else
        line_addf(l, "%llu.%03llu s", (unsigned long long)(ns / 1000000000), (unsigned long long)(ns / 1000000 % 1000));
}

static void add_task(struct line *l, const struct task *task)
{
    line_add_untrusted(l, task->comm, sizeof(task->comm));
    line_addf(l, "[%u]", task->pid);
}

/* "client TEXT" at the left, "TEXT server" at the right. */
static void begin_side(struct line *lane, const struct change *c)
{
    if (c->end == END_CLIENT)
        line_add(lane, "client ");
}

static void end_side(struct line *l, const struct change *c, struct line *lane)
{
    if (c->end == END_SERVER)
        line_add(lane, " server");
    add_lane(l, c->end, lane);
}

/* ", in vxlan 42 192.0.2.1 > 192.0.2.2", the innermost first. */
static void add_tunnel(struct line *l, const struct tunnel *t)
{
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

    for (; t; t = t->outer) {
        line_addf(l, ", in %s", tunnel_type_name(t->hop.type));
        if (t->hop.has_id)
            line_addf(l, " %u", t->hop.id);
        if (t->hop.has_addrs)
            line_addf(l, " %s > %s", addr_format(&t->hop.from, from), addr_format(&t->hop.to, to));
    }
}

static void format_connection(struct line *l, const struct change *c)
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    const unsigned left = line_here(l);

    endpoint_format(&c->connection.client, client);
    endpoint_format(&c->connection.server, server);
    line_style(l, STYLE_BOLD, false);
    line_addf(l, "client %s ═", client);
    while (line_here(l) + strlen(server) + sizeof(" server") < left + LANE_CELLS)
        line_add(l, "═");
    line_addf(l, " %s server", server);
    line_reset_style(l);
    line_add(l, c->connection.before_trace ? "  open before the trace began" : "  new connection");
    if (c->connection.roles_assumed)
        line_add(l, ", roles are a guess");
    if (c->connection.tunnel)
        add_tunnel(l, c->connection.tunnel);
}

static const char *object_words(enum object object)
{
    switch (object) {
    case OBJECT_REQUEST: return "request sock";
    case OBJECT_SOCK: return "full socket";
    case OBJECT_TIMEWAIT: return "minisock";
    case OBJECT_NONE:
    case OBJECT_N: break;
    }
    return "no object";
}

/* Who holds the state: the process, else the kernel's object that no process owns. Or who says so, if not the kernel;
 * what a witness does by its nature (the wire infers) goes without saying. */
static void add_holder(struct line *l, const struct change *c)
{
    static const enum how nature[WITNESS_N] = {
        [WITNESS_KERNEL] = HOW_OBSERVED, [WITNESS_DIAG] = HOW_SAMPLED, [WITNESS_WIRE] = HOW_INFERRED
    };
    const unsigned left = line_here(l);
    const bool natural = (unsigned)c->state.source < WITNESS_N && c->state.how == nature[c->state.source];

    if (!natural)
        line_addf(l, "(%s, %s)", witness_name(c->state.source), how_name(c->state.how));
    else if (c->state.source != WITNESS_KERNEL)
        line_addf(l, "(%s)", witness_name(c->state.source));
    else if (c->state.object == OBJECT_REQUEST || c->state.object == OBJECT_TIMEWAIT)
        line_addf(l, "(%s)", object_words(c->state.object));
    else if (c->state.owner.pid)
        add_task(l, &c->state.owner);
    if (c->state.rfc) {
        line_go_to(l, left + OWNER_CELLS + 1, 1);
        line_addf(l, "%.*s", WORD_MAX, c->state.rfc);
    }
}

static void format_state(struct line *l, const struct change *c)
{
    const bool wire = c->state.source == WITNESS_WIRE;
    char buf[256];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_PLAIN, wire);
    begin_side(&lane, c);
    line_addf(&lane, "%s %s ", tcp_state_name(c->state.from), wire ? "⇢" : "→");
    line_reset_style(&lane);
    if ((unsigned)c->state.to < TCP_STATE_N)
        line_style(&lane, state_styles[c->state.to], wire);
    line_add(&lane, tcp_state_name(c->state.to));
    line_reset_style(&lane);
    line_style(&lane, STYLE_PLAIN, wire);
    end_side(l, c, &lane);
    line_style(l, STYLE_PLAIN, wire);
    add_holder(l, c);
    if (wire)
        line_reset_style(l);
}

static void format_object(struct line *l, const struct change *c)
{
    char buf[256];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_DIM, false);
    begin_side(&lane, c);
    line_addf(&lane, "%s: %s → %s", tcp_state_name(c->object.state), object_words(c->object.from),
              object_words(c->object.to));
    end_side(l, c, &lane);
}

/* Where Wireshark shows it. */
static void add_frame(struct line *l, uint64_t frame)
{
    if (frame)
        line_addf(l, "  frame %llu", (unsigned long long)frame);
}

static void add_flags(struct line *l, unsigned flags)
{
    static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };
    const char *comma = "";

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(flags & 1U << i))
            continue;
        line_addf(l, "%s%s", comma, names[i]);
        comma = ",";
    }
    if (!*comma)
        line_add(l, "no flags");
}

static enum line_style segment_style(const struct change *c)
{
    const unsigned harmless = NOTE_KEEP_ALIVE;
    const struct segment *s = &c->segment.segment;

    if (c->segment.notes & ~harmless || s->flags & SEGMENT_RST)
        return STYLE_ALARM;
    if (s->flags & (SEGMENT_SYN | SEGMENT_FIN))
        return STYLE_BOLD;
    return s->payload_len ? STYLE_PLAIN : STYLE_DIM;
}

/* "── SYN seq=0 ────▶" from the client, "◀──── SYN,ACK seq=0 ack=1 ──" from the server: the text is at the sender. */
static void add_arrow(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const bool from_client = c->end == END_CLIENT;
    const unsigned around = ARROW_MIN + 2 + 1; /* dashes at the sender, two spaces, the head */
    unsigned dashes = ARROW_MIN;
    char buf[192];
    struct line text = line_piece(l, buf, sizeof(buf));

    add_flags(&text, s->flags);
    line_addf(&text, " seq=%lld", (long long)c->segment.seq);
    if (s->flags & SEGMENT_ACK)
        line_addf(&text, " ack=%lld", (long long)c->segment.ack);
    if (s->payload_len)
        line_addf(&text, " len=%u", s->payload_len);
    if (text.cells + around + dashes < LANE_CELLS)
        dashes = LANE_CELLS - text.cells - around;

    line_add(l, from_client ? "── " : "◀");
    for (unsigned i = 0; !from_client && i < dashes; i++)
        line_add(l, "─");
    if (!from_client)
        line_add(l, " ");
    line_join(l, &text);
    if (from_client)
        line_add(l, " ");
    for (unsigned i = 0; from_client && i < dashes; i++)
        line_add(l, "─");
    line_add(l, from_client ? "▶" : " ──");
}

static void format_segment(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const enum line_style style = segment_style(c);
    const char *comma = "";

    line_style(l, style, false);
    add_arrow(l, c);
    if (style != STYLE_PLAIN)
        line_reset_style(l);
    line_add(l, "  ");
    if (c->segment.notes) {
        line_style(l, style, false);
        for (unsigned bit = 0; bit < NOTE_N; bit++) {
            if (!(c->segment.notes & 1U << bit))
                continue;
            line_addf(l, "%s%s", comma, segment_note_name(bit));
            comma = ", ";
        }
        line_reset_style(l);
        line_add(l, "  ");
    }
    line_style(l, STYLE_DIM, false);
    line_addf(l, "win=%llu", (unsigned long long)c->segment.window);
    if (s->options & SEGMENT_OPT_MSS)
        line_addf(l, " mss=%u", s->mss);
    if (s->options & SEGMENT_OPT_WSCALE)
        line_addf(l, " wscale=%u", s->wscale);
    if (s->options & SEGMENT_OPT_SACK_OK)
        line_add(l, " sack_ok");
    if (s->options & SEGMENT_OPT_SACK)
        for (unsigned i = 0; i < s->sack_count && i < SEGMENT_SACK_MAX; i++)
            line_addf(l, " sack=%llu-%llu", (unsigned long long)c->segment.sack[i][0],
                      (unsigned long long)c->segment.sack[i][1]);
    if (s->options & SEGMENT_OPT_TFO)
        line_addf(l, " tfo=%u", s->tfo_len);
    if (s->options & SEGMENT_OPT_MPTCP)
        line_add(l, " mptcp");
    if (s->options & SEGMENT_OPT_MD5)
        line_add(l, " md5");
    if (s->options & SEGMENT_OPT_AO)
        line_add(l, " ao");
    if (s->cut)
        line_add(l, " cut");
    add_frame(l, c->segment.frame);
    line_reset_style(l);
}

static void format_icmp(struct line *l, const struct change *c)
{
    char buf[192], by[ADDR_TEXT_MAX];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_ALARM, false);
    begin_side(&lane, c);
    line_addf(&lane, "ICMP %s", icmp_error_name(c->icmp.error));
    end_side(l, c, &lane);
    line_addf(l, "by %s", addr_format(&c->icmp.by, by));
    if (c->icmp.mtu)
        line_addf(l, ": at most %u bytes pass", c->icmp.mtu);
    add_frame(l, c->icmp.frame);
}

static void add_dns(struct line *l, const struct dns *d)
{
    char word[DNS_WORD_MAX], addr[ADDR_TEXT_MAX];

    line_add(l, "  DNS ");
    if (d->type) {
        line_addf(l, "%s ", dns_type_name(d->type, word));
        line_add_untrusted(l, d->name, sizeof(d->name));
    }
    if (!d->response) {
        line_add(l, "?");
        return;
    }
    line_addf(l, ": %s", dns_rcode_name(d->rcode, word));
    for (unsigned i = 0; i < d->addresses && i < DNS_ANSWERS_MAX; i++)
        line_addf(l, "%s %s", i ? "," : "", addr_format(&d->answers[i], addr));
}

static void format_datagram(struct line *l, const struct change *c)
{
    const struct datagram *d = &c->datagram.datagram;
    const bool problem = d->is_error || d->checksum == DATAGRAM_CHECKSUM_BAD || c->datagram.lost;
    char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX], by[ADDR_TEXT_MAX];

    line_style(l, problem ? STYLE_ALARM : STYLE_PLAIN, false);
    line_addf(l, "   %s ╌╌ UDP len=%u ╌╌▷ %s", endpoint_format(&d->src, from), d->len, endpoint_format(&d->dst, to));
    if (d->is_error)
        line_addf(l, "  refused: ICMP %s by %s", icmp_error_name(d->error), addr_format(&d->by, by));
    if (d->checksum == DATAGRAM_CHECKSUM_BAD)
        line_add(l, "  bad checksum");
    if (c->datagram.lost)
        line_add(l, "  lost on the wire");
    if (problem)
        line_reset_style(l);
    if (d->is_dns)
        add_dns(l, &d->dns);
    add_frame(l, c->datagram.frame);
}

static void format_process(struct line *l, const struct change *c)
{
    const struct task *task = &c->process.task;

    line_style(l, STYLE_DIM, false);
    line_add(l, "   ");
    add_task(l, task);
    switch (c->process.event) {
    case PROCESS_FORK: line_addf(l, " begins, child of %u", c->process.parent); break;
    case PROCESS_THREAD: line_addf(l, " has a thread more, %u", task->tid); break;
    case PROCESS_EXEC: line_add(l, " runs this program now"); break;
    default:
        if (task->tid != task->pid)
            line_addf(l, ": its thread %u ends", task->tid);
        else
            line_addf(l, " ends with status %u", c->process.status);
        if (c->process.cost.cpu_ns)
            line_addf(l, "; %.3f ms of processor time", (double)c->process.cost.cpu_ns / 1e6);
        if (c->process.cost.user_ns || c->process.cost.system_ns)
            line_addf(l, ", %.3f of them in the kernel", (double)c->process.cost.system_ns / 1e6);
        break;
    }
    line_reset_style(l);
}

static void format_counter(struct line *l, const struct change *c)
{
    line_addf(l, "   %.48s %+lld", c->counter.name, (long long)c->counter.delta);
}

static void add_events(struct line *l, uint16_t events)
{
    const char *bar = "";

    for (unsigned bit = 0; bit < POLL_EVENT_N; bit++) {
        if (!(events & 1u << bit))
            continue;
        line_addf(l, "%s%s", bar, poll_event_name(bit));
        bar = "|";
    }
}

static void add_args(struct line *l, const struct call *call, const struct waiting *w)
{
    const char *comma = call->fd >= 0 ? ", " : "";

    if (call->fd >= 0)
        line_addf(l, "%d", call->fd);
    for (unsigned i = 0; i < CALL_ARGS_MAX && call->args[i].name; i++) {
        const struct call_arg *arg = &call->args[i];

        if (strcmp(arg->name, "level") == 0) /* the option's name says it */
            continue;
        line_add(l, comma);
        if (arg->text)
            line_addf(l, "%.*s", WORD_MAX, arg->text);
        else if (strcmp(arg->name, "timeout_ns") == 0 && arg->number < 0)
            line_add(l, "no timeout");
        else if (strcmp(arg->name, "timeout_ns") == 0)
            add_duration(l, (uint64_t)arg->number);
        else if (strcmp(arg->name, "watched") == 0)
            line_addf(l, "%lld watched", (long long)arg->number);
        else
            line_addf(l, "%lld", (long long)arg->number);
        comma = ", ";
    }
    if (w->events) {
        line_add(l, comma);
        add_events(l, w->events);
    }
}

static void add_result(struct line *l, const struct call *call)
{
    const int code = call->ret < 0 ? (int)(0U - (unsigned)call->ret) : 0;
    const char *error = code ? strerrorname_np(code) : NULL;

    if (call->blocked)
        line_add(l, ") …");
    else if (error)
        line_addf(l, ") = -%s", error);
    else
        line_addf(l, ") = %lld", (long long)call->ret);
}

static void add_ready(struct line *l, const struct call *call, const struct waiting *w)
{
    for (unsigned i = 0; i < w->count && i < READY_MAX; i++) {
        line_add(l, i ? ", " : "  ready: ");
        if (w->ready[i].fd >= 0)
            line_addf(l, "%d ", w->ready[i].fd);
        add_events(l, w->ready[i].events);
    }
    if (w->count == READY_MAX && call->ret > READY_MAX)
        line_add(l, ", …");
}

static void format_call(struct line *l, const struct change *c)
{
    const struct call *call = &c->call.call;
    char buf[256];
    struct line lane = line_piece(l, buf, sizeof(buf));

    if (c->call.has_end)
        begin_side(&lane, c);
    line_addf(&lane, "%.*s(", WORD_MAX, call->name);
    add_args(&lane, call, &c->call.waiting);
    add_result(&lane, call);
    /* A call that belongs to no end is about a listening socket: a matter of the server. */
    if (c->call.has_end)
        end_side(l, c, &lane);
    else
        add_lane(l, END_SERVER, &lane);
    add_task(l, &call->task);
    if (call->duration_ns) {
        line_add(l, call->blocked ? "  blocked for " : "  took ");
        add_duration(l, call->duration_ns);
    }
    add_ready(l, call, &c->call.waiting);
}

static void format_listener(struct line *l, const struct change *c)
{
    char buf[192], addr[ENDPOINT_TEXT_MAX];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_BOLD, false);
    line_addf(&lane, "%s %s server", c->listening.closed ? "stops listening on" : "listens on",
              endpoint_format(&c->listening.addr, addr));
    add_lane(l, END_SERVER, &lane);
    if (c->listening.owner.pid) {
        add_task(l, &c->listening.owner);
        line_add(l, "  ");
    }
    if (!c->listening.closed)
        line_addf(l, "backlog %u: the accept queue holds %llu", c->listening.backlog,
                  (unsigned long long)c->listening.backlog + 1);
    if (c->listening.before_trace)
        line_add(l, ", since before the trace");
}

static const char *drop_words(enum cause cause)
{
    switch (cause) {
    case CAUSE_ACCEPT_QUEUE_FULL: return "the accept queue is full";
    case CAUSE_SYN_QUEUE_FULL: return "the SYN queue is full";
    case CAUSE_SYN_BACKLOG_FULL: return "tcp_max_syn_backlog is reached, without cookies";
    case CAUSE_SIGNATURE_REFUSED: return "its signature (TCP-MD5, TCP-AO) is missing, wrong, or not asked for";
    default: return "neither queue is full";
    }
}

static void format_queue(struct line *l, const struct change *c)
{
    static const char *const why[QUEUE_WHY_N] = {
        [QUEUE_SYN] = "joined the SYN queue",
        [QUEUE_ESTABLISHED] = "left the SYN queue, its handshake is complete",
        [QUEUE_JOINED] = "joined the accept queue",
        [QUEUE_ACCEPT] = "left the accept queue: accept() took it",
        [QUEUE_OVERFLOW] = "dropped",
        [QUEUE_DEFERRED] = "waits for data: its ACK was dropped",
        [QUEUE_EXPIRED] = "left the SYN queue: gave up waiting for the ACK",
        [QUEUE_DROPPED] = "left the SYN queue before completion",
        [QUEUE_CLOSED] = "listener closed with these in its queues",
        [QUEUE_COOKIE] = "answered with a SYN cookie",
        [QUEUE_SAMPLE] = "sampled",
    };
    const bool overflow = c->queue.why == QUEUE_OVERFLOW;
    char buf[192];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, overflow ? STYLE_ALARM : STYLE_PLAIN, false);
    line_addf(&lane, "SYN queue %u · accept queue %u/%u", c->queue.syn, c->queue.accept, c->queue.limit);
    add_lane(l, END_SERVER, &lane);
    line_style(l, overflow ? STYLE_ALARM : STYLE_PLAIN, false);
    line_addf(l, "L%u: %s", c->listener, (unsigned)c->queue.why < QUEUE_WHY_N ? why[c->queue.why] : "");
    if (overflow) {
        line_addf(l, ", %s; %u dropped so far", drop_words(c->queue.cause), c->queue.drops);
        line_reset_style(l);
    }
}

static void format_timer(struct line *l, const struct change *c)
{
    char buf[192];
    struct line lane = line_piece(l, buf, sizeof(buf));

    begin_side(&lane, c);
    line_addf(&lane, "timer %s ", timer_name(c->timer.name));
    if (c->timer.phase == TIMER_FIRED) {
        line_add(&lane, "fired");
    } else if (c->timer.phase == TIMER_CANCELLED) {
        line_add(&lane, "cancelled");
    } else {
        line_add(&lane, "set: ");
        add_duration(&lane, c->timer.expires_ns > c->ts_ns ? c->timer.expires_ns - c->ts_ns : 0);
    }
    end_side(l, c, &lane);
    if (c->timer.why == TIMER_WHY_NOT_IDLE)
        line_add(l, ", and sends no probe: something is unacknowledged");
    else if (c->timer.why == TIMER_WHY_REUSED)
        line_add(l, "the endpoints are used again");
    else if (c->timer.why == TIMER_WHY_RESET)
        line_add(l, "by a RST");
    if (c->timer.count)
        line_addf(l, "%u in a row", c->timer.count);
    if (c->timer.rto_ns) {
        line_add(l, c->timer.count ? ", after " : "after ");
        add_duration(l, c->timer.rto_ns);
    }
}

static void format_reset(struct line *l, const struct change *c)
{
    char buf[128];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_ALARM, false);
    begin_side(&lane, c);
    line_add(&lane, c->reset.sent ? "sends RST" : "receives RST");
    end_side(l, c, &lane);
    if (!c->reset.reason[0])
        return;
    line_style(l, STYLE_ALARM, false);
    line_add_untrusted(l, c->reset.reason, sizeof(c->reset.reason));
    line_reset_style(l);
}

static void format_disagreement(struct line *l, const struct change *c)
{
    line_style(l, c->disagreement.known ? STYLE_YELLOW : STYLE_ALARM, false);
    line_addf(l, "≠ %s: the kernel says %s, the packets say %s", end_name(c->end),
              tcp_state_name(c->disagreement.kernel), tcp_state_name(c->disagreement.wire));
    if (c->disagreement.known)
        line_addf(l, " (%s)", known_name(c->disagreement.known));
    line_reset_style(l);
}

static void format_gap(struct line *l, const struct change *c, uint64_t start_ns)
{
    line_style(l, STYLE_ALARM, false);
    line_addf(l, "!! %llu events lost: %s", (unsigned long long)c->gap.lost, witness_name(c->gap.source));
    if (c->gap.hook[0]) {
        line_add(l, " ");
        line_add_untrusted(l, c->gap.hook, sizeof(c->gap.hook));
    }
    line_add(l, ", between ");
    add_time(l, trace_time(c->gap.from_ns, start_ns), 1);
    line_add(l, " and ");
    add_time(l, trace_time(c->gap.to_ns, start_ns), 1);
    line_reset_style(l);
}

static const char *bytes_word(const struct change *c, enum end end)
{
    return c->outcome.bytes[end] == 1 ? "byte" : "bytes";
}

static void format_outcome(struct line *l, const struct change *c)
{
    char text[VERDICT_TEXT_MAX];

    verdict_format(c, text, sizeof(text));
    line_style(l, STYLE_BOLD, false);
    line_addf(l, "■ %s", text);
    line_reset_style(l);
    line_style(l, STYLE_DIM, false);
    line_add(l, "  ");
    if (c->outcome.has_wire)
        line_addf(l, "client sent %llu %s, server %llu %s, ", (unsigned long long)c->outcome.bytes[END_CLIENT],
                  bytes_word(c, END_CLIENT), (unsigned long long)c->outcome.bytes[END_SERVER],
                  bytes_word(c, END_SERVER));
    add_duration(l, c->outcome.duration_ns);
    line_reset_style(l);
}

static void format_finding(struct line *l, const struct change *c)
{
    line_style(l, c->finding.severity == SEVERITY_ERROR ? STYLE_ALARM : STYLE_YELLOW, false);
    line_addf(l, "‼ %s: ", severity_name(c->finding.severity));
    line_add_untrusted(l, c->finding.text, FINDING_TEXT_MAX);
    line_reset_style(l);
}

static void format_arrival(struct line *l, const struct change *c)
{
    char buf[128];
    struct line lane = line_piece(l, buf, sizeof(buf));

    begin_side(&lane, c);
    line_add(&lane, "segment arrives");
    end_side(l, c, &lane);
    add_duration(l, c->arrival.delay_ns);
    line_add(l, " after it was sent");
}

static void format_lab(struct line *l, const struct change *c)
{
    char number[TRACE_ERRNO_NAME_MAX];

    line_style(l, STYLE_BOLD, false);
    line_add(l, c->lab.actor ? "" : "lab ");
    line_add_untrusted(l, c->lab.actor ? c->lab.actor : c->lab.lab, WORD_MAX);
    line_reset_style(l);
    if (c->lab.op)
        line_addf(l, ": %.32s", c->lab.op);
    if (c->lab.text) {
        line_add(l, " ");
        line_add_untrusted(l, c->lab.text, LAB_TEXT_MAX);
    }
    if (!c->lab.step)
        return;
    if (c->lab.ret < 0)
        line_addf(l, " = %s", trace_errno_name(0U - (unsigned)c->lab.ret, number));
    else
        line_addf(l, " = %lld", (long long)c->lab.ret);
    if (c->lab.duration_ns) {
        line_add(l, "  took ");
        add_duration(l, c->lab.duration_ns);
    }
}

static void format_answer(struct line *l, const struct change *c)
{
    line_add(l, "predicted ");
    line_add_untrusted(l, c->answer.question, WORD_MAX);
    line_add(l, ": ");
    line_add_untrusted(l, c->answer.choice, WORD_MAX);
    line_add(l, c->answer.right ? ", right" : ", not so");
}

static void format_check(struct line *l, const struct change *c)
{
    line_style(l, c->check.result == CHECK_PASSED ? STYLE_GREEN : STYLE_ALARM, false);
    line_addf(l, "check %s: ", check_result_name(c->check.result));
    line_add_untrusted(l, c->check.id, WORD_MAX);
    line_reset_style(l);
    line_add(l, ", seen: ");
    line_add_untrusted(l, c->check.seen, LAB_TEXT_MAX);
}

/* "#7" a connection, "L2" a listener. */
static void add_subject(struct line *l, const struct change *c)
{
    const unsigned left = line_here(l);

    if (c->conn)
        line_addf(l, "#%u", c->conn);
    else if (c->listener)
        line_addf(l, "L%u", c->listener);
    line_go_to(l, left + CONN_CELLS + 1, 1);
}

/* Most counters only say that there was traffic; a finding is told once, its last state and what helps are at the end. */
static bool is_quiet(const struct change *c)
{
    if (c->kind == CHANGE_FINDING)
        return c->finding.told_before;
    return c->kind == CHANGE_COUNTER && (!c->counter.delta || !change_counter_matters(c->counter.name));
}

size_t timeline_format(const struct change *c, uint64_t start_ns, bool colour, char buf[static TIMELINE_LINE_MAX])
{
    struct line l = line_begin(buf, TIMELINE_LINE_MAX, colour);
    char date[DATE_TEXT_MAX];

    if ((unsigned)c->kind >= CHANGE_KIND_N || is_quiet(c))
        return 0;
    line_style(&l, STYLE_DIM, false);
    if (trace_time_fits(c->ts_ns, start_ns))
        add_time(&l, trace_time(c->ts_ns, start_ns), 5);
    else
        line_add(&l, date_format(c->ts_ns, date));
    line_reset_style(&l);
    line_go_to(&l, 0, 2);
    add_subject(&l, c);
    switch (c->kind) {
    case CHANGE_CONNECTION: format_connection(&l, c); break;
    case CHANGE_STATE: format_state(&l, c); break;
    case CHANGE_OBJECT: format_object(&l, c); break;
    case CHANGE_SEGMENT: format_segment(&l, c); break;
    case CHANGE_ICMP: format_icmp(&l, c); break;
    case CHANGE_CALL: format_call(&l, c); break;
    case CHANGE_PROCESS: format_process(&l, c); break;
    case CHANGE_COUNTER: format_counter(&l, c); break;
    case CHANGE_DATAGRAM: format_datagram(&l, c); break;
    case CHANGE_LISTENER: format_listener(&l, c); break;
    case CHANGE_QUEUE: format_queue(&l, c); break;
    case CHANGE_TIMER: format_timer(&l, c); break;
    case CHANGE_RESET: format_reset(&l, c); break;
    case CHANGE_DISAGREEMENT: format_disagreement(&l, c); break;
    case CHANGE_GAP: format_gap(&l, c, start_ns); break;
    case CHANGE_OUTCOME: format_outcome(&l, c); break;
    case CHANGE_FINDING: format_finding(&l, c); break;
    case CHANGE_ARRIVAL: format_arrival(&l, c); break;
    case CHANGE_LAB: format_lab(&l, c); break;
    case CHANGE_ANSWER: format_answer(&l, c); break;
    case CHANGE_CHECK: format_check(&l, c); break;
    default: line_add(&l, change_kind_name(c->kind)); break; /* one that has no line of its own yet */
    }
    if (c->late) {
        line_go_to(&l, 0, 2);
        line_add(&l, "(late)");
    }
    return line_end(&l);
}
