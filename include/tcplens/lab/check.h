/* A trace is held against what a lab expects. Pure. */
#ifndef TCPLENS_LAB_CHECK_H
#define TCPLENS_LAB_CHECK_H

#include "tcplens/lab/lab.h"
#include "tcplens/lab/records.h"

#define CHECK_TEXT_MAX 512

struct check_outcome {
    const char *id; /* of the check; texts belong to the lab */
    unsigned points;
    enum check_result result;
    char expected[CHECK_TEXT_MAX], seen[CHECK_TEXT_MAX];
    uint64_t because[FINDING_RECORDS_MAX]; /* numbers of records; 0: no more */
};

/* One for each check. Where the trace is not of this lab, this version and these values there is one alone, `lab`, that says
 * so. *ret_count: how many. 0; 1: it is not of this lab; -ENOMEM. */
int check_all(const struct lab *lab, const struct records *records,
              struct check_outcome verdicts[static LAB_CHECKS_MAX], unsigned *ret_count)
    __attribute__((warn_unused_result));

/* The number of the first record that is like the pattern (pattern.h); 0: there is none. */
uint64_t check_first(const struct lab *lab, const struct records *records, const cJSON *pattern);

/* All passed, one failed, or else: it cannot be told. */
enum check_result check_sum_up(const struct check_outcome *verdicts, unsigned count);

#endif
