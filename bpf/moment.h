/* What hooks that belong together tell each other. */
#ifndef TCPLENS_BPF_MOMENT_H
#define TCPLENS_BPF_MOMENT_H

#include "event.h"

/* What happened a moment ago on this CPU, for hooks that belong together: TCP runs them without being interrupted by
 * another of their kind. */
struct moment {
    struct tcplens_flow request;   /* its SYN made a request sock, or a child at once */
    struct tcplens_flow completed; /* a request sock was completed for it */
    __u64 completed_listener;      /* address of that one's listening sock */
    __u64 child;                   /* address of a child that was made */
    __u64 child_ns;                /* when; 0: that has been told */
    __u64 timer;                   /* of the request whose timer is running its function */
    __u64 listener;                /* address of that request's listening sock */
    struct tcplens_flow retry;     /* that request */
    __u32 rearmed;                 /* the function armed that timer again */
    __u64 moving;                  /* timer of a request, off the wheel but not cancelled */
    __u64 killed;                  /* cookie of the minisock whose timer was cancelled */
    __u64 closed;                  /* cookie of the socket that was closed last, and belongs to nobody any more */
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct moment);
} moments SEC(".maps");

static __always_inline struct moment *moment_now(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&moments, &zero);
}

#endif
