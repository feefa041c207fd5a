/*
 * command.h - the subcommands of tcplens-echo, one source file each.
 *
 * Each takes the arguments from its own name on (argv[0] is "server", "client", ...), prints its
 * own errors, and returns the exit status of the program.
 */
#ifndef ECHO_COMMAND_H
#define ECHO_COMMAND_H

#ifndef TCPLENS_VERSION
#define TCPLENS_VERSION "dev"
#endif

enum {
    STATUS_DONE = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
};

/* What the three commands agree on when no option says otherwise. */
#define ECHO_DEFAULT_HOST "127.0.0.1"
enum { ECHO_DEFAULT_PORT = 7007 };

/* Names of the two processes as ps and a tracer show them; at most 15 bytes (TASK_COMM_LEN). */
#define ECHO_COMM_SERVER "echo-server"
#define ECHO_COMM_CLIENT "echo-client"

int server_main(int argc, char **argv);
int client_main(int argc, char **argv);
int udp_server_main(int argc, char **argv);
int udp_client_main(int argc, char **argv);
int demo_main(int argc, char **argv);
int compare_main(int argc, char **argv);

#endif
