/* Calls that wait for one of several descriptors: select(), poll(), epoll_wait() and their kin. They are about no socket but
 * about a process, and are told of those processes that have been seen with a socket that is wanted. */
#ifndef TCPLENS_BPF_WAITS_H
#define TCPLENS_BPF_WAITS_H

#include "doing.h"
#include "object.h"

#define SELECT_MAX 1024 /* FD_SETSIZE */
#define POLL_MAX 4096   /* that are looked at for those that are ready */

#define POLLIN 0x1
#define POLLPRI 0x2
#define POLLOUT 0x4

struct timespec64 {
    __s64 sec, nsec;
};

struct pollfd {
    __s32 fd;
    __s16 events, revents;
};

struct epoll_event {
    __u32 events;
    __u64 data;
} EPOLL_PACKED;

static __always_inline bool is_wait(__u8 call)
{
    return call >= TCPLENS_CALL_PSELECT6;
}

static __always_inline bool is_select(__u8 call)
{
    return call == TCPLENS_CALL_SELECT || call == TCPLENS_CALL_PSELECT6;
}

static __always_inline bool is_poll(__u8 call)
{
    return call == TCPLENS_CALL_POLL || call == TCPLENS_CALL_PPOLL;
}

/* Processes that have been seen with a socket that is wanted; those seen longest ago make room. */
struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 16384);
    __type(key, __u32);
    __type(value, __u8);
} processes SEC(".maps");

static __always_inline void follow_process(struct doing *d)
{
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    __u8 yes = 1;

    if (d->followed)
        return;
    d->followed = true;
    bpf_map_update_elem(&processes, &pid, &yes, BPF_ANY);
}

static __always_inline bool process_followed(struct doing *d)
{
    __u32 pid = bpf_get_current_pid_tgid() >> 32;

    if (!d->followed && bpf_map_lookup_elem(&processes, &pid))
        d->followed = true;
    return d->followed;
}

static __always_inline __u32 bits_in(__u64 word)
{
    word -= word >> 1 & 0x5555555555555555;
    word = (word & 0x3333333333333333) + (word >> 2 & 0x3333333333333333);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return word * 0x0101010101010101 >> 56;
}

struct set_walk {
    const __u64 *sets[3]; /* read, write, except; in the application's memory, each may be NULL */
    __u32 watched;
};

/* One word of each set, as for bpf_loop(). */
static long count_word(__u64 i, struct set_walk *w)
{
    __u64 all = 0, word;

    for (int set = 0; set < 3; set++)
        if (w->sets[set] && !bpf_probe_read_user(&word, sizeof(word), &w->sets[set][i]))
            all |= word;
    w->watched += bits_in(all);
    return 0;
}

static __always_inline __u32 select_words(struct pt_regs *regs)
{
    __u32 count = REGS_ARG1(regs);

    return count >= SELECT_MAX ? SELECT_MAX / 64 : (count + 63) / 64;
}

static __always_inline struct set_walk select_sets(struct pt_regs *regs)
{
    return (struct set_walk){ .sets = { (void *)REGS_ARG2(regs), (void *)REGS_ARG3(regs), (void *)REGS_ARG4(regs) } };
}

/* Bits beyond the count may stand in the last word: nobody sets them but by mistake. */
static __always_inline __u64 watched_by_select(struct pt_regs *regs)
{
    struct set_walk w = select_sets(regs);

    bpf_loop(select_words(regs), count_word, &w, 0);
    return w.watched;
}

static __always_inline __u64 watched_by_epoll(int fd)
{
    const struct file *file = file_of_fd(bpf_get_current_task_btf()->files, fd);
    const struct eventpoll *ep;

    if (!file || !bpf_core_field_exists(struct eventpoll, refcount))
        return ~0ull;
    ep = READ(file, private_data);
    return ep ? (__u32)READ(ep, refcount.refs.counter) - 1 : ~0ull;
}

static __always_inline __u64 timeout_ns(const struct timespec64 *at, __u32 unit)
{
    struct timespec64 t;

    if (!at || bpf_probe_read_user(&t, sizeof(t), at))
        return ~0ull;
    return t.sec * 1000000000 + t.nsec * unit;
}

static __always_inline __u64 timeout_of_ms(__s32 ms)
{
    return ms < 0 ? ~0ull : (__u64)ms * 1000000;
}

static __always_inline __u64 timeout_of(struct pt_regs *regs, __u8 call)
{
    switch (call) {
    case TCPLENS_CALL_SELECT: return timeout_ns((void *)REGS_ARG5(regs), 1000);
    case TCPLENS_CALL_PSELECT6: return timeout_ns((void *)REGS_ARG5(regs), 1);
    case TCPLENS_CALL_PPOLL: return timeout_ns((void *)REGS_ARG3(regs), 1);
    case TCPLENS_CALL_EPOLL_PWAIT2: return timeout_ns((void *)REGS_ARG4(regs), 1);
    case TCPLENS_CALL_POLL: return timeout_of_ms(REGS_ARG3(regs));
    default: return timeout_of_ms(REGS_ARG4(regs));
    }
}

/* False: its process is not followed. */
static __always_inline bool wait_begins(struct doing *d, struct pt_regs *regs, __u8 call)
{
    const bool of_epoll = !is_select(call) && !is_poll(call);

    if (!process_followed(d))
        return false;
    doing_without_socket(d);
    d->fd = of_epoll ? (__s32)REGS_ARG1(regs) : -1;
    d->args[TCPLENS_ARG_WATCHED] = of_epoll        ? watched_by_epoll(d->fd)
                                   : is_poll(call) ? (__u32)REGS_ARG2(regs)
                                                   : watched_by_select(regs);
    d->args[TCPLENS_ARG_TIMEOUT] = timeout_of(regs, call);
    d->args[2] = 0;
    return true;
}

/* ---- what is ready ---- */

struct ready_walk {
    struct set_walk sets;
    __u64 words[3]; /* of these, from the descriptor `base` on */
    __s32 base;
    const struct pollfd *fds;
    struct tcplens_ready *out;
    __u32 left; /* beyond those that are told nothing is looked at */
};

static __always_inline long add_ready(struct ready_walk *w, __s32 fd, __u32 events)
{
    __u32 count = w->out->count;

    if (count >= TCPLENS_READY_MAX)
        return 1;
    w->out->ready[count] = (struct tcplens_ready_one){ .fd = fd, .events = events };
    w->out->count = count + 1;
    w->left--;
    return !w->left;
}

static long ready_pollfd(__u64 i, struct ready_walk *w)
{
    struct pollfd p;

    if (bpf_probe_read_user(&p, sizeof(p), &w->fds[i]))
        return 1;
    return p.revents ? add_ready(w, p.fd, (__u16)p.revents) : 0;
}

static long ready_bit(__u64 bit, struct ready_walk *w)
{
    const __u32 found = (w->words[0] >> (bit & 63) & 1 ? POLLIN : 0) | (w->words[1] >> (bit & 63) & 1 ? POLLOUT : 0) |
                        (w->words[2] >> (bit & 63) & 1 ? POLLPRI : 0);

    return found ? add_ready(w, w->base + bit, found) : 0;
}

static long ready_word(__u64 i, struct ready_walk *w)
{
    for (int set = 0; set < 3; set++) {
        w->words[set] = 0;
        if (w->sets.sets[set])
            bpf_probe_read_user(&w->words[set], sizeof(w->words[set]), &w->sets.sets[set][i]);
    }
    if (!(w->words[0] | w->words[1] | w->words[2]))
        return 0;
    w->base = i * 64;
    bpf_loop(64, ready_bit, w, 0);
    return !w->left || w->out->count >= TCPLENS_READY_MAX;
}

/* Room for one, which is too large for the stack. */
struct ready_room {
    struct tcplens_ready ready;
    struct epoll_event read[TCPLENS_READY_MAX];
};

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct ready_room);
} ready_room SEC(".maps");

static __always_inline void find_ready(struct ready_room *room, struct pt_regs *regs, __u8 call, __u32 count)
{
    struct tcplens_ready *r = &room->ready;
    struct ready_walk w = { .out = r, .left = count };

    r->count = 0;
    if (is_poll(call)) {
        __u32 fds = REGS_ARG2(regs);

        w.fds = (void *)REGS_ARG1(regs);
        bpf_loop(fds < POLL_MAX ? fds : POLL_MAX, ready_pollfd, &w, 0);
    } else if (is_select(call)) {
        w.sets = select_sets(regs);
        bpf_loop(select_words(regs), ready_word, &w, 0);
    } else {
        const struct epoll_event *e = room->read;
        __u64 read = count; /* of 64 bits: the verifier bounds no other that is multiplied */

        barrier_var(read);
        if (read > TCPLENS_READY_MAX)
            read = TCPLENS_READY_MAX;
        if (bpf_probe_read_user(room->read, read * sizeof(*e), (void *)REGS_ARG2(regs)))
            return;
        for (__u32 i = 0; i < TCPLENS_READY_MAX && i < read; i++)
            r->ready[i] = (struct tcplens_ready_one){ .data = e[i].data, .fd = -1, .events = e[i].events };
        r->count = read;
    }
}

#endif
