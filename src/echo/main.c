/*
 * main.c - tcplens-echo: echo servers of TCP and UDP, their clients, and a demonstration.
 *
 * The program stands apart from the tracer: it is what one looks at with it. Each way of serving
 * many clients has a source file of its own (server_*.c), to be read side by side.
 */
#include "command.h"

#include <stdio.h>
#include <string.h>

#include "complain.h"
#include "options.h"
#include "tcplens/base/standard.h"

struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
    { "server", "answer every byte with itself", server_main },
    { "client", "send messages or typed lines, and check the echo", client_main },
    { "udp-server", "answer every datagram with itself", udp_server_main },
    { "udp-client", "send datagrams, and check the echo", udp_client_main },
    { "demo", "run one server and one client, and tell each step", demo_main },
    { "compare", "measure what each way to serve many clients costs", compare_main },
};
enum { COMMAND_N = sizeof commands / sizeof *commands };

static void print_help(void)
{
    printf("Usage: tcplens-echo COMMAND [OPTION]...\n"
           "The reference echo servers of tcplens, their clients, and a demonstration.\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_N; i++)
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    printf("\n      --help     show this help\n"
           "  -V, --version  show the version\n\n"
           "'tcplens-echo COMMAND --help' explains one command.\n");
}

static int usage_error(const char *problem, const char *word)
{
    complain("", "%s%s%s", problem, *word ? ": " : "", word);
    complain_hint("");
    return STATUS_USAGE;
}

static int unknown_word(const char *word)
{
    const char *names[COMMAND_N];
    char hint[96], shown[256];

    for (size_t i = 0; i < COMMAND_N; i++)
        names[i] = commands[i].name;
    snprintf(shown, sizeof(shown), "%.100s%s", word, options_hint(word, names, COMMAND_N, hint));
    return usage_error(word[0] == '-' ? "unknown option" : "unknown command", shown);
}

static int dispatch(int argc, char **argv)
{
    if (argc < 2)
        return usage_error("a command is needed", "");
    if (strcmp(argv[1], "--help") == 0) {
        print_help();
        return STATUS_DONE;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("tcplens-echo %s\n", TCPLENS_VERSION);
        return STATUS_DONE;
    }
    for (size_t i = 0; i < COMMAND_N; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown_word(argv[1]);
}

int main(int argc, char **argv)
{
    if (standard_begin() < 0)
        return STATUS_FAILED;
    /* Whoever waits for a line in a pipe ("listening on ...") gets it when it is printed. */
    setvbuf(stdout, NULL, _IOLBF, 0);

    int status = dispatch(argc, argv);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        complain("", "cannot write to standard output");
        if (status == STATUS_DONE)
            status = STATUS_FAILED;
    }
    return status;
}
