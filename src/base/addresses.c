#include "tcplens/base/addresses.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* The kernel fills at most 32 KiB at a time (netlink_recvmsg). */
#define RECEIVE_BYTES 32768
/* An answer comes at once, or never. */
#define ANSWER_SECONDS 2

int addresses_open(void)
{
    /* connected: what is sent needs no address, and what others send does not come in */
    const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    const struct timeval answer = { .tv_sec = ANSWER_SECONDS };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), r;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &answer, sizeof(answer)) < 0) {
        r = -errno;
        close(fd);
        return r;
    }
    return fd;
}

/* RTM_GETADDR of all families (rtnetlink(7)). */
static int ask(int fd, uint32_t seq)
{
    const struct {
        struct nlmsghdr header;
        struct ifaddrmsg family;
    } message = { .header = { .nlmsg_len = sizeof(message),
                              .nlmsg_type = RTM_GETADDR,
                              .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                              .nlmsg_seq = seq } };

    return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

/* An interface's own address is IFA_LOCAL where it has a peer; else IFA_ADDRESS alone. False: it is of neither family. */
static bool address_of(const struct nlmsghdr *header, struct addr *ret_addr)
{
    const struct ifaddrmsg *message = NLMSG_DATA(header);
    const struct rtattr *a = IFA_RTA(message), *local = NULL, *address = NULL;
    unsigned left;
    size_t want;

    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(*message)))
        return false;
    want = message->ifa_family == AF_INET ? 4 : message->ifa_family == AF_INET6 ? 16 : 0;
    if (!want)
        return false;
    left = IFA_PAYLOAD(header);
    for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (RTA_PAYLOAD(a) != want)
            continue;
        if (a->rta_type == IFA_LOCAL)
            local = a;
        else if (a->rta_type == IFA_ADDRESS)
            address = a;
    }
    if (!local)
        local = address;
    if (local)
        *ret_addr = want == 4 ? addr_from_ipv4(RTA_DATA(local)) : addr_from_ipv6(RTA_DATA(local));
    return local != NULL;
}

struct found {
    struct addr *items;
    size_t count;
};

static int append(struct found *f, const struct addr *addr)
{
    struct addr *larger = reallocarray(f->items, f->count + 1, sizeof(*larger));

    if (!larger)
        return -ENOMEM;
    f->items = larger;
    larger[f->count++] = *addr;
    return 0;
}

/* A part of the answer. 1: more follows; 0; -errno. What an earlier question left unread is passed over. */
static int take_part(const uint8_t *buf, size_t len, uint32_t seq, struct found *f)
{
    const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
    struct addr addr;
    int r = 1;

    for (; NLMSG_OK(h, len) && r == 1; h = NLMSG_NEXT(h, len)) {
        if (h->nlmsg_seq != seq)
            continue;
        if (h->nlmsg_type == NLMSG_DONE)
            return 0;
        if (h->nlmsg_type == NLMSG_ERROR)
            return h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ? -EIO
                                                                        : ((struct nlmsgerr *)NLMSG_DATA(h))->error;
        if (h->nlmsg_type == RTM_NEWADDR && address_of(h, &addr) && append(f, &addr) < 0)
            r = -ENOMEM;
    }
    return r;
}

int addresses_add(int fd, struct addr **addrs, size_t *count)
{
    static uint32_t seq; /* of the last question, on any socket */
    _Alignas(struct nlmsghdr) uint8_t buf[RECEIVE_BYTES];
    struct found f = { 0 };
    struct addr *all = NULL;
    int r = ask(fd, ++seq);

    r = r < 0 ? r : 1;
    while (r == 1) {
        const ssize_t n = recv(fd, buf, sizeof(buf), 0);

        if (n < 0 && errno == EINTR)
            continue;
        r = n < 0 ? -errno : take_part(buf, (size_t)n, seq, &f);
    }
    if (r == 0) {
        all = reallocarray(*addrs, *count + f.count + 1, sizeof(*all));
        r = all ? 0 : -ENOMEM;
    }
    if (all) {
        if (f.count)
            memcpy(all + *count, f.items, f.count * sizeof(*all));
        *addrs = all;
        *count += f.count;
    }
    free(f.items);
    return r;
}
