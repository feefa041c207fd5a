/* Theory of operation. Every source that takes part is drained, every sink that is open gets what comes out. Sources that
 * tell of what happens now are each nearly in order of time: their events are held and merged. A source that is in order by
 * itself is passed on as it reads. Which events are told is the gate's to say; of the machine and its namespaces the place
 * knows. */
#include "tcplens/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/limits.h"
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

struct pipeline {
    struct pipeline_config config;
    struct trace_clock clock;
    struct sources *sources;
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
    bool narrowed;        /* an interface is seen no more */
    struct packet packet; /* of a file, whose event has not come yet */
    bool has_packet;
    int write_error;
};

static void describe(void *arg, struct trace_header *header)
{
    struct pipeline *p = arg;

    header->netns = p->config.netns;
    header->filter = p->config.filter;
    header->command = p->config.command;
    if (p->place)
        place_describe(p->place, header);
    sources_describe(p->sources, header);
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

/* What can be asked early, of packets and sockets alike, is asked by each source itself. */
static struct filter narrowed(const struct pipeline *p)
{
    struct filter filter = p->config.filter;

    if (p->config.expression)
        expression_narrow(p->config.expression, &filter);
    return filter;
}

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
    int r = sources_open(&p->config.sources, &context, &p->sources, error);

    if (r == 0)
        p->live = sources_are_live(p->sources);
    return r;
}

/* Packets are captured on all interfaces of the only namespace that is traced. */
static bool sees_all_packets(const struct pipeline *p)
{
    struct trace_header header = { 0 };

    sources_describe(p->sources, &header);
    return p->live && sources_have(p->sources, WITNESS_WIRE) && !p->config.all_netns && !p->config.sources.more.ops &&
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
                  .wire_only = !sources_have(p->sources, WITNESS_KERNEL) && !sources_have(p->sources, WITNESS_DIAG),
                  .no_packets = p->live && !sources_have(p->sources, WITNESS_WIRE),
                  .checksums = p->config.checksums,
                  .all_resets = sources_have(p->sources, WITNESS_KERNEL),
                  .stray_resets = sources_tell_all_resets(p->sources),
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
                                        .pairs = p->config.filter.pid_count && sources_have(p->sources, WITNESS_WIRE) };

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

int pipeline_open(const struct pipeline_config *config, struct pipeline **ret_pipeline,
                  char error[static PIPELINE_ERROR_MAX])
{
    struct pipeline *p = calloc(1, sizeof(*p));
    int r;

    if (!p) {
        snprintf(error, PIPELINE_ERROR_MAX, "cannot start: out of memory");
        return -ENOMEM;
    }
    p->config = *config;
    trace_clock_init(&p->clock);
    r = sources_want_live(&p->config.sources) ? trace_clock_enter(&p->clock) : 0;
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
            r = sources_snapshot(p->sources, on_event, p, error);
    }
    if (r < 0) {
        pipeline_close(p);
        return r;
    }
    *ret_pipeline = p;
    return 0;
}

bool pipeline_source(const struct pipeline *p, unsigned index, struct sources_entry *ret_source)
{
    return sources_get(p->sources, index, ret_source);
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
                 p->config.sinks->failed ? p->config.sinks->failed : "the trace", writer_explain(p->write_error));
    return p->write_error;
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
    /* millions of events of a file: nothing stands between where nothing is asked */
    const bool all = !gate_is_picky(p->gate);
    const struct sources_takers takers = { .ordered = all ? recording_event : on_only,
                                           .ordered_arg = all ? (void *)p->recording : p,
                                           .unordered = on_event,
                                           .unordered_arg = p };
    const uint64_t now = trace_clock_now(&p->clock);
    int r;

    p->tick_events = 0;
    if (p->live) {
        trace_clock_update(&p->clock);
        if (place_refresh(p->place, now))
            set_local(p);
    }
    r = sources_drain(p->sources, last, &takers, error);
    /* A source may keep an event back for one batch, and a busy machine makes batches long: what is newer than the
     * last batch waits. */
    if (p->merge)
        release(p, p->read_ns < now - HOLD_NS ? p->read_ns : now - HOLD_NS);
    p->read_ns = now;
    return r;
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

void pipeline_skipped(const struct pipeline *p, struct trace_end *end)
{
    sources_skipped(p->sources, end);
    gate_skipped(p->gate, end);
    conn_engine_skipped(recording_engine(p->recording), end);
}

static int write_end(struct pipeline *p, enum end_reason reason, int status)
{
    struct trace_end end = { .reason = reason, .status = status };

    end.beyond[BEYOND_HELD_EVENTS] = p->merge ? merge_early(p->merge) : 0;
    end.beyond[BEYOND_PAIRS] = gate_pairs_forgotten(p->gate);
    sources_lost(p->sources, end.lost);
    sources_skipped(p->sources, &end);
    gate_skipped(p->gate, &end);
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
    uint64_t lost[WITNESS_N] = { 0 }, sum = 0;

    sources_lost(p->sources, lost);
    for (size_t i = 0; i < WITNESS_N; i++)
        sum += lost[i];
    return sum;
}

bool pipeline_narrowed(const struct pipeline *p)
{
    return p->narrowed || sources_have_failed(p->sources);
}

bool pipeline_progress(const struct pipeline *p, uint64_t *ret_at, uint64_t *ret_size, uint64_t *ret_packets)
{
    return sources_progress(p->sources, ret_at, ret_size, ret_packets);
}

unsigned pipeline_sockets(const struct pipeline *p, int *ret_sockets, unsigned max)
{
    return sources_sockets(p->sources, ret_sockets, max);
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
    sources_close(p->sources);
    merge_free(p->merge);
    recording_free(p->recording);
    gate_free(p->gate);
    packets_free(p->packets);
    place_close(p->place);
    free(p);
    return NULL;
}
