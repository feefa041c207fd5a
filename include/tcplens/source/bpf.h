/* The kernel witness: loads the eBPF program, turns what it stores into events. */
#ifndef TCPLENS_SOURCE_BPF_H
#define TCPLENS_SOURCE_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/clock.h"
#include "tcplens/base/filter.h"
#include "tcplens/base/netns.h"
#include "tcplens/event/event.h"

struct source_bpf;

struct source_bpf_config {
    struct netns_scope scope; /* the namespaces to watch, which are held, or this process is in; none: all */
    struct filter filter;
    bool calls;           /* system calls on TCP sockets too */
    bool datagrams;       /* with calls: those on UDP sockets too */
    uint32_t command_pid; /* with calls: whose processes are told; 0: only those of the filter */
    size_t ring_bytes;    /* power of two; 0: 64 MiB */
};

/* Loads and attaches; events are collected from here on. clock is borrowed for the life of the source.
 * Errors: -EPERM (needs CAP_BPF, CAP_PERFMON), -ENOENT (no BTF in this kernel), others from the kernel. */
int source_bpf_open(const struct source_bpf_config *config, const struct trace_clock *clock,
                    struct source_bpf **ret_source) __attribute__((warn_unused_result));

/* Hands over what existed before: a snapshot event for every TCP object, with the process that holds it. Where all
 * namespaces are watched, of each that a process is in. Needs the rights that opening needed. 0 or -errno. */
int source_bpf_snapshot(struct source_bpf *source, event_fn emit, void *arg) __attribute__((warn_unused_result));

/* Hands over all that happened before the call, and returns however much happens meanwhile. Order is nearly, not exactly, that
 * of time. Where the process of a listener has ended, asks who holds the sockets now. last: nothing comes after. */
void source_bpf_drain(struct source_bpf *source, bool last, event_fn emit, void *arg);

/* As trace_clock.calls. */
const uint64_t *source_bpf_clock_calls(const struct source_bpf *source);
/* As trace_clock.call; source: that. */
struct clock_call source_bpf_clock_call(const void *source, uint64_t number);

/* Events for which there was no room so far; each loss also came as an EVENT_GAP. */
uint64_t source_bpf_lost(const struct source_bpf *source);

/* It tells of each RST that TCP sends here, also in answer to what is for no socket: some kernels tell of those of sockets
 * alone (before Linux 6.10), and a filter by processes knows of no other. */
bool source_bpf_all_resets(const struct source_bpf *source);

/* NULL is fine; returns NULL. */
struct source_bpf *source_bpf_close(struct source_bpf *source);

#endif
