/*
 * compare_chart.h - what was measured, as a picture.
 */
#ifndef ECHO_COMPARE_CHART_H
#define ECHO_COMPARE_CHART_H

#include <stdio.h>

#include "compare_common.h"

/* One chart of all as SVG. */
void compare_chart(const struct compare_plan *plan, const struct compare_model *models, int count, FILE *to);

#endif
