/* What all hooks share: the settings, the ring, events. */
#ifndef TCPLENS_BPF_COMMON_H
#define TCPLENS_BPF_COMMON_H

#include "kernel_types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "tcplens.h"

/* Set before load: what is not asked for is no code at all on its way through the verifier. */
const volatile __u64 only_netns = 0; /* network namespace cookie; 0: all */
const volatile __u32 only_inode = 0; /* that namespace's inode number */
const volatile __u32 port_count = 0; /* 0: all; and so for the others */
const volatile __u16 ports[TCPLENS_PORTS_MAX];
const volatile __u32 host_count = 0;
const volatile struct tcplens_prefix hosts[TCPLENS_HOSTS_MAX];
const volatile __u32 pid_count = 0;
const volatile __u32 pids[TCPLENS_PIDS_MAX];
/* System calls are followed. */
const volatile bool has_calls = false;

__u64 lost[TCPLENS_HOOK_N];

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 64 << 20); /* resized before load */
} events SEC(".maps");

/* What one of the three kernel objects of a connection is called. */
struct name {
    struct tcplens_flow flow;
    __u64 cookie;
};

/* Reserves an event, or counts its loss and returns NULL. */
static __always_inline struct tcplens_event *event_alloc(enum tcplens_hook hook, enum tcplens_kind kind)
{
    struct tcplens_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

    if (!e) {
        __sync_fetch_and_add(&lost[hook], 1);
        return NULL;
    }
    e->ts_ns = bpf_ktime_get_ns();
    e->kind = kind;
    e->from = 0;
    e->to = 0;
    e->in_task = 0;
    e->during = TCPLENS_CALL_NONE;
    return e;
}

/* An event about a connection. The filters have been asked already. */
static __always_inline struct tcplens_event *event_new(enum tcplens_hook hook, enum tcplens_kind kind,
                                                       const struct tcplens_flow *flow, __u64 cookie)
{
    struct tcplens_event *e = event_alloc(hook, kind);

    if (!e)
        return NULL;
    e->cookie = cookie;
    e->flow = *flow;
    return e;
}

static __always_inline void set_task(struct tcplens_event *e)
{
    __u64 id = bpf_get_current_pid_tgid();

    e->in_task = 1;
    e->pid = id >> 32;
    e->tid = (__u32)id;
    bpf_get_current_comm(e->comm, sizeof(e->comm));
}

static __always_inline void event_submit(struct tcplens_event *e)
{
    bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
}

static __always_inline bool flow_equal(const struct tcplens_flow *a, const struct tcplens_flow *b)
{
    const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

    for (int i = 0; i < (int)(sizeof(*a) / sizeof(*x)); i++)
        if (x[i] != y[i])
            return false;
    return true;
}
_Static_assert(sizeof(struct tcplens_flow) % sizeof(__u64) == 0, "flow_equal compares whole words");

#endif
