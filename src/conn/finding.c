#include "finding.h"

#define EXTERN(prefix, id, word, meaning) extern const struct finding_ops finding_##id##_ops;
WORDS_finding_kind(EXTERN)
#undef EXTERN

#define ROW(prefix, id, word, meaning) [FINDING_##id] = &finding_##id##_ops,
    static const struct finding_ops *const table[FINDING_N] = { WORDS_finding_kind(ROW) };
#undef ROW

void findings_init(struct findings *f, const struct conn_config *config, const struct senders *senders)
{
    f->sysctl = config->sysctl;
    f->unsure = !config->all_packets; /* of every connection that a kernel tells of, its packets are seen too */
    f->senders = senders;
    for (unsigned kind = 0; kind < CHANGE_KIND_N; kind++)
        for (unsigned i = 0; i < FINDING_N; i++)
            if (table[i]->of >> kind & 1)
                f->seen_in[kind][f->seen_in_count[kind]++] = table[i];
    for (unsigned i = 0; i < f->seen_in_count[CHANGE_STATE]; i++) {
        const unsigned states = f->seen_in[CHANGE_STATE][i]->states;

        f->stated |= states ? states : ~0u;
    }
    for (unsigned i = 0; i < f->seen_in_count[CHANGE_SEGMENT]; i++) {
        const struct finding_ops **seen_in = f->seen_in[CHANGE_SEGMENT], *here = seen_in[i];

        f->noted |= here->notes;
        if (here->notes)
            continue;
        seen_in[i] = seen_in[f->unnoted];
        seen_in[f->unnoted++] = here;
    }
}

static bool is_about(const struct finding *f, const struct finding_ops *ops, const struct finding_subject *s)
{
    return f->ops == ops && f->subject.cause == s->cause && f->subject.listener == s->listener &&
           f->subject.owner.pid == s->owner.pid && endpoint_equal(&f->subject.peer, &s->peer);
}

static unsigned bucket_of(const struct finding_ops *ops, const struct finding_subject *s)
{
    uint64_t parts[2], mixed;

    memcpy(parts, s->peer.addr.bytes, sizeof(parts));
    mixed = parts[0] ^ parts[1] ^ s->peer.port ^ (uint64_t)ops->kind << 56 ^ (uint64_t)s->listener << 16 ^
            (uint64_t)s->owner.pid << 24 ^ (uint64_t)s->cause << 48;
    return (unsigned)(mixed * 0x9e3779b97f4a7c15ull >> 56);
}
_Static_assert(FINDING_BUCKETS == 1 << 8, "bucket_of takes eight bits");
_Static_assert(LIMIT_FINDINGS < UINT16_MAX, "a place fits");

static void unlink_from(struct findings *f, struct finding *old)
{
    uint16_t *link = &f->buckets[bucket_of(old->ops, &old->subject)];

    while (&f->all[*link - 1] != old)
        link = &f->all[*link - 1].next;
    *link = old->next;
}

/* Room for one more: one that was never told makes way. NULL: all were. */
static struct finding *make_room(struct findings *f)
{
    if (f->count < LIMIT_FINDINGS)
        return &f->all[f->count++];
    for (unsigned tried = 0; !f->full && tried < LIMIT_FINDINGS; tried++) {
        struct finding *one = &f->all[f->hand++ % LIMIT_FINDINGS];

        if (one->told)
            continue;
        unlink_from(f, one);
        memset(one, 0, sizeof(*one));
        return one;
    }
    f->full = true;
    f->refused++;
    return NULL;
}

static struct finding *find(struct findings *f, const struct finding_ops *ops, const struct finding_subject *subject)
{
    uint16_t *bucket = &f->buckets[bucket_of(ops, subject)];
    struct finding *found;

    for (unsigned i = *bucket; i; i = f->all[i - 1].next)
        if (is_about(&f->all[i - 1], ops, subject))
            return &f->all[i - 1];
    found = make_room(f);
    if (!found)
        return NULL;
    found->ops = ops;
    found->all = f;
    found->subject = *subject;
    found->next = *bucket;
    *bucket = (uint16_t)(found - f->all + 1);
    return found;
}

static void note_conn(struct finding *f, uint32_t conn)
{
    for (unsigned i = 0; i < f->conn_count; i++)
        if (f->conns[i] == conn)
            return;
    if (conn && f->conn_count < FINDING_CONNS_MAX)
        f->conns[f->conn_count++] = conn;
}

static void note_record(struct finding *f, uint64_t n)
{
    for (unsigned i = 0; n && i < FINDING_RECORDS_MAX; i++) {
        if (!f->records[i])
            f->records[i] = n;
        if (f->records[i] == n)
            return;
    }
}

/* The server that all its connections are with. */
static void note_server(struct finding *f, const struct endpoint *server)
{
    if (!f->count)
        f->server = *server;
    else if (!endpoint_equal(&f->server, server))
        memset(&f->server, 0, sizeof(f->server));
}

static bool matters(const struct finding *f)
{
    return f->count && (!f->ops->matters || f->ops->matters(f));
}

/* Once, and then as often as it has doubled: a record each for a million would be one more thing that is wrong. */
static bool is_due(const struct finding *f)
{
    return f->count >= 2 * f->told && matters(f);
}

/* Cases that go on are counted when they are found; they are over with their connection, and then count no more than once. */
static void recount(struct finding *f, uint64_t ts_ns)
{
    const uint64_t count = f->over + f->held;

    if (!f->count || ts_ns < f->first_ns)
        f->first_ns = ts_ns;
    if (ts_ns > f->last_ns)
        f->last_ns = ts_ns;
    f->fresh = true;
    if (count > f->count)
        f->count = count;
}

static void note_due(struct finding *f)
{
    if (is_due(f))
        f->all->due = true;
}

/* When it was seen: an ending is told later than it came. */
static uint64_t seen_ns(const struct finding_sight *s)
{
    return s->change->kind == CHANGE_OUTCOME && s->life ? s->life->conn.ends.last_ns : s->change->ts_ns;
}

/* ---- records that show an ending before anybody knows that it is one */

void finding_leave_trail(const struct finding_sight *s, enum finding_trail what)
{
    const uint32_t conn = s->change->conn, place = conn % FINDING_TRAILS;

    if (s->all->trails[place].conn != conn) {
        memset(&s->all->trails[place], 0, sizeof(s->all->trails[place]));
        s->all->trails[place].conn = conn;
    }
    s->all->trails[place].record[what] = s->change->n;
}

static uint64_t trail_of(const struct findings *f, uint32_t conn, enum finding_trail what)
{
    const uint32_t place = conn % FINDING_TRAILS;

    return f->trails[place].conn == conn ? f->trails[place].record[what] : 0;
}

static void leave_trail(const struct finding_sight *s)
{
    const struct change *c = s->change;

    if (c->kind == CHANGE_STATE && c->state.to == TCP_STATE_CLOSE_WAIT)
        finding_leave_trail(s, TRAIL_CLOSE_WAIT);
    if (c->kind != CHANGE_SEGMENT)
        return;
    if (c->segment.segment.flags & SEGMENT_RST)
        finding_leave_trail(s, TRAIL_RESET);
    if (c->segment.notes & (NOTE_RETRANSMISSION | NOTE_KEEP_ALIVE | NOTE_ZERO_WINDOW_PROBE))
        finding_leave_trail(s, TRAIL_AGAIN);
}

/* One more case of it, unless its kind says that it is none. */
static void add(struct finding *f, const struct finding_sight *s)
{
    uint64_t n;

    f->fresh = true;
    if (f->ops->take && !f->ops->take(f, s))
        return;
    if (s->life) {
        s->life->findings |= 1u << f->ops->kind;
        note_server(f, &s->life->conn.endpoint[END_SERVER]);
    }
    f->over++;
    f->held -= f->held > 0;
    n = trail_of(s->all, s->change->conn, f->ops->trail);
    note_record(f, n ? n : s->change->n);
    note_conn(f, s->change->conn);
    recount(f, seen_ns(s));
}

/* ---- what waits to be known to count */

/* What waited counts: it is added to what was seen before. */
static void join(struct finding *f, const struct finding *more)
{
    note_server(f, &more->server);
    f->over += more->over;
    for (unsigned i = 0; i < FINDING_FIGURES_MAX; i++) {
        if (f->ops->sums >> i & 1)
            f->figures[i] += more->figures[i];
        else
            figure_max(&f->figures[i], more->figures[i]);
    }
    for (unsigned i = 0; i < FINDING_RECORDS_MAX; i++)
        note_record(f, more->records[i]);
    for (unsigned i = 0; i < more->conn_count; i++)
        note_conn(f, more->conns[i]);
    recount(f, more->first_ns);
    recount(f, more->last_ns);
    note_due(f);
}

static void settle(struct finding_waiting *w, bool counts)
{
    struct findings *all = w->seen.all;
    struct finding *found = counts && w->seen.count ? find(all, w->seen.ops, &w->seen.subject) : NULL;

    if (found)
        join(found, &w->seen);
    memset(w, 0, sizeof(*w));
}

/* Kinds that wait are two: their places are side by side. */
static struct finding_waiting *places_of(struct findings *f, uint32_t conn)
{
    return &f->waiting[2 * conn % FINDING_WAITING];
}

static bool waits_for(const struct finding_waiting *w, const struct finding_sight *s)
{
    return w->seen.conns[0] == s->change->conn && w->seen.ops;
}

static struct finding *waiting_of(const struct finding_sight *s, const struct finding_ops *ops,
                                  const struct finding_subject *subject)
{
    struct finding_waiting *w = places_of(s->all, s->change->conn) + (ops->kind == FINDING_rto);

    if (waits_for(w, s) && w->sender == s->change->end)
        return &w->seen;
    settle(w, true);
    w->seen = (struct finding){ .ops = ops, .all = s->all, .subject = *subject };
    w->seen.conns[0] = s->change->conn;
    w->seen.conn_count = 1;
    w->sender = s->change->end;
    w->seq = s->life->conn.streams.of[!s->change->end].acked;
    s->life->finding_waits = true;
    return &w->seen;
}

/* A segment that may acknowledge what was sent again. */
static void settle_acknowledged(const struct finding_sight *s)
{
    struct finding_waiting *w = places_of(s->all, s->change->conn);

    s->life->finding_waits = false;
    for (unsigned i = 0; i < 2; i++, w++) {
        if (!waits_for(w, s))
            continue;
        if (w->sender != s->change->end && s->change->segment.ack > w->seq)
            settle(w, true);
        else
            s->life->finding_waits = true;
    }
}

/* It is over. */
static void settle_ended(const struct finding_sight *s)
{
    struct finding_waiting *w = places_of(s->all, s->change->conn);

    for (unsigned i = 0; i < 2; i++, w++)
        if (waits_for(w, s))
            settle(w, !(s->life->findings & w->seen.ops->follows_from));
    s->life->finding_waits = false;
}

static __attribute__((noinline)) void take(struct findings *f, const struct finding_ops *ops,
                                           const struct finding_sight *s, const struct finding_subject *subject)
{
    const bool waits = ops->waits && s->life;
    struct finding *found = waits ? waiting_of(s, ops, subject) : find(f, ops, subject);

    if (!found)
        return;
    add(found, s);
    if (!waits)
        note_due(found);
}

/* Mostly it does not. */
static inline void look(struct findings *f, const struct finding_ops *ops, const struct finding_sight *s)
{
    struct finding_subject subject = { 0 };

    if (s->life && (s->life->findings & ops->follows_from))
        return;
    if (ops->concerns(s, &subject))
        take(f, ops, s, &subject);
}

void findings_look_begin(struct findings *f)
{
    for (unsigned i = 0; i < f->count; i++)
        f->all[i].held = 0;
}

void findings_look(struct findings *f, const struct life *life, uint64_t ts_ns)
{
    for (unsigned i = 0; i < FINDING_N; i++) {
        struct finding_subject subject = { 0 };
        struct finding *found;

        if (!table[i]->goes_on || !table[i]->goes_on(life, ts_ns, &subject) || !(found = find(f, table[i], &subject)))
            continue;
        found->held++;
        note_record(found, trail_of(f, life->conn.number, table[i]->trail));
        note_conn(found, life->conn.number);
    }
}

void findings_look_end(struct findings *f, uint64_t ts_ns)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (f->all[i].over + f->all[i].held <= f->all[i].count)
            continue;
        recount(&f->all[i], ts_ns);
        note_due(&f->all[i]);
    }
}

/* A copy was not sent again. */
static uint32_t notes_that_count(const struct change *c)
{
    const uint32_t repeats = NOTE_RETRANSMISSION | NOTE_FAST_RETRANSMISSION | NOTE_SPURIOUS_RETRANSMISSION;

    return c->segment.notes & NOTE_COPY ? c->segment.notes & ~repeats : c->segment.notes;
}

static void take_segment(struct findings *f, const struct finding_sight *s)
{
    const struct finding_ops *const *seen_in = f->seen_in[CHANGE_SEGMENT];
    const uint32_t notes = notes_that_count(s->change);

    if (s->change->segment.segment.payload_len && !(notes & NOTE_COPY))
        f->data_segments++;
    for (unsigned i = 0; i < f->unnoted; i++)
        look(f, seen_in[i], s);
    if (!(notes & f->noted))
        return;
    for (unsigned i = f->unnoted; i < f->seen_in_count[CHANGE_SEGMENT]; i++)
        if (seen_in[i]->notes & notes)
            look(f, seen_in[i], s);
}

bool finding_is_shown(const struct finding_sight *s, enum finding_kind kind)
{
    return s->life && (s->life->findings >> kind & 1);
}

static bool is_good(const struct change *c)
{
    return c->kind == CHANGE_OUTCOME && c->outcome.verdict == VERDICT_CLOSED_NORMALLY && c->outcome.cause == CAUSE_NONE;
}

void findings_take(struct findings *f, const struct change *c, struct life *life)
{
    const struct finding_sight s = { c, life, f };
    const bool good = is_good(c);

    leave_trail(&s);
    f->unsure |= c->kind == CHANGE_GAP;
    if (c->kind == CHANGE_STATE && !((1u << c->state.from | 1u << c->state.to) & f->stated))
        return;
    if (c->kind == CHANGE_SEGMENT) {
        take_segment(f, &s);
        if (life && life->finding_waits)
            settle_acknowledged(&s);
        return;
    }
    for (unsigned i = 0; i < f->seen_in_count[c->kind]; i++)
        if (!good || !f->seen_in[c->kind][i]->only_bad)
            look(f, f->seen_in[c->kind][i], &s);
    if (c->kind == CHANGE_OUTCOME && life && life->finding_waits)
        settle_ended(&s);
}

static void tell(struct finding *f, struct emitter *out, uint64_t ts_ns)
{
    struct finding_words *words = &f->all->words[f - f->all->all];
    struct change change NO_ZEROS;
    unsigned count = 0;

    memset(words, 0, sizeof(*words));
    f->ops->say(f, words);
    change_init(&change, CHANGE_FINDING);
    change.finding.told_before = f->told;
    f->told = f->count;
    f->fresh = false;
    change.listener = f->subject.listener;
    change.finding.kind = f->ops->kind;
    change.finding.severity = f->ops->severity;
    change.finding.count = f->count;
    change.finding.cause = f->subject.cause;
    change.finding.peer = f->subject.peer;
    change.finding.owner = f->subject.owner;
    memcpy(change.finding.conns, f->conns, sizeof(f->conns));
    change.finding.conn_count = f->conn_count;
    change.finding.first_ns = f->first_ns;
    change.finding.last_ns = f->last_ns;
    change.finding.text = words->text;
    for (unsigned i = 0; i < FINDING_FIGURES_MAX && f->ops->figures[i]; i++)
        if (f->figures[i])
            change.finding.evidence[count++] = (struct finding_figure){ f->ops->figures[i], f->figures[i] };
    for (unsigned i = 0; i < FINDING_REMEDIES_MAX && words->remedy[i][0]; i++)
        change.finding.remedy[i] = words->remedy[i];
    memcpy(change.finding.shown_by, f->records, sizeof(f->records));
    emit(out, emit_time(out, ts_ns), &change);
}

/* A host, or a process, that is one too many to be named. */
static bool is_one_too_many(const struct finding *f)
{
    const struct finding_subject *s = &f->subject;

    return !f->told && !f->of_others && !f->ops->goes_on && (s->owner.pid || !addr_is_unspecified(&s->peer.addr)) &&
           f->all->subjects[f->ops->kind][s->cause] >= LIMIT_FINDING_SUBJECTS;
}

/* It is told with others: what was seen of it is theirs, and it begins anew. */
static void merge_into_others(struct finding *f)
{
    const struct finding_subject subject = { .cause = f->subject.cause };
    const struct finding seen = *f;
    struct finding *others = find(f->all, f->ops, &subject);

    if (!others)
        return;
    others->of_others = true;
    join(others, &seen);
    if (others == f) /* it made way for them */
        return;
    memset(f->figures, 0, sizeof(f->figures));
    memset(f->records, 0, sizeof(f->records));
    f->count = f->over = f->conn_count = f->fresh = 0;
}

static void note_subject(struct finding *f)
{
    if (!f->told && !f->of_others)
        f->all->subjects[f->ops->kind][f->subject.cause]++;
}

void findings_tell(struct findings *f, struct emitter *out, uint64_t ts_ns, bool all)
{
    if (!f->due && !all)
        return;
    f->ending = all;
    for (unsigned i = 0; i < f->count; i++) {
        struct finding *one = &f->all[i];

        if (!(all ? one->fresh && (one->told || matters(one)) : is_due(one)))
            continue;
        if (is_one_too_many(one)) {
            merge_into_others(one);
            continue;
        }
        note_subject(one);
        tell(one, out, ts_ns);
    }
    for (unsigned i = 0; i < f->count; i++)
        if (f->all[i].of_others && (all ? f->all[i].fresh : is_due(&f->all[i])))
            tell(&f->all[i], out, ts_ns);
    f->due = false;
}
