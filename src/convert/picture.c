#include "picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Notes that tell of trouble; as web/src/trace/problems.ts has them. */
#define TROUBLE                                                                                                        \
    (NOTE_RETRANSMISSION | NOTE_FAST_RETRANSMISSION | NOTE_SPURIOUS_RETRANSMISSION | NOTE_OUT_OF_ORDER |               \
     NOTE_LOST_SEGMENT | NOTE_ACKED_UNSEEN | NOTE_ZERO_WINDOW | NOTE_WINDOW_FULL | NOTE_BAD_CHECKSUM |                 \
     NOTE_LOST_ON_WIRE)

void picture_header(struct picture *p, const struct trace_header *header)
{
    p->kernel = header->sources[WITNESS_KERNEL] || header->sources[WITNESS_DIAG];
}

void picture_findings_take(struct picture_findings *f, const struct change *c)
{
    char text[SAY_MAX];
    unsigned i = 0;

    while (i < f->count && (f->of[i].kind != c->finding.kind || f->of[i].listener != c->listener))
        i++;
    if (i == sizeof(f->of) / sizeof(*f->of))
        return;
    if (i == f->count)
        f->count++;
    f->of[i].kind = c->finding.kind;
    f->of[i].listener = c->listener;
    say(c, text);
    memccpy(f->of[i].text, text, '\0', sizeof(f->of[i].text) - 1);
}

bool picture_take(struct picture *p, const struct change *c)
{
    if (c->kind == CHANGE_CONNECTION && !p->found) {
        p->found = true;
        p->conn = c->conn;
        p->at[END_CLIENT] = c->connection.client;
        p->at[END_SERVER] = c->connection.server;
        memcpy(p->local, c->connection.local, sizeof(p->local));
    }
    if (!p->found || !convert_concerns(c, p->conn))
        return false;
    p->last_ns = c->ts_ns;
    if (c->kind == CHANGE_FINDING)
        picture_findings_take(&p->findings, c);
    return c->kind != CHANGE_FINDING;
}

bool picture_leads(const struct picture *p, const struct change *c)
{
    const bool by_kernel = p->kernel && (unsigned)c->end < END_N && p->local[c->end];

    return (c->state.source != WITNESS_WIRE) == by_kernel;
}

const char *picture_say(const struct change *c, char buf[static SAY_MAX])
{
    const size_t end_len = strlen(say_end(c));

    if (c->kind == CHANGE_STATE) {
        snprintf(buf, SAY_MAX, "%s → %s", tcp_state_name(c->state.from), tcp_state_name(c->state.to));
        return buf;
    }
    say(c, buf);
    if (strncmp(buf, say_end(c), end_len) == 0 && buf[end_len] == ' ')
        memmove(buf, buf + end_len + 1, strlen(buf + end_len));
    return buf;
}

static bool moves_data(const char *call)
{
    static const char *const begins[] = { "send", "recv", "read", "write", "epoll", "poll", "select" };

    for (unsigned i = 0; i < sizeof(begins) / sizeof(*begins); i++)
        if (strncmp(call, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

bool picture_is_ordinary(const struct change *c)
{
    switch (c->kind) {
    case CHANGE_SEGMENT:
        return !(c->segment.notes & TROUBLE) && !(c->segment.segment.flags & (SEGMENT_SYN | SEGMENT_FIN | SEGMENT_RST));
    case CHANGE_ARRIVAL: return true;
    case CHANGE_CALL:
        return (c->call.call.blocked || c->call.call.ret >= 0 || c->call.call.ret == -EAGAIN) &&
               moves_data(c->call.call.name);
    case CHANGE_TIMER: return c->timer.name == TIMER_RETRANSMIT && c->timer.phase != TIMER_FIRED;
    default: return false;
    }
}
