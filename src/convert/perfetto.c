/* Theory of operation. A trace of Perfetto's is a row of packets, each of which names a track or tells of an event on one. Tracks
 * are named as they are first needed: of each connection one, and below it one for each account of an end's states (as slices)
 * and one for what each end sends (segments, with a flow to where they arrive); of each listener its queues as counters; of each
 * thread its calls as slices. The numbers of messages and fields are those of protos/perfetto/trace in Perfetto's sources:
 * trace_packet.proto, track_event/track_event.proto, track_descriptor.proto, counter_descriptor.proto, debug_annotation.proto.
 *
 * Times are UNIX time, told as the clock that Perfetto takes where none is named: it shows them from the first one on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conns.h"
#include "proto.h"
#include "say.h"
#include "tcplens/base/limits.h"
#include "tcplens/convert/convert.h"

enum { TRACE_PACKET = 1 };
enum {
    PACKET_TIMESTAMP = 8,
    PACKET_SEQUENCE = 10,
    PACKET_TRACK_EVENT = 11,
    PACKET_SEQUENCE_FLAGS = 13,
    PACKET_TRACK_DESCRIPTOR = 60
};
enum { DESCRIPTOR_UUID = 1, DESCRIPTOR_NAME = 2, DESCRIPTOR_PARENT = 5, DESCRIPTOR_COUNTER = 8 };
enum { COUNTER_UNIT = 3, UNIT_COUNT = 2 };
enum {
    EVENT_ANNOTATION = 4,
    EVENT_TYPE = 9,
    EVENT_TRACK = 11,
    EVENT_CATEGORY = 22,
    EVENT_NAME = 23,
    EVENT_COUNTER_VALUE = 30,
    EVENT_FLOW = 47,
    EVENT_LAST_OF_FLOW = 48,
};
enum { ANNOTATION_UINT = 3, ANNOTATION_TEXT = 6, ANNOTATION_NAME = 10 };
enum { TYPE_SLICE_BEGIN = 1, TYPE_SLICE_END = 2, TYPE_INSTANT = 3, TYPE_COUNTER = 4 };

#define SEQUENCE 1           /* all is written by one */
#define STATE_CLEARED 1      /* SEQ_INCREMENTAL_STATE_CLEARED: what comes stands for itself */
#define THREADS_MAX 4096     /* whose calls have a track; a power of two */
#define LISTENERS_MAX 65536u /* a power of two */

/* Numbers of tracks: what they are of, in the upper half. */
enum { OF_TRACE = 1, OF_CONNECTION, OF_LISTENER, OF_THREAD };
#define TRACK(of, number, part) ((uint64_t)(of) << 56 | (uint64_t)(number) << 8 | (part))
#define TRACK_TRACE TRACK(OF_TRACE, 0, 0)

/* Parts of a connection; bits of its marks say which were named, and whose slice is open. */
enum { PART_WHOLE, PART_STATES, PART_SENDS = PART_STATES + 2 * END_N, PART_N = PART_SENDS + END_N };
#define OPEN(part) (1u << (PART_N + (part)-PART_STATES))

struct perfetto {
    struct writer *writer;
    struct conns *conns;
    bool begun, trace_named;
    uint32_t threads[THREADS_MAX];        /* those that have a track, by hash; a newer one takes the place */
    uint8_t listeners[LISTENERS_MAX / 8]; /* bits: it has tracks */
};

static void write_packet(struct perfetto *p, struct proto *packet)
{
    struct proto whole = { 0 };

    proto_number(packet, PACKET_SEQUENCE, SEQUENCE);
    if (!p->begun)
        proto_number(packet, PACKET_SEQUENCE_FLAGS, STATE_CLEARED);
    p->begun = true;
    proto_message(&whole, TRACE_PACKET, packet);
    writer_write(p->writer, (const char *)whole.data, whole.len);
}

/* ---- tracks ---- */

static void name_track(struct perfetto *p, uint64_t uuid, uint64_t parent, const char *name, bool counter)
{
    struct proto descriptor = { 0 }, packet = { 0 }, unit = { 0 };

    proto_number(&descriptor, DESCRIPTOR_UUID, uuid);
    if (parent)
        proto_number(&descriptor, DESCRIPTOR_PARENT, parent);
    proto_text(&descriptor, DESCRIPTOR_NAME, name);
    if (counter) {
        proto_number(&unit, COUNTER_UNIT, UNIT_COUNT);
        proto_message(&descriptor, DESCRIPTOR_COUNTER, &unit);
    }
    proto_message(&packet, PACKET_TRACK_DESCRIPTOR, &descriptor);
    write_packet(p, &packet);
}

static void name_connection(struct perfetto *p, const struct conn_row *row)
{
    char text[SAY_MAX], client[ENDPOINT_TEXT_MAX], server[ENDPOINT_TEXT_MAX];

    snprintf(text, sizeof(text), "#%u %s > %s", row->conn, endpoint_format(&row->at[END_CLIENT], client),
             endpoint_format(&row->at[END_SERVER], server));
    name_track(p, TRACK(OF_CONNECTION, row->conn, PART_WHOLE), 0, text, false);
}

/* The track of a part of a connection. */
static uint64_t part_track(struct perfetto *p, struct conn_row *row, unsigned part)
{
    static const char *const names[PART_N] = { [PART_WHOLE] = "",
                                               [PART_STATES] = "client, as its kernel tells",
                                               [PART_STATES + 1] = "client, as packets tell",
                                               [PART_STATES + 2] = "server, as its kernel tells",
                                               [PART_STATES + 3] = "server, as packets tell",
                                               [PART_SENDS] = "client sends",
                                               [PART_SENDS + 1] = "server sends" };

    if (!(row->marks & 1u << PART_WHOLE))
        name_connection(p, row);
    if (!(row->marks & 1u << part))
        name_track(p, TRACK(OF_CONNECTION, row->conn, part), TRACK(OF_CONNECTION, row->conn, PART_WHOLE), names[part],
                   false);
    row->marks |= (uint16_t)(1u << PART_WHOLE | 1u << part);
    return TRACK(OF_CONNECTION, row->conn, part);
}

static uint64_t thread_track(struct perfetto *p, const struct task *task)
{
    uint32_t *place = &p->threads[task->tid * 2654435761u >> 20 & (THREADS_MAX - 1)];
    const uint64_t track = TRACK(OF_THREAD, task->tid, 0);
    char name[SAY_MAX];

    if (*place != task->tid) {
        *place = task->tid;
        say_task(task, name);
        name_track(p, track, 0, name, false);
    }
    return track;
}

static uint64_t trace_track(struct perfetto *p)
{
    if (!p->trace_named)
        name_track(p, TRACK_TRACE, 0, "tcplens", false);
    p->trace_named = true;
    return TRACK_TRACE;
}

enum { QUEUE_PART_WHOLE, QUEUE_PART_SYN, QUEUE_PART_ACCEPT, QUEUE_PART_DROPS, QUEUE_PART_N };

static void name_listener(struct perfetto *p, uint32_t listener, const char *at)
{
    static const char *const names[QUEUE_PART_N] = { "", "SYN queue", "accept queue", "dropped" };
    const uint32_t bit = listener & (LISTENERS_MAX - 1);
    char name[SAY_MAX];

    if (p->listeners[bit / 8] & 1u << bit % 8)
        return;
    p->listeners[bit / 8] |= (uint8_t)(1u << bit % 8);
    snprintf(name, sizeof(name), "listener %u%s%s", listener, *at ? " at " : "", at);
    name_track(p, TRACK(OF_LISTENER, listener, QUEUE_PART_WHOLE), 0, name, false);
    for (unsigned part = QUEUE_PART_SYN; part < QUEUE_PART_N; part++)
        name_track(p, TRACK(OF_LISTENER, listener, part), TRACK(OF_LISTENER, listener, QUEUE_PART_WHOLE), names[part],
                   true);
}

/* ---- events ---- */

static struct proto event_of(uint64_t track, unsigned type, const char *category, const char *name)
{
    struct proto e = { 0 };

    proto_number(&e, EVENT_TYPE, type);
    proto_number(&e, EVENT_TRACK, track);
    if (category)
        proto_text(&e, EVENT_CATEGORY, category);
    if (name)
        proto_text(&e, EVENT_NAME, name);
    return e;
}

static void annotate(struct proto *e, const char *name, const char *text)
{
    struct proto annotation = { 0 };

    proto_text(&annotation, ANNOTATION_NAME, name);
    proto_text(&annotation, ANNOTATION_TEXT, text);
    proto_message(e, EVENT_ANNOTATION, &annotation);
}

static void annotate_number(struct proto *e, const char *name, uint64_t value)
{
    struct proto annotation = { 0 };

    proto_text(&annotation, ANNOTATION_NAME, name);
    proto_number(&annotation, ANNOTATION_UINT, value);
    proto_message(e, EVENT_ANNOTATION, &annotation);
}

static void write_event(struct perfetto *p, uint64_t ts_ns, const struct proto *event)
{
    struct proto packet = { 0 };

    proto_number(&packet, PACKET_TIMESTAMP, ts_ns);
    proto_message(&packet, PACKET_TRACK_EVENT, event);
    write_packet(p, &packet);
}

static void write_instant(struct perfetto *p, const struct change *c, uint64_t track)
{
    char text[SAY_MAX];
    struct proto e = event_of(track, TYPE_INSTANT, change_kind_name(c->kind), say(c, text));

    annotate_number(&e, "n", c->n);
    write_event(p, c->ts_ns, &e);
}

static void close_state(struct perfetto *p, struct conn_row *row, unsigned part, uint64_t ts_ns)
{
    const struct proto e = event_of(TRACK(OF_CONNECTION, row->conn, part), TYPE_SLICE_END, NULL, NULL);

    if (row->marks & OPEN(part))
        write_event(p, ts_ns, &e);
    row->marks &= (uint16_t)~OPEN(part);
}

/* CLOSED and UNKNOWN are where there is nothing. */
static void take_state(struct perfetto *p, struct conn_row *row, const struct change *c)
{
    const unsigned part = PART_STATES + 2 * c->end + (c->state.source == WITNESS_WIRE);
    const uint64_t track = part_track(p, row, part);
    struct proto e;
    char text[SAY_MAX];

    close_state(p, row, part, c->ts_ns);
    if (c->state.to == TCP_STATE_CLOSED || c->state.to == TCP_STATE_UNKNOWN)
        return;
    e = event_of(track, TYPE_SLICE_BEGIN, "state", tcp_state_name(c->state.to));
    annotate(&e, "change", say(c, text));
    annotate_number(&e, "n", c->n);
    write_event(p, c->ts_ns, &e);
    row->marks |= (uint16_t)OPEN(part);
}

/* It leaves one end, and is at the other as it arrives, where that was seen; else where it was captured. */
static void take_segment(struct perfetto *p, struct conn_row *row, const struct change *c)
{
    const unsigned peer = c->end == END_CLIENT ? END_SERVER : END_CLIENT;
    char text[SAY_MAX];
    struct proto e = event_of(part_track(p, row, PART_SENDS + c->end), TYPE_INSTANT, "segment", say(c, text)), arrives;

    annotate_number(&e, "n", c->n);
    annotate_number(&e, "len", c->segment.segment.payload_len);
    annotate_number(&e, "win", c->segment.window);
    proto_fixed64(&e, EVENT_FLOW, c->n);
    write_event(p, c->ts_ns, &e);
    if (c->segment.notes & NOTE_LOST_ON_WIRE)
        return;
    arrives = event_of(part_track(p, row, PART_SENDS + peer), TYPE_INSTANT, "segment",
                       say_flags(c->segment.segment.flags, text));
    proto_fixed64(&arrives, EVENT_LAST_OF_FLOW, c->n);
    write_event(p, c->ts_ns, &arrives);
}

static void take_call(struct perfetto *p, const struct change *c)
{
    const struct call *call = &c->call.call;
    const uint64_t track = thread_track(p, &call->task);
    char text[SAY_MAX];
    struct proto begin, end;

    if (call->blocked || !call->duration_ns || call->duration_ns > c->ts_ns) {
        write_instant(p, c, track);
        return;
    }
    begin = event_of(track, TYPE_SLICE_BEGIN, "call", call->name);
    end = event_of(track, TYPE_SLICE_END, NULL, NULL);
    annotate(&begin, "call", say(c, text));
    annotate_number(&begin, "n", c->n);
    if (c->conn)
        annotate_number(&begin, "conn", c->conn);
    write_event(p, c->ts_ns - call->duration_ns, &begin);
    write_event(p, c->ts_ns, &end);
}

static void take_queue(struct perfetto *p, const struct change *c)
{
    const uint32_t depths[QUEUE_PART_N] = { 0, c->queue.syn, c->queue.accept, c->queue.drops };

    name_listener(p, c->listener, "");
    for (unsigned part = QUEUE_PART_SYN; part < QUEUE_PART_N; part++) {
        struct proto e = event_of(TRACK(OF_LISTENER, c->listener, part), TYPE_COUNTER, NULL, NULL);

        proto_number(&e, EVENT_COUNTER_VALUE, depths[part]);
        write_event(p, c->ts_ns, &e);
    }
}

static void take_listener(struct perfetto *p, const struct change *c)
{
    char at[ENDPOINT_TEXT_MAX];

    name_listener(p, c->listener, endpoint_format(&c->listening.addr, at));
    write_instant(p, c, TRACK(OF_LISTENER, c->listener, QUEUE_PART_WHOLE));
}

static void take_outcome(struct perfetto *p, struct conn_row *row, const struct change *c)
{
    for (unsigned part = PART_STATES; part < PART_SENDS; part++)
        close_state(p, row, part, c->ts_ns);
    if (!(row->marks & 1u << PART_WHOLE))
        name_connection(p, row);
    row->marks |= 1u << PART_WHOLE;
    write_instant(p, c, TRACK(OF_CONNECTION, row->conn, PART_WHOLE));
}

/* What is of a connection that is known. */
static void take_of_connection(struct perfetto *p, struct conn_row *row, const struct change *c)
{
    const bool of_end = (unsigned)c->end < END_N;

    switch (c->kind) {
    case CHANGE_STATE:
        if (of_end)
            take_state(p, row, c);
        break;
    case CHANGE_SEGMENT:
        if (of_end)
            take_segment(p, row, c);
        break;
    case CHANGE_OUTCOME: take_outcome(p, row, c); break;
    case CHANGE_CONNECTION:
    case CHANGE_ARRIVAL:
    case CHANGE_OBJECT: break; /* `change` of a state's slice has the object */
    default:
        if (of_end)
            write_instant(p, c, part_track(p, row, PART_SENDS + c->end));
    }
}

static void ops_change(void *conversion, const struct change *c, uint64_t start_ns)
{
    struct perfetto *p = conversion;
    struct conn_row *row;

    (void)start_ns;
    conns_take(p->conns, c);
    row = conns_of(p->conns, c->conn);
    if (c->kind == CHANGE_CALL)
        take_call(p, c);
    else if (c->kind == CHANGE_QUEUE)
        take_queue(p, c);
    else if (c->kind == CHANGE_LISTENER)
        take_listener(p, c);
    else if (row)
        take_of_connection(p, row, c);
    else if (c->kind == CHANGE_GAP || c->kind == CHANGE_LAB || c->kind == CHANGE_CHECK || c->kind == CHANGE_PROCESS ||
             (c->kind == CHANGE_FINDING && !c->finding.told_before))
        write_instant(p, c, trace_track(p));
}

static int ops_finish(void *conversion)
{
    (void)conversion;
    return 0;
}

static void ops_close(void *conversion)
{
    struct perfetto *p = conversion;

    if (p)
        conns_free(p->conns);
    free(p);
}

static int ops_open(const struct convert_config *config, void **ret_conversion)
{
    struct perfetto *p = calloc(1, sizeof(*p));

    if (!p)
        return -ENOMEM;
    p->writer = config->writer;
    if (conns_new(&p->conns) < 0) {
        free(p);
        return -ENOMEM;
    }
    *ret_conversion = p;
    return 0;
}

const struct convert_ops convert_perfetto_ops = {
    .name = "perfetto",
    .binary = true,
    .open = ops_open,
    .change = ops_change,
    .finish = ops_finish,
    .close = ops_close,
};
