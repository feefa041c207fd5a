/* Runs a lab: makes its space and its crew, traces it, and says in the trace what came of it. */
#ifndef TCPLENS_LAB_RUN_H
#define TCPLENS_LAB_RUN_H

#include "tcplens/lab/check.h"
#include "tcplens/pipeline.h"

/* What was predicted, of a question of the lab. */
struct run_answer {
    const char *question, *choice;
    bool right;
};

struct run_config {
    const struct lab *lab;
    struct sinks *sinks; /* open; one place of it is left */
    const struct run_answer *answers;
    unsigned answer_count;
    void *const *sources;                  /* options of sources, one a row of their table */
    bool sampled;                          /* the kernel's table is sampled, whatever rights there are */
    bool held;                             /* nothing happens before somebody looks on, or says so by Enter */
    const char *echo;                      /* path of tcplens-echo */
    int complete;                          /* a pipe: a byte says that the trace is; without a reader, it ends */
    void (*note)(const char *format, ...); /* for the person at the terminal */
};

enum run_result {
    RUN_DONE,
    RUN_INTERRUPTED,
    RUN_FAILED,
    RUN_RIGHTS, /* a right is missing, or a feature of the kernel */
};

/* This process moves into the lab for good, and drops its rights. Where a browser is served that goes on until Ctrl-C. Anything
 * but RUN_DONE: one line in error, but of RUN_INTERRUPTED. */
enum run_result run_lab(const struct run_config *config, char error[static PIPELINE_ERROR_MAX]);

#endif
