#include "options.h"

#include "command.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* getopt_long reports a row as ROW_BASE + its index, which no character can be mistaken for. */
enum { CODE_HELP = 256, CODE_VERSION, ROW_BASE };

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

static void print_help(const struct option_table *table)
{
    printf("Usage: tcplens-echo %s [OPTION]...\n%s\n\n", table->command, table->summary);
    for (size_t i = 0; i < table->n; i++) {
        const struct option_row *row = &table->row[i];
        char left[40];

        snprintf(left, sizeof left, "--%s%s%s", row->name, row->argument ? " " : "",
                 row->argument ? row->argument : "");
        printf("  %-22s %s", left, row->help);
        if (row->kind == OPTION_NUMBER && row->number >= row->min)
            printf(" (default %ld)", row->number);
        if (row->kind == OPTION_TEXT && row->text)
            printf(" (default %s)", row->text);
        putchar('\n');
    }
    printf("  %-22s show this help\n  %-22s show the version\n", "--help", "--version");
    if (table->print_more)
        table->print_more();
}

static void *member(void *config, const struct option_row *row)
{
    return (char *)config + row->offset;
}

static void set_default(const struct option_row *row, void *config)
{
    switch (row->kind) {
    case OPTION_FLAG: *(bool *)member(config, row) = false; break;
    case OPTION_NUMBER: *(long *)member(config, row) = row->number; break;
    case OPTION_TEXT: *(const char **)member(config, row) = row->text; break;
    }
}

/* Returns false if the text is no number within the row's bounds. */
static bool set_value(const struct option_row *row, const char *value, void *config)
{
    char *end;
    long number;

    switch (row->kind) {
    case OPTION_FLAG: *(bool *)member(config, row) = true; return true;
    case OPTION_TEXT: *(const char **)member(config, row) = value; return true;
    case OPTION_NUMBER:
        errno = 0;
        number = strtol(value, &end, 10);
        if (errno != 0 || end == value || *end != '\0' || number < row->min || number > row->max)
            return false;
        *(long *)member(config, row) = number;
        return true;
    }
    return false;
}

static void build_getopt_table(const struct option_table *table, struct option *ret_list)
{
    assert(table->n <= OPTION_ROWS_MAX);
    for (size_t i = 0; i < table->n; i++)
        ret_list[i] = (struct option){
            .name = table->row[i].name,
            .has_arg = table->row[i].argument ? required_argument : no_argument,
            .val = ROW_BASE + (int)i,
        };
    ret_list[table->n] = (struct option){ .name = "help", .val = CODE_HELP };
    ret_list[table->n + 1] = (struct option){ .name = "version", .val = CODE_VERSION };
    ret_list[table->n + 2] = (struct option){ .name = NULL };
}

static void complain(const struct option_table *table, int code, char *word)
{
    if (code == ':')
        options_error(table->command, "option '%s' needs a value", word);
    else if (optopt >= CODE_HELP)
        options_error(table->command, "option '%s' takes no value", word);
    else if (optopt != 0)
        options_error(table->command, "unknown option '-%c'", optopt);
    else
        options_error(table->command, "unknown or ambiguous option '%s'", word);
}

enum options_outcome options_parse(const struct option_table *table, int argc, char **argv, void *config)
{
    struct option list[OPTION_ROWS_MAX + 3];
    int code;

    build_getopt_table(table, list);
    for (size_t i = 0; i < table->n; i++)
        set_default(&table->row[i], config);

    opterr = 0; /* our own messages: one line, then the hint */
    while ((code = getopt_long(argc, argv, ":", list, NULL)) != -1) {
        if (code == CODE_HELP) {
            print_help(table);
            return OPTIONS_HELPED;
        }
        if (code == CODE_VERSION) {
            printf("tcplens-echo %s\n", TCPLENS_VERSION);
            return OPTIONS_HELPED;
        }
        if (code < ROW_BASE) {
            complain(table, code, argv[optind - 1]);
            return OPTIONS_WRONG;
        }
        const struct option_row *row = &table->row[code - ROW_BASE];
        if (!set_value(row, optarg, config)) {
            options_error(table->command, "--%s: '%s' is not a number from %ld to %ld", row->name, optarg, row->min,
                          row->max);
            return OPTIONS_WRONG;
        }
    }
    if (optind < argc) {
        options_error(table->command, "unexpected word '%s'", argv[optind]);
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}
