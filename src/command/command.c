#include "tcplens/command/command.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tcplens/base/log.h"

int command_usage_error(const char *command, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (command)
        log_error("%s: %s (see tcplens %s --help)", command, text, command);
    else
        log_error("%s (see tcplens --help)", text);
    return EXIT_USAGE;
}

int command_option_error(const char *command, int code, char *argv[])
{
    /* optind is already past the word, but for a cluster of short options */
    const char *word = optopt && optopt < 256 ? NULL : argv[optind - 1];

    if (code == ':')
        return command_usage_error(command, "option '%s' needs a value", argv[optind - 1]);
    if (word || !strncmp(argv[optind - 1], "--", 2))
        return command_usage_error(command, "unknown option '%s'", argv[optind - 1]);
    return command_usage_error(command, "unknown option '-%c'", optopt);
}

int command_open_input(const char *path)
{
    int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0)
        log_error("cannot read %s: %s", strcmp(path, "-") ? path : "standard input", strerror(errno));
    return fd;
}

int command_parse_port(const char *text, uint16_t *ret_port)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9' || value > 65535)
        return -EINVAL;
    *ret_port = (uint16_t)value;
    return 0;
}

int command_parse_segments(const char *text, enum conn_segments *ret_segments)
{
    static const char *const names[] = {
        [CONN_SEGMENTS_ALL] = "all",
        [CONN_SEGMENTS_CONTROL] = "control",
        [CONN_SEGMENTS_NONE] = "none",
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_segments = i;
            return 0;
        }
    }
    return -EINVAL;
}
