/* A line of totals every so long, as vmstat(8) has them: what came since the line before, and what is open now. The last
 * line is of the whole trace. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/units.h"
#include "tcplens/base/writer.h"
#include "tcplens/sink/sink.h"

#define LINES_PER_HEADER 20
#define LINE_MAX_BYTES 256

struct counts {
    uint64_t began, ended, segments, bytes, again, resets, drops, lost;
};

struct totals {
    struct writer *writer;
    uint64_t every_ns, next_ns; /* of CLOCK_MONOTONIC */
    unsigned lines;             /* since the header */
    int64_t open;               /* connections */
    struct counts now, all;
};

struct options {
    uint64_t every_ns; /* 0: not asked for */
};

static int take_every(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    if (units_duration(value, member) == 0)
        return 0;
    snprintf(why, OPTIONS_ERROR_MAX, " takes %s, not '%.100s'", UNITS_DURATION, value);
    return -EINVAL;
}

static const struct option_row rows[] = {
    { .name = "every",
      .argument = "TIME",
      .help = "instead of the timeline a line of totals every so long (1s, 500ms), and at last one of all",
      .kind = OPTION_TAKEN,
      .take = take_every,
      .offset = offsetof(struct options, every_ns) },
};
static const struct option_table table = OPTION_TABLE(rows);

static int ops_open(struct sink_context *context, const void *config, void **ret_sink,
                    char error[static SINK_ERROR_MAX])
{
    const struct options *o = config;
    struct totals *t;
    int r;

    if (!o->every_ns)
        return 0;
    if (context->stdout_taken) {
        snprintf(error, SINK_ERROR_MAX, "--summary and --every are two forms of standard output: take one");
        return -EINVAL;
    }
    t = calloc(1, sizeof(*t));
    r = t ? writer_open(NULL, &t->writer) : -ENOMEM;
    if (r < 0) {
        snprintf(error, SINK_ERROR_MAX, "cannot write standard output: %s", strerror(-r));
        free(t);
        return r;
    }
    t->every_ns = o->every_ns;
    t->next_ns = clock_ns(CLOCK_MONOTONIC) + t->every_ns;
    context->stdout_taken = true;
    *ret_sink = t;
    return 0;
}

static void count(struct totals *t, const struct change *c)
{
    struct counts *n = &t->now;

    switch (c->kind) {
    case CHANGE_CONNECTION:
        t->open++;
        n->began += !c->connection.before_trace;
        break;
    case CHANGE_OUTCOME:
        t->open--;
        n->ended++;
        break;
    case CHANGE_SEGMENT:
        n->segments++;
        n->bytes += c->segment.segment.payload_len;
        n->again += (c->segment.notes & NOTE_RETRANSMISSION) != 0;
        n->resets += (c->segment.segment.flags & SEGMENT_RST) != 0;
        break;
    case CHANGE_QUEUE: n->drops += c->queue.why == QUEUE_OVERFLOW; break;
    case CHANGE_GAP: n->lost += c->gap.lost; break;
    default: break;
    }
}

static void ops_change(void *sink, const struct change *change, uint64_t start_ns)
{
    (void)start_ns;
    count(sink, change);
}

static void print_header(struct totals *t)
{
    char line[LINE_MAX_BYTES];

    writer_write(t->writer, line,
                 (size_t)snprintf(line, sizeof(line), "%-8s %6s %6s %6s %9s %10s %7s %6s %6s %6s\n", "time", "new",
                                  "ended", "open", "segments", "bytes", "again", "RST", "drops", "lost"));
}

static void print_counts(struct totals *t, const char *when, const struct counts *n)
{
    char line[LINE_MAX_BYTES];

    writer_write(t->writer, line,
                 (size_t)snprintf(line, sizeof(line), "%-8s %6llu %6llu %6lld %9llu %10llu %7llu %6llu %6llu %6llu\n",
                                  when, (unsigned long long)n->began, (unsigned long long)n->ended, (long long)t->open,
                                  (unsigned long long)n->segments, (unsigned long long)n->bytes,
                                  (unsigned long long)n->again, (unsigned long long)n->resets,
                                  (unsigned long long)n->drops, (unsigned long long)n->lost));
}

static void add(struct counts *all, const struct counts *n)
{
    all->began += n->began;
    all->ended += n->ended;
    all->segments += n->segments;
    all->bytes += n->bytes;
    all->again += n->again;
    all->resets += n->resets;
    all->drops += n->drops;
    all->lost += n->lost;
}

/* Whoever reads many lines sees the header again. */
static void print_interval(struct totals *t)
{
    const time_t seconds = time(NULL);
    char when[16];
    struct tm tm;

    if (t->lines++ % LINES_PER_HEADER == 0)
        print_header(t);
    localtime_r(&seconds, &tm);
    strftime(when, sizeof(when), "%T", &tm);
    print_counts(t, when, &t->now);
    add(&t->all, &t->now);
    t->now = (struct counts){ .began = 0 };
}

static int ops_flush(void *sink, bool all)
{
    struct totals *t = sink;
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);

    if (!all && now < t->next_ns)
        return 0;
    if (!all) {
        print_interval(t);
        t->next_ns += t->every_ns * (1 + (now - t->next_ns) / t->every_ns);
    }
    return writer_flush(t->writer);
}

static void ops_finish(void *sink)
{
    struct totals *t = sink;

    if (!t->lines)
        print_header(t);
    add(&t->all, &t->now);
    print_counts(t, "total", &t->all);
    (void)!writer_flush(t->writer);
}

static int ops_close(void *sink)
{
    struct totals *t = sink;
    const int r = writer_close(t->writer);

    free(t);
    return r;
}

const struct sink_ops sink_totals_ops = {
    .name = "totals",
    .live = true,
    .options = &table,
    .config_size = sizeof(struct options),
    .open = ops_open,
    .change = ops_change,
    .flush = ops_flush,
    .finish = ops_finish,
    .close = ops_close,
};
