/*
 * compare_chart.c - what was measured, drawn as SVG: latency over the number of idle clients as lines, and what a
 * connection costs in memory, processes and system calls as bars.
 */
#include <math.h>

#include "compare_calls.h"
#include "compare_chart.h"

enum {
    WIDTH = 960,
    HEIGHT = 560,
    PLOT_LEFT = 70,
    PLOT_TOP = 70,
    PLOT_WIDTH = 430,
    PLOT_HEIGHT = 400,
    BARS_LEFT = 650,
    BARS_WIDTH = 160,
    BAR_HEIGHT = 16,
    BAR_STEP = 21,
    GROUP_STEP = 160,
};

/* Of Okabe and Ito, told apart by the colour-blind too (https://jfly.uni-koeln.de/color/). */
static const char *const colours[COMPARE_MODELS_MAX] = { "#999999", "#D55E00", "#CC79A7", "#E69F00",
                                                         "#0072B2", "#009E73", "#56B4E9", "#000000",
                                                         "#666666", "#8C510A", "#01665E", "#C51B7D" };

static void text(FILE *to, double x, double y, const char *anchor, int size, const char *words)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\">%s</text>\n", x, y, anchor, size,
            words);
}

/* The scale of latency is logarithmic: whole decades, from below the least to above the greatest. */
struct scale {
    double low, high; /* exponents of 10 */
};

static struct scale scale_of(const struct compare_plan *plan, const struct compare_model *models, int count)
{
    struct scale scale = { .low = 1, .high = 2 };

    for (int i = 0; i < count; i++) {
        for (int j = 0; j < plan->steps; j++) {
            const struct compare_step *step = &models[i].step[j];

            if (!step->answered)
                continue;
            scale.low = fmin(scale.low, floor(log10(step->median_us)));
            scale.high = fmax(scale.high, ceil(log10(step->median_us)));
        }
    }
    return scale;
}

static double x_of(const struct compare_plan *plan, int step)
{
    return PLOT_LEFT + (plan->steps > 1 ? (double)PLOT_WIDTH * step / (plan->steps - 1) : PLOT_WIDTH / 2.0);
}

static double y_of(const struct scale *scale, double us)
{
    return PLOT_TOP + PLOT_HEIGHT * (scale->high - log10(us)) / (scale->high - scale->low);
}

static void draw_axes(const struct compare_plan *plan, const struct scale *scale, FILE *to)
{
    char words[64];

    for (double exponent = scale->low; exponent <= scale->high; exponent++) {
        double y = y_of(scale, pow(10, exponent));

        fprintf(to, "<path d=\"M%d %.1fh%d\" stroke=\"#ddd\"/>\n", PLOT_LEFT, y, PLOT_WIDTH);
        snprintf(words, sizeof words, "%.0f µs", pow(10, exponent));
        text(to, PLOT_LEFT - 8, y + 4, "end", 12, words);
    }
    for (int i = 0; i < plan->steps; i++) {
        snprintf(words, sizeof words, "%d", plan->idle[i]);
        text(to, x_of(plan, i), PLOT_TOP + PLOT_HEIGHT + 18, "middle", 12, words);
    }
    text(to, PLOT_LEFT + PLOT_WIDTH / 2.0, PLOT_TOP + PLOT_HEIGHT + 38, "middle", 12,
         "idle clients beside the active one");
}

/* Names at the end of lines are moved apart. */
static double place_name(double y, const double *taken, int count)
{
    for (int i = 0; i < count; i++)
        if (fabs(y - taken[i]) < 13)
            return place_name(taken[i] - 13.5, taken, count);
    return y;
}

static void draw_line(const struct compare_plan *plan, const struct compare_model *model, const struct scale *scale,
                      const char *colour, FILE *to)
{
    const char *command = "M";

    fprintf(to, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" d=\"", colour);
    for (int i = 0; i < plan->steps; i++) {
        if (!model->step[i].answered)
            continue;
        fprintf(to, "%s%.1f %.1f", command, x_of(plan, i), y_of(scale, model->step[i].median_us));
        command = "L";
    }
    fputs("\"/>\n", to);
    for (int i = 0; i < plan->steps; i++)
        if (model->step[i].answered)
            fprintf(
                to,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"><title>%s, %d idle: %.1f µs</title></circle>\n",
                x_of(plan, i), y_of(scale, model->step[i].median_us), colour, model->name, plan->idle[i],
                model->step[i].median_us);
}

static void draw_latency(const struct compare_plan *plan, const struct compare_model *models, int count, FILE *to)
{
    struct scale scale = scale_of(plan, models, count);
    double taken[COMPARE_MODELS_MAX];
    char words[96];

    text(to, PLOT_LEFT - 50, PLOT_TOP - 22, "start", 14, "Latency of one active client (median)");
    draw_axes(plan, &scale, to);
    for (int i = 0; i < count; i++) {
        int last = plan->steps - 1;

        while (last >= 0 && !models[i].step[last].answered)
            last--;
        taken[i] = -100;
        if (last < 0)
            continue;
        draw_line(plan, &models[i], &scale, colours[i], to);
        double y = y_of(&scale, models[i].step[last].median_us);
        bool ends_early = last < plan->steps - 1; /* its name stands above the lines that go on */
        if (!ends_early)
            y = taken[i] = place_name(y, taken, i);
        snprintf(words, sizeof words, "%s%s", models[i].name, ends_early ? ": no answer beside an idle one" : "");
        fprintf(to, "<g fill=\"%s\">", colours[i]);
        text(to, x_of(plan, last) + 9, ends_early ? y - 42 : y + 4, "start", 13, words);
        fputs("</g>\n", to);
    }
}

/* value below 0: not known. */
static void draw_bar(double value, double most, double y, const char *name, const char *words, const char *colour,
                     FILE *to)
{
    text(to, BARS_LEFT - 8, y + 12, "end", 12, name);
    if (value >= 0)
        fprintf(to, "<rect x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", BARS_LEFT, y,
                most > 0 ? fmax(1, BARS_WIDTH * value / most) : 1, BAR_HEIGHT, colour);
    text(to, BARS_LEFT + (value >= 0 && most > 0 ? fmax(1, BARS_WIDTH * value / most) : 0) + 5, y + 12, "start", 11,
         words);
}

typedef double (*value_fn)(const struct compare_plan *plan, const struct compare_model *model, char words[static 96]);

static double memory(const struct compare_plan *plan, const struct compare_model *model, char words[static 96])
{
    double kb = compare_memory(plan, model);

    snprintf(words, 96, kb < 0 ? "not measured" : "%.1f kB", kb);
    return kb;
}

static double tasks(const struct compare_plan *plan, const struct compare_model *model, char words[static 96])
{
    const struct compare_step *last = compare_last(plan, model);

    if (!last) {
        snprintf(words, 96, "not measured");
        return -1;
    }
    if (last->processes > 1)
        snprintf(words, 96, "%ld processes", last->processes);
    else
        snprintf(words, 96, "%ld thread%s", last->threads, last->threads == 1 ? "" : "s");
    return (double)last->threads;
}

static double calls(const struct compare_plan *plan, const struct compare_model *model, char words[static 96])
{
    (void)plan;
    size_t length = (size_t)snprintf(words, 96, model->calls < 0 ? "not counted" : "%.1f", model->calls);

    for (int i = 0; model->calls >= 0 && i < COMPARE_CALLS_MAX && model->call[i].number >= 0; i++) {
        const char *name = compare_call_name(model->call[i].number);

        if (name && model->call[i].per_request > 0.5 && length < 96)
            length += (size_t)snprintf(words + length, 96 - length, " %s", name);
    }
    return model->calls;
}

static void draw_bars(const struct compare_plan *plan, const struct compare_model *models, int count, double top,
                      const char *title, value_fn value_of, FILE *to)
{
    char words[96];
    double most = 0;

    text(to, BARS_LEFT - 70, top, "start", 14, title);
    for (int i = 0; i < count; i++)
        most = fmax(most, value_of(plan, &models[i], words));
    for (int i = 0; i < count; i++) {
        double value = value_of(plan, &models[i], words);

        draw_bar(value, most, top + 8 + i * BAR_STEP, models[i].name, words, colours[i], to);
    }
}

void compare_chart(const struct compare_plan *plan, const struct compare_model *models, int count, FILE *to)
{
    int group = 34 + count * BAR_STEP > GROUP_STEP ? 34 + count * BAR_STEP : GROUP_STEP;
    int height = 48 + 3 * group > HEIGHT ? 48 + 3 * group : HEIGHT;
    double top = PLOT_TOP - 22;

    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\">\n"
            "<title>Ways to serve many clients</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n",
            WIDTH, height, WIDTH, height);
    draw_latency(plan, models, count, to);
    draw_bars(plan, models, count, top, "Memory for a connection (Pss)", memory, to);
    draw_bars(plan, models, count, top + group, "With all clients connected", tasks, to);
    draw_bars(plan, models, count, top + 2 * group, "System calls for a request", calls, to);
    fputs("</svg>\n", to);
}
