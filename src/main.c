#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/log.h"
#include "tcplens/command/command.h"

static const struct command commands[] = {
    { "trace", "watch connections live, or those of one command", command_trace },
    { "read", "explain a capture file (pcap, pcapng)", command_read },
    { "report", "make one HTML file of a trace, to open or hand in", command_report },
    { "doctor", "say what works on this machine, and why the rest does not", command_doctor },
    { "fsm", "print TCP's transition table", command_fsm },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(*commands))

static void help(void)
{
    puts("usage: tcplens COMMAND [OPTION]...\n"
         "Shows TCP's state machine as it happens: both ends, both queues, one clock.\n\n"
         "Commands:");
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        printf("  %-8s %s\n", commands[i].name, commands[i].summary);
    puts("\nOptions:\n"
         "  -h, --help     print this\n"
         "      --version  print the version\n\n"
         "`tcplens help COMMAND` tells more. Try: sudo tcplens trace --netns new -- tcplens-echo demo");
}

static int run_command(int argc, char *argv[])
{
    for (unsigned i = 0; i < COMMAND_COUNT; i++)
        if (!strcmp(argv[0], commands[i].name))
            return commands[i].run(argc, argv);
    return command_usage_error(NULL, "unknown command '%s'", argv[0]);
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
    if (!strcmp(argv[1], "--version")) {
        puts("tcplens " TCPLENS_VERSION);
        return EXIT_DONE;
    }
    if (argv[1][0] == '-')
        return command_usage_error(NULL, "unknown option '%s'", argv[1]);
    return run_command(argc - 1, argv + 1);
}

int main(int argc, char *argv[])
{
    int status;

    /* a reader that goes away is an error of write(), to be told or not */
    signal(SIGPIPE, SIG_IGN);
    if (getenv("TCPLENS_DEBUG"))
        log_set_level(LOG_LEVEL_DEBUG);
    status = run(argc, argv);
    if (fflush(stdout) == 0 || errno == EPIPE)
        return status;
    log_error("cannot write standard output: %s", strerror(errno));
    return status == EXIT_DONE ? EXIT_FAILED : status;
}
