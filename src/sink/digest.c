/* Theory of operation. The last record of a finding counts, so each is kept once, by its kind and subject. The sentence of an
 * ending belongs to it when it names the connection, which it may do before or after that has ended: the last endings are kept
 * for those to come. Endings that are not good are counted by verdict and cause; where a finding names one of them it is about
 * all. So the memory is bounded, whatever the trace holds. */
#include "tcplens/sink/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/line.h"
#include "tcplens/sink/sink.h"
#include "tcplens/trace/encode.h"
#include "tcplens/trace/sentence.h"

#define LINE_MAX_BYTES 2048
#define RECENT 64 /* a power of 2 */
#define INDENT 9  /* cells */
#define WIDTH 110

struct ending {
    uint32_t conn; /* 0: none */
    bool good;
    enum cause cause;
    char text[VERDICT_TEXT_MAX];
};

struct held {
    struct change change; /* of which no text is borrowed any more */
    char text[FINDING_TEXT_MAX + 1], remedy[FINDING_REMEDIES_MAX][FINDING_REMEDY_MAX + 1];
    struct ending ending; /* of the connection that shows it best */
};

/* Endings of one verdict and one cause. */
struct group {
    uint64_t count;
    uint32_t conns[FINDING_CONNS_MAX];
    bool explained; /* a finding is about them */
    char text[VERDICT_TEXT_MAX];
};

/* Shorter than that it does not stand out: the page counts alike (web/src/trace/standing.ts). */
#define STANDS_OUT_NS 1000000000ull

struct stands {
    uint64_t count, longest_ns;
    uint32_t conn; /* the one of longest_ns, and which end of it */
    enum end end;
};

struct digest {
    uint64_t start_ns;
    uint64_t beyond; /* cases that no finding tells of, for want of room */
    struct held findings[LIMIT_FINDINGS];
    unsigned count;
    struct ending recent[RECENT];
    unsigned recent_next;
    struct group groups[VERDICT_N][CAUSE_N];
    uint64_t endings, open; /* of these, what had not ended */
    bool witnesses[WITNESS_N];
    struct stands standing[STANDS_N];
};

int digest_new(struct digest **ret_digest)
{
    *ret_digest = calloc(1, sizeof(**ret_digest));
    return *ret_digest ? 0 : -ENOMEM;
}

struct digest *digest_free(struct digest *d)
{
    free(d);
    return NULL;
}

static bool is_good(const struct change *c)
{
    switch (c->outcome.verdict) {
    case VERDICT_CLOSED_NORMALLY:
    case VERDICT_CLOSED_BOTH:
    case VERDICT_STILL_OPEN:
    case VERDICT_MIDSTREAM:
    case VERDICT_UNKNOWN: return c->outcome.cause == CAUSE_NONE;
    default: return false;
    }
}

/* Among the connections that it names; their number: it does not. */
static unsigned place_of(const struct change *finding, uint32_t conn)
{
    unsigned i = 0;

    while (i < finding->finding.conn_count && finding->finding.conns[i] != conn)
        i++;
    return i;
}

static bool names(const struct change *finding, uint32_t conn)
{
    return place_of(finding, conn) < finding->finding.conn_count;
}

static bool is_same(const struct change *a, const struct change *b)
{
    return a->finding.kind == b->finding.kind && a->finding.cause == b->finding.cause && a->listener == b->listener &&
           a->finding.owner.pid == b->finding.owner.pid && endpoint_equal(&a->finding.peer, &b->finding.peer);
}

/* One that ended badly shows it better, and best one whose cause is known; of those that are alike the first that it names. */
static void show_by(struct held *h, const struct ending *e)
{
    const struct ending *best = &h->ending;
    const bool alike = best->good == e->good && !best->cause == !e->cause;

    if (!best->conn || (best->good && !e->good) || (!best->cause && e->cause) ||
        (alike && place_of(&h->change, e->conn) < place_of(&h->change, best->conn)))
        h->ending = *e;
}

static void copy(char *to, size_t size, const char *text)
{
    snprintf(to, size, "%s", text ? text : "");
}

static void take_finding(struct digest *d, const struct change *c)
{
    struct held *h = d->findings;

    while (h < d->findings + d->count && !is_same(&h->change, c))
        h++;
    if (h == d->findings + LIMIT_FINDINGS)
        return;
    if (h == d->findings + d->count)
        d->count++;
    h->change = *c;
    copy(h->text, sizeof(h->text), c->finding.text);
    for (unsigned i = 0; i < FINDING_REMEDIES_MAX; i++)
        copy(h->remedy[i], sizeof(h->remedy[i]), c->finding.remedy[i]);
    for (unsigned i = 0; i < RECENT; i++)
        if (d->recent[i].conn && names(c, d->recent[i].conn))
            show_by(h, &d->recent[i]);
}

static bool is_explained(const struct digest *d, const struct group *g)
{
    for (unsigned i = 0; i < d->count; i++)
        for (unsigned j = 0; j < FINDING_CONNS_MAX && g->conns[j]; j++)
            if (names(&d->findings[i].change, g->conns[j]))
                return true;
    return g->explained;
}

static void stand_out(struct digest *d, enum standing what, uint32_t conn, enum end end, uint64_t ns)
{
    struct stands *s = &d->standing[what];

    if (ns < STANDS_OUT_NS)
        return;
    s->count++;
    if (ns <= s->longest_ns)
        return;
    s->longest_ns = ns;
    s->conn = conn;
    s->end = end;
}

static void note_standing(struct digest *d, const struct change *c)
{
    const uint64_t *bytes = c->outcome.bytes;

    for (unsigned i = 0; i < END_N; i++)
        stand_out(d, STANDS_CLOSE_WAIT, c->conn, i, c->outcome.state_ns[i][TCP_STATE_CLOSE_WAIT]);
    if (bytes[END_CLIENT] && !bytes[END_SERVER] && c->outcome.segments[END_SERVER])
        stand_out(d, STANDS_UNANSWERED, c->conn, END_SERVER, c->outcome.duration_ns);
    stand_out(d, STANDS_OPENING, c->conn, END_CLIENT, c->outcome.state_ns[END_CLIENT][TCP_STATE_SYN_SENT]);
    /* A window of zero is an answer: what asks for it is not sent in vain. */
    if (c->outcome.stalled.what)
        stand_out(d, c->outcome.stalled.what == STALL_ZERO_WINDOW ? STANDS_ZERO_WINDOW : STANDS_IN_VAIN, c->conn,
                  c->outcome.stalled.end, c->outcome.stalled.ns);
}

static void take_outcome(struct digest *d, const struct change *c)
{
    struct ending *e = &d->recent[d->recent_next++ % RECENT];
    struct group *g = &d->groups[c->outcome.verdict][c->outcome.cause];

    d->endings++;
    d->open += c->outcome.verdict == VERDICT_STILL_OPEN || c->outcome.verdict == VERDICT_MIDSTREAM;
    note_standing(d, c);
    *e = (struct ending){ .conn = c->conn, .good = is_good(c), .cause = c->outcome.cause };
    verdict_format(c, e->text, sizeof(e->text));
    for (unsigned i = 0; i < d->count; i++) {
        if (!names(&d->findings[i].change, c->conn))
            continue;
        show_by(&d->findings[i], e);
        g->explained = true;
    }
    if (e->good)
        return;
    if (g->count < FINDING_CONNS_MAX)
        g->conns[g->count] = c->conn;
    if (!g->count++)
        memcpy(g->text, e->text, sizeof(g->text));
}

void digest_take(struct digest *d, const struct change *c, uint64_t start_ns)
{
    d->start_ns = start_ns;
    if (c->kind == CHANGE_FINDING)
        take_finding(d, c);
    else if (c->kind == CHANGE_OUTCOME)
        take_outcome(d, c);
}

void digest_witnesses(struct digest *d, const bool witnesses[static WITNESS_N])
{
    memcpy(d->witnesses, witnesses, sizeof(d->witnesses));
}

void digest_beyond(struct digest *d, const uint64_t beyond[static BEYOND_N])
{
    d->beyond = beyond[BEYOND_FINDINGS];
}

/* ---- what is printed */

struct printer {
    struct writer *writer;
    bool colour;
    char buf[LINE_MAX_BYTES];
};

static struct line begin(struct printer *p)
{
    return line_begin(p->buf, sizeof(p->buf), p->colour);
}

static void end(struct printer *p, struct line *l)
{
    writer_write(p->writer, p->buf, line_end(l));
}

/* Text from the trace behind what stands on the line already; it goes on below, between words, where the line is full. */
static void print_wrapped(struct printer *p, struct line *l, const char *text)
{
    const unsigned left = line_here(l);

    while (*text) {
        const unsigned room = left + 20 < WIDTH ? WIDTH - left : 20;
        size_t len = strlen(text);

        if (len > room) {
            len = room;
            while (len && text[len] != ' ')
                len--;
            if (!len)
                len = strcspn(text, " ");
        }
        line_add_untrusted(l, text, len);
        text += len;
        text += *text == ' ';
        if (!*text)
            break;
        end(p, l);
        *l = begin(p);
        line_go_to(l, left, 0);
    }
    end(p, l);
}

static void add_conns(struct line *l, const uint32_t *conns, unsigned count, uint64_t of)
{
    for (unsigned i = 0; i < count; i++)
        line_addf(l, "%s#%u", i ? " " : "", conns[i]);
    if (of > count)
        line_add(l, " \u2026");
}

static void add_seconds(struct line *l, const struct digest *d, uint64_t ts_ns)
{
    const uint64_t ns = trace_time(ts_ns, d->start_ns);

    line_addf(l, "%llu.%03llu s", (unsigned long long)(ns / 1000000000), (unsigned long long)(ns / 1000000 % 1000));
}

static void print_finding(const struct digest *d, struct printer *p, const struct held *h)
{
    const struct change *c = &h->change;
    struct line l = begin(p);

    line_style(&l, c->finding.severity == SEVERITY_ERROR ? STYLE_ALARM : STYLE_YELLOW, false);
    line_add(&l, severity_name(c->finding.severity));
    line_reset_style(&l);
    line_go_to(&l, INDENT, 1);
    line_style(&l, STYLE_BOLD, false);
    line_add(&l, finding_name(c->finding.kind));
    line_reset_style(&l);
    line_style(&l, STYLE_DIM, false);
    line_addf(&l, "  seen %llu %s, ", (unsigned long long)c->finding.count, c->finding.count == 1 ? "time" : "times");
    add_seconds(&l, d, c->finding.first_ns);
    if (c->finding.last_ns != c->finding.first_ns) {
        line_add(&l, " to ");
        add_seconds(&l, d, c->finding.last_ns);
    }
    if (c->finding.conn_count) {
        line_add(&l, ", ");
        add_conns(&l, c->finding.conns, c->finding.conn_count,
                  c->finding.conn_count == FINDING_CONNS_MAX ? c->finding.count : 0);
    }
    line_reset_style(&l);
    end(p, &l);
    l = begin(p);
    line_go_to(&l, INDENT, 0);
    print_wrapped(p, &l, h->text);
    if (h->ending.conn) {
        l = begin(p);
        line_go_to(&l, INDENT, 0);
        line_addf(&l, "#%u: ", h->ending.conn);
        print_wrapped(p, &l, h->ending.text);
    }
    for (unsigned i = 0; i < FINDING_REMEDIES_MAX && h->remedy[i][0]; i++) {
        l = begin(p);
        line_go_to(&l, INDENT, 0);
        line_style(&l, STYLE_GREEN, false);
        line_add(&l, i ? "or:" : "helps:");
        line_reset_style(&l);
        line_go_to(&l, INDENT + 7, 1);
        print_wrapped(p, &l, h->remedy[i]);
    }
}

/* "2 errors, 1 note": what there is, worst first. */
static void print_title(const struct digest *d, struct printer *p)
{
    unsigned counts[SEVERITY_N] = { 0 };
    const char *between = "";
    struct line l = begin(p);

    for (unsigned i = 0; i < d->count; i++)
        counts[d->findings[i].change.finding.severity]++;
    line_style(&l, STYLE_BOLD, false);
    line_add(&l, "Findings: ");
    for (unsigned i = 0; i < SEVERITY_N; i++) {
        if (!counts[i])
            continue;
        line_addf(&l, "%s%u %s%s", between, counts[i], severity_name((enum severity)i), counts[i] == 1 ? "" : "s");
        between = ", ";
    }
    line_reset_style(&l);
    end(p, &l);
}

/* Findings that differ in whom they are about: a scan, or an outage, gives one for each host. */
struct alike {
    const struct held *all[LIMIT_FINDINGS]; /* those seen most often first */
    unsigned count;
};
#define ALIKE_SHOWN 3

static int by_count(const void *a, const void *b)
{
    const uint64_t first = (*(const struct held *const *)a)->change.finding.count;
    const uint64_t second = (*(const struct held *const *)b)->change.finding.count;

    return first < second ? 1 : first > second ? -1 : 0;
}

static bool is_alike(const struct held *a, const struct held *b)
{
    return a->change.finding.kind == b->change.finding.kind && a->change.finding.cause == b->change.finding.cause;
}

/* Those that are like the one at this place; none where it is like one before. */
static void alike_of(const struct digest *d, unsigned at, struct alike *ret)
{
    ret->count = 0;
    for (unsigned i = 0; i < at; i++)
        if (is_alike(&d->findings[i], &d->findings[at]))
            return;
    for (unsigned i = at; i < d->count; i++)
        if (is_alike(&d->findings[i], &d->findings[at]))
            ret->all[ret->count++] = &d->findings[i];
    qsort(ret->all, ret->count, sizeof(*ret->all), by_count);
}

/* What is left of those that are alike, in one line. */
static void print_rest(struct printer *p, const struct alike *alike)
{
    const struct change *first = &alike->all[0]->change;
    uint64_t count = 0;
    struct line l = begin(p);

    for (unsigned i = ALIKE_SHOWN; i < alike->count; i++)
        count += alike->all[i]->change.finding.count;
    line_go_to(&l, INDENT, 0);
    line_style(&l, STYLE_DIM, false);
    line_addf(&l, "and %llu %s more %s with %u others", (unsigned long long)count, count == 1 ? "time" : "times",
              finding_name(first->finding.kind), alike->count - ALIKE_SHOWN);
    line_reset_style(&l);
    end(p, &l);
}

static void print_findings(const struct digest *d, struct printer *p)
{
    struct alike alike;

    if (!d->count)
        return;
    print_title(d, p);
    for (unsigned severity = 0; severity < SEVERITY_N; severity++) {
        for (unsigned i = 0; i < d->count; i++) {
            if (d->findings[i].change.finding.severity != severity)
                continue;
            alike_of(d, i, &alike);
            for (unsigned j = 0; j < alike.count && (j < ALIKE_SHOWN || alike.count == ALIKE_SHOWN + 1); j++)
                print_finding(d, p, alike.all[j]);
            if (alike.count > ALIKE_SHOWN + 1)
                print_rest(p, &alike);
        }
    }
}

/* Returns whether there are any. */
static bool print_endings(const struct digest *d, struct printer *p)
{
    bool any = false;

    for (unsigned verdict = 0; verdict < VERDICT_N; verdict++) {
        for (unsigned cause = 0; cause < CAUSE_N; cause++) {
            const struct group *g = &d->groups[verdict][cause];
            struct line l;

            if (!g->count || is_explained(d, g))
                continue;
            l = begin(p);
            if (!any) {
                line_style(&l, STYLE_BOLD, false);
                line_add(&l, d->count ? "Endings that are not good, without a finding:" : "Endings that are not good:");
                line_reset_style(&l);
                end(p, &l);
                l = begin(p);
            }
            any = true;
            line_addf(&l, "%llu \u00d7", (unsigned long long)g->count);
            line_go_to(&l, INDENT, 1);
            print_wrapped(p, &l, g->text);
            l = begin(p);
            line_go_to(&l, INDENT, 0);
            line_style(&l, STYLE_DIM, false);
            add_conns(&l, g->conns, g->count < FINDING_CONNS_MAX ? (unsigned)g->count : FINDING_CONNS_MAX, g->count);
            line_reset_style(&l);
            end(p, &l);
        }
    }
    return any;
}

static void print_standing(const struct digest *d, struct printer *p, bool whole)
{
    bool any = false;

    for (unsigned i = 0; i < STANDS_N; i++) {
        const struct stands *one = &d->standing[i];
        struct line l = begin(p);

        if (!one->count)
            continue;
        if (!any) {
            line_add(&l, whole ? "What stands out:" : "No finding, but this stands out:");
            end(p, &l);
            l = begin(p);
        }
        any = true;
        line_addf(&l, "%llu \u00d7", (unsigned long long)one->count);
        line_go_to(&l, INDENT, 1);
        line_addf(&l, "the %s %s %s%llu.%03llu s (#%u)", one->end < END_N ? end_name(one->end) : "other end",
                  standing_text((enum standing)i), one->count > 1 ? "up to " : "",
                  (unsigned long long)(one->longest_ns / 1000000000),
                  (unsigned long long)(one->longest_ns / 1000000 % 1000), one->conn);
        end(p, &l);
    }
}

/* ", as far as packets and the kernel show" */
static void add_witnesses(struct line *l, const struct digest *d)
{
    static const char *const words[WITNESS_N] = {
        [WITNESS_WIRE] = "packets", [WITNESS_KERNEL] = "the kernel", [WITNESS_DIAG] = "samples of the kernel's sockets"
    };
    static const enum witness order[] = { WITNESS_WIRE, WITNESS_KERNEL, WITNESS_DIAG };
    const char *between = ", as far as ";
    unsigned count = 0;

    for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++) {
        if (!d->witnesses[order[i]])
            continue;
        line_addf(l, "%s%s", between, words[order[i]]);
        between = " and ";
        count++;
    }
    if (count)
        line_add(l, count > 1 ? " show" : d->witnesses[WITNESS_KERNEL] ? " alone shows" : " alone show");
}

/* That there is no finding is no proof that nothing is wrong: what no witness told of is not in it, nor what was not over. */
static void print_none(const struct digest *d, struct printer *p, bool bad_endings)
{
    struct line l = begin(p);

    if (!d->endings) {
        line_add(&l, "No connection ended, and there is no finding.");
        end(p, &l);
        return;
    }
    line_addf(&l, "No finding in %llu connection%s", (unsigned long long)d->endings, d->endings == 1 ? "" : "s");
    if (d->open == d->endings)
        line_add(&l, ", still open when last seen");
    else if (d->open)
        line_addf(&l, ", %llu of them still open", (unsigned long long)d->open);
    if (!bad_endings && d->endings > d->open)
        line_add(&l, ", and no bad ending");
    add_witnesses(&l, d);
    line_add(&l, ".");
    end(p, &l);
}

static void print_beyond(const struct digest *d, struct printer *p)
{
    struct line l = begin(p);

    line_addf(&l, "There was no room for more than %u findings: %llu case%s of others %s not told.", LIMIT_FINDINGS,
              (unsigned long long)d->beyond, d->beyond == 1 ? "" : "s", d->beyond == 1 ? "is" : "are");
    end(p, &l);
}

void digest_print(const struct digest *d, struct writer *writer, bool whole, bool colour)
{
    struct printer p = { .writer = writer, .colour = colour };
    bool bad_endings;

    print_findings(d, &p);
    if (d->beyond)
        print_beyond(d, &p);
    if (whole) {
        bad_endings = print_endings(d, &p);
        if (!d->count)
            print_none(d, &p, bad_endings);
    }
    if (!d->count)
        print_standing(d, &p, whole);
}

/* ---- as the pipeline knows it: at the end of what a terminal shows */

struct shown {
    struct digest *digest;
    struct writer *writer;
    bool colour;
};

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    struct shown *s;

    (void)config;
    if (!context->readable || context->quiet || context->stdout_gets_trace)
        return 0;
    s = calloc(1, sizeof(*s));
    if (!s || writer_open(NULL, &s->writer) < 0 || digest_new(&s->digest) < 0) {
        if (s)
            (void)writer_close(s->writer);
        free(s);
        snprintf(error, SINK_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    s->colour = context->colour;
    *ret_sink = s;
    return 0;
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    digest_take(((struct shown *)sink)->digest, change, start_ns);
}

static int ops_flush(void *sink, bool all)
{
    (void)sink;
    (void)all;
    return 0;
}

static void ops_finish(void *sink)
{
    struct shown *s = sink;

    digest_print(s->digest, s->writer, false, s->colour);
    (void)!writer_flush(s->writer); /* what stood before it tells of a reader that went away */
}

static int ops_close(void *sink)
{
    struct shown *s = sink;

    (void)writer_close(s->writer);
    digest_free(s->digest);
    free(s);
    return 0;
}

const struct sink_ops sink_digest_ops = {
    .name = "digest",
    .open = ops_open,
    .change = ops_change,
    .flush = ops_flush,
    .finish = ops_finish,
    .close = ops_close,
};
