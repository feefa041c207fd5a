/* Holds a trace against a lab, the same whether it was recorded just now or elsewhere, and writes the result. */
#include "lab_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/log.h"
#include "tcplens/base/output.h"
#include "tcplens/base/printable.h"
#include "tcplens/base/terminal.h"
#include "tcplens/sink/timeline.h"
#include "tcplens/trace/decode.h"

struct grading {
    struct lab_job *job;
    const struct lab_trace *trace;
    struct trace_decoder *decoder;
    struct records *records;
    struct result result;
    uint64_t start_ns, line, damaged, first_damaged;
    char why[TRACE_DECODE_ERROR_MAX]; /* of the first line that is damaged */
    char refusal[CHECK_TEXT_MAX];     /* why there is nothing to judge */
    char kernel[128];                 /* of the header */
};

static int refuse(struct grading *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct grading *g, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(g->refusal, sizeof(g->refusal), format, args);
    va_end(args);
    log_error("%s", g->refusal);
    return EXIT_FAILED;
}

/* ---- reading */

/* Those that count. NULL: none. */
static const cJSON *questions_of(const struct grading *g)
{
    return g->result.asks ? g->job->lab->questions : NULL;
}

/* Once: what else a trace says to the same question came later. */
static void add_answer(struct grading *g, const cJSON *question, const char *choice)
{
    const char *id = record_text(question, "id");
    struct result_answer *at = &g->result.answers[g->result.answer_count];

    for (unsigned i = 0; i < g->result.answer_count; i++)
        if (strcmp(g->result.answers[i].id, id) == 0)
            return;
    if (g->result.answer_count == RESULT_ANSWERS_MAX)
        return;
    /* whether it is right is not the trace's to say */
    *at = (struct result_answer){ id, choice, (unsigned)record_number(question, "points", 0),
                                  choice && strcmp(choice, record_text(question, "answer")) == 0 };
    g->result.answer_count++;
}

static void take_answer(struct grading *g, const struct change *change)
{
    const cJSON *question, *choice;

    cJSON_ArrayForEach (question, questions_of(g))
        cJSON_ArrayForEach (choice, cJSON_GetObjectItemCaseSensitive(question, "choices"))
            if (strcmp(record_text(question, "id"), change->answer.question) == 0 &&
                strcmp(choice->valuestring, change->answer.choice) == 0)
                add_answer(g, question, choice->valuestring);
}

/* What nobody answered counts, as what was answered wrong does. */
static void take_open_questions(struct grading *g)
{
    const cJSON *question;

    cJSON_ArrayForEach (question, questions_of(g))
        if (record_number(question, "points", 0) > 0)
            add_answer(g, question, NULL);
}

/* 0, or an exit status: it is no trace. */
static int take_line(struct grading *g, const char *line, size_t len)
{
    struct trace_line got;
    char error[TRACE_DECODE_ERROR_MAX];

    g->line++;
    if (!len)
        return EXIT_DONE;
    if (trace_decode(g->decoder, line, len, &got, error) < 0) {
        if (!records_header(g->records))
            return refuse(g, "%s is no tcplens trace: line %llu: %s", g->trace->name, (unsigned long long)g->line,
                          error);
        if (!g->damaged++) {
            g->first_damaged = g->line;
            memcpy(g->why, error, sizeof(g->why));
        }
        records_damage(g->records);
        return EXIT_DONE;
    }
    if (got.kind == TRACE_LINE_HEADER)
        g->start_ns = got.header.start_ns;
    if (got.kind == TRACE_LINE_CHANGE && got.change.kind == CHANGE_ANSWER)
        take_answer(g, &got.change);
    if (got.kind == TRACE_LINE_END)
        g->result.seconds = (double)((got.end.ts_ns - g->start_ns) / 1000000) / 1000; /* to the millisecond */
    return records_add(g->records, line, len) == -ENOMEM ? refuse(g, "out of memory") : EXIT_DONE;
}

static int take_lines(struct grading *g)
{
    struct lab_line line = { 0 };
    int status = EXIT_DONE;

    while (status == EXIT_DONE && lab_trace_next(g->trace, &line))
        status = take_line(g, line.text, line.len);
    if (status == EXIT_DONE && !records_header(g->records))
        return refuse(g, "%s is empty: a trace begins with a header", g->trace->name);
    if (g->damaged)
        log_note("%s: %llu line%s damaged and passed over, the first is line %llu: %s", g->trace->name,
                 (unsigned long long)g->damaged, g->damaged == 1 ? " is" : "s are",
                 (unsigned long long)g->first_damaged, g->why);
    return status;
}

/* ---- telling */

/* The record of that number, as the timeline has it. */
static void show(void *arg, uint64_t n, FILE *to)
{
    struct grading *g = arg;
    struct trace_decoder *decoder;
    char error[TRACE_DECODE_ERROR_MAX], line[TIMELINE_LINE_MAX];
    struct lab_line from = { 0 };
    struct trace_line got;

    if (trace_decoder_new(&decoder) < 0)
        return;
    while (lab_trace_next(g->trace, &from)) {
        if (trace_decode(decoder, from.text, from.len, &got, error) < 0 || got.kind != TRACE_LINE_CHANGE ||
            got.change.n != n)
            continue;
        fwrite(line, 1,
               timeline_format(&got.change, g->start_ns, terminal_has_colour(fileno(to), TERMINAL_COLOUR_AUTO), line),
               to);
        break;
    }
    trace_decoder_free(decoder);
}

static int status_of(enum check_result result)
{
    return result == CHECK_PASSED ? EXIT_DONE : result == CHECK_FAILED ? EXIT_CHECKS : EXIT_LOST;
}

static int write_result(const struct grading *g, FILE *to)
{
    const struct lab_options *o = g->job->options;
    const int r = to ? result_write(&g->result, (enum result_format)o->result_format, to) : 0;

    if (r < 0)
        log_error("cannot write %s: %s", o->result, strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* Where the result is all that a program reads, it is all that is said. */
static bool is_silent(const struct lab_options *o)
{
    const bool program = o->result && command_to_stdout(o->result) && (o->check || o->automatic);

    return o->output.quiet || program;
}

static void say_doubt(struct grading *g, char buf[static CHECK_TEXT_MAX])
{
    const char *doubt = records_doubt(g->records);

    snprintf(buf, CHECK_TEXT_MAX, "not all can be told (%s), and nobody has failed: run it again",
             doubt ? doubt : "a witness is missing");
    for (unsigned i = 0; i < g->result.outcome_count; i++)
        if (g->result.outcomes[i].result == CHECK_INCONCLUSIVE)
            g->result.why = buf;
}

static void take_kernel(struct grading *g)
{
    const char *kernel = record_text(records_header(g->records), "kernel");

    snprintf(g->kernel, sizeof(g->kernel), "%s", kernel ? kernel : "");
    printable_mend(g->kernel);
    g->result.kernel = kernel ? g->kernel : NULL;
}

static int judge(struct grading *g, FILE *result)
{
    char doubt[CHECK_TEXT_MAX];
    const int foreign = check_all(g->job->lab, g->records, g->result.outcomes, &g->result.outcome_count);
    int status, written;

    if (foreign < 0)
        return refuse(g, "out of memory");
    if (foreign)
        g->result.answer_count = 0; /* they are of somebody else, or to other questions */
    else
        take_open_questions(g);
    take_kernel(g);
    say_doubt(g, doubt);
    written = write_result(g, result); /* first: whoever reads the rest may stand still */
    if (!is_silent(g->job->options))
        lab_reveal(g->job, &g->result, g->records, show, g);
    status = status_of(check_sum_up(g->result.outcomes, g->result.outcome_count));
    if (g->job->options->mutation && !foreign)
        status = lab_judge_mutation(g->job, &g->result, is_silent(g->job->options) ? NULL : g->job->talk);
    fflush(g->job->talk);
    return written == EXIT_DONE ? status : written;
}

/* ---- the whole */

static void grading_begin(struct grading *g, struct lab_job *job, const struct lab_trace *trace)
{
    static const struct lab unknown = { .name = "lab" };
    const struct lab_options *o = job->options;

    g->job = job;
    g->trace = trace;
    g->result.lab = job->lab ? job->lab : &unknown;
    g->result.guide = job->guide;
    g->result.asks = lab_asks(o) || (o->check && !o->automatic);
}

static int refuse_result(struct grading *g, FILE *result)
{
    struct check_outcome *o = &g->result.outcomes[0];

    printable_mend(g->refusal);
    *o = (struct check_outcome){ .id = "lab", .result = CHECK_FAILED };
    snprintf(o->expected, sizeof(o->expected), "a trace of a lab");
    snprintf(o->seen, sizeof(o->seen), "%s", g->refusal);
    g->result.outcome_count = 1;
    g->result.answer_count = 0;
    g->result.why = g->refusal;
    (void)write_result(g, result);
    return EXIT_FAILED;
}

int lab_refuse(struct lab_job *job, FILE *result, const char *why)
{
    struct grading *g = calloc(1, sizeof(*g));

    if (g) {
        grading_begin(g, job, NULL);
        snprintf(g->refusal, sizeof(g->refusal), "%s", why);
        refuse_result(g, result);
    }
    free(g);
    return EXIT_FAILED;
}

int lab_grade(struct lab_job *job, const struct lab_trace *trace, FILE *result)
{
    struct grading *g = calloc(1, sizeof(*g));
    int status = EXIT_FAILED;

    if (!g || trace_decoder_new(&g->decoder) < 0 || records_new(&g->records) < 0) {
        log_error("out of memory");
    } else {
        grading_begin(g, job, trace);
        status = take_lines(g);
        if (status == EXIT_DONE)
            status = judge(g, result);
        if (*g->refusal)
            status = refuse_result(g, result);
    }
    if (g) {
        trace_decoder_free(g->decoder);
        records_free(g->records);
        free(g);
    }
    return status;
}

/* ---- the file of the result */

FILE *lab_result_open(const struct lab_options *o, int *ret_status)
{
    FILE *file;
    int fd;

    *ret_status = EXIT_DONE;
    if (!o->result)
        return NULL;
    if (command_to_stdout(o->result))
        return stdout;
    fd = output_open(o->result, O_WRONLY | O_TRUNC);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file) {
        log_error("cannot write %s: %s", o->result, fd < 0 ? output_explain(fd) : strerror(errno));
        *ret_status = EXIT_FAILED;
    }
    return file;
}

int lab_result_close(const struct lab_options *o, FILE *file, int status)
{
    if (!file || file == stdout || fclose(file) == 0 || status != EXIT_DONE)
        return status;
    log_error("cannot write %s: %s", o->result, strerror(errno));
    return EXIT_FAILED;
}
