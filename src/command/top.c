/* tcplens top: what the connections of this host, of a trace or of a capture file are like, on a terminal, as top(1) has it of
 * processes. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "replay.h"
#include "tcplens/base/clock.h"
#include "tcplens/base/log.h"
#include "tcplens/base/loop.h"
#include "tcplens/base/rights.h"
#include "tcplens/base/stop.h"
#include "tcplens/base/writer.h"
#include "tcplens/command/command.h"
#include "tcplens/top/screen.h"
#include "trace_run.h"

#define DELAY_MS 1000 /* between frames, where nobody says otherwise */
#define DELAY_MIN_MS 100
#define PRINTED_WIDTH 160 /* cells, where $COLUMNS does not say */

struct top_options {
    struct trace_options trace;
    uint64_t delay_ms;
    bool once;
    const char *sort, *file; /* NULL: not given */
};

struct top {
    const struct top_options *options;
    const char *filter;
    struct top_model *model;
    struct top_view *view;
    char what[256];        /* is looked at: for the title */
    bool shown;            /* the terminal is taken */
    uint64_t due_ns;       /* of the next frame, by CLOCK_MONOTONIC */
    struct writer *writer; /* of --once */
    int error;             /* of what it wrote */
};

struct looking_at_file {
    struct top *top;
    struct replay replay;
    struct loop *loop; /* NULL: for --once */
};

/* "0.5", "2" */
static int take_delay(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    char *rest;
    const double seconds = strtod(value, &rest);

    if (rest == value || *rest || !(seconds * 1000 >= DELAY_MIN_MS && seconds <= 3600)) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes seconds, 0.1 to 3600, not '%.100s'", value);
        return -EINVAL;
    }
    *(uint64_t *)member = (uint64_t)(seconds * 1000);
    return 0;
}

#define AT(member) offsetof(struct top_options, member)

static const struct option_row rows[] = {
    { .name = "read",
      .letter = 'r',
      .argument = "FILE",
      .help =
          "show this trace or capture file, as it is at its end; - is standard input. A first word that names a file "
          "does without -r",
      .kind = OPTION_TEXT,
      .completion = COMPLETE_FILE,
      .offset = AT(file) },
    { .name = "once",
      .help = "print what there is after --delay, or at the end of the file, without a terminal, and end",
      .kind = OPTION_FLAG,
      .offset = AT(once) },
    { .name = "delay",
      .letter = 'd',
      .argument = "SECONDS",
      .help = "draw this often, at most every 0.1 s (default 1)",
      .kind = OPTION_TAKEN,
      .take = take_delay,
      .offset = AT(delay_ms) },
    { .name = "sort",
      .argument = "COLUMN",
      .help = "sort by this column, as its head says it: age, bytes, rtt, retx, unacked, owner, cause ...",
      .kind = OPTION_TEXT,
      .offset = AT(sort) },
    TRACE_ROW_NETNS(struct top_options, trace.netns),
    COMMAND_FILTER_ROWS(struct top_options, trace.filter),
    TRACE_ROW_PID(struct top_options, trace.filter),
    TRACE_ROW_SOURCE(struct top_options, trace.sources, TRACE_SOURCES_EXPLAINED),
};
static const struct option_table table = OPTION_TABLE(rows);

/* ---- the model as a sink */

static void sink_change(void *sink, const struct change *change, uint64_t start_ns)
{
    top_model_take(sink, change, start_ns);
}

static const struct sink_ops into_model = { .name = "top", .change = sink_change };

/* ---- what is shown */

static bool wants_colour(void)
{
    return !getenv("NO_COLOR");
}

static void print_line(void *arg, const char *text)
{
    struct top *t = arg;

    writer_write(t->writer, text, strlen(text));
    writer_write(t->writer, "\n", 1);
}

static unsigned printed_width(void)
{
    const char *columns = getenv("COLUMNS");
    const long width = columns ? strtol(columns, NULL, 10) : 0;

    return width >= 40 && width <= 500 ? (unsigned)width : PRINTED_WIDTH;
}

static void print_once(struct top *t)
{
    top_view_print(t->view, printed_width(), clock_ns(CLOCK_REALTIME), print_line, t);
    t->error = writer_flush(t->writer);
}

/* Takes keys as they come, and draws when one did something or it is time. False: the user wants to quit. */
static bool serve_terminal(struct top *t)
{
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);
    bool resized, draw = now >= t->due_ns && !top_view_is_paused(t->view);
    int key;

    if (top_screen_is_gone())
        return false;
    while ((key = top_screen_key(&resized)) || resized) {
        draw = true;
        if (key && !top_view_key(t->view, key))
            return false;
    }
    if (draw) {
        top_screen_paint(t->view, clock_ns(CLOCK_REALTIME));
        t->due_ns = now + t->options->delay_ms * 1000000;
    }
    return true;
}

static int begin(void *arg, const char *what)
{
    struct top *t = arg;
    const struct top_view_config config = { .model = t->model, .what = t->what, .live = !t->options->file };
    char error[TOP_FILTER_ERROR_MAX], terminal[TOP_SCREEN_ERROR_MAX];
    int r;

    snprintf(t->what, sizeof(t->what), "%s", what);
    if (top_view_new(&config, &t->view) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    if (top_view_filter(t->view, t->filter, error) < 0)
        return command_usage_error("top", "%s", error);
    if (t->options->sort && top_view_sort(t->view, t->options->sort, error) < 0)
        return command_usage_error("top", "--sort: %s", error);
    if (t->options->once) {
        r = writer_open(NULL, &t->writer);
        if (r < 0) {
            log_error("cannot write standard output: %s", strerror(-r));
            return EXIT_FAILED;
        }
        t->due_ns = clock_ns(CLOCK_MONOTONIC) + t->options->delay_ms * 1000000;
        return EXIT_DONE;
    }
    if (top_screen_open(wants_colour(), terminal) < 0) {
        log_error("%s", terminal);
        return EXIT_FAILED;
    }
    t->shown = true;
    return EXIT_DONE;
}

static bool tick(void *arg)
{
    struct top *t = arg;

    if (!t->options->once)
        return serve_terminal(t);
    if (clock_ns(CLOCK_MONOTONIC) < t->due_ns)
        return true;
    print_once(t);
    return false;
}

static void end(void *arg)
{
    struct top *t = arg;

    if (t->shown)
        top_screen_close();
    t->shown = false;
}

static int watch_host(struct top *t, struct trace_options *o)
{
    const struct trace_looker looker = { .ops = &into_model,
                                         .sink = t->model,
                                         .may = t->options->once ? 0 : CONFINE_SCREEN,
                                         .begin = begin,
                                         .tick = tick,
                                         .end = end,
                                         .arg = t };
    struct pipeline_config config = { 0 };
    int status;

    o->looker = &looker;
    config.sources.stand_in_will_do = !o->sources;
    status = trace_configure(o, &config);
    return status == EXIT_DONE ? trace_run(o, &config) : status;
}

/* ---- a file: it is shown as it is read, and at its end */

static void on_tick(void *arg, uint64_t ticks)
{
    struct looking_at_file *l = arg;

    (void)ticks;
    if (!serve_terminal(l->top))
        loop_stop(l->loop);
}

static void on_signal(void *arg, int number)
{
    struct looking_at_file *l = arg;

    (void)number;
    loop_stop(l->loop);
}

static bool goes_on(void *arg)
{
    const struct looking_at_file *l = arg;

    return !stop_take() && serve_terminal(l->top);
}

/* A message is for the screen that was there before. */
static void ends(void *arg)
{
    (void)arg;
    top_screen_leave();
}

static int show_until_quit(struct looking_at_file *l)
{
    int r;

    l->top->due_ns = 0;
    r = loop_run(l->loop);
    if (r < 0)
        log_error("event loop: %s", strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

/* A screen is opened before the file is read, as that may be hostile. Without one signals act as they do. */
static int prepare_file(struct looking_at_file *l)
{
    const struct loop_handlers handlers = { on_tick, on_signal, NULL, l };
    const struct confine c = { .may = CONFINE_FEED | (l->top->options->once ? 0 : CONFINE_SCREEN) };
    int status, r = l->top->options->once ? 0 : loop_new(PIPELINE_TICK_MS, &handlers, &l->loop);

    if (r < 0) {
        log_error("event loop: %s", strerror(-r));
        return EXIT_FAILED;
    }
    status = begin(l->top, replay_name(&l->replay));
    if (status != EXIT_DONE)
        return status;
    top_view_status(l->top->view, "reading");
    l->replay.goes_on = l->loop ? goes_on : NULL;
    l->replay.ends = ends;
    l->replay.arg = l;
    l->top->due_ns =
        clock_ns(CLOCK_MONOTONIC) + l->top->options->delay_ms * 1000000; /* a short one is shown when read */
    r = rights_give_up(&c);
    if (r < 0)
        log_error("cannot drop rights: %s", strerror(-r));
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int show_file(struct top *t)
{
    struct sinks sinks = { 0 };
    struct looking_at_file l = { .top = t,
                                 .replay = { .path = t->options->file, .io = &t->options->trace.io, .sinks = &sinks } };
    int status, shown = EXIT_DONE;

    l.replay.fd = command_open_input(t->options->file);
    if (l.replay.fd < 0)
        return EXIT_FAILED;
    sinks_add(&sinks, &into_model, t->model);
    status = prepare_file(&l);
    if (status == EXIT_DONE)
        status = replay(&l.replay);
    if (l.replay.begun)
        top_view_status(t->view, NULL);
    if (l.replay.begun && t->options->once)
        print_once(t);
    else if (l.replay.begun && !l.replay.enough)
        shown = show_until_quit(&l);
    end(t);
    loop_free(l.loop);
    close(l.replay.fd);
    return status == EXIT_DONE ? shown : status;
}

/* ---- the command line */

/* A first word that names a file is one: what people type. So is one that could name nothing else, and is told to be missing. */
static bool is_file(const char *word)
{
    static const char *const suffixes[] = { ".pcap", ".pcapng", ".cap", ".ndjson", ".gz" };
    const size_t len = strlen(word);
    struct stat st;
    bool is = strcmp(word, "-") == 0 || (stat(word, &st) == 0 && !S_ISDIR(st.st_mode));

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(*suffixes); i++)
        is = is || (len > strlen(suffixes[i]) && strcmp(word + len - strlen(suffixes[i]), suffixes[i]) == 0);
    return is;
}

/* The words that are left, as one text; to be freed. */
static char *join_words(int argc, char *argv[], int from)
{
    size_t size = 1;
    char *text, *p;

    for (int i = from; i < argc; i++)
        size += strlen(argv[i]) + 1;
    text = p = calloc(1, size);
    for (int i = from; text && i < argc; i++)
        p += sprintf(p, "%s%s", i > from ? " " : "", argv[i]);
    return text;
}

static int check(const struct top_options *o, const char *filter)
{
    char error[TOP_FILTER_ERROR_MAX], terminal[TOP_SCREEN_ERROR_MAX];
    struct top_filter parsed;

    if (o->trace.netns && strcmp(o->trace.netns, "new") == 0)
        return command_usage_error("top", "--netns new is empty: name one that is there");
    if (top_filter_parse(filter, &parsed, error) < 0)
        return command_usage_error("top", "%s", error);
    if (!o->once && top_screen_check(terminal) < 0)
        return command_usage_error("top", "%s", terminal);
    return EXIT_DONE;
}

static int show(struct top_options *o, const char *filter)
{
    struct top t = { .options = o, .filter = filter };
    int status = check(o, filter);

    if (status != EXIT_DONE)
        return status;
    if (top_model_new(&t.model) < 0) {
        log_error("out of memory");
        return EXIT_FAILED;
    }
    status = o->file ? show_file(&t) : watch_host(&t, &o->trace);
    writer_drop(t.writer);
    top_view_free(t.view);
    top_model_free(t.model);
    if (t.error < 0 && t.error != -EPIPE && (status == EXIT_DONE || status == EXIT_LOST)) {
        log_error("cannot write standard output: %s", writer_explain(t.error));
        status = EXIT_FAILED;
    }
    return status;
}

static int run(int argc, char *argv[])
{
    struct top_options o = { .trace = { .command = "top", .service = true, .output.quiet = true },
                             .delay_ms = DELAY_MS };
    int rest, status = command_parse(&command_top, OPTIONS_ANYWHERE, argc, argv, &o, &o.trace.io, &rest);
    char *filter;

    if (status == COMMAND_GO_ON) {
        if (!o.file && rest < argc && is_file(argv[rest]))
            o.file = argv[rest++];
        filter = join_words(argc, argv, rest);
        status = filter ? show(&o, filter) : EXIT_FAILED;
        free(filter);
    }
    command_io_free(&o.trace.io);
    return status;
}

/* top's, ss's and tcpdump's letters. */
static const struct command_habit habits[] = {
    { 'b', "--once prints without a terminal" },
    { 't', "TCP alone is shown" },
    { 'l', "Tab leads to the listeners, with their queues" },
    { 'a', "e shows what has ended too, and Tab the listeners" },
    { 'm', "Enter leads to the timeline of a connection; --sort unacked, rtt or retx" },
    { 'e', "Enter leads to the timeline of a connection; --sort unacked, rtt or retx" },
    { 'o', "`tcplens trace -o FILE` writes a trace; --sort says by what is sorted" },
    { 's', "the first lines count by state; --sort says by what is sorted" },
    { 'u', "`tcplens trace --udp` tells datagrams" },
    { 'w', "`tcplens trace -w FILE` writes packets" },
    { 'c', "--once prints what there is, and ends" },
    { '4', "the filter addr:0.0.0.0/0 takes IPv4 alone" },
    { '6', "the filter addr:::/0 takes IPv6 alone" },
    { 0 },
};

const struct command command_top = {
    .name = "top",
    .summary = "connections, listeners and findings on a terminal, live or of a file",
    .usage = "[OPTION]... [TRACE|CAPTURE] [FILTER]",
    .about = "Shows TCP connections by state, listeners with their queues and drops, and findings as\n"
             "they arise; sorted, filtered, and each with its timeline. ? lists the keys. FILTER is in\n"
             "the words of the viewer: state:close-wait port:443 or rtt>10ms not addr:10.0.0.0/8.\n",
    .more = "Exit status: 0 done, 1 failed, 2 usage, 3 a right or a kernel feature is missing,\n"
            "4 events were lost.\n",
    .options = &table,
    .habits = habits,
    .input = INPUT_LOOK,
    .words = WORDS_FILES,
    .run = run,
};
