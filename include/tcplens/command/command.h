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
enum command_input {
    INPUT_NONE,
    INPUT_LIVE,
    INPUT_FILE,
    INPUT_LAB,     /* as LIVE, but the lab says what the sources are asked */
    INPUT_SERVICE, /* as LIVE, but only sinks that are of use to who runs on end */
    INPUT_LOOK,    /* as LIVE, and no sinks */
    INPUT_FILES,   /* as FILE, of several: what is asked is asked of connections, and sinks of packets are none */
};

/* What the words are that are no options. EXPRESSION: behind the file. COMMAND: another program's command line, behind "--". */
enum command_words { WORDS_NONE, WORDS_FILES, WORDS_FILE_EXPRESSION, WORDS_COMMAND, WORDS_SHELL, WORDS_LAB };

/* A letter that other programs take as an option, and what it is here: for who types it from habit. */
struct command_habit {
    char letter; /* 0 ends them */
    const char *here;
};

/* tcpdump's, for who looks at packets: rows of a table of habits. */
#define COMMAND_HABITS_OF_PACKETS                                                                                      \
    { 't', "--time says which time lines begin with: relative, utc, local, delta; TCP alone is told unless --udp" },   \
        { 'A', "no payload is kept; --headers tells each TCP header byte by byte" },                                   \
        { 'X', "no payload is kept; --headers tells each TCP header byte by byte" },                                   \
        { 'x', "no payload is kept; --headers tells each TCP header byte by byte" },                                   \
        { 'S', "numbers are counted from each end's first; --headers tells them as sent" },                            \
        { 's', "headers alone are looked at, and they are whole" },                                                    \
        { 'K', "--checksums of `tcplens read` says what becomes of wrong ones" },                                      \
        { 'F', "an expression in a file is given by the shell: \"$(cat FILE)\"" }, { 'u', "--udp tells datagrams" },   \
        { '4', "`net 0.0.0.0/0` takes IPv4 alone" }, { '6', "`net ::/0` takes IPv6 alone" },                           \
    {                                                                                                                  \
        'd', "-v says what of the expression the kernel is asked"                                                      \
    }

struct command {
    const char *name, *summary;
    const char *usage; /* what stands after the name */
    const char *about; /* lines between usage and options */
    const char *more;  /* lines after the options; NULL: none */
    const struct option_table *options;
    const struct command_habit *habits; /* NULL: none */
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
    void *sources[SOURCES_MAX];
    void *sinks[SINKS_MAX];
    const char *absent[OPTION_ROWS_MAX]; /* outputs that are named and were not there; the rest is NULL */
};

#define COMMAND_TABLES_MAX (1 + SOURCES_MAX + SINKS_MAX)
/* All tables of options that a command takes. Returns how many. */
size_t command_tables(const struct command *command, const struct option_table *ret_tables[static COMMAND_TABLES_MAX]);

#define COMMAND_GO_ON (-1)
/* Reads the command line. config: what the command's own options write to. *ret_io is for command_io_free(), whatever comes
 * back: COMMAND_GO_ON, or the exit status of a command that is done, as what was asked for or is wrong has been printed. */
int command_parse(const struct command *command, enum options_style style, int argc, char *argv[], void *config,
                  struct command_io *ret_io, int *ret_rest) __attribute__((warn_unused_result));
void command_io_free(struct command_io *io);
/* Removes the outputs that were made for nothing: those that were not there, and are empty. */
void command_remove_empty(const struct command_io *io);
/* A sink of the table was asked for; one that shows the trace as it comes, at an address. */
bool command_has_sinks(const struct command_io *io);
bool command_serves(const struct command_io *io);

/* Prints one line of usage error with where to read on; returns EXIT_USAGE. command: its name; NULL: the program. */
int command_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether /proc is there, for whatever looks at this machine; what is wrong is told. An exit status: EXIT_RIGHTS without. */
int command_require_proc(void);

/* Opens what is to be read ("-": standard input), no directory. -1: the reason was told. */
int command_open_input(const char *path) __attribute__((warn_unused_result));

/* The name of an input as a person reads it: "-" is standard input. */
const char *command_input_name(const char *path);
/* Whether an output is standard output: "-", or NULL, as none is named. */
bool command_to_stdout(const char *path);

/* Opens what is to be written: "-" is standard output; a file that is there is refused unless force, and is not emptied yet; what is
 * read (command_open_input()) is always. A descriptor of its own; -1: the reason was told. */
int command_open_output(const char *path, bool force) __attribute__((warn_unused_result));

/* Says why a file is no trace that can be read. name: as a person reads it. */
void command_refuse_trace(const char *name, const char *path, const struct trace_check_result *found);
/* Why a gzip stream could not be read on, after gzread() gave `got`; NULL: it could, or it ended. file: a gzFile. */
const char *command_gzip_damage(void *file, int got);
/* What was found of a trace that is not whole. */
struct command_damage {
    uint64_t broken, first_broken; /* lines that could not be read */
    const char *gzip;              /* command_gzip_damage() */
    bool ended;                    /* its end record was there */
    uint32_t part;                 /* of a trace in several files; 0: it is in one */
};
/* Tells it on standard error. EXIT_DONE: it is whole; EXIT_FAILED: it is not, as of a capture that breaks off, and yet what
 * there is of it was used. */
int command_tell_damage(const char *name, const struct command_damage *damage);
/* The pipeline reads this capture file: the row of the table that reads files is opened on it. Returns what with. */
const struct source_capture_input *command_read_file(struct pipeline_config *config, const struct command_io *io,
                                                     const char *path, int fd);

/* The rows that trace and read share, for the member output of their options. */
struct command_output {
    const char *path; /* NULL: not given */
    bool quiet, force;
    uint64_t rotate_bytes, rotate_ns; /* trace only; 0: the file is not divided */
    /* COMMAND_VIEW_ROWS: what standard output shows */
    bool json, timeline, verbose, numeric;
    int colour; /* enum terminal_colour */
    int time;   /* enum timeline_time */
};
#define COMMAND_OUTPUT_ROWS(type, member)                                                                              \
    { .name = "output",                                                                                                \
      .letter = 'o',                                                                                                   \
      .argument = "FILE",                                                                                              \
      .help = "write the trace to FILE (- is standard output)",                                                        \
      .kind = OPTION_TEXT,                                                                                             \
      .completion = COMPLETE_OUTPUT,                                                                                   \
      .offset = offsetof(type, member.path) },                                                                         \
        { .name = "force",                                                                                             \
          .help = "replace FILE if it is there already",                                                               \
          .kind = OPTION_FLAG,                                                                                         \
          .offset = offsetof(type, member.force) },                                                                    \
    {                                                                                                                  \
        .name = "quiet", .letter = 'q', .help = "nothing on standard output that -o - does not ask for",               \
        .kind = OPTION_FLAG, .offset = offsetof(type, member.quiet)                                                    \
    }
extern const char *const command_colour_words[]; /* by enum terminal_colour */
extern const char *const command_time_words[];   /* by enum timeline_time */
#define COMMAND_VIEW_ROWS(type, member)                                                                                \
    { .name = "timeline",                                                                                              \
      .help = "print the timeline, though standard output is no terminal",                                             \
      .kind = OPTION_FLAG,                                                                                             \
      .offset = offsetof(type, member.timeline) },                                                                     \
        { .name = "json",                                                                                              \
          .help = "print the trace (NDJSON), though standard output is a terminal",                                    \
          .kind = OPTION_FLAG,                                                                                         \
          .offset = offsetof(type, member.json) },                                                                     \
        { .name = "time",                                                                                              \
          .argument = "WHICH",                                                                                         \
          .help =                                                                                                      \
              "time of a line: relative (seconds since the beginning), utc or local (time of day), delta (seconds "    \
              "since the line before)",                                                                                \
          .kind = OPTION_WORD,                                                                                         \
          .words = command_time_words,                                                                                 \
          .offset = offsetof(type, member.time) },                                                                     \
        { .name = "color",                                                                                             \
          .argument = "WHEN",                                                                                          \
          .help = "colours: always, never or auto (on a terminal that has them)",                                      \
          .kind = OPTION_WORD,                                                                                         \
          .words = command_colour_words,                                                                               \
          .offset = offsetof(type, member.colour) },                                                                   \
        { .name = "numeric",                                                                                           \
          .letter = 'n',                                                                                               \
          .help = "addresses and ports as numbers, as they always are",                                                \
          .kind = OPTION_FLAG,                                                                                         \
          .offset = offsetof(type, member.numeric) },                                                                  \
    {                                                                                                                  \
        .name = "verbose", .letter = 'v', .help = "say what is watched; no line is cut, folded or left out",           \
        .kind = OPTION_FLAG, .offset = offsetof(type, member.verbose)                                                  \
    }
#define COMMAND_COUNT_ROW(type, member)                                                                                \
    {                                                                                                                  \
        .name = "count", .letter = 'c', .argument = "COUNT", .help = "end after so many segments",                     \
        .kind = OPTION_NUMBER, .min = 1, .max = 1000000000000, .offset = offsetof(type, member)                        \
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

/* Finds out which sinks are wanted, and opens what need not wait until all else is open, which is nothing that is kept. For
 * sinks_begin() later. What is wrong is told. An exit status. */
int command_choose_sinks(const char *command, const struct command_output *output, const struct command_io *io,
                         struct sink_context *ret_context, struct sinks *ret_sinks);
/* The other half: what is wrong is told, and they are closed. An exit status. */
int command_begin_sinks(struct sinks *sinks);
/* Both, where nothing comes between. */
int command_open_sinks(const char *command, const struct command_output *output, const struct command_io *io,
                       struct sink_context *ret_context, struct sinks *ret_sinks);
/* --quiet may have left none: an exit status, and it was told. */
int command_require_sinks(const char *command, const struct sinks *sinks);

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
      .argument = "PORT[,...]",                                                                                        \
      .help = "only connections with one of these ports at either end: 443, 8000-8010, https; may be repeated",        \
      .kind = OPTION_TAKEN,                                                                                            \
      .take = command_take_port,                                                                                       \
      .offset = offsetof(type, member) },                                                                              \
    {                                                                                                                  \
        .name = "host", .argument = "ADDR[/LEN]|NAME",                                                                 \
        .help = "only connections with this address, or one of this name, at either end; may be repeated",             \
        .kind = OPTION_TAKEN, .take = command_take_host, .offset = offsetof(type, member)                              \
    }
int command_take_pid(const char *value, void *member, char why[static OPTIONS_ERROR_MAX]);
/* Whether a word can be an expression's first: one of its language, not a name or an address. */
bool command_begins_expression(const char *word);
/* Words of an expression (base/expression.h), from argv[from] to argv[to]: joined in *ret_text, to be freed, and compiled; both
 * NULL of no words. What is wrong is told. An exit status. */
int command_take_expression(const char *command, char *argv[], int from, int to, char **ret_text,
                            struct expression **ret_expression);
/* Whether its processes can be followed here; what hinders it is told. An exit status. */
int command_filter_check(const struct filter *filter);

#endif
