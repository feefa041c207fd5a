/*
 * compare_calls.h - how many system calls a server makes for a request.
 */
#ifndef ECHO_COMPARE_CALLS_H
#define ECHO_COMPARE_CALLS_H

#include "compare_common.h"

/*
 * Counts the system calls of a server for one request by ptrace(2). pid: the server, which serves the connected
 * socket fd. The server is killed. Returns 0, or -errno where it cannot be traced; then nothing is printed.
 */
int compare_calls(const struct compare_plan *plan, int pid, int fd, struct compare_model *model)
    __attribute__((warn_unused_result));

/* "epoll_wait"; NULL: not one of those a server is likely to make. */
const char *compare_call_name(long number);

#endif
