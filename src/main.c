#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/inherited.h"
#include "tcplens/base/log.h"
#include "tcplens/base/standard.h"
#include "tcplens/command/command.h"

static void help(void)
{
    puts("usage: tcplens COMMAND [OPTION]...\n"
         "Shows TCP's state machine as it happens: both ends, both queues, one clock.\n\n"
         "Commands:");
    for (size_t i = 0; i < command_count; i++)
        printf("  %-10s %s\n", command_table[i]->name, command_table[i]->summary);
    puts("\nOptions:\n"
         "  -h, --help     print this\n"
         "  -V, --version  print the version\n\n"
         "`tcplens help COMMAND` tells more. Try: sudo tcplens trace --netns new -- tcplens-echo demo");
}

static int run_command(int argc, char *argv[])
{
    const char *names[32];
    char hint[96];
    size_t n = 0;

    for (size_t i = 0; i < command_count; i++) {
        if (!strcmp(argv[0], command_table[i]->name))
            return command_table[i]->run(argc, argv);
        if (n < sizeof(names) / sizeof(*names))
            names[n++] = command_table[i]->name;
    }
    if (access(argv[0], R_OK) == 0)
        return command_usage_error(NULL, "'%.100s' is no command but a file: tcplens read %.100s", argv[0], argv[0]);
    if (command_begins_expression(argv[0]))
        return command_usage_error(NULL, "'%.100s' is no command but a filter: tcplens trace %.100s …", argv[0],
                                   argv[0]);
    return command_usage_error(NULL, "unknown command '%.100s'%s", argv[0], options_hint(argv[0], names, n, hint));
}

static int run(int argc, char *argv[])
{
    if (argc < 2)
        return command_usage_error(NULL, "which command?");
    if (!strcmp(argv[1], "help") && argc > 2)
        return run_command(2, (char *[]){ argv[2], "--help", NULL });
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help") || !strcmp(argv[1], "-h")) {
        help();
        return EXIT_DONE;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        puts("tcplens " TCPLENS_VERSION);
        return EXIT_DONE;
    }
    if (argv[1][0] == '-')
        return command_usage_error(NULL,
                                   "unknown option '%.100s': options stand after a command, as in tcplens trace %.100s",
                                   argv[1], argv[1]);
    return run_command(argc - 1, argv + 1);
}

int main(int argc, char *argv[])
{
    int status, r = standard_begin();

    if (r < 0) {
        log_error("cannot open /dev/null: %s", strerror(-r));
        return EXIT_FAILED;
    }
    inherited_note();
    /* a reader that goes away, and a file that may not grow, are errors of write(), to be told or not */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (getenv("TCPLENS_DEBUG"))
        log_set_level(LOG_LEVEL_DEBUG);
    status = run(argc, argv);
    if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
        return status;
    log_error("cannot write standard output: %s", strerror(errno));
    return status == EXIT_DONE ? EXIT_FAILED : status;
}
