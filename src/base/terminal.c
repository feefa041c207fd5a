#include "tcplens/base/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value && *value;
}

bool terminal_has_colour(int fd, enum terminal_colour colour)
{
    const char *kind = getenv("TERM");

    if (colour != TERMINAL_COLOUR_AUTO)
        return colour == TERMINAL_COLOUR_ALWAYS;
    return isatty(fd) && !is_set("NO_COLOR") && !(kind && strcmp(kind, "dumb") == 0);
}

unsigned terminal_columns(int fd)
{
    struct winsize size;

    return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
