#include "histogram.h"

#define MS 1000000ull
#define S 1000000000ull

/* A SYN is sent again after 1, 3, 7 s (RFC 6298, 5.7): a handshake that lost one is in a bucket of its own. */
const uint64_t histogram_short_ns[HISTOGRAM_BOUNDS] = { MS / 10,  MS / 4,   MS,    5 * MS, 20 * MS, 100 * MS,
                                                        250 * MS, 900 * MS, 2 * S, 5 * S,  15 * S,  60 * S };
/* TIME-WAIT lasts 60 s, and a little: it is below 65. */
const uint64_t histogram_long_ns[HISTOGRAM_BOUNDS] = { MS,     10 * MS, 100 * MS, S,        5 * S,     30 * S,
                                                       65 * S, 300 * S, 900 * S,  3600 * S, 21600 * S, 86400 * S };

/* In nanoseconds alone it would be used up in two days by 2,000 connections a second, each 60 s in TIME-WAIT. */
static void add_sum(struct histogram *h, uint64_t s, uint64_t ns)
{
    ns += h->sum_ns;
    h->sum_s += s + ns / S;
    h->sum_ns = ns % S;
}

void histogram_observe(struct histogram *h, const uint64_t *bounds, uint64_t ns)
{
    unsigned i = 0;

    while (i < HISTOGRAM_BOUNDS && ns > bounds[i])
        i++;
    h->counts[i]++;
    add_sum(h, 0, ns);
}

void histogram_add(struct histogram *h, const struct histogram *other)
{
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
        h->counts[i] += other->counts[i];
    add_sum(h, other->sum_s, other->sum_ns);
}

uint64_t histogram_count(const struct histogram *h)
{
    uint64_t n = 0;

    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++)
        n += h->counts[i];
    return n;
}
