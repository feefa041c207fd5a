#include "strays.h"

#include <stdio.h>

void strays_add(struct strays *s, const struct endpoint *from, const struct endpoint *to)
{
    unsigned i = 0;

    while (i < s->reset_count && !(endpoint_equal(&s->resets[i].from, from) && endpoint_equal(&s->resets[i].to, to)))
        i++;
    if (i == LIMIT_STRAY_RESETS) {
        s->other_resets++;
        return;
    }
    if (i == s->reset_count) {
        s->resets[i].from = *from;
        s->resets[i].to = *to;
        s->reset_count++;
    }
    s->resets[i].count++;
}

void strays_tell(const struct strays *s, struct trace_end *end)
{
    char from[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX], what[TRACE_SKIPPED_NAME_MAX];

    for (unsigned i = 0; i < s->reset_count; i++) {
        snprintf(what, sizeof(what), "stray RST %s > %s", endpoint_format(&s->resets[i].from, from),
                 endpoint_format(&s->resets[i].to, to));
        trace_end_skipped(end, what, s->resets[i].count);
    }
    trace_end_skipped(end, "stray RST", s->other_resets);
    trace_end_skipped(end, "stray ICMP error", s->icmp_errors);
}
