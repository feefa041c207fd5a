#include "tcplens/lab/space.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "netlink.h"
#include "tcplens/base/cleanup.h"
#include "tcplens/lab/wire.h"

#define PREFIX 24
#define INTERFACE "eth0" /* of either side */

static const char *const wire_interfaces[SPACE_SIDES] = { "client", "server" };
/* Locally administered. */
static const uint8_t macs[SPACE_SIDES][MAC_LEN] = { { 2, 0, 0, 0, 0, 1 }, { 2, 0, 0, 0, 0, 2 } };
static const uint8_t wire_macs[SPACE_SIDES][MAC_LEN] = { { 2, 0, 0, 0, 1, 1 }, { 2, 0, 0, 0, 1, 2 } };

/* What a lab sees is the same on every host: what the kernel has by itself, some of which depends on memory, or is what the
 * host's administrator made it. One that this kernel has not, or that may not be set here, stays as it is. */
static const struct space_setting pinned[] = {
    { "net.core.somaxconn", "4096" },
    { "net.ipv4.tcp_max_syn_backlog", "1024" },
    { "net.ipv4.tcp_syncookies", "1" },
    { "net.ipv4.tcp_abort_on_overflow", "0" },
    { "net.ipv4.tcp_fin_timeout", "60" },
    { "net.ipv4.tcp_syn_retries", "6" },
    { "net.ipv4.tcp_syn_linear_timeouts", "4" },
    { "net.ipv4.tcp_synack_retries", "5" },
    { "net.ipv4.tcp_retries1", "3" },
    { "net.ipv4.tcp_retries2", "15" },
    { "net.ipv4.tcp_orphan_retries", "0" },
    { "net.ipv4.tcp_tw_reuse", "2" },
    { "net.ipv4.tcp_tw_reuse_delay", "1000" },
    { "net.ipv4.tcp_fastopen", "1" },
    { "net.ipv4.tcp_keepalive_time", "7200" },
    { "net.ipv4.tcp_keepalive_intvl", "75" },
    { "net.ipv4.tcp_keepalive_probes", "9" },
    { "net.ipv4.ip_local_port_range", "32768 60999" },
    { "net.ipv4.tcp_mtu_probing", "0" },
    { "net.ipv4.tcp_timestamps", "1" },
    { "net.ipv4.tcp_sack", "1" },
    { "net.ipv4.tcp_window_scaling", "1" },
    { "net.ipv4.tcp_ecn", "2" },
    { "net.ipv4.tcp_no_metrics_save", "0" },
    { "net.ipv4.tcp_slow_start_after_idle", "1" },
    /* no word about addresses that nobody here uses */
    { "net.ipv6.conf.all.disable_ipv6", "1" },
    { "net.ipv6.conf.default.disable_ipv6", "1" },
};

struct in_addr space_address(enum space_topology topology, unsigned index)
{
    const uint32_t net = topology == SPACE_WIRE ? 0x0a4d0000 /* 10.77.0.0 */ : 0x7f000000;

    return (struct in_addr){ htonl(net + 11 + index) };
}

/* -errno, or a descriptor. */
static int open_setting(const char *name)
{
    char path[256] = "/proc/sys/";
    size_t len = strlen(path);
    int fd;

    for (; *name && len + 1 < sizeof(path); name++)
        path[len++] = *name == '.' ? '/' : *name;
    path[len] = '\0';
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int space_set(const char *name, const char *value)
{
    CLEANUP_CLOSE int fd = open_setting(name);

    return fd < 0 ? fd : write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

static int refuse_setting(int r, const char *name, const char *value, char error[static SPACE_ERROR_MAX])
{
    snprintf(error, SPACE_ERROR_MAX, "%.80s cannot be set%s%.40s: %s%s", name, *value ? " to " : "", value,
             r == -ENOENT ? "this kernel has no such setting here" : strerror(-r),
             r == -EACCES || r == -EPERM || r == -ENOENT ? "; run as root, or on a newer kernel" : "");
    return -ENOTSUP;
}

int space_can_set(const char *name, char error[static SPACE_ERROR_MAX])
{
    CLEANUP_CLOSE int fd = open_setting(name);

    return fd < 0 ? refuse_setting(fd, name, "", error) : 0;
}

static int configure(const struct space_config *config, char error[static SPACE_ERROR_MAX])
{
    for (unsigned i = 0; i < sizeof(pinned) / sizeof(*pinned); i++)
        (void)!space_set(pinned[i].name, pinned[i].value);
    for (unsigned i = 0; i < config->setting_count; i++) {
        const struct space_setting *s = &config->settings[i];
        const int r = space_set(s->name, s->value);

        if (r < 0)
            return refuse_setting(r, s->name, s->value, error);
    }
    return 0;
}

/* One more namespace of its own, configured. */
static int enter_new(const struct space_config *config, struct netns_ref *ret_ref, bool *ret_user,
                     char error[static SPACE_ERROR_MAX])
{
    int r = netns_enter_new(ret_user);

    if (r == 0)
        r = netns_hold(ret_ref);
    if (r < 0) {
        snprintf(error, SPACE_ERROR_MAX, "cannot make a network namespace: %s", netns_new_explain(r));
        return r == -ENOSPC || r == -ENETDOWN ? -EPERM : r;
    }
    return configure(config, error);
}

static int failed(int r, const char *what, char error[static SPACE_ERROR_MAX])
{
    if (r < 0)
        snprintf(error, SPACE_ERROR_MAX, "cannot set up the lab's network: %s: %s", what, strerror(-r));
    return r;
}

static int open_wire(struct space *space, unsigned side, char error[static SPACE_ERROR_MAX])
{
    const int r = space->wire_sockets[side] = wire_open(wire_interfaces[side]);

    if (r != -EPERM)
        return failed(r, "the wire", error);
    snprintf(error, SPACE_ERROR_MAX,
             "cannot set up the lab's network: the wire receives and sends packets: CAP_NET_RAW is needed beside "
             "CAP_SYS_ADMIN and CAP_NET_ADMIN");
    return r;
}

/* In the wire's namespace: both its interfaces, and a socket on each. */
static int lay_wire(struct space *space, char error[static SPACE_ERROR_MAX])
{
    for (unsigned side = 0; side < SPACE_SIDES; side++) {
        int r = netlink_add_pair(wire_interfaces[side], wire_macs[side], INTERFACE, macs[side], space->at[side].fd);

        if (r == 0)
            r = netlink_no_offload(wire_interfaces[side]);
        if (r == 0)
            r = netlink_up(wire_interfaces[side]);
        if (r < 0)
            return failed(r, "the wire", error);
        r = open_wire(space, side, error);
        if (r < 0)
            return r;
    }
    return 0;
}

/* In the namespace of a side: its interface, its actors' addresses, and where those of the other side are. */
static int connect_side(const struct space_config *config, enum space_side side, char error[static SPACE_ERROR_MAX])
{
    int r = netlink_no_offload(INTERFACE);

    if (r == 0)
        r = netlink_up(INTERFACE);
    for (unsigned i = 0; i < config->host_count && r == 0; i++) {
        const struct in_addr address = space_address(config->topology, i);

        if (config->hosts[i] == side)
            r = netlink_add_address(INTERFACE, address, PREFIX);
        else
            r = netlink_add_neighbour(INTERFACE, address, macs[!side]);
    }
    if (r == 0)
        r = netlink_add_neighbour(INTERFACE, space_address(config->topology, SPACE_NOBODY), macs[!side]);
    return failed(r, wire_interfaces[side], error);
}

static int enter_wired(const struct space_config *config, struct space *space, char error[static SPACE_ERROR_MAX])
{
    bool again; /* a second user namespace is never needed */
    int r = enter_new(config, &space->at[SPACE_CLIENT], &space->user, error);

    if (r == 0)
        r = enter_new(config, &space->at[SPACE_SERVER], &again, error);
    if (r == 0)
        r = enter_new(config, &space->wire, &again, error);
    if (r == 0)
        r = lay_wire(space, error);
    for (unsigned side = 0; side < SPACE_SIDES && r == 0; side++) {
        space->scope.in[space->scope.count++] = space->at[side];
        r = failed(netns_enter_held(&space->at[side]), "its namespaces", error);
        if (r == 0)
            r = connect_side(config, (enum space_side)side, error);
    }
    return r;
}

static int enter_loopback(const struct space_config *config, struct space *space, char error[static SPACE_ERROR_MAX])
{
    int r = enter_new(config, &space->at[SPACE_CLIENT], &space->user, error);

    space->at[SPACE_SERVER] = space->scope.in[0] = space->at[SPACE_CLIENT];
    space->scope.count = 1;
    return r;
}

int space_enter(const struct space_config *config, struct space *ret_space, char error[static SPACE_ERROR_MAX])
{
    const struct netns_ref none = { .fd = -1 };
    int r;

    *ret_space = (struct space){ .at = { none, none }, .wire = none, .wire_sockets = { -1, -1 } };
    r = config->topology == SPACE_WIRE ? enter_wired(config, ret_space, error)
                                       : enter_loopback(config, ret_space, error);
    if (r < 0)
        space_leave(ret_space);
    return r;
}

void space_hand_over_wire(struct space *space)
{
    for (unsigned side = 0; side < SPACE_SIDES; side++) {
        cleanup_close(&space->wire_sockets[side]);
        space->wire_sockets[side] = -1;
    }
}

void space_leave(struct space *space)
{
    for (unsigned side = 0; side < SPACE_SIDES; side++) {
        cleanup_close(&space->wire_sockets[side]);
        if (!side || space->at[side].fd != space->at[0].fd)
            cleanup_close(&space->at[side].fd);
    }
    cleanup_close(&space->wire.fd);
}
