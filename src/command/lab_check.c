/* tcplens lab --check: grades a trace that somebody else made. All that has to be opened is opened first; then rights end, and only
 * then the trace is read, and the lab that it is of. */
#include "lab_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcplens/base/log.h"
#include "tcplens/base/rights.h"

/* The trace cannot be had: the result says so too. */
static int refuse_unread(struct lab_job *job)
{
    const int error = errno;
    char why[CHECK_TEXT_MAX];
    int status;
    FILE *result = lab_result_open(job->options, &status);

    snprintf(why, sizeof(why), "cannot read %.100s: %s", job->options->check, strerror(error));
    return status == EXIT_DONE ? lab_result_close(job->options, result, lab_refuse(job, result, why)) : status;
}

static int refuse_nameless(struct lab_job *job, FILE *result, const char *what)
{
    char why[CHECK_TEXT_MAX];

    snprintf(why, sizeof(why), "%.100s %s", job->options->check, what);
    log_error("%s", why);
    return lab_refuse(job, result, why);
}

/* What is wrong with the lab was told to who grades; that nothing was judged is for the result as well. */
static int refuse_lab(struct lab_job *job, FILE *result, int status)
{
    lab_refuse(job, result, "the lab that it is of cannot be had");
    return status;
}

/* By the lab that is named, or by the one the trace names: of those that the program brings, for a stranger does not say which
 * folder is read. */
static int grade(struct lab_job *job, bool named, const struct lab_trace *trace, FILE *result)
{
    char *lab = NULL, *student = NULL;
    const bool is_trace = lab_trace_names(trace, &lab, &student) == 0;
    int status;

    if (!named && !lab) {
        status = refuse_nameless(job, result, is_trace ? "does not say which lab it is of" : "is no tcplens trace");
    } else {
        status = named ? EXIT_DONE : lab_files_ours(lab, &job->files);
        if (status == EXIT_DONE)
            status = lab_job_load(job, job->options->student ? job->options->student : student);
        status = status == EXIT_DONE ? lab_grade(job, trace, result) : refuse_lab(job, result, status);
    }
    free(lab);
    free(student);
    return status;
}

static int read_and_grade(struct lab_job *job, bool named, int fd, FILE *result)
{
    char why[CHECK_TEXT_MAX];
    struct lab_trace trace;
    int status = lab_trace_read(job->options->check, fd, &trace, why);

    status = status == EXIT_DONE ? grade(job, named, &trace, result) : lab_refuse(job, result, why);
    lab_trace_free(&trace);
    return status;
}

int lab_check(struct lab_job *job, const char *name)
{
    int status = name ? lab_files_find(name, &job->files) : EXIT_DONE, fd;
    FILE *result;

    if (status != EXIT_DONE)
        return status;
    fd = command_open_input(job->options->check);
    if (fd < 0)
        return refuse_unread(job);
    result = lab_result_open(job->options, &status);
    if (status == EXIT_DONE && rights_give_up(&(struct confine){ 0 }) < 0) {
        log_error("cannot drop rights");
        status = EXIT_FAILED;
    }
    if (status == EXIT_DONE)
        status = read_and_grade(job, name, fd, result);
    else
        close(fd);
    return lab_result_close(job->options, result, status);
}
