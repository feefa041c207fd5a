/* `tcplens read` for a browser: the reader of captures, the engine and the encoder as a WebAssembly module. An instance
 * reads one capture. Texts and bytes come in at engine_input(); lines go out through the one function that the module
 * imports. Nothing here decides anything. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "columns.h"
#include "engine.h"
#include "tcplens/recording.h"
#include "tcplens/source/capture_feed.h"

#define INPUT_BYTES (1u << 18)
#define OUTPUT_BYTES (1u << 18)

static struct {
    struct recording_config config;
    struct capture_config capture_config;
    struct capture *capture;
    struct recording *recording;
    struct sinks sinks;
    char name[1024], error[CAPTURE_ERROR_MAX];
    size_t len; /* in output */
    char output[OUTPUT_BYTES];
    uint8_t input[INPUT_BYTES];
} engine;

/* ---- the sink ---- */

static int ops_flush(void *sink, bool all)
{
    (void)sink;
    (void)all;
    if (engine.len)
        engine_lines(engine.output, engine.len, 0);
    engine.len = 0;
    return 0;
}

static char *ops_room(void *sink, size_t max)
{
    if (columns_wanted())
        return columns_room();
    if (max > OUTPUT_BYTES - engine.len)
        ops_flush(sink, false);
    return engine.output + engine.len;
}

/* What is no line like another is a line after what was gathered, and before what will be. */
static void take_shaped(const char *line, size_t len)
{
    const enum columns_answer answer = columns_look(line, len);
    const uint32_t holes = columns_holes();

    if (answer == COLUMNS_YES) {
        ops_flush(NULL, false);
        if (!columns_fit())
            engine_lines(NULL, 0, 0);
        columns_add();
        return;
    }
    if (TRACE_LINE_MAX > OUTPUT_BYTES - engine.len || len > TRACE_LINE_MAX || answer == COLUMNS_FIRST)
        ops_flush(NULL, false);
    engine.len += columns_text(line, len, engine.output + engine.len);
    if (answer != COLUMNS_FIRST)
        return;
    columns_learn(engine_lines(engine.output, engine.len, holes));
    engine.len = 0;
}

static void ops_line(void *sink, const char *line, size_t len, uint64_t n)
{
    char *room = engine.output + engine.len;

    (void)n;
    if (columns_wanted()) {
        take_shaped(line, len);
        return;
    }
    if (line != room) { /* the first and the last */
        room = ops_room(sink, len);
        memcpy(room, line, len);
    }
    engine.len += len;
}

static const struct sink_ops output_ops = { .line = ops_line, .room = ops_room, .flush = ops_flush };

/* ---- what the page calls ---- */

uint8_t *engine_input(void)
{
    return engine.input;
}

uint32_t engine_input_size(void)
{
    return INPUT_BYTES;
}

const char *engine_error(void)
{
    return engine.error;
}

int engine_port(uint32_t port)
{
    struct filter *f = &engine.capture_config.filter;

    if (f->port_count == LIMIT_FILTER_PORTS)
        return -EINVAL;
    f->ports[f->port_count++] = (struct port_range){ (uint16_t)port, (uint16_t)port };
    return 0;
}

int engine_host(uint32_t len)
{
    struct filter *f = &engine.capture_config.filter;

    engine.input[len < INPUT_BYTES ? len : INPUT_BYTES - 1] = '\0';
    if (f->host_count == LIMIT_FILTER_HOSTS || prefix_parse((const char *)engine.input, &f->hosts[f->host_count]) < 0)
        return -EINVAL;
    f->host_count++;
    return 0;
}

static void describe(void *arg, struct trace_header *header)
{
    (void)arg;
    header->sources[WITNESS_WIRE] = true;
    header->input = engine.name;
    header->filter = engine.capture_config.filter;
}

int engine_begin(uint32_t len, uint32_t segments, uint32_t checksums, bool datagrams, uint32_t seed_high,
                 uint32_t seed_low)
{
    snprintf(engine.name, sizeof(engine.name), "%.*s", (int)len, (const char *)engine.input);
    sinks_add(&engine.sinks, &output_ops, NULL);
    engine.config = (struct recording_config){ .conn = { .segments = (enum conn_segments)segments,
                                                         .checksums = (enum conn_checksums)checksums,
                                                         .wire_only = true,
                                                         .hash_seed = (uint64_t)seed_high << 32 | seed_low },
                                               .sinks = &engine.sinks,
                                               .describe = describe };
    engine.capture_config.datagrams = datagrams;
    if (capture_new(&engine.capture_config, &engine.capture) < 0)
        return -ENOMEM;
    return recording_new(&engine.config, &engine.recording);
}

int engine_feed(uint32_t len)
{
    int r = capture_feed(engine.capture, engine.input, len, recording_event, engine.recording, engine.error);

    ops_flush(NULL, false);
    return r;
}

int engine_complete(void)
{
    return capture_end(engine.capture, recording_event, engine.recording, engine.error);
}

int engine_end(bool failed)
{
    struct trace_end end = { .reason = failed ? END_REASON_ERROR : END_REASON_INPUT, .status = -1 };
    int r;

    capture_skipped(engine.capture, &end);
    r = recording_end(engine.recording, 0, &end);
    ops_flush(NULL, true);
    return r;
}

double engine_packets(void)
{
    return (double)capture_packets(engine.capture);
}

uint32_t engine_offloaded(void)
{
    return conn_engine_offloaded(recording_engine(engine.recording));
}
