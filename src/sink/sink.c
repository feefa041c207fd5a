#include "tcplens/sink/sink.h"

#include <assert.h>
#include <errno.h>

#define SINK(name) &sink_##name##_ops,
const struct sink_ops *const sink_table[] = {
#include "tcplens/sink/sinks.def"
};
#undef SINK
const size_t sink_count = sizeof(sink_table) / sizeof(*sink_table);
static_assert(sizeof(sink_table) / sizeof(*sink_table) <= SINKS_MAX, "struct sinks has room");

int sinks_open(struct sinks *sinks, struct sink_context *context, void *const *configs,
               char error[static SINK_ERROR_MAX])
{
    *sinks = (struct sinks){ 0 };
    for (size_t i = 0; i < sink_count; i++) {
        void *sink = NULL;
        int r = sink_table[i]->open(context, configs[i], &sink, error);

        if (r < 0) {
            sinks_close(sinks);
            return r;
        }
        if (!sink)
            continue;
        sinks->open[sinks->count].ops = sink_table[i];
        sinks->open[sinks->count++].sink = sink;
        sinks->want_lines |= sink_table[i]->line != NULL;
    }
    return 0;
}

int sinks_start(struct sinks *sinks)
{
    int r = 0;

    for (unsigned i = 0; i < sinks->count && r == 0; i++)
        if (sinks->open[i].ops->start)
            r = sinks->open[i].ops->start(sinks->open[i].sink);
    return r;
}

void sinks_change(struct sinks *sinks, const struct change *change, uint64_t start_ns)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->change)
            sinks->open[i].ops->change(sinks->open[i].sink, change, start_ns);
}

char *sinks_room(struct sinks *sinks, size_t max, char *buf)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->room)
            return sinks->open[i].ops->room(sinks->open[i].sink, max);
    return buf;
}

void sinks_line(struct sinks *sinks, const char *line, size_t len, uint64_t n)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->line)
            sinks->open[i].ops->line(sinks->open[i].sink, line, len, n);
}

int sinks_flush(struct sinks *sinks, bool all)
{
    int first = 0;

    for (unsigned i = 0; i < sinks->count; i++) {
        int r = sinks->open[i].ops->flush(sinks->open[i].sink, all);

        if (r == -EPIPE && sinks->count > 1) { /* nobody reads this one any more: the others go on */
            sinks->open[i].ops->close(sinks->open[i].sink);
            sinks->open[i--] = sinks->open[--sinks->count];
            continue;
        }
        if (first == 0)
            first = r;
    }
    return first;
}

void sinks_finish(struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->finish)
            sinks->open[i].ops->finish(sinks->open[i].sink);
}

const char *sinks_address(const struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->address)
            return sinks->open[i].ops->address(sinks->open[i].sink);
    return NULL;
}

int sinks_close(struct sinks *sinks)
{
    int first = 0;

    for (unsigned i = 0; i < sinks->count; i++) {
        int r = sinks->open[i].ops->close(sinks->open[i].sink);

        if (first == 0)
            first = r;
    }
    sinks->count = 0;
    return first;
}
