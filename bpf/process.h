/* Processes that begin, become another program, and end: those that are asked for, and all that comes of them. */
#ifndef TCPLENS_BPF_PROCESS_H
#define TCPLENS_BPF_PROCESS_H

#include "filter.h"

/* By process id. A child is in it as long as it lives, whoever its parent is by then; one that was there before belongs to it
 * while its parent does. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TCPLENS_FAMILY_MAX);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, __u32);
    __type(value, __u8);
} family SEC(".maps");

static __always_inline bool in_family(const struct task_struct *task)
{
    __u32 pid = READ(task, tgid), parent = READ(READ(task, real_parent), tgid);

    return bpf_map_lookup_elem(&family, &pid) || bpf_map_lookup_elem(&family, &parent) ||
           (pid_count && process_wanted(task));
}

static __always_inline void add_cost(struct tcplens_event *e, const struct task_struct *task)
{
    const struct signal_struct *signal = READ(task, signal);

    e->process.code = READ(task, exit_code);
    e->process.cpu_ns = READ(task, se.sum_exec_runtime);
    e->process.user_ns = READ(task, utime);
    e->process.system_ns = READ(task, stime);
    e->process.nvcsw = READ(task, nvcsw);
    e->process.nivcsw = READ(task, nivcsw);
    if (!READ(signal, live.counter))
        e->process.max_pages = READ(signal, maxrss);
}

static __always_inline int process_event(const struct task_struct *task, __u32 parent, enum tcplens_process what)
{
    struct name none = {};
    struct tcplens_event *e = event_of_task(TCPLENS_HOOK_PROCESS, TCPLENS_PROCESS, &none);

    if (!e)
        return 0;
    e->process.event = what;
    e->process.parent = parent;
    if (what == TCPLENS_PROCESS_EXIT)
        add_cost(e, task);
    e->pid = READ(task, tgid);
    e->tid = READ(task, pid);
    BPF_CORE_READ_STR_INTO(&e->comm, task, comm);
    event_submit(e);
    return 0;
}

static __always_inline int process_begins(const struct task_struct *parent, const struct task_struct *child)
{
    __u32 pid = READ(child, tgid), of = READ(parent, tgid);
    __u8 yes = 1;

    if (!in_family(parent))
        return 0;
    if (pid == of)
        return process_event(child, 0, TCPLENS_PROCESS_THREAD);
    if (bpf_map_update_elem(&family, &pid, &yes, BPF_ANY))
        count_lost(TCPLENS_HOOK_PROCESS);
    return process_event(child, of, TCPLENS_PROCESS_FORK);
}

static __always_inline int process_becomes(const struct task_struct *task)
{
    if (!in_family(task))
        return 0;
    return process_event(task, READ(READ(task, real_parent), tgid), TCPLENS_PROCESS_EXEC);
}

/* Told of each thread. */
static __always_inline int process_ends(const struct task_struct *task)
{
    __u32 pid = READ(task, tgid);
    bool first = READ(task, pid) == (int)pid;

    if (!in_family(task))
        return 0;
    process_event(task, first ? READ(READ(task, real_parent), tgid) : 0, TCPLENS_PROCESS_EXIT);
    if (first)
        bpf_map_delete_elem(&family, &pid);
    return 0;
}

#endif
