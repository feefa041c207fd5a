/*
 * program.h - this program, started anew with other arguments, so that ps and a tracer see a process
 * with a name and arguments of its own.
 */
#ifndef ECHO_PROGRAM_H
#define ECHO_PROGRAM_H

#include <sys/types.h>

struct program {
    pid_t pid;  /* 0: not started, or waited for */
    int end_fd; /* a pidfd, readable when the process has ended; -1: none */
    int status; /* exit status, once waited for; -1: none, or killed */
};
#define PROGRAM_NONE                                                                                                   \
    {                                                                                                                  \
        .end_fd = -1, .status = -1                                                                                     \
    }

/* argv: ends with NULL. stdout_fd: its standard output. It gets SIGTERM should we die. Returns 0 or -errno. */
int program_start(struct program *program, char *const argv[], int stdout_fd) __attribute__((warn_unused_result));

/* Waits for its end; nothing if there is none. */
void program_wait(struct program *program);

/* SIGKILL, if it still runs, and waits. */
void program_kill(struct program *program);

#endif
