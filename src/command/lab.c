/* tcplens lab: runs a lab, or grades a trace of one. A process of its own runs it, moves into the lab's namespaces and gives its
 * rights up; this one stays as it is, asks before, and judges the trace when it is complete, as any trace that is brought. */
#include "lab_job.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tcplens/base/cleanup.h"
#include "tcplens/base/log.h"
#include "tcplens/base/output.h"
#include "tcplens/base/printable.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/stop.h"

static const char *const export_words[] = { "", "gift", "schema", NULL };
static const char *const language_words[] = { "", "en", "zh", NULL };
enum { EXPORT_NOTHING, EXPORT_GIFT, EXPORT_SCHEMA };

static int take_word(const char *value, int *ret, const char *const *words, const char *list,
                     char why[static OPTIONS_ERROR_MAX])
{
    char hint[96];
    int i;

    for (i = 1; words[i]; i++) {
        if (strcmp(words[i], value) == 0) {
            *ret = i;
            return 0;
        }
    }
    snprintf(why, OPTIONS_ERROR_MAX, " takes %s, not '%.100s'%s", list, value,
             options_hint(value, words + 1, (size_t)i - 1, hint));
    return -EINVAL;
}

static int take_export(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    return take_word(value, member, export_words, "gift or schema", why);
}

static int take_language(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    return take_word(value, member, language_words, "en or zh", why);
}

static int take_student(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    if (!*value || strlen(value) > LAB_STUDENT_MAX || printable_fault(value)) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes a name of 1 to %d bytes, all of which can be printed",
                 LAB_STUDENT_MAX);
        return -EINVAL;
    }
    *(const char **)member = value;
    return 0;
}

#define AT(member) offsetof(struct lab_options, member)

static const struct option_row rows[] = {
    { .name = "list", .help = "print the labs there are", .kind = OPTION_FLAG, .offset = AT(list) },
    { .name = "names", .help = "with --list: their names alone", .kind = OPTION_FLAG, .offset = AT(names) },
    { .name = "auto",
      .help = "run and check it; ask nothing, and count no prediction (so with --check, too)",
      .kind = OPTION_FLAG,
      .offset = AT(automatic) },
    { .name = "check",
      .argument = "TRACE",
      .help = "run nothing: hold a trace of the lab, recorded anywhere, against its checks; needs no right",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_FILE,
      .offset = AT(check) },
    { .name = "student",
      .argument = "ID",
      .help = "choose what varies (port, backlog, message) by this name; with --check: it must be this student's",
      .kind = OPTION_TAKEN,
      .take = take_student,
      .offset = AT(student) },
    { .name = "result",
      .argument = "FILE",
      .help = "write what came of the checks for a grader",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_OUTPUT,
      .offset = AT(result) },
    { .name = "result-format",
      .argument = "FORMAT",
      .help = "of --result: gradescope, classroom (GitHub), junit, tap or coderunner (Moodle)",
      .kind = OPTION_WORD,
      .words = result_format_words,
      .offset = AT(result_format) },
    { .name = "report",
      .argument = "FILE.html",
      .help = "write a page that shows the trace, and needs nothing else",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_OUTPUT,
      .offset = AT(report) },
    { .name = "timeline", .help = "print all that happens as it does", .kind = OPTION_FLAG, .offset = AT(timeline) },
    { .name = "sampled",
      .help = "sample the kernel's states, as for want of rights, though eBPF could be loaded",
      .kind = OPTION_FLAG,
      .offset = AT(sampled) },
    { .name = "mutation",
      .argument = "ID",
      .help = "change the lab as its mutation of this name says: a check must then fail",
      .kind = OPTION_TEXT,
      .offset = AT(mutation) },
    { .name = "export",
      .argument = "WHAT",
      .help = "print the questions of the lab as Moodle takes them (gift), or the JSON Schema of lab.json (schema)",
      .kind = OPTION_TAKEN,
      .words = &export_words[1],
      .take = take_export,
      .offset = AT(exported) },
    { .name = "lang",
      .argument = "en|zh",
      .help = "language of the guide (default: that of the locale)",
      .kind = OPTION_TAKEN,
      .words = &language_words[1],
      .take = take_language,
      .offset = AT(language) },
    COMMAND_OUTPUT_ROWS(struct lab_options, output),
};
static const struct option_table table = OPTION_TABLE(rows);

/* ---- exports */

/* GIFT (docs.moodle.org/en/GIFT_format) gives these a meaning. */
static void put_gift(const char *text)
{
    for (; *text; text++) {
        if (strchr("~=#{}:\\", *text))
            putchar('\\');
        if (*text == '\n')
            putchar(' ');
        else
            putchar(*text);
    }
}

static void put_gift_choice(const struct lab_job *job, const char *id, const char *choice, bool right)
{
    const char *text = guide_choice(job->guide, id, choice), *feedback = guide_feedback(job->guide, id, choice);

    fputs(right ? "  =" : "  ~", stdout);
    put_gift(text ? text : choice);
    if (feedback) {
        fputs(" #", stdout);
        put_gift(feedback);
    }
    putchar('\n');
}

static void export_gift(const struct lab_job *job)
{
    const cJSON *question, *choice;

    cJSON_ArrayForEach (question, job->lab->questions) {
        const char *id = record_text(question, "id"), *text = guide_text(job->guide, id);

        printf("::%s %s::", job->lab->name, id);
        put_gift(text ? text : id);
        fputs(" {\n", stdout);
        cJSON_ArrayForEach (choice, cJSON_GetObjectItemCaseSensitive(question, "choices"))
            put_gift_choice(job, id, choice->valuestring,
                            strcmp(choice->valuestring, record_text(question, "answer")) == 0);
        fputs("}\n\n", stdout);
    }
}

static int export_schema(void)
{
    char *text = lab_schema();

    if (!text) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    puts(text);
    free(text);
    return EXIT_DONE;
}

/* ---- running */

/* tcplens-echo, beside this program. */
static const char *echo_path(char buf[static 4096])
{
    const ssize_t n = readlink("/proc/self/exe", buf, 4096 - sizeof("tcplens-echo"));
    char *slash;

    buf[n > 0 ? n : 0] = '\0';
    slash = strrchr(buf, '/');
    strcpy(slash ? slash + 1 : buf, "tcplens-echo");
    return buf;
}

/* System calls are what many a lab is about: each source that can follow them does. */
static void ask_for_calls(const struct command_io *io)
{
    for (size_t i = 0; i < source_count; i++) {
        const struct option_set set = { source_table[i]->options, io->sources[i] };
        char *argv[] = { "lab", "--calls", NULL }, error[OPTIONS_ERROR_MAX];
        int rest;

        if (source_table[i]->live && set.table)
            (void)!options_parse(&set, 1, OPTIONS_ANYWHERE, 2, argv, &rest, error);
    }
}

static void note(const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_note("%s", text);
}

/* In a process of its own. trace: where it goes. An exit status. */
static int perform(const struct lab_job *job, const char *trace, int complete)
{
    const struct lab_options *o = job->options;
    const struct command_output output = { .path = trace, .quiet = !o->timeline, .force = true };
    char error[PIPELINE_ERROR_MAX] = "", echo[4096];
    struct sink_context context;
    struct sinks sinks;
    struct run_config config = { .lab = job->lab,
                                 .sinks = &sinks,
                                 .answers = job->answers,
                                 .answer_count = job->answer_count,
                                 .sources = o->io.sources,
                                 .sampled = o->sampled,
                                 .held = command_serves(&o->io) && !o->automatic && !o->output.quiet,
                                 .echo = echo_path(echo),
                                 .complete = complete,
                                 .note = note };
    int status = command_open_sinks("lab", &output, &o->io, &context, &sinks);
    enum run_result r;

    if (status != EXIT_DONE)
        return status;
    ask_for_calls(&o->io);
    r = run_lab(&config, error);
    if (sinks_close(&sinks) < 0 && r == RUN_DONE)
        r = RUN_FAILED;
    if (r == RUN_FAILED || r == RUN_RIGHTS)
        log_error("%s", *error ? error : "the trace could not be written");
    return r == RUN_RIGHTS ? EXIT_RIGHTS : r == RUN_FAILED ? EXIT_FAILED : EXIT_DONE;
}

static int reap(pid_t child)
{
    int status;

    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return EXIT_FAILED;
    if (WIFSIGNALED(status))
        log_error("the process that ran the lab was ended: %s", strsignal(WTERMSIG(status)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}

/* The trace is at a descriptor that both processes have. */
static int start(const struct lab_job *job, const char *trace, FILE *result, int *ret_complete, pid_t *ret_child)
{
    int ends[2];

    fflush(stdout);
    if (pipe2(ends, O_CLOEXEC) < 0 || (*ret_child = fork()) < 0) {
        log_error("cannot start a process: %s", strerror(errno));
        return EXIT_FAILED;
    }
    if (*ret_child == 0) {
        int status;

        close(ends[0]);
        if (result && result != stdout)
            close(fileno(result)); /* which is not for who reads the network */
        status = perform(job, trace, ends[1]);
        fflush(stdout);
        _exit(status);
    }
    close(ends[1]);
    *ret_complete = ends[0];
    /* Ctrl-C comes to the process that runs the lab, too: what it has by then is judged */
    signal(SIGINT, SIG_IGN);
    return EXIT_DONE;
}

static int make_report(const struct lab_job *job, const char *trace)
{
    char *argv[] = { "report", "--force", "-o", (char *)job->options->report, (char *)trace, NULL };

    return command_report.run(5, argv);
}

static int copy_out(int fd)
{
    char buffer[1 << 16];
    ssize_t n;

    for (off_t at = 0; (n = pread(fd, buffer, sizeof(buffer), at)) > 0; at += n)
        if (fwrite(buffer, 1, (size_t)n, stdout) != (size_t)n)
            return EXIT_FAILED;
    return fflush(stdout) == 0 && n == 0 ? EXIT_DONE : EXIT_FAILED;
}

/* What was recorded, by whom it is asked for. Rights end here: the trace holds what came from the network. */
static int judge(struct lab_job *job, int fd, const char *path, FILE *result)
{
    const bool to_stdout = job->options->output.path && command_to_stdout(job->options->output.path);
    char why[CHECK_TEXT_MAX];
    int shown = EXIT_DONE, status, again;
    struct lab_trace trace;

    if (job->options->report)
        shown = make_report(job, path);
    if (to_stdout && copy_out(fd) != EXIT_DONE)
        shown = EXIT_FAILED;
    again = dup(fd);
    lseek(again, 0, SEEK_SET);
    if (rights_give_up(&(struct confine){ 0 }) < 0) {
        log_error("cannot drop rights");
        return lab_refuse(job, result, "cannot drop rights");
    }
    status = lab_trace_read("the trace", again, &trace, why);
    status = status == EXIT_DONE ? lab_grade(job, &trace, result) : lab_refuse(job, result, why);
    lab_trace_free(&trace);
    return shown == EXIT_DONE ? status : shown;
}

/* False: who runs the lab has ended without, or is to end. */
static bool await_trace(int complete, bool *ret_asked)
{
    char done;
    int r = stop_watch();

    if (r >= 0)
        r = stop_poll(complete, POLLIN);
    *ret_asked = r == -ECANCELED;
    stop_unwatch();
    return r == 0 && read(complete, &done, 1) == 1;
}

static int run_and_judge(struct lab_job *job, int fd, const char *path, FILE *result)
{
    CLEANUP_CLOSE int complete = -1; /* open to the end: who runs the lab ends without its reader */
    bool asked;
    int status;
    pid_t child;

    status = start(job, path, result, &complete, &child);
    if (status != EXIT_DONE)
        return status;
    if (await_trace(complete, &asked)) {
        status = judge(job, fd, path, result);
        reap(child);
        return status;
    }
    close(cleanup_keep(&complete));
    status = reap(child);
    if (asked && status == EXIT_DONE)
        return judge(job, fd, path, result); /* what there is of it */
    command_remove_empty(&job->options->io);
    return status == EXIT_DONE ? EXIT_FAILED : status;
}

static int run_job(struct lab_job *job)
{
    const struct lab_options *o = job->options;
    const bool to_file = !command_to_stdout(o->output.path);
    /* a file is written as it comes; else the trace is kept in memory */
    CLEANUP_CLOSE int fd = to_file ? output_open(o->output.path, O_RDWR | O_TRUNC) : memfd_create("trace", MFD_CLOEXEC);
    char path[64];
    int status;
    FILE *result;

    if (to_file && fd >= 0)
        flock(fd, LOCK_UN); /* who runs the lab writes it, and holds it */
    if (fd < 0) {
        log_error("cannot write %s: %s", to_file ? o->output.path : "the trace",
                  to_file ? output_explain(fd) : strerror(errno));
        return EXIT_FAILED;
    }
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    result = lab_result_open(o, &status);
    if (status == EXIT_DONE)
        status = run_and_judge(job, fd, to_file ? o->output.path : path, result);
    return lab_result_close(o, result, status);
}

/* Whether the kernel witness can look, where the lab is nothing without it: tried before somebody is asked anything. */
static int try_kernel(const struct lab_job *job)
{
    struct trace_clock clock;
    const struct source_context context = { .clock = &clock, .all_netns = true };
    char why[SOURCE_ERROR_MAX];

    trace_clock_init(&clock);
    for (size_t i = 0; i < source_count && job->lab->needs_kernel; i++) {
        const struct source_ops *ops = source_table[i];
        void *source;

        if (ops->witness != WITNESS_KERNEL || !ops->live)
            continue;
        if (ops->open(&context, job->options->io.sources[i], &source, why) < 0) {
            log_error("lab %s needs the kernel witness: %s", job->lab->name, why);
            return EXIT_RIGHTS;
        }
        ops->close(source);
    }
    return EXIT_DONE;
}

static int play(struct lab_job *job)
{
    const struct lab_options *o = job->options;
    int status;

    if (job->lab->needs_root && geteuid() != 0) {
        log_error("lab %s needs root: run it as root", job->lab->name);
        return EXIT_RIGHTS;
    }
    status = command_require_proc();
    if (status == EXIT_DONE)
        status = try_kernel(job);
    if (status != EXIT_DONE)
        return status;
    if (lab_asks(o)) {
        lab_introduce(job);
        lab_ask(job);
    }
    status = lab_page(job);
    return status == EXIT_DONE ? run_job(job) : status;
}

/* ---- the command line */

static int do_export(struct lab_job *job)
{
    int status = EXIT_FAILED;

    if (rights_give_up(&(struct confine){ 0 }) < 0)
        log_error("cannot drop rights");
    else
        status = lab_job_load(job, job->options->student);
    if (status == EXIT_DONE)
        export_gift(job);
    return status;
}

static int do_job(struct lab_job *job, const char *name)
{
    const struct lab_options *o = job->options;
    int status = lab_files_find(name, &job->files);

    if (status == EXIT_DONE && o->exported == EXPORT_GIFT)
        return do_export(job);
    if (status == EXIT_DONE)
        status = lab_job_load(job, o->student);
    return status == EXIT_DONE ? play(job) : status;
}

static int check_usage(const struct lab_options *o, int words)
{
    if (words > 1)
        return command_usage_error("lab", "one lab at a time");
    if (o->names && !o->list)
        return command_usage_error("lab", "--names goes with --list");
    if (o->result_format && !o->result)
        return command_usage_error("lab", "--result-format goes with --result");
    if (o->check && (o->report || o->timeline || o->output.path || o->exported || command_has_sinks(&o->io)))
        return command_usage_error("lab",
                                   "--check runs nothing: it goes with --result, --student, --auto, --lang, --quiet");
    if (!words && !o->list && !o->check && o->exported != EXPORT_SCHEMA)
        return command_usage_error("lab", "which lab? --list shows them");
    return EXIT_DONE;
}

static int dispatch(struct lab_job *job, const char *name)
{
    const struct lab_options *o = job->options;

    if (o->list) {
        lab_files_list(job->language, o->names);
        return EXIT_DONE;
    }
    if (o->exported == EXPORT_SCHEMA)
        return export_schema();
    return o->check ? lab_check(job, name) : do_job(job, name);
}

static int run(int argc, char *argv[])
{
    struct lab_options o = { 0 };
    struct lab_job job = { .options = &o, .talk = stdout };
    int rest, status = command_parse(&command_lab, OPTIONS_ANYWHERE, argc, argv, &o, &o.io, &rest);

    if (status == COMMAND_GO_ON)
        status = check_usage(&o, argc - rest);
    else
        rest = argc;
    if (status == EXIT_DONE && (rest < argc || o.list || o.check || o.exported)) {
        job.language = lab_language(&o);
        if ((o.result && command_to_stdout(o.result)) || (o.output.path && command_to_stdout(o.output.path)))
            job.talk = stderr;
        status = dispatch(&job, rest < argc ? argv[rest] : NULL);
    }
    lab_job_free(&job);
    command_io_free(&o.io);
    return status;
}

const struct command command_lab = {
    .name = "lab",
    .summary = "run a lab on TCP, or grade a trace of one",
    .usage = "[NAME|FOLDER/] [OPTION]...",
    .about = "Runs a lab in network namespaces of its own: asks what will happen, lets it happen on\n"
             "this kernel, and proves by the trace what did. Nothing of the host changes, and nothing\n"
             "stays. Works without root, but for a few. A lab is a folder with lab.json and a guide.\n",
    .more = "Exit status: 0 all checks passed, 1 failed, 2 usage, 3 a right or a kernel feature is\n"
            "missing, 4 events were lost and a check cannot be told, 5 a check failed.\n",
    .options = &table,
    .input = INPUT_LAB,
    .words = WORDS_LAB,
    .run = run,
};
