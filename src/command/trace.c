/* tcplens trace: both witnesses, live.
 *
 * The order in which things happen matters. What belongs to the host is opened first (the browser's listening socket,
 * the output file); then the process moves into the namespace to be traced, for good; the command is forked there but
 * held back; the witnesses start; rights are dropped; only then is the first byte of the network parsed, and the
 * command let go. */
#include "tcplens/command/command.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
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
#include "tcplens/pipeline.h"
#include "tcplens/source/bpf.h"
#include "tcplens/viewer.h"

/* After the command ended the trace goes on until a tick brings nothing new, at least this many, at most so many. */
#define SETTLE_TICKS_MIN 3
#define SETTLE_TICKS_MAX 50
/* What a command that was told to end gets before it is killed. */
#define GRACE_MS 2000

struct trace {
    struct pipeline_config config;
    const char *interfaces[RECORD_INTERFACE_MAX];
    const char *output, *netns, *serve;
    bool quiet;

    struct loop *loop;
    struct pipeline *pipeline;
    struct http *http;
    uint64_t ticks, ticks_max; /* ticks_max: of --duration, 0 without */
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

static int help(void)
{
    puts(
        "usage: tcplens trace [OPTION]... [-- COMMAND ARG...]\n"
        "Watches TCP connections live: what the kernel does (eBPF) and what is on the wire (libpcap), on one clock.\n"
        "Ends with COMMAND, after --duration, or at Ctrl-C. On a terminal a timeline is printed, else the trace\n"
        "(NDJSON).\n\n"
        "      --netns new|NAME|PID   trace in a network namespace of its own (works without root, the kernel's states\n"
        "                             then being sampled), or in that of a name (ip-netns(8)) or a process\n"
        "      --netns all            all network namespaces, as the kernel sees them; packets of this one\n"
        "  -p, --port PORT            only connections with this port at either end; may be repeated\n"
        "      --host ADDR[/LEN]      only connections with this address at either end; may be repeated\n"
        "      --pid PID              only sockets of this process and its descendants, as the kernel sees them; may\n"
        "                             be repeated\n"
        "  -i, --iface NAME           capture packets on this interface; may be repeated (default: all)\n"
        "      --source LIST          witnesses, with commas: kernel, diag (samples of the socket table) in place of\n"
        "                             it, wire (default: kernel or else diag, and wire)\n"
        "      --calls                system calls on TCP sockets too\n"
        "      --segments WHICH       segments to write: all, control (SYN, FIN, RST, problems) or none\n"
        "      --buffer KIB           room for events between kernel and tracer (default 16384)\n"
        "      --duration SECONDS     end after this time\n"
        "  -o, --output FILE          write the trace to FILE (- is standard output)\n"
        "      --serve [ADDR:]PORT    serve the viewer and the live trace to a browser (default address 127.0.0.1)\n"
        "  -q, --quiet                no timeline\n"
        "  -h, --help                 print this\n\n"
        "Exit status: 0 done, 1 failed, 2 usage, 3 a right or a kernel feature is missing, 4 events were lost.");
    return EXIT_DONE;
}

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
    } else if (t->ticks_max && t->ticks >= t->ticks_max) {
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
        log_note("%s did not end when it was told to (SIGTERM), and was killed", t->config.command[0]);
        waitpid(t->child, NULL, 0);
    }
    t->child = 0;
}

static int open_serve(struct trace *t)
{
    char address[64] = "127.0.0.1";
    const char *colon = strrchr(t->serve, ':'), *port_text = t->serve;
    uint16_t port;
    int r;

    if (colon) {
        size_t len = (size_t)(colon - t->serve);
        const char *start = t->serve;

        if (len >= 2 && start[0] == '[' && start[len - 1] == ']') {
            start++;
            len -= 2;
        }
        if (!len || len >= sizeof(address))
            return command_usage_error("trace", "--serve takes [ADDR:]PORT, not '%s'", t->serve);
        memcpy(address, start, len);
        address[len] = '\0';
        port_text = colon + 1;
    }
    if (command_parse_port(port_text, &port) < 0)
        return command_usage_error("trace", "--serve takes [ADDR:]PORT, not '%s'", t->serve);
    r = http_open(address, port, viewer_html(), viewer_html_len(), HTTP_HISTORY_DEFAULT, &t->http);
    if (r == -EADDRINUSE)
        log_error("port %u at %s is taken by another program: choose another one", port, address);
    else if (r == -EINVAL)
        return command_usage_error("trace", "--serve: '%s' is not an address", address);
    else if (r < 0)
        log_error("cannot serve on %s, port %u: %s", address, port, strerror(-r));
    t->config.http = t->http;
    return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int open_output(struct trace *t)
{
    bool to_stdout = t->output && strcmp(t->output, "-") == 0;
    bool terminal = isatty(STDOUT_FILENO);
    int r;

    if (t->output || (!terminal && !t->quiet)) {
        r = sink_file_open(t->output, &t->config.trace);
        if (r < 0) {
            log_error("cannot write %s: %s", t->output ? t->output : "standard output", strerror(-r));
            return EXIT_FAILED;
        }
    }
    if (!t->quiet && !to_stdout && (terminal || t->output)) {
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

    if (!t->netns)
        return EXIT_DONE;
    t->config.netns = t->netns;
    if (t->config.all_netns)
        return EXIT_DONE;
    if (strcmp(t->netns, "new") == 0) {
        r = netns_enter_new(&user);
        if (r == 0)
            return EXIT_DONE;
        log_error("cannot make a network namespace: %s; run as root, or allow unprivileged user namespaces "
                  "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces)",
                  strerror(-r));
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
    if (t->serve)
        status = open_serve(t);
    if (status == EXIT_DONE)
        status = open_output(t);
    if (status == EXIT_DONE)
        status = command_filter_check(&t->config.filter);
    if (status == EXIT_DONE)
        status = enter_namespace(t);
    if (status == EXIT_DONE && t->config.command) {
        r = start_command(t, t->config.trace && (!t->output || !strcmp(t->output, "-")));
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

/* "kernel,wire", "diag" */
static int parse_sources(struct trace *t, char *list)
{
    char *save, *name;

    if (!*list)
        return command_usage_error("trace", "--source takes kernel or diag, and wire, not ''");
    memset(t->config.want, 0, sizeof(t->config.want));
    for (name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
        enum witness w = 0;

        while (w < WITNESS_N && strcmp(name, witness_name(w)) != 0)
            w++;
        if (w == WITNESS_N)
            return command_usage_error("trace", "--source takes kernel or diag, and wire, not '%s'", name);
        t->config.want[w] = t->config.need[w] = true;
    }
    if (t->config.want[WITNESS_KERNEL] && t->config.want[WITNESS_DIAG])
        return command_usage_error("trace", "--source: diag stands in for kernel, take one of them");
    return EXIT_DONE;
}

/* What only the kernel witness can tell. */
static int check_scope(struct trace *t)
{
    const char *what = t->config.filter.pid_count ? "--pid" : t->config.all_netns ? "--netns all" : NULL;

    if (!what)
        return EXIT_DONE;
    if (t->config.want[WITNESS_DIAG] || !t->config.want[WITNESS_KERNEL])
        return command_usage_error("trace", "%s needs the kernel witness, which --source leaves out", what);
    t->config.need[WITNESS_KERNEL] = true;
    if (!t->config.filter.pid_count)
        return EXIT_DONE;
    if (t->config.need[WITNESS_WIRE])
        return command_usage_error("trace", "--pid: packets do not tell whose they are, it goes with --source kernel");
    t->config.want[WITNESS_WIRE] = false;
    return EXIT_DONE;
}

static int parse_buffer(struct trace *t, const char *text)
{
    char *rest;
    unsigned long kib = strtoul(text, &rest, 10);

    /* the kernel wants a power of two, and whole pages */
    if (!isdigit((unsigned char)*text) || *rest || kib < 4 || kib > 1 << 20 || (kib & (kib - 1)))
        return command_usage_error("trace", "--buffer takes KiB, a power of two from 4 to 1048576, not '%s'", text);
    t->config.ring_bytes = kib << 10;
    return EXIT_DONE;
}

static int parse_duration(struct trace *t, const char *text)
{
    char *rest;
    unsigned long value = strtoul(text, &rest, 10);

    if (!isdigit((unsigned char)*text) || *rest || !value || value > 1000000)
        return command_usage_error("trace", "--duration takes seconds, 1 to 1000000, not '%s'", text);
    t->ticks_max = value * 1000 / PIPELINE_TICK_MS;
    return EXIT_DONE;
}

int command_trace(int argc, char *argv[])
{
    enum {
        OPT_NETNS = 256,
        OPT_HOST,
        OPT_PID,
        OPT_SOURCE,
        OPT_SEGMENTS,
        OPT_CALLS,
        OPT_BUFFER,
        OPT_DURATION,
        OPT_SERVE
    };
    static const struct option options[] = {
        { "netns", required_argument, NULL, OPT_NETNS },
        { "port", required_argument, NULL, 'p' },
        { "host", required_argument, NULL, OPT_HOST },
        { "pid", required_argument, NULL, OPT_PID },
        { "iface", required_argument, NULL, 'i' },
        { "source", required_argument, NULL, OPT_SOURCE },
        { "segments", required_argument, NULL, OPT_SEGMENTS },
        { "calls", no_argument, NULL, OPT_CALLS },
        { "buffer", required_argument, NULL, OPT_BUFFER },
        { "duration", required_argument, NULL, OPT_DURATION },
        { "output", required_argument, NULL, 'o' },
        { "serve", required_argument, NULL, OPT_SERVE },
        { "quiet", no_argument, NULL, 'q' },
        { "help", no_argument, NULL, 'h' },
        {},
    };
    struct trace t = {
        .config = { .want = { [WITNESS_KERNEL] = true, [WITNESS_WIRE] = true } },
        .release = -1,
        .exec_report = -1,
        .child_status = -1,
    };
    int c, status = EXIT_DONE;

    opterr = 0;
    while (status == EXIT_DONE && (c = getopt_long(argc, argv, "+:p:i:o:qh", options, NULL)) != -1) {
        switch (c) {
        case OPT_NETNS:
            t.netns = optarg;
            t.config.all_netns = strcmp(optarg, "all") == 0;
            break;
        case 'p': status = command_filter_port(&t.config.filter, optarg); break;
        case OPT_HOST: status = command_filter_host(&t.config.filter, optarg); break;
        case OPT_PID: status = command_filter_pid(&t.config.filter, optarg); break;
        case 'i':
            if (t.config.interface_count == RECORD_INTERFACE_MAX)
                return command_usage_error("trace", "more than %d interfaces", RECORD_INTERFACE_MAX);
            t.interfaces[t.config.interface_count++] = optarg;
            t.config.need[WITNESS_WIRE] = true;
            break;
        case OPT_SOURCE: status = parse_sources(&t, optarg); break;
        case OPT_SEGMENTS:
            if (command_parse_segments(optarg, &t.config.segments) < 0)
                return command_usage_error("trace", "--segments takes all, control or none, not '%s'", optarg);
            break;
        case OPT_CALLS: t.config.calls = true; break;
        case OPT_BUFFER: status = parse_buffer(&t, optarg); break;
        case OPT_DURATION: status = parse_duration(&t, optarg); break;
        case 'o': t.output = optarg; break;
        case OPT_SERVE: t.serve = optarg; break;
        case 'q': t.quiet = true; break;
        case 'h': return help();
        default: return command_option_error("trace", c, argv);
        }
    }
    if (status == EXIT_DONE)
        status = check_scope(&t);
    if (status != EXIT_DONE)
        return status;
    if (optind < argc) {
        if (strcmp(argv[optind - 1], "--") != 0)
            return command_usage_error("trace", "'%s' is no option: a command stands after --", argv[optind]);
        t.config.command = argv + optind;
    } else if (strcmp(argv[argc - 1], "--") == 0) {
        return command_usage_error("trace", "which command? Nothing stands after --");
    }
    if (!t.config.command && t.netns && !strcmp(t.netns, "new"))
        return command_usage_error("trace", "--netns new needs a command after --: nobody else can get in there");
    t.config.interfaces = t.interfaces;
    return run(&t);
}
