/* Theory of operation. Each change costs the same, however many connections there are: rows are found by the number of the
 * connection, counts are kept as they change, and what has changed is listed for whoever draws. Of what is drawn only when
 * somebody looks into one connection, the lines of the trace are kept as they are written: they hold all that a timeline
 * says, borrow nothing, and are short. Segments are kept apart, or those of one busy connection would drive the story of
 * all others out. */
#include "tcplens/top/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/trace/encode.h"

#define BUCKETS 65536 /* a power of 2; numbers of connections follow each other, and spread by themselves */
#define LISTENER_BUCKETS 1024

enum { OF_SEGMENTS, OF_THE_REST };

struct top_model {
    struct top_row *rows; /* by place, from 1 */
    uint32_t used;        /* places ever taken */
    uint32_t buckets[BUCKETS];
    uint32_t first_ended, last_ended;     /* by when they ended */
    uint32_t first_changed, last_changed; /* by when they changed first */
    bool held;
    uint32_t counts[END_N][TCP_STATE_N];
    struct top_listener *listeners; /* by place, from 1 */
    uint32_t listeners_used, listener_free;
    uint32_t listener_buckets[LISTENER_BUCKETS];
    struct order by_trouble; /* of listeners */
    struct top_finding findings[LIMIT_FINDINGS];
    unsigned order[LIMIT_FINDINGS], finding_count; /* of findings: the worst first */
    struct history history[2];
    struct top_totals totals;
};

int top_model_new(struct top_model **ret_model)
{
    struct top_model *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    m->rows = calloc(LIMIT_TOP_CONNECTIONS + 1, sizeof(*m->rows));
    m->listeners = calloc(LIMIT_TOP_LISTENERS + 1, sizeof(*m->listeners));
    if (!m->rows || !m->listeners || order_init(&m->by_trouble, LIMIT_TOP_LISTENERS) < 0 ||
        history_init(&m->history[OF_SEGMENTS], LIMIT_TOP_HISTORY) < 0 ||
        history_init(&m->history[OF_THE_REST], LIMIT_TOP_HISTORY) < 0) {
        top_model_free(m);
        return -ENOMEM;
    }
    *ret_model = m;
    return 0;
}

struct top_model *top_model_free(struct top_model *m)
{
    if (!m)
        return NULL;
    free(m->rows);
    free(m->listeners);
    order_free(&m->by_trouble);
    history_free(&m->history[OF_SEGMENTS]);
    history_free(&m->history[OF_THE_REST]);
    free(m);
    return NULL;
}

void top_model_hold(struct top_model *m, bool held)
{
    m->held = held;
}

/* ---- rows */

static uint32_t place_of(const struct top_model *m, const struct top_row *row)
{
    return (uint32_t)(row - m->rows);
}

const struct top_row *top_model_row(const struct top_model *m, uint32_t place)
{
    return &m->rows[place];
}

uint32_t top_model_find(const struct top_model *m, uint32_t conn)
{
    uint32_t at = conn ? m->buckets[conn % BUCKETS] : 0;

    while (at && m->rows[at].conn != conn)
        at = m->rows[at].next_in_bucket;
    return at;
}

static void mark_changed(struct top_model *m, struct top_row *row)
{
    if (row->changed)
        return;
    row->changed = true;
    row->next_changed = 0;
    if (m->last_changed)
        m->rows[m->last_changed].next_changed = place_of(m, row);
    else
        m->first_changed = place_of(m, row);
    m->last_changed = place_of(m, row);
}

uint32_t top_model_next_changed(struct top_model *m)
{
    const uint32_t at = m->first_changed;

    if (!at)
        return 0;
    m->first_changed = m->rows[at].next_changed;
    if (!m->first_changed)
        m->last_changed = 0;
    m->rows[at].changed = false;
    return at;
}

void top_model_touch(struct top_model *m)
{
    for (uint32_t at = 1; at <= m->used; at++)
        mark_changed(m, &m->rows[at]);
}

static bool counts(const struct top_row *row, enum end end)
{
    return row->local[end] || !(row->local[END_CLIENT] || row->local[END_SERVER]);
}

/* Of what is open: what has ended is in no state any more. */
static void count(struct top_model *m, const struct top_row *row, int by)
{
    for (enum end end = 0; end < END_N && !row->ended; end++)
        if (counts(row, end))
            m->counts[end][row->state[end]] += (uint32_t)by;
}

static void unlink_from_bucket(struct top_model *m, const struct top_row *row)
{
    uint32_t *at = &m->buckets[row->conn % BUCKETS];

    while (*at != place_of(m, row))
        at = &m->rows[*at].next_in_bucket;
    *at = row->next_in_bucket;
}

/* The one that ended longest ago makes room. */
static struct top_row *reuse_row(struct top_model *m)
{
    struct top_row *row = &m->rows[m->first_ended];
    const bool changed = row->changed;
    const uint32_t next = row->next_changed;

    if (!m->first_ended || m->held)
        return NULL;
    m->first_ended = row->next_ended;
    if (!m->first_ended)
        m->last_ended = 0;
    count(m, row, -1);
    unlink_from_bucket(m, row);
    *row = (struct top_row){ .changed = changed, .next_changed = next };
    return row;
}

static void begin(struct top_model *m, const struct change *c)
{
    struct top_row *row = m->used < LIMIT_TOP_CONNECTIONS ? &m->rows[++m->used] : reuse_row(m);

    m->totals.connections++;
    m->totals.open++;
    if (!row) {
        m->totals.beyond++;
        return;
    }
    row->conn = c->conn;
    row->endpoints[END_CLIENT] = c->connection.client;
    row->endpoints[END_SERVER] = c->connection.server;
    memcpy(row->local, c->connection.local, sizeof(row->local));
    row->before_trace = c->connection.before_trace;
    row->state[END_CLIENT] = row->state[END_SERVER] = TCP_STATE_UNKNOWN;
    row->first_ns = c->ts_ns;
    row->next_in_bucket = m->buckets[c->conn % BUCKETS];
    m->buckets[c->conn % BUCKETS] = place_of(m, row);
    count(m, row, 1);
}

static void take_state(struct top_row *row, const struct change *c)
{
    const bool by_kernel = c->state.source != WITNESS_WIRE;

    if (c->state.owner.pid)
        row->owner[c->end] = c->state.owner;
    if (!by_kernel && row->by_kernel[c->end])
        return;
    row->by_kernel[c->end] |= by_kernel;
    row->state[c->end] = c->state.to;
}

static void take_segment(struct top_row *row, const struct change *c)
{
    const struct segment *s = &c->segment.segment;
    const enum end peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;
    const int64_t end = c->segment.seq + s->payload_len + !!(s->flags & SEGMENT_SYN) + !!(s->flags & SEGMENT_FIN);

    if (c->segment.notes & (NOTE_RETRANSMISSION | NOTE_FAST_RETRANSMISSION | NOTE_SPURIOUS_RETRANSMISSION))
        row->again++;
    else if (!(c->segment.notes & (NOTE_KEEP_ALIVE | NOTE_COPY | NOTE_BAD_CHECKSUM)))
        row->bytes[c->end] += s->payload_len;
    if (end > row->sent[c->end])
        row->sent[c->end] = end;
    if (s->flags & SEGMENT_ACK && c->segment.ack > row->acked[peer])
        row->acked[peer] = c->segment.ack;
    if (c->segment.rtt_ns)
        row->rtt_ns = row->rtt_ns ? row->rtt_ns - row->rtt_ns / 8 + c->segment.rtt_ns / 8 : c->segment.rtt_ns;
}

static void take_timer(struct top_row *row, const struct change *c)
{
    if (c->timer.name == TIMER_RETRANSMIT && c->timer.phase == TIMER_FIRED)
        row->rtx_timer++;
}

/* At the end of a trace each connection has its outcome, and some go on. */
static bool is_end(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_STILL_OPEN:
    case VERDICT_HALF_CLOSED:
    case VERDICT_CLOSING:
    case VERDICT_MIDSTREAM:
    case VERDICT_UNKNOWN: return false;
    default: return true;
    }
}

static void take_outcome(struct top_model *m, struct top_row *row, const struct change *c)
{
    row->verdict = c->outcome.verdict;
    row->cause = c->outcome.cause;
    for (enum end end = 0; end < END_N; end++) {
        row->state[end] = c->outcome.final[end];
        if (c->outcome.has_wire)
            row->bytes[end] = c->outcome.bytes[end];
    }
    if (!row->rtt_ns)
        row->rtt_ns = c->outcome.rtt_ns;
    if (row->told)
        return;
    row->told = true;
    row->next_ended = 0;
    if (m->last_ended)
        m->rows[m->last_ended].next_ended = place_of(m, row);
    else
        m->first_ended = place_of(m, row);
    m->last_ended = place_of(m, row);
}

/* Its outcome says so; where that is missing (a trace that is cut, or one part of several), or says little of one whose beginning
 * was not seen, the ends do: no end is in any state but CLOSED. */
static bool is_over(const struct top_row *row)
{
    bool closed = false;

    if (row->told && is_end(row->verdict))
        return true;
    for (enum end end = 0; end < END_N; end++) {
        if (row->state[end] != TCP_STATE_CLOSED && row->state[end] != TCP_STATE_UNKNOWN)
            return false;
        closed |= row->state[end] == TCP_STATE_CLOSED;
    }
    return closed;
}

static void take_row(struct top_model *m, struct top_row *row, const struct change *c)
{
    count(m, row, -1);
    switch (c->kind) {
    case CHANGE_STATE: take_state(row, c); break;
    case CHANGE_SEGMENT: take_segment(row, c); break;
    case CHANGE_TIMER: take_timer(row, c); break;
    case CHANGE_OUTCOME: take_outcome(m, row, c); break;
    default: break;
    }
    m->totals.open += row->ended;
    row->ended = is_over(row);
    m->totals.open -= row->ended;
    count(m, row, 1);
}

static void remember(struct top_model *m, struct top_row *row, const struct change *c, uint64_t start_ns)
{
    const unsigned which = c->kind == CHANGE_SEGMENT ? OF_SEGMENTS : OF_THE_REST;
    char line[TRACE_LINE_MAX];

    row->history[which] =
        history_add(&m->history[which], row->history[which], c->n, line, trace_encode(c, start_ns, line));
}

static void take_of_connection(struct top_model *m, const struct change *c, uint64_t start_ns)
{
    struct top_row *row;

    if (c->kind == CHANGE_CONNECTION)
        begin(m, c);
    row = &m->rows[top_model_find(m, c->conn)];
    if (!row->conn) { /* there was no room for it */
        if (c->kind == CHANGE_OUTCOME)
            m->totals.open -= is_end(c->outcome.verdict) && m->totals.open;
        return;
    }
    if (c->ts_ns > row->last_ns)
        row->last_ns = c->ts_ns;
    take_row(m, row, c);
    remember(m, row, c, start_ns);
    mark_changed(m, row);
}

uint32_t top_model_count(const struct top_model *m, enum end end, enum tcp_state state)
{
    return m->counts[end][state];
}

/* ---- listeners */

static struct top_listener *find_listener(struct top_model *m, uint32_t number)
{
    uint32_t at = m->listener_buckets[number % LISTENER_BUCKETS];

    while (at && m->listeners[at].number != number)
        at = m->listeners[at].next;
    return at ? &m->listeners[at] : NULL;
}

/* The first of those that are free, or one never taken. */
static struct top_listener *new_listener(struct top_model *m, uint32_t number)
{
    uint32_t *bucket = &m->listener_buckets[number % LISTENER_BUCKETS], at = m->listener_free;

    if (at)
        m->listener_free = m->listeners[at].next;
    else if (m->listeners_used < LIMIT_TOP_LISTENERS)
        at = ++m->listeners_used;
    else
        m->totals.listeners_beyond++;
    if (!at)
        return NULL;
    m->listeners[at] = (struct top_listener){ .number = number, .next = *bucket };
    *bucket = at;
    m->totals.listeners++;
    return &m->listeners[at];
}

/* The greatest number is the least trouble, as the least comes first. Who drops stands above who is only full. */
static void rank_listener(struct top_model *m, const struct top_listener *l)
{
    const uint64_t full = l->limit ? (uint64_t)l->accept * 1000 / l->limit : 0;

    order_put(&m->by_trouble, (uint32_t)(l - m->listeners),
              ~((uint64_t)l->drops << 24 | (full < 0xffffff ? full : 0xffffff)), l->number);
}

static void end_listener(struct top_model *m, struct top_listener *l)
{
    const uint32_t place = (uint32_t)(l - m->listeners);
    uint32_t *at = &m->listener_buckets[l->number % LISTENER_BUCKETS];

    while (*at != place)
        at = &m->listeners[*at].next;
    *at = l->next;
    order_drop(&m->by_trouble, place);
    m->totals.drops -= l->drops;
    m->totals.listeners--;
    *l = (struct top_listener){ .next = m->listener_free };
    m->listener_free = place;
}

static void take_listener(struct top_model *m, const struct change *c)
{
    struct top_listener *l = find_listener(m, c->listener);

    if (c->listening.closed) {
        if (l)
            end_listener(m, l);
        return;
    }
    if (!l)
        l = new_listener(m, c->listener);
    if (!l)
        return;
    l->addr = c->listening.addr;
    l->limit = c->listening.backlog + 1; /* sk_acceptq_is_full() lets one more in */
    if (c->listening.owner.pid)
        l->owner = c->listening.owner;
    rank_listener(m, l);
}

/* Until it is told otherwise, what came through a listener is its process's. */
static void own_what_it_accepts(struct top_model *m, const struct top_listener *l, uint32_t conn)
{
    struct top_row *row = &m->rows[top_model_find(m, conn)];

    if (row->conn && !row->owner[END_SERVER].pid)
        row->owner[END_SERVER] = l->owner;
}

static void take_queue(struct top_model *m, const struct change *c)
{
    struct top_listener *l = find_listener(m, c->listener);

    if (!l)
        return;
    m->totals.drops += c->queue.drops - l->drops;
    l->syn = c->queue.syn;
    l->accept = c->queue.accept;
    l->drops = c->queue.drops;
    rank_listener(m, l);
    own_what_it_accepts(m, l, c->conn);
}

const struct top_listener *top_model_listener(const struct top_model *m, uint32_t n)
{
    const uint32_t at = order_at(&m->by_trouble, n);

    return at ? &m->listeners[at] : NULL;
}

/* ---- findings */

static bool is_same(const struct change *a, const struct change *b)
{
    return a->finding.kind == b->finding.kind && a->finding.cause == b->finding.cause && a->listener == b->listener &&
           a->finding.owner.pid == b->finding.owner.pid && endpoint_equal(&a->finding.peer, &b->finding.peer);
}

static bool is_worse(const struct change *a, const struct change *b)
{
    return a->finding.severity != b->finding.severity ? a->finding.severity < b->finding.severity
                                                      : a->finding.last_ns > b->finding.last_ns;
}

/* Few and seldom: they are put in order as they come. */
static void rank_findings(struct top_model *m)
{
    for (unsigned i = 1; i < m->finding_count; i++)
        for (unsigned j = i; j && is_worse(&m->findings[m->order[j]].change, &m->findings[m->order[j - 1]].change);
             j--) {
            const unsigned worse = m->order[j];

            m->order[j] = m->order[j - 1];
            m->order[j - 1] = worse;
        }
}

static void take_finding(struct top_model *m, const struct change *c)
{
    unsigned i = 0;
    struct top_finding *f;

    while (i < m->finding_count && !is_same(&m->findings[i].change, c))
        i++;
    if (i == LIMIT_FINDINGS) {
        m->totals.findings_beyond++;
        return;
    }
    if (i == m->finding_count)
        m->order[m->finding_count++] = i;
    f = &m->findings[i];
    f->change = *c;
    snprintf(f->text, sizeof(f->text), "%s", c->finding.text ? c->finding.text : "");
    for (unsigned r = 0; r < FINDING_REMEDIES_MAX; r++)
        snprintf(f->remedy[r], sizeof(f->remedy[r]), "%s", c->finding.remedy[r] ? c->finding.remedy[r] : "");
    rank_findings(m);
}

const struct top_finding *top_model_finding(const struct top_model *m, uint32_t n)
{
    return n < m->finding_count ? &m->findings[m->order[n]] : NULL;
}

/* ---- all */

void top_model_take(struct top_model *m, const struct change *c, uint64_t start_ns)
{
    m->totals.changes++;
    if (!m->totals.start_ns)
        m->totals.start_ns = start_ns ? start_ns : c->ts_ns;
    if (c->ts_ns > m->totals.last_ns)
        m->totals.last_ns = c->ts_ns;
    if (c->kind == CHANGE_LISTENER)
        take_listener(m, c);
    else if (c->kind == CHANGE_QUEUE)
        take_queue(m, c);
    else if (c->kind == CHANGE_FINDING)
        take_finding(m, c);
    else if (c->kind == CHANGE_GAP)
        m->totals.lost += c->gap.lost;
    if (c->conn)
        take_of_connection(m, c, start_ns);
}

struct top_totals top_model_totals(const struct top_model *m)
{
    return m->totals;
}

/* Whatever is missing, the beginning is: nothing of a connection stands before the record that names its ends. */
static bool is_beginning(const struct history_line *line)
{
    static const char begins[] = "{\"record\":\"connection\"";

    return line->len > sizeof(begins) && memcmp(line->text, begins, sizeof(begins) - 1) == 0;
}

uint32_t top_model_history(const struct top_model *m, const struct top_row *row,
                           struct history_line ret_lines[static LIMIT_TOP_TIMELINE], bool *ret_all)
{
    struct history_line at[2];
    bool is[2];
    uint32_t count = 0;

    for (unsigned i = 0; i < 2; i++)
        is[i] = history_find(&m->history[i], row->history[i], &at[i]);
    /* both from the newest back, as one */
    while ((is[0] || is[1]) && count < LIMIT_TOP_TIMELINE) {
        const unsigned i = !is[0] || (is[1] && at[1].n > at[0].n);

        ret_lines[count++] = at[i];
        is[i] = history_find(&m->history[i], at[i].before, &at[i]);
    }
    *ret_all = count && is_beginning(&ret_lines[count - 1]);
    for (uint32_t i = 0; i < count / 2; i++) {
        const struct history_line other = ret_lines[i];

        ret_lines[i] = ret_lines[count - 1 - i];
        ret_lines[count - 1 - i] = other;
    }
    return count;
}
