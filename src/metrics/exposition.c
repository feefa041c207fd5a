/* https://prometheus.io/docs/instrumenting/exposition_formats/, and OpenMetrics 1.0.0: there the name of a counter's family
 * has no _total, and the text ends with a mark. */
#include "exposition.h"

#include <inttypes.h>
#include <string.h>

#define S UINT64_C(1000000000)

static void family(struct exposition *x, const char *name, const char *type, const char *suffix, const char *help)
{
    const char *of_family = x->openmetrics ? "" : suffix;

    x->name = name;
    fprintf(x->to, "# HELP %s%s %s.\n# TYPE %s%s %s\n", name, of_family, help, name, of_family, type);
}

void exposition_counter(struct exposition *x, const char *name, const char *help)
{
    family(x, name, "counter", "_total", help);
}

void exposition_gauge(struct exposition *x, const char *name, const char *help)
{
    family(x, name, "gauge", "", help);
}

void exposition_histogram(struct exposition *x, const char *name, const char *help)
{
    family(x, name, "histogram", "", help);
}

/* Words of ours and of the kernel: what is not printable ASCII has no place in them. For Prometheus a label whose value is
 * empty is none: there is a word for what nobody told. */
static void put_label_value(FILE *to, const char *value)
{
    for (value = *value ? value : "unknown"; *value; value++) {
        if (*value == '"' || *value == '\\')
            putc('\\', to);
        putc(*value >= ' ' && *value <= '~' ? *value : '_', to);
    }
}

/* le: of a bucket; NULL: it is none. */
static void put_name(struct exposition *x, const char *suffix, const struct label *labels, const char *le)
{
    const char *before = "{";

    fprintf(x->to, "%s%s", x->name, suffix);
    for (unsigned i = 0; labels && i < LABELS_MAX && labels[i].name; i++, before = ",") {
        fprintf(x->to, "%s%s=\"", before, labels[i].name);
        put_label_value(x->to, labels[i].value);
        putc('"', x->to);
    }
    if (le)
        fprintf(x->to, "%sle=\"%s\"", before, le);
    fputs((labels && labels[0].name) || le ? "} " : " ", x->to);
}

/* Seconds as OpenMetrics has them: "0.005", "1.0". */
static const char *seconds(char buf[static 32], uint64_t s, uint64_t ns)
{
    int len = snprintf(buf, 32, "%" PRIu64 ".%09" PRIu64, s + ns / S, ns % S);

    while (buf[len - 1] == '0' && buf[len - 2] != '.')
        buf[--len] = '\0';
    return buf;
}

void exposition_count(struct exposition *x, const struct label *labels, uint64_t value)
{
    put_name(x, "_total", labels, NULL);
    fprintf(x->to, "%" PRIu64 "\n", value);
}

void exposition_count_seconds(struct exposition *x, const struct label *labels, uint64_t ns)
{
    char buf[32];

    put_name(x, "_total", labels, NULL);
    fprintf(x->to, "%s\n", seconds(buf, 0, ns));
}

void exposition_value(struct exposition *x, const struct label *labels, int64_t value)
{
    put_name(x, "", labels, NULL);
    fprintf(x->to, "%" PRId64 "\n", value);
}

void exposition_buckets(struct exposition *x, const struct label *labels, const uint64_t *bounds,
                        const struct histogram *h)
{
    uint64_t n = 0;
    char buf[32];

    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        n += h->counts[i];
        put_name(x, "_bucket", labels, i < HISTOGRAM_BOUNDS ? seconds(buf, 0, bounds[i]) : "+Inf");
        fprintf(x->to, "%" PRIu64 "\n", n);
    }
    put_name(x, "_sum", labels, NULL);
    fprintf(x->to, "%s\n", seconds(buf, h->sum_s, h->sum_ns));
    put_name(x, "_count", labels, NULL);
    fprintf(x->to, "%" PRIu64 "\n", n);
}

void exposition_end(struct exposition *x)
{
    if (x->openmetrics)
        fputs("# EOF\n", x->to);
}
