/* System calls as lines of the timeline, much as strace(1) has them. */
#include <string.h>

#include "timeline_parts.h"

#include "tcplens/trace/encode.h"

static void add_events(struct line *l, uint16_t events)
{
    const char *bar = "";

    for (unsigned bit = 0; bit < POLL_EVENT_N; bit++) {
        if (!(events & 1u << bit))
            continue;
        line_addf(l, "%s%s", bar, poll_event_name(bit));
        bar = "|";
    }
}

static void add_args(struct line *l, const struct call *call, const struct waiting *w)
{
    const char *comma = call->fd >= 0 ? ", " : "";

    if (call->fd >= 0)
        line_addf(l, "%d", call->fd);
    for (unsigned i = 0; i < CALL_ARGS_MAX && call->args[i].name; i++) {
        const struct call_arg *arg = &call->args[i];

        if (strcmp(arg->name, "level") == 0) /* the option's name says it */
            continue;
        line_add(l, comma);
        if (arg->text)
            line_addf(l, "%.*s", TIMELINE_WORD_MAX, arg->text);
        else if (strcmp(arg->name, "timeout_ns") == 0 && arg->number < 0)
            line_add(l, "no timeout");
        else if (strcmp(arg->name, "timeout_ns") == 0)
            timeline_duration(l, (uint64_t)arg->number);
        else if (strcmp(arg->name, "watched") == 0)
            line_addf(l, "%lld watched", (long long)arg->number);
        else
            line_addf(l, "%lld", (long long)arg->number);
        comma = ", ";
    }
    if (w->events) {
        line_add(l, comma);
        add_events(l, w->events);
    }
}

static void add_result(struct line *l, const struct call *call)
{
    const int code = call->ret < 0 ? (int)(0U - (unsigned)call->ret) : 0;
    char number[TRACE_ERRNO_NAME_MAX];

    if (call->blocked)
        line_add(l, ") …");
    else if (code)
        line_addf(l, ") = -%s", trace_errno_name((unsigned)code, number));
    else
        line_addf(l, ") = %lld", (long long)call->ret);
}

static void add_ready(struct line *l, const struct call *call, const struct waiting *w)
{
    for (unsigned i = 0; i < w->count && i < READY_MAX; i++) {
        line_add(l, i ? ", " : "  ready: ");
        if (w->ready[i].fd >= 0)
            line_addf(l, "%d ", w->ready[i].fd);
        add_events(l, w->ready[i].events);
    }
    if (w->count == READY_MAX && call->ret > READY_MAX)
        line_add(l, ", …");
}

void timeline_call(struct line *l, const struct change *c)
{
    const struct call *call = &c->call.call;
    char buf[256];
    struct line lane = line_piece(l, buf, sizeof(buf));

    if (c->call.has_end)
        timeline_begin_side(&lane, c);
    line_addf(&lane, "%.*s(", TIMELINE_WORD_MAX, call->name);
    add_args(&lane, call, &c->call.waiting);
    add_result(&lane, call);
    /* A call that belongs to no end is about a listening socket: a matter of the server. */
    if (c->call.has_end)
        timeline_end_side(l, c, &lane);
    else
        timeline_lane(l, END_SERVER, &lane);
    timeline_task(l, &call->task);
    if (call->duration_ns) {
        line_add(l, call->blocked ? "  blocked for " : "  took ");
        timeline_duration(l, call->duration_ns);
    }
    if (call->ret < 0 && trace_errno_is_restart(0U - (unsigned)call->ret))
        line_add(l, "  interrupted by a signal");
    add_ready(l, call, &c->call.waiting);
}
