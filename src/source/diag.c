/* Theory of operation. A sample is a dump of all TCP sockets of the namespace; diag_table.c compares it with the last
 * one. Besides, the kernel announces each socket that is destroyed, so that one that no sample met is not missed.
 *
 * The dump asks by the old TCPDIAG_GETSOCK, because that takes both address families in one walk: the kernel goes
 * through the hash table of the whole machine, which is all that a sample of a quiet namespace costs. */
#include "tcplens/source/diag.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "diag_table.h"
#include "tcplens/base/clock.h"
#include "tcplens/base/limits.h"
#include "tcplens/source/source.h"

/* The kernel fills at most 32 KiB at a time (netlink_recvmsg). */
#define RECEIVE_BYTES 65536
/* An answer comes at once, or never. */
#define ANSWER_SECONDS 2
/* A sample that takes 1 ms is followed by none for 25 ms: 4 % of a processor. */
#define REST_FACTOR 25
/* Messages read in one drain: what the kernel keeps of announcements. More can come while they are read; others than the
 * kernel can send as fast as they like. */
#define BATCH_MAX LIMIT_SAMPLED_DESTRUCTIONS

/* Samples after the last, until nothing can be in doubt any more. */
#define SETTLE_MS 10
#define SETTLE_ROUNDS (DIAG_DOUBT_NS / (SETTLE_MS * 1000000u) + 1)

struct source_diag {
    struct source_diag_config config;
    const struct trace_clock *clock;
    struct diag_table *table;
    int dump, announced; /* sockets; announced: -1 where the kernel does not let us */
    uint32_t seq;
    bool found;   /* the last part held a socket */
    bool overrun; /* the kernel found no room for some announcements, and does not say for how many */
    uint64_t due_ns, sampled_ns, read_ns, lost;
    event_fn emit; /* during a drain */
    void *arg;
    uint8_t buf[RECEIVE_BYTES];
};

/* The bytes of one message of the kernel's in *ret_len, 0 for one of another process, which can send to us too: it is passed
 * over. 0, -EAGAIN: nothing now, or another -errno. */
static int receive(struct source_diag *s, int fd, size_t *ret_len)
{
    struct sockaddr_nl from = { 0 };
    socklen_t from_len = sizeof(from);
    ssize_t n;

    do
        n = recvfrom(fd, s->buf, sizeof(s->buf), MSG_TRUNC, (struct sockaddr *)&from, &from_len);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (!from.nl_pid && n > (ssize_t)sizeof(s->buf))
        return -EMSGSIZE;
    *ret_len = from.nl_pid ? 0 : (size_t)n;
    return 0;
}

static int ask(struct source_diag *s)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req request;
    } message = {
        .header = {
            .nlmsg_len = sizeof(message),
            .nlmsg_type = TCPDIAG_GETSOCK,
            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
        },
        .request = {
            .idiag_ext = 1 << (INET_DIAG_SKMEMINFO - 1), /* the drops of listeners */
            .idiag_states = ((1u << (TCP_CLOSING + 1)) - 1) & ~(1u << TCP_CLOSE) & ~1u, /* they count from 1 */
        },
    };

    s->seq = s->seq == UINT32_MAX ? 1 : s->seq + 1; /* never 0, which would take any answer */
    message.header.nlmsg_seq = s->seq;
    return send(s->dump, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

/* A whole dump, on a socket that is connected to the kernel: nobody else can send there. Returns in how many parts the sockets
 * came (their end may come apart), or -errno. */
static int dump(struct source_diag *s, diag_socket_fn each)
{
    int r = ask(s), parts = 0;

    while (r == 0) {
        size_t len;

        r = receive(s, s->dump, &len);
        if (r < 0)
            return r == -EAGAIN ? -ETIMEDOUT : r;
        s->read_ns = trace_clock_now(s->clock);
        s->found = false;
        r = diag_parse(s->buf, len, s->seq, each, s);
        parts += s->found;
    }
    return r < 0 ? r : parts;
}

static void on_socket(void *arg, const struct diag_socket *d)
{
    struct source_diag *s = arg;

    s->found = true;
    diag_table_socket(s->table, d, s->read_ns);
}

static void on_destroyed(void *arg, const struct diag_socket *d)
{
    struct source_diag *s = arg;

    diag_table_destroyed(s->table, d);
}

/* What is beyond a batch is read the next time, or finds no room. */
static void read_announced(struct source_diag *s)
{
    size_t len;
    int r = 0;

    for (unsigned i = 0; s->announced >= 0 && r == 0 && i < BATCH_MAX; i++) {
        r = receive(s, s->announced, &len);
        if (r == 0)
            (void)diag_parse(s->buf, len, 0, on_destroyed, s);
    }
    s->overrun |= r < 0 && r != -EAGAIN;
}

static void report_loss(struct source_diag *s, const char *what, uint64_t lost, uint64_t from_ns)
{
    struct event gap = {
        .ts_ns = s->sampled_ns,
        .kind = EVENT_GAP,
        .source = WITNESS_DIAG,
        .gap = { .lost = lost, .from_ns = from_ns, .to_ns = s->sampled_ns },
    };

    if (!lost)
        return;
    strncpy(gap.gap.hook, what, sizeof(gap.gap.hook) - 1);
    s->lost += lost;
    s->emit(s->arg, &gap);
}

static void sample(struct source_diag *s)
{
    uint64_t from_ns = s->sampled_ns;
    int parts;

    diag_table_begin(s->table);
    parts = dump(s, on_socket);
    s->sampled_ns = trace_clock_now(s->clock);
    report_loss(s, "destroy", s->overrun, from_ns);
    s->overrun = false;
    if (parts < 0) {
        diag_table_abort(s->table);
        report_loss(s, "dump", 1, from_ns);
    } else {
        report_loss(s, "table", diag_table_end(s->table, (unsigned)parts, s->sampled_ns, s->emit, s->arg), from_ns);
    }
}

void source_diag_drain(struct source_diag *s, bool now, event_fn emit, void *arg)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC), work, rest;

    /* First what was destroyed: what then shows up in its place came after. Every time, for samples may be far apart,
     * and an ordinary user's receive buffer is small. */
    read_announced(s);
    if (!now && start < s->due_ns)
        return;
    s->emit = emit;
    s->arg = arg;
    work = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    sample(s);
    /* of some it takes more to say that they are gone, and no other drain may follow */
    for (unsigned i = 0; now && i < SETTLE_ROUNDS && diag_table_in_doubt(s->table); i++) {
        poll(NULL, 0, SETTLE_MS);
        read_announced(s);
        sample(s);
    }
    rest = (clock_ns(CLOCK_THREAD_CPUTIME_ID) - work) * REST_FACTOR;
    s->due_ns = start + (rest > s->config.interval_ns ? rest : s->config.interval_ns);
}

uint64_t source_diag_lost(const struct source_diag *s)
{
    return s->lost;
}

/* Nothing depends on it: where the kernel refuses, samples are all there is. */
static int open_announced(void)
{
    const struct sockaddr_nl groups = {
        .nl_family = AF_NETLINK,
        .nl_groups = 1u << (SKNLGRP_INET_TCP_DESTROY - 1) | 1u << (SKNLGRP_INET6_TCP_DESTROY - 1),
    };
    const int room = LIMIT_ANNOUNCEMENTS; /* SO_RCVBUF allows an ordinary user less */
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void on_trial(void *arg, const struct diag_socket *d)
{
    (void)arg;
    (void)d;
}

int source_diag_open(const struct source_diag_config *config, const struct trace_clock *clock,
                     struct source_diag **ret_source)
{
    const struct diag_table_config table_config = { .filter = config->filter,
                                                    .netns = config->netns,
                                                    .socket_max = config->socket_max };
    const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    const struct timeval answer = { .tv_sec = ANSWER_SECONDS };
    struct source_diag *s = calloc(1, sizeof(*s));
    int r;

    if (!s)
        return -ENOMEM;
    s->config = *config;
    s->clock = clock;
    s->sampled_ns = trace_clock_now(clock);
    s->announced = open_announced();
    s->dump = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (s->dump < 0 || connect(s->dump, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ||
        setsockopt(s->dump, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof(answer)) < 0)
        r = -errno;
    else
        r = diag_table_new(&table_config, s->sampled_ns, &s->table);
    if (r == 0)
        r = dump(s, on_trial);
    if (r < 0) {
        source_diag_close(s);
        return r;
    }
    *ret_source = s;
    return 0;
}

struct source_diag *source_diag_close(struct source_diag *s)
{
    if (!s)
        return NULL;
    diag_table_free(s->table);
    if (s->dump >= 0)
        close(s->dump);
    if (s->announced >= 0)
        close(s->announced);
    free(s);
    return NULL;
}

/* ---- as the pipeline knows it ---- */

/* One reader for each namespace that is watched. */
struct readers {
    struct source_diag *of[NETNS_SCOPE_MAX];
    unsigned count;
};

static int open_reader(struct readers *readers, const struct source_context *context, uint32_t netns)
{
    const struct source_diag_config own = { .filter = context->filter, .netns = netns };
    int r = source_diag_open(&own, context->clock, &readers->of[readers->count]);

    readers->count += r == 0;
    return r;
}

static int open_readers(struct readers *readers, const struct source_context *context)
{
    int r = 0;

    if (!context->scope)
        return open_reader(readers, context, context->netns);
    for (unsigned i = 0; i < context->scope->count && r == 0; i++) {
        r = netns_enter_held(&context->scope->in[i]);
        if (r == 0)
            r = open_reader(readers, context, context->scope->in[i].inode);
    }
    return r;
}

static void ops_close(void *source)
{
    struct readers *readers = source;

    for (unsigned i = 0; i < readers->count; i++)
        source_diag_close(readers->of[i]);
    free(readers);
}

static int ops_open(const struct source_context *context, const void *config, void **ret_source,
                    char why[static SOURCE_ERROR_MAX])
{
    struct readers *readers = calloc(1, sizeof(*readers));
    int r = readers ? open_readers(readers, context) : -ENOMEM;

    (void)config;
    if (r == 0) {
        *ret_source = readers;
        return 0;
    }
    snprintf(why, SOURCE_ERROR_MAX, "sock_diag does not answer: %s", strerror(-r));
    if (readers)
        ops_close(readers);
    return r;
}

static void drain_readers(const struct readers *readers, bool now, event_fn emit, void *arg)
{
    for (unsigned i = 0; i < readers->count; i++)
        source_diag_drain(readers->of[i], now, emit, arg);
}

/* The first sample shows what existed before. */
static int ops_snapshot(void *source, event_fn emit, void *arg)
{
    drain_readers(source, true, emit, arg);
    return 0;
}

static int ops_drain(void *source, bool last, event_fn emit, void *arg, char error[static SOURCE_ERROR_MAX])
{
    (void)error;
    drain_readers(source, last, emit, arg);
    return 0;
}

static uint64_t ops_lost(const void *source)
{
    const struct readers *readers = source;
    uint64_t sum = 0;

    for (unsigned i = 0; i < readers->count; i++)
        sum += source_diag_lost(readers->of[i]);
    return sum;
}

static bool probe(source_tell_fn tell)
{
    const struct source_diag_config config = { .socket_max = 0 };
    struct trace_clock clock;
    struct source_diag *diag;
    int r;

    trace_clock_init(&clock);
    r = source_diag_open(&config, &clock, &diag);
    tell(r == 0, "sampled witness: the table of sockets can be read (diag; needs no right)",
         r == -ENOENT ? "nothing stands in for the kernel witness; this kernel has no inet_diag (module tcp_diag)"
                      : strerror(-r));
    if (r == 0)
        source_diag_close(diag);
    return r == 0;
}

const struct source_ops source_diag_ops = {
    .name = "diag",
    .witness = WITNESS_DIAG,
    .live = true,
    .stands_in_for = WITNESS_KERNEL,
    .stands_in = true,
    .instead = "the kernel's states and queues are sampled every 20 ms at best (diag), not observed; owners, system "
               "calls and the firing of timers are not seen",
    .open = ops_open,
    .snapshot = ops_snapshot,
    .drain = ops_drain,
    .lost = ops_lost,
    .close = ops_close,
    .probe = probe,
};
