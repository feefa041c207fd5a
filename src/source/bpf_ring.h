/* The ring that the kernel side writes its events into. */
#ifndef TCPLENS_SOURCE_BPF_RING_H
#define TCPLENS_SOURCE_BPF_RING_H

#include <stdbool.h>

#include <bpf/libbpf.h>

/* For so long what a program has begun to write is waited for at the end. */
#define BPF_RING_WAIT_MS 1000

/* Begins as zeroes. */
struct bpf_ring {
    struct ring_buffer *reader;
    unsigned char *positions; /* of who reads and who writes, a page each; NULL: not mapped */
};

/* map: the ring's descriptor, which is not needed afterwards. 0 or -errno. */
int bpf_ring_open(struct bpf_ring *ring, int map, ring_buffer_sample_fn on_event, void *arg)
    __attribute__((warn_unused_result));

/* Until nothing is left, or on_event() gives a negative number. last: no other reading will follow, so that what was begun before
 * is waited for. Returns false if that, with what came after it, is still to be read. */
bool bpf_ring_read(const struct bpf_ring *ring, bool last);

void bpf_ring_close(struct bpf_ring *ring);

#endif
