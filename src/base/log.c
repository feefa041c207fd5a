#include "tcplens/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/printable.h"
#include "tcplens/base/stop.h"

#define PATIENCE_MS 2000

static enum log_level level_max = LOG_LEVEL_NOTE;
static int patience_ms = PATIENCE_MS; /* what is left of it: all lines wait no longer together */
static unsigned left_out;             /* lines, since the last one was written */

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* Nobody may read standard error. Where signals do not end the wait, the program's work is not held up longer than that. */
static bool has_room(void)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
    const uint64_t began = clock_ns(CLOCK_MONOTONIC);
    int waited, n;

    if (!stop_is_watched())
        return true;
    do
        n = poll(&p, 1, patience_ms);
    while (n < 0 && errno == EINTR);
    waited = (int)((clock_ns(CLOCK_MONOTONIC) - began) / 1000000);
    patience_ms = n == 0 || waited > patience_ms ? 0 : patience_ms - waited;
    return n != 0;
}

static void write_line(char *line, size_t len)
{
    char missing[80];
    struct iovec parts[] = { { .iov_base = missing }, { .iov_base = line, .iov_len = len + 1 } };

    line[len] = '\n';
    fflush(stderr); /* another's progress may stand there */
    if (!has_room()) {
        left_out++;
        return;
    }
    if (left_out)
        parts[0].iov_len =
            (size_t)sprintf(missing, "tcplens: %u lines are missing here, which nobody read\n", left_out);
    left_out = 0;
    (void)!writev(STDERR_FILENO, parts, sizeof(parts) / sizeof(*parts));
}

/* A file name or a process name in a message could hold a newline or a terminal's control sequence. In one write(), so that
 * lines of several processes do not mix. */
static void print_line(const char *text, size_t len)
{
    static const char before[] = "tcplens: ";
    char *line = malloc(sizeof(before) + 4 * len + 1), *end = line;

    if (!line)
        return;
    end = stpcpy(end, before);
    while (len > 0) {
        size_t size = printable(text, len);

        if (size)
            end = mempcpy(end, text, size);
        else
            end += sprintf(end, "\\x%02x", (unsigned char)*text);
        text += size ? size : 1;
        len -= size ? size : 1;
    }
    write_line(line, (size_t)(end - line));
    free(line);
}

static void print(enum log_level level, const char *format, va_list args)
{
    char text[1024];

    if (level > level_max)
        return;
    vsnprintf(text, sizeof(text), format, args);
    print_line(text, strlen(text));
}

void log_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print(LOG_LEVEL_ERROR, format, args);
    va_end(args);
}

void log_note(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print(LOG_LEVEL_NOTE, format, args);
    va_end(args);
}

/* A library's message can be a whole log: the verifier's. */
void log_debugv(const char *format, va_list args)
{
    char *text, *line, *end;

    if (level_max < LOG_LEVEL_DEBUG || vasprintf(&text, format, args) < 0)
        return;
    for (line = text; *line; line = *end ? end + 1 : end) {
        end = strchrnul(line, '\n');
        print_line(line, (size_t)(end - line));
    }
    free(text);
}
