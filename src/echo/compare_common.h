/*
 * compare_common.h - what is measured of each way to serve many clients, for what measures it and what shows it.
 */
#ifndef ECHO_COMPARE_COMMON_H
#define ECHO_COMPARE_COMMON_H

#include <stdbool.h>
#include <stdint.h>

enum {
    COMPARE_STEPS_MAX = 6,    /* numbers of idle clients */
    COMPARE_IDLE_MAX = 10000, /* idle clients */
    COMPARE_MODELS_MAX = 12,
    COMPARE_CALLS_MAX = 8,     /* kinds of system calls that are told apart */
    COMPARE_MESSAGE_SIZE = 64, /* bytes of a request */
    COMPARE_ANSWER_MS = 2000,  /* who has no answer by then is kept waiting */
};

struct compare_plan {
    int idle[COMPARE_STEPS_MAX]; /* rising; the first is 0 */
    int steps;
    int requests;
    int64_t deadline_ms; /* of everything, on the clock of client_now_ms() */
};

/* With so many idle clients. */
struct compare_step {
    bool measured, answered;  /* answered: the active client was, within COMPARE_ANSWER_MS */
    double median_us, p90_us; /* from a request to its answer */
    long pss_kb; /* of all the server's processes: proportional set size, as proc(5) has it; -1: not told */
    long processes, threads;
};

struct compare_call {
    long number; /* of the system call */
    double per_request;
};

struct compare_model {
    const char *name;
    struct compare_step step[COMPARE_STEPS_MAX];
    double calls;                                /* for a request; below 0: not counted */
    struct compare_call call[COMPARE_CALLS_MAX]; /* in the order they were seen; number -1: no more */
};

/*
 * Sends requests one after another, each when the answer to the last has come. times_us: of each, or NULL.
 * Returns 0, -EAGAIN if an answer did not come in COMPARE_ANSWER_MS, -ETIME if the deadline has passed, or another -errno.
 */
int compare_ask(const struct compare_plan *plan, int fd, int requests, double *times_us)
    __attribute__((warn_unused_result));

/* Memory of a connection, kB: what the last step that was measured has more than the first; below 0: not known. */
double compare_memory(const struct compare_plan *plan, const struct compare_model *model);
/* The last step that was measured. */
const struct compare_step *compare_last(const struct compare_plan *plan, const struct compare_model *model);

/* Prints "tcplens-echo compare: cannot ACTION: REASON"; returns -error. */
int compare_failed(int error, const char *action);

#endif
