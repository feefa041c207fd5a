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
#include <time.h>

#include "timeline_parts.h"

#include "tcplens/base/date.h"
#include "tcplens/base/line.h"
#include "tcplens/trace/encode.h"
#include "tcplens/trace/sentence.h"

#define LANE_CELLS 54
#define LANE_MIN 34
#define DETAIL_CELLS 30 /* of a detail that is worth having, beside the lane */
#define OWNER_CELLS 22
#define CONN_CELLS 5

static const enum line_style state_styles[TCP_STATE_N] = {
    [TCP_STATE_UNKNOWN] = STYLE_DIM,         [TCP_STATE_CLOSED] = STYLE_DIM,
    [TCP_STATE_LISTEN] = STYLE_DIM,          [TCP_STATE_SYN_SENT] = STYLE_YELLOW,
    [TCP_STATE_SYN_RECEIVED] = STYLE_YELLOW, [TCP_STATE_ESTABLISHED] = STYLE_GREEN,
    [TCP_STATE_FIN_WAIT_1] = STYLE_MAGENTA,  [TCP_STATE_FIN_WAIT_2] = STYLE_MAGENTA,
    [TCP_STATE_CLOSING] = STYLE_MAGENTA,     [TCP_STATE_CLOSE_WAIT] = STYLE_CYAN,
    [TCP_STATE_LAST_ACK] = STYLE_CYAN,       [TCP_STATE_TIME_WAIT] = STYLE_BLUE,
};

/* width: of the seconds, at least. */
static void add_time(struct line *l, uint64_t t_ns, int width)
{
    line_addf(l, "%*llu.%06llu", width, (unsigned long long)(t_ns / 1000000000),
              (unsigned long long)(t_ns / 1000 % 1000000));
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
    while (line_here(l) + strlen(server) + sizeof(" server") < left + l->lane)
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
        timeline_task(l, &c->state.owner);
    if (c->state.rfc) {
        line_go_to(l, left + OWNER_CELLS + 1, 1);
        line_addf(l, "%.*s", TIMELINE_WORD_MAX, c->state.rfc);
    }
}

static void format_state(struct line *l, const struct change *c)
{
    const bool wire = c->state.source == WITNESS_WIRE;
    char buf[256];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_PLAIN, wire);
    timeline_begin_side(&lane, c);
    line_addf(&lane, "%s %s ", tcp_state_name(c->state.from), wire ? "⇢" : "→");
    line_reset_style(&lane);
    if ((unsigned)c->state.to < TCP_STATE_N)
        line_style(&lane, state_styles[c->state.to], wire);
    line_add(&lane, tcp_state_name(c->state.to));
    line_reset_style(&lane);
    line_style(&lane, STYLE_PLAIN, wire);
    timeline_end_side(l, c, &lane);
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
    timeline_begin_side(&lane, c);
    line_addf(&lane, "%s: %s → %s", tcp_state_name(c->object.state), object_words(c->object.from),
              object_words(c->object.to));
    timeline_end_side(l, c, &lane);
}

static void format_process(struct line *l, const struct change *c)
{
    const struct task *task = &c->process.task;

    line_style(l, STYLE_DIM, false);
    line_add(l, "   ");
    timeline_task(l, task);
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

static void format_listener(struct line *l, const struct change *c)
{
    char buf[192], addr[ENDPOINT_TEXT_MAX];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_BOLD, false);
    line_addf(&lane, "%s %s server", c->listening.closed ? "stops listening on" : "listens on",
              endpoint_format(&c->listening.addr, addr));
    timeline_lane(l, END_SERVER, &lane);
    if (c->listening.owner.pid)
        timeline_task(l, &c->listening.owner);
    if (c->listening.opened_by.pid) {
        line_add(l, ", opened by ");
        timeline_task(l, &c->listening.opened_by);
        if (c->listening.handed_on)
            line_add(l, ", which has ended");
    }
    if (!c->listening.closed) {
        line_go_to(l, 0, c->listening.owner.pid ? 2 : 0);
        line_addf(l, "backlog %u: the accept queue holds %llu", c->listening.backlog,
                  (unsigned long long)c->listening.backlog + 1);
    }
    if (c->listening.before_trace)
        line_add(l, ", since before the trace");
}

static const char *drop_words(enum cause cause)
{
    switch (cause) {
    case CAUSE_ACCEPT_QUEUE_FULL: return "the accept queue is full";
    case CAUSE_SYN_QUEUE_FULL: return "the SYN queue is full";
    case CAUSE_SYN_BACKLOG_FULL: return "as many requests as tcp_max_syn_backlog leaves without cookies";
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
    timeline_lane(l, END_SERVER, &lane);
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

    timeline_begin_side(&lane, c);
    line_addf(&lane, "timer %s ", timer_name(c->timer.name));
    if (c->timer.phase == TIMER_FIRED) {
        line_add(&lane, "fired");
    } else if (c->timer.phase == TIMER_CANCELLED) {
        line_add(&lane, "cancelled");
    } else {
        line_add(&lane, "set: ");
        timeline_duration(&lane, c->timer.expires_ns > c->ts_ns ? c->timer.expires_ns - c->ts_ns : 0);
    }
    timeline_end_side(l, c, &lane);
    if (c->timer.why == TIMER_WHY_NOT_IDLE)
        line_add(l, "sends no probe: something is unacknowledged");
    else if (c->timer.why == TIMER_WHY_REUSED)
        line_add(l, "the endpoints are used again");
    else if (c->timer.why == TIMER_WHY_RESET)
        line_add(l, "by a RST");
    if (c->timer.count)
        line_addf(l, "%u in a row", c->timer.count);
    if (c->timer.waited_ns) {
        line_add(l, c->timer.count ? ", after " : "after ");
        timeline_duration(l, c->timer.waited_ns);
    }
    if (c->timer.rto_ns) {
        line_add(l, c->timer.waited_ns || c->timer.count ? ", RTO " : "RTO ");
        timeline_duration(l, c->timer.rto_ns);
    }
}

static void format_reset(struct line *l, const struct change *c)
{
    char buf[128];
    struct line lane = line_piece(l, buf, sizeof(buf));

    line_style(&lane, STYLE_ALARM, false);
    timeline_begin_side(&lane, c);
    line_add(&lane, c->reset.sent ? "sends RST" : "receives RST");
    timeline_end_side(l, c, &lane);
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
    if (c->gap.interface[0]) {
        line_add(l, "!! interface ");
        line_add_untrusted(l, c->gap.interface, sizeof(c->gap.interface));
        line_add(l, " went away: what came by it from here on was not seen");
        line_reset_style(l);
        return;
    }
    if (c->gap.records)
        line_addf(l, "!! %llu records are not here", (unsigned long long)c->gap.records);
    else
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
    timeline_duration(l, c->outcome.duration_ns);
    line_reset_style(l);
}

static void format_finding(struct line *l, const struct change *c)
{
    line_style(l, c->finding.severity == SEVERITY_ERROR ? STYLE_ALARM : STYLE_YELLOW, false);
    line_addf(l, "‼ %s: ", severity_name(c->finding.severity));
    line_add_untrusted(l, c->finding.text, FINDING_TEXT_MAX);
    line_reset_style(l);
}

static void format_lab(struct line *l, const struct change *c)
{
    char number[TRACE_ERRNO_NAME_MAX];

    line_style(l, STYLE_BOLD, false);
    line_add(l, c->lab.actor ? "" : "lab ");
    line_add_untrusted(l, c->lab.actor ? c->lab.actor : c->lab.lab, TIMELINE_WORD_MAX);
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
        timeline_duration(l, c->lab.duration_ns);
    }
}

static void format_answer(struct line *l, const struct change *c)
{
    line_add(l, "predicted ");
    line_add_untrusted(l, c->answer.question, TIMELINE_WORD_MAX);
    line_add(l, ": ");
    line_add_untrusted(l, c->answer.choice, TIMELINE_WORD_MAX);
    line_add(l, c->answer.right ? ", right" : ", not so");
}

static void format_check(struct line *l, const struct change *c)
{
    line_style(l, c->check.result == CHECK_PASSED ? STYLE_GREEN : STYLE_ALARM, false);
    line_addf(l, "check %s: ", check_result_name(c->check.result));
    line_add_untrusted(l, c->check.id, TIMELINE_WORD_MAX);
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

static void add_time_of_day(struct line *l, uint64_t ts_ns, bool local)
{
    const time_t seconds = (time_t)(ts_ns / 1000000000);
    struct tm tm;

    if (local)
        localtime_r(&seconds, &tm);
    else
        gmtime_r(&seconds, &tm);
    line_addf(l, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(ts_ns / 1000 % 1000000));
}

static void add_when(struct line *l, uint64_t ts_ns, uint64_t start_ns, const struct timeline_style *style)
{
    const uint64_t last_ns = style->last_ns ? style->last_ns : start_ns;
    char date[DATE_TEXT_MAX];

    if (style->time == TIMELINE_UTC || style->time == TIMELINE_LOCAL)
        add_time_of_day(l, ts_ns, style->time == TIMELINE_LOCAL);
    else if (!trace_time_fits(ts_ns, start_ns))
        line_add(l, date_format(ts_ns, date));
    else if (style->time == TIMELINE_DELTA)
        add_time(l, ts_ns > last_ns ? ts_ns - last_ns : 0, 5);
    else
        add_time(l, trace_time(ts_ns, start_ns), 5);
}

/* What a narrow terminal leaves for it. */
static unsigned lane_of(unsigned columns)
{
    const unsigned others = 13 + CONN_CELLS + 1 + 2 + DETAIL_CELLS;

    if (!columns || columns >= LANE_CELLS + others)
        return LANE_CELLS;
    return columns > LANE_MIN + others ? columns - others : LANE_MIN;
}

size_t timeline_format(const struct change *c, uint64_t start_ns, bool colour, char buf[static TIMELINE_LINE_MAX])
{
    return timeline_format_as(c, start_ns, &(struct timeline_style){ .colour = colour }, buf);
}

size_t timeline_format_as(const struct change *c, uint64_t start_ns, const struct timeline_style *style,
                          char buf[static TIMELINE_LINE_MAX])
{
    struct line l = line_begin(buf, TIMELINE_LINE_MAX, style->colour);

    l.lane = lane_of(style->columns);
    if ((unsigned)c->kind >= CHANGE_KIND_N || (is_quiet(c) && !(style->verbose && c->kind == CHANGE_COUNTER)))
        return 0;
    line_style(&l, STYLE_DIM, false);
    add_when(&l, c->ts_ns, start_ns, style);
    line_reset_style(&l);
    line_go_to(&l, 0, 2);
    add_subject(&l, c);
    switch (c->kind) {
    case CHANGE_CONNECTION: format_connection(&l, c); break;
    case CHANGE_STATE: format_state(&l, c); break;
    case CHANGE_OBJECT: format_object(&l, c); break;
    case CHANGE_SEGMENT: timeline_segment(&l, c); break;
    case CHANGE_ICMP: timeline_icmp(&l, c); break;
    case CHANGE_CALL: timeline_call(&l, c); break;
    case CHANGE_PROCESS: format_process(&l, c); break;
    case CHANGE_COUNTER: format_counter(&l, c); break;
    case CHANGE_DATAGRAM: timeline_datagram(&l, c); break;
    case CHANGE_LISTENER: format_listener(&l, c); break;
    case CHANGE_QUEUE: format_queue(&l, c); break;
    case CHANGE_TIMER: format_timer(&l, c); break;
    case CHANGE_RESET: format_reset(&l, c); break;
    case CHANGE_DISAGREEMENT: format_disagreement(&l, c); break;
    case CHANGE_GAP: format_gap(&l, c, start_ns); break;
    case CHANGE_OUTCOME: format_outcome(&l, c); break;
    case CHANGE_FINDING: format_finding(&l, c); break;
    case CHANGE_ARRIVAL: timeline_arrival(&l, c); break;
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
