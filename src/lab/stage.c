#include "stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tcplens/event/packet.h"

#define DLT_ETHERNET 1

/* A step that was told, with its texts: events are held for order. */
struct told {
    struct told *next;
    struct lab_step step;
    char text[LAB_TEXT_MAX];
};

struct stage {
    const struct lab *lab;
    struct crew *crew;
    struct source_context context;
    struct tunnels *tunnels;
    struct told *told;
    const char *values[LAB_VALUES_MAX + 1][2];
    struct match_scene scene;
    struct {
        bool ended;
        const cJSON *awaits; /* the pattern it waits for; NULL: it does not wait */
        bool begins;         /* it has not started yet */
        size_t from;         /* records before this one are not what it waits for */
    } actors[LAB_ACTORS_MAX];
    struct event begun[LAB_ACTORS_MAX + 2]; /* told at the next drain */
    unsigned begun_count;
    uint64_t drained_ns; /* when the wire's reports were read last */
    bool deserted;
    event_fn emit; /* during a drain */
    void *arg;
};

int stage_new(const struct lab *lab, struct crew *crew, struct stage **ret_stage)
{
    struct stage *s = calloc(1, sizeof(*s));
    int r = s ? tunnels_new(&s->tunnels) : -ENOMEM;

    if (r < 0) {
        free(s);
        return r;
    }
    s->lab = lab;
    s->crew = crew;
    for (unsigned i = 0; i < LAB_VALUES_MAX && lab->values[i].name; i++) {
        s->values[i][0] = lab->values[i].name;
        s->values[i][1] = lab->values[i].value;
    }
    *ret_stage = s;
    return 0;
}

struct stage *stage_free(struct stage *s)
{
    if (!s)
        return NULL;
    for (struct told *next; s->told; s->told = next) {
        next = s->told->next;
        free(s->told);
    }
    match_done(&s->scene);
    tunnels_free(s->tunnels);
    free(s);
    return NULL;
}

/* NULL: no memory. */
static struct lab_step *new_step(struct stage *s, const char *text)
{
    struct told *told = calloc(1, sizeof(*told));

    if (!told)
        return NULL;
    told->next = s->told;
    s->told = told;
    told->step.lab = s->lab->name;
    snprintf(told->text, sizeof(told->text), "%s", text);
    told->step.text = *told->text ? told->text : NULL;
    return &told->step;
}

static struct event event_of(const struct stage *s, const struct lab_step *step, uint64_t ts_ns)
{
    return (struct event){
        .ts_ns = ts_ns, .kind = EVENT_LAB, .source = WITNESS_WIRE, .netns = s->context.netns, .lab = step
    };
}

static void tell_later(struct stage *s, const struct lab_step *step)
{
    if (step && s->begun_count < sizeof(s->begun) / sizeof(*s->begun))
        s->begun[s->begun_count++] = event_of(s, step, trace_clock_now(s->context.clock));
}

static void start(struct stage *s, unsigned actor)
{
    const struct in_addr address = space_address(s->lab->topology, actor);
    struct lab_step *step = new_step(s, "");

    if (step) {
        step->actor = s->lab->actors[actor].name;
        step->op = "start";
        step->addr = addr_from_ipv4((const uint8_t *)&address);
    }
    tell_later(s, step);
    crew_let_go(s->crew, actor);
}

void stage_begin(struct stage *s)
{
    struct lab_step *step = new_step(s, "");

    if (step) {
        step->version = s->lab->version;
        step->student = s->lab->student;
        step->values = s->values[0][0] ? s->values : NULL;
    }
    tell_later(s, step);
    for (unsigned i = 0; i < s->lab->actor_count; i++) {
        s->actors[i].awaits = s->lab->actors[i].after;
        s->actors[i].begins = s->actors[i].awaits;
        if (!s->actors[i].begins)
            start(s, i);
    }
}

void stage_time_out(struct stage *s)
{
    struct lab_step *step = new_step(s, "its time was over");

    if (step)
        step->op = "time-out";
    tell_later(s, step);
}

int stage_go_on(struct stage *s, const struct records *records)
{
    if (match_look(&s->scene, s->lab, records) < 0)
        return -ENOMEM;
    for (unsigned i = 0; i < s->lab->actor_count; i++) {
        if (!s->actors[i].awaits)
            continue;
        if (match_from(&s->scene, s->actors[i].awaits, s->actors[i].from) == MATCH_NONE) {
            s->actors[i].from = records_count(records);
            continue;
        }
        s->actors[i].awaits = NULL;
        s->actors[i].from = 0;
        if (s->actors[i].begins)
            start(s, i);
        else
            crew_let_go(s->crew, i);
        s->actors[i].begins = false;
    }
    return 0;
}

bool stage_is_over(const struct stage *s)
{
    for (unsigned i = 0; i < s->lab->actor_count; i++)
        if (s->lab->actors[i].awaited && !s->actors[i].ended)
            return false;
    return true;
}

bool stage_is_deserted(const struct stage *s)
{
    return s->deserted;
}

/* ---- what actors report */

static void on_done(struct stage *s, const struct actor_message *m)
{
    const struct lab_actor *a = &s->lab->actors[m->actor];
    const bool ended = m->word == ACTOR_ENDED;
    const struct lab_action *action = ended || !m->step || m->step > a->action_count ? NULL : &a->actions[m->step - 1];
    struct lab_step *step = new_step(s, action && action->pattern && action->verb == LAB_WAIT ? "" : m->text);
    struct event e;

    if (!step || (!ended && !action))
        return;
    step->actor = a->name;
    step->op = ended ? "exit" : lab_verb_name(action->verb);
    step->step = ended ? a->action_count + 1 : m->step;
    step->ret = m->ret;
    step->duration_ns = m->duration_ns;
    e = event_of(s, step, trace_clock_from_realtime(s->context.clock, m->realtime_ns));
    s->emit(s->arg, &e);
}

static void take_message(struct stage *s, struct actor_message *m)
{
    if (m->actor >= s->lab->actor_count)
        return;
    m->text[sizeof(m->text) - 1] = '\0';
    if (m->word == ACTOR_WAITS) {
        const struct lab_actor *a = &s->lab->actors[m->actor];

        if (m->step && m->step <= a->action_count && a->actions[m->step - 1].verb == LAB_WAIT)
            s->actors[m->actor].awaits = a->actions[m->step - 1].pattern;
        return;
    }
    if (m->word == ACTOR_ENDED)
        s->actors[m->actor].ended = true;
    on_done(s, m);
}

/* What it told. false: it is closed at the other end. */
static bool read_channel(struct stage *s, int fd, unsigned actor)
{
    struct actor_message m;
    ssize_t n;

    while ((n = recv(fd, &m, sizeof(m), MSG_DONTWAIT)) == sizeof(m)) {
        if (actor < s->lab->actor_count)
            m.actor = actor; /* whatever it says */
        take_message(s, &m);
    }
    return n != 0;
}

/* ---- what the wire reports */

static void on_overrun(struct stage *s, const struct wire_report *report)
{
    const uint64_t now = trace_clock_from_realtime(s->context.clock, report->realtime_ns);
    const struct event gap = { .ts_ns = now,
                               .kind = EVENT_GAP,
                               .source = WITNESS_WIRE,
                               .gap = { .lost = report->flight, .from_ns = s->drained_ns, .to_ns = now } };

    s->emit(s->arg, &gap);
}

static void on_report(struct stage *s, const struct wire_report *report)
{
    struct event e = { .source = WITNESS_WIRE,
                       .netns = s->context.netns,
                       .ts_ns = trace_clock_from_realtime(s->context.clock, report->realtime_ns) };
    struct segment_aside aside;

    if (!packet_event(
            &e, segment_parse(DLT_ETHERNET, report->bytes, report->caplen, report->len, s->tunnels, &e.segment, &aside),
            &aside, true, s->lab->headers))
        return;
    if (s->context.packet && report->word != WIRE_ARRIVED)
        e.packet = s->context.packet(s->context.packet_arg, &(struct packet){ .ts_ns = e.ts_ns,
                                                                              .dlt = DLT_ETHERNET,
                                                                              .caplen = (uint32_t)report->caplen,
                                                                              .len = (uint32_t)report->len,
                                                                              .data = report->bytes });
    /* what is no segment is told once, as it is sent */
    if (report->word == WIRE_ARRIVED && e.kind != EVENT_SEGMENT)
        return;
    if (e.kind == EVENT_SEGMENT) {
        e.kind = report->word == WIRE_ARRIVED ? EVENT_ARRIVAL : EVENT_SEGMENT;
        e.fate = report->word == WIRE_LOST ? FATE_LOST : FATE_ON_ITS_WAY;
        e.flight = report->flight;
    } else if (e.kind == EVENT_DATAGRAM) {
        e.datagram_lost = report->word == WIRE_LOST;
    }
    s->emit(s->arg, &e);
}

static void read_wire(struct stage *s)
{
    struct wire_report report;

    while (read(s->crew->reports, &report, sizeof(report)) == sizeof(report)) {
        if (report.word == WIRE_OVERRUN)
            on_overrun(s, &report);
        else
            on_report(s, &report);
    }
    s->drained_ns = trace_clock_now(s->context.clock);
}

/* ---- as the pipeline knows it */

static int ops_open(const struct source_context *context, const void *config, void **ret_source,
                    char why[static SOURCE_ERROR_MAX])
{
    struct stage *s = *(struct stage *const *)config;

    (void)why;
    s->context = *context;
    *ret_source = s;
    return 0;
}

static int ops_drain(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX])
{
    struct stage *s = source;

    (void)last;
    (void)error;
    s->emit = emit;
    s->arg = arg;
    for (unsigned i = 0; i < s->begun_count; i++)
        emit(arg, &s->begun[i]);
    s->begun_count = 0;
    if (s->crew->reports >= 0)
        read_wire(s);
    for (unsigned i = 0; i < s->crew->count; i++)
        read_channel(s, s->crew->channels[i], i);
    s->deserted |= !read_channel(s, s->crew->ended, s->lab->actor_count);
    return 0;
}

static void ops_describe(const void *config, struct trace_header *header)
{
    const struct stage *s = *(struct stage *const *)config;

    if (s->crew->reports >= 0)
        header->interfaces[header->interface_count++] = "lab wire";
}

static void ops_close(void *source)
{
    (void)source; /* its owner frees it */
}

const struct source_ops stage_ops = { .name = "lab",
                                      .witness = WITNESS_WIRE,
                                      .live = true,
                                      .open = ops_open,
                                      .drain = ops_drain,
                                      .describe = ops_describe,
                                      .close = ops_close };
