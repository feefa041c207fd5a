/* What no single hook of the kernel witness can know, put right before anybody else sees it.
 *
 * A TIME-WAIT timer that is armed again, or expires, looks like a cancellation at first: a cancellation waits for one batch,
 * and if the start or the expiry of the same timer follows, it was none.
 *
 * tcp_send_active_reset() tells of its RST after it is sent, and over loopback the peer has got it, and told so, by then: the
 * sending is given the time before that. */
#ifndef TCPLENS_SOURCE_BPF_MEND_H
#define TCPLENS_SOURCE_BPF_MEND_H

#include <stdint.h>

#include "bpf/wire.h"
#include "tcplens/base/limits.h"

#define BPF_MEND_RESETS_MAX 64

typedef void (*bpf_mend_fn)(void *arg, const struct tcplens_event *event);

/* Begins as zeroes. */
struct bpf_mend {
    struct tcplens_event cancels[LIMIT_KERNEL_CANCELLATIONS]; /* as they came */
    unsigned count, old; /* how many wait, and of these how many did for a whole batch */
    uint64_t unsure;     /* found no room to wait, and were passed on at once */
    struct {
        uint64_t ts_ns; /* 0: none */
        struct tcplens_flow flow;
    } resets[BPF_MEND_RESETS_MAX]; /* the latest that were received */
    unsigned next_reset;
};

/* Takes an event as the ring has it, of tcplens_event_size(), and passes it on, or keeps it for a while. */
void bpf_mend_put(struct bpf_mend *mend, const struct tcplens_event *event, bpf_mend_fn pass_on, void *arg);

/* All of a batch was put: passes on what has waited for as long as it has to. */
void bpf_mend_end_batch(struct bpf_mend *mend, bpf_mend_fn pass_on, void *arg);

#endif
