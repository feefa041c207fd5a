/* Any bytes as a capture file: through the reader, the connection engine and the trace's encoder. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tcplens/conn/engine.h"
#include "tcplens/source/capture.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int fd = -1;
    struct conn_config config = { .emit = on_change, .conn_max = 64 };
    char path[64], error[SOURCE_CAPTURE_ERROR_MAX] = "";
    struct source_capture *capture;
    struct conn_engine *table;
    int r;

    if (fd < 0)
        fd = memfd_create("capture", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size)
        abort();
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (conn_engine_new(&config, &table) < 0)
        abort();
    r = source_capture_open(open(path, O_RDONLY | O_CLOEXEC), size % 7 ? NULL : "tcp port 80 or vlan", &capture, error);
    if (r == 0) {
        do
            r = source_capture_drain(capture, 1000, on_event, table, error);
        while (r > 0);
        source_capture_close(capture);
    }
    if (r < 0 && (!*error || strchr(error, '\n'))) /* one line that says why */
        abort();
    conn_engine_finish(table, UINT64_MAX / 2);
    conn_engine_free(table);
    return 0;
}
