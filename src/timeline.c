/* Theory of operation. A line has four columns:
 *
 *     TIME  #CONNECTION  LANE  DETAIL
 *
 * The lane is a sequence diagram: the client stands at its left edge, the server at its right, and a segment is an
 * arrow across. What one end does is written on that end's side, so that the eye can follow either. A line is made
 * from one change alone and nothing is remembered between lines: any of them can be cut out and still be read.
 *
 * Widths are counted in terminal cells while a line is put together: the glyphs used take one each, escape sequences
 * none. A lane that is too short for its text grows, and the detail moves to the right. */
#include "tcplens/timeline.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tcplens/record.h"

#define LANE_CELLS 54
#define OWNER_CELLS 22
#define CONN_CELLS 5
#define ARROW_MIN 2 /* dashes at either side of a segment's text */
#define WORD_MAX 64 /* of names that we choose ourselves */

#define SGR_RESET "\x1b[0m"
/* Kept free, so that a line that is cut still ends its colour and itself. */
#define LINE_RESERVE (sizeof(SGR_RESET "\n") - 1)

enum style { PLAIN, BOLD, DIM, ALARM, OPENING, OPEN, ACTIVE_CLOSE, PASSIVE_CLOSE, TIME_WAIT, STYLE_N };

/* The codes of ECMA-48 8.3.117 (SGR). */
static const char *const style_codes[STYLE_N] = {
    [BOLD] = "1",  [DIM] = "2",           [ALARM] = "1;31",       [OPENING] = "33",
    [OPEN] = "32", [ACTIVE_CLOSE] = "35", [PASSIVE_CLOSE] = "36", [TIME_WAIT] = "34",
};

static const enum style state_styles[TCP_STATE_N] = {
    [TCP_STATE_UNKNOWN] = DIM,
    [TCP_STATE_CLOSED] = DIM,
    [TCP_STATE_LISTEN] = DIM,
    [TCP_STATE_SYN_SENT] = OPENING,
    [TCP_STATE_SYN_RECEIVED] = OPENING,
    [TCP_STATE_ESTABLISHED] = OPEN,
    [TCP_STATE_FIN_WAIT_1] = ACTIVE_CLOSE,
    [TCP_STATE_FIN_WAIT_2] = ACTIVE_CLOSE,
    [TCP_STATE_CLOSING] = ACTIVE_CLOSE,
    [TCP_STATE_CLOSE_WAIT] = PASSIVE_CLOSE,
    [TCP_STATE_LAST_ACK] = PASSIVE_CLOSE,
    [TCP_STATE_TIME_WAIT] = TIME_WAIT,
};

/* A line, or a piece of one. */
struct line {
    char *buf, *p, *end;
    unsigned cells;  /* wide so far */
    unsigned column; /* where the next text begins: blanks are written with what follows them, or not at all */
    bool colour, cut;
};

/* All or nothing: half an escape sequence or half a character would spoil what follows. */
static void add_bytes(struct line *l, const char *s, size_t len, unsigned cells)
{
    const size_t blanks = cells && l->column > l->cells ? l->column - l->cells : 0;

    if (blanks + len > (size_t)(l->end - l->p)) {
        l->cut = true;
        return;
    }
    memset(l->p, ' ', blanks);
    memcpy(l->p + blanks, s, len);
    l->p += blanks + len;
    l->cells += (unsigned)blanks + cells;
}

/* The column where the next text begins. */
static unsigned here(const struct line *l)
{
    return l->column > l->cells ? l->column : l->cells;
}

/* What follows begins at a column, or some blanks after what is there already. */
static void go_to(struct line *l, unsigned column, unsigned blanks)
{
    l->column = l->cells + blanks > column ? l->cells + blanks : column;
}

/* Our own text, UTF-8. */
static void add(struct line *l, const char *text)
{
    unsigned cells = 0;

    for (const char *s = text; *s; s++)
        cells += (*s & 0xc0) != 0x80;
    add_bytes(l, text, strlen(text), cells);
}

__attribute__((format(printf, 2, 3))) static void addf(struct line *l, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add(l, text);
}

/* Untrusted bytes. All but printable ASCII is escaped: a terminal obeys control characters, C1 ones in UTF-8 too, and
 * bidirectional marks would reorder the rest of the line. */
static void add_untrusted(struct line *l, const char *text, size_t max)
{
    for (size_t i = 0; i < max && text[i]; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c == '\\')
            add_bytes(l, "\\\\", 2, 2);
        else if (c >= 0x20 && c < 0x7f)
            add_bytes(l, text + i, 1, 1);
        else
            addf(l, "\\x%02x", c);
    }
}

/* faint: what the wire tells, beside what the kernel does. */
static void set_style(struct line *l, enum style style, bool faint)
{
    char code[16];
    int len;

    if (!l->colour || (style == PLAIN && !faint))
        return;
    len = snprintf(code, sizeof(code), "\x1b[%s%s%sm", faint && style != DIM ? "2" : "",
                   faint && style != DIM && style != PLAIN ? ";" : "", style == PLAIN ? "" : style_codes[style]);
    add_bytes(l, code, (size_t)len, 0);
}

static void reset_style(struct line *l)
{
    if (l->colour)
        add_bytes(l, SGR_RESET, sizeof(SGR_RESET) - 1, 0);
}

static void add_styled(struct line *l, enum style style, const char *text)
{
    set_style(l, style, false);
    add(l, text);
    if (style != PLAIN)
        reset_style(l);
}

static struct line piece(const struct line *l, char *buf, size_t size)
{
    return (struct line){ .buf = buf, .p = buf, .end = buf + size, .colour = l->colour };
}

static void join(struct line *l, const struct line *part)
{
    add_bytes(l, part->buf, (size_t)(part->p - part->buf), part->cells);
    l->cut |= part->cut;
}

/* Puts a text into the lane, on the side of the end it belongs to; its style ends with it. */
static void add_lane(struct line *l, enum end side, const struct line *text)
{
    const unsigned left = here(l);

    if (side == END_SERVER && text->cells < LANE_CELLS)
        go_to(l, left + LANE_CELLS - text->cells, 0);
    join(l, text);
    reset_style(l);
    go_to(l, left + LANE_CELLS + 2, 2);
}

/* width: of the seconds, at least. */
static void add_time(struct line *l, uint64_t t_ns, int width)
{
    addf(l, "%*llu.%06llu", width, (unsigned long long)(t_ns / 1000000000),
         (unsigned long long)(t_ns / 1000 % 1000000));
}

static void add_seconds(struct line *l, uint64_t ns)
{
    addf(l, "%llu.%03llu s", (unsigned long long)(ns / 1000000000), (unsigned long long)(ns / 1000000 % 1000));
}

static void add_task(struct line *l, const struct task *task)
{
    add_untrusted(l, task->comm, sizeof(task->comm));
    addf(l, "[%u]", task->pid);
}

/* "client TEXT" at the left, "TEXT server" at the right. */
static void begin_side(struct line *lane, const struct change *c)
{
    if (c->end == END_CLIENT)
        add(lane, "client ");
}

static void end_side(struct line *l, const struct change *c, struct line *lane)
{
    if (c->end == END_SERVER)
        add(lane, " server");
    add_lane(l, c->end, lane);
}

static void format_connection(struct line *l, const struct change *c)
{
    char client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];
    const unsigned left = here(l);

    endpoint_format(&c->connection.client, client);
    endpoint_format(&c->connection.server, server);
    set_style(l, BOLD, false);
    addf(l, "client %s ═", client);
    while (here(l) + strlen(server) + sizeof(" server") < left + LANE_CELLS)
        add(l, "═");
    addf(l, " %s server", server);
    reset_style(l);
    add(l, c->connection.before_trace ? "  open before the trace began" : "  new connection");
    if (c->connection.roles_assumed)
        add(l, ", roles are a guess");
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
    const unsigned left = here(l);
    const bool natural = (unsigned)c->state.source < WITNESS_N && c->state.how == nature[c->state.source];

    if (!natural)
        addf(l, "(%s, %s)", witness_name(c->state.source), how_name(c->state.how));
    else if (c->state.source != WITNESS_KERNEL)
        addf(l, "(%s)", witness_name(c->state.source));
    else if (c->state.object == OBJECT_REQUEST || c->state.object == OBJECT_TIMEWAIT)
        addf(l, "(%s)", object_words(c->state.object));
    else if (c->state.owner.pid)
        add_task(l, &c->state.owner);
    if (c->state.rfc) {
        go_to(l, left + OWNER_CELLS + 1, 1);
        addf(l, "%.*s", WORD_MAX, c->state.rfc);
    }
}

static void format_state(struct line *l, const struct change *c)
{
    const bool wire = c->state.source == WITNESS_WIRE;
    char buf[256];
    struct line lane = piece(l, buf, sizeof(buf));

    set_style(&lane, PLAIN, wire);
    begin_side(&lane, c);
    addf(&lane, "%s %s ", tcp_state_name(c->state.from), wire ? "⇢" : "→");
    reset_style(&lane);
    if ((unsigned)c->state.to < TCP_STATE_N)
        set_style(&lane, state_styles[c->state.to], wire);
    add(&lane, tcp_state_name(c->state.to));
    reset_style(&lane);
    set_style(&lane, PLAIN, wire);
    end_side(l, c, &lane);
    set_style(l, PLAIN, wire);
    add_holder(l, c);
    if (wire)
        reset_style(l);
}

static void format_object(struct line *l, const struct change *c)
{
    char buf[256];
    struct line lane = piece(l, buf, sizeof(buf));

    set_style(&lane, DIM, false);
    begin_side(&lane, c);
    addf(&lane, "%s: %s → %s", tcp_state_name(c->object.state), object_words(c->object.from),
         object_words(c->object.to));
    end_side(l, c, &lane);
}

static void add_flags(struct line *l, unsigned flags)
{
    static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE" };
    const char *comma = "";

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!(flags & 1U << i))
            continue;
        addf(l, "%s%s", comma, names[i]);
        comma = ",";
    }
    if (!*comma)
        add(l, "no flags");
}

static enum style segment_style(const struct change *c)
{
    const unsigned harmless = NOTE_KEEP_ALIVE;
    const struct segment *s = &c->segment.segment;

    if (c->segment.notes & ~harmless || s->flags & SEGMENT_RST)
        return ALARM;
    if (s->flags & (SEGMENT_SYN | SEGMENT_FIN))
        return BOLD;
    return s->payload_len ? PLAIN : DIM;
}

/* "── SYN seq=0 ────▶" from the client, "◀──── SYN,ACK seq=0 ack=1 ──" from the server: the text is at the sender. */
static void add_arrow(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const bool from_client = c->end == END_CLIENT;
    const unsigned around = ARROW_MIN + 2 + 1; /* dashes at the sender, two spaces, the head */
    unsigned dashes = ARROW_MIN;
    char buf[192];
    struct line text = piece(l, buf, sizeof(buf));

    add_flags(&text, s->flags);
    addf(&text, " seq=%llu", (unsigned long long)c->segment.seq);
    if (s->flags & SEGMENT_ACK)
        addf(&text, " ack=%llu", (unsigned long long)c->segment.ack);
    if (s->payload_len)
        addf(&text, " len=%u", s->payload_len);
    if (text.cells + around + dashes < LANE_CELLS)
        dashes = LANE_CELLS - text.cells - around;

    add(l, from_client ? "── " : "◀");
    for (unsigned i = 0; !from_client && i < dashes; i++)
        add(l, "─");
    if (!from_client)
        add(l, " ");
    join(l, &text);
    if (from_client)
        add(l, " ");
    for (unsigned i = 0; from_client && i < dashes; i++)
        add(l, "─");
    add(l, from_client ? "▶" : " ──");
}

static void format_segment(struct line *l, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const enum style style = segment_style(c);
    const char *comma = "";

    set_style(l, style, false);
    add_arrow(l, c);
    if (style != PLAIN)
        reset_style(l);
    add(l, "  ");
    if (c->segment.notes) {
        set_style(l, style, false);
        for (unsigned bit = 0; bit < NOTE_N; bit++) {
            if (!(c->segment.notes & 1U << bit))
                continue;
            addf(l, "%s%s", comma, segment_note_name(bit));
            comma = ", ";
        }
        reset_style(l);
        add(l, "  ");
    }
    set_style(l, DIM, false);
    addf(l, "win=%llu", (unsigned long long)c->segment.window);
    if (s->options & SEGMENT_OPT_MSS)
        addf(l, " mss=%u", s->mss);
    if (s->options & SEGMENT_OPT_WSCALE)
        addf(l, " wscale=%u", s->wscale);
    if (s->options & SEGMENT_OPT_SACK_OK)
        add(l, " sack_ok");
    if (s->options & SEGMENT_OPT_SACK)
        for (unsigned i = 0; i < s->sack_count && i < SEGMENT_SACK_MAX; i++)
            addf(l, " sack=%llu-%llu", (unsigned long long)c->segment.sack[i][0],
                 (unsigned long long)c->segment.sack[i][1]);
    if (s->options & SEGMENT_OPT_TFO)
        addf(l, " tfo=%u", s->tfo_len);
    if (s->options & SEGMENT_OPT_MPTCP)
        add(l, " mptcp");
    if (s->cut)
        add(l, " cut");
    reset_style(l);
}

static void format_call(struct line *l, const struct change *c)
{
    const int code = c->call.ret < 0 ? (int)(0U - (unsigned)c->call.ret) : 0;
    const char *error = code ? strerrorname_np(code) : NULL;
    char buf[192];
    struct line lane = piece(l, buf, sizeof(buf));

    if (c->call.has_end)
        begin_side(&lane, c);
    addf(&lane, "%.*s(%d) = ", WORD_MAX, c->call.name, c->call.fd);
    if (error)
        addf(&lane, "-%s", error);
    else
        addf(&lane, "%d", c->call.ret);
    /* A call that belongs to no end is about a listening socket: a matter of the server. */
    if (c->call.has_end)
        end_side(l, c, &lane);
    else
        add_lane(l, END_SERVER, &lane);
    add_task(l, &c->call.task);
}

static void format_listener(struct line *l, const struct change *c)
{
    char buf[192], addr[ENDPOINT_TEXT_MAX];
    struct line lane = piece(l, buf, sizeof(buf));

    set_style(&lane, BOLD, false);
    addf(&lane, "%s %s server", c->listening.closed ? "stops listening on" : "listens on",
         endpoint_format(&c->listening.addr, addr));
    add_lane(l, END_SERVER, &lane);
    if (c->listening.owner.pid) {
        add_task(l, &c->listening.owner);
        add(l, "  ");
    }
    if (!c->listening.closed)
        addf(l, "backlog %u: the accept queue holds %llu", c->listening.backlog,
             (unsigned long long)c->listening.backlog + 1);
    if (c->listening.before_trace)
        add(l, ", since before the trace");
}

static void format_queue(struct line *l, const struct change *c)
{
    static const char *const why[QUEUE_WHY_N] = {
        [QUEUE_SYN] = "a SYN came",
        [QUEUE_ESTABLISHED] = "handshake complete",
        [QUEUE_ACCEPT] = "accept() took one",
        [QUEUE_OVERFLOW] = "overflow: the accept queue is full",
        [QUEUE_EXPIRED] = "gave up waiting for the ACK",
        [QUEUE_DROPPED] = "removed before completion",
        [QUEUE_CLOSED] = "listener closed",
        [QUEUE_SAMPLE] = "sampled",
    };
    const bool overflow = c->queue.why == QUEUE_OVERFLOW;
    char buf[192];
    struct line lane = piece(l, buf, sizeof(buf));

    set_style(&lane, overflow ? ALARM : PLAIN, false);
    addf(&lane, "SYN queue %u · accept queue %u/%u", c->queue.syn, c->queue.accept, c->queue.limit);
    add_lane(l, END_SERVER, &lane);
    set_style(l, overflow ? ALARM : PLAIN, false);
    addf(l, "L%u: %s", c->listener, (unsigned)c->queue.why < QUEUE_WHY_N ? why[c->queue.why] : "");
    if (c->queue.drops)
        addf(l, ", %u dropped so far", c->queue.drops);
    if (overflow)
        reset_style(l);
}

static void format_timer(struct line *l, const struct change *c)
{
    char buf[192];
    struct line lane = piece(l, buf, sizeof(buf));

    begin_side(&lane, c);
    addf(&lane, "timer %s ", timer_name(c->timer.name));
    if (c->timer.phase == TIMER_FIRED) {
        add(&lane, "fired");
    } else if (c->timer.phase == TIMER_CANCELLED) {
        add(&lane, "cancelled");
    } else {
        add(&lane, "set: ");
        add_seconds(&lane, c->timer.expires_ns > c->ts_ns ? c->timer.expires_ns - c->ts_ns : 0);
    }
    end_side(l, c, &lane);
    if (c->timer.count)
        addf(l, "%u in a row", c->timer.count);
}

static void format_reset(struct line *l, const struct change *c)
{
    char buf[128];
    struct line lane = piece(l, buf, sizeof(buf));

    set_style(&lane, ALARM, false);
    begin_side(&lane, c);
    add(&lane, c->reset.sent ? "sends RST" : "receives RST");
    end_side(l, c, &lane);
    if (!c->reset.reason[0])
        return;
    set_style(l, ALARM, false);
    add_untrusted(l, c->reset.reason, sizeof(c->reset.reason));
    reset_style(l);
}

static void format_gap(struct line *l, const struct change *c, uint64_t start_ns)
{
    set_style(l, ALARM, false);
    addf(l, "!! %llu events lost: %s", (unsigned long long)c->gap.lost, witness_name(c->gap.source));
    if (c->gap.hook[0]) {
        add(l, " ");
        add_untrusted(l, c->gap.hook, sizeof(c->gap.hook));
    }
    add(l, ", between ");
    add_time(l, record_t(c->gap.from_ns, start_ns), 1);
    add(l, " and ");
    add_time(l, record_t(c->gap.to_ns, start_ns), 1);
    reset_style(l);
}

static void format_outcome(struct line *l, const struct change *c)
{
    char text[256];

    verdict_format(c, text, sizeof(text));
    add_styled(l, BOLD, "■ ");
    add_styled(l, BOLD, text);
    set_style(l, DIM, false);
    add(l, "  ");
    if (c->outcome.has_wire)
        addf(l, "client sent %llu bytes, server %llu, ", (unsigned long long)c->outcome.bytes[END_CLIENT],
             (unsigned long long)c->outcome.bytes[END_SERVER]);
    add_seconds(l, c->outcome.duration_ns);
    reset_style(l);
}

/* "#7" a connection, "L2" a listener. */
static void add_subject(struct line *l, const struct change *c)
{
    const unsigned left = here(l);

    if (c->conn)
        addf(l, "#%u", c->conn);
    else if (c->listener)
        addf(l, "L%u", c->listener);
    go_to(l, left + CONN_CELLS + 1, 1);
}

size_t timeline_format(const struct change *c, uint64_t start_ns, bool colour, char buf[static TIMELINE_LINE_MAX])
{
    struct line l = { .buf = buf, .p = buf, .end = buf + TIMELINE_LINE_MAX - LINE_RESERVE, .colour = colour };

    if ((unsigned)c->kind >= CHANGE_KIND_N)
        return 0;
    set_style(&l, DIM, false);
    add_time(&l, record_t(c->ts_ns, start_ns), 5);
    reset_style(&l);
    go_to(&l, 0, 2);
    add_subject(&l, c);
    switch (c->kind) {
    case CHANGE_CONNECTION: format_connection(&l, c); break;
    case CHANGE_STATE: format_state(&l, c); break;
    case CHANGE_OBJECT: format_object(&l, c); break;
    case CHANGE_SEGMENT: format_segment(&l, c); break;
    case CHANGE_CALL: format_call(&l, c); break;
    case CHANGE_LISTENER: format_listener(&l, c); break;
    case CHANGE_QUEUE: format_queue(&l, c); break;
    case CHANGE_TIMER: format_timer(&l, c); break;
    case CHANGE_RESET: format_reset(&l, c); break;
    case CHANGE_GAP: format_gap(&l, c, start_ns); break;
    case CHANGE_OUTCOME: format_outcome(&l, c); break;
    case CHANGE_KIND_N: return 0;
    }
    if (c->late) {
        l.column = 0;
        add(&l, "  (late)");
    }
    l.end = buf + TIMELINE_LINE_MAX;
    if (l.cut)
        reset_style(&l);
    add_bytes(&l, "\n", 1, 0);
    return (size_t)(l.p - buf);
}
