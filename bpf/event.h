/* The ring, and the events that are written into it. */
#ifndef TCPLENS_BPF_EVENT_H
#define TCPLENS_BPF_EVENT_H

#include "read.h"
#include "wire.h"

/* System calls are followed. Set before load: what is not asked for is no code at all on its way through the verifier. */
const volatile bool has_calls = false;
/* Likewise UDP. */
const volatile bool has_datagrams = false;

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

static __always_inline void count_lost(enum tcplens_hook hook)
{
    __sync_fetch_and_add(&lost[hook], 1);
}

static __always_inline void event_fill(struct tcplens_event *e, enum tcplens_kind kind, const struct name *name,
                                       bool has_queue, bool in_task)
{
    __u64 id;

    e->ts_ns = bpf_ktime_get_ns();
    e->cookie = name->cookie;
    e->flow = name->flow;
    e->kind = kind;
    e->from = 0;
    e->to = 0;
    e->in_task = in_task;
    e->during = TCPLENS_CALL_NONE;
    e->has_queue = has_queue;
    if (in_task) {
        id = bpf_get_current_pid_tgid();
        e->pid = id >> 32;
        e->tid = (__u32)id;
        bpf_get_current_comm(e->comm, sizeof(e->comm));
    }
}

/* Reserves an event about a connection, or counts its loss and returns NULL. The filters have been asked already. in_task:
 * the running task caused it. has_queue is for STATE. The compiler must know all but the name, and so the size. */
static __always_inline struct tcplens_event *event_reserve(enum tcplens_hook hook, enum tcplens_kind kind,
                                                           const struct name *name, bool has_queue, bool in_task)
{
    struct tcplens_event *e = bpf_ringbuf_reserve(&events, tcplens_event_size(kind, has_queue, in_task), 0);

    if (!e) {
        count_lost(hook);
        return NULL;
    }
    event_fill(e, kind, name, has_queue, in_task);
    return e;
}

static __always_inline struct tcplens_event *event_new(enum tcplens_hook hook, enum tcplens_kind kind,
                                                       const struct name *name)
{
    return event_reserve(hook, kind, name, false, false);
}

static __always_inline struct tcplens_event *event_of_task(enum tcplens_hook hook, enum tcplens_kind kind,
                                                           const struct name *name)
{
    return event_reserve(hook, kind, name, false, true);
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
