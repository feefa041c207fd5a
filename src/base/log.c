#include "tcplens/base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/stop.h"

#define PATIENCE_MS 2000

static enum log_level level_max = LOG_LEVEL_NOTE;
static int patience_ms = PATIENCE_MS; /* what is left of it: all lines wait no longer together */
static unsigned left_out;             /* lines, since the last one was written */

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* Controls, those of C1 too, and marks that reorder the rest of a line or break it (Unicode's Bidi_Control, Zl, Zp). */
static bool obeyed_by_terminals(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the character at text, which can be printed as it is; 0: its first byte cannot. UTF-8 (RFC 3629): a byte that
 * belongs to no character could itself be a control. */
static size_t printable(const unsigned char *text, size_t len)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    const size_t size = *text < 0x80   ? 1
                        : *text < 0xc2 ? 0
                        : *text < 0xe0 ? 2
                        : *text < 0xf0 ? 3
                        : *text < 0xf5 ? 4
                                       : 0;
    uint32_t c = size > 1 ? *text & (0xffu >> (size + 1)) : *text;

    if (!size || size > len)
        return 0;
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (text[i] & 0x3f);
    }
    return c < least[size] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || obeyed_by_terminals(c) ? 0 : size;
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
    const unsigned char *at = (const unsigned char *)text;
    char *line = malloc(sizeof(before) + 4 * len + 1), *end = line;

    if (!line)
        return;
    end = stpcpy(end, before);
    while (len > 0) {
        size_t size = printable(at, len);

        if (size)
            end = mempcpy(end, at, size);
        else
            end += sprintf(end, "\\x%02x", *at);
        at += size ? size : 1;
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
