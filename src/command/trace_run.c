/* The order in which things happen matters. What belongs to the host is opened first (the browser's listening socket,
 * the output file); then the process moves into the namespace to be traced, for good; the command is forked there but
 * held back; the witnesses start; rights are dropped; only then is the first byte of the network parsed, and the
 * command let go. */
#include "trace_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/log.h"
#include "tcplens/base/loop.h"
#include "tcplens/base/netns.h"
#include "tcplens/base/rights.h"
#include "tcplens/command/command.h"
#include "tcplens/source/bpf.h"
#include "tcplens/viewer.h"

/* After the command ended the trace goes on until a tick brings nothing new, at least this many, at most so many. */
#define SETTLE_TICKS_MIN 3
#define SETTLE_TICKS_MAX 50
/* What a command that was told to end gets before it is killed. */
#define GRACE_MS 2000

struct trace {
    const struct trace_options *options;
    struct pipeline_config config; /* that of the options, and the sinks */
    struct loop *loop;
    struct pipeline *pipeline;
    struct http *http;
    uint64_t ticks;
    pid_t child;
    int release;     /* write end of the pipe the child waits at */
    int exec_report; /* read end of the pipe on which the child says why it could not run the command */
    bool exec_failed;
    int child_status;    /* as a shell would give it; -1: no command, or still running */
    unsigned settling;   /* ticks since the command ended */
    uint64_t grace_ends; /* tick at which the command, told to end, is killed; 0: it was not told */
    enum end_reason reason;
    bool interrupted, failed;
    char error[PIPELINE_ERROR_MAX];
};

/* The command, held back at a pipe until everything watches. */
static int start_command(struct trace *t, bool output_taken)
{
    int gate[2], report[2], r;
    char go;

    if (pipe2(gate, O_CLOEXEC) < 0 || pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    t->child = fork();
    if (t->child < 0)
        return -errno;
    if (t->child == 0) {
        loop_restore_signals();
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        close(gate[1]);
        if (read(gate[0], &go, 1) != 1)
            _exit(125); /* the tracer gave up */
        /* standard output carries the trace: what the command prints goes beside it */
        if (output_taken)
            dup2(STDERR_FILENO, STDOUT_FILENO);
        execvp(t->config.command[0], t->config.command);
        r = errno;
        if (write(report[1], &r, sizeof(r)) < 0)
            _exit(125);
        _exit(r == ENOENT ? 127 : 126);
    }
    close(gate[0]);
    close(report[1]);
    t->release = gate[1];
    t->exec_report = report[0];
    return loop_watch_child(t->loop, t->child);
}

/* Lets the command go, and waits until it runs or cannot: the report closes itself when it does. */
static void release_command(struct trace *t)
{
    int r;

    if (t->release < 0)
        return;
    if (write(t->release, "", 1) == 1 && read(t->exec_report, &r, sizeof(r)) == sizeof(r)) {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a child has a command
        log_error("cannot run %s: %s", t->config.command[0], strerror(r));
        t->exec_failed = true;
    }
    close(t->release);
    t->release = -1;
}

static void end(struct trace *t, enum end_reason reason)
{
    t->reason = reason;
    loop_stop(t->loop);
}

/* Who closed the pipe early, like head(1), has seen enough. */
static bool is_failure(int r)
{
    return r < 0 && r != -EPIPE;
}

static void on_tick(void *arg, uint64_t ticks)
{
    struct trace *t = arg;
    int r;

    if (!t->pipeline) /* only the viewer is still being served */
        return;
    r = pipeline_tick(t->pipeline, t->error);
    if (r < 0) {
        t->failed = is_failure(r);
        end(t, END_REASON_ERROR);
        return;
    }
    t->ticks += ticks;
    if (t->child && t->grace_ends && t->ticks >= t->grace_ends)
        end(t, END_REASON_INTERRUPT);
    if (t->settling) {
        t->settling++;
        if ((t->settling > SETTLE_TICKS_MIN && !pipeline_tick_events(t->pipeline)) || t->settling > SETTLE_TICKS_MAX)
            end(t, t->interrupted ? END_REASON_INTERRUPT : END_REASON_COMMAND);
    } else if (t->options->ticks && t->ticks >= t->options->ticks) {
        end(t, END_REASON_DURATION);
    }
}

static void on_signal(void *arg, int number)
{
    struct trace *t = arg;

    (void)number;
    /* The command gets Ctrl-C from the terminal itself; end with it, but do not wait for it twice. */
    if (t->child && !t->interrupted) {
        t->interrupted = true;
        t->grace_ends = t->ticks + GRACE_MS / PIPELINE_TICK_MS;
        kill(t->child, SIGTERM);
        return;
    }
    t->interrupted = true;
    end(t, END_REASON_INTERRUPT);
}

static void on_child(void *arg, int wait_status)
{
    struct trace *t = arg;

    t->child = 0;
    t->child_status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    t->settling = 1;
    /* nobody is left to be killed */
    if (rights_drop(false) < 0)
        log_error("cannot drop the right to signal");
}

/* --duration is over, or nobody reads the output: the command ends too. After Ctrl-C it had its time already, or a
 * second one says not to wait. */
static void stop_command(struct trace *t)
{
    static const struct timespec pause = { .tv_nsec = 10000000 };
    unsigned grace_ms = t->interrupted ? 0 : GRACE_MS;
    pid_t ended;

    if (grace_ms)
        kill(t->child, SIGTERM);
    while ((ended = waitpid(t->child, NULL, WNOHANG)) == 0 && grace_ms) {
        nanosleep(&pause, NULL);
        grace_ms -= 10;
    }
    if (ended == 0 && kill(t->child, SIGKILL) == 0) {
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a child has a command
        log_note("%s did not end when it was told to (SIGTERM), and was killed", t->config.command[0]);
        waitpid(t->child, NULL, 0);
    }
    t->child = 0;
}

static int open_serve(struct trace *t)
{
    const char *address = t->options->serve_address;
    uint16_t port = t->options->serve_port;
    int r = http_open(address, port, viewer_html(), viewer_html_len(), HTTP_HISTORY_DEFAULT, &t->http);

    t->config.http = t->http;
    if (r == -EINVAL)
        return command_usage_error("trace", "--serve: '%s' is not an address", address);
    if (r == -EADDRINUSE)
        log_error("port %u at %s is taken by another program: choose another one", port, address);
    else if (r < 0)
        log_error("cannot serve on %s, port %u: %s", address, port, strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int open_output(struct trace *t)
{
    bool to_stdout = t->options->output && strcmp(t->options->output, "-") == 0;
    bool terminal = isatty(STDOUT_FILENO);
    int r;

    if (t->options->output || (!terminal && !t->options->quiet)) {
        r = sink_file_open(t->options->output, &t->config.trace);
        if (r < 0) {
            log_error("cannot write %s: %s", t->options->output ? t->options->output : "standard output", strerror(-r));
            return EXIT_FAILED;
        }
    }
    if (!t->options->quiet && !to_stdout && (terminal || t->options->output)) {
        r = sink_file_open(NULL, &t->config.timeline);
        if (r < 0) {
            log_error("cannot write standard output: %s", strerror(-r));
            return EXIT_FAILED;
        }
    }
    t->config.colour = terminal && !getenv("NO_COLOR");
    return EXIT_DONE;
}

static int enter_namespace(struct trace *t)
{
    bool user = false;
    int r;

    if (!t->options->netns)
        return EXIT_DONE;
    t->config.netns = t->options->netns;
    if (t->config.all_netns)
        return EXIT_DONE;
    if (strcmp(t->options->netns, "new") == 0) {
        r = netns_enter_new(&user);
        if (r == 0)
            return EXIT_DONE;
        log_error("cannot make a network namespace: %s; run as root, or allow unprivileged user namespaces "
                  "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)",
                  strerror(-r));
        return EXIT_RIGHTS;
    }
    r = netns_enter(t->options->netns);
    if (r == -ENOENT || r == -EINVAL)
        log_error("no network namespace '%s': give new, a name that `ip netns` lists, or a process id",
                  t->options->netns);
    else if (r < 0)
        log_error("cannot enter network namespace '%s': %s%s", t->options->netns, strerror(-r),
                  r == -EPERM || r == -EACCES ? "; run as root" : "");
    return r == 0 ? EXIT_DONE : r == -EPERM || r == -EACCES ? EXIT_RIGHTS : EXIT_FAILED;
}

static int open_witnesses(struct trace *t)
{
    int r = pipeline_open_live(&t->config, &t->pipeline, t->error);
    const char *why;

    if (r < 0) {
        bool rights = r == -EPERM || r == -EACCES || r == -ENOENT;

        log_error("%s%s", t->error,
                  rights ? "; run as root, or `tcplens trace --netns new -- COMMAND`, "
                           "or sample with --source diag"
                         : "");
        return rights ? EXIT_RIGHTS : EXIT_FAILED;
    }
    why = pipeline_missing(t->pipeline, WITNESS_KERNEL);
    if (why && pipeline_missing(t->pipeline, WITNESS_DIAG))
        log_note("tracing packets only: the kernel's own states, owners and queues are not seen (%s)", why);
    else if (why)
        log_note("the kernel's states and queues are sampled every %d ms at best (diag), not observed; owners, system "
                 "calls and the firing of timers are not seen (%s)",
                 PIPELINE_TICK_MS, why);
    if (t->config.want[WITNESS_KERNEL] && !why && !source_bpf_sees_timers())
        log_note("the kernel hides the addresses of its functions (needs CAP_SYSLOG): SYN-SENT, the SYN queue, and "
                 "FIN-WAIT-2 and TIME-WAIT after close() are not seen");
    if (pipeline_missing(t->pipeline, WITNESS_WIRE))
        log_note("tracing the kernel only: packets are not seen (%s)", pipeline_missing(t->pipeline, WITNESS_WIRE));
    return EXIT_DONE;
}

static int watch(struct trace *t)
{
    int r, lost;

    r = rights_drop(t->child != 0);
    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        return EXIT_FAILED;
    }
    if (t->http) {
        r = http_start(t->http);
        if (r < 0) {
            log_error("cannot serve: %s", strerror(-r));
            return EXIT_FAILED;
        }
        log_note("viewer: %s", http_url(t->http));
    }
    release_command(t);
    r = loop_run(t->loop);
    if (r < 0) {
        log_error("event loop: %s", strerror(-r));
        return EXIT_FAILED;
    }
    if (t->child)
        stop_command(t);
    if (t->failed)
        log_error("%s", t->error);
    r = pipeline_finish(t->pipeline, t->reason, t->child_status, t->error);
    if (is_failure(r) && !t->failed)
        log_error("%s", t->error);
    lost = pipeline_lost(t->pipeline) != 0;
    if (lost)
        log_note("%llu events were lost; the trace says where (gap records)",
                 (unsigned long long)pipeline_lost(t->pipeline));
    if (t->child_status > 128)
        log_note("%s was killed by signal %d (%s)", t->config.command[0], t->child_status - 128,
                 strsignal(t->child_status - 128));
    else if (t->child_status > 0 && !t->exec_failed)
        log_note("%s ended with status %d", t->config.command[0], t->child_status);
    if (t->http && !t->interrupted && !t->exec_failed) {
        log_note("the trace is complete; still serving %s until Ctrl-C", http_url(t->http));
        t->pipeline = pipeline_close(t->pipeline);
        r = loop_run(t->loop);
    }
    return is_failure(r) || t->failed || t->exec_failed ? EXIT_FAILED : lost ? EXIT_LOST : EXIT_DONE;
}

static int run(struct trace *t)
{
    const struct loop_handlers handlers = { on_tick, on_signal, on_child, t };
    int status = EXIT_DONE, r;

    r = loop_new(PIPELINE_TICK_MS, &handlers, &t->loop);
    if (r < 0) {
        log_error("event loop: %s", strerror(-r));
        return EXIT_FAILED;
    }
    if (*t->options->serve_address)
        status = open_serve(t);
    if (status == EXIT_DONE)
        status = open_output(t);
    if (status == EXIT_DONE)
        status = command_filter_check(&t->config.filter);
    if (status == EXIT_DONE)
        status = enter_namespace(t);
    if (status == EXIT_DONE && t->config.command) {
        r = start_command(t, t->config.trace && (!t->options->output || !strcmp(t->options->output, "-")));
        if (r < 0) {
            log_error("cannot start %s: %s", t->config.command[0], strerror(-r));
            status = EXIT_FAILED;
        }
    }
    if (status == EXIT_DONE)
        status = open_witnesses(t);
    if (status == EXIT_DONE)
        status = watch(t);
    if (t->release >= 0)
        close(t->release); /* never let go: it ends by itself */
    if (t->exec_report >= 0)
        close(t->exec_report);
    pipeline_close(t->pipeline);
    http_close(t->http);
    r = sink_file_close(t->config.timeline);
    if ((is_failure(r) | is_failure(sink_file_close(t->config.trace))) && status == EXIT_DONE)
        status = EXIT_FAILED;
    loop_free(t->loop);
    return status;
}

int trace_run(const struct trace_options *options)
{
    struct trace t = {
        .options = options,
        .config = options->config,
        .release = -1,
        .exec_report = -1,
        .child_status = -1,
    };

    return run(&t);
}
