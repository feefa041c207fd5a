/* What the kernel's ring can do to who reads it, preloaded before libbpf. Whoever has the other end of a descriptor is asked, and
 * waited for: with OUTPACE_FD after each event that was read, to make another, as a machine does that is faster than the program
 * at every moment; with HELD_FD before each reading, whether there is something to be read ('r') or what has been begun first
 * holds all back ('h'), as where the processor stands still that has begun it. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static const char *const kept_open[] = { "OUTPACE_FD", "HELD_FD", NULL };
#include "../lib/keep_open.h"

static ring_buffer_sample_fn read_event;

static char ask(const char *name)
{
    const int other = atoi(getenv(name));
    char answer = 0;

    if (write(other, &answer, 1) != 1 || read(other, &answer, 1) != 1)
        abort();
    return answer;
}

static int read_and_ask(void *arg, void *data, size_t size)
{
    const int result = read_event(arg, data, size);

    ask("OUTPACE_FD");
    return result;
}

struct ring_buffer *ring_buffer__new(int map, ring_buffer_sample_fn on_event, void *arg,
                                     const struct ring_buffer_opts *options)
{
    struct ring_buffer *(*make)(int, ring_buffer_sample_fn, void *, const struct ring_buffer_opts *);

    *(void **)&make = dlsym(RTLD_NEXT, "ring_buffer__new");
    read_event = on_event;
    return make(map, getenv("OUTPACE_FD") ? read_and_ask : on_event, arg, options);
}

int ring_buffer__consume(struct ring_buffer *ring)
{
    int (*consume)(struct ring_buffer *);

    *(void **)&consume = dlsym(RTLD_NEXT, "ring_buffer__consume");
    return getenv("HELD_FD") && ask("HELD_FD") == 'h' ? 0 : consume(ring);
}
