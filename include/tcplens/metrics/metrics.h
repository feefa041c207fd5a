/* What changes add up to, as a monitoring system wants it: counters, gauges and histograms with few labels. Their number does
 * not grow with what is traced: no client's address, no process, no connection is a label. */
#ifndef TCPLENS_METRICS_METRICS_H
#define TCPLENS_METRICS_METRICS_H

#include <stddef.h>

#include "tcplens/trace/change.h"

struct metrics;

/* -ENOMEM. */
int metrics_new(struct metrics **ret_metrics) __attribute__((warn_unused_result));
/* NULL is fine; returns NULL. */
struct metrics *metrics_free(struct metrics *metrics);

/* Any thread may call the two, at the same time. */
void metrics_change(struct metrics *metrics, const struct change *change);

enum metrics_format {
    METRICS_PROMETHEUS, /* the text format of Prometheus, version 0.0.4 */
    METRICS_OPENMETRICS /* OpenMetrics 1.0.0, which differs in a few words */
};
/* All of it as text, which is the caller's; NULL: out of memory. */
char *metrics_text(struct metrics *metrics, enum metrics_format format, size_t *ret_len);

#endif
