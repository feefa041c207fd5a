/* What came of a lab, as graders read it. */
#ifndef TCPLENS_LAB_RESULT_H
#define TCPLENS_LAB_RESULT_H

#include <stdbool.h>
#include <stdio.h>

#include "tcplens/lab/check.h"
#include "tcplens/lab/guide.h"

enum result_format { RESULT_GRADESCOPE, RESULT_CLASSROOM, RESULT_JUNIT, RESULT_TAP, RESULT_CODERUNNER };
extern const char *const result_format_words[]; /* by that enum; NULL ends it */

/* A question that counts. */
struct result_answer {
    const char *id, *choice; /* choice: NULL: nobody answered it */
    unsigned points;
    bool right;
};
#define RESULT_ANSWERS_MAX 32

struct result {
    const struct lab *lab;
    const struct guide *guide; /* NULL: there is none */
    struct check_outcome outcomes[LAB_CHECKS_MAX];
    unsigned outcome_count;
    struct result_answer answers[RESULT_ANSWERS_MAX];
    unsigned answer_count;
    bool asks;          /* predictions count: what can be had is the same for all, whatever was answered */
    const char *why;    /* a sentence on why there is no more to tell; NULL: there is */
    const char *kernel; /* of the trace's header; NULL: not known */
    double seconds;     /* that the trace takes */
};

unsigned result_score(const struct result *result);
unsigned result_max(const struct result *result);
/* What a check looks at: the guide says it. */
const char *result_title(const struct result *result, const char *id);

/* 0 or -errno. */
int result_write(const struct result *result, enum result_format format, FILE *to) __attribute__((warn_unused_result));

#endif
