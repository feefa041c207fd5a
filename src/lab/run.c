/* The order in which things happen matters: what belongs to the host was opened before; the space is made, and the crew, which
 * waits; the witnesses begin to look; rights are dropped; then the actors are let go. */
#include "tcplens/lab/run.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "stage.h"
#include "tcplens/base/host.h"
#include "tcplens/base/loop.h"
#include "tcplens/base/rights.h"

struct run {
    const struct run_config *config;
    struct space space;
    struct crew crew;
    struct stage *stage;
    struct records *records;
    struct loop *loop;
    struct pipeline *pipeline;
    uint64_t ticks;
    bool begun, timed_out, settling, interrupted;
    int failure; /* -errno of a tick */
    char error[PIPELINE_ERROR_MAX];
};

/* ---- the records, as they are written */

static void sink_line(void *sink, const char *line, size_t len, uint64_t n)
{
    (void)n;
    (void)!records_add(sink, line, len); /* what found no room is doubt enough */
}

static const struct sink_ops into_records = { .name = "lab", .line = sink_line };

static int listen_in(struct run *r)
{
    struct sinks *sinks = r->config->sinks;

    if (sinks->count == SINKS_MAX)
        return -ENOBUFS;
    sinks_add(sinks, &into_records, r->records);
    return 0;
}

/* ---- what came of it */

static void tell_answers(const struct run *r, struct pipeline *pipeline)
{
    for (unsigned i = 0; i < r->config->answer_count; i++) {
        const struct run_answer *a = &r->config->answers[i];
        struct change change = { .kind = CHANGE_ANSWER };

        change.answer.question = a->question;
        change.answer.choice = a->choice;
        change.answer.right = a->right;
        pipeline_tell(pipeline, &change);
    }
}

/* Which record shows the answer of each question, where one does. */
static void tell_proofs(const struct run *r, struct pipeline *pipeline)
{
    const cJSON *question;

    cJSON_ArrayForEach (question, r->config->lab->questions) {
        const cJSON *why = cJSON_GetObjectItemCaseSensitive(question, "why");
        struct change change = { .kind = CHANGE_CHECK };
        char seen[32];

        change.check.id = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(question, "id"));
        change.check.result = CHECK_PASSED;
        change.check.shown_by[0] = why ? check_first(r->config->lab, r->records, why) : 0;
        snprintf(seen, sizeof(seen), "#%" PRIu64, change.check.shown_by[0]);
        change.check.expected = "a record that shows the answer";
        change.check.seen = seen;
        if (change.check.shown_by[0])
            pipeline_tell(pipeline, &change);
    }
}

static void conclude(void *arg, struct pipeline *pipeline)
{
    struct run *r = arg;
    static struct check_outcome outcomes[LAB_CHECKS_MAX];
    unsigned count;

    tell_answers(r, pipeline);
    if (r->interrupted)
        records_interrupt(r->records);
    if (check_all(r->config->lab, r->records, outcomes, &count) < 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        struct change change = { .kind = CHANGE_CHECK };

        change.check.id = outcomes[i].id;
        change.check.result = outcomes[i].result;
        change.check.expected = outcomes[i].expected;
        change.check.seen = outcomes[i].seen;
        memcpy(change.check.shown_by, outcomes[i].because, sizeof(change.check.shown_by));
        pipeline_tell(pipeline, &change);
    }
    tell_proofs(r, pipeline);
}

/* ---- while it runs */

static void end(struct run *r)
{
    loop_stop(r->loop);
}

static bool is_time_over(const struct run *r)
{
    return r->ticks * PIPELINE_TICK_MS >= (uint64_t)r->config->lab->time_limit_s * 1000;
}

/* Enter, or nobody is there who could press it. */
static bool is_told_to_begin(void)
{
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    char line[256];

    return poll(&input, 1, 0) > 0 && (!(input.revents & POLLIN) || read(STDIN_FILENO, line, sizeof(line)) >= 0);
}

static void begin(struct run *r)
{
    r->begun = true;
    stage_begin(r->stage);
}

/* Whoever waits for it has ended, whatever ended that. */
static bool is_orphaned(const struct run *r)
{
    struct pollfd complete = { .fd = r->config->complete };

    return poll(&complete, 1, 0) > 0 && (complete.revents & POLLERR);
}

static void interrupt(struct run *r)
{
    r->interrupted = true;
    end(r);
}

static void on_tick(void *arg, uint64_t ticks)
{
    struct run *r = arg;

    if (is_orphaned(r)) {
        interrupt(r);
        return;
    }
    if (!r->pipeline) /* only the viewer is still being served */
        return;
    if (!r->begun && !sinks_watched(r->config->sinks) && !is_told_to_begin())
        return;
    if (!r->begun) {
        pipeline_begin_now(r->pipeline);
        begin(r);
    }
    r->ticks += ticks;
    r->failure = pipeline_tick(r->pipeline, r->error);
    if (r->failure >= 0)
        r->failure = stage_go_on(r->stage, r->records);
    if (r->failure < 0) {
        end(r);
        return;
    }
    if (stage_is_deserted(r->stage)) {
        r->config->note("the lab is broken off: its processes have ended, and not by themselves");
        interrupt(r);
        return;
    }
    if (!r->settling && is_time_over(r) && !stage_is_over(r->stage)) {
        r->timed_out = true;
        stage_time_out(r->stage);
    }
    if (!r->settling && (r->timed_out || stage_is_over(r->stage))) {
        r->settling = true;
        pipeline_over(r->pipeline);
    } else if (r->settling && pipeline_has_settled(r->pipeline)) {
        end(r);
    }
}

static void on_signal(void *arg, int number)
{
    struct run *r = arg;

    (void)number;
    interrupt(r);
}

static void on_child(void *arg, int wait_status)
{
    (void)arg;
    (void)wait_status;
}

/* ---- the whole */

static int fail(struct run *r, int error, const char *what)
{
    if (error < 0 && !*r->error)
        snprintf(r->error, sizeof(r->error), "%s: %s", what, strerror(-error));
    return error;
}

/* What an actor will set must be there: it is told before anything happens, not by a check that fails. */
static int try_settings(const struct lab *lab, char error[static SPACE_ERROR_MAX])
{
    const cJSON *setting;
    int status = 0;

    for (unsigned i = 0; i < lab->actor_count; i++) {
        const struct lab_actor *a = &lab->actors[i];

        for (unsigned k = 0; k < a->action_count && status == 0; k++) {
            if (a->actions[k].verb != LAB_SYSCTL)
                continue;
            cJSON_ArrayForEach (setting, a->actions[k].options)
                status = status == 0 ? space_can_set(setting->string, error) : status;
        }
    }
    return status;
}

static int enter(struct run *r)
{
    const struct lab *lab = r->config->lab;
    enum space_side hosts[LAB_ACTORS_MAX];
    char error[SPACE_ERROR_MAX] = "";
    struct space_config config = { .topology = lab->topology,
                                   .hosts = hosts,
                                   .host_count = lab->actor_count,
                                   .settings = lab->settings,
                                   .setting_count = lab->setting_count };
    int status;

    for (unsigned i = 0; i < lab->actor_count; i++)
        hosts[i] = lab->actors[i].at;
    status = space_enter(&config, &r->space, error);
    if (status == 0)
        status = try_settings(lab, error);
    if (status < 0)
        snprintf(r->error, sizeof(r->error), "%s", error);
    return status;
}

static int open_pipeline(struct run *r)
{
    struct pipeline_config config = { .sources.more = { .ops = &stage_ops, .config = &r->stage },
                                      .scope = &r->space.scope,
                                      .sinks = r->config->sinks,
                                      .conclude = conclude,
                                      .conclude_arg = r,
                                      .datagrams = true,
                                      .headers = r->config->lab->headers,
                                      .netns = "lab" };

    if (r->config->lab->needs_processes && !host_shows_pids()) {
        snprintf(r->error, sizeof(r->error),
                 "this lab needs the machine's process ids, which this PID namespace does not show: "
                 "run it outside of it");
        return -ENOTSUP;
    }
    if (r->config->lab->needs_processes)
        config.command_pid = (uint32_t)r->crew.keeper;
    for (size_t i = 0; i < source_count; i++) {
        const struct source_ops *ops = source_table[i];
        const bool packets = ops->witness == WITNESS_WIRE, kernel = ops->witness == WITNESS_KERNEL;

        config.sources.rows[i].config = r->config->sources[i];
        config.sources.rows[i].want = ops->live && (packets  ? r->space.wire.fd < 0
                                                    : kernel ? !r->config->sampled
                                                             : r->config->sampled);
        config.sources.rows[i].need =
            config.sources.rows[i].want && (packets || (kernel && r->config->lab->needs_kernel));
    }
    return pipeline_open(&config, &r->pipeline, r->error);
}

static void tell_missing(const struct run *r)
{
    struct sources_entry s;

    for (unsigned i = 0; pipeline_source(r->pipeline, i, &s); i++)
        if (s.stands_in)
            r->config->note("%s (%s)", s.ops->instead, s.reason);
}

static void tell_complete(const struct run *r)
{
    (void)!write(r->config->complete, "", 1);
}

/* Of the trace, from the first step to the last record. */
static int play(struct run *r)
{
    int status, finished;

    if (!r->config->held)
        begin(r);
    status = loop_run(r->loop);
    if (status == 0)
        status = r->failure < 0 ? r->failure : 0;
    records_live(r->records, true);
    finished = pipeline_finish(r->pipeline,
                               status < 0       ? END_REASON_ERROR
                               : r->interrupted ? END_REASON_INTERRUPT
                               : r->timed_out   ? END_REASON_DURATION
                                                : END_REASON_COMMAND,
                               -1, status < 0 ? (char[PIPELINE_ERROR_MAX]){ 0 } : r->error);
    if (r->timed_out)
        r->config->note("the lab's time (%u s) was over before its actors had done all", r->config->lab->time_limit_s);
    return status < 0 ? status : finished == -EPIPE ? 0 : finished;
}

static int serve_on(struct run *r)
{
    const char *address = sinks_address(r->config->sinks);

    if (!address || r->interrupted)
        return 0;
    r->config->note("still serving %s until Ctrl-C", address);
    r->pipeline = pipeline_close(r->pipeline);
    return loop_run(r->loop);
}

static void stop_crew(struct run *r)
{
    const pid_t keeper = r->crew.keeper;

    if (crew_stop(&r->crew) < 0)
        r->config->note(
            "the lab's processes go on: the first of them, process %d, does not end; if it is stopped, SIGCONT ends it",
            (int)keeper);
}

static int watch(struct run *r)
{
    struct confine c = { .may = CONFINE_WATCH | (sinks_serve(r->config->sinks) ? CONFINE_SERVE : 0) };
    int status;

    c.socket_count = pipeline_sockets(r->pipeline, c.sockets, CONFINE_SOCKETS_MAX);
    status = fail(r, rights_give_up(&c), "cannot drop rights");
    if (status == 0)
        status = fail(r, sinks_start(r->config->sinks), "cannot serve");
    if (status == 0 && sinks_address(r->config->sinks))
        r->config->note("viewer: %s", sinks_address(r->config->sinks));
    if (status == 0 && r->config->held)
        r->config->note("the lab begins when the page is open there, or with Enter here");
    if (status == 0)
        status = fail(r, play(r), "the lab cannot go on");
    if (status == 0)
        tell_complete(r);
    stop_crew(r);
    return status == 0 ? fail(r, serve_on(r), "event loop") : status;
}

static int start_crew(struct run *r)
{
    const int status = crew_start(&r->crew, r->config->lab, &r->space, r->config->echo, r->config->complete);

    if (status != -ENOSPC)
        return fail(r, status, "cannot start the actors");
    snprintf(r->error, sizeof(r->error),
             "cannot start the actors: there are as many PID namespaces as this system allows: raise sysctl "
             "user.max_pid_namespaces (0: none)");
    return -EPERM;
}

static int run(struct run *r)
{
    const struct loop_handlers handlers = { on_tick, on_signal, on_child, r };
    int status = fail(r, loop_new(PIPELINE_TICK_MS, &handlers, &r->loop), "event loop");

    if (status == 0)
        status = fail(r, records_new(&r->records), "cannot start");
    if (status == 0)
        status = fail(r, listen_in(r), "cannot start");
    if (status == 0)
        status = enter(r);
    if (status == 0)
        status = start_crew(r);
    space_hand_over_wire(&r->space); /* which is another process's now */
    if (status == 0)
        status = fail(r, stage_new(r->config->lab, &r->crew, &r->stage), "cannot start");
    if (status == 0)
        status = open_pipeline(r);
    if (status == 0) {
        tell_missing(r);
        status = watch(r);
    }
    return status;
}

enum run_result run_lab(const struct run_config *config, char error[static PIPELINE_ERROR_MAX])
{
    const struct netns_ref none = { .fd = -1 };
    struct run r = { .config = config,
                     .space = { .at = { none, none }, .wire = none, .wire_sockets = { -1, -1 } },
                     .crew = CREW_NONE };
    int status = run(&r);

    stop_crew(&r);
    pipeline_close(r.pipeline);
    stage_free(r.stage);
    space_leave(&r.space);
    records_free(r.records);
    loop_free(r.loop);
    memcpy(error, r.error, sizeof(r.error));
    if (status < 0)
        return status == -EPERM || status == -EACCES || status == -ENOTSUP ? RUN_RIGHTS : RUN_FAILED;
    return r.interrupted ? RUN_INTERRUPTED : RUN_DONE;
}
