/* Theory of operation. Two tables, two loops: every source that takes part is drained, every sink that is open gets what
 * comes out. Sources that tell of what happens now are each nearly in order of time: their events are held and merged. A
 * source that is in order by itself is passed on as it reads. */
#include "tcplens/pipeline.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/netns.h"
#include "tcplens/event/merge.h"

/* A packet's time stamp is taken before the packet reaches libpcap's ring, and a busy kernel thread can lie between:
 * an event is held this long before what came after it is written. */
#define HOLD_NS 60000000ull
#define ADDRESSES_AGE_NS 1000000000ull

struct taking_part {
    void *source; /* NULL: it does not */
    bool wanted, replaced;
    const struct taking_part *instead_of; /* whom it stands in for; NULL: nobody */
    char missing[SOURCE_ERROR_MAX];
};

struct pipeline {
    struct pipeline_config config;
    struct trace_clock clock;
    struct taking_part sources[PIPELINE_SOURCES_MAX];
    struct merge *merge; /* NULL: no source needs it */
    struct conn_engine *engine;
    struct addr *addresses;
    uint64_t addresses_ns; /* when they were read */
    bool live;             /* a source tells of what happens now */
    bool started;
    uint64_t start_ns, last_ns;
    uint64_t read_ns; /* when the sources were read last */
    unsigned tick_events;
    int write_error;
    char sysctl_text[SYSCTL_N][32];
    const char *sysctl[SYSCTL_N]; /* NULL: not shown here, or a file is read */
    uint64_t counts[CHANGE_KIND_N], late;
};

/* The sources: those of the table, and one that the caller brings. */
static size_t ops_count(const struct pipeline *p)
{
    return source_count + (p->config.more.ops != NULL);
}

static const struct source_ops *ops_of(const struct pipeline *p, size_t i)
{
    return i < source_count ? source_table[i] : p->config.more.ops;
}

static void *config_of(const struct pipeline *p, size_t i)
{
    return i < source_count ? p->config.sources[i].config : p->config.more.config;
}

static bool is_wanted(const struct pipeline *p, size_t i)
{
    return i >= source_count || p->config.sources[i].want;
}

static bool is_needed(const struct pipeline *p, size_t i)
{
    return i >= source_count || p->config.sources[i].need;
}

static bool takes_part(const struct pipeline *p, enum witness witness)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->witness == witness)
            return true;
    return false;
}

/* The settings that decide what a connection meets. */
static void read_sysctls(struct pipeline *p)
{
    for (unsigned i = 0; p->live && i < SYSCTL_N; i++) /* global ones are not shown inside a namespace */
        if (netns_sysctl(sysctl_name(i), p->sysctl_text[i], sizeof(p->sysctl_text[i])) == 0)
            p->sysctl[i] = p->sysctl_text[i];
}

static void describe_sysctls(const struct pipeline *p, struct trace_header *header)
{
    for (unsigned i = 0; i < SYSCTL_N; i++) {
        if (!p->sysctl[i])
            continue;
        header->sysctl[header->sysctl_count].name = sysctl_name(i);
        memcpy(header->sysctl[header->sysctl_count++].value, p->sysctl[i], sizeof(header->sysctl[0].value));
    }
}

static void describe_sources(const struct pipeline *p, struct trace_header *header)
{
    for (size_t i = 0; i < ops_count(p); i++) {
        const struct source_ops *ops = ops_of(p, i);

        if (p->sources[i].source) {
            header->sources[ops->witness] = true;
            if (ops->describe)
                ops->describe(config_of(p, i), header);
        } else if (*p->sources[i].missing) {
            header->missing[ops->witness] = p->sources[i].missing;
        }
    }
}

static int write_header(struct pipeline *p)
{
    struct trace_header header = {
        .start_ns = p->start_ns, .netns = p->config.netns, .filter = p->config.filter, .command = p->config.command
    };
    struct utsname uts;
    char kernel[sizeof(uts.sysname) + sizeof(uts.release) + sizeof(uts.machine) + 2], *line;
    int r;

    if (p->live) {
        uname(&uts);
        snprintf(kernel, sizeof(kernel), "%s %s %s", uts.sysname, uts.release, uts.machine);
        header.kernel = kernel;
        describe_sysctls(p, &header);
    }
    describe_sources(p, &header);
    r = trace_encode_header(&header, &line);
    if (r < 0)
        return r;
    sinks_line(p->config.sinks, line, strlen(line), 0);
    free(line);
    p->started = true;
    return 0;
}

static void on_change(void *arg, const struct change *change)
{
    struct pipeline *p = arg;

    p->counts[change->kind]++;
    p->late += change->late;
    if (change->ts_ns > p->last_ns)
        p->last_ns = change->ts_ns;
    if (p->config.sinks->want_lines) {
        char buf[TRACE_LINE_MAX], *line = sinks_room(p->config.sinks, sizeof(buf), buf);

        sinks_line(p->config.sinks, line, trace_encode(change, p->start_ns, line), change->n);
    }
    sinks_change(p->config.sinks, change, p->start_ns);
}

/* In order of time. */
static void on_ordered(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    if (!p->started) { /* a file's time begins with its first packet */
        p->start_ns = p->last_ns = event->ts_ns;
        p->write_error = write_header(p);
    }
    conn_engine_event(p->engine, event);
}

static void on_event(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    /* The trace begins when all witnesses watch: what one saw before the other could not be told from a difference. */
    if (event->ts_ns < p->start_ns)
        return;
    p->tick_events++;
    merge_put(p->merge, event);
}

/* Adds those of the namespace this process is in. */
static int add_addresses(struct addr **addresses, size_t *count)
{
    struct addr *more, *all;
    size_t more_count;
    int r = netns_addresses(&more, &more_count);

    if (r < 0)
        return r;
    all = reallocarray(*addresses, *count + more_count + 1, sizeof(**addresses));
    if (all) {
        memcpy(all + *count, more, more_count * sizeof(*more));
        *addresses = all;
        *count += more_count;
    }
    free(more);
    return all ? 0 : -ENOMEM;
}

static int add_addresses_of(const struct netns_scope *scope, struct addr **addresses, size_t *count)
{
    int r = 0;

    for (unsigned i = 0; i < scope->count && r == 0; i++) {
        r = netns_enter_held(&scope->in[i]);
        if (r == 0)
            r = add_addresses(addresses, count);
    }
    return r;
}

/* Which addresses are this host's: whoever adds one while the trace runs has it known soon. */
static int read_addresses(struct pipeline *p)
{
    struct addr *addresses = NULL;
    size_t count = 0;
    int r = p->config.scope ? add_addresses_of(p->config.scope, &addresses, &count) : add_addresses(&addresses, &count);

    if (r < 0) {
        free(addresses);
        return r;
    }
    conn_engine_set_local(p->engine, addresses, count);
    free(p->addresses);
    p->addresses = addresses;
    p->addresses_ns = trace_clock_now(&p->clock);
    return 0;
}

/* 0, or what it failed with: `missing` says why. */
static int open_source(struct pipeline *p, struct source_context *context, size_t i)
{
    struct taking_part *s = &p->sources[i];
    int r = ops_of(p, i)->live ? netns_current(&context->netns) : 0;

    s->wanted = true;
    if (r < 0) {
        snprintf(s->missing, sizeof(s->missing), "this process's network namespace is not shown: %s", strerror(-r));
        return r;
    }
    r = ops_of(p, i)->open(context, config_of(p, i), &s->source, s->missing);
    if (r == 0) {
        s->missing[0] = '\0';
        p->live |= ops_of(p, i)->live;
    }
    return r;
}

/* "nothing to see with: wire witness needs root; kernel witness not wanted" */
static void explain_nothing(const struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    int len = snprintf(error, PIPELINE_ERROR_MAX, "nothing to see with");
    const char *between = ": ";

    for (size_t i = 0; i < ops_count(p); i++) {
        if (!ops_of(p, i)->by_default || len >= PIPELINE_ERROR_MAX)
            continue;
        len += snprintf(error + len, PIPELINE_ERROR_MAX - (size_t)len, "%s%s witness %s", between, ops_of(p, i)->name,
                        is_wanted(p, i) ? p->sources[i].missing : "not wanted");
        between = "; ";
    }
}

/* The source of that witness which was wanted and cannot take part. NULL: there is none. */
static struct taking_part *find_lacking(struct pipeline *p, enum witness witness)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].wanted && !p->sources[i].source && ops_of(p, i)->witness == witness)
            return &p->sources[i];
    return NULL;
}

/* Those that are wanted; then those that can stand in for one that failed. */
static int open_sources(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    struct source_context context = {
        .clock = &p->clock, .filter = p->config.filter, .scope = p->config.scope, .all_netns = p->config.all_netns
    };
    bool asked = false;
    int failed = 0;

    for (size_t i = 0; i < ops_count(p); i++) {
        int r;

        if (!is_wanted(p, i))
            continue;
        r = open_source(p, &context, i);
        asked |= r == 0;
        if (r < 0 && is_needed(p, i)) {
            if (ops_of(p, i)->live)
                snprintf(error, PIPELINE_ERROR_MAX, "no %s witness: %s", ops_of(p, i)->name, p->sources[i].missing);
            else
                snprintf(error, PIPELINE_ERROR_MAX, "%s", p->sources[i].missing);
            return r;
        }
        failed = failed ? failed : r;
    }
    for (size_t i = 0; i < ops_count(p); i++) {
        const struct source_ops *ops = ops_of(p, i);
        struct taking_part *lacking =
            ops->stands_in && !p->sources[i].wanted ? find_lacking(p, ops->stands_in_for) : NULL;

        if (lacking && open_source(p, &context, i) == 0) {
            p->sources[i].instead_of = lacking;
            lacking->replaced = true;
        }
    }
    if (asked)
        return 0;
    /* a stand-in alone is little: who wants no more has to say so */
    explain_nothing(p, error);
    return failed ? failed : -EINVAL;
}

static int snapshot_sources(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    for (size_t i = 0; i < ops_count(p); i++) {
        int r;

        if (!p->sources[i].source || !ops_of(p, i)->snapshot)
            continue;
        r = ops_of(p, i)->snapshot(p->sources[i].source, on_event, p);
        if (r < 0) {
            snprintf(error, PIPELINE_ERROR_MAX, "cannot list the sockets that exist already: %s", strerror(-r));
            return r;
        }
    }
    return 0;
}

/* Packets are captured on all interfaces of the only namespace that is traced. */
static bool sees_all_packets(const struct pipeline *p)
{
    struct trace_header header = { 0 };

    describe_sources(p, &header);
    return p->live && takes_part(p, WITNESS_WIRE) && !p->config.all_netns && !p->config.more.ops &&
           header.interface_count == 1 && strcmp(header.interfaces[0], "any") == 0;
}

static int new_engine(struct pipeline *p)
{
    struct conn_config config = { .emit = on_change,
                                  .arg = p,
                                  .sysctl = p->sysctl,
                                  .segments = p->config.segments,
                                  .wire_only = !takes_part(p, WITNESS_KERNEL) && !takes_part(p, WITNESS_DIAG),
                                  .checksums = p->config.checksums,
                                  .all_packets = sees_all_packets(p),
                                  .all_netns = p->config.all_netns || p->config.scope };

    if (getrandom(&config.hash_seed, sizeof(config.hash_seed), 0) != sizeof(config.hash_seed))
        config.hash_seed = 0;
    return conn_engine_new(&config, &p->engine);
}

static int prepare(struct pipeline *p)
{
    int r;

    read_sysctls(p);
    r = new_engine(p);

    if (r == 0 && p->live)
        r = merge_new(LIMIT_HELD_EVENTS, on_ordered, p, &p->merge);
    if (r == 0 && p->live)
        r = read_addresses(p);
    p->start_ns = p->last_ns = p->live ? trace_clock_now(&p->clock) : 0;
    return r;
}

int pipeline_open(const struct pipeline_config *config, struct pipeline **ret_pipeline,
                  char error[static PIPELINE_ERROR_MAX])
{
    struct pipeline *p = calloc(1, sizeof(*p));
    int r;

    assert(source_count < PIPELINE_SOURCES_MAX);
    if (!p) {
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start: out of memory");
        return -ENOMEM;
    }
    p->config = *config;
    trace_clock_init(&p->clock);
    r = open_sources(p, error);
    if (r == 0) {
        r = prepare(p);
        if (r < 0)
            snprintf(error, PIPELINE_ERROR_MAX, "cannot start: %s", strerror(-r));
        else
            r = snapshot_sources(p, error);
    }
    if (r < 0) {
        pipeline_close(p);
        return r;
    }
    *ret_pipeline = p;
    return 0;
}

bool pipeline_source(const struct pipeline *p, unsigned index, struct pipeline_source *ret_source)
{
    for (size_t i = 0; i < ops_count(p); i++) {
        const struct taking_part *s = &p->sources[i];

        if (!s->wanted || index--)
            continue;
        *ret_source = (struct pipeline_source){ .ops = ops_of(p, i),
                                                .missing = s->source ? NULL : s->missing,
                                                .stands_in = s->instead_of != NULL,
                                                .reason = s->instead_of ? s->instead_of->missing : NULL,
                                                .replaced = s->replaced };
        if (s->source && ops_of(p, i)->caveat)
            ret_source->caveat = ops_of(p, i)->caveat(s->source);
        return true;
    }
    return false;
}

static int flush(struct pipeline *p, bool all, char error[static PIPELINE_ERROR_MAX])
{
    int r = sinks_flush(p->config.sinks, all);

    if (p->write_error == 0)
        p->write_error = r;
    if (p->write_error < 0)
        snprintf(error, PIPELINE_ERROR_MAX, "cannot write %s: %s",
                 p->config.sinks->want_lines ? "the trace" : "standard output", strerror(-p->write_error));
    return p->write_error;
}

/* last: no tick follows. 1: there is more at once. */
static int read_sources(struct pipeline *p, bool last, char error[static PIPELINE_ERROR_MAX])
{
    const uint64_t now = trace_clock_now(&p->clock);
    int result = 0;

    p->tick_events = 0;
    if (p->live) {
        trace_clock_update(&p->clock);
        if (!p->config.scope && now - p->addresses_ns >= ADDRESSES_AGE_NS)
            read_addresses(p); /* without memory the old ones stay */
    }
    for (size_t i = 0; i < ops_count(p); i++) {
        int r;

        if (!p->sources[i].source)
            continue;
        r = ops_of(p, i)->drain(p->sources[i].source, last, ops_of(p, i)->ordered ? on_ordered : on_event, p, error);
        if (r != 0 && result >= 0)
            result = r;
    }
    /* A source may keep an event back for one batch, and a busy machine makes batches long: what is newer than the
     * last batch waits. */
    if (p->merge)
        merge_release(p->merge, p->read_ns < now - HOLD_NS ? p->read_ns : now - HOLD_NS);
    p->read_ns = now;
    return result;
}

/* Writes the header, but of a capture: that begins with its first packet. */
static int start(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    int r = p->started || !p->live ? 0 : write_header(p);

    if (r < 0)
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start the trace: %s", strerror(-r));
    return r;
}

int pipeline_tick(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    int r = start(p, error), w;

    if (r == 0)
        r = read_sources(p, false, error);
    if (r < 0)
        return r;
    w = flush(p, false, error);
    return w < 0 ? w : r;
}

unsigned pipeline_tick_events(const struct pipeline *p)
{
    return p->tick_events;
}

void pipeline_skipped(const struct pipeline *p, struct trace_end *end)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->skipped)
            ops_of(p, i)->skipped(p->sources[i].source, end);
    conn_engine_skipped(p->engine, end);
}

static int write_end(struct pipeline *p, enum end_reason reason, int status)
{
    struct trace_end end = {
        .n = conn_engine_next_n(p->engine), .ts_ns = p->last_ns, .reason = reason, .status = status, .late = p->late
    };
    char *line;
    int r;

    memcpy(end.counts, p->counts, sizeof(end.counts));
    conn_engine_beyond(p->engine, end.beyond);
    end.beyond[BEYOND_HELD_EVENTS] = p->merge ? merge_early(p->merge) : 0;
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->lost)
            end.lost[ops_of(p, i)->witness] += ops_of(p, i)->lost(p->sources[i].source);
    pipeline_skipped(p, &end);
    r = trace_encode_end(&end, p->start_ns, &line);
    if (r < 0)
        return r;
    sinks_line(p->config.sinks, line, strlen(line), end.n);
    free(line);
    return 0;
}

int pipeline_finish(struct pipeline *p, enum end_reason reason, int status, char error[static PIPELINE_ERROR_MAX])
{
    int r = p->started ? 0 : write_header(p), w = 0;

    if (r < 0)
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start the trace: %s", strerror(-r));
    /* twice: what a batch keeps back for the next one is let go by it */
    for (unsigned i = 0; i < 2 && r == 0; i++)
        r = read_sources(p, true, error);
    /* Whatever failed: what was seen is told, and how it ended. */
    if (p->merge)
        merge_release(p->merge, UINT64_MAX);
    if (p->live && trace_clock_now(&p->clock) > p->last_ns)
        p->last_ns = trace_clock_now(&p->clock);
    conn_engine_finish(p->engine, p->last_ns);
    if (p->started && p->config.conclude)
        p->config.conclude(p->config.conclude_arg, p);
    if (p->started) {
        w = write_end(p, r < 0 ? END_REASON_ERROR : reason, status);
        if (w < 0 && r == 0)
            snprintf(error, PIPELINE_ERROR_MAX, "cannot end the trace: %s", strerror(-w));
        r = r < 0 ? r : w;
    }
    w = flush(p, true, r < 0 ? (char[PIPELINE_ERROR_MAX]){ 0 } : error);
    sinks_finish(p->config.sinks);
    return r < 0 ? r : w;
}

void pipeline_tell(struct pipeline *p, struct change *change)
{
    conn_engine_tell(p->engine, p->last_ns, change);
}

uint64_t pipeline_lost(const struct pipeline *p)
{
    uint64_t lost = 0;

    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->lost)
            lost += ops_of(p, i)->lost(p->sources[i].source);
    return lost;
}

bool pipeline_progress(const struct pipeline *p, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets)
{
    for (size_t i = 0; i < ops_count(p); i++) {
        if (!p->sources[i].source || !ops_of(p, i)->progress)
            continue;
        ops_of(p, i)->progress(p->sources[i].source, ret_at, ret_size, ret_packets);
        return true;
    }
    return false;
}

bool pipeline_write_failed(const struct pipeline *p)
{
    return p->write_error < 0;
}

uint64_t pipeline_connections(const struct pipeline *p)
{
    return p->counts[CHANGE_CONNECTION];
}

unsigned pipeline_offloaded(const struct pipeline *p)
{
    return p->engine ? conn_engine_offloaded(p->engine) : 0;
}

struct pipeline *pipeline_close(struct pipeline *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source)
            ops_of(p, i)->close(p->sources[i].source);
    merge_free(p->merge);
    conn_engine_free(p->engine);
    free(p->addresses);
    free(p);
    return NULL;
}
