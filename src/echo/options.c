#include "options.h"

#include "command.h"
#include "complain.h"
#include "socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

int options_error(const char *command, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    complain_args(command, format, args);
    va_end(args);
    complain_hint(command);
    return STATUS_USAGE;
}

bool options_read_numbers(const char *text, int max, int numbers[], int count)
{
    for (int i = 0; i < count; i++) {
        char *end;

        errno = 0;
        long number = strtol(text, &end, 10);
        if (errno != 0 || end == text || number < 1 || number > max || *end != (i + 1 < count ? ',' : '\0'))
            return false;
        numbers[i] = (int)number;
        text = end + 1;
    }
    return true;
}

int options_take_keepalive(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    enum { MAX_KEEPIDLE = 32767, MAX_KEEPCNT = 127 }; /* include/net/tcp.h; MAX_TCP_KEEPINTVL is the former */
    int numbers[3];

    if (!options_read_numbers(value, MAX_KEEPIDLE, numbers, 3) || numbers[2] > MAX_KEEPCNT) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes two numbers of seconds up to %d and a count up to %d, not '%.100s'",
                 MAX_KEEPIDLE, MAX_KEEPCNT, value);
        return -EINVAL;
    }
    *(struct socket_keepalive *)member = (struct socket_keepalive){ numbers[0], numbers[1], numbers[2] };
    return 0;
}

static void print_help(const struct command_options *options)
{
    const struct option_table *table = &options->table;

    printf("Usage: tcplens-echo %s [OPTION]...\n%s\n\n", options->command, options->summary);
    options_print_help(&table, 1, stdout);
    if (options->print_more)
        options->print_more();
}

enum options_outcome command_options_parse(const struct command_options *options, int argc, char **argv, void *config)
{
    const struct option_set set = { &options->table, config };
    char error[OPTIONS_ERROR_MAX];
    int rest;
    enum options_outcome outcome = options_parse(&set, 1, OPTIONS_ANYWHERE, argc, argv, &rest, error);

    if (outcome == OPTIONS_HELP) {
        print_help(options);
    } else if (outcome == OPTIONS_VERSION) {
        printf("tcplens-echo %s\n", TCPLENS_VERSION);
    } else if (outcome == OPTIONS_WRONG) {
        options_error(options->command, "%s", error);
    } else if (rest < argc) {
        options_error(options->command, "unexpected word '%s'", argv[rest]);
        outcome = OPTIONS_WRONG;
    }
    return outcome;
}
