/* Packets that TCP has parsed, as they are freed or answered. */
#ifndef TCPLENS_BPF_PACKET_H
#define TCPLENS_BPF_PACKET_H

#include "object.h"

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

/* The beginning of a TCP header (RFC 9293, 3.1). */
struct tcp_begin {
    __u16 sport, dport; /* network byte order */
    __u8 unused[9], flags;
};

/* The namespace a received packet is in. TCP takes the device away from a packet that it gives to a socket; the route
 * still knows. */
static __always_inline const struct net *packet_net(struct sk_buff *skb)
{
    const struct net_device *dev = skb->dev;

    if (!dev) {
        const struct dst_entry *dst = (const struct dst_entry *)(skb->_skb_refdst & ~7ul);

        dev = dst ? BPF_CORE_READ(dst, dev) : NULL;
    }
    return dev ? BPF_CORE_READ(dev, nd_net.net) : NULL;
}

/* Reads what may be a TCP header. Its flags and ports are to be looked at before packet_flow(), which costs more: most
 * packets that come by are of no interest. */
static __always_inline bool packet_tcp(struct sk_buff *skb, struct tcp_begin *ret_tcp)
{
    if (!skb->transport_header || skb->transport_header == (__u16)~0)
        return false;
    return !bpf_probe_read_kernel(ret_tcp, sizeof(*ret_tcp), skb->head + skb->transport_header);
}

static __always_inline bool packet_ports_wanted(const struct tcp_begin *tcp)
{
    return port_wanted(bpf_ntohs(tcp->dport), bpf_ntohs(tcp->sport));
}

/* The connection of such a packet, as its receiver sees it. False: it is none of TCP's, or filtered out. */
static __always_inline bool packet_flow(struct sk_buff *skb, const struct tcp_begin *tcp, struct tcplens_flow *flow)
{
    unsigned char *ip = skb->head + skb->network_header;
    const struct net *net;

    flow->rport = bpf_ntohs(tcp->sport);
    flow->lport = bpf_ntohs(tcp->dport);
    if (skb->protocol == bpf_htons(ETH_P_IP)) {
        __u32 words[3]; /* from the time to live on: RFC 791, 3.1 */

        if (bpf_probe_read_kernel(words, sizeof(words), ip + 8) || ((__u8 *)words)[1] != IPPROTO_TCP)
            return false;
        map_ipv4(flow->raddr, words[1]);
        map_ipv4(flow->laddr, words[2]);
    } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
        /* TCP may stand behind extension headers: the callers look the connection up */
        bpf_probe_read_kernel(flow->raddr, 16, ip + 8);
        bpf_probe_read_kernel(flow->laddr, 16, ip + 24);
    } else {
        return false;
    }
    net = packet_net(skb);
    if (!net || !netns_wanted(net))
        return false;
    flow->netns = netns_inode(net);
    return host_wanted(flow);
}

#endif
