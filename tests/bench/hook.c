/* hook: attaches the kernel side, or one program of it alone, and does nothing with what it tells.
 *
 *     hook [--hook PROGRAM] [--empty] [--calls] [--port N] [--stats] [--no-cast]
 *
 * Watches the network namespace it runs in. Without --hook: all programs. --empty: each returns at once, which leaves
 * what the tracepoint costs for being attached to. --port: only connections of this port are wanted. --no-cast: as before Linux
 * 6.2, where objects are read by calls. Prints "ready",
 * goes on until the end of its input, then prints one JSON object: by program how often it ran and, with --stats, for
 * how many nanoseconds, which makes every run of it dearer by two readings of a clock. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "tcplens.skel.h"

#define DRAIN_MS 20 /* as the tracer does */
#define HOOKS_MAX 32

struct choice {
    const char *hook; /* NULL: all */
    bool empty, calls, stats, no_cast;
    __u16 port; /* 0: all */
};

struct hooks {
    struct tcplens *skeleton;
    struct {
        const struct bpf_program *program;
        int fd;
    } items[HOOKS_MAX];
    unsigned count;
};

static void fail(const char *what)
{
    fprintf(stderr, "hook: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int ignore(void *arg, void *data, size_t size)
{
    (void)arg, (void)data, (void)size;
    return 0;
}

static void watch_this_namespace(struct tcplens *skeleton)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    __u64 cookie;
    socklen_t len = sizeof(cookie);
    struct stat st;

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0 || stat("/proc/self/ns/net", &st) < 0)
        fail("cannot name the namespace");
    close(fd);
    skeleton->rodata->netns_count = 1;
    skeleton->rodata->only_netns[0] = cookie;
    skeleton->rodata->only_inode[0] = (__u32)st.st_ino;
}

/* Whether the program is one of the hooks of a trace on this machine. */
static bool is_wanted(const struct choice *c, const struct bpf_program *program)
{
    const char *name = bpf_program__name(program);

    if (bpf_program__type(program) != BPF_PROG_TYPE_TRACING || !strncmp(bpf_program__section_name(program), "iter", 4))
        return false;
    if (c->hook)
        return !strcmp(name, c->hook);
    return strcmp(name, "call_enter") ? strcmp(name, "send_reset") : c->calls;
}

/* Attaches a program to the same tracepoint that returns at once; its descriptor. */
static int attach_empty(const struct bpf_program *program)
{
    static const struct bpf_insn returns[] = {
        { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
        { .code = BPF_JMP | BPF_EXIT },
    };
    const char *tracepoint = strchr(bpf_program__section_name(program), '/') + 1;
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP,
                .attach_btf_id = (__u32)libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP));
    int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", returns, 2, &options);

    if (fd < 0 || bpf_raw_tracepoint_open(NULL, fd) < 0)
        fail("cannot attach an empty program");
    return fd;
}

static void attach(struct hooks *hooks, const struct choice *c)
{
    struct tcplens *skeleton = hooks->skeleton = tcplens__open();
    struct bpf_program *program = NULL;

    if (!skeleton)
        fail("cannot open the program");
    watch_this_namespace(skeleton);
    skeleton->rodata->can_cast = !c->no_cast && libbpf_find_vmlinux_btf_id("bpf_rdonly_cast", 0) > 0;
    skeleton->rodata->has_calls = c->calls;
    skeleton->rodata->port_count = !!c->port;
    skeleton->rodata->ports[0].first = skeleton->rodata->ports[0].last = c->port;
    while ((program = bpf_object__next_program(skeleton->obj, program))) {
        bool wanted = is_wanted(c, program);

        bpf_program__set_autoload(program, wanted && !c->empty);
        if (wanted && hooks->count < HOOKS_MAX)
            hooks->items[hooks->count++].program = program;
    }
    if (tcplens__load(skeleton) < 0 || tcplens__attach(skeleton) < 0)
        fail("cannot attach");
    for (unsigned i = 0; i < hooks->count; i++) {
        const struct bpf_program *wanted = hooks->items[i].program;

        hooks->items[i].fd = c->empty ? attach_empty(wanted) : bpf_program__fd(wanted);
    }
}

static void print_runs(const struct hooks *hooks)
{
    putchar('{');
    for (unsigned i = 0; i < hooks->count; i++) {
        struct bpf_prog_info info = {};
        __u32 len = sizeof(info);

        if (bpf_obj_get_info_by_fd(hooks->items[i].fd, &info, &len) < 0)
            fail("cannot ask for a program");
        printf("%s\"%s\":{\"runs\":%llu,\"ns\":%llu}", i ? "," : "", bpf_program__name(hooks->items[i].program),
               info.run_cnt, info.run_time_ns);
    }
    puts("}");
}

int main(int argc, char *argv[])
{
    static const struct option options[] = {
        { "hook", required_argument, NULL, 'h' },
        { "empty", no_argument, NULL, 'e' },
        { "calls", no_argument, NULL, 'c' },
        { "port", required_argument, NULL, 'p' },
        { "stats", no_argument, NULL, 's' },
        { "no-cast", no_argument, NULL, 'n' },
        {},
    };
    struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
    struct hooks hooks = {};
    struct ring_buffer *ring;
    struct choice c = {};
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'h': c.hook = optarg; break;
        case 'e': c.empty = true; break;
        case 'c': c.calls = true; break;
        case 'p': c.port = (__u16)atoi(optarg); break;
        case 's': c.stats = true; break;
        case 'n': c.no_cast = true; break;
        default: return 2;
        }
    }
    attach(&hooks, &c);
    ring = ring_buffer__new(bpf_map__fd(hooks.skeleton->maps.events), ignore, NULL, NULL);
    if (!ring || (c.stats && bpf_enable_stats(BPF_STATS_RUN_TIME) < 0))
        fail("cannot begin");
    puts("ready");
    fflush(stdout);
    while (poll(&input, 1, DRAIN_MS) == 0)
        ring_buffer__consume(ring);
    print_runs(&hooks);
    ring_buffer__free(ring);
    tcplens__destroy(hooks.skeleton);
    return 0;
}
