#include "complain.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/printable.h"

enum { MESSAGE_MAX = 1024 };

/* Of text what can be shown as it is, the rest as \xNN: up to four times as long. Returns the end. */
static char *escape(const char *text, char *to)
{
    size_t left = strlen(text);

    while (left > 0) {
        const size_t size = printable(text, left), taken = size ? size : 1;

        if (size)
            to = mempcpy(to, text, size);
        else
            to += sprintf(to, "\\x%02x", (unsigned char)*text);
        text += taken;
        left -= taken;
    }
    return to;
}

void complain_args(const char *command, const char *format, va_list args)
{
    char text[MESSAGE_MAX], line[64 + 4 * MESSAGE_MAX];
    char *end = line + snprintf(line, 63, "tcplens-echo%s%s: ", *command ? " " : "", command);

    vsnprintf(text, sizeof text, format, args);
    end = escape(text, end);
    *end++ = '\n';
    /* In one write(): the lines of several processes do not mix. */
    (void)!write(STDERR_FILENO, line, (size_t)(end - line));
}

void complain(const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain_args(command, format, args);
    va_end(args);
}

void complain_hint(const char *command)
{
    if (*command)
        fprintf(stderr, "Try 'tcplens-echo %s --help' for the options.\n", command);
    else
        fprintf(stderr, "Try 'tcplens-echo --help' for the commands.\n");
}
