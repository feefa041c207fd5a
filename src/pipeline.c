/* Theory of operation. Two tables, two loops: every source that takes part is drained, every sink that is open gets what
 * comes out. Sources that tell of what happens now are each nearly in order of time: their events are held and merged. A
 * source that is in order by itself is passed on as it reads. Which events are told is the gate's to say; of the machine and its
 * namespaces the place knows. */
#include "tcplens/pipeline.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/base/netns.h"
#include "tcplens/base/writer.h"
#include "tcplens/event/merge.h"
#include "tcplens/event/packets.h"
#include "tcplens/gate.h"
#include "tcplens/place.h"
#include "tcplens/recording.h"

/* A packet's time stamp is taken before the packet reaches libpcap's ring, and a busy kernel thread can lie between:
 * an event is held this long before what came after it is written. */
#define HOLD_NS 60000000ull

/* The round trip of a slow network. */
#define SETTLE_MAX_NS 1000000000ull

struct taking_part {
    void *source; /* NULL: it does not */
    bool wanted, replaced;
    bool failed;                          /* it took part, and cannot any more */
    const struct taking_part *instead_of; /* whom it stands in for; NULL: nobody */
    char missing[SOURCE_ERROR_MAX];
};

struct pipeline {
    struct pipeline_config config;
    struct trace_clock clock;
    struct taking_part sources[PIPELINE_SOURCES_MAX];
    struct merge *merge;     /* NULL: no source needs it */
    struct packets *packets; /* those of the events that merge holds; NULL: no sink wants them */
    struct gate *gate;
    struct place *place; /* NULL: a file is read */
    struct recording *recording;
    bool live;                     /* a source tells of what happens now */
    uint64_t start_ns;             /* of what happens now */
    uint64_t read_ns;              /* when the sources were read last */
    uint64_t released_ns, over_ns; /* until when merge let go; when what was to be traced was over */
    unsigned tick_events;
    bool narrowed;        /* less is seen than at the start */
    struct packet packet; /* of a file, whose event has not come yet */
    bool has_packet;
    int write_error;
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

static bool sees_stray_resets(const struct pipeline *p)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->all_resets && ops_of(p, i)->all_resets(p->sources[i].source))
            return true;
    return false;
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

    header->netns = p->config.netns;
    header->filter = p->config.filter;
    header->command = p->config.command;
    if (p->place)
        place_describe(p->place, header);
    describe_sources(p, header);
}

/* Of a source that is in order by itself. */
static void on_only(void *arg, const struct event *event)
{
    struct pipeline *p = arg;
    bool told;

    if (!gate_matches(p->gate, event))
        return;
    told = gate_tells(p->gate, event);
    if (told && p->has_packet)
        sinks_packet(p->config.sinks, &p->packet);
    p->has_packet = false;
    if (told)
        recording_event(p->recording, event);
}

/* In order of time. */
static void on_ordered(void *arg, const struct event *event)
{
    struct pipeline *p = arg;
    struct packet packet;

    if (!gate_releases(p->gate, event))
        return;
    if (p->packets && event->source == WITNESS_WIRE && packets_get(p->packets, event->packet, &packet))
        sinks_packet(p->config.sinks, &packet);
    recording_event(p->recording, event);
}

static void on_event(void *arg, const struct event *event)
{
    struct pipeline *p = arg;

    if (!gate_admits(p->gate, event))
        return;
    /* The trace begins when all witnesses watch: what one saw before the other could not be told from a difference. */
    if (event->ts_ns < p->start_ns)
        return;
    p->narrowed |= event->kind == EVENT_GAP && event->gap.interface[0];
    p->tick_events++;
    merge_put(p->merge, event);
}

/* Of what happens now a packet waits for its event; what a file holds is in order. */
static uint64_t on_packet(void *arg, const struct packet *packet)
{
    struct pipeline *p = arg;

    if (p->packets)
        return packets_put(p->packets, packet);
    if (gate_is_picky(p->gate)) {
        p->packet = *packet; /* its event comes next, if it is of any */
        p->has_packet = true;
    } else {
        sinks_packet(p->config.sinks, packet);
    }
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

/* What can be asked early, of packets and sockets alike, is asked by each source itself. */
static struct filter narrowed(const struct pipeline *p)
{
    struct filter filter = p->config.filter;

    if (p->config.expression)
        expression_narrow(p->config.expression, &filter);
    return filter;
}

/* Those that are wanted; then those that can stand in for one that failed. */
static int open_sources(struct pipeline *p, char error[static PIPELINE_ERROR_MAX])
{
    struct source_context context = { .clock = &p->clock,
                                      .filter = narrowed(p),
                                      .scope = p->config.scope,
                                      .datagrams = p->config.datagrams,
                                      .headers = p->config.headers,
                                      .command_pid = p->config.command_pid,
                                      .all_netns = p->config.all_netns,
                                      .packet = p->config.sinks->packet_count ? on_packet : NULL,
                                      .packet_arg = p };
    bool asked = false, stands_in = false;
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
            lacking->replaced = stands_in = true;
        }
    }
    if (asked || (stands_in && p->config.stand_in_will_do))
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
        .conn = { .conn_max = p->config.conn_max,
                  .sysctl = p->place ? place_sysctl(p->place) : NULL,
                  .segments = p->config.segments,
                  .wire_only = !takes_part(p, WITNESS_KERNEL) && !takes_part(p, WITNESS_DIAG),
                  .no_packets = p->live && !takes_part(p, WITNESS_WIRE),
                  .checksums = p->config.checksums,
                  .all_resets = takes_part(p, WITNESS_KERNEL),
                  .stray_resets = sees_stray_resets(p),
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

static int new_gate(struct pipeline *p)
{
    const struct gate_config config = { .expression = p->config.expression,
                                        .segments_max = p->config.segments_max,
                                        .apart = p->config.apart,
                                        .apart_count = p->config.apart_count,
                                        .sinks = p->config.sinks,
                                        .place = p->place,
                                        .pairs = p->config.filter.pid_count && takes_part(p, WITNESS_WIRE) };

    return gate_new(&config, &p->gate);
}

static void set_local(struct pipeline *p)
{
    size_t count;
    const struct addr *addresses = place_addresses(p->place, &count);

    conn_engine_set_local(recording_engine(p->recording), addresses, count);
}

static int prepare(struct pipeline *p)
{
    int r = p->live ? place_open(&p->clock, p->config.scope, !p->config.all_netns, &p->place) : 0;

    if (r == 0)
        r = new_recording(p);
    if (r == 0)
        r = new_gate(p);
    if (r == 0 && p->live)
        r = merge_new(LIMIT_HELD_EVENTS, on_ordered, p, &p->merge);
    if (r == 0 && p->live && p->config.sinks->packet_count)
        r = packets_new(LIMIT_HELD_PACKETS, &p->packets);
    if (r == 0 && p->live)
        set_local(p);
    p->start_ns = p->live ? trace_clock_now(&p->clock) : 0;
    return r;
}

static bool wants_live(const struct pipeline *p)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (is_wanted(p, i) && ops_of(p, i)->live)
            return true;
    return false;
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
    r = wants_live(p) ? trace_clock_enter(&p->clock) : 0;
    if (r < 0)
        snprintf(error, PIPELINE_ERROR_MAX,
                 "cannot start: by how much the clocks of this time namespace differ from the "
                 "machine's is not shown (/proc/self/timens_offsets): %s",
                 strerror(-r));
    if (r == 0)
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
                 p->config.sinks->want_lines ? "the trace" : "standard output", writer_explain(p->write_error));
    return p->write_error;
}

/* What happens now goes on, also where one who watches cannot: false where nobody is left who can. */
static bool others_watch(struct pipeline *p, size_t failed, const char *why)
{
    bool others = false;

    p->sources[failed].failed = p->narrowed = true;
    for (size_t i = 0; i < ops_count(p); i++)
        others |= p->sources[i].source && ops_of(p, i)->live && !p->sources[i].failed;
    if (others && p->live)
        log_note("tracing goes on without the %s witness: %s", ops_of(p, failed)->name, why);
    return others && p->live;
}

/* Millions of events: nothing stands between where nothing is asked. */
static int drain_ordered(struct pipeline *p, size_t i, bool last, char error[static PIPELINE_ERROR_MAX])
{
    const bool all = !gate_is_picky(p->gate);

    return ops_of(p, i)->drain(p->sources[i].source, last, all ? recording_event : on_only,
                               all ? (void *)p->recording : p, error);
}

static void release(struct pipeline *p, uint64_t until_ns)
{
    p->released_ns = until_ns;
    merge_release(p->merge, until_ns);
    recording_pass_time(p->recording, until_ns);
}

/* last: no tick follows. 1: there is more at once. */
static int read_sources(struct pipeline *p, bool last, char error[static PIPELINE_ERROR_MAX])
{
    const uint64_t now = trace_clock_now(&p->clock);
    int result = 0;

    p->tick_events = 0;
    if (p->live) {
        trace_clock_update(&p->clock);
        if (place_refresh(p->place, now))
            set_local(p);
    }
    for (size_t i = 0; i < ops_count(p); i++) {
        int r;

        if (!p->sources[i].source || p->sources[i].failed)
            continue;
        r = ops_of(p, i)->ordered ? drain_ordered(p, i, last, error)
                                  : ops_of(p, i)->drain(p->sources[i].source, last, on_event, p, error);
        if (r < 0 && others_watch(p, i, error))
            r = 0;
        if (r != 0 && result >= 0)
            result = r;
    }
    /* A source may keep an event back for one batch, and a busy machine makes batches long: what is newer than the
     * last batch waits. */
    if (p->merge)
        release(p, p->read_ns < now - HOLD_NS ? p->read_ns : now - HOLD_NS);
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

bool pipeline_is_full(const struct pipeline *p)
{
    return gate_is_full(p->gate);
}

void pipeline_begin_now(struct pipeline *p)
{
    p->start_ns = trace_clock_now(&p->clock);
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

void pipeline_over(struct pipeline *p)
{
    p->over_ns = trace_clock_now(&p->clock);
}

bool pipeline_has_settled(const struct pipeline *p)
{
    if (p->read_ns > p->over_ns + SETTLE_MAX_NS)
        return true;
    /* the engine knows of all that was before */
    return p->released_ns > p->over_ns && !p->tick_events && !conn_engine_is_closing(recording_engine(p->recording));
}

static void skipped_by_sources(const struct pipeline *p, struct trace_end *end)
{
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->skipped)
            ops_of(p, i)->skipped(p->sources[i].source, end);
    gate_skipped(p->gate, end);
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
    end.beyond[BEYOND_PAIRS] = gate_pairs_forgotten(p->gate);
    for (size_t i = 0; i < ops_count(p); i++)
        if (p->sources[i].source && ops_of(p, i)->lost)
            end.lost[ops_of(p, i)->witness] += ops_of(p, i)->lost(p->sources[i].source);
    skipped_by_sources(p, &end);
    if (p->place)
        place_describe_end(p->place, &end);
    return recording_end(p->recording, p->live ? trace_clock_now(&p->clock) : 0, &end);
}

int pipeline_finish(struct pipeline *p, enum end_reason reason, int status, char error[static PIPELINE_ERROR_MAX])
{
    int r = start(p, error), w;

    /* twice: what a batch keeps back for the next one is let go by it */
    for (unsigned i = 0; i < 2 && r == 0; i++)
        r = read_sources(p, true, error);
    sinks_ending(p->config.sinks);
    /* Whatever failed: what was seen is told, and how it ended. */
    if (p->merge)
        merge_release(p->merge, UINT64_MAX);
    if (p->place)
        place_tell_counters(p->place, recording_event, p->recording);
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

bool pipeline_narrowed(const struct pipeline *p)
{
    return p->narrowed;
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

uint64_t pipeline_packets_lost(const struct pipeline *p)
{
    return p->packets ? packets_lost(p->packets) : 0;
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
    gate_free(p->gate);
    packets_free(p->packets);
    place_close(p->place);
    free(p);
    return NULL;
}
