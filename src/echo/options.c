#include "options.h"

#include "command.h"

#include <stdarg.h>
#include <stdio.h>

int options_error(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "tcplens-echo %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry 'tcplens-echo %s --help' for the options.\n", command);
    return STATUS_USAGE;
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
