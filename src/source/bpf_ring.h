/* The ring that the kernel side writes its events into. */
#ifndef TCPLENS_SOURCE_BPF_RING_H
#define TCPLENS_SOURCE_BPF_RING_H

#include <stdbool.h>

#include <bpf/libbpf.h>

/* Begins as zeroes. */
struct bpf_ring {
    struct ring_buffer *reader;
    unsigned char *positions; /* of who reads and who writes, a page each; NULL: not mapped */
};

/* map: the ring's descriptor, which is not needed afterwards. 0 or -errno. */
int bpf_ring_open(struct bpf_ring *ring, int map, ring_buffer_sample_fn on_event, void *arg)
    __attribute__((warn_unused_result));

/* All that was begun before, and what came meanwhile until on_event() gives a negative number. What is begun but not written is waited
 * for as long as *patience_ms lasts, which gets less. Returns false if it is still to be read, with what came after it. */
bool bpf_ring_read(const struct bpf_ring *ring, unsigned *patience_ms);

void bpf_ring_close(struct bpf_ring *ring);

#endif
