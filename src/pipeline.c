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
#include <unistd.h>

#include "tcplens/base/addresses.h"
#include "tcplens/base/clock.h"
#include "tcplens/base/counters.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/netns.h"
#include "tcplens/event/merge.h"
#include "tcplens/event/pairs.h"
#include "tcplens/recording.h"

/* A packet's time stamp is taken before the packet reaches libpcap's ring, and a busy kernel thread can lie between:
 * an event is held this long before what came after it is written. */
#define HOLD_NS 60000000ull
#define ADDRESSES_AGE_NS 1000000000ull

#define KERNEL_MAX (3 * sizeof(((struct utsname *)0)->release) + 2)

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
    struct pairs *pairs; /* the connections whose packets are told; NULL: all */
    uint64_t of_others;  /* packets that were not of those */
    struct host host;
    struct counters counters; /* of the namespace, as the trace began; none: they are not told */
    struct counters_files counters_files;
    struct recording *recording;
    int address_sockets[NETNS_SCOPE_MAX];
    unsigned address_socket_count;
    struct addr *addresses;
    uint64_t addresses_ns; /* when they were read */
    bool live;             /* a source tells of what happens now */
    uint64_t start_ns;     /* of what happens now */
    uint64_t read_ns;      /* when the sources were read last */
    unsigned tick_events;
    int write_error;
    char sysctl_text[SYSCTL_N][32];
    const char *sysctl[SYSCTL_N]; /* NULL: not shown here, or a file is read */
    char kernel[KERNEL_MAX];
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

static void describe(void *arg, struct trace_header *header)
{
    struct pipeline *p = arg;
    struct utsname uts;

    header->netns = p->config.netns;
    header->filter = p->config.filter;
    header->command = p->config.command;
    if (p->live) {
        uname(&uts);
        snprintf(p->kernel, sizeof(p->kernel), "%s %s %s", uts.sysname, uts.release, uts.machine);
        header->kernel = p->kernel;
        header->host = p->host;
        describe_sysctls(p, header);
    }
    describe_sources(p, header);
}

/* In order of time. Whose a packet is only the kernel can tell, and it has by now: what it told was noted as it was read, and
 * a packet is held longer than that takes. */
static void on_ordered(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    if (p->pairs && event->source == WITNESS_WIRE && event->kind != EVENT_GAP && !pairs_have(p->pairs, event))
        p->of_others++;
    else
        recording_event(p->recording, event);
}

static void on_event(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    if (p->pairs && event->source != WITNESS_WIRE)
        pairs_note(p->pairs, event);
    /* The trace begins when all witnesses watch: what one saw before the other could not be told from a difference. */
    if (event->ts_ns < p->start_ns)
        return;
    p->tick_events++;
    merge_put(p->merge, event);
}

static int open_address_sockets(struct pipeline *p)
{
    const struct netns_scope *scope = p->config.scope;
    const unsigned count = scope ? scope->count : 1;
    int r = 0;

    for (unsigned i = 0; i < count && r >= 0; i++) {
        r = scope ? netns_enter_held(&scope->in[i]) : 0;
        if (r == 0)
            r = addresses_open();
        if (r >= 0)
            p->address_sockets[p->address_socket_count++] = r;
    }
    return r < 0 ? r : 0;
}

/* Which addresses are this host's: whoever adds one while the trace runs has it known soon. */
static int read_addresses(struct pipeline *p)
{
    struct addr *addresses = NULL;
    size_t count = 0;
    int r = 0;

    for (unsigned i = 0; i < p->address_socket_count && r == 0; i++)
        r = addresses_add(p->address_sockets[i], &addresses, &count);
    if (r < 0) {
        free(addresses);
        return r;
    }
    conn_engine_set_local(recording_engine(p->recording), addresses, count);
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
    struct source_context context = { .clock = &p->clock,
                                      .filter = p->config.filter,
                                      .scope = p->config.scope,
                                      .datagrams = p->config.datagrams,
                                      .headers = p->config.headers,
                                      .command_pid = p->config.command_pid,
                                      .all_netns = p->config.all_netns };
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

static void conclude(void *arg)
{
    struct pipeline *p = arg;

    if (p->config.conclude)
        p->config.conclude(p->config.conclude_arg, p);
}

static int new_recording(struct pipeline *p)
{
    struct recording_config config = {
        .conn = { .sysctl = p->sysctl,
                  .segments = p->config.segments,
                  .wire_only = !takes_part(p, WITNESS_KERNEL) && !takes_part(p, WITNESS_DIAG),
                  .checksums = p->config.checksums,
                  .all_resets = takes_part(p, WITNESS_KERNEL),
                  .all_packets = sees_all_packets(p),
                  .all_netns = p->config.all_netns || p->config.scope },
        .sinks = p->config.sinks,
        .describe = describe,
        .conclude = conclude,
        .arg = p,
    };
    uint64_t *seed = &config.conn.hash_seed;

    if (getrandom(seed, sizeof(*seed), 0) != sizeof(*seed))
        *seed = 0;
    return recording_new(&config, &p->recording);
}

static int prepare(struct pipeline *p)
{
    int r;

    read_sysctls(p);
    if (p->live)
        host_read(&p->host);
    r = new_recording(p);

    if (r == 0 && p->live)
        r = merge_new(LIMIT_HELD_EVENTS, on_ordered, p, &p->merge);
    if (r == 0 && p->config.filter.pid_count && takes_part(p, WITNESS_WIRE))
        r = pairs_new(&p->pairs);
    if (r == 0 && p->live)
        r = open_address_sockets(p);
    if (r == 0 && p->live)
        r = read_addresses(p);
    if (p->live && !p->config.all_netns &&
        (counters_open(&p->counters_files) < 0 || counters_read(&p->counters_files, &p->counters) < 0))
        p->counters.count = 0;
    p->start_ns = p->live ? trace_clock_now(&p->clock) : 0;
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
    p->counters_files = (struct counters_files){ .fd = { -1, -1, -1 } };
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
        p->write_error = recording_error(p->recording);
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
        if (now - p->addresses_ns >= ADDRESSES_AGE_NS)
            read_addresses(p); /* without memory the old ones stay */
    }
    for (size_t i = 0; i < ops_count(p); i++) {
        int r;

        if (!p->sources[i].source)
            continue;
        r = ops_of(p, i)->ordered
                ? ops_of(p, i)->drain(p->sources[i].source, last, recording_event, p->recording, error)
                : ops_of(p, i)->drain(p->sources[i].source, last, on_event, p, error);
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

/* A capture's begins with its first packet. */
static int start(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    int r = recording_begun(p->recording) || !p->live ? 0 : recording_begin(p->recording, p->start_ns);

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

static void skipped_by_sources(const struct pipeline *p, struct trace_end *end)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->skipped)
            ops_of(p, i)->skipped(p->sources[i].source, end);
    trace_end_skipped(end, "of other processes", p->of_others);
}

/* Those that moved, and what tells of trouble in any case. */
static void tell_counters(struct pipeline *p)
{
    const uint64_t now_ns = trace_clock_now(&p->clock);
    struct counters now;

    if (!p->counters.count || counters_read(&p->counters_files, &now) < 0)
        return;
    for (unsigned i = 0; i < now.count; i++) {
        const struct counter *was = counters_find(&p->counters, now.items[i].name);
        const int64_t delta = was ? now.items[i].value - was->value : 0;

        if (delta || change_counter_matters(now.items[i].name))
            recording_event(p->recording, &(struct event){ .kind = EVENT_COUNTER,
                                                           .source = WITNESS_KERNEL,
                                                           .ts_ns = now_ns,
                                                           .counter = { .name = now.items[i].name,
                                                                        .value = now.items[i].value,
                                                                        .delta = delta } });
    }
}

void pipeline_skipped(const struct pipeline *p, struct trace_end *end)
{
    skipped_by_sources(p, end);
    conn_engine_skipped(recording_engine(p->recording), end);
}

static int write_end(struct pipeline *p, enum end_reason reason, int status)
{
    struct trace_end end = { .reason = reason, .status = status };

    end.beyond[BEYOND_HELD_EVENTS] = p->merge ? merge_early(p->merge) : 0;
    end.beyond[BEYOND_PAIRS] = p->pairs ? pairs_forgotten(p->pairs) : 0;
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->lost)
            end.lost[ops_of(p, i)->witness] += ops_of(p, i)->lost(p->sources[i].source);
    skipped_by_sources(p, &end);
    return recording_end(p->recording, p->live ? trace_clock_now(&p->clock) : 0, &end);
}

int pipeline_finish(struct pipeline *p, enum end_reason reason, int status, char error[static PIPELINE_ERROR_MAX])
{
    int r = start(p, error), w;

    /* twice: what a batch keeps back for the next one is let go by it */
    for (unsigned i = 0; i < 2 && r == 0; i++)
        r = read_sources(p, true, error);
    /* Whatever failed: what was seen is told, and how it ended. */
    if (p->merge)
        merge_release(p->merge, UINT64_MAX);
    tell_counters(p);
    w = write_end(p, r < 0 ? END_REASON_ERROR : reason, status);
    if (w < 0 && r == 0) {
        snprintf(error, PIPELINE_ERROR_MAX, "cannot end the trace: %s", strerror(-w));
        r = w;
    }
    w = flush(p, true, r < 0 ? (char[PIPELINE_ERROR_MAX]){ 0 } : error);
    sinks_finish(p->config.sinks);
    return r < 0 ? r : w;
}

void pipeline_tell(struct pipeline *p, struct change *change)
{
    recording_tell(p->recording, change);
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

unsigned pipeline_sockets(const struct pipeline *p, int *ret_sockets, unsigned max)
{
    unsigned count = 0;

    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->sockets)
            count += ops_of(p, i)->sockets(p->sources[i].source, ret_sockets + count, max - count);
    return count;
}

bool pipeline_write_failed(const struct pipeline *p)
{
    return p->write_error < 0;
}

uint64_t pipeline_connections(const struct pipeline *p)
{
    return recording_connections(p->recording);
}

unsigned pipeline_offloaded(const struct pipeline *p)
{
    return conn_engine_offloaded(recording_engine(p->recording));
}

void pipeline_beyond(const struct pipeline *p, uint64_t beyond[static BEYOND_N])
{
    conn_engine_beyond(recording_engine(p->recording), beyond);
}

struct pipeline *pipeline_close(struct pipeline *p)
{
    if (!p)
        return NULL;
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source)
            ops_of(p, i)->close(p->sources[i].source);
    merge_free(p->merge);
    recording_free(p->recording);
    pairs_free(p->pairs);
    for (unsigned i = 0; i < p->address_socket_count; i++)
        close(p->address_sockets[i]);
    counters_close(&p->counters_files);
    free(p->addresses);
    free(p);
    return NULL;
}
