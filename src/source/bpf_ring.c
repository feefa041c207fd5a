/* Events are read in the order in which their room in the ring was taken, and one that is not written to its end holds back all
 * that came after it (kernel/bpf/ringbuf.c, ringbuf_process_ring() of libbpf). That is over in a moment, unless the processor
 * stands still meanwhile, as one of a virtual machine may: the next reading gets them then, but the last has none after it, and
 * waits. */
#include "bpf_ring.h"

#include <errno.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#define POLL_MS 10

int bpf_ring_open(struct bpf_ring *ring, int map, ring_buffer_sample_fn on_event, void *arg)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    /* struct bpf_ringbuf, from its consumer_pos on */
    void *positions = mmap(NULL, 2 * page, PROT_READ, MAP_SHARED, map, 0);

    if (positions == MAP_FAILED)
        return -errno;
    ring->positions = positions;
    ring->reader = ring_buffer__new(map, on_event, arg, NULL);
    return ring->reader ? 0 : -errno;
}

static unsigned long read_until(const struct bpf_ring *ring)
{
    return __atomic_load_n((unsigned long *)(void *)ring->positions, __ATOMIC_ACQUIRE);
}

static unsigned long written_until(const struct bpf_ring *ring)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return __atomic_load_n((unsigned long *)(void *)(ring->positions + page), __ATOMIC_ACQUIRE);
}

bool bpf_ring_read(const struct bpf_ring *ring, unsigned *patience_ms)
{
    const unsigned long end = written_until(ring);

    for (;;) {
        const bool cut = ring_buffer__consume(ring->reader) < 0;

        if ((long)(end - read_until(ring)) <= 0)
            return true;
        if (cut)
            continue;
        if (*patience_ms < POLL_MS)
            return false;
        poll(NULL, 0, POLL_MS);
        *patience_ms -= POLL_MS;
    }
}

void bpf_ring_close(struct bpf_ring *ring)
{
    ring_buffer__free(ring->reader);
    if (ring->positions)
        munmap(ring->positions, 2 * (size_t)sysconf(_SC_PAGESIZE));
    *ring = (struct bpf_ring){ 0 };
}
