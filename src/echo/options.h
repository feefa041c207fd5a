/*
 * options.h - command line options as a table: one row is an option, its default, its bounds and
 * its line of help.
 */
#ifndef ECHO_OPTIONS_H
#define ECHO_OPTIONS_H

#include <stddef.h>

/* The type of the member that the row's offset points at. */
enum option_kind {
    OPTION_FLAG,   /* bool: false until given */
    OPTION_NUMBER, /* long, min..max */
    OPTION_TEXT,   /* const char *, borrowed from argv */
};

struct option_row {
    const char *name;     /* without the dashes */
    const char *argument; /* what the help calls the value; NULL for a flag */
    const char *help;
    enum option_kind kind;
    size_t offset;    /* of the member in the command's configuration */
    long min, max;    /* OPTION_NUMBER: the values accepted, both included */
    long number;      /* OPTION_NUMBER: default; below min = "not given" */
    const char *text; /* OPTION_TEXT: default; NULL = "not given" */
};

struct option_table {
    const char *command;
    const char *summary;          /* one sentence for --help */
    const struct option_row *row; /* n rows, at most OPTION_ROWS_MAX */
    size_t n;
    void (*print_more)(void); /* what --help says after the options; may be NULL */
};

enum { OPTION_ROWS_MAX = 24 };

/* Rows as they are written: name, name of the value, offset of the member, bounds, default. */
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

enum options_outcome { OPTIONS_RUN, OPTIONS_HELPED, OPTIONS_WRONG };

/*
 * Sets every member of config that the table names: to its default, then to what argv says.
 * OPTIONS_HELPED: --help or --version was given and answered. OPTIONS_WRONG: the error is printed.
 */
enum options_outcome options_parse(const struct option_table *table, int argc, char **argv, void *config)
    __attribute__((warn_unused_result));

/* Prints one line and the hint where to look; returns STATUS_USAGE. */
int options_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
