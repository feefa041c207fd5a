/* Why a socket was closed: what it said of itself just then. Source: net/ipv4/tcp.c, tcp_timer.c, tcp_input.c. */
#include "kernel.h"

#include <errno.h>

/* What its own timers gave up (tcp_write_err()). Where TCP_USER_TIMEOUT is set that alone decides when; but what a probe of a
 * closed window, or of an idle peer, waited for says more. */
static enum cause timed_out(enum tcp_state from, const struct sock_ending *e)
{
    if (from == TCP_STATE_SYN_SENT)
        return CAUSE_SYN_TIMEOUT;
    if (e->orphan)
        return CAUSE_ORPHAN_TIMEOUT;
    if (!e->queued)
        return CAUSE_KEEP_ALIVE_TIMEOUT;
    if (e->zero_window || (e->probes && !e->retransmits))
        return CAUSE_PROBE_TIMEOUT;
    return e->user_timeout ? CAUSE_USER_TIMEOUT : CAUSE_RETRANSMISSION_TIMEOUT;
}

/* errno that an ICMP error becomes (icmp_err_convert, icmpv6_err_convert()). */
static uint16_t icmp_errno(enum icmp_error error, bool ipv4)
{
    switch (error) {
    case ICMP_NET_UNREACHABLE: return ENETUNREACH;
    case ICMP_PROTOCOL_UNREACHABLE: return ipv4 ? ENOPROTOOPT : EPROTO;
    case ICMP_PORT_UNREACHABLE: return ECONNREFUSED;
    case ICMP_SOURCE_ROUTE_FAILED: return EOPNOTSUPP;
    case ICMP_ADMIN_PROHIBITED: return ipv4 ? EHOSTUNREACH : EACCES;
    case ICMP_HOST_UNREACHABLE:
    case ICMP_TIME_EXCEEDED: return EHOSTUNREACH;
    default: return 0; /* it ends no connect(), or there are several */
    }
}

void kernel_saw_icmp(struct kernel_lane *lane, const struct ends *ends, enum end end, enum icmp_error error, bool ipv4)
{
    if (ends_kernel_tells(ends, end) && ends_state(ends, end, LANE_KERNEL) == TCP_STATE_SYN_SENT)
        lane->end[end].icmp_error = icmp_errno(error, ipv4);
}

/* The ICMP error that becomes this errno (icmp_err_convert, tcp_v4_err(), icmpv6_err_convert()); NONE: no ICMP error does. */
static enum cause icmp_of(unsigned error)
{
    switch (error) {
    case ENETUNREACH: return CAUSE_ICMP_NET_UNREACHABLE;
    case EHOSTUNREACH: return CAUSE_ICMP_HOST_UNREACHABLE;
    case ENOPROTOOPT: return CAUSE_ICMP_PROTOCOL_UNREACHABLE;
    case ECONNREFUSED: return CAUSE_ICMP_PORT_UNREACHABLE;
    case EOPNOTSUPP: return CAUSE_ICMP_SOURCE_ROUTE_FAILED;
    case EACCES: return CAUSE_ICMP_ADMIN_PROHIBITED;
    case EPROTO: return CAUSE_ICMP_OTHER;
    default: return CAUSE_NONE;
    }
}

/* Nothing failed: its application closed it. */
static enum cause closed(enum tcp_state from, const struct sock_ending *e)
{
    /* the FIN takes a number, and nobody reads it */
    const uint32_t fin = from == TCP_STATE_CLOSE_WAIT;

    if (from == TCP_STATE_FIN_WAIT_2 && e->orphan && e->linger2)
        return CAUSE_ABORT; /* no application is left, and it forbade the state (tcp_rcv_state_process(), tcp_close()) */
    if (from < TCP_STATE_ESTABLISHED || from == TCP_STATE_LAST_ACK || from == TCP_STATE_CLOSING || e->orphan)
        return CAUSE_NONE;
    if (e->closing && e->unread > fin)
        return CAUSE_UNREAD_DATA;
    /* connect() to nowhere aborts too (tcp_disconnect()) */
    return !e->closing || e->linger ? CAUSE_ABORT : CAUSE_NONE;
}

enum cause kernel_ending_cause(enum tcp_state from, const struct sock_ending *e, bool got_reset)
{
    switch (e->error) {
    case 0: return closed(from, e);
    case ETIMEDOUT: return timed_out(from, e);
    case ECONNABORTED: return CAUSE_KILLED;
    case ECONNRESET:
    case EPIPE: return CAUSE_NONE; /* the peer's RST: it knows why */
    default: return got_reset ? CAUSE_NONE : icmp_of(e->error);
    }
}
