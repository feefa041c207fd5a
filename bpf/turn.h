/* Changes of state that interrupt others.
 *
 * The kernel does not run a program where that would interrupt itself (__bpf_trace_run()), and packets and timers that change
 * states interrupt processes that do. So the tracepoint has two programs, and the second, run right after the first, tells
 * what the first did not come to. Softirqs do not interrupt each other: of one change both can never be kept from running. */
#ifndef TCPLENS_BPF_TURN_H
#define TCPLENS_BPF_TURN_H

#include "read.h"

/* A change that the first program has told, and the second has not come to. */
struct turn {
    __u64 sk; /* 0: none */
    int from, to;
};

/* Of processes, and of what interrupts them. */
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 2);
    __type(key, __u32);
    __type(value, struct turn);
} turns SEC(".maps");

/* A process owns the socket whose state it changes, or has softirqs disabled; a softirq leaves to the owner what comes for a
 * socket that has one (sock_owned_by_user()). So what interrupts is never where it would forget what it has interrupted, as
 * often as it comes while the second program does not run for it. */
static __always_inline struct turn *turn_of(const struct sock *sk)
{
    __u32 key = sk->sk_lock.owned != 0;

    return bpf_map_lookup_elem(&turns, &key);
}

static __always_inline void turn_taken(const struct sock *sk, int from, int to)
{
    struct turn *turn = turn_of(sk);

    if (!turn)
        return;
    turn->sk = (__u64)sk;
    turn->from = from;
    turn->to = to;
}

/* Whether the first program has told this change; it is forgotten. */
static __always_inline bool turn_was_taken(const struct sock *sk, int from, int to)
{
    struct turn *turn = turn_of(sk);

    if (!turn)
        return true;
    if (turn->sk != (__u64)sk || turn->from != from || turn->to != to)
        return false;
    turn->sk = 0;
    return true;
}

#endif
