/* Theory of operation. All figures are of fixed size. Where a word could be anything (an address that is listened at, the
 * kernel's reason for a reset) there are so many places, and one for the rest. What is known beforehand is told from the
 * beginning, as 0: a rate needs a value before the first event. */
#include "tcplens/metrics/metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"
#include "histogram.h"
#include "listeners.h"
#include "process.h"

enum account { BY_KERNEL, BY_PACKETS, ACCOUNT_N };
enum direction { RECEIVED, SENT, DIRECTION_N };

#define REASON_MAX sizeof(((struct change *)0)->reset.reason)

struct reason {
    char reason[REASON_MAX];
    uint64_t resets[DIRECTION_N];
};

struct metrics {
    pthread_mutex_t lock;
    struct process process;
    struct listeners listeners;
    uint64_t records[CHANGE_KIND_N], lost[WITNESS_N];
    uint64_t verdicts[VERDICT_N], causes[CAUSE_N], forgotten;
    uint64_t findings[FINDING_N], severities[SEVERITY_N];
    uint64_t timers[TIMER_NAME_N], icmp[ICMP_ERROR_N], notes[NOTE_N], disagreements;
    struct reason reasons[LIMIT_METRICS_REASONS + 1]; /* the last: "other" */
    unsigned reason_count;
    enum witness account[ACCOUNT_N]; /* who gives it */
    bool given[ACCOUNT_N];
    int64_t ends[ACCOUNT_N][END_N][TCP_STATE_N];
    struct histogram in_state[END_N][TCP_STATE_N], handshake[END_N], life;
};

int metrics_new(struct metrics **ret_metrics)
{
    struct metrics *m = calloc(1, sizeof(*m));

    if (!m)
        return -ENOMEM;
    pthread_mutex_init(&m->lock, NULL);
    process_open(&m->process);
    listeners_init(&m->listeners);
    strcpy(m->reasons[LIMIT_METRICS_REASONS].reason, "other");
    *ret_metrics = m;
    return 0;
}

struct metrics *metrics_free(struct metrics *m)
{
    if (!m)
        return NULL;
    process_close(&m->process);
    pthread_mutex_destroy(&m->lock);
    free(m);
    return NULL;
}

/* ---- what a change adds ---- */

/* There is a connection in it; else nothing is known, or none. */
static bool is_state(enum tcp_state state)
{
    return state != TCP_STATE_UNKNOWN && state != TCP_STATE_CLOSED && state != TCP_STATE_LISTEN;
}

static void take_state(struct metrics *m, const struct change *c)
{
    const enum account by = c->state.source == WITNESS_WIRE ? BY_PACKETS : BY_KERNEL;

    m->account[by] = c->state.source;
    m->given[by] = true;
    m->ends[by][c->end][c->state.from] -= is_state(c->state.from);
    m->ends[by][c->end][c->state.to] += is_state(c->state.to);
    if (!c->state.spent_ns || !is_state(c->state.from))
        return;
    histogram_observe(&m->in_state[c->end][c->state.from], histogram_long_ns, c->state.spent_ns);
    if (c->state.from <= TCP_STATE_SYN_RECEIVED && c->state.to == TCP_STATE_ESTABLISHED)
        histogram_observe(&m->handshake[c->end], histogram_short_ns, c->state.spent_ns);
}

/* What it leaves behind is not followed any more. */
static void take_outcome(struct metrics *m, const struct change *c)
{
    m->verdicts[c->outcome.verdict]++;
    m->causes[c->outcome.cause]++;
    m->forgotten += c->outcome.forgotten;
    histogram_observe(&m->life, histogram_long_ns, c->outcome.duration_ns);
    for (unsigned end = 0; end < END_N; end++)
        for (unsigned by = 0; by < ACCOUNT_N; by++)
            m->ends[by][end][c->outcome.left[end][by]] -= is_state(c->outcome.left[end][by]);
}

static void take_reset(struct metrics *m, const struct change *c)
{
    unsigned i = 0;

    while (i < m->reason_count && strcmp(m->reasons[i].reason, c->reset.reason) != 0)
        i++;
    if (i == m->reason_count && i < LIMIT_METRICS_REASONS)
        memcpy(m->reasons[m->reason_count++].reason, c->reset.reason, REASON_MAX);
    m->reasons[i].resets[c->reset.sent]++;
}

static void take_notes(struct metrics *m, const struct change *c)
{
    for (unsigned i = 0; c->segment.notes >> i; i++)
        if (i < NOTE_N && (c->segment.notes >> i & 1))
            m->notes[i]++;
}

static void take_finding(struct metrics *m, const struct change *c)
{
    if (c->finding.told_before)
        return;
    m->findings[c->finding.kind]++;
    m->severities[c->finding.severity]++;
}

static void take(struct metrics *m, const struct change *c)
{
    m->records[c->kind]++;
    switch (c->kind) {
    case CHANGE_STATE: take_state(m, c); break;
    case CHANGE_OUTCOME: take_outcome(m, c); break;
    case CHANGE_LISTENER:
    case CHANGE_QUEUE: listeners_take(&m->listeners, c); break;
    case CHANGE_RESET: take_reset(m, c); break;
    case CHANGE_SEGMENT: take_notes(m, c); break;
    case CHANGE_TIMER: m->timers[c->timer.name] += c->timer.phase == TIMER_FIRED; break;
    case CHANGE_ICMP: m->icmp[c->icmp.error]++; break;
    case CHANGE_FINDING: take_finding(m, c); break;
    case CHANGE_GAP: m->lost[c->gap.source] += c->gap.lost; break;
    case CHANGE_DISAGREEMENT: m->disagreements++; break;
    default: break;
    }
}

void metrics_change(struct metrics *m, const struct change *change)
{
    pthread_mutex_lock(&m->lock);
    take(m, change);
    pthread_mutex_unlock(&m->lock);
}

/* ---- the text ---- */

/* A counter with one label, whose values are words; "" stands for none. */
static void tell_words(struct exposition *x, const char *label, const struct word_list *list, const uint64_t *counts)
{
    for (unsigned i = 0; i < list->count; i++)
        if (*list->words[i].word)
            exposition_count(x, (struct label[]){ { label, list->words[i].word }, { NULL, NULL } }, counts[i]);
}

static const struct word_list *words(const char *name)
{
    for (unsigned i = 0; i < word_list_count; i++)
        if (strcmp(word_lists[i].name, name) == 0)
            return &word_lists[i];
    return NULL;
}

static void tell_self(struct exposition *x, const struct metrics *m)
{
    exposition_gauge(x, "tcplens_build_info", "Which tcplens this is");
    exposition_value(x, (struct label[]){ { "version", TCPLENS_VERSION }, { NULL, NULL } }, 1);
    exposition_counter(x, "process_cpu_seconds", "Processor time that tracing took, of user and system");
    exposition_count_seconds(x, NULL, process_cpu_ns());
    exposition_gauge(x, "process_resident_memory_bytes", "Memory that tracing takes");
    exposition_value(x, NULL, (int64_t)process_memory(&m->process));
    exposition_gauge(x, "process_start_time_seconds", "When tracing began, as UNIX time");
    exposition_value(x, NULL, m->process.began_s);
    exposition_counter(x, "tcplens_records", "What a trace would hold, by kind of record");
    for (unsigned i = 0; i < CHANGE_KIND_N; i++)
        exposition_count(x, (struct label[]){ { "record", change_kind_name(i) }, { NULL, NULL } }, m->records[i]);
}

static void tell_losses(struct exposition *x, const struct metrics *m)
{
    exposition_counter(x, "tcplens_lost_events", "Events that a witness lost: figures are too small by them");
    tell_words(x, "source", words("witness"), m->lost);
    exposition_counter(x, "tcplens_connections_forgotten",
                       "Connections that were followed no longer, for there were too many");
    exposition_count(x, NULL, m->forgotten);
    exposition_counter(x, "tcplens_listener_addresses_folded",
                       "Addresses where nobody listens, whose figures went to other");
    exposition_count(x, NULL, m->listeners.folded);
    exposition_counter(x, "tcplens_listeners_beyond", "Listeners that had no room of their own");
    exposition_count(x, NULL, m->listeners.beyond);
    exposition_counter(x, "tcplens_disagreements", "How often kernel and packets told different states of one end");
    exposition_count(x, NULL, m->disagreements);
}

static void tell_ends(struct exposition *x, const struct metrics *m)
{
    exposition_gauge(x, "tcplens_connection_ends", "Ends of connections that are in a state now, by who tells it");
    for (unsigned by = 0; by < ACCOUNT_N; by++)
        for (unsigned end = 0; m->given[by] && end < END_N; end++)
            for (unsigned state = 0; state < TCP_STATE_N; state++)
                if (is_state(state))
                    exposition_value(x,
                                     (struct label[]){ { "source", witness_name(m->account[by]) },
                                                       { "end", end_name(end) },
                                                       { "state", tcp_state_name(state) } },
                                     m->ends[by][end][state]);
}

static void tell_times(struct exposition *x, const struct metrics *m)
{
    exposition_histogram(x, "tcplens_handshake_seconds",
                         "Handshakes that were completed: SYN-SENT of the client, SYN-RECEIVED of the server");
    for (unsigned end = 0; end < END_N; end++)
        exposition_buckets(x, (struct label[]){ { "end", end_name(end) }, { NULL, NULL } }, histogram_short_ns,
                           &m->handshake[end]);
    exposition_histogram(x, "tcplens_state_seconds", "How long ends were in a state that they left");
    for (unsigned end = 0; end < END_N; end++)
        for (unsigned state = 0; state < TCP_STATE_N; state++)
            if (histogram_count(&m->in_state[end][state]))
                exposition_buckets(
                    x, (struct label[]){ { "end", end_name(end) }, { "state", tcp_state_name(state) }, { NULL, NULL } },
                    histogram_long_ns, &m->in_state[end][state]);
    exposition_histogram(x, "tcplens_connection_duration_seconds",
                         "Connections that ended, from their first event to the last");
    exposition_buckets(x, NULL, histogram_long_ns, &m->life);
}

static void tell_connections(struct exposition *x, const struct metrics *m)
{
    exposition_counter(x, "tcplens_connections", "Connections seen");
    exposition_count(x, NULL, m->records[CHANGE_CONNECTION]);
    exposition_counter(x, "tcplens_outcomes", "Connections that ended, by verdict");
    tell_words(x, "verdict", words("verdict"), m->verdicts);
    exposition_counter(x, "tcplens_outcome_causes", "Connections that ended, by the cause that was seen");
    tell_words(x, "cause", words("cause"), m->causes);
}

static void tell_resets(struct exposition *x, const struct metrics *m)
{
    static const char *const directions[] = { [RECEIVED] = "received", [SENT] = "sent" };

    exposition_counter(x, "tcplens_resets", "RSTs that the kernel sent or received, by its reason");
    for (unsigned i = 0; i <= LIMIT_METRICS_REASONS; i++)
        for (unsigned d = 0; (i < m->reason_count || i == LIMIT_METRICS_REASONS) && d < DIRECTION_N; d++)
            exposition_count(
                x,
                (struct label[]){ { "direction", directions[d] }, { "reason", m->reasons[i].reason }, { NULL, NULL } },
                m->reasons[i].resets[d]);
}

static void tell_troubles(struct exposition *x, const struct metrics *m)
{
    tell_resets(x, m);
    exposition_counter(x, "tcplens_timers_fired", "Timers of ends that fired: what they waited for had not come");
    tell_words(x, "timer", words("timer_name"), m->timers);
    exposition_counter(x, "tcplens_segment_notes", "What was noteworthy in segments; needs the packets");
    tell_words(x, "note", words("segment_note"), m->notes);
    exposition_counter(x, "tcplens_icmp_errors", "ICMP errors about connections; needs the packets");
    tell_words(x, "error", words("icmp_error"), m->icmp);
    exposition_counter(x, "tcplens_findings", "Findings, each when it is first told, by kind");
    tell_words(x, "kind", words("finding_kind"), m->findings);
    exposition_counter(x, "tcplens_findings_by_severity", "Findings, each when it is first told, by how bad they are");
    tell_words(x, "severity", words("severity"), m->severities);
}

/* Places that were never used are left out. */
#define EACH_ADDRESS(l, f)                                                                                             \
    for (const struct listener_figures *f = (l)->at; f < (l)->at + LIMIT_METRICS_ADDRESSES + 1; f++)                   \
        if (*f->address)

static void tell_queues(struct exposition *x, const struct listeners *l)
{
    exposition_gauge(x, "tcplens_listener_queue_length", "Connections in the queues of a listener");
    EACH_ADDRESS(l, f)
    {
        exposition_value(x, (struct label[]){ { "listener", f->address }, { "queue", "syn" }, { NULL, NULL } },
                         (int64_t)f->syn);
        exposition_value(x, (struct label[]){ { "listener", f->address }, { "queue", "accept" }, { NULL, NULL } },
                         (int64_t)f->accept);
    }
    exposition_gauge(x, "tcplens_listener_queue_limit", "Connections that the accept queue of a listener holds");
    EACH_ADDRESS(l, f)
    exposition_value(x, (struct label[]){ { "listener", f->address }, { "queue", "accept" }, { NULL, NULL } },
                     (int64_t)f->limit);
    exposition_gauge(x, "tcplens_listener_sockets", "Sockets that listen at an address");
    EACH_ADDRESS(l, f)
    exposition_value(x, (struct label[]){ { "listener", f->address }, { NULL, NULL } }, f->sockets);
}

static void tell_listeners(struct exposition *x, const struct listeners *l)
{
    static const struct {
        enum queue_why why;
        const char *word;
    } events[] = { { QUEUE_SYN, "request" },      { QUEUE_JOINED, "queued" },   { QUEUE_ACCEPT, "accepted" },
                   { QUEUE_COOKIE, "cookie" },    { QUEUE_EXPIRED, "expired" }, { QUEUE_DROPPED, "dropped" },
                   { QUEUE_DEFERRED, "deferred" } };
    /* queue_drop_cause(); NONE: of samples, which do not tell */
    static const enum cause causes[] = { CAUSE_NONE,
                                         CAUSE_ACCEPT_QUEUE_FULL,
                                         CAUSE_SYN_QUEUE_FULL,
                                         CAUSE_SYN_BACKLOG_FULL,
                                         CAUSE_LISTENER_DROPPED,
                                         CAUSE_SIGNATURE_REFUSED };

    tell_queues(x, l);
    exposition_counter(x, "tcplens_listener_events", "What happened in the queues of a listener");
    EACH_ADDRESS(l, f)
    for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++)
        exposition_count(x, (struct label[]){ { "listener", f->address }, { "event", events[i].word }, { NULL, NULL } },
                         f->events[events[i].why]);
    exposition_counter(x, "tcplens_listener_drops", "Segments that a listener dropped, by what was full");
    EACH_ADDRESS(l, f)
    for (size_t i = 0; i < sizeof(causes) / sizeof(*causes); i++)
        exposition_count(
            x, (struct label[]){ { "listener", f->address }, { "cause", cause_name(causes[i]) }, { NULL, NULL } },
            f->drops[causes[i]]);
    exposition_histogram(x, "tcplens_accept_wait_seconds", "How long complete connections waited for accept()");
    EACH_ADDRESS(l, f)
    exposition_buckets(x, (struct label[]){ { "listener", f->address }, { NULL, NULL } }, histogram_short_ns,
                       &f->waited);
}

static void tell(struct exposition *x, struct metrics *m)
{
    listeners_sum(&m->listeners);
    tell_self(x, m);
    tell_losses(x, m);
    tell_connections(x, m);
    tell_ends(x, m);
    tell_times(x, m);
    tell_listeners(x, &m->listeners);
    tell_troubles(x, m);
    exposition_end(x);
}

/* Who traces waits for a copy of the figures, not for their text. */
char *metrics_text(struct metrics *m, enum metrics_format format, size_t *ret_len)
{
    struct exposition x = { .openmetrics = format == METRICS_OPENMETRICS };
    struct metrics *copy = malloc(sizeof(*copy));
    char *text = NULL;
    bool complete = false;

    if (copy && (x.to = open_memstream(&text, ret_len))) {
        pthread_mutex_lock(&m->lock);
        memcpy(copy, m, sizeof(*copy));
        pthread_mutex_unlock(&m->lock);
        tell(&x, copy);
        complete = fclose(x.to) == 0;
    }
    free(copy);
    if (complete)
        return text;
    free(text);
    return NULL;
}
