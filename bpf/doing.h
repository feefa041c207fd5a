/* What a thread is about: kept with the thread, not in a hash table. */
#ifndef TCPLENS_BPF_DOING_H
#define TCPLENS_BPF_DOING_H

#include "event.h"

/* What a thread is doing. */
struct doing {
    /* connect() sets SYN-SENT before it picks a port. When that was waits here until its first SYN's timer is started,
     * in the same call, which is the earliest hook at which the port is known. */
    __u64 connecting; /* address of the sock; 0: none */
    __u64 connecting_ns;
    __u8 connecting_during;

    __u8 call; /* enum tcplens_call; NONE: none that is followed */
    /* A close() before Linux 6.6 does its work after it has returned, on the way back to the application. */
    bool returned;
    __u8 state; /* of the socket */
    __s32 fd;
    __u64 since_ns; /* 0: not known */
    __u64 socket;   /* address of the sock */
    __u64 args[3];  /* enum tcplens_arg */
    struct name name;
    __u8 protocol;
    bool told;     /* that it goes on */
    bool followed; /* its process is among those whose waiting is told */
};

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct doing);
} threads SEC(".maps");

static __always_inline struct doing *doing_now(__u64 flags)
{
    return bpf_task_storage_get(&threads, bpf_get_current_task_btf(), NULL, flags);
}

/* The call is about no socket, whatever the thread's last one was. */
static __always_inline void doing_without_socket(struct doing *d)
{
    d->socket = 0;
    d->protocol = 0;
    d->name = (struct name){};
    d->state = 0;
}

#endif
