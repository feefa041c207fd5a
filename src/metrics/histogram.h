/* Times sorted into buckets, whose bounds are fixed: what is kept does not grow. */
#ifndef TCPLENS_METRICS_HISTOGRAM_H
#define TCPLENS_METRICS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BOUNDS 12

/* Upper bounds in ns, of what takes less than a round trip or a few retransmissions; and of what people wait for. */
extern const uint64_t histogram_short_ns[HISTOGRAM_BOUNDS], histogram_long_ns[HISTOGRAM_BOUNDS];

struct histogram {
    uint64_t counts[HISTOGRAM_BOUNDS + 1]; /* each of its own bucket alone; the last has no bound */
    uint64_t sum_s, sum_ns;                /* together; sum_ns: of less than a second */
};

/* bounds: the same for all of one histogram. */
void histogram_observe(struct histogram *h, const uint64_t *bounds, uint64_t ns);
void histogram_add(struct histogram *h, const struct histogram *other);
uint64_t histogram_count(const struct histogram *h);

#endif
