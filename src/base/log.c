#include "tcplens/base/log.h"

#include <stdio.h>
#include <string.h>

static enum log_level level_max = LOG_LEVEL_NOTE;

void log_set_level(enum log_level level)
{
    level_max = level;
}

/* A file name or a process name in a message could hold a newline or a terminal's control sequence. */
static void print(enum log_level level, const char *format, va_list args)
{
    char text[1024];
    size_t len;

    if (level > level_max)
        return;
    vsnprintf(text, sizeof(text), format, args);
    len = strlen(text);
    while (len && text[len - 1] == '\n')
        text[--len] = '\0';
    fputs("tcplens: ", stderr);
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;

        if (c < 0x20 || c == 0x7f)
            fprintf(stderr, "\\x%02x", c);
        else
            fputc(c, stderr);
    }
    fputc('\n', stderr);
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

void log_debugv(const char *format, va_list args)
{
    print(LOG_LEVEL_DEBUG, format, args);
}
