/* Turns the kernel side's events into the model's; needs no kernel to do so. */
#ifndef TCPLENS_SOURCE_BPF_DECODE_H
#define TCPLENS_SOURCE_BPF_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "bpf/wire.h"
#include "tcplens/base/clock.h"
#include "tcplens/event/event.h"

#define BPF_RESET_REASONS_MAX 64

#define BPF_WATCHES_MAX 4096

/* What an epoll descriptor watches: epoll_wait() gives back no descriptor but what epoll_ctl() was handed with it. */
struct bpf_watch {
    uint32_t pid; /* 0: a free place */
    int epoll, fd;
    uint64_t data;
};

struct bpf_decoder {
    const struct trace_clock *clock;
    const char *reset_reasons[BPF_RESET_REASONS_MAX]; /* by enum sk_rst_reason; NULL: no name */
    unsigned hz;                                      /* 0: not known yet */
    struct bpf_watch watches[BPF_WATCHES_MAX]; /* each where its hash says; the newest of those that share a place */
};

/* False where the event is not worth passing on; *ret_event is of no use then. Reads no more of the event than its
 * tcplens_event_size(). */
bool bpf_decode(struct bpf_decoder *decoder, const struct tcplens_event *e, struct event *ret_event);

/* The RFC's name for a state of include/net/tcp_states.h. */
enum tcp_state bpf_state(uint8_t kernel);

#endif
