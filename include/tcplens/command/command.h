/* The subcommands, and what they share. Only this layer talks to the person at the terminal. A subcommand is one file and
 * one row in include/tcplens/command/commands.def. */
#ifndef TCPLENS_COMMAND_COMMAND_H
#define TCPLENS_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "tcplens/base/options.h"
#include "tcplens/pipeline.h"
#include "tcplens/source/capture.h"
#include "tcplens/trace/check.h"

/* Exit statuses; documented in the man pages. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_RIGHTS = 3, /* a right or a kernel feature is missing */
    EXIT_LOST = 4,   /* done, but events were lost: what follows from them cannot be told */
    EXIT_CHECKS = 5, /* a check of a lab failed */
};

/* Whose options a command takes besides its own: those of sources, and of sinks. */
/* LAB: as LIVE, but the lab says what the sources are asked. */
enum command_input { INPUT_NONE, INPUT_LIVE, INPUT_FILE, INPUT_LAB };

/* What the words are that are no options. COMMAND: another program's command line, behind "--". */
enum command_words { WORDS_NONE, WORDS_FILES, WORDS_COMMAND, WORDS_SHELL, WORDS_LAB };

struct command {
    const char *name, *summary;
    const char *usage; /* what stands after the name */
    const char *about; /* lines between usage and options */
    const char *more;  /* lines after the options; NULL: none */
    const struct option_table *options;
    enum command_input input;
    enum command_words words;
    int (*run)(int argc, char *argv[]); /* argv[0] is the command's name; returns an exit status */
};

#define COMMAND(name) extern const struct command command_##name;
#include "tcplens/command/commands.def"
#undef COMMAND

extern const struct command *const command_table[];
extern const size_t command_count;

/* What the options of sources and sinks were set to, one a row of their tables. */
struct command_io {
    void *sources[PIPELINE_SOURCES_MAX];
    void *sinks[SINKS_MAX];
};

#define COMMAND_TABLES_MAX (1 + PIPELINE_SOURCES_MAX + SINKS_MAX)
/* All tables of options that a command takes. Returns how many. */
size_t command_tables(const struct command *command, const struct option_table *ret_tables[static COMMAND_TABLES_MAX]);

#define COMMAND_GO_ON (-1)
/* Reads the command line. config: what the command's own options write to. *ret_io is for command_io_free(), whatever comes
 * back: COMMAND_GO_ON, or the exit status of a command that is done, as what was asked for or is wrong has been printed. */
int command_parse(const struct command *command, enum options_style style, int argc, char *argv[], void *config,
                  struct command_io *ret_io, int *ret_rest) __attribute__((warn_unused_result));
void command_io_free(struct command_io *io);

/* Prints one line of usage error with where to read on; returns EXIT_USAGE. command: its name; NULL: the program. */
int command_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens what is to be read ("-": standard input), no directory. -1: the reason was told. */
int command_open_input(const char *path) __attribute__((warn_unused_result));

/* Says why a file is no trace that can be read. name: as a person reads it. */
void command_refuse_trace(const char *name, const char *path, const struct trace_check_result *found);
/* Why a gzip stream could not be read on, after gzread() gave `got`; NULL: it could, or it ended. file: a gzFile. */
const char *command_gzip_damage(void *file, int got);
/* The pipeline reads this capture file: the row of the table that reads files is opened on it. Returns what with. */
const struct source_capture_input *command_read_file(struct pipeline_config *config, const struct command_io *io,
                                                     const char *path, int fd);

/* The rows that trace and read share, for the member output of their options. */
struct command_output {
    const char *path; /* NULL: not given */
    bool quiet;
};
#define COMMAND_OUTPUT_ROWS(type, member)                                                                              \
    { .name = "output",                                                                                                \
      .letter = 'o',                                                                                                   \
      .argument = "FILE",                                                                                              \
      .help = "write the trace to FILE (- is standard output)",                                                        \
      .kind = OPTION_TEXT,                                                                                             \
      .completion = COMPLETE_FILE,                                                                                     \
      .offset = offsetof(type, member.path) },                                                                         \
    {                                                                                                                  \
        .name = "quiet", .letter = 'q', .help = "nothing on standard output that -o - does not ask for",               \
        .kind = OPTION_FLAG, .offset = offsetof(type, member.quiet)                                                    \
    }
extern const char *const command_segments_words[]; /* by enum conn_segments */
#define COMMAND_SEGMENTS_ROW(type, member)                                                                             \
    {                                                                                                                  \
        .name = "segments", .argument = "WHICH",                                                                       \
        .help = "segments to write: all, control (SYN, FIN, RST, problems) or none", .kind = OPTION_WORD,              \
        .words = command_segments_words, .offset = offsetof(type, member)                                              \
    }

#define COMMAND_UDP_ROW(type, member)                                                                                  \
    {                                                                                                                  \
        .name = "udp", .help = "UDP datagrams too, what DNS asks and answers, and ICMP errors that quote them",        \
        .kind = OPTION_FLAG, .offset = offsetof(type, member)                                                          \
    }

#define COMMAND_HEADERS_ROW(type, member)                                                                              \
    {                                                                                                                  \
        .name = "headers", .help = "with each segment its TCP header too, byte by byte", .kind = OPTION_FLAG,          \
        .offset = offsetof(type, member)                                                                               \
    }

/* Opens the sinks that are wanted. What is wrong is told. An exit status. */
int command_open_sinks(const char *command, const struct command_output *output, const struct command_io *io,
                       struct sink_context *ret_context, struct sinks *ret_sinks);

/* What told of no connection, the most frequent first: "12 udp, 3 arp". Empty: nothing. Returns buf. */
#define COMMAND_SKIPPED_MAX 512
const char *command_skipped(const struct pipeline *pipeline, char buf[static COMMAND_SKIPPED_MAX]);
/* Says on standard error what the file `name` has besides connections, or that it has none. filtered: some were left out. */
void command_tell_passed_over(const struct pipeline *pipeline, const char *name, bool filtered);

/* ---- filter.c: which connections a trace is about. member: a struct filter. */
int command_take_port(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
int command_take_host(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
#define COMMAND_FILTER_ROWS(type, member)                                                                              \
    { .name = "port",                                                                                                  \
      .letter = 'p',                                                                                                   \
      .argument = "PORT",                                                                                              \
      .help = "only connections with this port at either end; may be repeated",                                        \
      .kind = OPTION_TAKEN,                                                                                            \
      .take = command_take_port,                                                                                       \
      .offset = offsetof(type, member) },                                                                              \
    {                                                                                                                  \
        .name = "host", .argument = "ADDR[/LEN]",                                                                      \
        .help = "only connections with this address at either end; may be repeated", .kind = OPTION_TAKEN,             \
        .take = command_take_host, .offset = offsetof(type, member)                                                    \
    }
int command_take_pid(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
/* Whether its processes can be followed here; what hinders it is told. An exit status. */
int command_filter_check(const struct filter *filter);

#endif
