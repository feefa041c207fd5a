#include "diag_parse.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* idiag_timer of a minisock, and of nothing else (inet_twsk_diag_fill). */
#define TIMER_OF_MINISOCK 3

static bool state_of(uint8_t kernel, enum tcp_state *ret_state)
{
    static const uint8_t states[] = {
        [TCP_ESTABLISHED] = TCP_STATE_ESTABLISHED,
        [TCP_SYN_SENT] = TCP_STATE_SYN_SENT,
        [TCP_SYN_RECV] = TCP_STATE_SYN_RECEIVED,
        [TCP_FIN_WAIT1] = TCP_STATE_FIN_WAIT_1,
        [TCP_FIN_WAIT2] = TCP_STATE_FIN_WAIT_2,
        [TCP_TIME_WAIT] = TCP_STATE_TIME_WAIT,
        [TCP_CLOSE] = TCP_STATE_CLOSED,
        [TCP_CLOSE_WAIT] = TCP_STATE_CLOSE_WAIT,
        [TCP_LAST_ACK] = TCP_STATE_LAST_ACK,
        [TCP_LISTEN] = TCP_STATE_LISTEN,
        [TCP_CLOSING] = TCP_STATE_CLOSING,
    };

    if (kernel >= sizeof(states) || states[kernel] == TCP_STATE_UNKNOWN)
        return false;
    *ret_state = states[kernel];
    return true;
}

static struct endpoint endpoint_of(uint8_t family, const void *addr, uint16_t port_be)
{
    const uint8_t *bytes = addr;

    return (struct endpoint){
        .addr = family == AF_INET ? addr_from_ipv4(bytes) : addr_from_ipv6(bytes),
        .port = ntohs(port_be),
    };
}

/* What the attributes say: INET_DIAG_SHUTDOWN is told of full sockets alone (inet_diag_msg_attrs_fill), which tells a
 * request sock from a socket in SYN-RECEIVED. */
struct attributes {
    bool full;
    uint32_t drops;
};

static int attributes_of(const uint8_t *p, size_t len, struct attributes *ret_attributes)
{
    struct attributes found = { 0 };
    struct nlattr a;

    for (size_t step; len >= sizeof(a); p += step, len -= step) {
        memcpy(&a, p, sizeof(a));
        if (a.nla_len < sizeof(a) || a.nla_len > len)
            return -EBADMSG;
        switch (a.nla_type & NLA_TYPE_MASK) {
        case INET_DIAG_SHUTDOWN: found.full = true; break;
        case INET_DIAG_SKMEMINFO:
            if (a.nla_len >= sizeof(a) + (SK_MEMINFO_DROPS + 1) * sizeof(uint32_t))
                memcpy(&found.drops, p + sizeof(a) + SK_MEMINFO_DROPS * sizeof(uint32_t), sizeof(found.drops));
            break;
        default: break;
        }
        step = NLA_ALIGN(a.nla_len);
        if (step > len) /* the last one need not be padded */
            break;
    }
    *ret_attributes = found;
    return 0;
}

/* 1: a TCP socket; 0: something else; -EBADMSG. */
static int socket_of(const uint8_t *p, size_t len, struct diag_socket *ret_socket)
{
    struct attributes attributes;
    struct inet_diag_msg m;
    enum tcp_state state;
    int r;

    if (len < sizeof(m))
        return -EBADMSG;
    memcpy(&m, p, sizeof(m));
    r = attributes_of(p + sizeof(m), len - sizeof(m), &attributes);
    if (r < 0)
        return r;
    if ((m.idiag_family != AF_INET && m.idiag_family != AF_INET6) || !state_of(m.idiag_state, &state))
        return 0;
    *ret_socket = (struct diag_socket){
        .local = endpoint_of(m.idiag_family, m.id.idiag_src, m.id.idiag_sport),
        .remote = endpoint_of(m.idiag_family, m.id.idiag_dst, m.id.idiag_dport),
        .cookie = (uint64_t)m.id.idiag_cookie[1] << 32 | m.id.idiag_cookie[0],
        .state = state,
        .request = state == TCP_STATE_SYN_RECEIVED && !attributes.full,
    };
    if (state == TCP_STATE_LISTEN) {
        memset(&ret_socket->remote, 0, sizeof(ret_socket->remote));
        ret_socket->accept = m.idiag_rqueue;
        ret_socket->backlog = m.idiag_wqueue;
        ret_socket->drops = attributes.drops;
    }
    if (m.idiag_timer == TIMER_OF_MINISOCK && (state == TCP_STATE_FIN_WAIT_2 || state == TCP_STATE_TIME_WAIT)) {
        ret_socket->minisock = true;
        ret_socket->expires_ms = m.idiag_expires;
    }
    return 1;
}

/* The number that an error or the end of a dump carries: 0 or -errno. */
static int status_of(const uint8_t *p, size_t len)
{
    int32_t status;

    if (len < sizeof(status))
        return -EBADMSG;
    memcpy(&status, p, sizeof(status));
    return status > 0 || status < -4095 ? -EBADMSG : status;
}

int diag_parse(const void *data, size_t len, uint32_t seq, diag_socket_fn each, void *arg)
{
    struct diag_socket found;
    const uint8_t *p = data;
    struct nlmsghdr h;
    int r;

    for (size_t step; len; p += step, len -= step) {
        const uint8_t *payload = p + NLMSG_HDRLEN;
        size_t payload_len;

        if (len < sizeof(h))
            return -EBADMSG;
        memcpy(&h, p, sizeof(h));
        if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > len)
            return -EBADMSG;
        payload_len = h.nlmsg_len - NLMSG_HDRLEN;
        step = NLMSG_ALIGN((size_t)h.nlmsg_len);
        step = step > len ? len : step;
        if (seq && h.nlmsg_seq != seq)
            continue;
        switch (h.nlmsg_type) {
        case NLMSG_DONE:
        case NLMSG_ERROR: r = status_of(payload, payload_len); return r < 0 ? r : 1;
        case TCPDIAG_GETSOCK:
        case SOCK_DIAG_BY_FAMILY:
            r = socket_of(payload, payload_len, &found);
            if (r < 0)
                return r;
            if (r > 0)
                each(arg, &found);
            break;
        default: break;
        }
    }
    return 0;
}
