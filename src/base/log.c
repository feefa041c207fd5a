#include "tcplens/base/log.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/printable.h"
#include "tcplens/base/stop.h"

static enum log_level level_max = LOG_LEVEL_NOTE;

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* Nobody may read standard error: then a line waits, but not when the program is asked to end. */
static void write_line(char *line, size_t len)
{
    line[len++] = '\n';
    fflush(stderr); /* another's progress may stand there */
    if (stop_is_watched() && stop_poll(STDERR_FILENO, POLLOUT) < 0)
        return;
    (void)!write(STDERR_FILENO, line, len);
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
