#include "netlink.h"

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "tcplens/base/cleanup.h"

/* A request is put together here; the longest takes 200 bytes. */
struct request {
    struct nlmsghdr header;
    uint8_t body[1024];
};

static void begin(struct request *r, uint16_t type, uint16_t flags, const void *head, size_t len)
{
    memset(r, 0, sizeof(*r));
    r->header.nlmsg_type = type;
    r->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    r->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(len);
    memcpy(NLMSG_DATA(&r->header), head, len);
}

static struct rtattr *add(struct request *r, unsigned short type, const void *data, size_t len)
{
    struct rtattr *a = (struct rtattr *)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len));

    a->rta_type = type;
    a->rta_len = (unsigned short)RTA_LENGTH(len);
    if (len)
        memcpy(RTA_DATA(a), data, len);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + (uint32_t)RTA_ALIGN(a->rta_len);
    return a;
}

/* What was added since belongs to it. */
static void close_nest(struct request *r, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((uint8_t *)r + NLMSG_ALIGN(r->header.nlmsg_len) - (uint8_t *)nest);
}

static int ask(struct request *r)
{
    CLEANUP_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        uint8_t rest[1024];
    } answer;

    if (fd < 0 || send(fd, r, r->header.nlmsg_len, 0) < 0)
        return -errno;
    if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)))
        return errno ? -errno : -EIO;
    return answer.header.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EIO;
}

int netlink_add_pair(const char *here, const uint8_t here_mac[MAC_LEN], const char *there,
                     const uint8_t there_mac[MAC_LEN], int fd)
{
    const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
    struct rtattr *info, *data, *peer;
    struct request r;

    begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
    add(&r, IFLA_IFNAME, here, strlen(here) + 1);
    add(&r, IFLA_ADDRESS, here_mac, MAC_LEN);
    info = add(&r, IFLA_LINKINFO, NULL, 0);
    add(&r, IFLA_INFO_KIND, "veth", sizeof("veth"));
    data = add(&r, IFLA_INFO_DATA, NULL, 0);
    peer = add(&r, VETH_INFO_PEER, &head, sizeof(head));
    add(&r, IFLA_IFNAME, there, strlen(there) + 1);
    add(&r, IFLA_ADDRESS, there_mac, MAC_LEN);
    add(&r, IFLA_NET_NS_FD, &fd, sizeof(fd));
    close_nest(&r, peer);
    close_nest(&r, data);
    close_nest(&r, info);
    return ask(&r);
}

int netlink_add_address(const char *interface, struct in_addr address, unsigned prefix)
{
    const struct ifaddrmsg head = { .ifa_family = AF_INET,
                                    .ifa_prefixlen = (uint8_t)prefix,
                                    .ifa_index = if_nametoindex(interface) };
    struct request r;

    begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &head, sizeof(head));
    add(&r, IFA_LOCAL, &address, sizeof(address));
    add(&r, IFA_ADDRESS, &address, sizeof(address));
    return ask(&r);
}

int netlink_add_neighbour(const char *interface, struct in_addr address, const uint8_t mac[MAC_LEN])
{
    const struct ndmsg head = { .ndm_family = AF_INET,
                                .ndm_state = NUD_PERMANENT,
                                .ndm_ifindex = (int)if_nametoindex(interface) };
    struct request r;

    begin(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &head, sizeof(head));
    add(&r, NDA_DST, &address, sizeof(address));
    add(&r, NDA_LLADDR, mac, MAC_LEN);
    return ask(&r);
}

static int control(const char *interface, unsigned long what, struct ifreq *request)
{
    CLEANUP_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    strncpy(request->ifr_name, interface, sizeof(request->ifr_name) - 1);
    return fd < 0 || ioctl(fd, what, request) < 0 ? -errno : 0;
}

int netlink_up(const char *interface)
{
    struct ifreq request = { 0 };
    int r = control(interface, SIOCGIFFLAGS, &request);

    request.ifr_flags |= IFF_UP;
    return r < 0 ? r : control(interface, SIOCSIFFLAGS, &request);
}

int netlink_no_offload(const char *interface)
{
    /* in this order: without checksums there is nothing to gather, and without that nothing to cut */
    static const unsigned features[] = { ETHTOOL_SGRO, ETHTOOL_SGSO,    ETHTOOL_STSO,
                                         ETHTOOL_SSG,  ETHTOOL_STXCSUM, ETHTOOL_SRXCSUM };
    int r = 0;

    for (unsigned i = 0; i < sizeof(features) / sizeof(*features) && r == 0; i++) {
        struct ethtool_value off = { .cmd = features[i], .data = 0 };
        struct ifreq request = { .ifr_data = (void *)&off };

        r = control(interface, SIOCETHTOOL, &request);
        if (r == -EOPNOTSUPP) /* one that this interface never had, or has no more */
            r = 0;
    }
    return r;
}
