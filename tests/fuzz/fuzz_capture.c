/* Any bytes as a capture file: through the reader, the connection engine and the trace's encoder. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/conn/engine.h"
#include "tcplens/source/capture_feed.h"
#include "tcplens/trace/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_change(void *arg, const struct change *change)
{
    char line[TRACE_LINE_MAX];
    size_t len = trace_encode(change, 0, line);

    (void)arg;
    if (len == 0 || len > TRACE_LINE_MAX || line[len - 1] != '\n' || memchr(line, '\n', len - 1))
        abort();
}

static void on_event(void *arg, const struct event *event)
{
    conn_engine_event(arg, event);
}

/* In pieces whose length the input's length gives, each where it just fits. */
static int feed(struct capture *capture, const uint8_t *data, size_t size, struct conn_engine *engine, char *error)
{
    const size_t piece = size % 3 ? size : size % 61 + 1;
    int r = 0;

    for (size_t at = 0, n; at < size && r == 0; at += n) {
        uint8_t *copy;

        n = size - at < piece ? size - at : piece;
        copy = malloc(n);
        if (!copy)
            abort();
        memcpy(copy, data + at, n);
        r = capture_feed(capture, copy, n, on_event, engine, error);
        free(copy);
    }
    return r < 0 ? r : capture_end(capture, on_event, engine, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct conn_config config = { .emit = on_change, .conn_max = 64 };
    const struct capture_config capture_config = { 0 };
    char error[CAPTURE_ERROR_MAX] = "";
    struct capture *capture;
    struct conn_engine *engine;

    if (conn_engine_new(&config, &engine) < 0 || capture_new(&capture_config, &capture) < 0)
        abort();
    if (feed(capture, data, size, engine, error) < 0 && (!*error || strchr(error, '\n'))) /* one line that says why */
        abort();
    capture_free(capture);
    conn_engine_finish(engine, UINT64_MAX / 2);
    conn_engine_free(engine);
    return 0;
}
