/* Theory of operation. The kernel side writes events into a ring; this file loads it, and reads the ring in batches. Each
 * event goes through bpf_mend, which needs to see them all, and bpf_decode, which needs only the one. What the kernel side
 * counts as lost is told after each batch. */
#include "tcplens/source/bpf.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "bpf/wire.h"
#include "bpf_decode.h"
#include "bpf_hooks.h"
#include "bpf_mend.h"
#include "bpf_ring.h"
#include "bpf_snapshot.h"
#include "tcplens.skel.h"
#include "tcplens/base/cleanup.h"
#include "tcplens/base/limits.h"
#include "tcplens/base/netns.h"

#define MISSES_MAX 32 /* programs */

/* Listeners whose process is looked after. */
#define WATCHED_MAX 64

struct source_bpf {
    struct tcplens *skeleton;
    struct bpf_ring ring;
    const struct trace_clock *clock;
    struct btf *btf;
    uint64_t lost[TCPLENS_HOOK_N];
    uint64_t drained_ns;
    uint64_t batch_ns;          /* what is newer is for the next batch */
    struct bpf_decoder decoder; /* its names are owned by btf */
    struct bpf_mend mend;
    uint64_t unsure;       /* of bpf_mend, as last told */
    uint64_t whole_ns;     /* when the ring was last read to its end */
    unsigned patience_ms;  /* for what was begun, and is not written, as the trace ends */
    bool is_ending;        /* was read for the last time, or the last but one */
    uint64_t lost_in_ring; /* when the trace ended */
    struct watched {
        uint64_t cookie; /* 0: a free place */
        uint32_t pid;
    } watched[WATCHED_MAX];
    uint64_t watched_ns;                    /* when they were looked after */
    uint64_t blocked_ns;                    /* when calls that go on are looked for next */
    struct bpf_survey survey;               /* of what is left after a loss */
    uint64_t known_lost, lost_ns;           /* source_bpf_lost(), and when it last grew; 0: never */
    uint64_t survey_ns, survey_from_ns;     /* when the next may begin; when this one began */
    uint64_t surveyed_ns;                   /* when the last began that came to its end */
    uint32_t netns;                         /* the one that can be listed: inode number */
    bool by_pid;                            /* of some processes alone */
    uint64_t misses[MISSES_MAX], misses_ns; /* of each program, as last told; when */
    event_fn emit;                          /* during a drain */
    void *arg;
};

static const char *const hook_names[] = {
    [TCPLENS_HOOK_SET_STATE] = "inet_sock_set_state",
    [TCPLENS_HOOK_TIMER_START] = "timer_start",
    [TCPLENS_HOOK_TIMER_CANCEL] = "timer_cancel",
    [TCPLENS_HOOK_TIMER_EXPIRE] = "timer_expire_entry",
    [TCPLENS_HOOK_SYS_EXIT] = "sys_exit",
    [TCPLENS_HOOK_CONSUME_SKB] = "consume_skb",
    [TCPLENS_HOOK_KFREE_SKB] = "kfree_skb",
    [TCPLENS_HOOK_RETRANSMIT] = "tcp_retransmit_skb",
    [TCPLENS_HOOK_SEND_RESET] = "tcp_send_reset",
    [TCPLENS_HOOK_RECEIVE_RESET] = "tcp_receive_reset",
    [TCPLENS_HOOK_PROCESS] = "sched_process",
    [TCPLENS_HOOK_OWNER] = "owner",
    [TCPLENS_HOOK_LISTENERS] = "listeners",
    [TCPLENS_HOOK_FIN_WAIT_2] = "fin_wait_2",
};
_Static_assert(sizeof(hook_names) / sizeof(*hook_names) == TCPLENS_HOOK_N, "a name for each hook");

/* Who opened a listener may end while another process holds it (every daemon that forks): of each the process is known. */
static void watch(struct source_bpf *s, const struct event *e)
{
    const bool begins = (e->kind == EVENT_SOCK_STATE && e->sock.to == TCP_STATE_LISTEN) ||
                        (e->kind == EVENT_SNAPSHOT && e->snapshot.state == TCP_STATE_LISTEN);
    const bool ends = e->kind == EVENT_SOCK_STATE && e->sock.from == TCP_STATE_LISTEN && e->sock.to == TCP_STATE_CLOSED;

    for (unsigned i = 0; (begins || ends) && i < WATCHED_MAX; i++) {
        struct watched *w = &s->watched[i];

        if (ends ? w->cookie == e->cookie : !w->cookie || w->cookie == e->cookie) {
            w->cookie = ends ? 0 : e->cookie;
            w->pid = e->kind == EVENT_SNAPSHOT ? e->snapshot.owner.pid : e->sock.task.pid;
            return;
        }
    }
}

static void decode_and_emit(void *arg, const struct tcplens_event *e)
{
    struct source_bpf *s = arg;
    struct event out;

    if (!bpf_decode(&s->decoder, e, &out))
        return;
    watch(s, &out);
    s->emit(s->arg, &out);
}

/* The process that listens with it has not ended. */
static bool is_watched(const struct source_bpf *s, uint64_t cookie)
{
    for (unsigned i = 0; i < WATCHED_MAX; i++)
        if (s->watched[i].cookie == cookie)
            return s->watched[i].pid;
    return false;
}

/* The same objects as in the snapshot at the beginning; of those that are known only who holds them is of interest. */
static void emit_owner(void *arg, const struct tcplens_event *e)
{
    struct source_bpf *s = arg;
    struct event out;

    if (!bpf_decode(&s->decoder, e, &out) || !out.snapshot.owner.pid)
        return;
    if (out.snapshot.state == TCP_STATE_LISTEN && is_watched(s, out.cookie))
        return;
    out.kind = EVENT_OWNER;
    s->emit(s->arg, &out);
}

#define WATCH_EVERY_NS 1000000000ull

/* Asks again who holds what, where the process of a listener has ended. */
static void look_after(struct source_bpf *s, uint64_t now)
{
    bool ended = false;

    if (now < s->watched_ns + WATCH_EVERY_NS)
        return;
    s->watched_ns = now;
    for (unsigned i = 0; i < WATCHED_MAX; i++) {
        struct watched *w = &s->watched[i];

        if (!w->cookie || !w->pid || kill((pid_t)w->pid, 0) == 0 || errno != ESRCH)
            continue;
        w->pid = 0;
        ended = true;
    }
    /* a failure leaves who was said to own them; rights to go into other namespaces are no longer held */
    if (ended && bpf_snapshot(bpf_link__fd(s->skeleton->links.snapshot_owners),
                              bpf_link__fd(s->skeleton->links.snapshot_tcp), false, emit_owner, s) < 0)
        s->watched_ns = now;
}

static bool ready_is_whole(const struct tcplens_event *e, size_t size)
{
    const struct tcplens_ready *r = (const struct tcplens_ready *)e;

    return size >= offsetof(struct tcplens_ready, ready) + r->count * sizeof(*r->ready);
}

static bool is_whole(const struct tcplens_event *e, size_t size)
{
    return size >= offsetof(struct tcplens_event, queue) && e->kind < TCPLENS_KIND_N &&
           size >= tcplens_event_size(e->kind, e->has_queue, e->in_task) &&
           (e->kind != TCPLENS_READY || ready_is_whole(e, size));
}

/* libbpf reads on as long as there are more, and would for ever where they come faster. What is below 0 ends that after this
 * event, which counts as read. */
static int on_event(void *arg, void *data, size_t size)
{
    struct source_bpf *s = arg;
    const struct tcplens_event *e = data;

    if (!is_whole(e, size))
        return 0;
    bpf_mend_put(&s->mend, e, decode_and_emit, s);
    return trace_clock_from_kernel(s->clock, e->ts_ns) < s->batch_ns ? 0 : -ECANCELED;
}

static void emit_gap(struct source_bpf *s, const char *hook, uint64_t lost, uint64_t from_ns, uint64_t to_ns)
{
    struct event gap = {
        .ts_ns = to_ns,
        .kind = EVENT_GAP,
        .source = WITNESS_KERNEL,
        .gap = { .lost = lost, .from_ns = from_ns, .to_ns = to_ns },
    };

    strncpy(gap.gap.hook, hook, sizeof(gap.gap.hook) - 1);
    s->emit(s->arg, &gap);
}

/* What is held back is for the next batch. There are two last ones, which wait together; what the second does not get is lost, one
 * event and nobody knows how many after it. */
#define RING_PATIENCE_MS 1000

static void read_ring(struct source_bpf *s, uint64_t now, bool last)
{
    const bool is_second = last && s->is_ending;
    unsigned none = 0;

    s->is_ending |= last;
    if (bpf_ring_read(&s->ring, last ? &s->patience_ms : &none)) {
        s->whole_ns = now;
    } else if (is_second) {
        s->lost_in_ring = 1;
        emit_gap(s, "ring", s->lost_in_ring, s->whole_ns, now);
    }
}

static void report_gap(struct source_bpf *s, uint64_t now, const char *hook, uint64_t sum, uint64_t *told)
{
    if (sum == *told)
        return;
    emit_gap(s, hook, sum - *told, s->drained_ns, now);
    *told = sum;
}

/* A program does not run where it would interrupt itself on the same processor, and the kernel only counts that. Of a hook of
 * TCP's own that is an event less; but changes of state have a second program for it (bpf/turn.h). Those of timers, packets
 * and calls run for all of the machine, and nearly always for nothing: their count would say that something is missing where
 * nothing is. It takes a system call for each program: not at every drain. */
#define MISSES_EVERY_NS 500000000ull

static void report_misses(struct source_bpf *s, uint64_t now)
{
    struct bpf_program *program;
    unsigned i = 0;

    bpf_object__for_each_program(program, s->skeleton->obj)
    {
        struct bpf_prog_info info = { 0 };
        const char *section = bpf_program__section_name(program), *hook = strchr(section, '/');
        __u32 len = sizeof(info);
        int fd = bpf_program__fd(program);

        if (hook && strncmp(hook, "/tcp_", 5) != 0)
            continue;
        if (i < MISSES_MAX && fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0)
            report_gap(s, now, hook ? hook + 1 : section, info.recursion_misses, &s->misses[i]);
        i++;
    }
    s->misses_ns = now;
}

static void report_loss(struct source_bpf *s, uint64_t now, bool last)
{
    for (unsigned hook = 0; hook < TCPLENS_HOOK_N; hook++)
        report_gap(s, now, hook_names[hook], __atomic_load_n(&s->skeleton->bss->lost[hook], __ATOMIC_RELAXED),
                   &s->lost[hook]);
    report_gap(s, now, "cancellations", s->mend.unsure, &s->unsure);
    if (last || now >= s->misses_ns + MISSES_EVERY_NS)
        report_misses(s, now);
    s->drained_ns = now;
}

/* Calls that have gone on for so long are told before they return. To find them takes a look at each thread of the machine:
 * so after one that took long comes none for long. */
#define BLOCKED_AFTER_NS 100000000ull
#define BLOCKED_REST 100 /* a hundredth of a processor at most */

static void look_for_blocked(struct source_bpf *s, uint64_t now, bool last)
{
    uint64_t rest;

    if (!s->skeleton->rodata->has_calls || (!last && now < s->blocked_ns))
        return;
    s->skeleton->data_asked->blocked_after_ns = last ? 0 : BLOCKED_AFTER_NS;
    if (bpf_list(bpf_link__fd(s->skeleton->links.blocked_calls), decode_and_emit, s) < 0)
        return; /* which leaves them untold until they return */
    rest = (trace_clock_now(s->clock) - now) * BLOCKED_REST;
    s->blocked_ns = now + (rest > BLOCKED_AFTER_NS ? rest : BLOCKED_AFTER_NS);
}

/* Once for all that was lost within a second, and then not for a while: a listing takes processor time, and may itself be
 * why more is lost. At each drain so many parts of it are read. */
#define SURVEY_AFTER_NS 1000000000ull
#define SURVEY_REST_NS 10000000000ull
#define SURVEY_PARTS 16

static void emit_present(void *arg, const struct tcplens_event *e)
{
    struct source_bpf *s = arg;
    struct event out;

    if (!bpf_decode(&s->decoder, e, &out) || out.snapshot.state == TCP_STATE_LISTEN)
        return;
    out.kind = EVENT_PRESENT;
    s->emit(s->arg, &out);
}

static bool survey_begins(struct source_bpf *s, uint64_t now, bool last)
{
    const uint64_t lost = source_bpf_lost(s);

    if (lost != s->known_lost) {
        s->known_lost = lost;
        s->lost_ns = now;
    }
    /* A listing leaves as it is what was told of within a second: it takes one that began later than that. */
    if (!s->lost_ns || s->surveyed_ns > s->lost_ns + SURVEY_AFTER_NS) {
        if (s->survey_ns < now + SURVEY_AFTER_NS)
            s->survey_ns = now + SURVEY_AFTER_NS;
        return false;
    }
    if (!last && now < s->survey_ns)
        return false;
    s->survey_from_ns = now;
    s->survey_ns = now + SURVEY_REST_NS;
    return bpf_survey_begin(&s->survey, bpf_link__fd(s->skeleton->links.snapshot_tcp)) == 0;
}

/* What ended while events were lost would be told as open, and be kept, for good. */
static void survey(struct source_bpf *s, uint64_t now, bool last)
{
    int r = 1;

    if (!s->survey.is && !survey_begins(s, now, last))
        return;
    for (unsigned i = 0; r == 1 && (last || i < SURVEY_PARTS); i++)
        r = bpf_survey_read(&s->survey, emit_present, s);
    if (r != 0)
        return;
    s->surveyed_ns = s->survey_from_ns;
    s->emit(s->arg, &(struct event){ .ts_ns = trace_clock_now(s->clock),
                                     .kind = EVENT_SURVEYED,
                                     .source = WITNESS_KERNEL,
                                     .netns = s->netns,
                                     .surveyed.from_ns = s->survey_from_ns });
}

void source_bpf_drain(struct source_bpf *s, bool last, event_fn emit, void *arg)
{
    uint64_t now = trace_clock_now(s->clock);

    s->emit = emit;
    s->arg = arg;
    s->batch_ns = now;
    read_ring(s, now, last);
    bpf_mend_end_batch(&s->mend, decode_and_emit, s);
    look_for_blocked(s, now, last);
    report_loss(s, now, last);
    look_after(s, now);
    survey(s, now, last);
}

int source_bpf_snapshot(struct source_bpf *s, event_fn emit, void *arg)
{
    s->emit = emit;
    s->arg = arg;
    return bpf_snapshot(bpf_link__fd(s->skeleton->links.snapshot_owners), bpf_link__fd(s->skeleton->links.snapshot_tcp),
                        !s->skeleton->rodata->netns_count, decode_and_emit, s);
}

const uint64_t *source_bpf_clock_calls(const struct source_bpf *s)
{
    return (const uint64_t *)&s->skeleton->bss->clock_calls;
}

struct clock_call source_bpf_clock_call(const void *source, uint64_t number)
{
    const struct source_bpf *s = source;
    const struct tcplens_clock_call *call = &s->skeleton->bss->clock_call[number % TCPLENS_CLOCK_CALLS];

    static_assert(TCPLENS_CLOCK_CALLS >= CLOCK_STEPS_MAX, "as many are asked for");
    return (struct clock_call){ .ns = call->ns, .tai_ns = call->tai_ns, .error_ns = call->error_ns };
}

/* The reason came to the tracepoint together with the RSTs of no socket (tcp_v4_send_reset()). */
bool source_bpf_all_resets(const struct source_bpf *s)
{
    return bpf_reset_has_reason(s->btf) && !s->by_pid;
}

uint64_t source_bpf_lost(const struct source_bpf *s)
{
    uint64_t sum = s->unsure + s->lost_in_ring;

    for (unsigned i = 0; i < MISSES_MAX; i++)
        sum += s->misses[i];

    for (unsigned hook = 0; hook < TCPLENS_HOOK_N; hook++)
        sum += s->lost[hook];
    return sum;
}

_Static_assert(LIMIT_FILTER_PORTS <= TCPLENS_PORTS_MAX && LIMIT_FILTER_HOSTS <= TCPLENS_HOSTS_MAX &&
                   LIMIT_FILTER_PIDS <= TCPLENS_PIDS_MAX,
               "the kernel side takes all");

_Static_assert(LIMIT_KERNEL_OWNED == TCPLENS_OWNED_MAX && LIMIT_KERNEL_LISTENERS == TCPLENS_LISTENERS_MAX &&
                   LIMIT_KERNEL_FIN_WAIT_2 == TCPLENS_FIN_WAIT_2_MAX && LIMIT_KERNEL_FAMILY == TCPLENS_FAMILY_MAX,
               "the maps have the size that is told");

_Static_assert(NETNS_SCOPE_MAX <= TCPLENS_NETNS_MAX, "the program has room for each namespace");

static void set_scope(struct tcplens *skeleton, const struct netns_scope *scope)
{
    skeleton->rodata->netns_count = scope->count;
    for (unsigned i = 0; i < scope->count; i++) {
        skeleton->rodata->only_netns[i] = scope->in[i].cookie;
        skeleton->rodata->only_inode[i] = scope->in[i].inode;
    }
}

static void set_filter(struct tcplens *skeleton, const struct filter *filter)
{
    const struct addr ones = { .bytes = { [0 ... 15] = 0xff } };

    skeleton->rodata->port_count = filter->port_count;
    for (unsigned i = 0; i < filter->port_count; i++) {
        skeleton->rodata->ports[i].first = filter->ports[i].first;
        skeleton->rodata->ports[i].last = filter->ports[i].last;
    }
    skeleton->rodata->pid_count = filter->pid_count;
    for (unsigned i = 0; i < filter->pid_count; i++)
        skeleton->rodata->pids[i] = filter->pids[i];
    skeleton->rodata->host_count = filter->host_count;
    for (unsigned i = 0; i < filter->host_count; i++) {
        struct prefix mask = prefix_cut(&ones, filter->hosts[i].len);

        memcpy(skeleton->rodata->hosts[i].mask, mask.addr.bytes, sizeof(mask.addr.bytes));
        memcpy(skeleton->rodata->hosts[i].value, filter->hosts[i].addr.bytes, sizeof(mask.addr.bytes));
        skeleton->rodata->hosts[i].ipv4 = prefix_is_ipv4(&filter->hosts[i]);
    }
}

/* A function that this kernel does not have is looked for in its modules too, which takes CAP_SYS_ADMIN, and for want of it
 * libbpf before 1.3 gives up the whole program. But it looks there once only: so it is made to by something that may fail,
 * a tracepoint of no name for a program that is not loaded yet. */
static void look_into_modules(struct tcplens *skeleton)
{
    (void)bpf_program__set_attach_target(skeleton->progs.send_reset, 0, "");
}

static void follow_processes(struct tcplens *skeleton, bool wanted)
{
    bpf_program__set_autoload(skeleton->progs.process_fork, wanted);
    bpf_program__set_autoload(skeleton->progs.process_exec, wanted);
    bpf_program__set_autoload(skeleton->progs.process_exit, wanted);
}

/* What the kernel side writes is only read here: mapped anew without the right to write, it cannot be had with it again
 * (bpf_map_mmap() in kernel/bpf/syscall.c). No map is asked for anything by its descriptor from here on, so that none stays:
 * their places are kept for libbpf to close. The ring maps itself the same way, but for the page of its reader. */
static int narrow_maps(struct tcplens *skeleton)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (sizeof(*skeleton->bss) + page - 1) / page * page;
    CLEANUP_CLOSE int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct bpf_map *map;

    if (nothing < 0 ||
        mmap(skeleton->bss, size, PROT_READ, MAP_SHARED | MAP_FIXED, bpf_map__fd(skeleton->maps.bss), 0) == MAP_FAILED)
        return -errno;
    bpf_object__for_each_map(map, skeleton->obj)
    {
        if (bpf_map__fd(map) >= 0 && dup3(nothing, bpf_map__fd(map), O_CLOEXEC) < 0)
            return -errno;
    }
    return 0;
}

int source_bpf_open(const struct source_bpf_config *config, const struct trace_clock *clock,
                    struct source_bpf **ret_source)
{
    struct source_bpf *s = calloc(1, sizeof(*s));
    struct bpf_program *program;
    int r;

    if (!s)
        return -ENOMEM;
    s->clock = s->decoder.clock = clock;
    s->drained_ns = s->whole_ns = trace_clock_now(clock);
    s->patience_ms = RING_PATIENCE_MS;
    bpf_quiet();
    s->btf = btf__load_vmlinux_btf();
    if (!s->btf) {
        r = -ENOENT;
        goto fail;
    }
    bpf_read_reset_reasons(s->btf, &s->decoder);
    s->skeleton = tcplens__open();
    if (!s->skeleton) {
        r = -errno;
        goto fail;
    }
    r = netns_current(&s->netns);
    if (r < 0)
        goto fail;
    set_scope(s->skeleton, &config->scope);
    set_filter(s->skeleton, &config->filter);
    r = bpf_map__set_max_entries(s->skeleton->maps.events,
                                 (__u32)(config->ring_bytes ? config->ring_bytes : LIMIT_KERNEL_RING));
    if (r < 0)
        goto fail;
    s->skeleton->rodata->can_cast = btf__find_by_name_kind(s->btf, "bpf_rdonly_cast", BTF_KIND_FUNC) > 0;
    if (!s->skeleton->rodata->can_cast)
        look_into_modules(s->skeleton);
    s->skeleton->rodata->has_calls = config->calls;
    s->skeleton->rodata->has_datagrams = config->datagrams;
    bpf_program__set_autoload(s->skeleton->progs.call_enter, config->calls);
    bpf_program__set_autoload(s->skeleton->progs.blocked_calls, config->calls);
    s->by_pid = config->filter.pid_count;
    follow_processes(s->skeleton, config->calls && (config->command_pid || config->filter.pid_count));
    /* by looking, not by the kernel's version */
    program = bpf_reset_has_reason(s->btf) ? s->skeleton->progs.send_reset_reason : s->skeleton->progs.send_reset;
    bpf_program__set_autoload(program, true);
    r = tcplens__load(s->skeleton);
    if (r < 0)
        goto fail;
    r = bpf_ring_open(&s->ring, bpf_map__fd(s->skeleton->maps.events), on_event, s);
    if (r < 0)
        goto fail;
    if (config->command_pid) {
        const __u8 yes = 1;

        r = bpf_map__update_elem(s->skeleton->maps.family, &config->command_pid, sizeof(config->command_pid), &yes,
                                 sizeof(yes), BPF_ANY);
        if (r < 0)
            goto fail;
    }
    r = tcplens__attach(s->skeleton);
    if (r == 0)
        r = narrow_maps(s->skeleton);
    if (r < 0)
        goto fail;
    *ret_source = s;
    return 0;
fail:
    source_bpf_close(s);
    return r;
}

struct source_bpf *source_bpf_close(struct source_bpf *s)
{
    if (!s)
        return NULL;
    bpf_survey_end(&s->survey);
    bpf_ring_close(&s->ring);
    tcplens__destroy(s->skeleton);
    btf__free(s->btf);
    free(s);
    return NULL;
}
