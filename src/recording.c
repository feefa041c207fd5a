#include "tcplens/recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct recording {
    struct recording_config config;
    struct conn_engine *engine;
    bool begun;
    int error; /* of a header that could not be written */
    uint64_t start_ns, last_ns;
    uint64_t counts[CHANGE_KIND_N], late;
    char line[TRACE_LINE_MAX]; /* where no sink has room for one */
};

static void on_change(void *arg, const struct change *change)
{
    struct recording *r = arg;

    if (r->config.amend)
        change = r->config.amend(r->config.arg, change);
    r->counts[change->kind]++;
    r->late += change->late;
    if (change->ts_ns > r->last_ns)
        r->last_ns = change->ts_ns;
    if (r->config.sinks->want_lines) {
        char *line = sinks_room(r->config.sinks, sizeof(r->line), r->line);

        sinks_line(r->config.sinks, line, trace_encode(change, r->start_ns, line), change->n);
    }
    sinks_change(r->config.sinks, change, r->start_ns);
}

int recording_new(const struct recording_config *config, struct recording **ret_recording)
{
    struct recording *r = calloc(1, sizeof(*r));
    int status;

    if (!r)
        return -ENOMEM;
    r->config = *config;
    r->config.conn.emit = on_change;
    r->config.conn.arg = r;
    status = conn_engine_new(&r->config.conn, &r->engine);
    if (status < 0) {
        free(r);
        return status;
    }
    *ret_recording = r;
    return 0;
}

int recording_begin(struct recording *r, uint64_t start_ns)
{
    struct trace_header header = { .start_ns = start_ns };
    char *line;

    r->start_ns = r->last_ns = start_ns;
    r->config.describe(r->config.arg, &header);
    r->error = trace_encode_header(&header, &line);
    if (r->error < 0)
        return r->error;
    sinks_line(r->config.sinks, line, strlen(line), 0);
    free(line);
    r->begun = true;
    return 0;
}

bool recording_begun(const struct recording *r)
{
    return r->begun;
}

void recording_event(void *recording, const struct event *event)
{
    struct recording *r = recording;

    if (!r->begun &&
        (r->error < 0 || recording_begin(r, event->ts_ns) < 0)) /* a file's time begins with its first packet */
        return;
    conn_engine_event(r->engine, event);
}

void recording_pass_time(struct recording *r, uint64_t ts_ns)
{
    if (r->begun)
        conn_engine_pass_time(r->engine, ts_ns);
}

int recording_error(const struct recording *r)
{
    return r->error;
}

static int write_end(struct recording *r, struct trace_end end)
{
    char *line;
    int status;

    end.n = conn_engine_next_n(r->engine);
    end.ts_ns = r->last_ns;
    end.late = r->late;
    memcpy(end.counts, r->counts, sizeof(end.counts));
    conn_engine_beyond(r->engine, end.beyond);
    conn_engine_skipped(r->engine, &end);
    status = trace_encode_end(&end, r->start_ns, &line);
    if (status < 0)
        return status;
    sinks_line(r->config.sinks, line, strlen(line), end.n);
    free(line);
    return 0;
}

int recording_end(struct recording *r, uint64_t last_ns, const struct trace_end *end)
{
    if (!r->begun && (r->error < 0 || recording_begin(r, last_ns) < 0))
        return r->error;
    if (last_ns > r->last_ns)
        r->last_ns = last_ns;
    conn_engine_finish(r->engine, r->last_ns);
    if (r->config.conclude)
        r->config.conclude(r->config.arg);
    return write_end(r, *end);
}

void recording_tell(struct recording *r, struct change *change)
{
    conn_engine_tell(r->engine, r->last_ns, change);
}

struct conn_engine *recording_engine(const struct recording *r)
{
    return r->engine;
}

uint64_t recording_connections(const struct recording *r)
{
    return r->counts[CHANGE_CONNECTION];
}

void recording_free(struct recording *r)
{
    if (!r)
        return;
    conn_engine_free(r->engine);
    free(r);
}
