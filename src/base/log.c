#include "tcplens/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum log_level level_max = LOG_LEVEL_NOTE;

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* A file name or a process name in a message could hold a newline or a terminal's control sequence. */
static void print_line(const char *text, size_t len)
{
    fputs("tcplens: ", stderr);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c < 0x20 || c == 0x7f)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
    fputc('\n', stderr);
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
