/* Command line options as tables: one row is an option. Parsing, --help, completion, and the hint after a slip of the
 * finger read the row; the manual is held against it by a test. */
#ifndef TCPLENS_BASE_OPTIONS_H
#define TCPLENS_BASE_OPTIONS_H

#include <stddef.h>
#include <stdio.h>

#define OPTIONS_ERROR_MAX 512

/* The type of the member that the row's offset points at. */
enum option_kind {
    OPTION_FLAG,   /* bool: false until given */
    OPTION_NUMBER, /* long: min to max */
    OPTION_TEXT,   /* const char *, borrowed from argv */
    OPTION_WORD,   /* int: index of the word given */
    OPTION_TAKEN,  /* what .take() makes of it; may be repeated if that allows it */
};

/* What a shell offers for the value. Words are offered in any case. */
enum option_completion {
    COMPLETE_NOTHING,
    COMPLETE_FILE,
    COMPLETE_OUTPUT, /* as a file; it is written, and OPTION_TEXT: no two of a command may be the same */
    COMPLETE_INTERFACE,
    COMPLETE_PROCESS,
    COMPLETE_NAMESPACE,
    COMPLETE_SOURCES, /* those of what happens now, with commas */
};

struct option_row {
    const char *name;     /* without the dashes */
    char letter;          /* of the short form; 0: none */
    const char *argument; /* what --help calls the value; NULL for a flag */
    const char *help;     /* one line, however long */
    enum option_kind kind;
    enum option_completion completion;
    size_t offset;            /* of the member in the configuration */
    long min, max;            /* OPTION_NUMBER: the values accepted, both included */
    long number;              /* OPTION_NUMBER: default; below min: "not given" */
    const char *text;         /* OPTION_TEXT: default; NULL: "not given" */
    const char *const *words; /* ends with NULL */
    /* OPTION_TAKEN: puts a value into the member. 0, or -EINVAL with what is wrong in why, to stand after "--name". */
    int (*take)(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
};

struct option_table {
    const struct option_row *rows;
    size_t count;
};
#define OPTION_TABLE(rows_)                                                                                            \
    {                                                                                                                  \
        .rows = (rows_), .count = sizeof(rows_) / sizeof(*(rows_))                                                     \
    }

/* A table, and the configuration that its offsets are in. */
struct option_set {
    const struct option_table *table;
    void *config;
};

#define OPTION_ROWS_MAX 64 /* of all sets together; more is a mistake of ours */

enum options_outcome { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

enum options_style {
    OPTIONS_ANYWHERE,   /* options and words may be mixed */
    OPTIONS_BEFORE_WORD /* the first word ends the options */
};

/* Sets every member that the tables name: to its default, then to what argv says (argv[0] is passed over). --help, -h,
 * --version and -V are understood without a row. *ret_rest: index of the first word that is no option; words may have been moved
 * behind the options. OPTIONS_WRONG: one line in error. */
enum options_outcome options_parse(const struct option_set *sets, size_t count, enum options_style style, int argc,
                                   char **argv, int *ret_rest, char error[static OPTIONS_ERROR_MAX])
    __attribute__((warn_unused_result));

/* The options of --help, wrapped. */
void options_print_help(const struct option_table *const *tables, size_t count, FILE *to);

/* The one of n words that was probably meant, whether in small letters or not; NULL: none is near. */
const char *options_nearest(const char *word, const char *const *words, size_t n);
/* " (did you mean 'x'?)", or "", into buf. Returns buf. */
const char *options_hint(const char *word, const char *const *words, size_t n, char buf[static 96]);

#endif
