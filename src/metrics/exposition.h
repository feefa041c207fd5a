/* The text of metrics, written from top to bottom: a family, then its samples. */
#ifndef TCPLENS_METRICS_EXPOSITION_H
#define TCPLENS_METRICS_EXPOSITION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "histogram.h"

struct exposition {
    FILE *to;
    bool openmetrics; /* that format, not Prometheus' own */
    const char *name; /* of the family, without what its samples' names end with */
};

/* name: of a counter without _total. help: one sentence without a full stop. */
void exposition_counter(struct exposition *x, const char *name, const char *help);
void exposition_gauge(struct exposition *x, const char *name, const char *help);
void exposition_histogram(struct exposition *x, const char *name, const char *help);

/* Up to two labels; a NULL name ends them. */
struct label {
    const char *name, *value;
};
#define LABELS_MAX 3

/* Of the family begun last. labels: LABELS_MAX at most, then one without a name; NULL: none. */
void exposition_count(struct exposition *x, const struct label *labels, uint64_t value);
void exposition_count_seconds(struct exposition *x, const struct label *labels, uint64_t ns);
void exposition_value(struct exposition *x, const struct label *labels, int64_t value);
void exposition_buckets(struct exposition *x, const struct label *labels, const uint64_t *bounds,
                        const struct histogram *h);
void exposition_end(struct exposition *x);

#endif
