/* The kernel witness: loads the eBPF program, turns what it stores into events. */
#ifndef TCPLENS_SOURCE_BPF_H
#define TCPLENS_SOURCE_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcplens/base/clock.h"
#include "tcplens/model/event.h"

struct source_bpf;

struct source_bpf_config {
    uint64_t netns;        /* cookie of the one namespace to watch; 0: all */
    const uint16_t *ports; /* either end's; borrowed for the call */
    unsigned port_count;   /* 0: all; at most 16 */
    bool calls;            /* system calls on TCP sockets too */
    size_t ring_bytes;     /* power of two; 0: 16 MiB */
};

/* Loads and attaches; events are collected from here on. clock is borrowed for the life of the source.
 * Errors: -EPERM (needs CAP_BPF, CAP_PERFMON, CAP_SYSLOG), -ENOENT (no BTF in this kernel, or it hides the addresses
 * of its timer handlers), others from the kernel. */
int source_bpf_open(const struct source_bpf_config *config, const struct trace_clock *clock,
                    struct source_bpf **ret_source) __attribute__((warn_unused_result));

/* Hands over what existed before: a snapshot event for every TCP object, with the process that holds it. Needs the rights that opening needed. 0 or -errno. */
int source_bpf_snapshot(struct source_bpf *source, event_fn emit, void *arg) __attribute__((warn_unused_result));

/* Hands over all that has been collected. Order is nearly, not exactly, that of time. Makes no system call. */
void source_bpf_drain(struct source_bpf *source, event_fn emit, void *arg);

/* Events for which there was no room so far; each loss also came as an EVENT_GAP. */
uint64_t source_bpf_lost(const struct source_bpf *source);

/* A hook of the kernel witness: whether this kernel has it, and what is not seen without it. */
struct source_bpf_hook {
    const char *name, *without;
    bool found;
};

/* Names every hook. 0, or -ENOENT where this kernel shows no type information, and nothing can be said. */
int source_bpf_hooks(void (*each)(void *arg, const struct source_bpf_hook *hook), void *arg);

/* NULL is fine; returns NULL. */
struct source_bpf *source_bpf_close(struct source_bpf *source);

#endif
