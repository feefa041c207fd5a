/*
 * compare.c - the command "compare": what each way to serve many clients costs, side by side.
 *
 * Each model gets more and more idle clients, and one that asks: how long its answers take, what
 * memory, processes and threads the server needs, how many system calls a request costs. Then a
 * table, and a chart (--svg).
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "client_common.h"
#include "command.h"
#include "compare_calls.h"
#include "compare_chart.h"
#include "compare_measure.h"
#include "complain.h"
#include "options.h"
#include "socket.h"
#include "tcplens/base/caller.h"

enum { DESCRIPTORS_MORE = 64 }; /* than clients */

struct idle_list {
    int idle[COMPARE_STEPS_MAX];
    int count;
};

struct compare_config {
    struct idle_list idle;
    const char *model, *svg;
    long requests, duration_s;
};

/* N,N,...: rising; 0 is always measured first. */
static int take_idle(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    struct idle_list *list = member;
    int numbers[COMPARE_STEPS_MAX - 1], count = 1;

    for (const char *at = value; *at; at++)
        count += *at == ',';
    bool good = count < COMPARE_STEPS_MAX && options_read_numbers(value, COMPARE_IDLE_MAX, numbers, count);
    for (int i = 1; good && i < count; i++)
        good = numbers[i] > numbers[i - 1];
    if (!good) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes up to %d rising numbers from 1 to %d with commas, not '%.100s'",
                 COMPARE_STEPS_MAX - 1, COMPARE_IDLE_MAX, value);
        return -EINVAL;
    }
    memcpy(list->idle + 1, numbers, (size_t)count * sizeof *numbers);
    list->count = count + 1;
    return 0;
}

#define AT(name) offsetof(struct compare_config, name)

static const struct option_row rows[] = {
    OPTION_ROW_TAKEN("idle", "N[,N...]", AT(idle), take_idle, "numbers of idle clients (default 10,100,1000)"),
    OPTION_ROW_NUMBER("requests", "N", AT(requests), 1, 100000, 500, "of the active client, for each figure"),
    OPTION_ROW_TEXT("model", "NAME", AT(model), NULL, "this one only"),
    OPTION_ROW_NUMBER("duration", "SECONDS", AT(duration_s), 1, 3600, 120, "what is not measured by then is left out"),
    OPTION_ROW_TEXT("svg", "FILE", AT(svg), NULL, "draw a chart, too, into a new file"),
};

static const struct command_options options = {
    .command = "compare",
    .summary = "Measure what each way to serve many clients costs.",
    .table = OPTION_TABLE(rows),
};

#define MODEL(name, description) #name,
static const char *const model_names[] = {
#include "models.def"
};
#undef MODEL
enum { MODEL_N = sizeof model_names / sizeof *model_names };
static_assert((int)MODEL_N <= (int)COMPARE_MODELS_MAX, "each has a colour");

static void print_latency(const struct compare_step *step)
{
    char cell[32];

    if (!step->measured)
        snprintf(cell, sizeof cell, "?");
    else if (!step->answered)
        snprintf(cell, sizeof cell, "none");
    else
        snprintf(cell, sizeof cell, "%.0f (%.0f)", step->median_us, step->p90_us);
    printf(" %14s", cell);
}

static void print_row(const struct compare_plan *plan, const struct compare_model *model)
{
    const struct compare_step *last = compare_last(plan, model);
    double kb = compare_memory(plan, model);

    printf("%-10s", model->name);
    for (int i = 0; i < plan->steps; i++)
        print_latency(&model->step[i]);
    if (kb < 0)
        printf(" %9s", "?");
    else
        printf(" %9.1f", kb);
    printf(" %9ld %8ld ", last ? last->processes : 0, last ? last->threads : 0);
    if (model->calls < 0) {
        puts("      ?");
        return;
    }
    printf("%7.1f ", model->calls);
    for (int i = 0; i < COMPARE_CALLS_MAX && model->call[i].number >= 0; i++) {
        const char *name = compare_call_name(model->call[i].number);

        if (name && model->call[i].per_request > 0.5)
            printf(" %s", name);
    }
    putchar('\n');
}

static void print_table(const struct compare_plan *plan, const struct compare_model *models, int count)
{
    char title[32];

    printf("%-10s", "");
    for (int i = 0; i < plan->steps; i++) {
        snprintf(title, sizeof title, "%d idle", plan->idle[i]);
        printf(" %14s", title);
    }
    printf(" %9s %9s %8s %7s\n%-10s", "kB/conn.", "processes", "threads", "calls", "model");
    for (int i = 0; i < plan->steps; i++)
        printf(" %14s", i == 0 ? "µs: p50 (p90)" : "");
    printf(" %9s %9s %8s %7s\n", "(Pss)", "", "", "/request");
    for (int i = 0; i < count; i++)
        print_row(plan, &models[i]);
    printf("none: no answer in %d ms, as an earlier client keeps the server\n", COMPARE_ANSWER_MS);
}

static int cannot_write(const char *path, int error)
{
    char action[300];

    if (error == EEXIST) {
        complain("compare", "%.280s is there already, and is not replaced", path);
        return -error;
    }
    snprintf(action, sizeof action, "write %.280s", path);
    return compare_failed(error, action);
}

/* As the tracer makes its files: none is replaced, and under sudo it is the caller's. Returns a descriptor, or -errno. */
static int make_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd < 0)
        return -errno;
    caller_give(fd);
    return fd;
}

static int write_chart(const char *path, const struct compare_plan *plan, const struct compare_model *models, int count)
{
    int fd = make_file(path);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");

    if (!file) {
        int error = fd < 0 ? -fd : errno;

        if (fd >= 0)
            close(fd);
        return cannot_write(path, error);
    }
    compare_chart(plan, models, count, file);
    bool bad = ferror(file) != 0;
    if (fclose(file) != 0 || bad)
        return cannot_write(path, errno);
    return 0;
}

/* Before all is measured, which takes long. Nothing is left of it, should that come to nothing. */
static int check_writable(const char *path)
{
    int fd = make_file(path);

    if (fd < 0)
        return cannot_write(path, -fd);
    close(fd);
    return unlink(path) < 0 ? cannot_write(path, errno) : 0;
}

/* Clients and servers share one processor: whether they do would decide more than what is compared. */
static void stay_on_one_processor(void)
{
    int here = sched_getcpu();
    cpu_set_t set;

    CPU_ZERO(&set);
    if (here >= 0 && here < CPU_SETSIZE)
        CPU_SET((size_t)here, &set);
    sched_setaffinity(0, sizeof set, &set); /* fails where it is not allowed: then it is left to the scheduler */
}

static int check_descriptors(long idle)
{
    const long wanted = idle + DESCRIPTORS_MORE;
    struct rlimit limit;

    socket_raise_limit(wanted);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= (rlim_t)wanted)
        return 0;
    complain("compare", "%ld idle clients need %ld descriptors, and %llu are allowed (ulimit -n)", idle, wanted,
             (unsigned long long)limit.rlim_cur);
    return -EMFILE;
}

static bool is_model(const char *name)
{
    for (size_t i = 0; i < MODEL_N; i++)
        if (strcmp(name, model_names[i]) == 0)
            return true;
    return false;
}

int compare_main(int argc, char **argv)
{
    static struct compare_model models[MODEL_N];
    struct compare_config config = { .idle = { { 0, 10, 100, 1000 }, 4 } };
    int count = 0, r = 0;

    switch (command_options_parse(&options, argc, argv, &config)) {
    case OPTIONS_HELP:
    case OPTIONS_VERSION: return STATUS_DONE;
    case OPTIONS_WRONG: return STATUS_USAGE;
    case OPTIONS_RUN: break;
    }
    if (config.model && !is_model(config.model)) {
        char hint[96];

        return options_error("compare", "unknown model '%s'%s", config.model,
                             options_hint(config.model, model_names, MODEL_N, hint));
    }
    struct compare_plan plan = {
        .steps = config.idle.count,
        .requests = (int)config.requests,
        .deadline_ms = client_now_ms() + config.duration_s * 1000,
    };
    memcpy(plan.idle, config.idle.idle, sizeof plan.idle);
    stay_on_one_processor();
    if (check_descriptors(plan.idle[plan.steps - 1]) < 0 || (config.svg && check_writable(config.svg) < 0))
        return STATUS_FAILED;
    for (size_t i = 0; i < MODEL_N && r == 0; i++) {
        if (config.model && strcmp(config.model, model_names[i]) != 0)
            continue;
        models[count].name = model_names[i];
        r = compare_measure(&plan, &models[count++]);
    }
    if (r < 0)
        return STATUS_FAILED;
    print_table(&plan, models, count);
    if (config.svg && write_chart(config.svg, &plan, models, count) < 0)
        return STATUS_FAILED;
    return STATUS_DONE;
}
