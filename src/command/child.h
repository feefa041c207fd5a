/* The command that is traced: a child that is held back until everything watches. */
#ifndef TCPLENS_CHILD_H
#define TCPLENS_CHILD_H

#include <sys/types.h>

#include "tcplens/base/guard.h"

/* All zeros but for the descriptors: -1. */
struct child {
    char *const *argv;  /* borrowed */
    pid_t pid;          /* 0: none, or ended */
    struct guard guard; /* who signals it */
    int release;        /* write end of the pipe it waits at; -1: it was let go */
    int exec_report;    /* read end of the pipe on which it says why it could not run the command */
};

/* What a command that was told to end gets before it is killed. */
#define CHILD_GRACE_MS 2000

/* What it prints, and where: */
enum child_stdout {
    CHILD_STDOUT_ITS_OWN,
    CHILD_STDOUT_SHARED, /* beside what shows its trace, which TCPLENS_TIMELINE in its environment tells it */
    CHILD_STDOUT_TAKEN,  /* to standard error: the trace itself is on standard output */
};
/* Whether there is such a program, as execvp(3) looks for it: 0, or -errno of what that would fail with. */
int child_find(const char *name) __attribute__((warn_unused_result));
/* The status that a shell gives where that failed. */
int child_status_of(int error);
/* 0 or -errno. */
int child_start(struct child *c, char *const argv[], enum child_stdout stdout_is) __attribute__((warn_unused_result));
/* Lets it go, and waits until it runs or cannot. 0, or -errno of exec(). */
int child_release(struct child *c);
/* Asks it to end: SIGTERM. */
void child_ask_to_end(struct child *c);
/* It ended by itself: status was taken. */
void child_ended(struct child *c);
/* Ends it: SIGTERM, and SIGKILL when grace_ms have passed. 0; 1: it had to be killed; -errno: it cannot be, and goes on. */
int child_stop(struct child *c, unsigned grace_ms);
/* A child that was never let go ends by itself. */
void child_done(struct child *c);

#endif
