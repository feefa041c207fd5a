/* What `tcplens lab` was asked for, and the parts that do it. */
#ifndef TCPLENS_LAB_JOB_H
#define TCPLENS_LAB_JOB_H

#include "tcplens/command/command.h"
#include "tcplens/lab/guide.h"
#include "tcplens/lab/load.h"
#include "tcplens/lab/result.h"
#include "tcplens/lab/run.h"

#define LAB_STUDENT_MAX 64 /* bytes of a name */

enum lab_language { LAB_ENGLISH, LAB_CHINESE, LAB_LANGUAGES };

struct lab_options {
    bool list, names, automatic, timeline, sampled;
    const char *check, *result, *report, *student, *mutation;
    int result_format; /* enum result_format */
    int exported;      /* 0: nothing; else what --export takes, from 1 */
    int language;      /* 0: as the locale says; else enum lab_language + 1 */
    struct command_output output;
    struct command_io io;
};

/* The files of one lab; texts end with a NUL. */
struct lab_files {
    const char *where; /* as messages name it */
    const char *lab, *guides[LAB_LANGUAGES];
    char *folder, *owned[1 + LAB_LANGUAGES]; /* a folder's path, and its files; NULL: it is one of ours */
};

struct lab_job {
    const struct lab_options *options;
    FILE *talk; /* what is said to the person: stdout, unless that is for a program */
    enum lab_language language;
    struct lab_files files;
    struct lab *lab;
    struct guide *guide;
    struct run_answer answers[RESULT_ANSWERS_MAX];
    unsigned answer_count;
};

/* ---- lab_files.c. An exit status; what is wrong is told. */
/* name: of a lab that the program brings, or the path of a folder (it has a slash), which is read, and parsed later. */
int lab_files_find(const char *name, struct lab_files *ret_files);
/* The same of a lab that the program brings, without a word: nothing is opened. false: there is none of that name. */
bool lab_files_ours(const char *name, struct lab_files *ret_files);
enum lab_language lab_language(const struct lab_options *options);
/* Prints the labs there are: their names, or with titles. */
void lab_files_list(enum lab_language language, bool names);
/* Reads the lab and the guide. student: NULL: nobody's. */
int lab_job_load(struct lab_job *job, const char *student);
void lab_job_free(struct lab_job *job);

/* ---- lab_trace.c */
struct lab_trace {
    const char *name; /* as messages name it */
    char *text;       /* uncompressed; ends with a NUL */
    size_t len;
};
/* fd: of a trace, gzip or not; it is closed. An exit status; what is wrong is told, and written to why. To be freed after either. */
int lab_trace_read(const char *name, int fd, struct lab_trace *ret_trace, char why[static CHECK_TEXT_MAX]);
void lab_trace_free(struct lab_trace *trace);
/* The next line, the first after { 0 }, without its end. false: there is none. */
struct lab_line {
    const char *text, *next;
    size_t len;
};
bool lab_trace_next(const struct lab_trace *trace, struct lab_line *line);
/* The lab and the student that it says it is of, which can be printed; each for the caller to free(), NULL: it does not say. -1: it is no trace. */
int lab_trace_names(const struct lab_trace *trace, char **ret_lab, char **ret_student);

/* ---- lab_talk.c: with the person at the terminal */
/* Whether somebody is asked here. */
bool lab_asks(const struct lab_options *options);
/* Whether that is for the page which is served, as no grader counts the answers. */
bool lab_page_asks(const struct lab_options *options);
void lab_introduce(const struct lab_job *job);
/* Asks the questions, before anything can be seen. */
void lab_ask(struct lab_job *job);
/* What came of it. show: prints the record of that number, which shows an answer. */
void lab_reveal(const struct lab_job *job, const struct result *result, const struct records *records,
                void (*show)(void *arg, uint64_t n, FILE *to), void *arg);

/* ---- lab_page.c */
/* The pages that show the trace, served or saved, have the guide and the questions too. An exit status. */
int lab_page(const struct lab_job *job);

/* ---- lab_mutation.c */
/* Says by to, unless that is NULL, whether the checks failed that the mutation which was run names. EXIT_CHECKS: they did; EXIT_LOST:
 * one cannot be told; EXIT_FAILED: one did not. */
int lab_judge_mutation(const struct lab_job *job, const struct result *result, FILE *to);

/* ---- lab_grade.c. An exit status: EXIT_DONE, EXIT_CHECKS, EXIT_LOST, or what went wrong. */
/* What the trace has of answers counts. */
int lab_grade(struct lab_job *job, const struct lab_trace *trace, FILE *result);
/* Nothing can be judged, and the result says why, in a sentence: a grader that finds no result takes itself to be broken. Of job the
 * lab may be missing. An exit status. */
int lab_refuse(struct lab_job *job, FILE *result, const char *why);
/* The file of --result, for lab_result_close(). NULL: none was asked for, or *ret_status is not EXIT_DONE. */
FILE *lab_result_open(const struct lab_options *options, int *ret_status);
/* The exit status, which was the given one before. file: NULL: there is none. */
int lab_result_close(const struct lab_options *options, FILE *file, int status);

/* ---- lab_check.c */
/* Grades the trace of --check, after it has given up all rights. name: of the lab; NULL: the trace names it. An exit status. */
int lab_check(struct lab_job *job, const char *name);

#endif
