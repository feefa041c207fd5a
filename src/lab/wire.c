/* Theory of operation. A packet socket at each side takes frames with the time at which they came, as the kernel has it. What
 * is to arrive waits in a list, in the order in which it is due, and goes out at the other side's socket. One process does
 * nothing else, so that what a lab calls 20 ms is that, however long a trace takes to write. */
#include "tcplens/lab/wire.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tcplens/base/clock.h"

#define DLT_ETHERNET 1 /* LINKTYPE_ETHERNET */
#define FRAME_MAX 2048 /* of interfaces whose MTU is 1,500 and that join nothing */
#define QUEUE_MAX 8192 /* frames on their way; more are lost, as on any wire */
/* Given out at once: each may be answered within send(), and what comes waits in a buffer that holds some 160 of the kernel's
 * SYN,ACKs by default (net.core.rmem_default). */
#define DELIVER_MAX 32
#define RECEIVE_BUFFER (1 << 20) /* bytes; the kernel gives no more than net.core.rmem_max */

struct frame {
    struct frame *next;
    uint64_t due_ns; /* CLOCK_MONOTONIC */
    uint32_t flight, len;
    uint8_t from;
    uint8_t bytes[FRAME_MAX];
};

struct wire {
    struct wire_rules *rules;
    const int *sockets;
    int reports;
    struct tunnels *tunnels;
    struct frame *queue, *held[WIRE_SIDES]; /* held: goes behind the next one of its side */
    unsigned queued;
    uint32_t flights;
};

static int report(const struct wire *w, const struct frame *f, enum wire_word word, uint64_t realtime_ns)
{
    struct wire_report report = {
        .realtime_ns = realtime_ns,
        .flight = f->flight,
        .word = (uint8_t)word,
        .from = f->from,
        .caplen = (uint16_t)(f->len < WIRE_SNAPLEN ? f->len : WIRE_SNAPLEN),
        .len = f->len,
    };

    memcpy(report.bytes, f->bytes, report.caplen);
    return write(w->reports, &report, sizeof(report)) < 0 ? -errno : 0;
}

/* What found no room at a side since this was asked last. */
static int report_overrun(const struct wire *w, enum wire_side side)
{
    struct tpacket_stats stats;
    socklen_t len = sizeof(stats);
    struct wire_report report = { .word = WIRE_OVERRUN, .from = (uint8_t)side };

    if (getsockopt(w->sockets[side], SOL_PACKET, PACKET_STATISTICS, &stats, &len) < 0)
        return -errno;
    report.realtime_ns = clock_ns(CLOCK_REALTIME);
    report.flight = stats.tp_drops;
    return stats.tp_drops && write(w->reports, &report, sizeof(report)) < 0 ? -errno : 0;
}

/* Behind all that are due no later. */
static void put(struct wire *w, struct frame *f)
{
    struct frame **at = &w->queue;

    while (*at && (*at)->due_ns <= f->due_ns)
        at = &(*at)->next;
    f->next = *at;
    *at = f;
    w->queued++;
}

static const struct segment *segment_of(const struct wire *w, const struct frame *f, struct segment *buf)
{
    struct segment_aside aside;

    return segment_parse(DLT_ETHERNET, f->bytes, f->len, f->len, w->tunnels, buf, &aside) == SEGMENT_OK ? buf : NULL;
}

static void send_on_its_way(struct wire *w, struct frame *f, const struct wire_fate *fate)
{
    struct frame **held = &w->held[f->from];

    f->due_ns = clock_ns(CLOCK_MONOTONIC) + (uint64_t)fate->delay_ms * 1000000u;
    if (fate->behind_next && !*held) {
        *held = f;
        return;
    }
    put(w, f);
    if (*held) {
        (*held)->due_ns = f->due_ns;
        put(w, *held);
        *held = NULL;
    }
}

static int take(struct wire *w, struct frame *f, uint64_t realtime_ns)
{
    struct segment segment;
    struct wire_fate fate = wire_decide(w->rules, (enum wire_side)f->from, segment_of(w, f, &segment));
    int r;

    fate.lost |= w->queued >= QUEUE_MAX;
    f->flight = ++w->flights;
    r = report(w, f, fate.lost ? WIRE_LOST : WIRE_SENT, realtime_ns);
    if (fate.damaged)
        f->bytes[f->len - 1] ^= 0x01;
    if (fate.lost)
        free(f);
    else
        send_on_its_way(w, f, &fate);
    return r;
}

/* When the kernel got it. */
static uint64_t stamp_of(struct msghdr *message)
{
    const struct cmsghdr *c = CMSG_FIRSTHDR(message);
    struct timespec ts;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_TIMESTAMPNS)
        return clock_ns(CLOCK_REALTIME);
    memcpy(&ts, CMSG_DATA(c), sizeof(ts));
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* All frames that have come at a side. */
static int receive(struct wire *w, enum wire_side side)
{
    for (;;) {
        char control[CMSG_SPACE(sizeof(struct timespec))];
        struct frame *f = malloc(sizeof(*f));
        struct iovec room = { f ? f->bytes : NULL, FRAME_MAX };
        struct msghdr message = {
            .msg_iov = &room, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
        };
        ssize_t n;
        int r;

        if (!f)
            return -ENOMEM;
        n = recvmsg(w->sockets[side], &message, MSG_DONTWAIT);
        if (n <= 0) {
            r = n < 0 && errno != EAGAIN && errno != EINTR && errno != ENETDOWN ? -errno : 0;
            free(f);
            return r == 0 ? report_overrun(w, side) : r;
        }
        f->len = (uint32_t)n;
        f->from = (uint8_t)side;
        r = take(w, f, stamp_of(&message));
        if (r < 0)
            return r;
    }
}

/* Gives out what is due. The time is taken before: what its receiver does because of it comes after. */
static int deliver(struct wire *w)
{
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);
    int r = 0;

    for (unsigned n = 0; n < DELIVER_MAX && r == 0 && w->queue && w->queue->due_ns <= now; n++) {
        struct frame *f = w->queue;

        w->queue = f->next;
        w->queued--;
        r = report(w, f, WIRE_ARRIVED, clock_ns(CLOCK_REALTIME));
        if (r == 0 && send(w->sockets[!f->from], f->bytes, f->len, 0) < 0 && errno != ENETDOWN && errno != ENOBUFS)
            r = -errno;
        free(f);
    }
    return r;
}

/* False: nobody is there any more. */
static bool obey(struct wire *w, int control)
{
    char word;
    const ssize_t n = recv(control, &word, 1, MSG_DONTWAIT);

    if (n == 1)
        w->rules->cut = word == WIRE_COMMAND_CUT;
    /* it is done when the answer comes */
    return n == 1 ? send(control, &word, 1, MSG_NOSIGNAL) == 1 : n < 0 && (errno == EAGAIN || errno == EINTR);
}

static int wait_for_any(const struct wire *w, struct pollfd fds[static WIRE_SIDES + 1])
{
    const uint64_t now = clock_ns(CLOCK_MONOTONIC);
    const uint64_t left = w->queue && w->queue->due_ns > now ? w->queue->due_ns - now : 0;
    const struct timespec until = { .tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u) };
    const int n = ppoll(fds, WIRE_SIDES + 1, w->queue ? &until : NULL, NULL);

    return n < 0 && errno != EINTR ? -errno : 0;
}

static int run(struct wire *w, int control)
{
    struct pollfd fds[WIRE_SIDES + 1] = { { w->sockets[WIRE_CLIENT], POLLIN, 0 },
                                          { w->sockets[WIRE_SERVER], POLLIN, 0 },
                                          { control, POLLIN, 0 } };
    int r = 0;

    while (r == 0) {
        r = wait_for_any(w, fds);
        if (r == 0 && fds[WIRE_SIDES].revents && !obey(w, control))
            return 0;
        for (unsigned side = 0; r == 0 && side < WIRE_SIDES; side++)
            r = receive(w, side);
        if (r == 0)
            r = deliver(w);
    }
    return r;
}

int wire_open(const char *interface)
{
    struct sockaddr_ll at = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(ETH_P_ALL),
                              .sll_ifindex = (int)if_nametoindex(interface) };
    const int on = 1, room = RECEIVE_BUFFER;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) < 0 ||
        bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

int wire_run(struct wire_rules *rules, const int sockets[static WIRE_SIDES], int reports, int control)
{
    struct wire w = { .rules = rules, .sockets = sockets, .reports = reports };
    int r = tunnels_new(&w.tunnels);

    if (r == 0)
        r = run(&w, control);
    tunnels_free(w.tunnels);
    return r;
}
