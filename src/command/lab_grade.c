/* Reads a trace, and holds it against a lab: the same whether it was recorded just now or elsewhere. */
#include "lab_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "tcplens/base/limits.h"
#include "tcplens/base/log.h"
#include "tcplens/sink/timeline.h"
#include "tcplens/trace/decode.h"

#define CHUNK (1u << 16)

struct grading {
    struct lab_job *job;
    const char *name;
    gzFile in;
    struct trace_decoder *decoder;
    struct records *records;
    struct result result;
    uint64_t start_ns, line, damaged, first_damaged;
    char why[TRACE_DECODE_ERROR_MAX]; /* of the first line that is damaged */
    char *text;                       /* of the trace, whole */
    size_t len;
};

/* ---- reading */

/* The whole of it, uncompressed. What is wrong with the file is told. */
static int read_all(struct grading *g)
{
    for (;;) {
        char *larger = g->len + CHUNK + 1 <= LIMIT_LAB_TRACE ? realloc(g->text, g->len + CHUNK + 1) : NULL;
        const char *damage;
        int n;

        if (!larger) {
            log_error("%s: is longer than a trace of a lab can be, or there is no memory for it", g->name);
            return EXIT_FAILED;
        }
        g->text = larger;
        n = gzread(g->in, g->text + g->len, CHUNK);
        damage = command_gzip_damage(g->in, n);
        if (n > 0)
            g->len += (size_t)n;
        g->text[g->len] = '\0';
        if (damage)
            log_note("%s is cut: %s; this is of what came before", g->name, damage);
        if (n <= 0 || damage)
            return EXIT_DONE;
    }
}

static void take_answer(struct grading *g, const struct change *change)
{
    const cJSON *question;

    if (g->result.answer_count == RESULT_ANSWERS_MAX)
        return;
    cJSON_ArrayForEach (question, g->job->lab->questions) {
        const char *id = record_text(question, "id"), *answer = record_text(question, "answer");
        const cJSON *choice;

        if (strcmp(id, change->answer.question) != 0)
            continue;
        cJSON_ArrayForEach (choice, cJSON_GetObjectItemCaseSensitive(question, "choices"))
            if (strcmp(choice->valuestring, change->answer.choice) == 0)
                /* whether it is right is not the trace's to say */
                g->result.answers[g->result.answer_count++] =
                    (struct result_answer){ id, choice->valuestring, (unsigned)record_number(question, "points", 0),
                                            strcmp(choice->valuestring, answer) == 0 };
        return;
    }
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
        if (g->line == 1) {
            log_error("%s is no tcplens trace: line 1: %s", g->name, error);
            return EXIT_FAILED;
        }
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
        g->result.seconds = (unsigned)((got.end.ts_ns - g->start_ns) / 1000000000);
    if (records_add(g->records, line, len) == -ENOMEM) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    return EXIT_DONE;
}

static int take_lines(struct grading *g)
{
    int status = EXIT_DONE;

    for (const char *line = g->text, *end = g->text + g->len; line < end && status == EXIT_DONE;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const size_t len = (size_t)((newline ? newline : end) - line);

        /* what a cut left of a line is none */
        if (newline || line[len - 1] == '}')
            status = take_line(g, line, len && line[len - 1] == '\r' ? len - 1 : len);
        line += len + 1;
    }
    if (status == EXIT_DONE && !g->line) {
        log_error("%s is empty: a trace begins with a header", g->name);
        return EXIT_FAILED;
    }
    if (g->damaged)
        log_note("%s: %llu line%s damaged and passed over, the first is line %llu: %s", g->name,
                 (unsigned long long)g->damaged, g->damaged == 1 ? " is" : "s are",
                 (unsigned long long)g->first_damaged, g->why);
    return status;
}

/* ---- telling */

/* The record of that number, as the timeline has it. */
static void show(void *arg, uint64_t n)
{
    struct grading *g = arg;
    struct trace_decoder *decoder;
    char error[TRACE_DECODE_ERROR_MAX], line[TIMELINE_LINE_MAX];
    const char *at = g->text;
    struct trace_line got;

    if (trace_decoder_new(&decoder) < 0)
        return;
    for (const char *newline; *at && (newline = strchrnul(at, '\n')); at = *newline ? newline + 1 : newline) {
        if (trace_decode(decoder, at, (size_t)(newline - at), &got, error) < 0 || got.kind != TRACE_LINE_CHANGE ||
            got.change.n != n)
            continue;
        fwrite(line, 1, timeline_format(&got.change, g->start_ns, isatty(STDOUT_FILENO) && !getenv("NO_COLOR"), line),
               stdout);
        break;
    }
    trace_decoder_free(decoder);
}

static int status_of(enum check_result result)
{
    return result == CHECK_PASSED ? EXIT_DONE : result == CHECK_FAILED ? EXIT_CHECKS : EXIT_LOST;
}

static int judge(struct grading *g, FILE *result)
{
    const struct lab_options *o = g->job->options;
    int status, r;

    if (check_all(g->job->lab, g->records, g->result.outcomes, &g->result.outcome_count) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    status = status_of(check_sum_up(g->result.outcomes, g->result.outcome_count));
    g->result.kernel = record_text(records_header(g->records), "kernel");
    if (!o->output.quiet && result != stdout)
        lab_reveal(g->job, &g->result, g->records, show, g);
    fflush(stdout);
    r = result ? result_write(&g->result, (enum result_format)o->result_format, result) : 0;
    if (r < 0) {
        log_error("cannot write %s: %s", o->result, strerror(-r));
        return EXIT_FAILED;
    }
    return status;
}

int lab_grade(struct lab_job *job, const char *name, int fd, FILE *result)
{
    struct grading *g = calloc(1, sizeof(*g));
    int status = EXIT_FAILED;

    if (!g || !(g->in = gzdopen(fd, "rb")) || trace_decoder_new(&g->decoder) < 0 || records_new(&g->records) < 0) {
        log_error("out of memory");
    } else {
        g->job = job;
        g->name = name;
        g->result.lab = job->lab;
        g->result.guide = job->guide;
        status = read_all(g);
        if (status == EXIT_DONE)
            status = take_lines(g);
        if (status == EXIT_DONE)
            status = judge(g, result);
    }
    if (g) {
        if (g->in)
            gzclose(g->in);
        trace_decoder_free(g->decoder);
        records_free(g->records);
        free(g->text);
        free(g);
    }
    return status;
}

/* ---- what a trace is of */

#define PEEK_LINES 64

static void take_names(const cJSON *first, char **ret_lab, char **ret_student)
{
    const char *lab = record_text(first, "lab"), *student = record_text(first, "student");

    *ret_lab = lab ? strdup(lab) : NULL;
    *ret_student = student ? strdup(student) : NULL;
}

int lab_peek(int fd, char **ret_lab, char **ret_student)
{
    gzFile in = gzdopen(fd, "rb");
    char *line = malloc(LIMIT_TRACE_LINE);
    struct records *records = NULL;
    bool is_trace;

    *ret_lab = *ret_student = NULL;
    if (!in || !line || records_new(&records) < 0)
        log_error("out of memory");
    for (size_t i = 0; records && i < PEEK_LINES && !*ret_lab && gzgets(in, line, LIMIT_TRACE_LINE); i++) {
        if (records_add(records, line, strlen(line)) < 0 || !records_header(records))
            break;
        if (strcmp(record_kind(records_at(records, i)), "lab") == 0)
            take_names(records_at(records, i), ret_lab, ret_student);
    }
    free(line);
    if (in)
        gzclose(in);
    else
        close(fd);
    is_trace = records && records_header(records);
    records_free(records);
    return is_trace ? 0 : -1;
}
