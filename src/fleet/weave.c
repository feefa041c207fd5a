/* Theory of operation. An engine for packets alone follows the joined connections anew: it is told of a segment as its sender's host
 * saw it go, and of its arrival as the receiver's host saw it come, so that each end moves when its own host says. What kernels
 * told (states, queues, calls, timers) was concluded already: it is told again between them, from the host whose end it is about,
 * with the numbers and the time of the whole. The outcome is the engine's, with what the hosts' kernels know better of their own
 * ends.
 *
 * Each view goes on in the order of its file; of several the one whose next thing is the earliest, by the clock of the first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "whole.h"

/* Where a view is. */
struct reel {
    struct view *view;
    size_t seg, icmp;
    const struct change *change; /* the next one; NULL: no more */
    uint64_t reached_ns;         /* the latest it told of */
};

struct weave {
    struct fleet *fleet;
    struct recording *recording;
    fleet_next_fn next;
    void *arg;
    struct reel reels[LIMIT_MERGED_FILES];
};

static struct conn_engine *engine_of(const struct weave *w)
{
    return recording_engine(w->recording);
}

/* ---- what a change says, in the numbers of the whole */

/* The new number of an old one, of which *last is the last given. 0: none, or no memory. */
static uint32_t renumber(struct renumbering *r, uint32_t old, uint32_t *last)
{
    size_t at = 0, end = r->count;

    if (!old)
        return 0;
    while (at < end) {
        const size_t middle = at + (end - at) / 2;

        if (r->pairs[middle].n < old)
            at = middle + 1;
        else
            end = middle;
    }
    if (at < r->count && r->pairs[at].n == old)
        return r->pairs[at].told;
    if (!view_grow(&r->pairs, r->count, &r->room, sizeof(*r->pairs)))
        return 0;
    memmove(&r->pairs[at + 1], &r->pairs[at], (r->count++ - at) * sizeof(*r->pairs)); /* nearly always nothing */
    r->pairs[at] = (struct passed){ .n = old, .told = ++*last };
    return r->pairs[at].told;
}

static int by_seg_number(const void *key, const void *seg)
{
    const uint32_t n = *(const uint32_t *)key, other = ((const struct seg *)seg)->n;

    return n < other ? -1 : n > other;
}

static int by_passed_number(const void *key, const void *passed)
{
    const uint32_t n = *(const uint32_t *)key, other = ((const struct passed *)passed)->n;

    return n < other ? -1 : n > other;
}

/* What became of a record of a view. 0: it was not told again. */
static uint32_t told_of(const struct view *v, uint64_t old)
{
    const uint32_t n = (uint32_t)old;
    const struct passed *p = bsearch(&n, v->passed, v->passed_count, sizeof(*p), by_passed_number);
    const struct seg *s = p ? NULL : bsearch(&n, v->segs, v->seg_count, sizeof(*s), by_seg_number);

    return p ? p->told : s ? s->told : 0;
}

static uint64_t at(const struct view *v, const struct change *c, uint64_t ts_ns)
{
    return view_time(v, (uint32_t)c->n, ts_ns);
}

static void convert_times(const struct view *v, struct change *c)
{
    if (c->kind == CHANGE_TIMER && c->timer.expires_ns) {
        c->timer.expires_ns = at(v, c, c->timer.expires_ns);
    } else if (c->kind == CHANGE_GAP) {
        c->gap.from_ns = at(v, c, c->gap.from_ns);
        c->gap.to_ns = at(v, c, c->gap.to_ns);
    } else if (c->kind == CHANGE_FINDING) {
        c->finding.first_ns = at(v, c, c->finding.first_ns);
        c->finding.last_ns = at(v, c, c->finding.last_ns);
    }
}

static uint32_t new_conn(const struct fleet *f, const struct view *v, uint32_t old)
{
    const struct view_conn *conn = old ? view_conn(v, old) : NULL;

    return conn && conn->tie != NONE ? f->ties[conn->tie].number : 0;
}

static void renumber_finding(const struct fleet *f, const struct view *v, struct change *c)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < c->finding.conn_count; i++) {
        const uint32_t conn = new_conn(f, v, c->finding.conns[i]);

        if (conn)
            c->finding.conns[kept++] = conn;
    }
    c->finding.conn_count = kept;
    kept = 0;
    for (unsigned i = 0; i < FINDING_RECORDS_MAX; i++) {
        const uint32_t told = c->finding.shown_by[i] ? told_of(v, c->finding.shown_by[i]) : 0;

        c->finding.shown_by[i] = 0;
        if (told)
            c->finding.shown_by[kept++] = told;
    }
}

static void renumber_change(struct fleet *f, struct view *v, struct change *c)
{
    c->conn = new_conn(f, v, c->conn);
    c->listener = renumber(&v->listeners, c->listener, &f->listeners);
    if (c->because)
        c->because = told_of(v, c->because);
    if (c->kind == CHANGE_CALL)
        c->call.socket = renumber(&v->sockets, c->call.socket, &f->sockets);
    else if (c->kind == CHANGE_FINDING)
        renumber_finding(f, v, c);
    convert_times(v, c);
}

/* ---- connections */

static struct event event_of(const struct fleet *f, const struct tie *t, enum end from, uint64_t ts_ns)
{
    const struct view_conn *conn = &f->views[t->at[END_CLIENT].view].conns[t->at[END_CLIENT].conn];

    return (struct event){
        .ts_ns = ts_ns, .source = WITNESS_WIRE, .netns = t->netns, .local = conn->at[from], .remote = conn->at[!from]
    };
}

static unsigned kernels_of(const struct fleet *f, const struct tie *t)
{
    const struct view *client = &f->views[t->at[END_CLIENT].view], *server = &f->views[t->at[END_SERVER].view];

    return client->has_kernel + (tie_is_joined(t) && server->has_kernel);
}

static int introduce(struct weave *w, uint32_t tie, uint64_t ts_ns)
{
    struct fleet *f = w->fleet;
    struct tie *t = &f->ties[tie];
    const struct view_conn *client = &f->views[t->at[END_CLIENT].view].conns[t->at[END_CLIENT].conn],
                           *server = &f->views[t->at[END_SERVER].view].conns[t->at[END_SERVER].conn];
    const struct event e = event_of(f, t, END_CLIENT, ts_ns);

    if (t->number)
        return 0;
    t->open = kernels_of(f, t);
    f->introducing = tie;
    t->number = conn_engine_introduce(
        engine_of(w), &e,
        &(struct conn_introduction){ .local_is_client = true,
                                     .before_trace = client->before_trace && server->before_trace,
                                     .roles_assumed = client->roles_assumed && server->roles_assumed,
                                     .kept = t->open > 0 });
    f->introducing = NONE;
    if (!t->number)
        return -ENOMEM;
    while (f->tie_of_count <= t->number) {
        if (!view_grow(&f->tie_of, f->tie_of_count, &f->tie_of_room, sizeof(*f->tie_of)))
            return -ENOMEM;
        f->tie_of[f->tie_of_count++] = NONE;
    }
    f->tie_of[t->number] = tie;
    return 0;
}

/* An account of the connection came to its end. */
static void close_account(struct weave *w, const struct view *v, struct tie *t, uint64_t ts_ns)
{
    const struct event e = event_of(w->fleet, t, END_CLIENT, ts_ns);

    if (v->has_kernel && t->open && --t->open == 0)
        conn_engine_end(engine_of(w), &e, t->number);
}

/* ---- segments */

static struct segment segment_of(const struct view *v, const struct seg *s, const struct event *e)
{
    struct segment seg = { .src = e->local,
                           .dst = e->remote,
                           .seq = s->seq,
                           .ack = s->ack,
                           .payload_len = s->len,
                           .flags = s->flags,
                           .window = s->window,
                           .options = s->options,
                           .bad_checksum = s->bad,
                           .cut = s->cut,
                           .ts_val = s->ts_val,
                           .ts_ecr = s->ts_ecr };

    if (s->rare) {
        const struct rare *rare = &v->rares[s->rare - 1];

        seg.mss = rare->mss;
        seg.wscale = rare->wscale;
        seg.tfo_len = rare->tfo_len;
        seg.sack_count = rare->sack_count & 7;
        memcpy(seg.sack, rare->sack, sizeof(seg.sack));
    }
    return seg;
}

static void arrive(struct weave *w, const struct tie *t, struct seg *sent, struct seg *received)
{
    struct fleet *f = w->fleet;
    const struct lane_pair p = fleet_lane(f, t, sent->from);
    const uint64_t left_ns = seg_time(p.sent, sent), came_ns = seg_time(p.received, received);
    struct event e = event_of(f, t, sent->from, came_ns < left_ns ? left_ns : came_ns);

    e.kind = EVENT_ARRIVAL;
    e.segment = segment_of(p.sent, sent, &e);
    e.flight = sent->flight;
    conn_engine_event(engine_of(w), &e);
    received->told = sent->told; /* causes are segments, sent or received */
}

/* What the record of a segment says of both hosts, as fleet_amend() finds it. */
static void set_both(struct fleet *f, const struct tie *t, const struct view *v, const struct seg *s, uint64_t ts_ns)
{
    const struct lane_pair p = fleet_lane(f, t, s->from);

    f->sent_ns = f->received_ns = 0;
    if (!tie_is_joined(t))
        return;
    if (v != p.sent) {
        f->received_ns = ts_ns;
        return;
    }
    f->sent_ns = ts_ns;
    if (s->mate == NONE)
        return;
    f->received_ns = seg_time(p.received, &p.received->segs[s->mate]);
    if (f->received_ns < ts_ns)
        f->received_ns = ts_ns;
}

static void tell_segment(struct weave *w, const struct tie *t, const struct view *v, struct seg *s)
{
    struct fleet *f = w->fleet;
    struct event e = event_of(f, t, s->from, seg_time(v, s));
    const struct lane_pair p = fleet_lane(f, t, s->from);
    const bool sent = tie_is_joined(t) && v == p.sent;

    e.kind = EVENT_SEGMENT;
    e.segment = segment_of(v, s, &e);
    e.fate = sent && s->mate != NONE ? FATE_ON_ITS_WAY : s->lost ? FATE_LOST : s->unseen ? FATE_UNSEEN : FATE_UNSAID;
    e.flight = s->flight = ++f->flights;
    set_both(f, t, v, s, e.ts_ns);
    f->segment_n = 0;
    conn_engine_event(engine_of(w), &e);
    f->sent_ns = f->received_ns = 0;
    s->told = f->segment_n;
    s->out = true;
    if (e.fate == FATE_ON_ITS_WAY && p.received->segs[s->mate].out) /* its file has it out of order */
        arrive(w, t, s, &p.received->segs[s->mate]);
}

/* All that came as one. */
static void tell_arrivals(struct weave *w, const struct tie *t, struct seg *received)
{
    const struct lane_pair p = fleet_lane(w->fleet, t, received->from);

    received->out = true;
    for (uint32_t i = received->mate; i != NONE; i = p.sent->segs[i].next)
        if (p.sent->segs[i].out)
            arrive(w, t, &p.sent->segs[i], received);
}

static int take_seg(struct weave *w, struct view *v, struct seg *s)
{
    struct fleet *f = w->fleet;
    const uint32_t tie = v->conns[s->conn].tie;
    struct tie *t = tie == NONE ? NULL : &f->ties[tie];
    int r;

    if (!t || s->part)
        return 0;
    r = introduce(w, tie, seg_time(v, s));
    if (r < 0)
        return r;
    if (tie_is_joined(t) && v != fleet_lane(f, t, s->from).sent && s->mate != NONE)
        tell_arrivals(w, t, s);
    else
        tell_segment(w, t, v, s);
    return 0;
}

/* ---- ICMP errors, and what kernels told */

/* Of two hosts that saw it the one counts to whom it was sent. */
static bool is_whose(const struct fleet *f, const struct tie *t, const struct view *v, enum end end)
{
    return &f->views[t->at[end].view] == v;
}

static int take_icmp(struct weave *w, const struct view *v, const struct icmp_seen *i)
{
    struct fleet *f = w->fleet;
    const uint32_t tie = v->conns[i->conn].tie;
    struct event e;
    int r;

    if (tie == NONE || !is_whose(f, &f->ties[tie], v, i->end))
        return 0;
    r = introduce(w, tie, view_time(v, i->n, i->ts_ns));
    if (r < 0)
        return r;
    e = event_of(f, &f->ties[tie], i->end, view_time(v, i->n, i->ts_ns));
    e.kind = EVENT_ICMP;
    e.icmp =
        (struct icmp){ .error = i->error, .by = i->by, .src = e.local, .dst = e.remote, .seq = i->seq, .mtu = i->mtu };
    conn_engine_event(engine_of(w), &e);
    return 0;
}

/* Whose end it is, where the file may have the ends the other way round. */
static enum end end_of(const struct view_conn *conn, const struct change *c)
{
    return conn && conn->turned && c->end != END_UNKNOWN ? !c->end : c->end;
}

/* Whether a change is told again: what follows from packets is concluded anew, and of an end its own host tells. */
static bool is_passed(const struct fleet *f, const struct view *v, const struct view_conn *conn, const struct tie *t,
                      const struct change *c)
{
    const bool own = !t || is_whose(f, t, v, end_of(conn, c));

    switch (c->kind) {
    case CHANGE_STATE: return c->state.source != WITNESS_WIRE && own;
    case CHANGE_TIMER: return c->timer.source != WITNESS_WIRE && own;
    case CHANGE_OBJECT:
    case CHANGE_RESET:
    case CHANGE_DISAGREEMENT: return own;
    case CHANGE_CALL: return !c->call.has_end || own;
    case CHANGE_QUEUE: return !t || is_whose(f, t, v, END_SERVER);
    case CHANGE_LISTENER:
    case CHANGE_GAP: return true;
    case CHANGE_FINDING: return c->listener || c->finding.owner.pid;
    default: return false;
    }
}

static bool belongs_to_a_host(enum change_kind kind)
{
    return kind == CHANGE_PROCESS || kind == CHANGE_COUNTER || kind == CHANGE_DATAGRAM || kind == CHANGE_LAB ||
           kind == CHANGE_ANSWER || kind == CHANGE_CHECK;
}

static int pass(struct weave *w, struct view *v, const struct view_conn *conn, const struct change *c)
{
    struct fleet *f = w->fleet;

    if (!view_grow(&v->passed, v->passed_count, &v->passed_room, sizeof(*v->passed)))
        return -ENOMEM;
    f->amended = *c;
    f->amended.end = end_of(conn, c);
    renumber_change(f, v, &f->amended);
    v->passed[v->passed_count].n = (uint32_t)c->n;
    v->passed[v->passed_count++].told = (uint32_t)conn_engine_pass(engine_of(w), at(v, c, c->ts_ns), &f->amended);
    return 0;
}

static int take_change(struct weave *w, struct view *v, const struct change *c)
{
    struct fleet *f = w->fleet;
    const struct view_conn *conn = c->conn ? view_conn(v, c->conn) : NULL;
    struct tie *t = conn && conn->tie != NONE ? &f->ties[conn->tie] : NULL;
    int r;

    f->left_out += belongs_to_a_host(c->kind);
    if (c->conn && !t) /* one that is left out */
        return 0;
    if (t && (r = introduce(w, conn->tie, at(v, c, c->ts_ns))) < 0)
        return r;
    if (c->kind == CHANGE_OUTCOME && t)
        close_account(w, v, t, at(v, c, c->ts_ns));
    return is_passed(f, v, conn, t, c) ? pass(w, v, conn, c) : 0;
}

/* ---- in order */

/* The next thing that a view tells is what has the smallest number in it. */
enum what { NOTHING, SEG, ICMP, CHANGE };

static enum what next_of(const struct reel *r, uint64_t *ret_ts_ns)
{
    const struct view *v = r->view;
    const struct seg *s = r->seg < v->seg_count ? &v->segs[r->seg] : NULL;
    const struct icmp_seen *i = r->icmp < v->icmp_count ? &v->icmps[r->icmp] : NULL;
    const uint64_t seg_n = s ? s->n : UINT64_MAX, icmp_n = i ? i->n : UINT64_MAX,
                   change_n = r->change ? r->change->n : UINT64_MAX;
    uint64_t ts_ns = 0;
    enum what what = NOTHING;

    if (s && seg_n < icmp_n && seg_n < change_n) {
        what = SEG;
        ts_ns = seg_time(v, s);
    } else if (i && icmp_n <= change_n) {
        what = ICMP;
        ts_ns = view_time(v, i->n, i->ts_ns);
    } else if (r->change) {
        what = CHANGE;
        ts_ns = at(v, r->change, r->change->ts_ns);
    }
    *ret_ts_ns = ts_ns > r->reached_ns ? ts_ns : r->reached_ns;
    return what;
}

static int take_next(struct weave *w, unsigned index, enum what what)
{
    struct reel *r = &w->reels[index];
    int error;

    if (what == SEG)
        return take_seg(w, r->view, &r->view->segs[r->seg++]);
    if (what == ICMP)
        return take_icmp(w, r->view, &r->view->icmps[r->icmp++]);
    error = take_change(w, r->view, r->change);
    r->change = w->next(w->arg, index);
    return error;
}

/* 1: there was something; 0: all is told; -ENOMEM. */
static int step(struct weave *w)
{
    uint64_t earliest = UINT64_MAX;
    enum what what = NOTHING;
    unsigned index = 0;
    int r;

    for (unsigned i = 0; i < w->fleet->view_count; i++) {
        uint64_t ts_ns;
        const enum what candidate = next_of(&w->reels[i], &ts_ns);

        if (candidate == NOTHING || ts_ns >= earliest)
            continue;
        earliest = ts_ns;
        index = i;
        what = candidate;
    }
    if (what == NOTHING)
        return 0;
    w->reels[index].reached_ns = earliest;
    r = take_next(w, index, what);
    return r < 0 ? r : 1;
}

int fleet_weave(struct fleet *f, struct recording *recording, fleet_next_fn next, void *arg)
{
    struct weave w = { .fleet = f, .recording = recording, .next = next, .arg = arg };
    struct view nothing = { 0 };
    int r;

    for (unsigned i = 0; i < f->view_count; i++)
        w.reels[i] = f->views[i].timed ? (struct reel){ .view = &f->views[i], .change = next(arg, i) }
                                       : (struct reel){ .view = &nothing };
    while ((r = step(&w)) > 0)
        ;
    return r;
}

uint64_t fleet_left_out(const struct fleet *f)
{
    return f->left_out;
}

/* ---- what the recording asks */

void fleet_describe(void *fleet, struct trace_header *header)
{
    const struct fleet *f = fleet;

    header->merged_count = f->view_count;
    for (unsigned i = 0; i < f->view_count; i++) {
        fleet_clock(f, i, &header->merged[i]);
        for (unsigned k = 0; k < WITNESS_N; k++)
            header->sources[k] |= f->views[i].sources[k];
    }
}

static void amend_connection(struct fleet *f, struct change *c)
{
    const struct tie *t = &f->ties[f->introducing];

    for (unsigned i = 0; i < END_N; i++) {
        const struct view_conn *conn = &f->views[t->at[i].view].conns[t->at[i].conn];

        c->connection.local[i] = conn->local[i];
    }
    c->connection.netns = tie_is_joined(t) ? 0 : f->views[t->at[END_CLIENT].view].conns[t->at[END_CLIENT].conn].netns;
}

/* A host's kernel knows why its own end ended. */
static bool is_known_by(const struct verdict_seen *seen, enum end end, bool joined)
{
    if (seen->cause == CAUSE_NONE)
        return false;
    return !joined || seen->cause_end == end || (seen->cause_end == END_UNKNOWN && seen->listener && end == END_SERVER);
}

static void amend_cause(struct view *v, struct fleet *f, const struct verdict_seen *seen, struct change *c)
{
    c->outcome.cause = seen->cause;
    c->outcome.cause_end = seen->cause_end;
    c->outcome.error = seen->error;
    c->outcome.unread = seen->unread;
    c->outcome.drops = seen->drops;
    c->listener = renumber(&v->listeners, seen->listener, &f->listeners);
    if (seen->verdict == VERDICT_TIMED_OUT || seen->verdict == VERDICT_NO_ANSWER ||
        seen->verdict == VERDICT_HANDSHAKE_INCOMPLETE)
        c->outcome.verdict = seen->verdict;
}

/* Of one host, which was the only one, all is as it said. */
static void amend_all(const struct verdict_seen *seen, struct change *c)
{
    c->outcome.verdict = seen->verdict;
    c->outcome.closed_by = seen->closed_by;
    c->outcome.reset_by = seen->reset_by;
}

static void amend_outcome(struct fleet *f, const struct tie *t, struct change *c)
{
    for (unsigned i = 0; i < END_N; i++) {
        struct view *v = &f->views[t->at[i].view];
        const struct verdict_seen *seen = v->conns[t->at[i].conn].verdict;

        if (!seen || !v->has_kernel)
            continue;
        if (seen->duration_ns > c->outcome.duration_ns)
            c->outcome.duration_ns = seen->duration_ns; /* a kernel begins and ends beyond the packets */
        c->outcome.final[i] = seen->final[i];
        memcpy(c->outcome.state_ns[i], seen->state_ns[i], sizeof(c->outcome.state_ns[i]));
        if (is_known_by(seen, i, tie_is_joined(t)))
            amend_cause(v, f, seen, c);
        if (!tie_is_joined(t))
            amend_all(seen, c);
    }
}

const struct change *fleet_amend(void *fleet, const struct change *change)
{
    struct fleet *f = fleet;
    const bool known = change->conn && change->conn < f->tie_of_count && f->tie_of[change->conn] != NONE;
    struct change *c = &f->amended;

    switch (change->kind) {
    case CHANGE_SEGMENT:
        f->segment_n = (uint32_t)change->n;
        if (!f->sent_ns && !f->received_ns)
            return change;
        memcpy(c, change, offsetof(struct change, segment) + sizeof(change->segment));
        c->segment.sent_ns = f->sent_ns;
        c->segment.received_ns = f->received_ns;
        return c;
    case CHANGE_CONNECTION:
        *c = *change;
        if (f->introducing != NONE)
            amend_connection(f, c);
        else
            c->connection.netns = 0;
        return c;
    case CHANGE_OUTCOME:
        if (!known)
            return change;
        *c = *change;
        amend_outcome(f, &f->ties[f->tie_of[change->conn]], c);
        return c;
    default: return change;
    }
}
