/*
 * options.h - the command lines of tcplens-echo: rows as they are written, and what all commands do
 * with what came of them.
 */
#ifndef ECHO_OPTIONS_H
#define ECHO_OPTIONS_H

#include <stdbool.h>

#include "tcplens/base/options.h"

struct command_options {
    const char *command;
    const char *summary; /* one sentence for --help */
    struct option_table table;
    void (*print_more)(void); /* what --help says after the options; may be NULL */
};

/* Name, name of the value, offset of the member, bounds, default. */
#define OPTION_ROW_FLAG(name_, offset_, help_)                                                                         \
    {                                                                                                                  \
        .kind = OPTION_FLAG, .name = (name_), .offset = (offset_), .help = (help_)                                     \
    }
#define OPTION_ROW_NUMBER(name_, value_, offset_, min_, max_, default_, help_)                                         \
    {                                                                                                                  \
        .kind = OPTION_NUMBER, .name = (name_), .argument = (value_), .offset = (offset_), .min = (min_),              \
        .max = (max_), .number = (default_), .help = (help_)                                                           \
    }
#define OPTION_ROW_TEXT(name_, value_, offset_, default_, help_)                                                       \
    {                                                                                                                  \
        .kind = OPTION_TEXT, .name = (name_), .argument = (value_), .offset = (offset_), .text = (default_),           \
        .help = (help_)                                                                                                \
    }

#define OPTION_ROW_WORD(name_, value_, offset_, words_, help_)                                                         \
    {                                                                                                                  \
        .kind = OPTION_WORD, .name = (name_), .argument = (value_), .offset = (offset_), .words = (words_),            \
        .help = (help_)                                                                                                \
    }
#define OPTION_ROW_TAKEN(name_, value_, offset_, take_, help_)                                                         \
    {                                                                                                                  \
        .kind = OPTION_TAKEN, .name = (name_), .argument = (value_), .offset = (offset_), .take = (take_),             \
        .help = (help_)                                                                                                \
    }

/* Reads `count` numbers from 1 to max, with commas between them; false: that is not what the text is. */
bool options_read_numbers(const char *text, int max, int numbers[], int count);

/* IDLE,INTERVAL,COUNT into a struct socket_keepalive. */
#define OPTIONS_KEEPALIVE "IDLE,INTERVAL,COUNT"
int options_take_keepalive(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);

/*
 * Sets every member of config that the table names: to its default, then to what argv says. No word
 * may be left over.
 * OPTIONS_HELP, OPTIONS_VERSION: it was asked for, and answered. OPTIONS_WRONG: the error is printed.
 */
enum options_outcome command_options_parse(const struct command_options *options, int argc, char **argv, void *config)
    __attribute__((warn_unused_result));

/* Prints one line and the hint where to look; returns STATUS_USAGE. */
int options_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
