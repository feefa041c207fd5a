/* The subcommands, and what they share. Only this layer talks to the person at the terminal. */
#ifndef TCPLENS_COMMAND_COMMAND_H
#define TCPLENS_COMMAND_COMMAND_H

#include <stdint.h>

#include "tcplens/base/filter.h"
#include "tcplens/conn/engine.h"

/* Exit statuses; documented in the man pages. */
enum exit_status {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_RIGHTS = 3, /* a right or a kernel feature is missing */
    EXIT_LOST = 4,   /* done, but events were lost */
};

struct command {
    const char *name, *summary;
    int (*run)(int argc, char *argv[]); /* argv[0] is the command's name; returns an exit status */
};

int command_trace(int argc, char *argv[]);
int command_read(int argc, char *argv[]);
int command_report(int argc, char *argv[]);
int command_doctor(int argc, char *argv[]);
int command_fsm(int argc, char *argv[]);

/* Prints one line of usage error with where to read on; returns EXIT_USAGE. */
int command_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for what getopt_long() could not take (its '?' or ':'). */
int command_option_error(const char *command, int code, char *argv[]);

/* Opens what is to be read ("-": standard input), no directory. -1: the reason was told. */
int command_open_input(const char *path) __attribute__((warn_unused_result));

/* Values of options. 0 or -EINVAL. */
int command_parse_port(const char *text, uint16_t *ret_port) __attribute__((warn_unused_result));
int command_parse_segments(const char *text, enum conn_segments *ret_segments) __attribute__((warn_unused_result));

/* Add one value to a filter; what cannot be taken is told. EXIT_DONE or EXIT_USAGE. */
int command_filter_port(struct filter *filter, const char *text);
int command_filter_host(struct filter *filter, const char *text);
int command_filter_pid(struct filter *filter, const char *text);
/* Whether its processes can be followed here; what hinders it is told. An exit status. */
int command_filter_check(const struct filter *filter);

#endif
