/* The kernel witness as a row of the table of sources: its options, why it cannot take part, what doctor says of it. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf_hooks.h"
#include "tcplens/source/bpf.h"
#include "tcplens/source/source.h"

struct options {
    bool calls;
    size_t ring_bytes;
};

/* The kernel wants a power of two, and whole pages. */
static int take_buffer(const char *value, void *member, char why[static OPTIONS_ERROR_MAX])
{
    char *rest;
    unsigned long kib = strtoul(value, &rest, 10);

    if (*value < '0' || *value > '9' || *rest || kib < 4 || kib > 1 << 20 || (kib & (kib - 1))) {
        snprintf(why, OPTIONS_ERROR_MAX, " takes KiB, a power of two from 4 to 1048576, not '%.100s'", value);
        return -EINVAL;
    }
    *(size_t *)member = kib << 10;
    return 0;
}

static const struct option_row rows[] = {
    { .name = "calls",
      .help = "system calls too: on TCP sockets, with --udp on UDP sockets, and those that wait for such; and the "
              "processes of the command or of --pid",
      .kind = OPTION_FLAG,
      .offset = offsetof(struct options, calls) },
    { .name = "buffer",
      .argument = "KIB",
      .help = "room for events between kernel and tracer (default 65536)",
      .kind = OPTION_TAKEN,
      .take = take_buffer,
      .offset = offsetof(struct options, ring_bytes) },
};
static const struct option_table table = OPTION_TABLE(rows);

static bool is_asked_for(const void *config)
{
    return ((const struct options *)config)->calls;
}

static int ops_open(const struct source_context *context, const void *config, void **ret_source,
                    char why[static SOURCE_ERROR_MAX])
{
    const struct options *o = config;
    struct source_bpf_config own = {
        .filter = context->filter,
        .calls = o->calls,
        .command_pid = context->command_pid,
        .datagrams = context->datagrams,
        .ring_bytes = o->ring_bytes,
    };
    struct source_bpf *source;
    int r = 0;

    if (context->scope)
        own.scope = *context->scope;
    else if (!context->all_netns) {
        own.scope = (struct netns_scope){ .in = { { .fd = -1, .inode = context->netns } }, .count = 1 };
        r = netns_cookie(&own.scope.in[0].cookie);
    }

    if (r == 0)
        r = source_bpf_open(&own, context->clock, &source);
    if (r == -EPERM || r == -EACCES)
        snprintf(why, SOURCE_ERROR_MAX, "needs root, or CAP_BPF, CAP_PERFMON and CAP_SYSLOG");
    else if (r == -ENOENT)
        snprintf(why, SOURCE_ERROR_MAX, "this kernel shows no BTF (/sys/kernel/btf/vmlinux)");
    else if (r < 0)
        snprintf(why, SOURCE_ERROR_MAX, "the eBPF program cannot be loaded: %s", strerror(-r));
    if (r == 0) {
        context->clock->call = source_bpf_clock_call;
        context->clock->call_arg = source;
        context->clock->calls = source_bpf_clock_calls(source);
        *ret_source = source;
    }
    return r;
}

static int ops_snapshot(void *source, event_fn emit, void *arg)
{
    return source_bpf_snapshot(source, emit, arg);
}

static int ops_drain(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX])
{
    (void)error;
    source_bpf_drain(source, last, emit, arg);
    return 0;
}

static uint64_t ops_lost(const void *source)
{
    return source_bpf_lost(source);
}

static const char *ops_caveat(const void *source)
{
    (void)source;
    return bpf_sees_timers()
               ? NULL
               : "the kernel hides the addresses of its functions (needs CAP_SYSLOG): " BPF_WITHOUT_TIMERS;
}

static bool ops_all_resets(const void *source)
{
    return source_bpf_all_resets(source);
}

static void ops_close(void *source)
{
    source_bpf_close(source);
}

static void tell_hook(void *arg, const struct bpf_hook *hook)
{
    source_tell_fn *tell = arg;
    char what[96];

    snprintf(what, sizeof(what), "%s%s", hook->tracepoint ? "hook " : "", hook->name);
    (*tell)(hook->found, what, hook->without);
}

static bool probe(source_tell_fn tell)
{
    const struct source_bpf_config config = { .calls = false };
    struct trace_clock clock;
    struct source_bpf *bpf;
    int r;

    trace_clock_init(&clock);
    r = bpf_hooks(tell_hook, &tell);
    tell(r == 0, "type information of the kernel (/sys/kernel/btf/vmlinux)",
         "no kernel witness; a kernel with CONFIG_DEBUG_INFO_BTF is needed");
    r = source_bpf_open(&config, &clock, &bpf);
    tell(r == 0, "kernel witness: the eBPF program loads and attaches",
         r == -EPERM || r == -EACCES ? "needs root, or CAP_BPF and CAP_PERFMON"
         : r == -ENOENT              ? "needs the type information above"
                                     : strerror(-r));
    if (r == 0)
        source_bpf_close(bpf);
    return r == 0;
}

const struct source_ops source_bpf_ops = {
    .name = "kernel",
    .witness = WITNESS_KERNEL,
    .live = true,
    .by_default = true,
    .knows_pids = true,
    .all_netns = true,
    .expected = true,
    .without = "tracing packets only: the kernel's own states, owners and queues are not seen",
    .options = &table,
    .config_size = sizeof(struct options),
    .is_asked_for = is_asked_for,
    .open = ops_open,
    .snapshot = ops_snapshot,
    .drain = ops_drain,
    .lost = ops_lost,
    .all_resets = ops_all_resets,
    .caveat = ops_caveat,
    .close = ops_close,
    .probe = probe,
};
