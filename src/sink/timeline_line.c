/* What lines of several kinds have alike: a text in the lane, a time, a process. */
#include "timeline_parts.h"

void timeline_lane(struct line *l, enum end side, const struct line *text)
{
    const unsigned left = line_here(l);

    if (side == END_SERVER && text->cells < l->lane)
        line_go_to(l, left + l->lane - text->cells, 0);
    line_join(l, text);
    line_reset_style(l);
    line_go_to(l, left + l->lane + 2, 2);
}

void timeline_duration(struct line *l, uint64_t ns)
{
    if (ns < 1000)
        line_addf(l, "%llu ns", (unsigned long long)ns);
    else if (ns < 500000)
        line_addf(l, "%llu µs", (unsigned long long)(ns / 1000));
    else if (ns < 1000000000)
        line_addf(l, "%llu.%03llu ms", (unsigned long long)(ns / 1000000), (unsigned long long)(ns / 1000 % 1000));
    else
        line_addf(l, "%llu.%03llu s", (unsigned long long)(ns / 1000000000), (unsigned long long)(ns / 1000000 % 1000));
}

void timeline_task(struct line *l, const struct task *task)
{
    line_add_untrusted(l, task->comm, sizeof(task->comm));
    line_addf(l, "[%u]", task->pid);
}

void timeline_begin_side(struct line *lane, const struct change *c)
{
    if (c->end == END_CLIENT)
        line_add(lane, "client ");
}

void timeline_end_side(struct line *l, const struct change *c, struct line *lane)
{
    if (c->end == END_SERVER)
        line_add(lane, " server");
    timeline_lane(l, c->end, lane);
}
