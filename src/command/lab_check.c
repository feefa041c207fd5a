/* tcplens lab --check: grades a trace that somebody else made. All files are opened first, and those of the lab read; then rights
 * end, and only then the trace is read, and the lab parsed. */
#include "lab_job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"

/* The result says so too. */
static int refuse(struct lab_job *job, FILE *result, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(struct lab_job *job, FILE *result, const char *format, ...)
{
    char why[CHECK_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    log_error("%s", why);
    return lab_refuse(job, result, why);
}

/* By the lab that is named, or by the one the trace names: of those that the program brings, for a stranger does not say which
 * folder is read. */
static int grade(struct lab_job *job, bool named, const struct lab_trace *trace, FILE *result)
{
    char *lab = NULL, *student = NULL;
    const bool is_trace = lab_trace_names(trace, &lab, &student) == 0;
    int status;

    if (!named && !lab) {
        status = refuse(job, result, "%.400s %s", trace->name,
                        is_trace ? "does not say which lab it is of" : "is no tcplens trace");
    } else if (!named && !lab_files_ours(lab, &job->files)) {
        status =
            refuse(job, result, "%.300s is of a lab '%s', which is none of --list: name its folder", trace->name, lab);
    } else {
        status = lab_job_load(job, job->options->student ? job->options->student : student);
        if (status == EXIT_DONE)
            status = lab_grade(job, trace, result);
        else
            lab_refuse(job, result, "the lab itself is faulty"); /* which was told */
    }
    free(lab);
    free(student);
    return status;
}

static int read_and_grade(struct lab_job *job, bool named, int fd, FILE *result)
{
    char why[CHECK_TEXT_MAX];
    struct lab_trace trace;
    int status = lab_trace_read(command_input_name(job->options->check), fd, &trace, why);

    status = status == EXIT_DONE ? grade(job, named, &trace, result) : lab_refuse(job, result, why);
    lab_trace_free(&trace);
    return status;
}

/* The trace cannot be opened, which was told. */
static int refuse_unread(struct lab_job *job, bool named, int error, FILE *result)
{
    char why[CHECK_TEXT_MAX];

    snprintf(why, sizeof(why), "cannot read %.400s: %s", command_input_name(job->options->check), strerror(error));
    if (named)
        (void)lab_job_load(job, job->options->student); /* so that the result says of how many points */
    return lab_refuse(job, result, why);
}

int lab_check(struct lab_job *job, const char *name)
{
    int status = name ? lab_files_find(name, &job->files) : EXIT_DONE, fd, error;
    FILE *result;

    if (status != EXIT_DONE)
        return status;
    fd = command_open_input(job->options->check);
    error = errno;
    result = lab_result_open(job->options, &status);
    if (status != EXIT_DONE) {
        cleanup_close(&fd);
        return status;
    }
    if (rights_give_up(&(struct confine){ 0 }) < 0) {
        cleanup_close(&fd);
        status = refuse(job, result, "cannot drop rights");
    } else {
        status = fd < 0 ? refuse_unread(job, name, error, result) : read_and_grade(job, name, fd, result);
    }
    return lab_result_close(job->options, result, status);
}
