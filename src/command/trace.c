/* tcplens trace: the command line. */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tcplens/command/command.h"
#include "trace_run.h"

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
        "      --buffer KIB           room for events between kernel and tracer (default 65536)\n"
        "      --duration SECONDS     end after this time\n"
        "  -o, --output FILE          write the trace to FILE (- is standard output)\n"
        "      --serve [ADDR:]PORT    serve the viewer and the live trace to a browser (default address 127.0.0.1)\n"
        "  -q, --quiet                no timeline\n"
        "  -h, --help                 print this\n\n"
        "Exit status: 0 done, 1 failed, 2 usage, 3 a right or a kernel feature is missing, 4 events were lost.");
    return EXIT_DONE;
}

/* "kernel,wire", "diag" */
static int parse_sources(struct trace_options *o, char *list)
{
    const char *name;

    memset(o->config.want, 0, sizeof(o->config.want));
    while ((name = strsep(&list, ","))) {
        enum witness w = 0;

        while (w < WITNESS_N && strcmp(name, witness_name(w)) != 0)
            w++;
        if (w == WITNESS_N)
            return command_usage_error("trace", "--source takes kernel or diag, and wire, not '%s'", name);
        o->config.want[w] = o->config.need[w] = true;
    }
    if (o->config.want[WITNESS_KERNEL] && o->config.want[WITNESS_DIAG])
        return command_usage_error("trace", "--source: diag stands in for kernel, take one of them");
    return EXIT_DONE;
}

/* What only the kernel witness can tell. */
static int check_scope(struct trace_options *o)
{
    const char *what = o->config.filter.pid_count ? "--pid" : o->config.all_netns ? "--netns all" : NULL;

    if (!what)
        return EXIT_DONE;
    if (o->config.want[WITNESS_DIAG] || !o->config.want[WITNESS_KERNEL])
        return command_usage_error("trace", "%s needs the kernel witness, which --source leaves out", what);
    o->config.need[WITNESS_KERNEL] = true;
    if (!o->config.filter.pid_count)
        return EXIT_DONE;
    if (o->config.need[WITNESS_WIRE])
        return command_usage_error("trace", "--pid: packets do not tell whose they are, it goes with --source kernel");
    o->config.want[WITNESS_WIRE] = false;
    return EXIT_DONE;
}

static int parse_buffer(struct trace_options *o, const char *text)
{
    char *rest;
    unsigned long kib = strtoul(text, &rest, 10);

    /* the kernel wants a power of two, and whole pages */
    if (!isdigit((unsigned char)*text) || *rest || kib < 4 || kib > 1 << 20 || (kib & (kib - 1)))
        return command_usage_error("trace", "--buffer takes KiB, a power of two from 4 to 1048576, not '%s'", text);
    o->config.ring_bytes = kib << 10;
    return EXIT_DONE;
}

static int parse_duration(struct trace_options *o, const char *text)
{
    char *rest;
    unsigned long value = strtoul(text, &rest, 10);

    if (!isdigit((unsigned char)*text) || *rest || !value || value > 1000000)
        return command_usage_error("trace", "--duration takes seconds, 1 to 1000000, not '%s'", text);
    o->ticks = value * 1000 / PIPELINE_TICK_MS;
    return EXIT_DONE;
}

/* "8480", "0.0.0.0:8480", "[::1]:8480" */
static int parse_serve(struct trace_options *o, const char *text)
{
    const char *colon = strrchr(text, ':'), *address = "127.0.0.1";
    size_t len = strlen(address);

    if (colon) {
        address = text;
        len = (size_t)(colon - text);
        if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
            address++;
            len -= 2;
        }
    }
    if (!len || len >= sizeof(o->serve_address) || command_parse_port(colon ? colon + 1 : text, &o->serve_port) < 0)
        return command_usage_error("trace", "--serve takes [ADDR:]PORT, not '%s'", text);
    memcpy(o->serve_address, address, len);
    o->serve_address[len] = '\0';
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
    struct trace_options o = { .config = { .want = { [WITNESS_KERNEL] = true, [WITNESS_WIRE] = true } } };
    int c, status = EXIT_DONE;

    opterr = 0;
    while (status == EXIT_DONE && (c = getopt_long(argc, argv, "+:p:i:o:qh", options, NULL)) != -1) {
        switch (c) {
        case OPT_NETNS:
            if (o.netns)
                return command_usage_error("trace", "--netns: %s or %s, not both", o.netns, optarg);
            o.netns = optarg;
            o.config.all_netns = strcmp(optarg, "all") == 0;
            break;
        case 'p': status = command_filter_port(&o.config.filter, optarg); break;
        case OPT_HOST: status = command_filter_host(&o.config.filter, optarg); break;
        case OPT_PID: status = command_filter_pid(&o.config.filter, optarg); break;
        case 'i':
            if (o.config.interface_count == TRACE_INTERFACE_MAX)
                return command_usage_error("trace", "more than %d interfaces", TRACE_INTERFACE_MAX);
            o.interfaces[o.config.interface_count++] = optarg;
            o.config.need[WITNESS_WIRE] = true;
            break;
        case OPT_SOURCE: status = parse_sources(&o, optarg); break;
        case OPT_SEGMENTS:
            if (command_parse_segments(optarg, &o.config.segments) < 0)
                return command_usage_error("trace", "--segments takes all, control or none, not '%s'", optarg);
            break;
        case OPT_CALLS: o.config.calls = true; break;
        case OPT_BUFFER: status = parse_buffer(&o, optarg); break;
        case OPT_DURATION: status = parse_duration(&o, optarg); break;
        case 'o': o.output = optarg; break;
        case OPT_SERVE: status = parse_serve(&o, optarg); break;
        case 'q': o.quiet = true; break;
        case 'h': return help();
        default: return command_option_error("trace", c, argv);
        }
    }
    if (status == EXIT_DONE)
        status = check_scope(&o);
    if (status != EXIT_DONE)
        return status;
    if (optind < argc) {
        if (strcmp(argv[optind - 1], "--") != 0)
            return command_usage_error("trace", "'%s' is no option: a command stands after --", argv[optind]);
        o.config.command = argv + optind;
    } else if (strcmp(argv[argc - 1], "--") == 0) {
        return command_usage_error("trace", "which command? Nothing stands after --");
    }
    if (!o.config.command && o.netns && !strcmp(o.netns, "new"))
        return command_usage_error("trace", "--netns new needs a command after --: nobody else can get in there");
    o.config.interfaces = o.interfaces;
    return trace_run(&o);
}
