/* The order in which things happen matters. What belongs to the host is opened first (the browser's listening socket, a pipe
 * that is written to); then the process moves into the namespace to be traced, for good; the command is forked there but held
 * back, with a guard beside it that alone can end it; the witnesses start; files are made, which a start that failed would leave
 * empty, or have emptied; rights are dropped; only then is the first byte of the network parsed, and the command let go. */
#include "trace_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "child.h"
#include "tcplens/base/log.h"
#include "tcplens/base/loop.h"
#include "tcplens/base/netns.h"
#include "tcplens/base/rights.h"

struct trace {
    const struct trace_options *options;
    struct pipeline_config config; /* with its sinks */
    const char *netns;             /* to be entered; NULL: none */
    char netns_of_pid[16];
    struct sinks sinks;
    struct sink_context output;
    struct loop *loop;
    struct pipeline *pipeline;
    uint64_t ticks;
    struct child child;
    bool exec_failed;
    int child_status;    /* as a shell would give it; -1: no command, or still running */
    int child_signal;    /* which killed it; 0: none did */
    uint64_t grace_ends; /* tick at which the command, told to end, is killed; 0: it was not told */
    enum end_reason reason;
    bool settling; /* the command has ended */
    bool interrupted, failed, lost;
    char error[PIPELINE_ERROR_MAX];
};

static void tell_not_run(const struct trace *t, int r)
{
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a child has a command
    log_error("cannot run %s: %s", t->config.command[0], strerror(-r));
}

static void release_command(struct trace *t)
{
    int r = child_release(&t->child);

    if (r == 0)
        return;
    tell_not_run(t, r);
    t->exec_failed = true;
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

/* What the trace is without. */
static void tell_missing(const struct trace *t)
{
    char skipped[COMMAND_SKIPPED_MAX];

    if (*command_skipped(t->pipeline, skipped))
        log_note("besides TCP connections: %s", skipped);
    if (pipeline_lost(t->pipeline))
        log_note("%llu events were lost; the trace says where (gap records)",
                 (unsigned long long)pipeline_lost(t->pipeline));
    if (pipeline_packets_lost(t->pipeline))
        log_note("%llu packets had to make way before their turn came: the file of --write lacks them",
                 (unsigned long long)pipeline_packets_lost(t->pipeline));
}

/* Writes the end of the trace, and says what was not in it. */
static void conclude(struct trace *t)
{
    int r;

    if (t->failed)
        log_error("%s", t->error);
    r = pipeline_finish(t->pipeline, t->reason, t->child_status, t->error);
    if (is_failure(r) && !t->failed)
        log_error("%s", t->error);
    t->failed |= is_failure(r);
    if (!t->options->service)
        tell_missing(t);
    t->lost = pipeline_lost(t->pipeline) || pipeline_narrowed(t->pipeline);
    t->pipeline = pipeline_close(t->pipeline);
}

/* The command is not ended by what is not its fault: where there is nothing left to trace, it is waited for. Where nobody
 * reads any more, or signals ask for the end, it ends too. */
static void on_failure(struct trace *t, int r)
{
    t->failed = is_failure(r);
    if (!t->child.pid || r == -EPIPE || r == -ECANCELED) {
        end(t, END_REASON_ERROR);
        return;
    }
    t->reason = END_REASON_ERROR;
    conclude(t);
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a child has a command
    log_note("%s goes on, and is traced no more", t->config.command[0]);
}

static void on_tick(void *arg, uint64_t ticks)
{
    struct trace *t = arg;
    int r;

    t->ticks += ticks;
    if (t->child.pid && t->grace_ends && t->ticks >= t->grace_ends)
        end(t, END_REASON_INTERRUPT);

    if (!t->pipeline) /* the viewer is still being served, or the command goes on */
        return;
    r = pipeline_tick(t->pipeline, t->error);
    if (r < 0) {
        on_failure(t, r);
        return;
    }
    if (pipeline_is_full(t->pipeline)) {
        end(t, END_REASON_COUNT);
    } else if (t->settling) {
        if (pipeline_has_settled(t->pipeline))
            end(t, t->interrupted ? END_REASON_INTERRUPT : END_REASON_COMMAND);
    } else if (t->options->ticks && t->ticks >= t->options->ticks) {
        end(t, END_REASON_DURATION);
    }
    if (t->options->looker && !t->options->looker->tick(t->options->looker->arg))
        end(t, END_REASON_INTERRUPT);
}

/* Of this program alone: its command has its own. */
static void on_no_time(struct trace *t)
{
    if (t->pipeline) {
        snprintf(t->error, sizeof(t->error), "the limit of processor time is reached (RLIMIT_CPU, ulimit -t)");
        on_failure(t, -ETIME);
    } else if (!t->child.pid) {
        loop_stop(t->loop);
    }
}

static void on_signal(void *arg, int number)
{
    struct trace *t = arg;

    if (number == SIGXCPU) {
        on_no_time(t);
        return;
    }
    /* The command gets Ctrl-C from the terminal itself; end with it, but do not wait for it twice. */
    if (t->child.pid && !t->interrupted) {
        t->interrupted = true;
        t->grace_ends = t->ticks + CHILD_GRACE_MS / PIPELINE_TICK_MS;
        child_ask_to_end(&t->child);
        return;
    }
    t->interrupted = true;
    end(t, END_REASON_INTERRUPT);
}

static void on_child(void *arg, int wait_status)
{
    struct trace *t = arg;

    child_ended(&t->child);
    t->child_signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    t->child_status = t->child_signal ? 128 + t->child_signal : WEXITSTATUS(wait_status);
    t->settling = true;
    if (t->pipeline)
        pipeline_over(t->pipeline);
    else
        loop_stop(t->loop);
}

/* --duration is over, or nobody reads the output: the command ends too. After Ctrl-C it had its time already, or a
 * second one says not to wait. */
static int stop_command(struct trace *t)
{
    const pid_t pid = t->child.pid;
    int r = child_stop(&t->child, t->interrupted ? 0 : CHILD_GRACE_MS);

    if (r < 0)
        log_error("%s (process %d) goes on: it cannot be told to end (%s)", t->config.command[0], (int)pid,
                  r == -EPERM   ? "CAP_KILL is missing"
                  : r == -EPIPE ? "tcplens-guard, which may do that, has ended"
                                : "tcplens-guard, which may do that, does not answer");
    else if (r > 0)
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): who has a child has a command
        log_note("%s did not end when it was told to (SIGTERM), and was killed; processes that it started may go on",
                 t->config.command[0]);
    return r < 0 ? r : 0;
}

/* Processes alone name the namespace that they are in. What is not shown of it is said when a source is opened. */
static int find_namespace(struct trace *t)
{
    const struct filter *f = &t->config.filter;
    uint32_t here, there, first = 0;

    t->netns = t->config.all_netns ? NULL : t->options->netns;
    if (t->options->netns || netns_current(&here) < 0)
        return EXIT_DONE;
    for (unsigned i = 0; i < f->pid_count; i++) {
        if (netns_of_process(f->pids[i], &there) < 0)
            return EXIT_DONE;
        if (first && there != first) {
            log_error("processes %u and %u are in different network namespaces: choose with --pid %u or --pid %u, or "
                      "take all with --netns all",
                      f->pids[0], f->pids[i], f->pids[0], f->pids[i]);
            return EXIT_FAILED;
        }
        first = there;
    }
    if (first && first != here) {
        snprintf(t->netns_of_pid, sizeof(t->netns_of_pid), "%u", f->pids[0]);
        t->netns = t->config.netns = t->netns_of_pid;
        log_note("traced is the network namespace of process %u, which is not this one", f->pids[0]);
    }
    return EXIT_DONE;
}

static int enter_namespace(struct trace *t)
{
    bool user = false;
    int r;

    if (!t->netns)
        return EXIT_DONE;
    if (strcmp(t->netns, "new") == 0) {
        r = netns_enter_new(&user);
        if (r == 0)
            return EXIT_DONE;
        log_error("cannot make a network namespace: %s", netns_new_explain(r));
        return EXIT_RIGHTS;
    }
    r = netns_enter(t->netns);
    if (r == -ENOENT || r == -EINVAL)
        log_error("no network namespace '%s': give new, a name that `ip netns` lists, or a process id", t->netns);
    else if (r < 0)
        log_error("cannot enter network namespace '%s': %s%s", t->netns, strerror(-r),
                  r == -EPERM || r == -EACCES ? "; run as root" : "");
    return r == 0 ? EXIT_DONE : r == -EPERM || r == -EACCES ? EXIT_RIGHTS : EXIT_FAILED;
}

/* What will not be seen, and why. */
static void tell_sources(const struct trace *t)
{
    struct sources_entry s;

    for (unsigned i = 0; pipeline_source(t->pipeline, i, &s); i++) {
        if (s.caveat)
            log_note("%s", s.caveat);
        if (s.stands_in)
            log_note("%s (%s)", s.ops->instead, s.reason);
        else if (s.missing && !s.replaced && s.ops->without)
            log_note("%s (%s)", s.ops->without, s.missing);
    }
}

/* What is watched, and what the kernel is asked for. */
static void tell_scope(const struct trace *t)
{
    char packets[FILTER_PACKETS_MAX], names[128] = "";
    struct filter filter = t->config.filter;
    struct sources_entry s;
    size_t len = 0;

    for (unsigned i = 0; pipeline_source(t->pipeline, i, &s) && len < sizeof(names); i++)
        if (!s.missing)
            len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", len ? ", " : "", s.ops->name);
    if (t->config.expression)
        expression_narrow(t->config.expression, &filter);
    log_note("watching by %s; asked of the kernel: %s", names, filter_packets(&filter, t->config.datagrams, packets));
    if (t->config.expression)
        log_note("asked of connections: %s", t->config.filter.expression);
    for (unsigned i = 0; i < filter.pid_count; i++)
        log_note("process %u and its descendants", filter.pids[i]);
}

/* What would work here, of what was asked for: a process is known, and a namespace that is not entered, to the kernel alone. */
static void tell_remedy(const struct trace *t)
{
    const struct trace_options *o = t->options;
    bool kernel = t->config.filter.pid_count || t->config.all_netns;

    for (size_t i = 0; i < source_count; i++)
        kernel = kernel || (source_table[i]->witness == WITNESS_KERNEL && source_table[i]->is_asked_for &&
                            source_table[i]->is_asked_for(t->config.sources.rows[i].config));
    if (kernel)
        log_error("%s; run as root (sudo)", t->error);
    else if (o->service)
        log_error("%s; run as root (sudo)%s, or sample with --source diag", t->error, o->elsewhere ? o->elsewhere : "");
    else
        log_error("%s; run as root (sudo), or %s, or sample with --source diag", t->error,
                  t->config.command && !t->config.netns ? "with --netns new"
                                                        : "`tcplens trace --netns new -- COMMAND`");
}

static int open_sources(struct trace *t)
{
    int r = pipeline_open(&t->config, &t->pipeline, t->error);

    if (r < 0) {
        const bool rights = r == -EPERM || r == -EACCES;

        if (rights)
            tell_remedy(t);
        else
            log_error("%s", t->error);
        return rights || r == -ENOENT ? EXIT_RIGHTS : EXIT_FAILED; /* or the kernel has not what is needed */
    }
    tell_sources(t);
    if (t->options->output.verbose)
        tell_scope(t);
    return EXIT_DONE;
}

/* "kernel, wire": who tells. */
static int begin_looking(const struct trace *t)
{
    char names[128] = "";
    struct sources_entry s;

    for (unsigned i = 0; pipeline_source(t->pipeline, i, &s); i++)
        if (!s.missing)
            snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", *names ? ", " : "", s.ops->name);
    return t->options->looker->begin(t->options->looker->arg, names);
}

static int watch(struct trace *t)
{
    const struct trace_looker *looker = t->options->looker;
    struct confine c = { .may = CONFINE_WATCH | (sinks_serve(&t->sinks) ? CONFINE_SERVE : 0) |
                                (looker ? looker->may : 0) };
    int r, stopped = 0;

    c.socket_count = pipeline_sockets(t->pipeline, c.sockets, CONFINE_SOCKETS_MAX);
    r = rights_give_up(&c);
    if (r < 0) {
        log_error("cannot drop rights: %s", strerror(-r));
        return EXIT_FAILED;
    }
    r = sinks_start(&t->sinks);
    if (r < 0) {
        log_error("cannot serve: %s", strerror(-r));
        return EXIT_FAILED;
    }
    if (sinks_address(&t->sinks))
        log_note("viewer: %s", sinks_address(&t->sinks));
    release_command(t);
    r = loop_run(t->loop);
    if (looker)
        looker->end(looker->arg);
    if (r < 0) {
        log_error("event loop: %s", strerror(-r));
        return EXIT_FAILED;
    }
    if (t->child.pid)
        stopped = stop_command(t);
    if (t->pipeline)
        conclude(t);
    if (t->child_signal)
        log_note("%s was killed by signal %d (%s)", t->config.command[0], t->child_signal, strsignal(t->child_signal));
    else if (t->child_status > 0 && !t->exec_failed)
        log_note("%s ended with status %d", t->config.command[0], t->child_status);
    if (sinks_address(&t->sinks) && !t->interrupted && !t->exec_failed) {
        log_note("the trace is complete; still serving %s until Ctrl-C", sinks_address(&t->sinks));
        r = loop_run(t->loop);
    }
    if (r < 0 || stopped < 0 || t->failed)
        return EXIT_FAILED;
    if (t->options->exit_status && t->child_status >= 0)
        return t->child_status;
    return t->exec_failed ? EXIT_FAILED : t->lost ? EXIT_LOST : EXIT_DONE;
}

static int look(struct trace *t)
{
    const struct trace_looker *looker = t->options->looker;
    int status = looker ? begin_looking(t) : EXIT_DONE;

    if (status == EXIT_DONE)
        status = watch(t);
    if (looker)
        looker->end(looker->arg);
    return status;
}

static int start_command(struct trace *t)
{
    const enum child_stdout stdout_is = t->output.stdout_gets_trace ? CHILD_STDOUT_TAKEN
                                        : t->output.stdout_taken    ? CHILD_STDOUT_SHARED
                                                                    : CHILD_STDOUT_ITS_OWN;
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is started where there is one
    int r = child_find(t->config.command[0]);

    /* What there is no program for leaves no file of a trace. */
    if (r < 0) {
        tell_not_run(t, r);
        return t->options->exit_status ? child_status_of(r) : EXIT_FAILED;
    }
    r = child_start(&t->child, t->config.command, stdout_is);
    if (r == 0)
        r = loop_watch_child(t->loop, t->child.pid);
    if (r == 0 && host_shows_pids())
        t->config.command_pid = (uint32_t)t->child.pid;
    if (r < 0)
        // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is started where there is one
        log_error("cannot start %s: %s", t->config.command[0], strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int choose_output(struct trace *t)
{
    const struct trace_looker *looker = t->options->looker;
    int status = command_choose_sinks(t->options->command, &t->options->output, &t->options->io, &t->output, &t->sinks);

    if (status == EXIT_DONE && looker)
        sinks_add(&t->sinks, looker->ops, looker->sink);
    return status == EXIT_DONE ? command_require_sinks(t->options->command, &t->sinks) : status;
}

static int run(struct trace *t)
{
    const struct loop_handlers handlers = { on_tick, on_signal, on_child, t };
    int status, r;

    r = loop_new(PIPELINE_TICK_MS, &handlers, &t->loop);
    if (r < 0) {
        log_error("event loop: %s", strerror(-r));
        return EXIT_FAILED;
    }
    t->config.sinks = &t->sinks;
    status = command_require_proc();
    if (status == EXIT_DONE)
        status = command_filter_check(&t->config.filter);
    if (status == EXIT_DONE)
        status = choose_output(t);
    t->config.apart_count = sinks_peers(&t->sinks, t->config.apart);
    if (status == EXIT_DONE)
        status = find_namespace(t);
    if (status == EXIT_DONE)
        status = enter_namespace(t);
    if (status == EXIT_DONE && t->config.command)
        status = start_command(t);
    if (status == EXIT_DONE)
        status = open_sources(t);
    if (status == EXIT_DONE)
        status = command_begin_sinks(&t->sinks);
    if (status == EXIT_DONE)
        status = look(t);
    child_done(&t->child);
    pipeline_close(t->pipeline);
    r = sinks_close(&t->sinks);
    if (is_failure(r) && status == EXIT_DONE)
        status = r == -ENODATA ? EXIT_LOST : EXIT_FAILED;
    loop_free(t->loop);
    return status;
}

int trace_run(const struct trace_options *options, const struct pipeline_config *config)
{
    struct trace t = {
        .options = options,
        .config = *config,
        .child = { .release = -1, .exec_report = -1 },
        .child_status = -1,
    };

    return run(&t);
}
