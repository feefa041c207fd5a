/*
 * compare_measure.h - one server with more and more idle clients, and one that asks.
 */
#ifndef ECHO_COMPARE_MEASURE_H
#define ECHO_COMPARE_MEASURE_H

#include "compare_common.h"

/* Returns 0, or -errno with the error printed. */
int compare_measure(const struct compare_plan *plan, struct compare_model *model) __attribute__((warn_unused_result));

#endif
