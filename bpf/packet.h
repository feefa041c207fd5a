/* Packets that TCP has received, as they are freed or answered. */
#ifndef TCPLENS_BPF_PACKET_H
#define TCPLENS_BPF_PACKET_H

#include "object.h"

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

/* A TCP header without its options (RFC 9293, 3.1). */
struct tcp_header {
    __u16 sport, dport; /* these and the numbers: network byte order */
    __u32 seq, ack;
    __u8 data_offset; /* in the upper four bits, in words */
    __u8 flags;
    __u16 unused[3];
};

/* What TCP received: an IP header as far as both versions need it, which with IPv4 reaches into the TCP header, and a
 * TCP header. */
struct segment {
    __u8 ip[IPV6_HEADER_LEN] __attribute__((aligned(8)));
    struct tcp_header tcp;
};

/* Whether the header of the network layer says TCP. Between an IPv6 header and TCP there may be others: then that IP and
 * TCP took it for a segment must do. */
static __always_inline bool carries_tcp(const struct sk_buff *skb, const __u8 *ip)
{
    if (skb->protocol == bpf_htons(ETH_P_IP))
        return ip[0] >> 4 == 4 && ip[9] == IPPROTO_TCP;
    return skb->protocol == bpf_htons(ETH_P_IPV6) && ip[0] >> 4 == 6 &&
           (ip[6] == IPPROTO_TCP || skb->transport_header > skb->network_header + IPV6_HEADER_LEN);
}

/* Whether a segment asks for a connection. */
static __always_inline bool is_first_syn(__u8 flags)
{
    return (flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST | TCP_FLAG_FIN)) == TCP_FLAG_SYN;
}

/* The flags of a segment that TCP is about to free, and of anything else that is freed, any value: cheaper than to ask
 * whether it is one. */
static __always_inline __u8 flags_noted(const struct sk_buff *skb)
{
    return skb->cb[bpf_core_field_offset(struct tcp_skb_cb, tcp_flags)];
}

/* The namespace a received packet is in. TCP takes the device away from a packet that it gives to a socket; the route
 * still knows. */
static __always_inline const struct net *packet_net(const struct sk_buff *skb)
{
    const struct net_device *dev = skb->dev;

    if (!dev) {
        const struct dst_entry *dst = (const struct dst_entry *)(skb->_skb_refdst & ~7ul);

        dev = dst ? READ(dst, dev) : NULL;
    }
    return dev ? READ(dev, nd_net.net) : NULL;
}

/* TCP has noted in its control block the sequence space that it takes. */
static __always_inline bool is_noted(const struct sk_buff *skb, const struct tcp_header *tcp)
{
    const struct tcp_skb_cb *cb = (const struct tcp_skb_cb *)skb->cb;
    const __u32 seq = bpf_ntohl(tcp->seq), length = skb->len - (tcp->data_offset >> 4) * 4 +
                                                    !!(tcp->flags & TCP_FLAG_SYN) + !!(tcp->flags & TCP_FLAG_FIN);

    return READ(cb, seq) == seq && READ(cb, end_seq) == seq + length;
}

/* The connection of a segment that TCP received and now frees or answers, as its receiver sees it. False: filtered out, or
 * no such segment, but one that leaves or passes through, or the copy of one that a packet or raw socket read. All these
 * have headers too, and those that never were parsed have offsets of them that mean nothing. It came in from a device,
 * for this host; IP has handed it on, and left its data at the TCP header (ip_local_deliver_finish(),
 * ip6_protocol_deliver_rcu()); and TCP has noted in its control block the sequence space that it takes
 * (tcp_v4_fill_cb(), tcp_v6_fill_cb()), where all others keep something else. is_tcps: something else shows that it is TCP
 * that frees it, before it has noted anything. */
static __always_inline bool segment_read(const struct sk_buff *skb, bool is_tcps, struct segment *ret_segment,
                                         struct tcplens_flow *ret_flow)
{
    const struct tcp_header *tcp = &ret_segment->tcp;
    const struct net *net;

    if (!skb->skb_iif || BPF_CORE_READ_BITFIELD(skb, pkt_type) != PACKET_HOST)
        return false;
    if (skb->data != skb->head + skb->transport_header || skb->transport_header <= skb->network_header ||
        skb->transport_header + sizeof(*tcp) > skb->end)
        return false;
    if (bpf_probe_read_kernel(&ret_segment->tcp, sizeof(*tcp), skb->data))
        return false;
    ret_flow->rport = bpf_ntohs(tcp->sport);
    ret_flow->lport = bpf_ntohs(tcp->dport);
    if (!port_wanted(ret_flow->lport, ret_flow->rport))
        return false;
    if (!is_tcps && !is_noted(skb, tcp))
        return false;
    if (bpf_probe_read_kernel(ret_segment->ip, sizeof(ret_segment->ip), skb->head + skb->network_header) ||
        !carries_tcp(skb, ret_segment->ip))
        return false;
    if (skb->protocol == bpf_htons(ETH_P_IP)) { /* RFC 791, 3.1; RFC 8200, 3 */
        map_ipv4(ret_flow->raddr, *(__u32 *)(ret_segment->ip + 12));
        map_ipv4(ret_flow->laddr, *(__u32 *)(ret_segment->ip + 16));
    } else {
        __builtin_memcpy(ret_flow->raddr, ret_segment->ip + 8, sizeof(ret_flow->raddr));
        __builtin_memcpy(ret_flow->laddr, ret_segment->ip + 24, sizeof(ret_flow->laddr));
    }
    net = packet_net(skb);
    if (!net || !netns_wanted(net))
        return false;
    ret_flow->netns = netns_inode(net);
    return host_wanted(ret_flow);
}

static __always_inline bool segment_received(const struct sk_buff *skb, struct segment *ret_segment,
                                             struct tcplens_flow *ret_flow)
{
    return segment_read(skb, false, ret_segment, ret_flow);
}

#endif
