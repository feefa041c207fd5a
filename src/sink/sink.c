#include "tcplens/sink/sink.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SINK(name) &sink_##name##_ops,
const struct sink_ops *const sink_table[] = {
#include "tcplens/sink/sinks.def"
};
#undef SINK
const size_t sink_count = sizeof(sink_table) / sizeof(*sink_table);
static_assert(sizeof(sink_table) / sizeof(*sink_table) <= SINKS_MAX, "struct sinks has room");

/* Who takes what, of those that are open. */
static void arrange(struct sinks *sinks)
{
    sinks->change_count = sinks->line_count = sinks->packet_count = 0;
    sinks->room.ops = NULL;
    for (unsigned i = 0; i < sinks->count; i++) {
        const struct open_sink s = sinks->open[i];

        if (s.ops->change)
            sinks->changes[sinks->change_count++] = s;
        if (s.ops->line)
            sinks->lines[sinks->line_count++] = s;
        if (s.ops->packet)
            sinks->packets[sinks->packet_count++] = s;
        if (s.ops->room && !sinks->room.ops)
            sinks->room = s;
    }
}

void sinks_add(struct sinks *sinks, const struct sink_ops *ops, void *sink)
{
    assert(sinks->count < SINKS_MAX);
    sinks->open[sinks->count++] = (struct open_sink){ ops, sink };
    sinks->want_lines |= ops->line != NULL;
    arrange(sinks);
}

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
        if (sink)
            sinks_add(sinks, sink_table[i], sink);
    }
    return 0;
}

int sinks_begin(struct sinks *sinks, char error[static SINK_ERROR_MAX])
{
    int r = 0;

    for (unsigned i = 0; i < sinks->count && r == 0; i++)
        if (sinks->open[i].ops->begin)
            r = sinks->open[i].ops->begin(sinks->open[i].sink, error);
    return r;
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
    for (unsigned i = 0; i < sinks->change_count; i++)
        sinks->changes[i].ops->change(sinks->changes[i].sink, change, start_ns);
}

void sinks_packet(struct sinks *sinks, const struct packet *packet)
{
    for (unsigned i = 0; i < sinks->packet_count; i++)
        sinks->packets[i].ops->packet(sinks->packets[i].sink, packet);
}

char *sinks_room(struct sinks *sinks, size_t max, char *buf)
{
    return sinks->room.ops ? sinks->room.ops->room(sinks->room.sink, max) : buf;
}

void sinks_line(struct sinks *sinks, const char *line, size_t len, uint64_t n)
{
    for (unsigned i = 0; i < sinks->line_count; i++)
        sinks->lines[i].ops->line(sinks->lines[i].sink, line, len, n);
}

static int close_one(struct open_sink *s)
{
    return s->ops->close ? s->ops->close(s->sink) : 0;
}

static const char *name_of(const struct open_sink *s)
{
    const char *file = s->ops->file ? s->ops->file(s->sink) : NULL;

    return file ? file : "standard output";
}

int sinks_flush(struct sinks *sinks, bool all)
{
    int first = 0;

    for (unsigned i = 0; i < sinks->count; i++) {
        const struct sink_ops *ops = sinks->open[i].ops;
        int r = ops->flush ? ops->flush(sinks->open[i].sink, all) : 0;

        if (r == -EPIPE && sinks->count > 1) { /* nobody reads this one any more: the others go on */
            close_one(&sinks->open[i]);
            sinks->open[i--] = sinks->open[--sinks->count];
            arrange(sinks);
            continue;
        }
        if (first == 0 && r < 0) {
            first = r;
            sinks->failed = name_of(&sinks->open[i]);
        }
    }
    return first;
}

void sinks_ending(struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->ending)
            sinks->open[i].ops->ending(sinks->open[i].sink);
}

void sinks_finish(struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->finish)
            sinks->open[i].ops->finish(sinks->open[i].sink);
}

bool sinks_serve(const struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->serves)
            return true;
    return false;
}

unsigned sinks_peers(const struct sinks *sinks, struct endpoint ret_peers[static SINK_PEERS_MAX])
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->peers)
            return sinks->open[i].ops->peers(sinks->open[i].sink, ret_peers);
    return 0;
}

const char *sinks_address(const struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->address)
            return sinks->open[i].ops->address(sinks->open[i].sink);
    return NULL;
}

bool sinks_serve_at(const struct sinks *sinks, const struct endpoint *at, uint32_t netns)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->serves_at && sinks->open[i].ops->serves_at(sinks->open[i].sink, at, netns))
            return true;
    return false;
}

bool sinks_watched(const struct sinks *sinks)
{
    for (unsigned i = 0; i < sinks->count; i++)
        if (sinks->open[i].ops->watched && sinks->open[i].ops->watched(sinks->open[i].sink))
            return true;
    return false;
}

int sinks_close(struct sinks *sinks)
{
    int first = 0;

    for (unsigned i = 0; i < sinks->count; i++) {
        int r = close_one(&sinks->open[i]);

        if (first == 0)
            first = r;
    }
    sinks->count = 0;
    arrange(sinks);
    return first;
}

/* A trace takes long to make. */
int sink_file_check(const char *path, bool force, char error[static SINK_ERROR_MAX])
{
    struct stat st;

    if (force || stat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return 0;
    snprintf(error, SINK_ERROR_MAX, "%.400s is there already: --force replaces it", path);
    return -EEXIST;
}

bool sink_file_waits(const char *path)
{
    struct stat st;

    return strcmp(path, "-") != 0 && (stat(path, &st) < 0 || S_ISREG(st.st_mode));
}
