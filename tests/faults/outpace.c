/* A machine that is faster than the program, at every moment: preloaded, it stands before libbpf's ring_buffer__new(). After
 * each event that the program has read, whoever has the other end of OUTPACE_FD is asked to make another, and waited for. */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/libbpf.h>

static ring_buffer_sample_fn read_event;
static int other;

static int read_and_ask(void *arg, void *data, size_t size)
{
    const int result = read_event(arg, data, size);
    char byte = 0;

    if (write(other, &byte, 1) != 1 || read(other, &byte, 1) != 1)
        abort();
    return result;
}

struct ring_buffer *ring_buffer__new(int map, ring_buffer_sample_fn on_event, void *arg,
                                     const struct ring_buffer_opts *options)
{
    struct ring_buffer *(*make)(int, ring_buffer_sample_fn, void *, const struct ring_buffer_opts *);

    *(void **)&make = dlsym(RTLD_NEXT, "ring_buffer__new");
    other = atoi(getenv("OUTPACE_FD"));
    read_event = on_event;
    return make(map, read_and_ask, arg, options);
}
